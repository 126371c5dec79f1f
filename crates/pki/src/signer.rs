//! What signs in the name of an authority: a key in this process, or one in a device that never gives it out.
//!
//! Both give the same thing: an ecdsa-with-SHA256 signature by a P-256 key. What a device answers is not believed: every
//! signature is verified with the public key before it is used, so a broken device or driver makes an error, not a
//! certificate that nobody accepts.

use core::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use der::asn1::UintRef;
use der::{Encode, Sequence};
use spki::SubjectPublicKeyInfoOwned;

use crate::key::{ecdsa_sha256, is_p256, verify};
use crate::{P256Key, PkiError};

/// A key that is elsewhere, such as in an HSM. It may be asked from several threads, and the answer may take as long as
/// the device takes: never ask on a thread that must not wait.
pub trait SignElsewhere: fmt::Debug + Send + Sync {
    /// The public half: a P-256 key.
    fn spki(&self) -> &SubjectPublicKeyInfoOwned;

    /// An ECDSA signature over this SHA-256 digest: `r` and `s`, 32 bytes each, as PKCS#11 gives them.
    ///
    /// # Errors
    /// [`PkiError::Elsewhere`] with what to do, when the device does not answer.
    fn sign_digest(&self, digest: &[u8; 32]) -> Result<[u8; 64], PkiError>;

    /// Whether the device would sign now, without a signature.
    ///
    /// # Errors
    /// As [`SignElsewhere::sign_digest`].
    fn check(&self) -> Result<(), PkiError>;
}

/// What signs in the name of an authority.
#[derive(Debug)]
pub enum Signer {
    /// A key in this process.
    Software(P256Key),
    /// A key that never leaves its device.
    Elsewhere(Box<dyn SignElsewhere>),
}

impl From<P256Key> for Signer {
    fn from(key: P256Key) -> Self {
        Self::Software(key)
    }
}

impl Signer {
    /// A key in a device.
    ///
    /// # Errors
    /// [`PkiError::Refused`] when it is no P-256 key.
    pub fn elsewhere(key: Box<dyn SignElsewhere>) -> Result<Self, PkiError> {
        if !is_p256(key.spki()) {
            return Err(PkiError::Refused("the key in the device is not a P-256 key in its named-curve form"));
        }
        Ok(Self::Elsewhere(key))
    }

    /// The public half.
    #[must_use]
    pub fn spki(&self) -> &SubjectPublicKeyInfoOwned {
        match self {
            Self::Software(key) => key.spki(),
            Self::Elsewhere(key) => key.spki(),
        }
    }

    /// The key itself, when it is in this process: to be sealed into a file.
    #[must_use]
    pub const fn software(&self) -> Option<&P256Key> {
        match self {
            Self::Software(key) => Some(key),
            Self::Elsewhere(_) => None,
        }
    }

    /// Whether signing waits for a device.
    #[must_use]
    pub const fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Elsewhere(_))
    }

    /// Whether it could sign now.
    ///
    /// # Errors
    /// [`PkiError::Elsewhere`] when the device does not answer.
    pub fn check(&self) -> Result<(), PkiError> {
        match self {
            Self::Software(_) => Ok(()),
            Self::Elsewhere(key) => key.check(),
        }
    }

    /// An ecdsa-with-SHA256 signature (ASN.1 form), verified.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        let signature = match self {
            Self::Software(key) => key.sign(message)?,
            Self::Elsewhere(key) => asn1(&key.sign_digest(&sha256(message))?)?,
        };
        verify("answer of the key that signs", self.spki(), &ecdsa_sha256(), message, &signature)?;
        Ok(signature)
    }
}

/// `ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 section 2.2.3).
#[derive(Sequence)]
struct EcdsaSignature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

fn asn1(raw: &[u8; 64]) -> Result<Vec<u8>, PkiError> {
    let wrong = |e| PkiError::malformed("answer of the key that signs", e);
    let (r, s) = raw.split_at(32);
    EcdsaSignature { r: UintRef::new(r).map_err(wrong)?, s: UintRef::new(s).map_err(wrong)? }.to_der().map_err(wrong)
}

fn sha256(message: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, message).as_ref());
    bytes
}

#[cfg(test)]
mod tests;
