//! A certificate: its exact bytes beside what they mean.
//!
//! Bytes that do not re-encode to themselves are refused, so a fingerprint names one certificate and a certificate has
//! one fingerprint (no second spelling slips past the registry).

use core::fmt;
use core::str::FromStr;

use const_oid::db::rfc5912::ECDSA_WITH_SHA_256;
use der::pem::LineEnding;
use der::{Decode, DecodePem, Encode};
use spki::AlgorithmIdentifierOwned;
use wardline_model::{Digest, Time};
use x509_cert::Certificate;
use x509_cert::serial_number::SerialNumber;

use crate::PkiError;

/// The most bytes that one certificate may have. Ours are about 700; RSA-4096 maker certificates with several
/// extensions stay under 3,000.
pub const MAX_CERT: usize = 8 * 1024;

/// A certificate's serial number, unique within its issuer: 1 to 20 bytes, positive (RFC 5280 section 4.1.2.2).
#[derive(Clone, PartialEq, Eq)]
pub struct CertSerial(SerialNumber);

impl CertSerial {
    /// A serial number of sixteen random bytes that the caller drew; the two top bits are fixed so that it is positive
    /// and always sixteen bytes long.
    #[must_use]
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[0] = (bytes[0] & 0x3f) | 0x40;
        Self(SerialNumber::new(&bytes).unwrap_or_else(|_| SerialNumber::from(u64::MAX >> 1)))
    }

    pub(crate) const fn from_inner(inner: SerialNumber) -> Self {
        Self(inner)
    }

    pub(crate) const fn inner(&self) -> &SerialNumber {
        &self.0
    }
}

impl fmt::Display for CertSerial {
    /// Lower-case hexadecimal without separators.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_bytes().iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for CertSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertSerial({self})")
    }
}

impl FromStr for CertSerial {
    type Err = PkiError;

    fn from_str(text: &str) -> Result<Self, PkiError> {
        let wrong = || PkiError::malformed("certificate serial number", "expected 2 to 40 hexadecimal digits");
        if text.is_empty() || text.len() > 40 || !text.len().is_multiple_of(2) || !text.is_ascii() {
            return Err(wrong());
        }
        let bytes: Result<Vec<u8>, _> =
            (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16)).collect();
        Ok(Self(SerialNumber::new(&bytes.map_err(|_| wrong())?).map_err(|_| wrong())?))
    }
}

/// A certificate that could be read. Nothing about it is trusted yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Cert {
    der: Vec<u8>,
    parsed: Certificate,
}

impl Cert {
    /// Reads DER.
    ///
    /// # Errors
    /// [`PkiError`] when too long, malformed, or not the one encoding that DER allows.
    pub fn from_der(der: &[u8]) -> Result<Self, PkiError> {
        if der.len() > MAX_CERT {
            return Err(PkiError::TooLarge { what: "certificate", size: der.len(), limit: MAX_CERT });
        }
        let parsed = Certificate::from_der(der).map_err(|e| PkiError::malformed("certificate", e))?;
        let again = parsed.to_der().map_err(|e| PkiError::malformed("certificate", e))?;
        if again != der {
            return Err(PkiError::malformed("certificate", "it is not in its one canonical (DER) form"));
        }
        Ok(Self { der: again, parsed })
    }

    /// Reads one PEM block.
    ///
    /// # Errors
    /// As [`Cert::from_der`].
    pub fn from_pem(pem: &str) -> Result<Self, PkiError> {
        if pem.len() > 2 * MAX_CERT {
            return Err(PkiError::TooLarge { what: "certificate", size: pem.len(), limit: 2 * MAX_CERT });
        }
        let parsed = Certificate::from_pem(pem.trim()).map_err(|e| PkiError::malformed("certificate", e))?;
        Self::from_der(&parsed.to_der().map_err(|e| PkiError::malformed("certificate", e))?)
    }

    /// The exact bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The PEM form that people and `openssl` read.
    #[must_use]
    pub fn to_pem(&self) -> String {
        der::pem::encode_string("CERTIFICATE", LineEnding::LF, &self.der).unwrap_or_default()
    }

    /// What the bytes mean.
    #[must_use]
    pub const fn parsed(&self) -> &Certificate {
        &self.parsed
    }

    /// SHA-256 of the bytes: what the registry knows a pump's current certificate by.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        fingerprint(&self.der)
    }

    /// The serial number.
    #[must_use]
    pub fn serial(&self) -> CertSerial {
        CertSerial::from_inner(self.parsed.tbs_certificate.serial_number.clone())
    }

    /// The first moment at which it is valid.
    #[must_use]
    pub fn not_before(&self) -> Time {
        from_x509(self.parsed.tbs_certificate.validity.not_before)
    }

    /// The last moment at which it is valid.
    #[must_use]
    pub fn not_after(&self) -> Time {
        from_x509(self.parsed.tbs_certificate.validity.not_after)
    }

    /// Its public key, as the DER of a SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`PkiError::Malformed`] when it cannot be written (it was read, so this does not happen).
    pub fn public_key_der(&self) -> Result<Vec<u8>, PkiError> {
        crate::key::spki_der(&self.parsed.tbs_certificate.subject_public_key_info)
    }

    /// SHA-256 of its public key (the DER of the SubjectPublicKeyInfo): what says whether two certificates are for one key.
    ///
    /// # Errors
    /// As [`Cert::public_key_der`].
    pub fn key_hash(&self) -> Result<Digest, PkiError> {
        Ok(fingerprint(&self.public_key_der()?))
    }

    /// Whether this certificate's own key made this signature (ECDSA on P-256 over the SHA-256 of the message).
    ///
    /// # Errors
    /// [`PkiError::Signature`].
    pub fn verify_by_its_key(&self, message: &[u8], signature: &[u8]) -> Result<(), PkiError> {
        let algorithm = AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA_256, parameters: None };
        let spki = &self.parsed.tbs_certificate.subject_public_key_info;
        crate::key::verify("statement", spki, &algorithm, message, signature)
    }

    /// Whether `issuer`'s key signed this certificate and the names meet; a foreign authority may use RSA. Says nothing
    /// about what either may do: that is [`crate::strict`].
    ///
    /// # Errors
    /// [`PkiError::Signature`], or [`PkiError::Malformed`] for another algorithm or another issuer name.
    pub fn verify_issued_by(&self, issuer: &Self) -> Result<(), PkiError> {
        let tbs = &self.parsed.tbs_certificate;
        if tbs.issuer != issuer.parsed.tbs_certificate.subject {
            return Err(PkiError::malformed("certificate", "it names another issuer"));
        }
        let message = tbs.to_der().map_err(|e| PkiError::malformed("certificate", e))?;
        crate::foreign::verify(
            "certificate",
            &issuer.parsed.tbs_certificate.subject_public_key_info,
            &self.parsed.signature_algorithm,
            &message,
            self.parsed.signature.raw_bytes(),
        )
    }
}

impl fmt::Debug for Cert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cert({}, serial {})", self.parsed.tbs_certificate.subject, self.serial())
    }
}

/// SHA-256 of a certificate's DER, without reading it.
#[must_use]
pub fn fingerprint(der: &[u8]) -> Digest {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.as_ref());
    Digest::from_bytes(bytes)
}

pub(crate) fn from_x509(time: x509_cert::time::Time) -> Time {
    Time::from_unix_s(time.to_unix_duration().as_secs())
}

/// The last second that GeneralizedTime can name, 9999-12-31T23:59:59Z: "never expires" (RFC 5280 section 4.1.2.5).
pub const NEVER: Time = Time::from_unix_s(253_402_300_799);

/// The first second of 2050, from which dates are written as GeneralizedTime (RFC 5280 section 4.1.2.5).
const GENERALIZED_FROM_S: u64 = 2_524_608_000;

pub(crate) fn to_x509(time: Time) -> Result<x509_cert::time::Time, PkiError> {
    let since_epoch = core::time::Duration::from_secs(time.as_unix_s());
    let wrong = |e| PkiError::malformed("date", e);
    if time.as_unix_s() < GENERALIZED_FROM_S {
        der::asn1::UtcTime::from_unix_duration(since_epoch).map(Into::into).map_err(wrong)
    } else {
        der::asn1::GeneralizedTime::from_unix_duration(since_epoch).map(Into::into).map_err(wrong)
    }
}
