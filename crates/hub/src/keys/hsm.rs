//! A key in a token behind PKCS#11: a hardware security module, a smart card, SoftHSM.
//!
//! The maker's library is loaded when it is needed, so a hub without a token needs none. The key is made in the token and
//! never leaves it (CKA_EXTRACTABLE false, CKA_SENSITIVE true). What the token signs is verified before it is used
//! ([`wardline_pki::Signer`]).
//!
//! A token may go away and come back: a session that fails is thrown away and a new one opened; when that fails too, the
//! library is told to look for tokens again, not more than every two seconds. A PIN that the token refused is never tried
//! again until it was changed, because a token locks itself after a few wrong ones.

mod error;
mod module;

use std::sync::{Mutex, PoisonError};

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use sha2::{Digest as _, Sha256};
use wardline_pki::key::{Spki, p256_spki};
use wardline_pki::{PkiError, SignElsewhere};

pub use error::HsmError;

use super::place::TokenKey;

/// The curve P-256 as PKCS#11 wants it: its object identifier 1.2.840.10045.3.1.7, DER.
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// What is known of a key in a token, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Maker, model and serial number of the token.
    pub token: String,
    /// The public half.
    pub spki: Spki,
    /// Whether the key was made in this token (CKA_LOCAL).
    pub is_local: bool,
    /// Whether it could ever be taken out: not when CKA_NEVER_EXTRACTABLE and CKA_ALWAYS_SENSITIVE are both set.
    pub never_left: bool,
}

impl Inspection {
    /// SHA-256 of the public key (the DER of its SubjectPublicKeyInfo), for the minutes of a ceremony.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        wardline_pki::key::fingerprint(&self.spki)
    }
}

/// An open session with the key found in it.
#[derive(Debug)]
struct Open {
    session: Session,
    key: ObjectHandle,
}

/// A key in a token. It opens its first session when it is first asked.
#[derive(Debug)]
pub struct DeviceKey {
    place: TokenKey,
    spki: Spki,
    idle: Mutex<Vec<Open>>,
    /// SHA-256 of a PIN that the token refused.
    refused: Mutex<Option<[u8; 32]>>,
}

impl DeviceKey {
    /// The key whose public half the authority's certificate names. Nothing is opened yet: a hub starts without its
    /// token.
    #[must_use]
    pub const fn new(place: TokenKey, spki: Spki) -> Self {
        Self { place, spki, idle: Mutex::new(Vec::new()), refused: Mutex::new(None) }
    }

    /// Finds the key of this label, or makes it in the token, non-extractable.
    ///
    /// # Errors
    /// [`HsmError`].
    pub fn find_or_make(place: TokenKey) -> Result<Self, HsmError> {
        let spki = match inspect(&place) {
            Ok(found) if found.never_left => found.spki,
            Ok(_) => return Err(HsmError::Extractable { key: place.key }),
            Err(HsmError::NoKey { .. }) => make(&place)?,
            Err(error) => return Err(error),
        };
        Ok(Self::new(place, spki))
    }

    /// Finds the key of this label.
    ///
    /// # Errors
    /// [`HsmError`].
    pub fn find(place: TokenKey) -> Result<Self, HsmError> {
        let spki = inspect(&place)?.spki;
        Ok(Self::new(place, spki))
    }

    fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
        of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One signature with an idle session or a new one.
    fn attempt(&self, digest: &[u8; 32]) -> Result<[u8; 64], HsmError> {
        module::using(&self.place.module, |library| {
            let idle = Self::lock(&self.idle).pop();
            let open = match idle {
                Some(open) => open,
                None => self.open(library)?,
            };
            let signature = open.session.sign(&Mechanism::Ecdsa, open.key, digest).map_err(HsmError::Token)?;
            let signature = signature.try_into().map_err(|_| HsmError::Length)?;
            Self::lock(&self.idle).push(open);
            Ok(signature)
        })
    }

    fn open(&self, library: &Pkcs11) -> Result<Open, HsmError> {
        let pin = self.place.pin().map_err(HsmError::Pin)?;
        let hash: [u8; 32] = Sha256::digest(pin.as_bytes()).into();
        if Self::lock(&self.refused).is_some_and(|refused| refused == hash) {
            return Err(HsmError::PinRefused);
        }
        let session = match session(library, &self.place, Access::Read) {
            Err(HsmError::PinRefused) => {
                *Self::lock(&self.refused) = Some(hash);
                return Err(HsmError::PinRefused);
            }
            session => session?,
        };
        let key = private_key(&session, &self.place)?;
        match public_key(&session, &self.place)? {
            Some(found) if found != self.spki => Err(HsmError::AnotherKey { key: self.place.key.clone() }),
            _ => Ok(Open { session, key }),
        }
    }

    /// Tries, throws old sessions away, tries again, lets the library look for tokens, tries once more.
    fn signature(&self, digest: &[u8; 32]) -> Result<[u8; 64], HsmError> {
        let first = self.attempt(digest);
        let Err(HsmError::Token(_) | HsmError::NoToken { .. } | HsmError::NoKey { .. }) = &first else { return first };
        Self::lock(&self.idle).clear();
        let second = self.attempt(digest);
        if second.is_err() && module::look_again(&self.place.module)? {
            Self::lock(&self.idle).clear();
            return self.attempt(digest);
        }
        second
    }

    fn elsewhere(&self, error: &HsmError) -> PkiError {
        PkiError::Elsewhere(format!("the key {:?} in the token {:?}: {error}", self.place.key, self.place.token))
    }
}

impl SignElsewhere for DeviceKey {
    fn spki(&self) -> &Spki {
        &self.spki
    }

    fn sign_digest(&self, digest: &[u8; 32]) -> Result<[u8; 64], PkiError> {
        self.signature(digest).map_err(|error| self.elsewhere(&error))
    }

    fn check(&self) -> Result<(), PkiError> {
        let look = || {
            module::using(&self.place.module, |library| {
                let idle = Self::lock(&self.idle).pop();
                let open = match idle {
                    Some(open) => open,
                    None => self.open(library)?,
                };
                open.session.get_attributes(open.key, &[AttributeType::Sign]).map_err(HsmError::Token)?;
                Self::lock(&self.idle).push(open);
                Ok(())
            })
        };
        let again = || match look() {
            Err(HsmError::Token(_) | HsmError::NoToken { .. } | HsmError::NoKey { .. }) => {
                Self::lock(&self.idle).clear();
                module::look_again(&self.place.module)?;
                look()
            }
            done => done,
        };
        again().map_err(|error| self.elsewhere(&error))
    }
}

/// What a session may do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// What is to be known of the key at this place.
///
/// # Errors
/// [`HsmError`].
pub fn inspect(place: &TokenKey) -> Result<Inspection, HsmError> {
    module::using(&place.module, |library| {
        let session = session(library, place, Access::Read)?;
        let key = private_key(&session, place)?;
        let wanted = [AttributeType::Local, AttributeType::NeverExtractable, AttributeType::AlwaysSensitive];
        let attributes = session.get_attributes(key, &wanted).map_err(HsmError::Token)?;
        let has = |wanted: Attribute| attributes.contains(&wanted);
        let spki = public_key(&session, place)?.ok_or_else(|| HsmError::NoPublic { key: place.key.clone() })?;
        Ok(Inspection {
            token: describe(library, place)?,
            spki,
            is_local: has(Attribute::Local(true)),
            never_left: has(Attribute::NeverExtractable(true)) && has(Attribute::AlwaysSensitive(true)),
        })
    })
}

fn make(place: &TokenKey) -> Result<Spki, HsmError> {
    module::using(&place.module, |library| {
        let session = session(library, place, Access::Write)?;
        let (label, id) = (place.key.as_bytes().to_vec(), Sha256::digest(place.key.as_bytes())[..8].to_vec());
        let public = [
            Attribute::Token(true),
            Attribute::Private(false),
            Attribute::Verify(true),
            Attribute::EcParams(P256.to_vec()),
            Attribute::Label(label.clone()),
            Attribute::Id(id.clone()),
        ];
        let private = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Decrypt(false),
            Attribute::Derive(false),
            Attribute::Label(label),
            Attribute::Id(id),
        ];
        session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private).map_err(HsmError::Token)?;
        public_key(&session, place)?.ok_or_else(|| HsmError::NoPublic { key: place.key.clone() })
    })
}

/// The slot with the token of this label.
fn slot(library: &Pkcs11, place: &TokenKey) -> Result<Slot, HsmError> {
    let slots = library.get_slots_with_token().map_err(HsmError::Token)?;
    let named = |slot: &Slot| library.get_token_info(*slot).is_ok_and(|about| about.label().trim_end() == place.token);
    let found: Vec<_> = slots.into_iter().filter(named).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(HsmError::NoToken { token: place.token.clone() }),
        _ => Err(HsmError::TwoTokens { token: place.token.clone() }),
    }
}

fn describe(library: &Pkcs11, place: &TokenKey) -> Result<String, HsmError> {
    let about = library.get_token_info(slot(library, place)?).map_err(HsmError::Token)?;
    let words = [about.manufacturer_id(), about.model(), "serial", about.serial_number()];
    Ok(words.map(str::trim).join(" "))
}

fn session(library: &Pkcs11, place: &TokenKey, access: Access) -> Result<Session, HsmError> {
    let slot = slot(library, place)?;
    let session = match access {
        Access::Read => library.open_ro_session(slot),
        Access::Write => library.open_rw_session(slot),
    };
    let session = session.map_err(HsmError::Token)?;
    let pin = place.pin().map_err(HsmError::Pin)?;
    error::logged_in(session.login(UserType::User, Some(&AuthPin::new(pin.as_str().into()))))?;
    Ok(session)
}

fn private_key(session: &Session, place: &TokenKey) -> Result<ObjectHandle, HsmError> {
    let wanted = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::EC),
        Attribute::Label(place.key.as_bytes().to_vec()),
    ];
    match session.find_objects(&wanted).map_err(HsmError::Token)?.as_slice() {
        [one] => Ok(*one),
        [] => Err(HsmError::NoKey { key: place.key.clone() }),
        _ => Err(HsmError::TwoKeys { key: place.key.clone() }),
    }
}

/// The public half, when the token keeps one beside the private key.
fn public_key(session: &Session, place: &TokenKey) -> Result<Option<Spki>, HsmError> {
    let wanted = [
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::KeyType(KeyType::EC),
        Attribute::Label(place.key.as_bytes().to_vec()),
    ];
    let Some(found) = session.find_objects(&wanted).map_err(HsmError::Token)?.first().copied() else {
        return Ok(None);
    };
    let attributes = session.get_attributes(found, &[AttributeType::EcParams, AttributeType::EcPoint]);
    let attributes = attributes.map_err(HsmError::Token)?;
    let point = attributes.iter().find_map(|attribute| match attribute {
        Attribute::EcPoint(point) => Some(point.as_slice()),
        _ => None,
    });
    if !attributes.contains(&Attribute::EcParams(P256.to_vec())) {
        return Err(HsmError::Curve { key: place.key.clone() });
    }
    // CKA_EC_POINT is an OCTET STRING of 65 bytes around the point; some tokens give the bare point.
    let point = point.map(|point| point.strip_prefix(&[0x04, 0x41]).filter(|p| p.len() == 65).unwrap_or(point));
    let spki = point.and_then(p256_spki).ok_or_else(|| HsmError::Curve { key: place.key.clone() })?;
    Ok(Some(spki))
}
