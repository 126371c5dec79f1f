//! Answers about one certificate at a time (OCSP, RFC 6960), for those who admit pumps and do not ask our registry: a
//! RADIUS server, an EMR gateway, `openssl`.
//!
//! The answers are signed by a *delegated responder*: a short-lived certificate of the issuing CA that may do nothing
//! else, so the CA's own key signs no answers to strangers. A nonce is returned as it came (RFC 9654: 1 to 128 bytes).
//! What is not about our issuing CA is `unauthorized`, as RFC 9919 wants it; a serial number that we never issued is
//! `unknown`, never `good`.

use aws_lc_rs::digest::{self, digest};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_SHA_1, ID_SHA_256};
use const_oid::db::rfc6960::ID_PKIX_OCSP_NONCE;
use der::asn1::{BitString, OctetString};
use der::{Decode, Encode};
use wardline_model::Time;
use x509_cert::ext::Extension;
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, OcspRequest, OcspResponse, ResponderId, ResponseData,
    RevokedInfo, SingleResponse, Version,
};

use crate::cert::to_x509;
use crate::crl::Reason;
use crate::key::ecdsa_sha256;
use crate::{Cert, CertSerial, P256Key, PkiError};

/// The most bytes of a request: one for a single certificate has about 110, with a nonce of 128 bytes about 260.
pub const MAX_REQUEST: usize = 2 * 1024;

/// The most certificates that one request may ask about. RFC 9919 clients ask about one.
pub const MAX_ASKED: usize = 8;

/// The longest nonce (RFC 9654 section 2.1).
pub const MAX_NONCE: usize = 128;

const WHAT: &str = "OCSP request";

/// What the registry says of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Issued, not revoked, and its pump is not held.
    Good,
    /// Revoked or on hold since then.
    Revoked {
        /// Since when.
        at: Time,
        /// Why.
        reason: Reason,
    },
    /// Never issued by this CA.
    Unknown,
}

/// A readable request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    ids: Vec<CertId>,
    nonce: Option<Vec<u8>>,
}

impl Asked {
    /// Reads a request. A signature on it is not looked at: the answers are for everybody.
    ///
    /// # Errors
    /// [`PkiError`] with what was wrong; the answer to it is [`malformed`].
    pub fn from_der(der: &[u8]) -> Result<Self, PkiError> {
        if der.len() > MAX_REQUEST {
            return Err(PkiError::TooLarge { what: WHAT, size: der.len(), limit: MAX_REQUEST });
        }
        let request = OcspRequest::from_der(der).map_err(|e| PkiError::malformed(WHAT, e))?;
        let about = request.tbs_request;
        let ids: Vec<_> = about.request_list.into_iter().map(|one| one.req_cert).collect();
        if ids.is_empty() || ids.len() > MAX_ASKED {
            return Err(PkiError::malformed(
                WHAT,
                format!("it asks about {} certificates, not 1 to {MAX_ASKED}", ids.len()),
            ));
        }
        let mut nonces = about.request_extensions.iter().flatten().filter(|e| e.extn_id == ID_PKIX_OCSP_NONCE);
        let nonce = match (nonces.next(), nonces.next()) {
            (None, _) => None,
            (Some(_), Some(_)) => return Err(PkiError::malformed(WHAT, "it has two nonces")),
            (Some(one), None) => Some(nonce(one)?),
        };
        Ok(Self { ids, nonce })
    }

    /// The serial numbers that it asks about.
    pub fn serials(&self) -> impl Iterator<Item = CertSerial> + '_ {
        self.ids.iter().map(|id| CertSerial::from_inner(id.serial_number.clone()))
    }

    /// Whether the same answer serves whoever asks the same: no nonce, and only one certificate.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        self.nonce.is_none() && self.ids.len() == 1
    }
}

fn nonce(extension: &Extension) -> Result<Vec<u8>, PkiError> {
    let value = OctetString::from_der(extension.extn_value.as_bytes()).map_err(|e| PkiError::malformed(WHAT, e))?;
    match value.as_bytes().len() {
        1..=MAX_NONCE => Ok(value.into_bytes()),
        length => Err(PkiError::malformed(WHAT, format!("its nonce has {length} bytes, not 1 to {MAX_NONCE}"))),
    }
}

/// The answer to what cannot be read (RFC 6960 section 2.3).
#[must_use]
pub fn malformed() -> Vec<u8> {
    plain(&OcspResponse::malformed_request())
}

/// The answer when we are in trouble ourselves; the client should ask again.
#[must_use]
pub fn try_later() -> Vec<u8> {
    plain(&OcspResponse::try_later())
}

fn plain(response: &OcspResponse) -> Vec<u8> {
    response.to_der().unwrap_or_default()
}

/// Signs answers in the name of one issuing CA.
#[derive(Debug)]
pub struct Responder {
    cert: Cert,
    key: P256Key,
    /// The CA's name and key, by each hash that a client may use. SHA-1 only names the CA here; it secures nothing.
    issuer: [(ObjectIdentifier, Vec<u8>, Vec<u8>); 2],
}

impl Responder {
    /// A responder for `issuer`, with a certificate of [`crate::profile::responder`] and its key.
    ///
    /// # Errors
    /// [`PkiError::Refused`] when the key is not the certificate's; [`PkiError::Signature`] when `issuer` did not sign
    /// it; [`PkiError::Strict`] when it is no responder's certificate.
    pub fn new(issuer: &Cert, cert: Cert, key: P256Key) -> Result<Self, PkiError> {
        if cert.public_key_der()? != crate::key::spki_der(key.spki())? {
            return Err(PkiError::Refused("the private key does not belong to the OCSP responder's certificate"));
        }
        cert.verify_issued_by(issuer)?;
        crate::strict::leaf(&cert, crate::strict::Usage::Responder, cert.not_before())?;
        let about = &issuer.parsed().tbs_certificate;
        let name = about.subject.to_der().map_err(|e| PkiError::malformed("certificate", e))?;
        let public = about.subject_public_key_info.subject_public_key.raw_bytes();
        let by = |oid, algorithm| {
            (oid, digest(algorithm, &name).as_ref().to_vec(), digest(algorithm, public).as_ref().to_vec())
        };
        let issuer = [by(ID_SHA_1, &digest::SHA1_FOR_LEGACY_USE_ONLY), by(ID_SHA_256, &digest::SHA256)];
        Ok(Self { cert, key, issuer })
    }

    /// The responder's own certificate, which every answer carries.
    #[must_use]
    pub const fn cert(&self) -> &Cert {
        &self.cert
    }

    /// Whether all that is asked is about our issuing CA.
    #[must_use]
    pub fn is_ours(&self, asked: &Asked) -> bool {
        asked.ids.iter().all(|id| {
            self.issuer.iter().any(|(oid, name, key)| {
                id.hash_algorithm.oid == *oid
                    && id.issuer_name_hash.as_bytes() == name
                    && id.issuer_key_hash.as_bytes() == key
            })
        })
    }

    /// The whole answer, DER. `statuses` are those of [`Asked::serials`], in order; the answer is good until `next`.
    ///
    /// # Errors
    /// [`PkiError`] when the crypto library fails.
    pub fn answer(&self, asked: &Asked, statuses: &[Status], now: Time, next: Time) -> Result<Vec<u8>, PkiError> {
        let wrong = |e| PkiError::malformed("OCSP answer", e);
        if !self.is_ours(asked) {
            return Ok(plain(&OcspResponse::unauthorized()));
        }
        let (produced, next) = (moment(now)?, moment(next)?);
        let single = |(id, status): (&CertId, &Status)| {
            Ok(SingleResponse {
                cert_id: id.clone(),
                cert_status: cert_status(*status)?,
                this_update: produced,
                next_update: Some(next),
                single_extensions: None,
            })
        };
        let nonce = asked.nonce.as_ref().map(|bytes| -> der::Result<_> {
            let value = OctetString::new(OctetString::new(bytes.as_slice())?.to_der()?)?;
            Ok(vec![Extension { extn_id: ID_PKIX_OCSP_NONCE, critical: false, extn_value: value }])
        });
        let public = self.key.spki().subject_public_key.raw_bytes();
        let hash = digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, public);
        let data = ResponseData {
            version: Version::V1,
            // RFC 9919: by key, which is SHA-1 of the responder's key by definition.
            responder_id: ResponderId::ByKey(OctetString::new(hash.as_ref()).map_err(wrong)?),
            produced_at: produced,
            responses: asked.ids.iter().zip(statuses).map(single).collect::<Result<_, PkiError>>()?,
            response_extensions: nonce.transpose().map_err(wrong)?,
        };
        let signature = self.key.sign(&data.to_der().map_err(wrong)?)?;
        let basic = BasicOcspResponse {
            tbs_response_data: data,
            signature_algorithm: ecdsa_sha256(),
            signature: BitString::from_bytes(&signature).map_err(wrong)?,
            certs: Some(vec![self.cert.parsed().clone()]),
        };
        OcspResponse::successful(basic).and_then(|answer| answer.to_der()).map_err(wrong)
    }
}

fn moment(time: Time) -> Result<OcspGeneralizedTime, PkiError> {
    Ok(to_x509(time)?.into())
}

fn cert_status(status: Status) -> Result<CertStatus, PkiError> {
    Ok(match status {
        Status::Good => CertStatus::good(),
        Status::Unknown => CertStatus::unknown(),
        Status::Revoked { at, reason } => {
            CertStatus::revoked(RevokedInfo { revocation_time: moment(at)?, revocation_reason: reason.code() })
        }
    })
}

#[cfg(test)]
mod tests;
