//! What `rustls-webpki` accepts and we refuse. Run on every chain after webpki's own checks, and on every CRL we read.
//!
//! webpki verifies signatures, dates of non-anchors, names and the wanted extended usage. It says nothing about the
//! rest: an expired trust anchor, a leaf that could sign certificates, usages beside the wanted one, missing key
//! identifiers, a CRL without a number or from a CA that may not sign CRLs. Each [`Fault`] below is one such gap.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_OCSP_SIGNING, ID_KP_SERVER_AUTH};
use wardline_model::Time;
use x509_cert::Version;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
};

use crate::Cert;

/// One thing that a strict reader refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not version 3.
    #[error("the certificate is not X.509 version 3")]
    NotVersion3,
    /// Serial number zero or negative.
    #[error("the certificate's serial number is not positive")]
    SerialNotPositive,
    /// An extension that cannot be read, or is there twice.
    #[error("an extension of the certificate is malformed or repeated")]
    Extension,
    /// `now` is before notBefore.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// `now` is after notAfter. webpki does not look at a trust anchor's dates at all.
    #[error("the certificate has expired")]
    Expired,
    /// A CA certificate without cA=TRUE.
    #[error("the issuer is not a certificate authority")]
    NotAnAuthority,
    /// A CA certificate that may not sign certificates.
    #[error("the issuer's key usage lacks keyCertSign")]
    NoCertSign,
    /// A CA that may not sign CRLs signed one.
    #[error("the revocation list's issuer lacks cRLSign")]
    NoCrlSign,
    /// A leaf that says cA=TRUE.
    #[error("an end certificate claims to be a certificate authority")]
    LeafIsAuthority,
    /// A leaf with keyCertSign or cRLSign.
    #[error("an end certificate's key usage includes signing certificates or revocation lists")]
    LeafMaySign,
    /// A leaf whose key usage lacks digitalSignature.
    #[error("the certificate's key usage lacks digitalSignature")]
    NoDigitalSignature,
    /// A leaf without the extended usage, or with others beside it.
    #[error("the certificate's extended key usage is not exactly the expected one")]
    ExtendedUsage,
    /// No authority key identifier.
    #[error("the authority key identifier is missing")]
    NoAuthorityKeyId,
    /// The authority key identifier is not the issuer's subject key identifier.
    #[error("the authority key identifier does not name the issuer's key")]
    WrongAuthorityKeyId,
    /// A CA without a subject key identifier.
    #[error("the authority's subject key identifier is missing")]
    NoSubjectKeyId,
    /// A CRL without a number.
    #[error("the revocation list has no number")]
    CrlWithoutNumber,
    /// A CRL past its next update, or without one.
    #[error("the revocation list is past its next update")]
    CrlStale,
}

/// What a leaf is presented as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// A pump's LDevID on any listener: clientAuth and nothing else.
    Pump,
    /// The hub's server certificate: serverAuth and nothing else.
    Server,
    /// A maker's birth certificate: extended usage absent, or including clientAuth.
    Birth,
    /// The OCSP responder's: OCSPSigning and nothing else.
    Responder,
}

/// Checks a whole chain, leaf first, anchor last. Signatures are webpki's job.
///
/// # Errors
/// The first [`Fault`].
pub fn chain(chain: &[&Cert], usage: Usage, now: Time) -> Result<(), Fault> {
    let (first, authorities) = chain.split_first().ok_or(Fault::NotAnAuthority)?;
    leaf(first, usage, now)?;
    let mut child = *first;
    for parent in authorities {
        authority(parent, now)?;
        issued(child, parent)?;
        child = parent;
    }
    Ok(())
}

/// Checks a leaf.
///
/// # Errors
/// The first [`Fault`].
pub fn leaf(cert: &Cert, usage: Usage, now: Time) -> Result<(), Fault> {
    common(cert, now)?;
    if get::<BasicConstraints>(cert)?.is_some_and(|b| b.ca) {
        return Err(Fault::LeafIsAuthority);
    }
    match get::<KeyUsage>(cert)? {
        Some(usage) if usage.key_cert_sign() || usage.crl_sign() => return Err(Fault::LeafMaySign),
        Some(usage) if usage.digital_signature() => {}
        // 802.1AR only recommends key usage in a birth certificate.
        None if usage == Usage::Birth => {}
        _ => return Err(Fault::NoDigitalSignature),
    }
    let extended = get::<ExtendedKeyUsage>(cert)?.map(|e| e.0);
    let exactly = |oid: ObjectIdentifier| extended.as_deref() == Some(&[oid]);
    let fits = match usage {
        Usage::Pump => exactly(ID_KP_CLIENT_AUTH),
        Usage::Server => exactly(ID_KP_SERVER_AUTH),
        Usage::Responder => exactly(ID_KP_OCSP_SIGNING),
        Usage::Birth => extended.as_ref().is_none_or(|list| list.contains(&ID_KP_CLIENT_AUTH)),
    };
    if !fits {
        return Err(Fault::ExtendedUsage);
    }
    get::<AuthorityKeyIdentifier>(cert)?.and_then(|a| a.key_identifier).ok_or(Fault::NoAuthorityKeyId)?;
    Ok(())
}

/// Checks a CA certificate, a trust anchor included.
///
/// # Errors
/// The first [`Fault`].
pub fn authority(cert: &Cert, now: Time) -> Result<(), Fault> {
    common(cert, now)?;
    authority_shape(cert).map(|_| ())
}

/// Checks what a CA certificate says, whatever the time. Gives its subject key identifier.
pub(crate) fn authority_shape(cert: &Cert) -> Result<Vec<u8>, Fault> {
    if !get::<BasicConstraints>(cert)?.is_some_and(|b| b.ca) {
        return Err(Fault::NotAnAuthority);
    }
    if !get::<KeyUsage>(cert)?.is_some_and(|usage| usage.key_cert_sign()) {
        return Err(Fault::NoCertSign);
    }
    Ok(get::<SubjectKeyIdentifier>(cert)?.ok_or(Fault::NoSubjectKeyId)?.0.into_bytes())
}

/// Checks that a CA may sign revocation lists.
pub(crate) fn crl_issuer(cert: &Cert) -> Result<(), Fault> {
    authority_shape(cert)?;
    get::<KeyUsage>(cert)?.filter(KeyUsage::crl_sign).map(|_| ()).ok_or(Fault::NoCrlSign)
}

fn common(cert: &Cert, now: Time) -> Result<(), Fault> {
    let tbs = &cert.parsed().tbs_certificate;
    if tbs.version != Version::V3 {
        return Err(Fault::NotVersion3);
    }
    // The inner integer is signed: a first byte of 0x80 and above is negative unless padded.
    let serial = tbs.serial_number.as_bytes();
    if serial.iter().all(|b| *b == 0) || serial.first().is_some_and(|b| *b & 0x80 != 0) {
        return Err(Fault::SerialNotPositive);
    }
    let ids: Vec<_> = tbs.extensions.iter().flatten().map(|e| e.extn_id).collect();
    if (1..ids.len()).any(|i| ids[..i].contains(&ids[i])) {
        return Err(Fault::Extension);
    }
    if now < cert.not_before() {
        return Err(Fault::NotYetValid);
    }
    if now > cert.not_after() {
        return Err(Fault::Expired);
    }
    Ok(())
}

/// Whether the child's authority key identifier is the parent's subject key identifier.
fn issued(child: &Cert, parent: &Cert) -> Result<(), Fault> {
    let wanted = get::<AuthorityKeyIdentifier>(child)?.and_then(|a| a.key_identifier).ok_or(Fault::NoAuthorityKeyId)?;
    let found = get::<SubjectKeyIdentifier>(parent)?.ok_or(Fault::NoSubjectKeyId)?;
    if wanted == found.0 { Ok(()) } else { Err(Fault::WrongAuthorityKeyId) }
}

pub(crate) fn get<'a, T>(cert: &'a Cert) -> Result<Option<T>, Fault>
where
    T: der::Decode<'a> + const_oid::AssociatedOid,
{
    match cert.parsed().tbs_certificate.get::<T>() {
        Ok(found) => Ok(found.map(|(_, value)| value)),
        Err(_) => Err(Fault::Extension),
    }
}

#[cfg(test)]
mod tests;
