//! Which certificate says what: a profile takes checked nouns and a public key and gives an [`Approved`] certificate
//! that only [`crate::Authority::sign`] can turn into a real one.
//!
//! | profile | names | key usage | extended usage | lasts |
//! |---|---|---|---|---|
//! | root | CN, O | keyCertSign, cRLSign | – | 20 years |
//! | issuing | CN, O | keyCertSign, cRLSign, path length 0 | – | 10 years |
//! | hub server | CN; SAN: DNS, IP | digitalSignature | serverAuth only | 90 days |
//! | pump (LDevID) | CN=pump id, serialNumber, O; SAN: `urn:uuid:`, hardwareModuleName | digitalSignature | clientAuth only | 30 days, or as the hospital says |
//! | OCSP responder | CN, O | digitalSignature | OCSPSigning only | 14 days |
//! | maker root | CN, O | keyCertSign, cRLSign | – | never expires |
//! | cross (a root under another root) | those of the root | keyCertSign, cRLSign | – | no longer than either root |
//! | birth (IDevID) | O, OU=model, serialNumber; SAN: hardwareModuleName | digitalSignature | – | never expires |
//!
//! A pump's certificate can never serve, and the hub's can never link: the usages do not meet (attack class A02).

use core::net::IpAddr;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_OCSP_SIGNING, ID_KP_SERVER_AUTH};
use der::flagset::FlagSet;
use spki::SubjectPublicKeyInfoOwned;
use wardline_model::{Model, PumpId, Serial, Span, Time};
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

use crate::name::{HardwareModuleName, Subject, dns, uri};
use crate::{Cert, Csr, PkiError};

/// How long a pump's certificate lasts. Short enough that a forgotten one ends by itself, long enough for a pump that
/// spent three weeks in a cupboard.
pub const PUMP_LASTS: Span = Span::from_days(30);
/// How long the hub's own server certificate lasts; the hub replaces it while running.
pub const SERVER_LASTS: Span = Span::from_days(90);
/// How long the certificate of the OCSP responder lasts. Nobody checks whether it is revoked (it says so itself), so it
/// is short.
pub const RESPONDER_LASTS: Span = Span::from_days(14);
/// How long the issuing CA lasts.
pub const ISSUING_LASTS: Span = Span::from_days(3_652);
/// How long the root lasts: about the life of a pump fleet.
pub const ROOT_LASTS: Span = Span::from_days(7_305);
/// notBefore lies this long before the moment of issue, because pumps' clocks are wrong by minutes.
pub const BACKDATED: Span = Span::from_h(1);

/// A certificate's content that a profile approved. Only this module makes one, and nobody can change one:
///
/// ```compile_fail
/// # fn reach(mut approved: wardline_pki::Approved) {
/// approved.authority = None;
/// # }
/// ```
///
/// Nor can a certificate be signed without one:
///
/// ```compile_fail
/// # fn sign(ca: &wardline_pki::Authority, csr: &wardline_pki::Csr, serial: &wardline_pki::CertSerial) {
/// ca.sign(csr, serial, wardline_model::Time::from_unix_s(0));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Approved {
    pub(crate) subject: Name,
    pub(crate) spki: SubjectPublicKeyInfoOwned,
    pub(crate) usages: FlagSet<KeyUsages>,
    pub(crate) extended: Option<ObjectIdentifier>,
    pub(crate) alternative: Vec<GeneralName>,
    pub(crate) authority: Option<PathLength>,
    /// Nothing means "never expires".
    pub(crate) lasts: Option<Span>,
    /// The exact dates of a cross certificate, which come from the certificates that it stands for.
    pub(crate) dates: Option<(Time, Time)>,
    pub(crate) revocation: RevocationInfo,
}

/// What a certificate says about where to ask whether it was revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RevocationInfo {
    /// Nothing: who trusts it knows by other means, as the hub does by its registry.
    #[default]
    Silent,
    /// Where the list is (cRLDistributionPoints), who answers (OCSP) and where the issuer's certificate is (caIssuers),
    /// all as `http://` addresses (RFC 5280 section 4.2.2.1: plain, or asking would need another answer first).
    At {
        /// The revocation list.
        crl: String,
        /// The OCSP responder.
        ocsp: String,
        /// The issuing CA's certificate.
        issuer: String,
    },
    /// It is too short-lived to be revoked (noRevAvail, RFC 9608).
    NotAvailable,
    /// It is the OCSP responder's own (id-pkix-ocsp-nocheck, RFC 6960 section 4.2.2.2.1).
    NoCheck,
}

impl Approved {
    /// The same certificate, good for this long from now on.
    #[must_use]
    pub const fn lasting(mut self, lasts: Span) -> Self {
        self.lasts = Some(lasts);
        self
    }

    /// The same certificate, saying where to ask whether it was revoked.
    #[must_use]
    pub fn with_revocation(mut self, revocation: RevocationInfo) -> Self {
        self.revocation = revocation;
        self
    }
}

/// How many CAs may follow a CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathLength {
    Any,
    None,
}

/// Who a pump's certificate will say it is: all from the registry, nothing from the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PumpNames {
    /// The pump.
    pub pump: PumpId,
    /// Its serial number.
    pub serial: Serial,
    /// The hospital, for the subject's O.
    pub hospital: String,
    /// The maker's hwType, when a birth certificate gave one.
    pub hw_type: Option<ObjectIdentifier>,
}

/// A pump's LDevID. Of the request only the public key counts.
///
/// # Errors
/// [`PkiError`] when a name does not fit.
pub fn pump(request: &Csr, names: &PumpNames) -> Result<Approved, PkiError> {
    wardline_model::covers!("N14");
    Ok(Approved {
        subject: pump_subject(names)?,
        spki: request.spki().clone(),
        usages: KeyUsages::DigitalSignature.into(),
        extended: Some(ID_KP_CLIENT_AUTH),
        alternative: pump_alternative(names)?,
        authority: None,
        lasts: Some(PUMP_LASTS),
        dates: None,
        revocation: RevocationInfo::Silent,
    })
}

pub(crate) fn pump_alternative(names: &PumpNames) -> Result<Vec<GeneralName>, PkiError> {
    let hw_type = names.hw_type.unwrap_or(crate::name::UNKNOWN_HARDWARE);
    Ok(vec![uri(&names.pump)?, HardwareModuleName::new(hw_type, &names.serial)?.general_name()?])
}

pub(crate) fn pump_subject(names: &PumpNames) -> Result<Name, PkiError> {
    let subject = Subject::default().common_name(&names.pump.to_string())?.serial(&names.serial)?;
    Ok(subject.organization(&names.hospital)?.name())
}

/// The hub's server certificate for these hosts.
///
/// # Errors
/// [`PkiError::Refused`] without any host; [`PkiError::Malformed`] when one does not fit.
pub fn server(spki: &SubjectPublicKeyInfoOwned, hosts: &[&str], addresses: &[IpAddr]) -> Result<Approved, PkiError> {
    let first = hosts.first().ok_or(PkiError::Refused("a server certificate needs at least one host name"))?;
    let mut alternative = hosts.iter().map(|host| dns(host)).collect::<Result<Vec<_>, _>>()?;
    alternative.extend(addresses.iter().map(|address| GeneralName::from(*address)));
    Ok(Approved {
        subject: Subject::default().common_name(first)?.name(),
        spki: spki.clone(),
        usages: KeyUsages::DigitalSignature.into(),
        extended: Some(ID_KP_SERVER_AUTH),
        alternative,
        authority: None,
        lasts: Some(SERVER_LASTS),
        dates: None,
        revocation: RevocationInfo::Silent,
    })
}

/// The certificate of the OCSP responder that answers in the issuing CA's name.
///
/// # Errors
/// [`PkiError::Malformed`] when a name does not fit.
pub fn responder(spki: &SubjectPublicKeyInfoOwned, name: &str, organization: &str) -> Result<Approved, PkiError> {
    Ok(Approved {
        subject: Subject::default().common_name(name)?.organization(organization)?.name(),
        spki: spki.clone(),
        usages: KeyUsages::DigitalSignature.into(),
        extended: Some(ID_KP_OCSP_SIGNING),
        alternative: Vec::new(),
        authority: None,
        lasts: Some(RESPONDER_LASTS),
        dates: None,
        revocation: RevocationInfo::NoCheck,
    })
}

/// A root CA: the fleet's own.
///
/// # Errors
/// [`PkiError::Malformed`] when a name does not fit.
pub fn root(spki: &SubjectPublicKeyInfoOwned, name: &str, organization: &str) -> Result<Approved, PkiError> {
    authority(spki, name, organization, PathLength::Any, Some(ROOT_LASTS))
}

/// An issuing CA below a root.
///
/// # Errors
/// As [`root`].
pub fn issuing(spki: &SubjectPublicKeyInfoOwned, name: &str, organization: &str) -> Result<Approved, PkiError> {
    authority(spki, name, organization, PathLength::None, Some(ISSUING_LASTS))
}

/// A root's own names and key in a certificate that another root signs, with these dates: how the old root vouches for
/// the new one and the new one for the old while a fleet moves over (see [`crate::roll_over`]).
///
/// # Errors
/// [`PkiError::Refused`] when it is not a root with a P-256 key.
pub(crate) fn cross(root: &Cert, dates: (Time, Time)) -> Result<Approved, PkiError> {
    let tbs = &root.parsed().tbs_certificate;
    crate::strict::authority_shape(root)?;
    root.verify_issued_by(root)
        .map_err(|_| PkiError::Refused("only a root, which signs itself, gets a cross certificate"))?;
    Ok(Approved {
        subject: tbs.subject.clone(),
        spki: tbs.subject_public_key_info.clone(),
        usages: KeyUsages::KeyCertSign | KeyUsages::CRLSign,
        extended: None,
        alternative: Vec::new(),
        authority: Some(PathLength::Any),
        lasts: None,
        dates: Some(dates),
        revocation: RevocationInfo::Silent,
    })
}

/// A maker's root, for the simulator and tests: real ones come from makers.
///
/// # Errors
/// As [`root`].
pub fn maker_root(spki: &SubjectPublicKeyInfoOwned, name: &str, maker: &str) -> Result<Approved, PkiError> {
    authority(spki, name, maker, PathLength::Any, None)
}

fn authority(
    spki: &SubjectPublicKeyInfoOwned,
    name: &str,
    organization: &str,
    path: PathLength,
    lasts: Option<Span>,
) -> Result<Approved, PkiError> {
    Ok(Approved {
        subject: Subject::default().common_name(name)?.organization(organization)?.name(),
        spki: spki.clone(),
        usages: KeyUsages::KeyCertSign | KeyUsages::CRLSign,
        extended: None,
        alternative: Vec::new(),
        authority: Some(path),
        lasts,
        dates: None,
        revocation: RevocationInfo::Silent,
    })
}

/// A birth certificate (IDevID, IEEE 802.1AR): what a maker puts into a pump in the factory. Used by the simulator.
///
/// # Errors
/// [`PkiError::Malformed`] when a name does not fit.
pub fn birth(
    spki: &SubjectPublicKeyInfoOwned,
    maker: &str,
    model: &Model,
    serial: &Serial,
    hw_type: ObjectIdentifier,
) -> Result<Approved, PkiError> {
    let subject = Subject::default().organization(maker)?.unit(model.as_str())?.serial(serial)?;
    Ok(Approved {
        subject: subject.name(),
        spki: spki.clone(),
        usages: KeyUsages::DigitalSignature.into(),
        extended: None,
        alternative: vec![HardwareModuleName::new(hw_type, serial)?.general_name()?],
        authority: None,
        lasts: None,
        dates: None,
        revocation: RevocationInfo::Silent,
    })
}
