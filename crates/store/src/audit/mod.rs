//! The audit: who did what, on which pump, why, when, and how it ended.
//!
//! Every record carries the SHA-256 of the record before it and itself, so that an edit, a deletion or a new order
//! shows; a signed checkpoint pins the newest record, so that cutting off the end shows too. A decision and its record
//! are one transaction. Refusals are recorded as well.

mod pins;

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};
use wardline_model::{Digest, PumpId, Time};

pub use pins::{AuditFault, AuditVerdict, Checkpoint};

use crate::engine::Engine;
use crate::row::{int, maybe_parse, moment, number, parse, query, sha256, text, time};
use crate::store::Trouble;
use crate::{Page, PageRequest, Store, StoreError};

/// The longest reason that is kept, in characters: a paragraph.
const LONGEST_REASON: usize = 500;
/// The longest subject, actor or action, in characters.
const LONGEST_SUBJECT: usize = 200;

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
    pub(super) number: u64,
    pub(super) hash: Digest,
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
}
