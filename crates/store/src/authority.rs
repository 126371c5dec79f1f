//! The certificate inventory: the hub's own certificates (authorities, server, OCSP responder) beside the pumps', and how
//! many of those end when.
//!
//! Everything is counted by the database over one index (state, end), so 20,000 pumps cost milliseconds. A certificate of
//! a pump in quarantine is never called late: such a pump may not renew.

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use wardline_model::{AssetTag, CareArea, Digest, PumpId, Span, Time};

use crate::row::{from_word, maybe_moment, moment, number, parse, query, text, time, word};
use crate::store::Trouble;
use crate::{CertificateState, Decision, Entry, Page, PageRequest, Store, StoreError};

/// How many weeks a forecast looks ahead: 13 weeks are 91 days.
pub const WEEKS: usize = 13;

/// A pump renews at two thirds of its certificate's life, give or take a little. When less than this part of it is left,
/// the renewal is late: one sixth, 5 days of 30.
pub const LATE_PART: i64 = 6;

/// What one of the hub's own certificates is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnKind {
    /// The root that pumps believe.
    Root,
    /// An authority between the hospital's root and ours.
    Between,
    /// The issuing authority.
    Issuing,
    /// The hub's server certificate.
    Server,
    /// The hub's server certificate for pumps that believe only the new root, while roots change.
    ServerNewRoot,
    /// The OCSP responder's.
    Responder,
}

/// One of the hub's own certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCertificate {
    /// SHA-256 of the DER.
    pub fingerprint: Digest,
    /// Serial number, lower-case hexadecimal.
    pub serial: String,
    /// What it is for.
    pub kind: OwnKind,
    /// Whom it names.
    pub subject: String,
    /// Which hub process uses it; empty for authorities, which all share.
    pub node: String,
    /// Valid from.
    pub not_before: Time,
    /// Valid to.
    pub not_after: Time,
    /// When the hub first knew it.
    pub issued: Time,
    /// When a newer one took its place.
    pub replaced: Option<Time>,
}

/// How many certificates of pumps there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CertificateCounts {
    /// In use and good.
    pub current: u64,
    /// Issued and not used yet.
    pub pending: u64,
    /// Of `current`: should have been renewed and were not.
    pub late: u64,
    /// In use last, and ended without a renewal.
    pub expired: u64,
    /// Revoked or replaced, and on the revocation list until they end.
    pub listed: u64,
    /// Ever issued.
    pub ever: u64,
}

/// How many certificates in use end in one week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForecastWeek {
    /// End in this week.
    pub ending: u64,
    /// Of these: the renewal is late already.
    pub late: u64,
}

/// Which pumps' certificates to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inventory {
    /// In use, the one that ends first on top.
    Current,
    /// In use and late.
    Late,
    /// Ended without a renewal.
    Expired,
    /// Issued and not used yet.
    Pending,
    /// Revoked, not ended.
    Revoked,
}

/// A pump's certificate with what people know the pump by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryRow {
    /// Serial number of the certificate.
    pub serial: String,
    /// Whose.
    pub pump: PumpId,
    /// Its tag.
    pub asset_tag: AssetTag,
    /// Where it belongs.
    pub care_area: CareArea,
    /// When it was issued.
    pub issued: Time,
    /// Valid to.
    pub not_after: Time,
    /// What has become of it.
    pub state: CertificateState,
}

/// No pump in quarantine.
const FREE: &str = "pump NOT IN (SELECT id FROM pumps WHERE lifecycle = 'quarantined')";

/// Late at $1.
fn late() -> String {
    format!("(not_after - $1) * {LATE_PART} < not_after - not_before AND {FREE}")
}

impl OwnCertificate {
    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        Ok(Self {
            fingerprint: parse(row, "fingerprint")?,
            serial: text(row, "serial")?,
            kind: from_word(&text(row, "kind")?, "own_certificates.kind")?,
            subject: text(row, "subject")?,
            node: text(row, "node")?,
            not_before: moment(row, "not_before")?,
            not_after: moment(row, "not_after")?,
            issued: moment(row, "issued")?,
            replaced: maybe_moment(row, "replaced")?,
        })
    }
}

impl Store {
    /// Keeps one of the hub's own certificates with its audit record `ca.certificate`, and marks the one whose place it
    /// takes: of its kind, and of its hub process where each has its own. Does nothing when it is known.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn own_certificate(&self, own: &OwnCertificate, der: &[u8], by: &Decision) -> Result<(), StoreError> {
        self.step("keeping a certificate of the hub", async {
            let known = sqlx::query("SELECT serial FROM own_certificates WHERE fingerprint = $1 AND replaced IS NULL");
            if known.bind(own.fingerprint.to_string()).fetch_optional(&self.core.read).await?.is_some() {
                return Ok(());
            }
            let mut deciding = self.decide().await?;
            // Authorities are two of a kind while they change: see [`Store::own_authorities`].
            if matches!(own.kind, OwnKind::Server | OwnKind::ServerNewRoot | OwnKind::Responder) {
                sqlx::query(
                    "UPDATE own_certificates SET replaced = $1 WHERE kind = $2 AND node = $3 AND replaced IS NULL",
                )
                .bind(time(by.at))
                .bind(word(&own.kind))
                .bind(own.node.clone())
                .execute(deciding.connection())
                .await?;
            }
            sqlx::query(
                "INSERT INTO own_certificates \
                 (fingerprint, serial, kind, subject, node, not_before, not_after, issued, replaced, der) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, $9) \
                 ON CONFLICT (fingerprint) DO UPDATE SET replaced = NULL",
            )
            .bind(own.fingerprint.to_string())
            .bind(own.serial.clone())
            .bind(word(&own.kind))
            .bind(own.subject.clone())
            .bind(own.node.clone())
            .bind(time(own.not_before))
            .bind(time(own.not_after))
            .bind(time(own.issued))
            .bind(der.to_vec())
            .execute(deciding.connection())
            .await?;
            let subject = format!("{} certificate, serial {}", word(&own.kind), own.serial);
            deciding.note(by, &Entry::done("ca.certificate", None, subject)).await?;
            deciding.commit().await
        })
        .await
    }

    /// Marks every authority as replaced that is not one of these.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn own_authorities(&self, in_use: &[Digest], now: Time) -> Result<(), StoreError> {
        self.step("keeping the hub's authorities", async {
            let sql = "SELECT fingerprint FROM own_certificates \
                       WHERE kind IN ('root', 'between', 'issuing') AND replaced IS NULL";
            let known = sqlx::query(sql).fetch_all(&self.core.read).await?;
            for row in &known {
                let fingerprint: Digest = parse(row, "fingerprint")?;
                if !in_use.contains(&fingerprint) {
                    let mut deciding = self.decide().await?;
                    sqlx::query("UPDATE own_certificates SET replaced = $1 WHERE fingerprint = $2")
                        .bind(time(now))
                        .bind(fingerprint.to_string())
                        .execute(deciding.connection())
                        .await?;
                    deciding.commit().await?;
                }
            }
            Ok(())
        })
        .await
    }

    /// The hub's own certificates that are in use, and those that were replaced and have not ended.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn own_certificates(&self, now: Time) -> Result<Vec<OwnCertificate>, StoreError> {
        self.step("reading the hub's certificates", async {
            let sql = "SELECT fingerprint, serial, kind, subject, node, not_before, not_after, issued, replaced \
                       FROM own_certificates WHERE replaced IS NULL OR not_after >= $1 \
                       ORDER BY replaced IS NOT NULL, issued DESC, fingerprint LIMIT 200";
            let rows = sqlx::query(sql).bind(time(now)).fetch_all(&self.core.read).await?;
            rows.iter().map(OwnCertificate::read).collect()
        })
        .await
    }

    /// How many pumps hold a certificate that is good now, in use or about to be.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn good_certificates(&self, now: Time) -> Result<u64, StoreError> {
        self.step("counting certificates", async {
            let sql = "SELECT COUNT(DISTINCT pump) AS n FROM certificates \
                       WHERE state IN ('current', 'pending') AND not_after > $1";
            number(&sqlx::query(sql).bind(time(now)).fetch_one(&self.core.read).await?, "n")
        })
        .await
    }

    /// How many certificates of pumps there are, by what they are at this moment.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn certificate_counts(&self, now: Time) -> Result<CertificateCounts, StoreError> {
        self.step("counting certificates", async {
            let count = |condition: String| {
                let sql = format!("SELECT COUNT(*) AS n FROM certificates WHERE {condition}");
                async move { number(&query(sql).bind(time(now)).fetch_one(&self.core.read).await?, "n") }
            };
            let ever = sqlx::query("SELECT COUNT(*) AS n FROM certificates").fetch_one(&self.core.read).await?;
            Ok(CertificateCounts {
                current: count("state = 'current' AND not_after >= $1".into()).await?,
                pending: count("state = 'pending' AND not_after >= $1".into()).await?,
                late: count(format!("state = 'current' AND not_after >= $1 AND {}", late())).await?,
                expired: count("state = 'current' AND not_after < $1".into()).await?,
                listed: count("state IN ('revoked', 'superseded') AND not_after >= $1".into()).await?,
                ever: number(&ever, "n")?,
            })
        })
        .await
    }

    /// How many certificates in use end in each of the coming weeks.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn certificate_forecast(&self, now: Time) -> Result<[ForecastWeek; WEEKS], StoreError> {
        self.step("forecasting the end of certificates", async {
            let sql = format!(
                "SELECT (not_after - $1) / {week} AS week, COUNT(*) AS ending, \
                 CAST(SUM(CASE WHEN {late} THEN 1 ELSE 0 END) AS BIGINT) AS late \
                 FROM certificates WHERE state = 'current' AND not_after >= $1 AND not_after < $2 \
                 GROUP BY (not_after - $1) / {week}",
                week = Span::from_days(7).as_ms(),
                late = late(),
            );
            let end = now + Span::from_days(7 * WEEKS as u64);
            let rows = query(sql).bind(time(now)).bind(time(end)).fetch_all(&self.core.read).await?;
            let mut weeks = [ForecastWeek::default(); WEEKS];
            for row in &rows {
                let week = usize::try_from(number(row, "week")?).unwrap_or(WEEKS);
                if let Some(week) = weeks.get_mut(week) {
                    *week = ForecastWeek { ending: number(row, "ending")?, late: number(row, "late")? };
                }
            }
            Ok(weeks)
        })
        .await
    }

    /// Pumps' certificates, the one that ends first on top.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn certificate_inventory(
        &self,
        which: Inventory,
        now: Time,
        request: PageRequest,
    ) -> Result<Page<InventoryRow>, StoreError> {
        self.step("reading the certificate inventory", async {
            let condition = match which {
                Inventory::Current => "state = 'current' AND not_after >= $1".to_owned(),
                Inventory::Late => format!("state = 'current' AND not_after >= $1 AND {}", late()),
                Inventory::Expired => "state = 'current' AND not_after < $1".to_owned(),
                Inventory::Pending => "state = 'pending' AND not_after >= $1".to_owned(),
                Inventory::Revoked => "state = 'revoked' AND not_after >= $1".to_owned(),
            };
            let total = query(format!("SELECT COUNT(*) AS n FROM certificates WHERE {condition}"));
            let total = number(&total.bind(time(now)).fetch_one(&self.core.read).await?, "n")?;
            let sql = format!(
                "SELECT c.serial AS serial, c.pump AS pump, p.asset_tag AS asset_tag, p.care_area AS care_area, \
                 c.issued AS issued, c.not_after AS not_after, c.state AS state \
                 FROM (SELECT serial, pump, issued, not_after, state FROM certificates WHERE {condition} \
                 ORDER BY not_after, serial LIMIT $2 OFFSET $3) c JOIN pumps p ON p.id = c.pump \
                 ORDER BY c.not_after, c.serial"
            );
            let rows = query(sql).bind(time(now)).bind(request.limit()).bind(request.offset());
            let rows = rows.fetch_all(&self.core.read).await?;
            Ok(Page { rows: rows.iter().map(InventoryRow::read).collect::<Result<_, _>>()?, total, request })
        })
        .await
    }
}

impl InventoryRow {
    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        Ok(Self {
            serial: text(row, "serial")?,
            pump: parse(row, "pump")?,
            asset_tag: parse(row, "asset_tag")?,
            care_area: parse(row, "care_area")?,
            issued: moment(row, "issued")?,
            not_after: moment(row, "not_after")?,
            state: from_word(&text(row, "state")?, "certificates.state")?,
        })
    }
}
