//! Ed25519 keys (RFC 8032) and the ids that metadata calls them by.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

use crate::json::{Value, object};
use crate::release::sha256;

/// A public key of a person or of the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key with these 32 bytes, if they are a point of the curve and not one of small order.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak()).map(Self)
    }

    /// The key as 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        Self::from_bytes(&unhex(text)?.try_into().ok()?)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(self.as_bytes())
    }

    /// Whether this key made this signature (strict: no malleable encodings).
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::from_slice(signature) else { return false };
        self.0.verify(message, &signature).is_ok() && self.0.verify_strict(message, &signature).is_ok()
    }

    /// The key as TUF metadata lists it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        object([
            ("keytype", "ed25519".into()),
            ("keyval", object([("public", self.to_hex().into())])),
            ("scheme", "ed25519".into()),
        ])
    }

    /// The id: SHA-256 of the canonical form of [`PublicKey::to_value`].
    #[must_use]
    pub fn id(&self) -> String {
        sha256(&self.to_value().to_canonical()).to_string()
    }
}

impl From<VerifyingKey> for PublicKey {
    fn from(key: VerifyingKey) -> Self {
        Self(key)
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Hexadecimal digits, in pairs, to bytes.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| (byte as char).to_digit(16).and_then(|d| u8::try_from(d).ok());
    text.as_bytes().chunks(2).map(|pair| Some((digit(pair[0])? << 4) | digit(pair[1])?)).collect()
}
