//! The pump's private keys: in software, or in a TPM that they never leave. Everything above here signs without knowing which.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::{Decode as _, Encode as _};
use rustls::sign::{Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use serde::{Deserialize, Serialize};
use spki::SubjectPublicKeyInfoOwned;
use zeroize::{Zeroize as _, Zeroizing};

use super::Failed;
use crate::sealed::Sealing;
use crate::tpm::{Blob, Tpm, TpmKey};

/// Where new keys are made and kept ones are opened.
#[derive(Clone)]
pub(crate) enum KeyHome {
    /// In this process; kept in the sealed identity file.
    Software,
    /// In the TPM, under a password that comes from the device key.
    Tpm2 {
        /// The TPM.
        tpm: Arc<Tpm>,
        /// What its keys sign for.
        password: Arc<Zeroizing<[u8; 32]>>,
    },
}

/// A key as it is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum StoredKey {
    /// PKCS #8, base64.
    Software(Secret),
    /// What the TPM gave out: nothing that is of use without it.
    Tpm2 {
        /// The key.
        tpm2: Blob,
    },
}

/// A secret text: wiped when it is let go.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A key that can sign.
pub(crate) struct PumpKey {
    inner: Arc<Inner>,
    spki: SubjectPublicKeyInfoOwned,
}

#[derive(Debug)]
enum Inner {
    Software(EcdsaKeyPair),
    Tpm2(TpmKey),
}

impl KeyHome {
    pub(crate) fn of(sealing: &Sealing) -> Self {
        match sealing.tpm() {
            None => Self::Software,
            Some(tpm) => {
                let password = Arc::new(sealing.password(b"signing keys in the TPM"));
                Self::Tpm2 { tpm: Arc::clone(tpm), password }
            }
        }
    }

    /// Whether using a key takes long enough to be done beside the loop.
    pub(crate) const fn is_slow(&self) -> bool {
        matches!(self, Self::Tpm2 { .. })
    }

    /// Makes a P-256 key.
    pub(super) fn make(&self) -> Result<PumpKey, Failed> {
        match self {
            Self::Software => {
                let no_key = |_| Failed::new("no key could be made: the system's random source failed");
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(no_key)?;
                PumpKey::of(Inner::Software(pair))
            }
            Self::Tpm2 { tpm, password } => {
                let key = TpmKey::make(Arc::clone(tpm), &password[..]);
                PumpKey::of(Inner::Tpm2(key.map_err(|error| Failed::new(error.to_string()))?))
            }
        }
    }

    /// A key that was kept. A TPM is not asked before the key signs.
    pub(super) fn open(&self, stored: &StoredKey) -> Result<PumpKey, Failed> {
        match (self, stored) {
            (Self::Software, StoredKey::Software(Secret(text))) => {
                let wrong = || Failed::new("the kept key cannot be read");
                let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| wrong())?);
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &bytes).map_err(|_| wrong())?;
                PumpKey::of(Inner::Software(pair))
            }
            (Self::Tpm2 { tpm, password }, StoredKey::Tpm2 { tpm2 }) => {
                let key = TpmKey::open(Arc::clone(tpm), &password[..], tpm2);
                PumpKey::of(Inner::Tpm2(key.map_err(|error| Failed::new(error.to_string()))?))
            }
            (Self::Software | Self::Tpm2 { .. }, _) => {
                Err(Failed::new("the kept key is not where the configuration's \"keys\" says: choose as before"))
            }
        }
    }
}

impl PumpKey {
    fn of(inner: Inner) -> Result<Self, Failed> {
        let wrong = |_| Failed::new("the public half of a key could not be written");
        let spki = match &inner {
            Inner::Software(pair) => {
                let no_key = |_| Failed::new("the public half of a key could not be written");
                let der: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(no_key)?;
                SubjectPublicKeyInfoOwned::from_der(der.as_ref()).map_err(wrong)?
            }
            Inner::Tpm2(key) => key.spki().map_err(wrong)?,
        };
        Ok(Self { inner: Arc::new(inner), spki })
    }

    /// The public half.
    pub(crate) const fn spki(&self) -> &SubjectPublicKeyInfoOwned {
        &self.spki
    }

    /// As it is kept.
    pub(super) fn stored(&self) -> Result<StoredKey, Failed> {
        match &*self.inner {
            Inner::Software(pair) => {
                let document = pair.to_pkcs8v1().map_err(|_| Failed::new("the new key could not be written"))?;
                Ok(StoredKey::Software(Secret(STANDARD.encode(document.as_ref()))))
            }
            Inner::Tpm2(key) => Ok(StoredKey::Tpm2 { tpm2: key.blob() }),
        }
    }

    /// An ECDSA signature over the SHA-256 of the message, DER.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failed> {
        self.inner.sign(message)
    }

    /// For the client's side of a handshake.
    pub(super) fn for_tls(&self) -> Result<Arc<dyn SigningKey>, Failed> {
        let spki = self.spki.to_der().map_err(|error| Failed::new(error.to_string()))?;
        Ok(Arc::new(TlsKey { inner: Arc::clone(&self.inner), spki: spki.into() }))
    }
}

impl Inner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failed> {
        match self {
            Self::Software(pair) => {
                let signed = pair.sign(&SystemRandom::new(), message);
                Ok(signed.map_err(|_| Failed::new("the key could not sign"))?.as_ref().to_vec())
            }
            Self::Tpm2(key) => key.sign(message).map_err(|error| Failed::new(error.to_string())),
        }
    }
}

/// The same key as TLS sees it.
#[derive(Clone, Debug)]
struct TlsKey {
    inner: Arc<Inner>,
    spki: SubjectPublicKeyInfoDer<'static>,
}

impl SigningKey for TlsKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let is_offered = offered.contains(&SignatureScheme::ECDSA_NISTP256_SHA256);
        is_offered.then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(self.spki.clone())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for TlsKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        self.inner.sign(message).map_err(|failed| rustls::Error::General(failed.why))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}
