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
        /// Only records below this number: the next page.
        pub before: Option<u64>,
        /// How many, at most 500; 100 by default.
        pub size: Option<u32>,
    }

    /// A page of the audit trail, newest first.
    pub struct AuditPage {
        /// The records.
        pub records: Vec<AuditRow>,
        /// What to ask for as `before` to get the next page, when there is one.
        pub next: Option<u64>,
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
        /// That pump's asset tag or serial.
        pub pump_name: Option<String>,
        /// How it ended: `done` or `refused`.
        pub outcome: String,
        /// Why.
        pub reason: String,
        /// The hash that chains it to all before it.
        pub hash: Digest,
    }

    /// What a verification of the whole chain found.
    pub struct AuditVerified {
        /// How many records were read.
        pub records: u64,
        /// Whether every one fits its predecessor and every checkpoint its signature.
        pub intact: bool,
        /// The first record that does not.
        pub first_bad: Option<u64>,
        /// What was wrong with it.
        pub why: Option<String>,
        /// How many signed checkpoints were checked.
        pub checkpoints: u64,
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
