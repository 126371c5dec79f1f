//! A certificate authority: a CA certificate with what signs in its name. It signs what a profile [`Approved`] and
//! nothing else, and nothing leaves it that does not say exactly that: every new certificate is read back, its signature
//! verified, and each field compared with what was approved ([`crate::compare`]).

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_AD_CA_ISSUERS, ID_AD_OCSP, ID_CE_CRL_DISTRIBUTION_POINTS, ID_PE_AUTHORITY_INFO_ACCESS,
};
use const_oid::db::rfc6960::ID_PKIX_OCSP_NOCHECK;
use der::asn1::{BitString, Ia5String, Null, OctetString};
use der::{Decode, Encode};
use wardline_model::Time;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CrlDistributionPoints,
    ExtendedKeyUsage, KeyUsage, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::ext::{AsExtension, Extension};
use x509_cert::time::Validity;
use x509_cert::{Certificate, TbsCertificate, Version};

use crate::cert::{NEVER, to_x509};
use crate::key::{ecdsa_sha256, key_id, spki_der};
use crate::profile::{Approved, BACKDATED, PathLength, RevocationInfo};
use crate::{Cert, CertSerial, PkiError, Signer};

/// A CA that can sign.
#[derive(Debug)]
pub struct Authority {
    cert: Cert,
    key: Signer,
    /// Its subject key identifier. A hospital's CA that signed us chose it by its own rule.
    key_id: Vec<u8>,
}

impl Authority {
    /// Puts a CA certificate and its key together; the key may be elsewhere ([`Signer::Elsewhere`]).
    ///
    /// # Errors
    /// [`PkiError::Refused`] when the key is not the certificate's; [`PkiError::Strict`] when it is no CA certificate.
    pub fn new(cert: Cert, key: impl Into<Signer>) -> Result<Self, PkiError> {
        let key = key.into();
        if cert.public_key_der()? != spki_der(key.spki())? {
            return Err(PkiError::Refused("the private key does not belong to the CA certificate"));
        }
        let key_id = crate::strict::authority_shape(&cert)?;
        Ok(Self { cert, key, key_id })
    }

    /// Signs a self-signed CA certificate with its own key.
    ///
    /// # Errors
    /// [`PkiError::Refused`] when the content is not that of a CA with this key.
    pub fn self_signed(
        content: &Approved,
        key: impl Into<Signer>,
        serial: &CertSerial,
        now: Time,
    ) -> Result<Self, PkiError> {
        let key = key.into();
        if content.authority.is_none() || content.spki != *key.spki() {
            return Err(PkiError::Refused("a root must be a CA and sign itself"));
        }
        let validity = validity(content, now, NEVER)?;
        let cert = build(
            content,
            &Issued { serial, issuer: &content.subject, validity, key: &key, key_id: &key_id(key.spki()) },
        )?;
        Self::new(cert, key)
    }

    /// The CA's own certificate.
    #[must_use]
    pub const fn cert(&self) -> &Cert {
        &self.cert
    }

    /// What signs in its name.
    #[must_use]
    pub const fn key(&self) -> &Signer {
        &self.key
    }

    /// Signs. The new certificate never outlives the CA.
    ///
    /// # Errors
    /// [`PkiError::Refused`] when the CA itself is not valid now.
    pub fn sign(&self, content: &Approved, serial: &CertSerial, now: Time) -> Result<Cert, PkiError> {
        if now < self.cert.not_before() || now > self.cert.not_after() {
            return Err(PkiError::Refused("the CA's own certificate is not valid at this moment; renew the CA"));
        }
        let validity = validity(content, now, self.cert.not_after())?;
        let issuer = &self.cert.parsed().tbs_certificate.subject;
        build(content, &Issued { serial, issuer, validity, key: &self.key, key_id: &self.key_id })
    }

    pub(crate) fn key_id(&self) -> &[u8] {
        &self.key_id
    }
}

fn validity(content: &Approved, now: Time, latest: Time) -> Result<Validity, PkiError> {
    let lasting = || (now - BACKDATED, content.lasts.map_or(NEVER, |span| now + span));
    let (start, end) = content.dates.unwrap_or_else(lasting);
    let end = end.min(latest);
    Ok(Validity { not_before: to_x509(start)?, not_after: to_x509(end)? })
}

/// What the authority itself puts into a certificate, beside what was approved.
pub(crate) struct Issued<'a> {
    pub(crate) serial: &'a CertSerial,
    pub(crate) issuer: &'a x509_cert::name::Name,
    pub(crate) validity: Validity,
    pub(crate) key: &'a Signer,
    pub(crate) key_id: &'a [u8],
}

fn build(content: &Approved, by: &Issued<'_>) -> Result<Cert, PkiError> {
    let tbs_certificate = TbsCertificate {
        version: Version::V3,
        serial_number: by.serial.inner().clone(),
        signature: ecdsa_sha256(),
        issuer: by.issuer.clone(),
        validity: by.validity,
        subject: content.subject.clone(),
        subject_public_key_info: content.spki.clone(),
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(extensions(content, by.key_id).map_err(|e| PkiError::malformed("certificate", e))?),
    };
    let message = tbs_certificate.to_der().map_err(|e| PkiError::malformed("certificate", e))?;
    let signature =
        BitString::from_bytes(&by.key.sign(&message)?).map_err(|e| PkiError::malformed("certificate", e))?;
    let der = Certificate { tbs_certificate, signature_algorithm: ecdsa_sha256(), signature }
        .to_der()
        .map_err(|e| PkiError::malformed("certificate", e))?;
    let signed = Cert::from_der(&der)?;
    crate::compare::says_what_was_approved(&signed, content, by)?;
    Ok(signed)
}

fn extensions(content: &Approved, issuer_key: &[u8]) -> der::Result<Vec<Extension>> {
    let subject = &content.subject;
    let mut list = Vec::new();
    let mut add = |extension: &dyn Fn(&[Extension]) -> der::Result<Extension>| {
        let next = extension(&list)?;
        list.push(next);
        der::Result::Ok(())
    };
    let constraints = BasicConstraints {
        ca: content.authority.is_some(),
        path_len_constraint: (content.authority == Some(PathLength::None)).then_some(0),
    };
    // RFC 5280 section 4.2.1.9: critical in every CA certificate, and we mark it in leaves too.
    add(&|so_far| constraints.to_extension(subject, so_far).map(|e| Extension { critical: true, ..e }))?;
    add(&|so_far| KeyUsage(content.usages).to_extension(subject, so_far))?;
    if let Some(extended) = content.extended {
        let usage = ExtendedKeyUsage(vec![extended]);
        add(&|so_far| usage.to_extension(subject, so_far).map(|e| Extension { critical: false, ..e }))?;
    }
    let own = SubjectKeyIdentifier(OctetString::new(key_id(&content.spki))?);
    add(&|so_far| own.to_extension(subject, so_far))?;
    let parent = AuthorityKeyIdentifier { key_identifier: Some(OctetString::new(issuer_key)?), ..Default::default() };
    add(&|so_far| parent.to_extension(subject, so_far))?;
    if !content.alternative.is_empty() {
        let names = SubjectAltName(content.alternative.clone());
        add(&|so_far| names.to_extension(subject, so_far))?;
    }
    list.extend(revocation(&content.revocation)?);
    // What cannot be read back is a bug here, not a surprise at a pump.
    Vec::<Extension>::from_der(&list.to_der()?)
}

/// noRevAvail (RFC 9608 section 2): id-ce 56, value NULL, not critical.
pub(crate) const NO_REV_AVAIL: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.56");

/// The extensions that say where to ask whether the certificate was revoked; none of them critical.
fn revocation(info: &RevocationInfo) -> der::Result<Vec<Extension>> {
    let extension = |extn_id, value: Vec<u8>| {
        der::Result::Ok(Extension { extn_id, critical: false, extn_value: OctetString::new(value)? })
    };
    Ok(match info {
        RevocationInfo::Silent => Vec::new(),
        RevocationInfo::NotAvailable => vec![extension(NO_REV_AVAIL, Null.to_der()?)?],
        RevocationInfo::NoCheck => vec![extension(ID_PKIX_OCSP_NOCHECK, Null.to_der()?)?],
        RevocationInfo::At { crl, ocsp, issuer } => {
            let place = |url: &str| der::Result::Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(url)?));
            let list = DistributionPoint {
                distribution_point: Some(DistributionPointName::FullName(vec![place(crl)?])),
                reasons: None,
                crl_issuer: None,
            };
            let access = |access_method, url: &str| -> der::Result<_> {
                Ok(AccessDescription { access_method, access_location: place(url)? })
            };
            let accesses = vec![access(ID_AD_OCSP, ocsp)?, access(ID_AD_CA_ISSUERS, issuer)?];
            vec![
                extension(ID_CE_CRL_DISTRIBUTION_POINTS, CrlDistributionPoints(vec![list]).to_der()?)?,
                extension(ID_PE_AUTHORITY_INFO_ACCESS, AuthorityInfoAccessSyntax(accesses).to_der()?)?,
            ]
        }
    })
}
