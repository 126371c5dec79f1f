//! Names in certificates: subjects, `urn:uuid:` and the `hardwareModuleName` of RFC 4108.
//!
//! Every name is written by us from checked nouns of `model`; nothing from outside is copied into a certificate.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::{COMMON_NAME, ORGANIZATION_NAME, ORGANIZATIONAL_UNIT_NAME, SERIAL_NUMBER};
use der::asn1::{Ia5String, OctetString, PrintableStringRef, SetOfVec, Utf8StringRef};
use der::{Any, Decode, Encode, Sequence, Tag, Tagged};
use wardline_model::{PumpId, Serial};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::pkix::name::{GeneralName, OtherName};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

use crate::PkiError;

/// `id-on-hardwareModuleName` (RFC 4108 section 5).
pub const HARDWARE_MODULE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.8.4");

/// The hwType for a pump whose birth certificate gave none: an arc under 32473, the enterprise number kept for
/// documentation by RFC 5612. Replace it when Wardline has its own.
pub const UNKNOWN_HARDWARE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.9.1");

/// `HardwareModuleName ::= SEQUENCE { hwType OBJECT IDENTIFIER, hwSerialNum OCTET STRING }`.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct HardwareModuleName {
    /// The kind of module, by its maker.
    pub hw_type: ObjectIdentifier,
    /// The module's serial number.
    pub hw_serial: OctetString,
}

impl HardwareModuleName {
    /// The name of a pump with this serial number.
    ///
    /// # Errors
    /// [`PkiError::Malformed`] when it does not fit DER (a [`Serial`] always does).
    pub fn new(hw_type: ObjectIdentifier, serial: &Serial) -> Result<Self, PkiError> {
        let hw_serial = OctetString::new(serial.as_str().as_bytes()).map_err(|e| PkiError::malformed("serial", e))?;
        Ok(Self { hw_type, hw_serial })
    }

    /// The serial number, when it is text that a [`Serial`] may hold.
    #[must_use]
    pub fn serial(&self) -> Option<Serial> {
        Serial::new(core::str::from_utf8(self.hw_serial.as_bytes()).ok()?).ok()
    }

    pub(crate) fn general_name(&self) -> Result<GeneralName, PkiError> {
        let value = self.to_der().and_then(|der| Any::from_der(&der)).map_err(wrong)?;
        Ok(GeneralName::OtherName(OtherName { type_id: HARDWARE_MODULE_NAME, value }))
    }

    pub(crate) fn from_general_name(name: &GeneralName) -> Option<Self> {
        match name {
            GeneralName::OtherName(other) if other.type_id == HARDWARE_MODULE_NAME => {
                Self::from_der(&other.value.to_der().ok()?).ok()
            }
            _ => None,
        }
    }
}

fn wrong(e: der::Error) -> PkiError {
    PkiError::malformed("name", e)
}

/// A subject in the making, in the order in which the attributes are added.
#[derive(Default)]
pub(crate) struct Subject(Vec<RelativeDistinguishedName>);

impl Subject {
    pub(crate) fn common_name(self, text: &str) -> Result<Self, PkiError> {
        self.utf8(COMMON_NAME, text)
    }

    pub(crate) fn organization(self, text: &str) -> Result<Self, PkiError> {
        self.utf8(ORGANIZATION_NAME, text)
    }

    pub(crate) fn unit(self, text: &str) -> Result<Self, PkiError> {
        self.utf8(ORGANIZATIONAL_UNIT_NAME, text)
    }

    /// X.520 demands PrintableString for `serialNumber`; a maker's serial with other characters becomes UTF-8.
    pub(crate) fn serial(self, serial: &Serial) -> Result<Self, PkiError> {
        match PrintableStringRef::new(serial.as_str()) {
            Ok(text) => self.push(SERIAL_NUMBER, Any::encode_from(&text).map_err(wrong)?),
            Err(_) => self.utf8(SERIAL_NUMBER, serial.as_str()),
        }
    }

    pub(crate) fn name(self) -> Name {
        RdnSequence(self.0)
    }

    fn utf8(self, oid: ObjectIdentifier, text: &str) -> Result<Self, PkiError> {
        let text = Utf8StringRef::new(text).map_err(wrong)?;
        self.push(oid, Any::encode_from(&text).map_err(wrong)?)
    }

    fn push(mut self, oid: ObjectIdentifier, value: Any) -> Result<Self, PkiError> {
        let set = SetOfVec::try_from(vec![AttributeTypeAndValue { oid, value }]).map_err(wrong)?;
        self.0.push(RelativeDistinguishedName(set));
        Ok(self)
    }
}

/// The one value of this attribute in a subject; nothing when it is absent, repeated, or not text.
pub(crate) fn only(name: &Name, oid: ObjectIdentifier) -> Option<String> {
    let mut found = name.0.iter().flat_map(|rdn| rdn.0.iter()).filter(|a| a.oid == oid);
    let value = &found.next()?.value;
    if found.next().is_some() || !matches!(value.tag(), Tag::Utf8String | Tag::PrintableString | Tag::Ia5String) {
        return None;
    }
    core::str::from_utf8(value.value()).ok().map(str::to_owned)
}

pub(crate) fn uri(id: &PumpId) -> Result<GeneralName, PkiError> {
    Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(&id.to_urn()).map_err(wrong)?))
}

pub(crate) fn dns(host: &str) -> Result<GeneralName, PkiError> {
    Ok(GeneralName::DnsName(Ia5String::new(host).map_err(wrong)?))
}
