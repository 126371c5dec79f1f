//! Certificate requests (PKCS#10, RFC 2986) from outside.
//!
//! Read strictly: size limit, canonical DER, version 1, a P-256 key, and a signature by that key, which is the proof
//! that the sender holds the private half. PEM, base64 and bare DER are all understood, because real clients send each
//! of them (globalsign/est issue 23). The names inside are kept only to compare them at re-enrolment; they never reach a
//! certificate. Extensions that are asked for never do either, and a request to be a certificate authority is refused:
//! no honest pump sends one.

use der::{Decode, Encode};
use spki::SubjectPublicKeyInfoOwned;
use wardline_model::Digest;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, ExtensionReq};

use crate::{Cert, PkiError};

/// The most bytes of a request's DER. Ours have 250 to 500; a request with every attribute that EST knows stays under
/// 2,000.
pub const MAX_CSR: usize = 4 * 1024;

const WHAT: &str = "certificate request";

/// A request whose sender proved that it holds the private key.
#[derive(Clone, Debug)]
pub struct Csr {
    request: CertReq,
    alternative: Vec<GeneralName>,
}

impl Csr {
    /// Reads and checks a request as it came in an EST body: base64 (wrapped or not), PEM, or DER.
    ///
    /// # Errors
    /// [`PkiError`] with what was wrong, in words for the sender.
    pub fn parse(body: &[u8]) -> Result<Self, PkiError> {
        let request = read_request(body)?;
        let message = request.info.to_der().map_err(|e| PkiError::malformed(WHAT, e))?;
        let signature = request.signature.raw_bytes();
        crate::key::verify(WHAT, &request.info.public_key, &request.algorithm, &message, signature)?;
        let alternative = alternative_names(&request)?;
        Ok(Self { request, alternative })
    }

    /// The public key for which the sender proved possession.
    #[must_use]
    pub const fn spki(&self) -> &SubjectPublicKeyInfoOwned {
        &self.request.info.public_key
    }

    /// SHA-256 of the public key, as [`Cert::key_hash`].
    ///
    /// # Errors
    /// [`PkiError::Malformed`] when it cannot be written (it was read, so this does not happen).
    pub fn key_hash(&self) -> Result<Digest, PkiError> {
        Ok(crate::cert::fingerprint(&crate::key::spki_der(self.spki())?))
    }

    /// The subject that the sender asked for. Never copied into a certificate.
    #[must_use]
    pub const fn subject(&self) -> &Name {
        &self.request.info.subject
    }

    /// Whether the request names exactly what the certificate names (RFC 7030 section 4.2.2 demands it of a
    /// re-enrolment). A request without any alternative name is taken to agree: many clients cannot copy an otherName.
    #[must_use]
    pub fn names_match(&self, current: &Cert) -> bool {
        let tbs = &current.parsed().tbs_certificate;
        let names = tbs.get::<SubjectAltName>().ok().flatten().map(|(_, san)| san.0).unwrap_or_default();
        let same_names = self.alternative.is_empty()
            || (names.len() == self.alternative.len() && names.iter().all(|n| self.alternative.contains(n)));
        *self.subject() == tbs.subject && same_names
    }

    /// Whether the request is for the key that the certificate already holds (a renewal must bring a new one).
    #[must_use]
    pub fn same_key_as(&self, current: &Cert) -> bool {
        *self.spki() == current.parsed().tbs_certificate.subject_public_key_info
    }
}

fn read_request(body: &[u8]) -> Result<CertReq, PkiError> {
    let der = crate::est::decode_body(WHAT, body, MAX_CSR)?;
    let request = CertReq::from_der(&der).map_err(|e| PkiError::malformed(WHAT, e))?;
    if request.to_der().map_err(|e| PkiError::malformed(WHAT, e))? != der {
        return Err(PkiError::malformed(WHAT, "it is not in its one canonical (DER) form"));
    }
    Ok(request)
}

/// What is read of a request once its signature is good: anybody can sign, so this is fuzzed without.
#[cfg(feature = "fuzzing")]
pub fn fuzz_names(body: &[u8]) {
    if let Ok(request) = read_request(body) {
        let _ = alternative_names(&request);
    }
}

/// The alternative names in a request's extensions. A request to be an authority is refused here.
fn alternative_names(request: &CertReq) -> Result<Vec<GeneralName>, PkiError> {
    let mut found = Vec::new();
    for attribute in request.info.attributes.iter() {
        if attribute.oid != <ExtensionReq as const_oid::AssociatedOid>::OID {
            continue;
        }
        for value in attribute.values.iter() {
            let list = value.decode_as::<ExtensionReq>().map_err(|e| PkiError::malformed(WHAT, e))?;
            for extension in &list.0 {
                refuse_authority(extension)?;
                if let Some(names) = read::<SubjectAltName>(extension)? {
                    found.extend(names.0);
                }
            }
        }
    }
    Ok(found)
}

fn refuse_authority(extension: &Extension) -> Result<(), PkiError> {
    let is_authority = read::<BasicConstraints>(extension)?.is_some_and(|constraints| constraints.ca);
    let may_sign = read::<KeyUsage>(extension)?.is_some_and(|usage| usage.key_cert_sign() || usage.crl_sign());
    if is_authority || may_sign {
        return Err(PkiError::Refused("the request asks to be a certificate authority, and a pump is none"));
    }
    Ok(())
}

/// The extension as a `T`, if it is one.
fn read<'a, T: der::Decode<'a> + const_oid::AssociatedOid>(extension: &'a Extension) -> Result<Option<T>, PkiError> {
    if extension.extn_id != T::OID {
        return Ok(None);
    }
    T::from_der(extension.extn_value.as_bytes()).map(Some).map_err(|e| PkiError::malformed(WHAT, e))
}
