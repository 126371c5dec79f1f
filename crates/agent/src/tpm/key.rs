//! Signing keys in the TPM: ECDSA on P-256.
//!
//! They are made under a primary key that the TPM makes anew from its own seed whenever it is needed (a fixed template, the
//! one that TSS key files use), so nothing takes up the TPM's memory for good. What lies outside are a public part and a
//! private part that only this TPM can open.

use aws_lc_rs::digest::{SHA256 as HASH, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, SECP_256_R_1};
use der::asn1::{AnyRef, BitString, UintRef};
use der::{Any, Encode as _, Tag};
use serde::{Deserialize, Serialize};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::wire::{Answer, Ask, Bytes, Reader};
use super::{OWNER, Talk, Tpm, TpmError};

// `TPM_ALG_ID`, part 2 section 6.3.
const AES: u16 = 0x0006;
const SHA256: u16 = 0x000b;
const NONE: u16 = 0x0010;
const ECDSA: u16 = 0x0018;
const ECC: u16 = 0x0023;
const CFB: u16 = 0x0043;
/// `TPM_ECC_NIST_P256`.
const P256: u16 = 0x0003;
/// Bytes of a coordinate.
const COORDINATE: usize = 32;

// `TPMA_OBJECT`, part 2 section 8.3: fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA …
const MADE_HERE_TO_STAY: u32 = 0x0000_0472;
/// … and for the primary: restricted, decrypt.
const PARENT: u32 = MADE_HERE_TO_STAY | 0x0003_0000;
/// … and for a signing key: sign.
const SIGNER: u32 = MADE_HERE_TO_STAY | 0x0004_0000;

/// A key as it lies outside the TPM that made it: both parts as the TPM gave them, base64. Not secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Blob {
    /// `TPMT_PUBLIC`.
    public: String,
    /// What `TPM2B_PRIVATE` holds.
    private: String,
}

/// A signing key of a TPM, which is asked only when it signs.
#[derive(Clone)]
pub(crate) struct TpmKey {
    tpm: std::sync::Arc<Tpm>,
    password: zeroize::Zeroizing<Vec<u8>>,
    public: Vec<u8>,
    private: Vec<u8>,
    /// The public point, uncompressed.
    point: Vec<u8>,
}

impl std::fmt::Debug for TpmKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TpmKey").field("tpm", &self.tpm).finish_non_exhaustive()
    }
}

impl TpmKey {
    /// Makes a key in the TPM, to be used with this password.
    pub(crate) fn make(tpm: std::sync::Arc<Tpm>, password: &[u8]) -> Result<Self, TpmError> {
        let (private, public) = tpm.talk(|talk| {
            let sensitive = Bytes::default().sized(password).sized(&[]).into_vec();
            let wanted = creation(&sensitive, &template(SIGNER));
            let primary = primary(talk)?;
            let answer = talk.with(primary, |talk| talk.ask(Ask::Create, &[primary], Some(&[]), &wanted))?;
            made(&answer)
        })?;
        Self::of(tpm, password, public, private)
    }

    /// A key that was kept. The TPM is not asked yet.
    pub(crate) fn open(tpm: std::sync::Arc<Tpm>, password: &[u8], blob: &Blob) -> Result<Self, TpmError> {
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| TpmError::OtherKey("it cannot be read"));
        Self::of(tpm, password, decode(&blob.public)?, decode(&blob.private)?)
    }

    fn of(tpm: std::sync::Arc<Tpm>, password: &[u8], public: Vec<u8>, private: Vec<u8>) -> Result<Self, TpmError> {
        let point = point(&public)?;
        Ok(Self { tpm, password: password.to_vec().into(), public, private, point })
    }

    pub(crate) fn blob(&self) -> Blob {
        Blob { public: STANDARD.encode(&self.public), private: STANDARD.encode(&self.private) }
    }

    pub(crate) fn spki(&self) -> der::Result<SubjectPublicKeyInfoOwned> {
        let algorithm = AlgorithmIdentifierOwned { oid: ID_EC_PUBLIC_KEY, parameters: Some(Any::from(&SECP_256_R_1)) };
        Ok(SubjectPublicKeyInfoOwned { algorithm, subject_public_key: BitString::from_bytes(&self.point)? })
    }

    /// An ECDSA signature over the SHA-256 of `message`, DER. It is checked before it leaves: a TPM or a bus that errs must
    /// not give anything away.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, TpmError> {
        let hash = digest(&HASH, message);
        let signature = self.tpm.talk(|talk| {
            let load = Bytes::default().sized(&self.private).sized(&self.public).into_vec();
            let primary = primary(talk)?;
            let loaded = talk.with(primary, |talk| talk.ask(Ask::Load, &[primary], Some(&[]), &load))?.handle;
            // The hash was not made by the TPM, so the proof of that is the empty one (TPMT_TK_HASHCHECK).
            let ticket = Bytes::default().u16(0x8024).u32(0x4000_0007).sized(&[]).into_vec();
            let wanted = Bytes::default().sized(hash.as_ref()).u16(ECDSA).u16(SHA256).raw(&ticket).into_vec();
            let answer = talk.with(loaded, |talk| talk.ask(Ask::Sign, &[loaded], Some(&self.password), &wanted))?;
            signature(&answer)
        })?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.point)
            .verify(message, &signature)
            .map_err(|_| TpmError::Garbled { doing: Ask::Sign.doing() })?;
        Ok(signature)
    }
}

/// Makes the primary key: from the TPM's seed and this template it is the same every time.
fn primary(talk: &mut Talk<'_>) -> Result<u32, TpmError> {
    let sensitive = Bytes::default().sized(&[]).sized(&[]).into_vec();
    let wanted = creation(&sensitive, &template(PARENT));
    Ok(talk.ask_as_owner(Ask::CreatePrimary, &[OWNER], &wanted)?.handle)
}

/// The parameters of `TPM2_Create` and `TPM2_CreatePrimary`: no outside information, bound to no PCR.
fn creation(sensitive: &[u8], public: &[u8]) -> Vec<u8> {
    Bytes::default().sized(sensitive).sized(public).sized(&[]).u32(0).into_vec()
}

/// `TPMT_PUBLIC` of a key to be made.
fn template(attributes: u32) -> Vec<u8> {
    let bytes = Bytes::default().u16(ECC).u16(SHA256).u32(attributes).sized(&[]);
    let bytes = if attributes == PARENT {
        bytes.u16(AES).u16(128).u16(CFB).u16(NONE)
    } else {
        bytes.u16(NONE).u16(ECDSA).u16(SHA256)
    };
    bytes.u16(P256).u16(NONE).sized(&[]).sized(&[]).into_vec()
}

/// Private and public part of a key that was made.
pub(super) fn made(answer: &Answer) -> Result<(Vec<u8>, Vec<u8>), TpmError> {
    let mut reader = answer.reader();
    Ok((reader.sized()?.to_vec(), reader.sized()?.to_vec()))
}

/// The public point of a signing key, uncompressed, if the key is exactly what a signing key must be.
pub(super) fn point(public: &[u8]) -> Result<Vec<u8>, TpmError> {
    let mut reader = Reader::of(Ask::Create, public);
    if (reader.u16()?, reader.u16()?) != (ECC, SHA256) {
        return Err(TpmError::OtherKey("it is not of the asked kind"));
    }
    if reader.u32()? != SIGNER {
        return Err(TpmError::OtherKey("it could leave the TPM, or do more than sign"));
    }
    if !reader.sized()?.is_empty() {
        return Err(TpmError::OtherKey("it has a policy"));
    }
    if (reader.u16()?, reader.u16()?, reader.u16()?) != (NONE, ECDSA, SHA256)
        || (reader.u16()?, reader.u16()?) != (P256, NONE)
    {
        return Err(TpmError::OtherKey("it does not sign with ECDSA on P-256"));
    }
    let (x, y) = (reader.sized()?, reader.sized()?);
    reader.end()?;
    if x.len() > COORDINATE || y.len() > COORDINATE {
        return Err(TpmError::OtherKey("its point is too long"));
    }
    let mut point = vec![4; 1];
    for coordinate in [x, y] {
        point.resize(point.len() + COORDINATE - coordinate.len(), 0);
        point.extend_from_slice(coordinate);
    }
    Ok(point)
}

/// `TPMT_SIGNATURE` as DER (RFC 3279 section 2.2.3).
pub(super) fn signature(answer: &Answer) -> Result<Vec<u8>, TpmError> {
    let mut reader = answer.reader();
    let garbled = |_| TpmError::Garbled { doing: Ask::Sign.doing() };
    if (reader.u16()?, reader.u16()?) != (ECDSA, SHA256) {
        return Err(TpmError::Garbled { doing: Ask::Sign.doing() });
    }
    let (r, s) = (reader.sized()?, reader.sized()?);
    reader.end()?;
    let mut body = UintRef::new(r).and_then(|r| r.to_der()).map_err(garbled)?;
    body.extend(UintRef::new(s).and_then(|s| s.to_der()).map_err(garbled)?);
    AnyRef::new(Tag::Sequence, &body).and_then(|sequence| sequence.to_der()).map_err(garbled)
}
