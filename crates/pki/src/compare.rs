//! The last look at a signed certificate: read back from its bytes, it must say what was approved, all of it and nothing
//! more, and its signature must verify.
//!
//! Deliberately another path than the one that wrote it: each extension is decoded and its meaning compared, and an
//! extension that was not approved is a fault, whatever it says.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_BASIC_CONSTRAINTS, ID_CE_CRL_DISTRIBUTION_POINTS, ID_CE_EXT_KEY_USAGE,
    ID_CE_KEY_USAGE, ID_CE_SUBJECT_ALT_NAME, ID_CE_SUBJECT_KEY_IDENTIFIER, ID_PE_AUTHORITY_INFO_ACCESS,
};
use const_oid::db::rfc6960::ID_PKIX_OCSP_NOCHECK;
use der::{Decode, Encode};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CrlDistributionPoints, ExtendedKeyUsage,
    KeyUsage, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::{TbsCertificate, Version};

use crate::authority::{Issued, NO_REV_AVAIL};
use crate::key::{ecdsa_sha256, key_id, verify};
use crate::profile::{Approved, PathLength, RevocationInfo};
use crate::{Cert, PkiError};

/// Refuses a certificate that does not say exactly what was approved.
pub(crate) fn says_what_was_approved(cert: &Cert, content: &Approved, by: &Issued<'_>) -> Result<(), PkiError> {
    let tbs = &cert.parsed().tbs_certificate;
    let is = |good: bool, what| if good { Ok(()) } else { Err(PkiError::NotAsApproved(what)) };
    is(tbs.version == Version::V3, "version")?;
    is(tbs.serial_number == *by.serial.inner(), "serial number")?;
    is(tbs.signature == ecdsa_sha256() && cert.parsed().signature_algorithm == ecdsa_sha256(), "signature algorithm")?;
    is(tbs.issuer == *by.issuer, "issuer")?;
    is(tbs.validity == by.validity, "dates")?;
    is(tbs.subject == content.subject, "subject")?;
    is(tbs.subject_public_key_info == content.spki, "public key")?;
    is(tbs.issuer_unique_id.is_none() && tbs.subject_unique_id.is_none(), "unique identifiers")?;
    let expected = expected_extensions(content);
    let found: Vec<_> = tbs.extensions.iter().flatten().map(|e| (e.extn_id, e.critical)).collect();
    is(found == expected, "list of extensions")?;
    usages(tbs, content, is)?;
    names_and_keys(tbs, content, by, is)?;
    is(revocation(tbs)? == content.revocation, "where to ask whether it was revoked")?;
    let message = tbs.to_der().map_err(|e| PkiError::malformed("certificate", e))?;
    let signature = cert.parsed().signature.raw_bytes();
    verify("new certificate", by.key.spki(), &cert.parsed().signature_algorithm, &message, signature)
}

type Judge = fn(bool, &'static str) -> Result<(), PkiError>;

fn usages(tbs: &TbsCertificate, content: &Approved, is: Judge) -> Result<(), PkiError> {
    let constraints = get::<BasicConstraints>(tbs)?.ok_or(PkiError::NotAsApproved("basic constraints"))?;
    is(constraints.ca == content.authority.is_some(), "whether it is an authority")?;
    let length = (content.authority == Some(PathLength::None)).then_some(0);
    is(constraints.path_len_constraint == length, "how many authorities may follow")?;
    is(get::<KeyUsage>(tbs)?.is_some_and(|usage| usage.0 == content.usages), "key usage")?;
    let extended = get::<ExtendedKeyUsage>(tbs)?.map(|usage| usage.0);
    is(extended == content.extended.map(|one| vec![one]), "extended key usage")
}

fn names_and_keys(tbs: &TbsCertificate, content: &Approved, by: &Issued<'_>, is: Judge) -> Result<(), PkiError> {
    let names = get::<SubjectAltName>(tbs)?.map(|names| names.0).unwrap_or_default();
    is(names == content.alternative, "alternative names")?;
    let own = get::<SubjectKeyIdentifier>(tbs)?.map(|id| id.0.into_bytes());
    is(own.as_deref() == Some(&key_id(&content.spki)[..]), "subject key identifier")?;
    let parent = get::<AuthorityKeyIdentifier>(tbs)?;
    let parent = parent.filter(|id| id.authority_cert_issuer.is_none() && id.authority_cert_serial_number.is_none());
    let parent = parent.and_then(|id| id.key_identifier).map(|id| id.into_bytes());
    is(parent.as_deref() == Some(by.key_id), "authority key identifier")
}

/// The extensions in the order in which they are written, and whether each is critical.
fn expected_extensions(content: &Approved) -> Vec<(ObjectIdentifier, bool)> {
    let mut list = vec![(ID_CE_BASIC_CONSTRAINTS, true), (ID_CE_KEY_USAGE, true)];
    if content.extended.is_some() {
        list.push((ID_CE_EXT_KEY_USAGE, false));
    }
    list.extend([(ID_CE_SUBJECT_KEY_IDENTIFIER, false), (ID_CE_AUTHORITY_KEY_IDENTIFIER, false)]);
    if !content.alternative.is_empty() {
        // RFC 5280 section 4.2.1.6: critical when there is no subject.
        list.push((ID_CE_SUBJECT_ALT_NAME, content.subject.0.is_empty()));
    }
    match content.revocation {
        RevocationInfo::Silent => {}
        RevocationInfo::NotAvailable => list.push((NO_REV_AVAIL, false)),
        RevocationInfo::NoCheck => list.push((ID_PKIX_OCSP_NOCHECK, false)),
        RevocationInfo::At { .. } => {
            list.extend([(ID_CE_CRL_DISTRIBUTION_POINTS, false), (ID_PE_AUTHORITY_INFO_ACCESS, false)]);
        }
    }
    list
}

/// What the certificate says about revocation; something that no [`RevocationInfo`] means is a fault.
fn revocation(tbs: &TbsCertificate) -> Result<RevocationInfo, PkiError> {
    let value = |id| tbs.extensions.iter().flatten().find(|e| e.extn_id == id).map(|e| e.extn_value.as_bytes());
    let lists = value(ID_CE_CRL_DISTRIBUTION_POINTS).map(CrlDistributionPoints::from_der).transpose();
    let access = value(ID_PE_AUTHORITY_INFO_ACCESS).map(AuthorityInfoAccessSyntax::from_der).transpose();
    let wrong = |e| PkiError::malformed("certificate", e);
    match (lists.map_err(wrong)?, access.map_err(wrong)?, value(NO_REV_AVAIL), value(ID_PKIX_OCSP_NOCHECK)) {
        (None, None, None, None) => Ok(RevocationInfo::Silent),
        (None, None, Some(NULL), None) => Ok(RevocationInfo::NotAvailable),
        (None, None, None, Some(NULL)) => Ok(RevocationInfo::NoCheck),
        (Some(lists), Some(access), None, None) => {
            places(&lists, &access).ok_or(PkiError::NotAsApproved("where to ask whether it was revoked"))
        }
        _ => Err(PkiError::NotAsApproved("where to ask whether it was revoked")),
    }
}

/// DER of NULL.
const NULL: &[u8] = &[5, 0];

fn places(lists: &CrlDistributionPoints, access: &AuthorityInfoAccessSyntax) -> Option<RevocationInfo> {
    let text = |name: &GeneralName| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str().to_owned()),
        _ => None,
    };
    let ([list], [ocsp, issuer]) = (lists.0.as_slice(), access.0.as_slice()) else { return None };
    let Some(DistributionPointName::FullName(names)) = &list.distribution_point else { return None };
    let is_plain = list.reasons.is_none() && list.crl_issuer.is_none();
    let methods = [ocsp.access_method, issuer.access_method];
    let are_ours = methods == [const_oid::db::rfc5280::ID_AD_OCSP, const_oid::db::rfc5280::ID_AD_CA_ISSUERS];
    let [crl] = names.as_slice() else { return None };
    (is_plain && are_ours).then_some(())?;
    Some(RevocationInfo::At {
        crl: text(crl)?,
        ocsp: text(&ocsp.access_location)?,
        issuer: text(&issuer.access_location)?,
    })
}

fn get<'a, T>(tbs: &'a TbsCertificate) -> Result<Option<T>, PkiError>
where
    T: Decode<'a> + const_oid::AssociatedOid,
{
    let found = tbs.get::<T>().map_err(|e| PkiError::malformed("certificate", e))?;
    Ok(found.map(|(_, value)| value))
}

#[cfg(test)]
mod tests;
