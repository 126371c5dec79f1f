//! Checkpoints, which pin the newest record, and the walk along the whole chain that names the first bad one.

use std::collections::VecDeque;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sqlx::Row as _;
use sqlx::any::AnyRow;
use wardline_model::{Digest, Time};

use super::{AuditRecord, COLUMNS};
use crate::row::{int, moment, number, parse, query, time};
use crate::store::Trouble;
use crate::{Store, StoreError};

/// How many records a verification holds in memory at once.
const VERIFY_PAGE: i64 = 2_000;

/// A signed statement of what the newest record was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The record's number.
    pub number: u64,
    /// The record's hash.
    pub hash: Digest,
    /// When it was signed.
    pub at: Time,
    /// Ed25519 over [`Checkpoint::message`].
    pub signature: [u8; 64],
}

impl Checkpoint {
    /// The bytes that are signed.
    #[must_use]
    pub fn message(number: u64, hash: &Digest, at: Time) -> Vec<u8> {
        format!("wardline audit checkpoint 1\n{number}\n{hash}\n{}\n", at.as_unix_ms()).into_bytes()
    }
}

/// What is wrong with the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFault {
    /// The record is not what it was when it was written, or stands in another's place.
    Changed,
    /// The record is missing.
    Missing,
    /// A checkpoint is not signed by the hub's key.
    Signature,
    /// The record is there and whole, but it is not the one that a checkpoint pinned: the chain was written anew.
    Rewritten,
}

/// What [`Store::verify_audit`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditVerdict {
    /// Every record is as it was written.
    Whole {
        /// How many records.
        records: u64,
        /// The newest record that a checkpoint pins; what came later could be cut off without a trace.
        pinned: u64,
    },
    /// The first bad record.
    Broken {
        /// Its number.
        number: u64,
        /// What is wrong with it.
        fault: AuditFault,
    },
}

impl Checkpoint {
    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        let signature: Vec<u8> = row.try_get("signature")?;
        Ok(Self {
            number: number(row, "number")?,
            hash: parse(row, "hash")?,
            at: moment(row, "at")?,
            signature: signature.try_into().map_err(|_| StoreError::value("signature of a checkpoint"))?,
        })
    }

    /// Whether the hub's key signed it.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let message = Self::message(self.number, &self.hash, self.at);
        key.verify_strict(&message, &Signature::from_bytes(&self.signature)).is_ok()
    }
}

impl Store {
    /// Signs what the newest record is, when there is one that no checkpoint pins yet.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn sign_checkpoint(&self, key: &SigningKey, now: Time) -> Result<Option<Checkpoint>, StoreError> {
        self.step("signing a checkpoint of the audit", async {
            let mut deciding = self.decide().await?;
            let head = deciding.head().clone();
            let newest = sqlx::query("SELECT COALESCE(MAX(number), 0) AS number FROM audit_checkpoints");
            if number(&newest.fetch_one(deciding.connection()).await?, "number")? >= head.number {
                return Ok(None);
            }
            let signature = key.sign(&Checkpoint::message(head.number, &head.hash, now)).to_bytes();
            sqlx::query("INSERT INTO audit_checkpoints (number, hash, at, signature) VALUES ($1, $2, $3, $4)")
                .bind(int(head.number))
                .bind(head.hash.to_string())
                .bind(time(now))
                .bind(signature.to_vec())
                .execute(deciding.connection())
                .await?;
            deciding.commit().await?;
            Ok(Some(Checkpoint { number: head.number, hash: head.hash, at: now, signature }))
        })
        .await
    }

    /// The newest checkpoint, to be kept somewhere else too.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn newest_checkpoint(&self) -> Result<Option<Checkpoint>, StoreError> {
        self.step("reading the newest checkpoint", async {
            let sql = "SELECT number, hash, at, signature FROM audit_checkpoints ORDER BY number DESC LIMIT 1";
            sqlx::query(sql).fetch_optional(&self.core.read).await?.as_ref().map(Checkpoint::read).transpose()
        })
        .await
    }

    /// Reads the whole audit and names the first bad record. `known` is a checkpoint that was kept elsewhere, which
    /// shows a chain that was cut or written anew by somebody who also holds the hub's key.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn verify_audit(
        &self,
        key: &VerifyingKey,
        known: Option<&Checkpoint>,
    ) -> Result<AuditVerdict, StoreError> {
        wardline_model::covers!("N11");
        self.step("verifying the audit", async {
            // The head and the checkpoints first: records that come while we read are then simply newer.
            let row = sqlx::query("SELECT number, hash FROM audit_head WHERE id = 1").fetch_optional(&self.core.read);
            let head = match row.await? {
                Some(row) => (number(&row, "number")?, parse::<Digest>(&row, "hash")?),
                None => return Ok(AuditVerdict::Broken { number: 1, fault: AuditFault::Missing }),
            };
            let sql = "SELECT number, hash, at, signature FROM audit_checkpoints ORDER BY number";
            let rows = sqlx::query(sql).fetch_all(&self.core.read).await?;
            let mut pins = rows.iter().map(Checkpoint::read).collect::<Result<Vec<_>, _>>()?;
            if let Some(bad) = pins.iter().find(|pin| !pin.is_signed_by(key)) {
                return Ok(AuditVerdict::Broken { number: bad.number, fault: AuditFault::Signature });
            }
            pins.extend(known.cloned());
            pins.sort_by_key(|pin| pin.number);
            let pinned = pins.last().map_or(0, |pin| pin.number);
            let mut walk = Walk { last: 0, hash: Digest::from_bytes([0; 32]), pins: pins.into(), head };
            loop {
                let sql = format!("SELECT {COLUMNS} FROM audit WHERE number > $1 ORDER BY number LIMIT $2");
                let rows = query(sql).bind(int(walk.last)).bind(VERIFY_PAGE).fetch_all(&self.core.read).await?;
                for row in &rows {
                    if let Err((number, fault)) = walk.take(&AuditRecord::read(row)?) {
                        return Ok(AuditVerdict::Broken { number, fault });
                    }
                }
                if rows.is_empty() {
                    break;
                }
            }
            // Records above the last one that is there, which a checkpoint or the head still speaks of, were cut off.
            if walk.last < pinned.max(walk.head.0) {
                return Ok(AuditVerdict::Broken { number: walk.last + 1, fault: AuditFault::Missing });
            }
            Ok(AuditVerdict::Whole { records: walk.last, pinned })
        })
        .await
    }
}

/// A walk along the chain.
struct Walk {
    last: u64,
    hash: Digest,
    pins: VecDeque<Checkpoint>,
    head: (u64, Digest),
}

impl Walk {
    fn take(&mut self, record: &AuditRecord) -> Result<(), (u64, AuditFault)> {
        let number = record.number;
        if number != self.last + 1 {
            return Err((self.last + 1, AuditFault::Missing));
        }
        if record.hash != record.expected_hash(&self.hash) {
            return Err((number, AuditFault::Changed));
        }
        // Pins are in order and numbers grow by one, so those of this record are at the front by now.
        let mut rewritten = false;
        while let Some(pin) = self.pins.pop_front_if(|pin| pin.number <= number) {
            rewritten |= pin.number == number && pin.hash != record.hash;
        }
        if rewritten || (self.head.0 == number && self.head.1 != record.hash) {
            return Err((number, AuditFault::Rewritten));
        }
        (self.last, self.hash) = (number, record.hash);
        Ok(())
    }
}
