//! P-256 keys: made here, kept as PKCS#8, used for ECDSA with SHA-256 and for nothing else.
//!
//! One curve on purpose: every peer that we met (OpenSSL, libest, rustls) speaks it, and one algorithm leaves nothing
//! to negotiate down to.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use const_oid::db::rfc5912::{ECDSA_WITH_SHA_256, ID_EC_PUBLIC_KEY, SECP_256_R_1};
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use zeroize::Zeroizing;

use crate::PkiError;

/// A P-256 private key with its public half.
pub struct P256Key {
    pair: EcdsaKeyPair,
    spki: SubjectPublicKeyInfoOwned,
}

impl P256Key {
    /// Makes a new key.
    ///
    /// # Errors
    /// [`PkiError::Crypto`] when the system's random source fails.
    pub fn generate() -> Result<Self, PkiError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map_err(|_| PkiError::Crypto("making a P-256 key"))?;
        Self::from_pair(pair)
    }

    /// Reads a key that [`P256Key::to_pkcs8`] wrote.
    ///
    /// # Errors
    /// [`PkiError::Malformed`] when the bytes are not a P-256 key in PKCS#8.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, PkiError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, bytes)
            .map_err(|e| PkiError::malformed("private key", e))?;
        Self::from_pair(pair)
    }

    fn from_pair(pair: EcdsaKeyPair) -> Result<Self, PkiError> {
        let der: PublicKeyX509Der<'_> =
            pair.public_key().as_der().map_err(|_| PkiError::Crypto("writing a public key"))?;
        let spki =
            SubjectPublicKeyInfoOwned::from_der(der.as_ref()).map_err(|e| PkiError::malformed("public key", e))?;
        Ok(Self { pair, spki })
    }

    /// The key as PKCS#8 (RFC 5958). Secret: seal it before it rests anywhere.
    ///
    /// # Errors
    /// [`PkiError::Crypto`] when the library cannot write it.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, PkiError> {
        let document = self.pair.to_pkcs8v1().map_err(|_| PkiError::Crypto("writing a private key"))?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    /// The public half.
    #[must_use]
    pub const fn spki(&self) -> &SubjectPublicKeyInfoOwned {
        &self.spki
    }

    /// An ECDSA signature (ASN.1 form) over SHA-256 of the message.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| PkiError::Crypto("signing"))?;
        Ok(signature.as_ref().to_vec())
    }
}

impl core::fmt::Debug for P256Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("P256Key(secret)")
    }
}

/// The only signature algorithm that we write: ecdsa-with-SHA256, parameters absent (RFC 5758 section 3.2).
pub(crate) const fn ecdsa_sha256() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA_256, parameters: None }
}

/// A public key as it stands in certificates.
pub type Spki = SubjectPublicKeyInfoOwned;

/// The public key of an uncompressed P-256 point, 65 bytes that begin with 4. Nothing for anything else.
#[must_use]
pub fn p256_spki(point: &[u8]) -> Option<Spki> {
    let spki = Spki {
        algorithm: AlgorithmIdentifierOwned {
            oid: ID_EC_PUBLIC_KEY,
            parameters: Some(der::Any::encode_from(&SECP_256_R_1).ok()?),
        },
        subject_public_key: der::asn1::BitString::from_bytes(point).ok()?,
    };
    is_p256(&spki).then_some(spki)
}

/// Whether this is a P-256 key in its named-curve form (RFC 5480).
#[must_use]
pub fn is_p256(spki: &SubjectPublicKeyInfoOwned) -> bool {
    let curve = spki.algorithm.parameters.as_ref().and_then(|p| p.decode_as::<ObjectIdentifier>().ok());
    // An uncompressed point: 0x04, then two coordinates of 32 bytes (SEC 1 section 2.3.3).
    let point = spki.subject_public_key.as_bytes().is_some_and(|b| b.len() == 65 && b[0] == 4);
    spki.algorithm.oid == ID_EC_PUBLIC_KEY && curve == Some(SECP_256_R_1) && point
}

/// Verifies an ecdsa-with-SHA256 signature by a P-256 key.
pub(crate) fn verify(
    what: &'static str,
    spki: &SubjectPublicKeyInfoOwned,
    algorithm: &AlgorithmIdentifierOwned,
    message: &[u8],
    signature: &[u8],
) -> Result<(), PkiError> {
    if !is_p256(spki) || algorithm.oid != ECDSA_WITH_SHA_256 || algorithm.parameters.is_some() {
        return Err(PkiError::malformed(what, "only P-256 keys with ecdsa-with-SHA256 are accepted"));
    }
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, spki.subject_public_key.raw_bytes())
        .verify(message, signature)
        .map_err(|_| PkiError::Signature(what))
}

/// The key identifier of RFC 7093 section 2 method 1: the leftmost 160 bits of SHA-256 over the public key's bits.
pub(crate) fn key_id(spki: &SubjectPublicKeyInfoOwned) -> [u8; 20] {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, spki.subject_public_key.raw_bytes());
    let mut id = [0; 20];
    id.copy_from_slice(&hash.as_ref()[..20]);
    id
}

/// SHA-256 of a public key's DER, hexadecimal: how people compare two keys on paper.
#[must_use]
pub fn fingerprint(spki: &Spki) -> String {
    spki_der(spki).map_or_else(|_| String::new(), |der| crate::cert::fingerprint(&der).to_string())
}

/// A public key's DER, to compare two keys by.
pub(crate) fn spki_der(spki: &SubjectPublicKeyInfoOwned) -> Result<Vec<u8>, PkiError> {
    spki.to_der().map_err(|e| PkiError::malformed("public key", e))
}
