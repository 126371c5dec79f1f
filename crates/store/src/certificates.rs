//! Every certificate that the hub issued, and the snapshot that guards the handshake.
//!
//! A pump that asks for a new certificate may lose the answer on the way. So a new certificate is `Pending` until the
//! pump first uses it, and the one before it stays good until then.

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{Any, Row as _, Transaction};
use wardline_model::{Digest, Lifecycle, Model, PumpId, QuarantineLevel, Serial, Time};

use crate::engine::is_taken;
use crate::group::Deciding;
use crate::pumps::set_lifecycle;
use crate::row::{from_word, int, maybe_moment, maybe_parse, moment, number, parse, query, text, time, word};
use crate::store::Trouble;
use crate::{Actor, Decision, Entry, Notice, Store, StoreError};

/// CRL reason code superseded (RFC 5280 section 5.3.1).
pub(crate) const SUPERSEDED: u8 = 4;

/// What has become of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// A certificate that has not expired and is not good: a line of the revocation list.
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
    /// The level of quarantine at which it is held, if it is.
    pub level: Option<QuarantineLevel>,
    /// Why it is held: told to the pump.
    pub why: Option<String>,
    /// The fingerprint of the certificate in use.
    pub current: Option<Digest>,
    /// The fingerprint of a certificate that was issued and not used yet.
    pub pending: Option<Digest>,
    /// The number of the newest audit record when this was read. Every decision adds a record, so of two entries of one
    /// pump the one with the larger number is the newer, on whichever hub it was read.
    pub as_of: u64,
}

impl RegistryEntry {
    /// Whether the pump may hold a link, whatever certificate it shows.
    #[must_use]
    pub const fn may_link(&self) -> bool {
        self.lifecycle.may_link_at(self.level)
    }

    /// Whether a pump that shows this certificate may hold a link.
    #[must_use]
    pub fn admits(&self, fingerprint: &Digest) -> bool {
        self.may_link() && (self.current.as_ref() == Some(fingerprint) || self.pending.as_ref() == Some(fingerprint))
    }
}

/// Every column of a [`CertificateRow`].
const SELECT: &str = "SELECT serial, fingerprint, pump, not_before, not_after, issued, state, revoked_at, revoked_code, \
                      revoked_reason FROM certificates";

impl CertificateRow {
    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        let revocation = match maybe_moment(row, "revoked_at")? {
            None => None,
            Some(at) => Some(Revocation::read(row, at)?),
        };
        Ok(Self {
            serial: text(row, "serial")?,
            fingerprint: parse(row, "fingerprint")?,
            pump: parse(row, "pump")?,
            not_before: moment(row, "not_before")?,
            not_after: moment(row, "not_after")?,
            issued: moment(row, "issued")?,
            state: from_word(&text(row, "state")?, "certificates.state")?,
            revocation,
        })
    }
}

impl Revocation {
    fn read(row: &AnyRow, at: Time) -> Result<Self, Trouble> {
        let code = u8::try_from(number(row, "revoked_code")?);
        let code = code.map_err(|_| StoreError::value("certificates.revoked_code"))?;
        Ok(Self { at, code, reason: text(row, "revoked_reason")? })
    }
}

/// Every certificate that is not good, with since when and why. One of a pump that is cut is on hold (CRL reason 6) for as
/// long as that lasts, and good again when it ends. At the levels remediate and watch it is good: a RADIUS server that
/// asks by OCSP must still be able to admit the pump to the network where it is mended.
const REVOKED: &str = "SELECT c.serial AS serial, \
    CASE WHEN c.revoked_at IS NULL THEN p.quarantine_since ELSE c.revoked_at END AS revoked_at, \
    CASE WHEN c.revoked_at IS NULL THEN 6 ELSE c.revoked_code END AS revoked_code, \
    CASE WHEN c.revoked_at IS NULL THEN p.quarantine_reason ELSE c.revoked_reason END AS revoked_reason \
    FROM certificates c JOIN pumps p ON p.id = c.pump WHERE (c.revoked_at IS NOT NULL OR p.quarantine_level = 'cut')";

/// The columns that make a [`RegistryEntry`]; the subqueries read the index on pump and state.
const REGISTRY: &str = "SELECT id, model, serial, lifecycle, quarantine_level, quarantine_reason, \
    (SELECT fingerprint FROM certificates c WHERE c.pump = pumps.id AND c.state = 'current') AS current_one, \
    (SELECT fingerprint FROM certificates c WHERE c.pump = pumps.id AND c.state = 'pending') AS pending_one, \
    (SELECT number FROM audit_head WHERE id = 1) AS as_of FROM pumps";

impl RegistryEntry {
    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        Ok(Self {
            pump: parse(row, "id")?,
            model: parse(row, "model")?,
            serial: parse(row, "serial")?,
            lifecycle: parse(row, "lifecycle")?,
            level: maybe_parse(row, "quarantine_level")?,
            why: row.try_get("quarantine_reason")?,
            current: maybe_parse(row, "current_one")?,
            pending: maybe_parse(row, "pending_one")?,
            as_of: number(row, "as_of")?,
        })
    }
}

/// What the guard must know of a pump, as the transaction sees it. Read it after the decision's audit record was added,
/// so that it counts as newer than what anybody read before the decision.
pub(crate) async fn entry_in(tx: &mut Transaction<'static, Any>, pump: PumpId) -> Result<RegistryEntry, Trouble> {
    let row = query(format!("{REGISTRY} WHERE id = $1")).bind(pump.to_string()).fetch_optional(&mut **tx).await?;
    RegistryEntry::read(&row.ok_or_else(|| StoreError::not_found(format!("pump {pump}")))?)
}

/// Revokes what a pump holds. Returns how many certificates.
pub(crate) async fn revoke_in(deciding: &mut Deciding, pump: PumpId, code: u8, by: &Decision) -> Result<u64, Trouble> {
    let done = sqlx::query(
        "UPDATE certificates SET state = 'revoked', revoked_at = $1, revoked_code = $2, revoked_reason = $3 \
         WHERE pump = $4 AND state <> 'revoked' AND not_after > $1",
    )
    .bind(time(by.at))
    .bind(i64::from(code))
    .bind(by.reason.chars().take(500).collect::<String>())
    .bind(pump.to_string())
    .execute(deciding.connection())
    .await?;
    Ok(done.rows_affected())
}

/// Puts an end to a pump's certificate in this state because a newer one takes its place: whoever still shows it shows
/// an old key.
async fn supersede(deciding: &mut Deciding, pump: PumpId, is: CertificateState, now: Time) -> Result<(), Trouble> {
    sqlx::query(
        "UPDATE certificates SET state = $1, revoked_at = $2, revoked_code = $3, revoked_reason = $4 \
         WHERE pump = $5 AND state = $6",
    )
    .bind(word(&CertificateState::Superseded))
    .bind(time(now))
    .bind(i64::from(SUPERSEDED))
    .bind("a newer certificate took its place")
    .bind(pump.to_string())
    .bind(word(&is))
    .execute(deciding.connection())
    .await?;
    Ok(())
}

/// Puts a certificate in as pending.
async fn insert(deciding: &mut Deciding, certificate: &NewCertificate, at: Time) -> Result<(), Trouble> {
    let NewCertificate { serial, fingerprint, pump, not_before, not_after, der } = certificate;
    let inserted = sqlx::query(
        "INSERT INTO certificates (serial, fingerprint, pump, not_before, not_after, issued, state, der, \
         key_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(serial.clone())
    .bind(fingerprint.to_string())
    .bind(pump.to_string())
    .bind(time(*not_before))
    .bind(time(*not_after))
    .bind(time(at))
    .bind(word(&CertificateState::Pending))
    .bind(der.clone())
    .bind(wardline_pki::Cert::from_der(der).ok().and_then(|cert| cert.key_hash().ok()).map(|key| key.to_string()))
    .execute(deciding.connection())
    .await;
    match inserted {
        Err(error) if is_taken(&error) => {
            let why = "the serial number or the certificate exists already; sign a new one";
            Err(StoreError::refused(format!("certificate {serial}"), why).into())
        }
        other => Ok(other.map(|_| ())?),
    }
}

/// What is used up with a certificate.
#[derive(Clone, Copy)]
enum Spend<'a> {
    Nothing,
    Code(&'a str),
    Approval(&'a str),
}

impl Spend<'_> {
    /// Uses it up, or says why that cannot be.
    async fn spend_in(
        self,
        deciding: &mut Deciding,
        pump: PumpId,
        now: Time,
    ) -> Result<Result<(), &'static str>, Trouble> {
        let (is_spent, why) = match self {
            Self::Nothing => (true, ""),
            Self::Code(code) => {
                let is_spent = crate::enrolment_codes::spend_in(deciding, code, pump, now).await?;
                (is_spent, "the one-time code is used, expired, or another pump's")
            }
            Self::Approval(id) => {
                let is_spent = crate::enrolment_requests::spend_in(deciding, id, pump, now).await?;
                (is_spent, "the approval was used or has run out")
            }
        };
        Ok(if is_spent { Ok(()) } else { Err(why) })
    }
}

impl Store {
    /// Records a certificate as pending, with its audit record `certificate.issue`, before it is handed out. An older
    /// pending one of the same pump is superseded. An expected pump becomes enrolled in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown pump, [`StoreError::Refused`] when its state forbids it (retired, lost,
    /// quarantined; recorded as a refusal) or the serial number exists already.
    pub async fn issue_certificate(
        &self,
        certificate: &NewCertificate,
        by: &Decision,
    ) -> Result<RegistryEntry, StoreError> {
        self.issue(certificate, Spend::Nothing, by).await
    }

    /// As [`Store::issue_certificate`], and a one-time code is used up in the same transaction: there is never a used
    /// code without its certificate.
    ///
    /// # Errors
    /// As [`Store::issue_certificate`], and [`StoreError::Refused`] when the code does not enrol this pump (any more).
    pub async fn issue_for_code(
        &self,
        certificate: &NewCertificate,
        code: &str,
        by: &Decision,
    ) -> Result<RegistryEntry, StoreError> {
        self.issue(certificate, Spend::Code(code), by).await
    }

    /// As [`Store::issue_certificate`], and a person's approval is used up in the same transaction.
    ///
    /// # Errors
    /// As [`Store::issue_certificate`], and [`StoreError::Refused`] when the approval is not there (any more).
    pub async fn issue_approved(
        &self,
        certificate: &NewCertificate,
        approval: &str,
        by: &Decision,
    ) -> Result<RegistryEntry, StoreError> {
        self.issue(certificate, Spend::Approval(approval), by).await
    }

    async fn issue(
        &self,
        certificate: &NewCertificate,
        spend: Spend<'_>,
        by: &Decision,
    ) -> Result<RegistryEntry, StoreError> {
        let NewCertificate { serial, pump, .. } = certificate;
        self.step("recording a certificate", async {
            let mut deciding = self.decide().await?;
            let before = entry_in(deciding.tx(), *pump).await?;
            match before.lifecycle {
                Lifecycle::Expected | Lifecycle::Enrolled | Lifecycle::InService => {}
                Lifecycle::Quarantined | Lifecycle::Lost | Lifecycle::Retired => {
                    let is = before.lifecycle;
                    deciding.note(by, &Entry::refused("certificate.issue", Some(*pump), format!("it is {is}"))).await?;
                    deciding.commit().await?;
                    let why = format!("the pump is {is}, and such a pump gets no certificate");
                    return Err(StoreError::refused(format!("a certificate for pump {pump}"), why).into());
                }
            }
            if let Err(why) = spend.spend_in(&mut deciding, *pump, by.at).await? {
                return Err(StoreError::refused(format!("a certificate for pump {pump}"), why).into());
            }
            if before.lifecycle == Lifecycle::Expected {
                set_lifecycle(&mut deciding, *pump, Lifecycle::Enrolled, by).await?;
            }
            supersede(&mut deciding, *pump, CertificateState::Pending, by.at).await?;
            insert(&mut deciding, certificate, by.at).await?;
            deciding.note(by, &Entry::done("certificate.issue", Some(*pump), format!("serial {serial}"))).await?;
            deciding.tell(Notice::Pumps(vec![*pump]));
            let entry = entry_in(deciding.tx(), *pump).await?;
            deciding.commit().await?;
            Ok(entry)
        })
        .await
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
        let by = Decision { by: Actor::Pump(pump), reason: "first use of the certificate".to_owned(), at: now };
        let entry = self.registry_entry(pump).await?;
        if entry.current.as_ref() == Some(fingerprint) && entry.lifecycle != Lifecycle::Enrolled {
            return Ok(entry);
        }
        self.step("noting the use of a certificate", async {
            let mut deciding = self.decide().await?;
            let entry = entry_in(deciding.tx(), pump).await?;
            if !entry.admits(fingerprint) {
                let why = "it is not the pump's newest certificate, or the pump may not link".to_owned();
                return Err(StoreError::refused(format!("a certificate of pump {pump}"), why).into());
            }
            if entry.pending.as_ref() == Some(fingerprint) {
                supersede(&mut deciding, pump, CertificateState::Current, now).await?;
                sqlx::query("UPDATE certificates SET state = $1 WHERE pump = $2 AND state = $3")
                    .bind(word(&CertificateState::Current))
                    .bind(pump.to_string())
                    .bind(word(&CertificateState::Pending))
                    .execute(deciding.connection())
                    .await?;
                deciding.note(&by, &Entry::done("certificate.use", Some(pump), fingerprint.short())).await?;
            }
            if entry.lifecycle == Lifecycle::Enrolled {
                set_lifecycle(&mut deciding, pump, Lifecycle::InService, &by).await?;
                deciding.note(&by, &Entry::done("pump.in-service", Some(pump), entry.serial.as_str())).await?;
            }
            deciding.tell(Notice::Pumps(vec![pump]));
            let entry = entry_in(deciding.tx(), pump).await?;
            deciding.commit().await?;
            Ok(entry)
        })
        .await
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
        self.step("revoking certificates", async {
            let mut deciding = self.decide().await?;
            entry_in(deciding.tx(), pump).await?;
            let count = revoke_in(&mut deciding, pump, code, by).await?;
            let subject = format!("{count} certificates, CRL reason {code}");
            deciding.note(by, &Entry::done("certificate.revoke", Some(pump), subject)).await?;
            deciding.tell(Notice::Pumps(vec![pump]));
            let entry = entry_in(deciding.tx(), pump).await?;
            deciding.commit().await?;
            Ok(entry)
        })
        .await
    }

    /// The certificates that were given out for a public key with this SHA-256, newest first, whosever they are.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn certificates_of_key(&self, key: &Digest) -> Result<Vec<CertificateRow>, StoreError> {
        self.step("reading a key's certificates", async {
            let sql = format!("{SELECT} WHERE key_hash = $1 ORDER BY issued DESC, serial LIMIT 20");
            let rows = query(sql).bind(key.to_string()).fetch_all(&self.core.read).await?;
            rows.iter().map(CertificateRow::read).collect()
        })
        .await
    }

    /// A pump's certificates, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn certificates(&self, pump: PumpId) -> Result<Vec<CertificateRow>, StoreError> {
        self.step("reading a pump's certificates", async {
            let sql = format!("{SELECT} WHERE pump = $1 ORDER BY issued DESC, serial");
            let rows = query(sql).bind(pump.to_string()).fetch_all(&self.core.read).await?;
            rows.iter().map(CertificateRow::read).collect()
        })
        .await
    }

    /// The DER of the certificate with this serial number.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn certificate_der(&self, serial: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.step("reading a certificate", async {
            let row = sqlx::query("SELECT der FROM certificates WHERE serial = $1").bind(serial.to_owned());
            let row = row.fetch_optional(&self.core.read).await?;
            row.map(|row| Ok(row.try_get("der")?)).transpose()
        })
        .await
    }

    /// The certificate with this serial number.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn certificate(&self, serial: &str) -> Result<Option<CertificateRow>, StoreError> {
        self.step("reading a certificate", async {
            let row = query(format!("{SELECT} WHERE serial = $1")).bind(serial.to_owned());
            row.fetch_optional(&self.core.read).await?.as_ref().map(CertificateRow::read).transpose()
        })
        .await
    }

    /// Current certificates that end before this moment: for renewals that did not come.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn certificates_ending(&self, before: Time) -> Result<Vec<CertificateRow>, StoreError> {
        self.step("reading certificates that end soon", async {
            let sql = format!("{SELECT} WHERE state = 'current' AND not_after < $1 ORDER BY not_after, serial");
            let rows = query(sql).bind(time(before)).fetch_all(&self.core.read).await?;
            rows.iter().map(CertificateRow::read).collect()
        })
        .await
    }

    /// Everything for the revocation list at this moment: what was revoked or replaced, and what is on hold because its
    /// pump is quarantined.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn revoked(&self, now: Time) -> Result<Vec<RevokedRow>, StoreError> {
        self.step("reading revoked certificates", async {
            let rows = query(format!("{REVOKED} AND c.not_after >= $1 ORDER BY revoked_at, serial"));
            let rows = rows.bind(time(now)).fetch_all(&self.core.read).await?;
            let read = |row: &AnyRow| {
                let at = moment(row, "revoked_at")?;
                Ok(RevokedRow { serial: text(row, "serial")?, revocation: Revocation::read(row, at)? })
            };
            rows.iter().map(read).collect()
        })
        .await
    }

    /// What an OCSP responder says of this serial number: nothing when it was never issued, otherwise whether it is
    /// revoked or on hold.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn certificate_standing(&self, serial: &str) -> Result<Option<Option<Revocation>>, StoreError> {
        self.step("reading a certificate's standing", async {
            let row = query(format!("{REVOKED} AND c.serial = $1")).bind(serial.to_owned());
            if let Some(row) = row.fetch_optional(&self.core.read).await? {
                let at = moment(&row, "revoked_at")?;
                return Ok(Some(Some(Revocation::read(&row, at)?)));
            }
            let known = sqlx::query("SELECT serial FROM certificates WHERE serial = $1").bind(serial.to_owned());
            Ok(known.fetch_optional(&self.core.read).await?.map(|_| None))
        })
        .await
    }

    /// The next CRL number, never given twice (RFC 5280 section 5.2.3).
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn next_crl_number(&self) -> Result<u64, StoreError> {
        self.step("taking a CRL number", async {
            let mut deciding = self.decide().await?;
            let row = sqlx::query("SELECT value FROM facts WHERE name = 'crl number'");
            let row = row.fetch_optional(deciding.connection()).await?;
            let next = row.map_or(Ok(0), |row| parse::<u64>(&row, "value"))? + 1;
            sqlx::query(
                "INSERT INTO facts (name, value) VALUES ('crl number', $1) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )
            .bind(int(next).to_string())
            .execute(deciding.connection())
            .await?;
            deciding.commit().await?;
            Ok(next)
        })
        .await
    }

    /// What the guard of the handshake must know of every pump.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn registry(&self) -> Result<Vec<RegistryEntry>, StoreError> {
        self.step("reading the registry", async {
            let rows = sqlx::query(REGISTRY).fetch_all(&self.core.read).await?;
            rows.iter().map(RegistryEntry::read).collect()
        })
        .await
    }

    /// The same for one pump.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn registry_entry(&self, pump: PumpId) -> Result<RegistryEntry, StoreError> {
        self.step("reading the registry", async {
            let row = query(format!("{REGISTRY} WHERE id = $1")).bind(pump.to_string());
            let row = row.fetch_optional(&self.core.read).await?;
            RegistryEntry::read(&row.ok_or_else(|| StoreError::not_found(format!("pump {pump}")))?)
        })
        .await
    }
}
