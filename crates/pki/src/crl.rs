//! Certificate revocation lists (RFC 5280 section 5): full, numbered, signed by the issuing CA.
//!
//! Our own handshakes do not wait for a list: the registry answers at once. The list is for third parties, such as the
//! RADIUS server that admits pumps to the Wi-Fi.

use der::asn1::{BitString, OctetString, Uint};
use der::{Decode, Encode};
use wardline_model::Time;
use x509_cert::crl::{CertificateList, RevokedCert, TbsCertList};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, CrlNumber, CrlReason};
use x509_cert::ext::{AsExtension, Extension};
use x509_cert::{Version, name::Name};

use crate::cert::{from_x509, to_x509};
use crate::key::ecdsa_sha256;
use crate::strict::Fault;
use crate::{Authority, Cert, CertSerial, PkiError};

/// The most bytes of a list that we read: about 200,000 entries of 40 bytes.
pub const MAX_CRL: usize = 8 * 1024 * 1024;

const WHAT: &str = "revocation list";

/// Why a certificate is on the list (RFC 5280 section 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// No reason given.
    Unspecified,
    /// The private key is in other hands, such as with a lost pump.
    KeyCompromise,
    /// A newer certificate took its place.
    Superseded,
    /// The pump was retired.
    CessationOfOperation,
    /// Quarantined: may come back.
    CertificateHold,
}

impl Reason {
    pub(crate) const fn code(self) -> Option<CrlReason> {
        match self {
            // RFC 5280: "SHOULD be absent instead of using the unspecified (0) reasonCode value".
            Self::Unspecified => None,
            Self::KeyCompromise => Some(CrlReason::KeyCompromise),
            Self::Superseded => Some(CrlReason::Superseded),
            Self::CessationOfOperation => Some(CrlReason::CessationOfOperation),
            Self::CertificateHold => Some(CrlReason::CertificateHold),
        }
    }

    /// The name that RFC 5280 gives it, for the database and for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::CertificateHold => "certificateHold",
        }
    }

    /// The reason with this code of RFC 5280; one that we do not use becomes [`Reason::Unspecified`].
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::KeyCompromise,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            _ => Self::Unspecified,
        }
    }

    /// Reads the name that [`Reason::as_str`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Unspecified, Self::KeyCompromise, Self::Superseded, Self::CessationOfOperation, Self::CertificateHold]
            .into_iter()
            .find(|reason| reason.as_str() == text)
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The certificate.
    pub serial: CertSerial,
    /// Since when.
    pub at: Time,
    /// Why.
    pub reason: Reason,
}

/// A list that its issuer signed and that passed the strict checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crl {
    /// Its number, which only grows.
    pub number: u64,
    /// When it was made.
    pub this_update: Time,
    /// When the next one is due at the latest.
    pub next_update: Time,
    /// The certificates on it.
    pub serials: Vec<CertSerial>,
}

impl Authority {
    /// Signs the list of everything revoked, as DER.
    ///
    /// # Errors
    /// [`PkiError`] when the crypto library fails.
    pub fn sign_crl(&self, number: u64, revoked: &[Revoked], now: Time, next: Time) -> Result<Vec<u8>, PkiError> {
        let issuer = self.cert().parsed().tbs_certificate.subject.clone();
        let tbs = tbs(&issuer, self.key_id(), number, revoked, (now, next))?;
        let message = tbs.to_der().map_err(|e| PkiError::malformed(WHAT, e))?;
        let signature = BitString::from_bytes(&self.key().sign(&message)?).map_err(|e| PkiError::malformed(WHAT, e))?;
        CertificateList { tbs_cert_list: tbs, signature_algorithm: ecdsa_sha256(), signature }
            .to_der()
            .map_err(|e| PkiError::malformed(WHAT, e))
    }
}

fn tbs(
    issuer: &Name,
    issuer_key: &[u8],
    number: u64,
    revoked: &[Revoked],
    (now, next): (Time, Time),
) -> Result<TbsCertList, PkiError> {
    let wrong = |e| PkiError::malformed(WHAT, e);
    let parent = AuthorityKeyIdentifier {
        key_identifier: Some(OctetString::new(issuer_key).map_err(wrong)?),
        ..Default::default()
    };
    let number = CrlNumber(Uint::new(&number.to_be_bytes()).map_err(wrong)?);
    let extensions =
        vec![parent.to_extension(issuer, &[]).map_err(wrong)?, number.to_extension(issuer, &[]).map_err(wrong)?];
    let entries = revoked.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    Ok(TbsCertList {
        version: Version::V2,
        signature: ecdsa_sha256(),
        issuer: issuer.clone(),
        this_update: to_x509(now)?,
        next_update: Some(to_x509(next)?),
        // RFC 5280 section 5.1.2.6: absent, not empty, when nothing is revoked.
        revoked_certificates: (!entries.is_empty()).then_some(entries),
        crl_extensions: Some(extensions),
    })
}

fn entry(revoked: &Revoked) -> Result<RevokedCert, PkiError> {
    let wrong = |e| PkiError::malformed(WHAT, e);
    let reason = match revoked.reason.code() {
        Some(code) => Some(vec![Extension {
            extn_id: const_oid::db::rfc5280::ID_CE_CRL_REASONS,
            critical: false,
            extn_value: OctetString::new(code.to_der().map_err(wrong)?).map_err(wrong)?,
        }]),
        None => None,
    };
    Ok(RevokedCert {
        serial_number: revoked.serial.inner().clone(),
        revocation_date: to_x509(revoked.at)?,
        crl_entry_extensions: reason,
    })
}

/// Reads a list and checks it against its issuer: signature, cRLSign, number, dates, key identifier.
///
/// # Errors
/// [`PkiError`] with what was wrong.
pub fn parse(der: &[u8], issuer: &Cert, now: Time) -> Result<Crl, PkiError> {
    if der.len() > MAX_CRL {
        return Err(PkiError::TooLarge { what: WHAT, size: der.len(), limit: MAX_CRL });
    }
    let list = CertificateList::from_der(der).map_err(|e| PkiError::malformed(WHAT, e))?;
    let tbs = &list.tbs_cert_list;
    let about = &issuer.parsed().tbs_certificate;
    crate::strict::crl_issuer(issuer)?;
    if tbs.issuer != about.subject {
        return Err(PkiError::malformed(WHAT, "it names another issuer"));
    }
    let message = tbs.to_der().map_err(|e| PkiError::malformed(WHAT, e))?;
    let signature = list.signature.raw_bytes();
    crate::key::verify(WHAT, &about.subject_public_key_info, &list.signature_algorithm, &message, signature)?;
    let extension = |id| tbs.crl_extensions.iter().flatten().find(|e| e.extn_id == id);
    let number = extension(const_oid::db::rfc5280::ID_CE_CRL_NUMBER).ok_or(Fault::CrlWithoutNumber)?;
    let number = CrlNumber::from_der(number.extn_value.as_bytes()).map_err(|e| PkiError::malformed(WHAT, e))?;
    if extension(const_oid::db::rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER).is_none() {
        return Err(Fault::NoAuthorityKeyId.into());
    }
    let next_update = from_x509(tbs.next_update.ok_or(Fault::CrlStale)?);
    if now > next_update {
        return Err(Fault::CrlStale.into());
    }
    let bytes = number.0.as_bytes();
    if bytes.len() > 8 {
        return Err(PkiError::malformed(WHAT, "its number does not fit 64 bits"));
    }
    Ok(Crl {
        number: bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)),
        this_update: from_x509(tbs.this_update),
        next_update,
        serials: tbs
            .revoked_certificates
            .iter()
            .flatten()
            .map(|entry| CertSerial::from_inner(entry.serial_number.clone()))
            .collect(),
    })
}
