//! The audit: who did what, on which pump, why, when, and how it ended.
//!
//! Every record carries the SHA-256 of the record before it and itself, so that an edit, a deletion or a new order
//! shows; a signed checkpoint pins the newest record, so that cutting off the end shows too. A decision and its record
//! are one transaction. Refusals are recorded as well.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Row as _, Transaction};
use wardline_model::{Digest, PumpId, Time};

use crate::engine::Engine;
use crate::row::{int, maybe_parse, moment, number, parse, query, sha256, text, time};
use crate::store::Trouble;
use crate::{Page, PageRequest, Store, StoreError};

/// The longest reason that is kept, in characters: a paragraph.
const LONGEST_REASON: usize = 500;
/// The longest subject, actor or action, in characters.
const LONGEST_SUBJECT: usize = 200;
/// How many records a verification holds in memory at once.
const VERIFY_PAGE: i64 = 2_000;

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// A person who signed in: the account's name.
    Person(String),
    /// A script with an API token: the token's name.
    Token(String),
    /// Somebody at the hub's own command line.
    Operator(String),
    /// The hub itself: which task.
    Hub(String),
    /// A pump that proved its identity.
    Pump(PumpId),
    /// Somebody who did not prove who they are: what they claimed, or their address.
    Stranger(String),
}

impl fmt::Display for Actor {
    /// `person:anna`, `pump:6f1c…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(name) => write!(f, "person:{name}"),
            Self::Token(name) => write!(f, "token:{name}"),
            Self::Operator(name) => write!(f, "operator:{name}"),
            Self::Hub(task) => write!(f, "hub:{task}"),
            Self::Pump(id) => write!(f, "pump:{id}"),
            Self::Stranger(claim) => write!(f, "stranger:{claim}"),
        }
    }
}

impl FromStr for Actor {
    type Err = StoreError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        Ok(match kind {
            "person" => Self::Person(name.into()),
            "token" => Self::Token(name.into()),
            "operator" => Self::Operator(name.into()),
            "hub" => Self::Hub(name.into()),
            "pump" => Self::Pump(name.parse().map_err(|_| StoreError::value(format!("actor {text:?}")))?),
            "stranger" => Self::Stranger(name.into()),
            _ => return Err(StoreError::value(format!("actor {text:?}"))),
        })
    }
}

/// Who decides, why, and when. Every function that changes something on behalf of somebody takes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who.
    pub by: Actor,
    /// Why, in their words. Cut to 500 characters.
    pub reason: String,
    /// When.
    pub at: Time,
}

/// How an act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It was done.
    Done,
    /// It was not allowed.
    Refused,
    /// It was allowed and went wrong.
    Failed,
}

impl Verdict {
    /// The word in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// What is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What was done or tried: a dotted name such as `pump.quarantine`, as the `api` table spells it.
    pub action: String,
    /// On which pump, if on one.
    pub pump: Option<PumpId>,
    /// On what, for people: an asset tag, a release, an account. Never secret, never a patient.
    pub subject: String,
    /// How it ended.
    pub verdict: Verdict,
}

impl Entry {
    /// Something that was done.
    #[must_use]
    pub fn done(action: &str, pump: Option<PumpId>, subject: impl Into<String>) -> Self {
        Self { action: action.into(), pump, subject: subject.into(), verdict: Verdict::Done }
    }

    /// Something that was not allowed.
    #[must_use]
    pub fn refused(action: &str, pump: Option<PumpId>, subject: impl Into<String>) -> Self {
        Self { action: action.into(), pump, subject: subject.into(), verdict: Verdict::Refused }
    }
}

/// One record of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number, from 1 without gaps.
    pub number: u64,
    /// When.
    pub at: Time,
    /// Who, as [`Actor`] prints.
    pub actor: String,
    /// What.
    pub action: String,
    /// On which pump.
    pub pump: Option<PumpId>,
    /// On what, for people.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// How it ended: `done`, `refused` or `failed`.
    pub verdict: String,
    /// SHA-256 over the hash before and this record.
    pub hash: Digest,
}

/// Which records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only about this pump.
    pub pump: Option<PumpId>,
    /// Only by this actor (as printed).
    pub actor: Option<String>,
    /// Only actions that begin with this.
    pub action: Option<String>,
    /// Only with this verdict.
    pub verdict: Option<Verdict>,
    /// Which page, newest first.
    pub page: PageRequest,
}

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

/// Exactly what is hashed of a record: canonical JSON, keys in the order of the alphabet, no white space, times in
/// milliseconds since 1970.
#[derive(Serialize)]
struct Hashed<'a> {
    action: &'a str,
    actor: &'a str,
    at: u64,
    number: u64,
    pump: Option<PumpId>,
    reason: &'a str,
    subject: &'a str,
    verdict: &'a str,
}

impl AuditRecord {
    /// The hash that this record must have after the one before.
    #[must_use]
    pub fn expected_hash(&self, before: &Digest) -> Digest {
        let hashed = Hashed {
            action: &self.action,
            actor: &self.actor,
            at: self.at.as_unix_ms(),
            number: self.number,
            pump: self.pump,
            reason: &self.reason,
            subject: &self.subject,
            verdict: &self.verdict,
        };
        let json = serde_json::to_vec(&hashed).expect("strings and numbers become JSON");
        sha256(&[before.as_bytes(), &json])
    }

    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        Ok(Self {
            number: number(row, "number")?,
            at: moment(row, "at")?,
            actor: text(row, "actor")?,
            action: text(row, "action")?,
            pump: maybe_parse(row, "pump")?,
            subject: text(row, "subject")?,
            reason: text(row, "reason")?,
            verdict: text(row, "verdict")?,
            hash: parse(row, "hash")?,
        })
    }
}

/// The columns of a record.
const COLUMNS: &str = "number, at, actor, action, pump, subject, reason, verdict, hash";

/// Text for the audit: no control characters (they could change what a reader's screen shows), and not endless.
fn clean(text: &str, longest: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest).collect()
}

/// The newest record, locked for the transaction: nobody else can append until it ends.
#[derive(Clone)]
pub(crate) struct Head {
    number: u64,
    hash: Digest,
}

impl Head {
    /// Locks the head. On PostgreSQL this is where decisions of several hubs take turns.
    pub(crate) async fn lock(tx: &mut Transaction<'static, Any>, engine: Engine) -> Result<Self, Trouble> {
        let sql = format!("SELECT number, hash FROM audit_head WHERE id = 1{}", engine.for_update());
        let row = query(sql).fetch_one(&mut **tx).await?;
        Ok(Self { number: number(&row, "number")?, hash: parse(&row, "hash")? })
    }

    /// Appends a record to the chain.
    pub(crate) async fn append(
        &mut self,
        tx: &mut Transaction<'static, Any>,
        by: &Decision,
        entry: &Entry,
    ) -> Result<u64, Trouble> {
        let mut record = AuditRecord {
            number: self.number + 1,
            at: by.at,
            actor: clean(&by.by.to_string(), LONGEST_SUBJECT),
            action: clean(&entry.action, LONGEST_SUBJECT),
            pump: entry.pump,
            subject: clean(&entry.subject, LONGEST_SUBJECT),
            reason: clean(&by.reason, LONGEST_REASON),
            verdict: entry.verdict.as_str().to_owned(),
            hash: self.hash,
        };
        record.hash = record.expected_hash(&self.hash);
        sqlx::query(
            "INSERT INTO audit (number, at, actor, action, pump, subject, reason, verdict, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(int(record.number))
        .bind(time(record.at))
        .bind(record.actor)
        .bind(record.action)
        .bind(record.pump.map(|pump| pump.to_string()))
        .bind(record.subject)
        .bind(record.reason)
        .bind(record.verdict)
        .bind(record.hash.to_string())
        .execute(&mut **tx)
        .await?;
        sqlx::query("UPDATE audit_head SET number = $1, hash = $2 WHERE id = 1")
            .bind(int(record.number))
            .bind(record.hash.to_string())
            .execute(&mut **tx)
            .await?;
        self.number = record.number;
        self.hash = record.hash;
        Ok(record.number)
    }
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
    /// Records something that is not part of another decision: a sign-in, a refusal.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn record(&self, by: &Decision, entry: &Entry) -> Result<u64, StoreError> {
        self.step("recording in the audit", async {
            let mut deciding = self.decide().await?;
            let number = deciding.note(by, entry).await?;
            deciding.commit().await?;
            Ok(number)
        })
        .await
    }

    /// Records, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn audit(&self, q: &AuditQuery) -> Result<Page<AuditRecord>, StoreError> {
        let mut conditions = vec!["1 = 1".to_owned()];
        let mut values = Vec::new();
        let mut add = |condition: &str, value: String| {
            values.push(value);
            conditions.push(condition.replace('?', &format!("${}", values.len())));
        };
        if let Some(pump) = q.pump {
            add("pump = ?", pump.to_string());
        }
        if let Some(actor) = &q.actor {
            add("actor = ?", actor.clone());
        }
        if let Some(action) = &q.action {
            add("SUBSTR(action, 1, LENGTH(?)) = ?", action.clone());
        }
        if let Some(verdict) = q.verdict {
            add("verdict = ?", verdict.as_str().to_owned());
        }
        let condition = conditions.join(" AND ");
        self.step("reading the audit", async {
            let mut count = query(format!("SELECT COUNT(*) AS total FROM audit WHERE {condition}"));
            let next = values.len() + 1;
            let mut rows = query(format!(
                "SELECT {COLUMNS} FROM audit WHERE {condition} ORDER BY number DESC LIMIT ${next} OFFSET ${}",
                next + 1
            ));
            for value in &values {
                count = count.bind(value.clone());
                rows = rows.bind(value.clone());
            }
            let total = number(&count.fetch_one(&self.core.read).await?, "total")?;
            let rows = rows.bind(q.page.limit()).bind(q.page.offset()).fetch_all(&self.core.read).await?;
            let rows = rows.iter().map(AuditRecord::read).collect::<Result<_, _>>()?;
            Ok(Page { rows, total, request: q.page })
        })
        .await
    }

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
