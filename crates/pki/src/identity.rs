//! Who a peer's certificate says it is. Nothing here is proof: the handshake proves the key, the chain proves the
//! issuer, and the registry has the last word.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::{COMMON_NAME, ORGANIZATIONAL_UNIT_NAME, SERIAL_NUMBER};
use wardline_model::{Digest, Model, PumpId, Serial, Time};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

use crate::name::{HardwareModuleName, UNKNOWN_HARDWARE, only};
use crate::{Cert, CertSerial, PkiError};

/// What a pump's own certificate (LDevID) says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PumpIdentity {
    /// The pump.
    pub pump: PumpId,
    /// Its serial number.
    pub serial: Serial,
    /// The maker's hwType.
    pub hw_type: ObjectIdentifier,
    /// SHA-256 of the certificate.
    pub fingerprint: Digest,
    /// The certificate's serial number.
    pub cert_serial: CertSerial,
    /// When it ends.
    pub not_after: Time,
}

/// What a maker's birth certificate (IDevID) says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BirthIdentity {
    /// The serial number, which the subject and `hwSerialNum` agree about.
    pub serial: Serial,
    /// The model, when the maker wrote one (OU in the simulator's certificates).
    pub model: Option<Model>,
    /// The maker's hwType.
    pub hw_type: ObjectIdentifier,
    /// SHA-256 of the certificate.
    pub fingerprint: Digest,
}

/// The names inside the subject alternative name that we know.
struct Alternative {
    pumps: Vec<PumpId>,
    modules: Vec<HardwareModuleName>,
    others: usize,
}

impl PumpIdentity {
    /// Reads a pump's certificate.
    ///
    /// # Errors
    /// [`PkiError::Malformed`] when it is not exactly of the pump profile: one `urn:uuid:`, one hardwareModuleName,
    /// subject and alternative name in agreement.
    pub fn of(cert: &Cert) -> Result<Self, PkiError> {
        let wrong = |why: &str| PkiError::malformed("pump certificate", why);
        let names = alternative(cert)?;
        let ([pump], [module], 0) = (names.pumps.as_slice(), names.modules.as_slice(), names.others) else {
            return Err(wrong("expected exactly one urn:uuid and one hardwareModuleName"));
        };
        let subject = &cert.parsed().tbs_certificate.subject;
        if only(subject, COMMON_NAME).as_deref() != Some(&pump.to_string()) {
            return Err(wrong("its common name is not its pump id"));
        }
        let serial = agreed_serial(cert, module).ok_or_else(|| wrong("its serial numbers do not agree"))?;
        Ok(Self {
            pump: *pump,
            serial,
            hw_type: module.hw_type,
            fingerprint: cert.fingerprint(),
            cert_serial: cert.serial(),
            not_after: cert.not_after(),
        })
    }
}

impl BirthIdentity {
    /// Reads a birth certificate.
    ///
    /// # Errors
    /// [`PkiError::Malformed`] without one hardwareModuleName, or when its serial numbers do not agree.
    pub fn of(cert: &Cert) -> Result<Self, PkiError> {
        Self::read(cert, |_| Err(birth_wrong("expected exactly one hardwareModuleName")))
    }

    /// As [`BirthIdentity::of`], and a certificate without any hardwareModuleName is known by the serial number in its
    /// subject alone: some makers' certificates are older than the rule.
    ///
    /// # Errors
    /// As [`BirthIdentity::of`].
    pub fn with_or_without_module(cert: &Cert) -> Result<Self, PkiError> {
        Self::read(cert, |subject| {
            let serial = only(subject, SERIAL_NUMBER).and_then(|text| Serial::new(&text).ok());
            serial.ok_or_else(|| birth_wrong("its subject has no serialNumber"))
        })
    }

    /// Reads a birth certificate; `alone` gives the serial number when there is no hardwareModuleName.
    fn read(cert: &Cert, alone: impl FnOnce(&Name) -> Result<Serial, PkiError>) -> Result<Self, PkiError> {
        let names = alternative(cert)?;
        if !names.pumps.is_empty() {
            return Err(birth_wrong("it carries a pump id, which only the hospital may give"));
        }
        let subject = &cert.parsed().tbs_certificate.subject;
        let (serial, hw_type) = match names.modules.as_slice() {
            [module] => {
                let serial = agreed_serial(cert, module);
                (serial.ok_or_else(|| birth_wrong("its serial numbers do not agree"))?, module.hw_type)
            }
            [] => (alone(subject)?, UNKNOWN_HARDWARE),
            _ => return Err(birth_wrong("it carries more than one hardwareModuleName")),
        };
        let model = only(subject, ORGANIZATIONAL_UNIT_NAME).and_then(|text| Model::new(&text).ok());
        Ok(Self { serial, model, hw_type, fingerprint: cert.fingerprint() })
    }
}

fn birth_wrong(why: &str) -> PkiError {
    PkiError::malformed("birth certificate", why)
}

fn agreed_serial(cert: &Cert, module: &HardwareModuleName) -> Option<Serial> {
    let serial = Serial::new(&only(&cert.parsed().tbs_certificate.subject, SERIAL_NUMBER)?).ok()?;
    (module.serial()? == serial).then_some(serial)
}

fn alternative(cert: &Cert) -> Result<Alternative, PkiError> {
    let found = cert.parsed().tbs_certificate.get::<SubjectAltName>();
    let found = found.map_err(|e| PkiError::malformed("certificate", e))?.map(|(_, san)| san.0).unwrap_or_default();
    let mut names = Alternative { pumps: Vec::new(), modules: Vec::new(), others: 0 };
    for name in &found {
        let pump = match name {
            GeneralName::UniformResourceIdentifier(uri) => PumpId::from_urn(uri.as_str()).ok(),
            _ => None,
        };
        match (pump, HardwareModuleName::from_general_name(name)) {
            (Some(pump), _) => names.pumps.push(pump),
            (None, Some(module)) => names.modules.push(module),
            (None, None) => names.others += 1,
        }
    }
    Ok(names)
}
