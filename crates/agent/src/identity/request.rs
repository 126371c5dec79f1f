//! Certificate requests (PKCS #10), and reading the certificates that come back.
//!
//! The pump demands of a certificate that it is for the key just made and names this pump's serial number; everything
//! else in it is the hub's business, which checks it at every handshake.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cms::cert::CertificateChoices;
use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use const_oid::db::rfc4519::SERIAL_NUMBER;
use const_oid::db::rfc5911::ID_SIGNED_DATA;
use const_oid::db::rfc5912::ECDSA_WITH_SHA_256;
use der::asn1::{BitString, SetOfVec};
use der::{Decode as _, Encode as _};
use spki::AlgorithmIdentifierOwned;
use wardline_model::{PumpId, Serial, Time};
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, Version};

use super::Failed;
use super::key::PumpKey;

/// The most certificates in one answer: a chain of a few, during a change of root twice that.
const MAX_CERTS: usize = 16;

/// A request for a certificate, signed by the key that it is for, as base64 text (RFC 7030 section 4.2.1).
pub(super) fn request(key: &PumpKey, subject: Name) -> Result<String, Failed> {
    let wrong = malformed("certificate request");
    let info =
        CertReqInfo { version: Version::V1, subject, public_key: key.spki().clone(), attributes: SetOfVec::new() };
    let signature = key.sign(&info.to_der().map_err(wrong)?)?;
    let algorithm = AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA_256, parameters: None };
    let signature = BitString::from_bytes(&signature).map_err(wrong)?;
    Ok(STANDARD.encode(CertReq { info, algorithm, signature }.to_der().map_err(wrong)?))
}

/// Of the certificates that came, the one for this key; it must name this pump's serial number.
pub(super) fn certificate<'c>(
    key: &PumpKey,
    came: &'c [Certificate],
    serial: &Serial,
) -> Result<&'c Certificate, Failed> {
    let is_ours = |cert: &&Certificate| cert.tbs_certificate.subject_public_key_info == *key.spki();
    let ours = came
        .iter()
        .find(is_ours)
        .ok_or_else(|| Failed::new("the hub's answer holds no certificate for the key it was asked for"))?;
    let named = serial_of(&ours.tbs_certificate.subject);
    if named.as_deref() != Some(serial.as_str()) {
        let named = named.unwrap_or_default();
        return Err(Failed::new(format!("the hub's certificate names serial number {named:?}, this pump is {serial}")));
    }
    Ok(ours)
}

/// The certificate's chain from the leaf up to, and without, a root that the pump believes. While the fleet moves from one
/// root to another, the chain of a pump that knows only the old one ends with the certificate by which the old root vouches
/// for the new (NewWithOld, RFC 7030 section 4.1.3).
pub(super) fn chain(leaf: &Certificate, issuers: &[Certificate], roots: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Failed> {
    let wrong = malformed("certificate");
    let name = |root: &Vec<u8>| Ok(Certificate::from_der(root).map_err(malformed("root"))?.tbs_certificate.subject);
    let names = roots.iter().map(name).collect::<Result<Vec<_>, Failed>>()?;
    let mut chain = vec![leaf.to_der().map_err(wrong)?];
    let mut issuer = &leaf.tbs_certificate.issuer;
    while !names.contains(issuer) {
        // A root that signs itself leads nowhere further.
        let leads_on = |cert: &&Certificate| {
            cert.tbs_certificate.subject == *issuer && cert.tbs_certificate.issuer != cert.tbs_certificate.subject
        };
        let next = issuers.iter().find(leads_on).filter(|_| chain.len() <= MAX_CERTS).ok_or_else(|| {
            Failed::new(
                "the new certificate does not lead to a root that this pump believes: is this the right hub, or the \
                 right root file?",
            )
        })?;
        chain.push(next.to_der().map_err(wrong)?);
        issuer = &next.tbs_certificate.issuer;
    }
    Ok(chain)
}

/// The certificates in an EST answer: base64 of a certs-only CMS message.
pub(super) fn certs_only(body: &[u8]) -> Result<Vec<Certificate>, Failed> {
    let wrong = malformed("hub's certs-only answer");
    let flat: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let der = STANDARD.decode(flat).map_err(|_| Failed::new("the hub's answer is not base64"))?;
    let info = ContentInfo::from_der(&der).map_err(wrong)?;
    if info.content_type != ID_SIGNED_DATA {
        return Err(Failed::new("the hub's answer is not a certs-only message"));
    }
    let signed = info.content.decode_as::<SignedData>().map_err(wrong)?;
    let set = signed.certificates.map(|set| set.0).unwrap_or_default();
    if set.is_empty() || set.len() > MAX_CERTS {
        return Err(Failed::new(format!(
            "the hub's answer holds {} certificates, expected 1 to {MAX_CERTS}",
            set.len()
        )));
    }
    let certs = set.iter().filter_map(|choice| match choice {
        CertificateChoices::Certificate(cert) => Some(cert.clone()),
        CertificateChoices::Other(_) => None,
    });
    Ok(certs.collect())
}

/// Reads an answer as far as it goes, for fuzzing.
#[cfg(feature = "fuzzing")]
pub(crate) fn answer(body: &[u8]) {
    for cert in certs_only(body).unwrap_or_default() {
        let _ = serial_of(&cert.tbs_certificate.subject);
        let _ = cert.to_der().map(|der| Leaf::read(&der));
    }
}

/// The subject of a first request: the serial number as common name. The hub writes the real one.
pub(super) fn first_subject(serial: &Serial) -> Result<Name, Failed> {
    let escaped: String = serial.as_str().bytes().map(|byte| format!("\\{byte:02X}")).collect();
    format!("CN={escaped}").parse().map_err(malformed("serial number"))
}

/// What a pump's certificate says, as far as the pump needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The pump that it names.
    pub(crate) pump: PumpId,
    /// Its serial number, hexadecimal.
    pub(crate) number: String,
    /// Good from.
    pub(crate) not_before: Time,
    /// Good until.
    pub(crate) not_after: Time,
    /// A number that differs from certificate to certificate: spreads renewals.
    pub(crate) spread: u64,
    /// Its subject, which a renewal must repeat.
    pub(super) subject: Name,
}

impl Leaf {
    pub(super) fn read(der: &[u8]) -> Result<Self, Failed> {
        let tbs = Certificate::from_der(der).map_err(malformed("certificate"))?.tbs_certificate;
        let names = tbs.get::<SubjectAltName>().map_err(malformed("certificate"))?.map(|(_, san)| san.0);
        let pump = names.iter().flatten().find_map(|name| match name {
            GeneralName::UniformResourceIdentifier(uri) => uri.as_str().strip_prefix("urn:uuid:")?.parse().ok(),
            _ => None,
        });
        let at = |time: x509_cert::time::Time| Time::from_unix_s(time.to_unix_duration().as_secs());
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
        let spread = hash.as_ref().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        Ok(Self {
            pump: pump.ok_or_else(|| Failed::new("the certificate names no pump"))?,
            number: tbs.serial_number.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect(),
            not_before: at(tbs.validity.not_before),
            not_after: at(tbs.validity.not_after),
            spread,
            subject: tbs.subject,
        })
    }
}

fn serial_of(subject: &Name) -> Option<String> {
    let attribute = subject.0.iter().flat_map(|rdn| rdn.0.iter()).find(|attribute| attribute.oid == SERIAL_NUMBER)?;
    String::from_utf8(attribute.value.value().to_vec()).ok()
}

fn malformed(what: &'static str) -> impl Fn(der::Error) -> Failed + Copy {
    move |error| Failed::new(format!("the {what} cannot be read: {error}"))
}
