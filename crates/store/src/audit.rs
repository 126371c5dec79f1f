//! The audit: who did what, on which pump, why, when, and how it ended.
//!
//! Every record carries the SHA-256 of the record before it and itself, so that an edit, a deletion or a new order
//! shows; a signed checkpoint pins the newest record, so that cutting off the end shows too. A decision and its record
//! are one transaction. Refusals are recorded as well.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{SigningKey, VerifyingKey};
use wardline_model::{Digest, PumpId, Time};

use crate::error::unbuilt;
use crate::{Page, PageRequest, Store, StoreError};

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

impl Store {
    /// Records something that is not part of another decision: a sign-in, a refusal.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn record(&self, by: &Decision, entry: &Entry) -> Result<u64, StoreError> {
        let _ = (by, entry);
        unbuilt()
    }

    /// Records, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Page<AuditRecord>, StoreError> {
        let _ = query;
        unbuilt()
    }

    /// Signs what the newest record is, when there is one that no checkpoint pins yet.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn sign_checkpoint(&self, key: &SigningKey, now: Time) -> Result<Option<Checkpoint>, StoreError> {
        let _ = (key, now);
        unbuilt()
    }

    /// The newest checkpoint, to be kept somewhere else too.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn newest_checkpoint(&self) -> Result<Option<Checkpoint>, StoreError> {
        unbuilt()
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
        let _ = (key, known);
        unbuilt()
    }
}
