//! Every certificate that the hub issued, and the snapshot that guards the handshake.
//!
//! A pump that asks for a new certificate may lose the answer on the way. So a new certificate is `Pending` until the
//! pump first uses it, and the one before it stays good until then.

use wardline_model::{Digest, Lifecycle, Model, PumpId, Serial, Time};

use crate::error::unbuilt;
use crate::{Decision, Store, StoreError};

/// What has become of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CertificateState {
    /// Issued, not used yet.
    Pending,
    /// In use.
    Current,
    /// Replaced by a newer one that was used.
    Superseded,
    /// Revoked: on the revocation list until it expires.
    Revoked,
}

/// When and why a certificate was revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// When.
    pub at: Time,
    /// The CRL reason code of RFC 5280 section 5.3.1.
    pub code: u8,
    /// Why, for people.
    pub reason: String,
}

/// A certificate that the hub issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRow {
    /// Serial number, lower-case hexadecimal.
    pub serial: String,
    /// SHA-256 of the DER.
    pub fingerprint: Digest,
    /// Whose it is.
    pub pump: PumpId,
    /// Valid from.
    pub not_before: Time,
    /// Valid to.
    pub not_after: Time,
    /// When it was issued.
    pub issued: Time,
    /// What has become of it.
    pub state: CertificateState,
    /// Why it was revoked, if it was.
    pub revocation: Option<Revocation>,
}

/// A certificate that was just signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCertificate {
    /// Serial number, lower-case hexadecimal.
    pub serial: String,
    /// SHA-256 of the DER.
    pub fingerprint: Digest,
    /// Whose it is.
    pub pump: PumpId,
    /// Valid from.
    pub not_before: Time,
    /// Valid to.
    pub not_after: Time,
    /// The certificate.
    pub der: Vec<u8>,
}

/// A revoked certificate that has not expired: a line of the revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedRow {
    /// Serial number, lower-case hexadecimal.
    pub serial: String,
    /// When and why.
    pub revocation: Revocation,
}

/// What the guard of the handshake needs to know of one pump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryEntry {
    /// Who.
    pub pump: PumpId,
    /// The maker's model.
    pub model: Model,
    /// The maker's serial number.
    pub serial: Serial,
    /// Whether it may link.
    pub lifecycle: Lifecycle,
    /// The fingerprint of the certificate in use.
    pub current: Option<Digest>,
    /// The fingerprint of a certificate that was issued and not used yet.
    pub pending: Option<Digest>,
}

impl RegistryEntry {
    /// Whether a pump that shows this certificate may hold a link.
    #[must_use]
    pub fn admits(&self, fingerprint: &Digest) -> bool {
        self.lifecycle.may_link()
            && (self.current.as_ref() == Some(fingerprint) || self.pending.as_ref() == Some(fingerprint))
    }
}

impl Store {
    /// Records a certificate as pending, with its audit record `certificate.issue`, before it is handed out. An older
    /// pending one of the same pump is superseded. An expected pump becomes enrolled in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown pump, [`StoreError::Refused`] when its state forbids it (retired, lost,
    /// quarantined) or the serial number exists already.
    pub async fn issue_certificate(
        &self,
        certificate: &NewCertificate,
        by: &Decision,
    ) -> Result<RegistryEntry, StoreError> {
        let _ = (certificate, by);
        unbuilt()
    }

    /// A pump used this certificate: a pending one becomes the current one, the one before is superseded, and an
    /// enrolled pump is in service. Does nothing (and costs one read) when it is current already.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the certificate is neither pending nor current.
    pub async fn certificate_used(
        &self,
        pump: PumpId,
        fingerprint: &Digest,
        now: Time,
    ) -> Result<RegistryEntry, StoreError> {
        let _ = (pump, fingerprint, now);
        unbuilt()
    }

    /// Revokes every certificate of a pump that has not expired, with its audit record `certificate.revoke`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn revoke_certificates(
        &self,
        pump: PumpId,
        code: u8,
        by: &Decision,
    ) -> Result<RegistryEntry, StoreError> {
        let _ = (pump, code, by);
        unbuilt()
    }

    /// A pump's certificates, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn certificates(&self, pump: PumpId) -> Result<Vec<CertificateRow>, StoreError> {
        let _ = pump;
        unbuilt()
    }

    /// The certificate with this serial number, and its DER: for OCSP.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn certificate(&self, serial: &str) -> Result<Option<(CertificateRow, Vec<u8>)>, StoreError> {
        let _ = serial;
        unbuilt()
    }

    /// Current certificates that end before this moment: for renewals that did not come.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn certificates_ending(&self, before: Time) -> Result<Vec<CertificateRow>, StoreError> {
        let _ = before;
        unbuilt()
    }

    /// Everything for the revocation list at this moment.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn revoked(&self, now: Time) -> Result<Vec<RevokedRow>, StoreError> {
        let _ = now;
        unbuilt()
    }

    /// The next CRL number, never given twice (RFC 5280 section 5.2.3).
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn next_crl_number(&self) -> Result<u64, StoreError> {
        unbuilt()
    }

    /// What the guard of the handshake must know of every pump.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn registry(&self) -> Result<Vec<RegistryEntry>, StoreError> {
        unbuilt()
    }

    /// The same for one pump.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn registry_entry(&self, pump: PumpId) -> Result<RegistryEntry, StoreError> {
        let _ = pump;
        unbuilt()
    }
}
