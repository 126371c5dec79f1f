//! Encryption of what is sensitive, under keys that have numbers and can be rotated.
//!
//! A *data key* seals values; the *master key* wraps data keys and nothing else. A sealed value is
//! `1 | key number (4 bytes) | nonce (12 bytes) | AES-256-GCM ciphertext and tag`, and the place it belongs to
//! (table/column/row) is authenticated with it, so that a value copied into another row does not open. Nonces are random:
//! NIST SP 800-38D section 8.3 allows 2^32 values per key, and rotation starts a new count.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::StoreError;

/// The first byte of everything sealed in this form.
const FORM: u8 = 1;
/// Form, key number and nonce.
const HEAD: usize = 1 + 4 + NONCE;
/// AES-GCM's nonce (NIST SP 800-38D section 5.2.1.1).
const NONCE: usize = 12;

/// The key that opens everything sensitive in the database: 32 random bytes that `init` makes and that never rest in
/// the database itself. Cleared from memory when dropped; prints as nothing.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// A new one from the operating system's random source.
    ///
    /// # Panics
    /// When the operating system has no random source.
    #[must_use]
    pub fn generate() -> Self {
        Self(random_key())
    }

    /// The one with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to be written into the key file.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Wraps a data key.
    fn wrap(&self, id: u32, key: &[u8; 32]) -> Vec<u8> {
        seal(&self.0, id, &wrap_place(id), key)
    }

    /// Unwraps a data key.
    fn unwrap(&self, id: u32, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, StoreError> {
        let wrong = || StoreError::WrongKey { what: format!("data key {id}") };
        let opened = Zeroizing::new(open(&self.0, &wrap_place(id), wrapped).ok_or_else(wrong)?);
        let bytes: [u8; 32] = opened.as_slice().try_into().map_err(|_| wrong())?;
        Ok(Zeroizing::new(bytes))
    }

    /// The key that authenticates backups: another than the one that wraps, as every use has its own.
    pub(crate) fn backup_key(&self) -> hmac::Key {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*self.0), b"wardline backup 1");
        hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Thirty-two bytes of the operating system's random source.
fn random_key() -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    random(bytes.as_mut());
    bytes
}

/// Fills a buffer from the operating system's random source, without which nothing here can be safe.
pub(crate) fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

fn wrap_place(id: u32) -> String {
    format!("data_keys/wrapped/{id}")
}

fn seal(key: &[u8; 32], id: u32, place: &str, value: &[u8]) -> Vec<u8> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).expect("32 bytes are an AES-256 key");
    let mut body = value.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(place), &mut body).expect("AES-GCM seals short values");
    let mut sealed = Vec::with_capacity(HEAD + body.len());
    sealed.push(FORM);
    sealed.extend_from_slice(&id.to_be_bytes());
    sealed.extend_from_slice(nonce.as_ref());
    sealed.extend_from_slice(&body);
    sealed
}

fn open(key: &[u8; 32], place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let nonce: &[u8; NONCE] = sealed.get(5..HEAD)?.try_into().ok()?;
    let mut body = sealed.get(HEAD..)?.to_vec();
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).ok()?;
    let length = key.open_in_place(Nonce::from(nonce), Aad::from(place), &mut body).ok()?.len();
    body.truncate(length);
    Some(body)
}

/// The number of the key that sealed a value.
pub(crate) fn key_of(sealed: &[u8]) -> Option<u32> {
    if sealed.first() != Some(&FORM) {
        return None;
    }
    Some(u32::from_be_bytes(sealed.get(1..5)?.try_into().ok()?))
}

/// The opened data keys. Cheap to clone; every clone sees a rotation.
#[derive(Clone)]
pub(crate) struct DataKeys(Arc<RwLock<Ring>>);

#[derive(Default)]
struct Ring {
    keys: BTreeMap<u32, Zeroizing<[u8; 32]>>,
    current: u32,
}

/// A data key as the database holds it.
pub(crate) struct WrappedKey {
    pub(crate) id: u32,
    pub(crate) wrapped: Vec<u8>,
}

impl DataKeys {
    /// Unwraps what the database holds; the highest number is the one that seals from now on.
    pub(crate) fn unwrap(master: &MasterKey, wrapped: &[WrappedKey]) -> Result<Self, StoreError> {
        let keys = Self(Arc::default());
        keys.replace(master, wrapped)?;
        Ok(keys)
    }

    /// Takes what the database holds by now.
    pub(crate) fn replace(&self, master: &MasterKey, wrapped: &[WrappedKey]) -> Result<(), StoreError> {
        let mut ring = Ring::default();
        for key in wrapped {
            ring.keys.insert(key.id, master.unwrap(key.id, &key.wrapped)?);
            ring.current = ring.current.max(key.id);
        }
        *self.0.write().expect("no panic while the key ring is held") = ring;
        Ok(())
    }

    /// A new data key with this number, wrapped for the database. It is not used before [`DataKeys::replace`].
    pub(crate) fn fresh(master: &MasterKey, id: u32) -> WrappedKey {
        WrappedKey { id, wrapped: master.wrap(id, &random_key()) }
    }

    /// Every data key wrapped with another master key.
    pub(crate) fn wrap_all(&self, master: &MasterKey) -> Vec<WrappedKey> {
        let ring = self.0.read().expect("no panic while the key ring is held");
        ring.keys.iter().map(|(id, key)| WrappedKey { id: *id, wrapped: master.wrap(*id, key) }).collect()
    }

    /// The number of the key that seals now.
    pub(crate) fn current(&self) -> u32 {
        self.0.read().expect("no panic while the key ring is held").current
    }

    /// Seals a value for one place, such as `events/detail/<row>`.
    pub(crate) fn seal(&self, place: &str, value: &[u8]) -> Vec<u8> {
        let ring = self.0.read().expect("no panic while the key ring is held");
        let key = ring.keys.get(&ring.current).expect("an open store has a data key");
        seal(key, ring.current, place, value)
    }

    /// Opens a value that was sealed for this place.
    pub(crate) fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let wrong = || StoreError::WrongKey { what: place.to_owned() };
        let ring = self.0.read().expect("no panic while the key ring is held");
        let key = key_of(sealed).and_then(|id| ring.keys.get(&id)).ok_or_else(wrong)?;
        open(key, place, sealed).ok_or_else(wrong)
    }
}

impl std::fmt::Debug for DataKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKeys(…)")
    }
}
