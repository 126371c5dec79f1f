//! CSR attributes (RFC 7030 section 4.5): what a client should put into its request, told before it asks.
//!
//! Two tellings stand in one answer, as RFC 9908 section 3.4 allows: the template of that RFC, which a new client uses and
//! nothing else, and the loose list of RFC 7030 for old ones. Both say P-256 with ecdsa-with-SHA256. The template also
//! gives the names that the certificate will carry; what only the client knows stands there without a value.
//!
//! It is advice. The certificate's content comes from the registry whatever the request says (N14).

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::{COMMON_NAME, ORGANIZATION_NAME, SERIAL_NUMBER};
use const_oid::db::rfc5280::{ID_CE_EXT_KEY_USAGE, ID_CE_KEY_USAGE, ID_CE_SUBJECT_ALT_NAME, ID_KP_CLIENT_AUTH};
use const_oid::db::rfc5912::{ECDSA_WITH_SHA_256, ID_EC_PUBLIC_KEY, SECP_256_R_1};
use der::asn1::{BitString, OctetString, SetOfVec, Utf8StringRef};
use der::{Any, Decode, Encode, Sequence, Tag, Tagged, ValueOrd};
use spki::AlgorithmIdentifierOwned;
use x509_cert::attr::Attribute;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName};
use x509_cert::name::Name;

use crate::PkiError;
use crate::profile::PumpNames;

/// `id-aa-certificationRequestInfoTemplate` (RFC 9908 section 3.4).
pub const TEMPLATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.61");

/// `id-aa-extensionReqTemplate` (RFC 9908 section 3.4).
pub const EXTENSIONS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.62");

/// The content type of the answer.
pub const CONTENT_TYPE: &str = "application/csrattrs";

/// The most bytes that are read of one: ours have about 400.
pub const MAX: usize = 8 * 1024;

/// The most entries that are read of any list in one.
const MOST: usize = 64;

const WHAT: &str = "CSR attributes";

/// `SingleAttributeTemplate`: a part of a name, with or without its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Sequence, ValueOrd)]
struct NamePart {
    kind: ObjectIdentifier,
    #[asn1(optional = "true")]
    value: Option<Any>,
}

/// `SubjectPublicKeyInfoTemplate`.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct KeyTemplate {
    algorithm: AlgorithmIdentifierOwned,
    #[asn1(optional = "true")]
    key: Option<BitString>,
}

/// `ExtensionTemplate`: an extension, with or without its value.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct ExtensionTemplate {
    id: ObjectIdentifier,
    #[asn1(default = "Default::default")]
    critical: bool,
    #[asn1(optional = "true")]
    value: Option<OctetString>,
}

/// `CertificationRequestInfoTemplate`.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct RequestTemplate {
    version: u8,
    #[asn1(optional = "true")]
    subject: Option<Vec<SetOfVec<NamePart>>>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    key: Option<KeyTemplate>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT")]
    attributes: SetOfVec<Attribute>,
}

/// What a template says, for a client that makes its request after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The parts of the subject, in order; one without a value is the client's to fill.
    pub subject: Vec<(ObjectIdentifier, Option<String>)>,
    /// The key's algorithm and its curve.
    pub key: Option<(ObjectIdentifier, Option<ObjectIdentifier>)>,
    /// Extensions with their DER values; one without a value is the client's to fill.
    pub extensions: Vec<(ObjectIdentifier, Option<Vec<u8>>)>,
}

fn wrong(e: der::Error) -> PkiError {
    PkiError::malformed(WHAT, e)
}

/// For a pump that the hub knows: the names that its certificate will carry, all filled in. A renewal must repeat them.
///
/// # Errors
/// [`PkiError::Malformed`] when a name does not fit.
pub fn for_pump(names: &PumpNames) -> Result<Vec<u8>, PkiError> {
    let subject = crate::profile::pump_subject(names)?;
    let alternative = SubjectAltName(crate::profile::pump_alternative(names)?);
    let alternative = extension(ID_CE_SUBJECT_ALT_NAME, false, &alternative)?;
    write(filled(&subject)?, vec![alternative])
}

/// For anybody else: common name and serial number are the client's to fill, the rest is the hospital's.
///
/// # Errors
/// [`PkiError::Malformed`] when the hospital's name does not fit.
pub fn for_anybody(hospital: &str) -> Result<Vec<u8>, PkiError> {
    let hospital = Any::encode_from(&Utf8StringRef::new(hospital).map_err(wrong)?).map_err(wrong)?;
    let parts = [(COMMON_NAME, None), (SERIAL_NUMBER, None), (ORGANIZATION_NAME, Some(hospital))];
    let subject = parts.map(|(kind, value)| SetOfVec::try_from(vec![NamePart { kind, value }]).map_err(wrong));
    write(subject.into_iter().collect::<Result<_, _>>()?, Vec::new())
}

fn filled(name: &Name) -> Result<Vec<SetOfVec<NamePart>>, PkiError> {
    let part = |a: &x509_cert::attr::AttributeTypeAndValue| NamePart { kind: a.oid, value: Some(a.value.clone()) };
    name.0.iter().map(|rdn| SetOfVec::try_from(rdn.0.iter().map(part).collect::<Vec<_>>()).map_err(wrong)).collect()
}

fn extension(id: ObjectIdentifier, critical: bool, value: &impl Encode) -> Result<ExtensionTemplate, PkiError> {
    let value = OctetString::new(value.to_der().map_err(wrong)?).map_err(wrong)?;
    Ok(ExtensionTemplate { id, critical, value: Some(value) })
}

fn attribute(oid: ObjectIdentifier, value: &(impl Encode + Tagged)) -> Result<Attribute, PkiError> {
    let value = value.to_der().and_then(|der| Any::from_der(&der)).map_err(wrong)?;
    Ok(Attribute { oid, values: SetOfVec::try_from(vec![value]).map_err(wrong)? })
}

fn write(subject: Vec<SetOfVec<NamePart>>, more: Vec<ExtensionTemplate>) -> Result<Vec<u8>, PkiError> {
    let mut extensions = vec![
        extension(ID_CE_KEY_USAGE, true, &KeyUsage(KeyUsages::DigitalSignature.into()))?,
        extension(ID_CE_EXT_KEY_USAGE, false, &ExtendedKeyUsage(vec![ID_KP_CLIENT_AUTH]))?,
    ];
    extensions.extend(more);
    let curve = Any::encode_from(&SECP_256_R_1).map_err(wrong)?;
    let algorithm = AlgorithmIdentifierOwned { oid: ID_EC_PUBLIC_KEY, parameters: Some(curve) };
    let attributes = SetOfVec::try_from(vec![attribute(EXTENSIONS, &extensions)?]).map_err(wrong)?;
    let template = RequestTemplate {
        version: 0,
        subject: Some(subject),
        key: Some(KeyTemplate { algorithm, key: None }),
        attributes,
    };
    let list: Vec<Any> = vec![
        Any::encode_from(&attribute(ID_EC_PUBLIC_KEY, &SECP_256_R_1)?).map_err(wrong)?,
        Any::encode_from(&ECDSA_WITH_SHA_256).map_err(wrong)?,
        Any::encode_from(&attribute(TEMPLATE, &template)?).map_err(wrong)?,
    ];
    list.to_der().map_err(wrong)
}

/// The template in an answer; `None` when it holds only what RFC 7030 knew.
///
/// # Errors
/// [`PkiError`] when it is too long, is not a list of attributes and object identifiers, or its template is malformed.
pub fn parse(der: &[u8]) -> Result<Option<Wanted>, PkiError> {
    if der.len() > MAX {
        return Err(PkiError::TooLarge { what: WHAT, size: der.len(), limit: MAX });
    }
    let list = Vec::<Any>::from_der(der).map_err(wrong)?;
    few(list.len())?;
    let mut found = None;
    for entry in &list {
        match entry.tag() {
            Tag::ObjectIdentifier => {
                entry.decode_as::<ObjectIdentifier>().map_err(wrong)?;
            }
            Tag::Sequence => {
                let attribute = entry.decode_as::<Attribute>().map_err(wrong)?;
                if attribute.oid == TEMPLATE {
                    let template = only(&attribute)?.decode_as::<RequestTemplate>().map_err(wrong)?;
                    if found.replace(wanted(&template)?).is_some() {
                        return Err(PkiError::malformed(WHAT, "it holds two templates"));
                    }
                }
            }
            _ => return Err(PkiError::malformed(WHAT, "an entry is neither an attribute nor an object identifier")),
        }
    }
    Ok(found)
}

fn wanted(template: &RequestTemplate) -> Result<Wanted, PkiError> {
    if template.version != 0 {
        return Err(PkiError::malformed(WHAT, "its template is not version 1"));
    }
    let parts = || template.subject.iter().flatten().flat_map(|rdn| rdn.iter());
    few(parts().count())?;
    let text = |value: &Any| String::from_utf8(value.value().to_vec()).map_err(|e| PkiError::malformed(WHAT, e));
    let subject = parts().map(|part| Ok((part.kind, part.value.as_ref().map(text).transpose()?)));
    let key = template.key.as_ref().map(|key| {
        let curve = key.algorithm.parameters.as_ref().and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
        (key.algorithm.oid, curve)
    });
    let mut extensions = Vec::new();
    for attribute in template.attributes.iter().filter(|attribute| attribute.oid == EXTENSIONS) {
        let list = only(attribute)?.decode_as::<Vec<ExtensionTemplate>>().map_err(wrong)?;
        few(list.len())?;
        extensions.extend(list.into_iter().map(|e| (e.id, e.value.map(|value| value.as_bytes().to_vec()))));
    }
    Ok(Wanted { subject: subject.collect::<Result<_, PkiError>>()?, key, extensions })
}

/// The one value of an attribute that has exactly one (RFC 9908: COUNTS MAX 1, one value each).
fn only(attribute: &Attribute) -> Result<&Any, PkiError> {
    match attribute.values.as_slice() {
        [value] => Ok(value),
        _ => Err(PkiError::malformed(WHAT, "an attribute of the template has not exactly one value")),
    }
}

fn few(count: usize) -> Result<(), PkiError> {
    if count > MOST {
        return Err(PkiError::TooLarge { what: WHAT, size: count, limit: MOST });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
