//! The audit trail.

use wardline_model::{Digest, PumpId, Time};

use crate::described::api_type;

api_type! {
    /// What to list of the audit trail.
    pub struct AuditQuery {
        /// Only records by this actor.
        pub actor: Option<String>,
        /// Only records of this action.
        pub action: Option<String>,
        /// Only records about this pump.
        pub pump: Option<PumpId>,
        /// Which page, from 1.
        pub page: Option<u32>,
        /// How many, at most 500; 100 by default.
        pub size: Option<u32>,
    }

    /// A page of the audit trail, newest first.
    pub struct AuditPage {
        /// How many records fit the filters.
        pub total: u64,
        /// This page's number, from 1.
        pub page: u32,
        /// The records.
        pub records: Vec<AuditRow>,
    }

    /// One record: a decision or a refusal.
    pub struct AuditRow {
        /// Its number, without gaps.
        pub seq: u64,
        /// When.
        pub at: Time,
        /// Who.
        pub actor: String,
        /// What, by its audit name.
        pub action: String,
        /// On which pump.
        pub pump: Option<PumpId>,
        /// On what, for people: an asset tag, a release, an account.
        pub subject: String,
        /// How it ended: `done`, `refused` or `failed`.
        pub outcome: String,
        /// Why.
        pub reason: String,
        /// The hash that chains it to all before it.
        pub hash: Digest,
    }

    /// What a verification of the whole chain found.
    pub struct AuditVerified {
        /// How many records were read; only known when the chain is whole.
        pub records: Option<u64>,
        /// Whether every one fits its predecessor and every checkpoint its signature.
        pub intact: bool,
        /// The first record that does not.
        pub first_bad: Option<u64>,
        /// What was wrong with it.
        pub why: Option<String>,
        /// The newest record that a signed checkpoint pins.
        pub pinned: Option<u64>,
    }

    /// A signed checkpoint: keep it elsewhere, and nobody can rewrite what lies before it.
    pub struct AuditCheckpoint {
        /// The last record that it covers.
        pub seq: u64,
        /// That record's hash.
        pub hash: Digest,
        /// When it was signed.
        pub at: Time,
        /// The signature, base64.
        pub signature: String,
    }
}
