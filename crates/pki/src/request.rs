//! Our own request to be an authority under somebody else's: a PKCS#10 (RFC 2986) for an issuing CA.
//!
//! It asks for exactly what an issuing CA needs: cA with no further CA below it, keyCertSign and cRLSign. What the
//! hospital's authority makes of it is checked when its answer comes ([`crate::subordinate`]).

use der::asn1::{BitString, SetOfVec};
use der::{Any, Encode};
use x509_cert::attr::Attribute;
use x509_cert::ext::AsExtension;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};

use crate::key::ecdsa_sha256;
use crate::name::Subject;
use crate::{PkiError, Signer};

const WHAT: &str = "certificate request";

/// A request for an issuing CA of this name, signed by its own key, as PEM.
///
/// # Errors
/// [`PkiError`] when a name does not fit or the key cannot sign.
pub fn issuing(key: &Signer, name: &str, organization: &str) -> Result<String, PkiError> {
    let wrong = |e| PkiError::malformed(WHAT, e);
    let subject = Subject::default().organization(organization)?.common_name(name)?.name();
    let constraints = BasicConstraints { ca: true, path_len_constraint: Some(0) };
    let constraints = constraints.to_extension(&subject, &[]).map_err(wrong)?;
    let usage = KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign).to_extension(&subject, &[]).map_err(wrong)?;
    let extensions = ExtensionReq(vec![x509_cert::ext::Extension { critical: true, ..constraints }, usage]);
    let values = SetOfVec::try_from(vec![Any::encode_from(&extensions).map_err(wrong)?]).map_err(wrong)?;
    let attribute = Attribute { oid: <ExtensionReq as const_oid::AssociatedOid>::OID, values };
    let info = CertReqInfo {
        version: Version::V1,
        subject,
        public_key: key.spki().clone(),
        attributes: SetOfVec::try_from(vec![attribute]).map_err(wrong)?,
    };
    finish(key, info)
}

/// A request that names nobody and only proves that its sender holds the key, as PEM.
///
/// # Errors
/// [`PkiError`] when the key cannot sign.
pub fn end(key: &Signer) -> Result<String, PkiError> {
    let (subject, public_key) = (Subject::default().name(), key.spki().clone());
    finish(key, CertReqInfo { version: Version::V1, subject, public_key, attributes: SetOfVec::new() })
}

fn finish(key: &Signer, info: CertReqInfo) -> Result<String, PkiError> {
    let wrong = |e| PkiError::malformed(WHAT, e);
    let signature = key.sign(&info.to_der().map_err(wrong)?)?;
    let signature = BitString::from_bytes(&signature).map_err(wrong)?;
    let der = CertReq { info, algorithm: ecdsa_sha256(), signature }.to_der().map_err(wrong)?;
    der::pem::encode_string("CERTIFICATE REQUEST", der::pem::LineEnding::LF, &der)
        .map_err(|e| PkiError::malformed(WHAT, e))
}
