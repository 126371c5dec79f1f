//! Signatures of authorities that are not ours: a hospital's own, a maker's.
//!
//! Ours sign with P-256 and SHA-256 only. Others are believed with RSA of 2,048 bits and more (PKCS#1 v1.5) and with
//! P-256, P-384 and P-521: exactly what rustls believes, so nothing passes here that a pump would refuse later. SHA-1 and
//! RSA-PSS are not believed.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1,
    SECP_384_R_1, SECP_521_R_1, SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use crate::PkiError;

/// Verifies a signature by an authority's key.
pub(crate) fn verify(
    what: &'static str,
    spki: &SubjectPublicKeyInfoOwned,
    algorithm: &AlgorithmIdentifierOwned,
    message: &[u8],
    signature: &[u8],
) -> Result<(), PkiError> {
    let wrong = || {
        PkiError::malformed(
            what,
            "it is signed with something else than RSA (PKCS#1 v1.5, 2,048 bits or more) or ECDSA (P-256, P-384, P-521), \
             each with SHA-256 or better",
        )
    };
    let known = known(spki, algorithm.oid).ok_or_else(wrong)?;
    UnparsedPublicKey::new(known, spki.subject_public_key.raw_bytes())
        .verify(message, signature)
        .map_err(|_| PkiError::Signature(what))
}

fn known(spki: &SubjectPublicKeyInfoOwned, by: ObjectIdentifier) -> Option<&'static dyn VerificationAlgorithm> {
    if spki.algorithm.oid == RSA_ENCRYPTION {
        return match by {
            SHA_256_WITH_RSA_ENCRYPTION => Some(&RSA_PKCS1_2048_8192_SHA256),
            SHA_384_WITH_RSA_ENCRYPTION => Some(&RSA_PKCS1_2048_8192_SHA384),
            SHA_512_WITH_RSA_ENCRYPTION => Some(&RSA_PKCS1_2048_8192_SHA512),
            _ => None,
        };
    }
    let curve = spki.algorithm.parameters.as_ref().and_then(|p| p.decode_as::<ObjectIdentifier>().ok());
    match (spki.algorithm.oid == ID_EC_PUBLIC_KEY, curve?, by) {
        (true, SECP_256_R_1, ECDSA_WITH_SHA_256) => Some(&ECDSA_P256_SHA256_ASN1),
        (true, SECP_256_R_1, ECDSA_WITH_SHA_384) => Some(&ECDSA_P256_SHA384_ASN1),
        // OpenSSL signs with SHA-256 whatever the curve, unless it is told otherwise.
        (true, SECP_384_R_1, ECDSA_WITH_SHA_256) => Some(&ECDSA_P384_SHA256_ASN1),
        (true, SECP_384_R_1, ECDSA_WITH_SHA_384) => Some(&ECDSA_P384_SHA384_ASN1),
        (true, SECP_521_R_1, ECDSA_WITH_SHA_256) => Some(&ECDSA_P521_SHA256_ASN1),
        (true, SECP_521_R_1, ECDSA_WITH_SHA_384) => Some(&ECDSA_P521_SHA384_ASN1),
        (true, SECP_521_R_1, ECDSA_WITH_SHA_512) => Some(&ECDSA_P521_SHA512_ASN1),
        _ => None,
    }
}
