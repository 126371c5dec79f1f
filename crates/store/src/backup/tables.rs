//! Every table with its columns, as a backup writes them. A test compares this list with the database: what is not on it
//! would be forgotten.

/// How many rows are read at once. Artifacts are read one by one.
const STEP: i64 = 500;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// BIGINT.
    Int,
    /// TEXT.
    Text,
    /// BLOB or BYTEA.
    Bytes,
}

use Holds::{Bytes, Int, Text};

/// A table of a backup.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// How many of the first columns name a row.
    pub(super) key: usize,
    pub(crate) columns: &'static [(&'static str, Holds)],
}

/// Every table, its key first. A test compares this list with the database.
pub(crate) const TABLES: &[Table] = &[
    Table { name: "facts", key: 1, columns: &[("name", Text), ("value", Text)] },
    Table {
        name: "data_keys",
        key: 1,
        columns: &[("id", Int), ("wrapped", Bytes), ("created", Int), ("retired", Int)],
    },
    Table {
        name: "pumps",
        key: 1,
        columns: &[
            ("id", Text),
            ("model", Text),
            ("serial", Text),
            ("asset_tag", Text),
            ("care_area", Text),
            ("lifecycle", Text),
            ("lifecycle_by", Text),
            ("lifecycle_reason", Text),
            ("lifecycle_since", Int),
            ("last_seen", Int),
            ("last_place", Text),
            ("linked_since", Int),
            ("link_node", Text),
            ("clock_offset_ms", Int),
            ("hold", Text),
            ("waits", Text),
            ("waiting_since", Int),
            ("search", Text),
            ("quarantine_level", Text),
            ("quarantine_former", Text),
            ("quarantine_before", Text),
            ("quarantine_cause", Text),
            ("quarantine_by", Text),
            ("quarantine_reason", Text),
            ("quarantine_since", Int),
            ("quarantine_until", Int),
        ],
    },
    Table {
        name: "suspects",
        key: 2,
        columns: &[
            ("pump", Text),
            ("kind", Text),
            ("detail", Text),
            ("times", Int),
            ("first_seen", Int),
            ("last_seen", Int),
            ("closed", Int),
            ("closed_by", Text),
        ],
    },
    Table {
        name: "admissions",
        key: 1,
        columns: &[("pump", Text), ("user_name", Text), ("station", Text), ("nas", Text), ("at", Int)],
    },
    Table {
        name: "watched",
        key: 2,
        columns: &[("pump", Text), ("number", Int), ("at", Int), ("what", Text), ("detail", Text), ("times", Int)],
    },
    Table { name: "reports", key: 1, columns: &[("pump", Text), ("report", Text), ("received", Int)] },
    Table {
        name: "goals",
        key: 1,
        columns: &[("pump", Text), ("generation", Int), ("signed", Bytes), ("decided", Int)],
    },
    Table {
        name: "own_certificates",
        key: 1,
        columns: &[
            ("fingerprint", Text),
            ("serial", Text),
            ("kind", Text),
            ("subject", Text),
            ("node", Text),
            ("not_before", Int),
            ("not_after", Int),
            ("issued", Int),
            ("replaced", Int),
            ("der", Bytes),
        ],
    },
    Table {
        name: "certificates",
        key: 1,
        columns: &[
            ("serial", Text),
            ("fingerprint", Text),
            ("pump", Text),
            ("not_before", Int),
            ("not_after", Int),
            ("issued", Int),
            ("state", Text),
            ("revoked_at", Int),
            ("revoked_code", Int),
            ("revoked_reason", Text),
            ("der", Bytes),
            ("key_hash", Text),
        ],
    },
    Table {
        name: "enrolment_codes",
        key: 1,
        columns: &[
            ("id", Text),
            ("hash", Text),
            ("pump", Text),
            ("created", Int),
            ("created_by", Text),
            ("expires", Int),
            ("used", Int),
        ],
    },
    Table {
        name: "enrolment_approvals",
        key: 1,
        columns: &[
            ("id", Text),
            ("pump", Text),
            ("key", Text),
            ("birth", Text),
            ("label", Text),
            ("place", Text),
            ("asked", Int),
            ("asked_last", Int),
            ("expires", Int),
            ("state", Text),
            ("decided", Int),
            ("decided_by", Text),
            ("reason", Text),
        ],
    },
    Table {
        name: "journals",
        key: 2,
        columns: &[("pump", Text), ("journal", Int), ("ordinal", Int), ("durable", Int)],
    },
    Table {
        name: "events",
        key: 3,
        columns: &[
            ("pump", Text),
            ("ordinal", Int),
            ("seq", Int),
            ("at", Int),
            ("received", Int),
            ("body", Text),
            ("detail", Bytes),
        ],
    },
    Table { name: "metadata_files", key: 1, columns: &[("name", Text), ("bytes", Bytes), ("published", Int)] },
    Table {
        name: "artifacts",
        key: 1,
        columns: &[("digest", Text), ("path", Text), ("length", Int), ("published", Int), ("bytes", Bytes)],
    },
    Table {
        name: "releases",
        key: 2,
        columns: &[
            ("kind", Text),
            ("version", Int),
            ("path", Text),
            ("digest", Text),
            ("length", Int),
            ("entries", Int),
            ("notes", Text),
            ("signers", Text),
            ("state", Text),
            ("published", Int),
            ("published_by", Text),
            ("withdrawn_reason", Text),
        ],
    },
    Table {
        name: "rollouts",
        key: 1,
        columns: &[
            ("id", Int),
            ("kind", Text),
            ("version", Int),
            ("rules", Text),
            ("state", Text),
            ("state_reason", Text),
            ("state_since", Int),
            ("state_by", Text),
            ("started", Int),
            ("started_by", Text),
        ],
    },
    Table {
        name: "adoption_samples",
        key: 3,
        columns: &[("kind", Text), ("version", Int), ("at", Int), ("settled", Int), ("staged", Int), ("wanted", Int)],
    },
    Table {
        name: "accounts",
        key: 1,
        columns: &[
            ("name", Text),
            ("display", Text),
            ("role", Text),
            ("password", Text),
            ("disabled", Int),
            ("created", Int),
            ("last_sign_in", Int),
        ],
    },
    Table {
        name: "sessions",
        key: 1,
        columns: &[
            ("hash", Text),
            ("account", Text),
            ("csrf", Bytes),
            ("opened", Int),
            ("expires", Int),
            ("last_used", Int),
        ],
    },
    Table { name: "sign_in_links", key: 1, columns: &[("hash", Text), ("account", Text), ("expires", Int)] },
    Table {
        name: "tokens",
        key: 1,
        columns: &[
            ("name", Text),
            ("hash", Text),
            ("role", Text),
            ("created", Int),
            ("created_by", Text),
            ("expires", Int),
            ("last_used", Int),
        ],
    },
    Table {
        name: "audit",
        key: 1,
        columns: &[
            ("number", Int),
            ("at", Int),
            ("actor", Text),
            ("action", Text),
            ("pump", Text),
            ("subject", Text),
            ("reason", Text),
            ("verdict", Text),
            ("hash", Text),
        ],
    },
    Table { name: "audit_head", key: 1, columns: &[("id", Int), ("number", Int), ("hash", Text)] },
    Table {
        name: "audit_checkpoints",
        key: 1,
        columns: &[("number", Int), ("hash", Text), ("at", Int), ("signature", Bytes)],
    },
    Table {
        name: "sightings",
        key: 3,
        columns: &[
            ("claim", Text),
            ("source", Text),
            ("reason", Text),
            ("times", Int),
            ("first_seen", Int),
            ("last_seen", Int),
        ],
    },
    Table {
        name: "roll_overs",
        key: 1,
        columns: &[
            ("number", Int),
            ("what", Text),
            ("stage", Text),
            ("root", Int),
            ("issuing", Int),
            ("begun", Int),
            ("begun_by", Text),
            ("reason", Text),
            ("changed", Int),
        ],
    },
    Table {
        name: "settings",
        key: 1,
        columns: &[("name", Text), ("value", Text), ("revision", Int), ("changed", Int), ("changed_by", Text)],
    },
    Table { name: "approvals_by_rule", key: 1, columns: &[("pump", Text), ("rule", Text), ("at", Int)] },
    Table {
        name: "wipe_orders",
        key: 1,
        columns: &[
            ("nonce", Text),
            ("pump", Text),
            ("ending", Text),
            ("certificates", Text),
            ("decided", Int),
            ("fetched", Int),
            ("withdrawn", Int),
            ("receipt", Bytes),
            ("received", Int),
        ],
    },
    Table { name: "pump_profiles", key: 1, columns: &[("pump", Text), ("profile", Text)] },
];

impl Table {
    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    fn key_names(&self) -> String {
        self.columns[..self.key].iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// A page of rows after the last one, in the order of the key.
    pub(super) fn select(&self, after: bool) -> String {
        let (names, keys) = (self.names(), self.key_names());
        let condition = if after {
            let values: Vec<String> = (1..=self.key).map(|n| format!("${n}")).collect();
            format!(" WHERE ({keys}) > ({})", values.join(", "))
        } else {
            String::new()
        };
        let step = if self.name == "artifacts" { 1 } else { STEP };
        format!("SELECT {names} FROM {}{condition} ORDER BY {keys} LIMIT {step}", self.name)
    }

    pub(super) fn insert(&self) -> String {
        let values = crate::row::placeholders(1, self.columns.len());
        format!("INSERT INTO {} ({}) VALUES {values}", self.name, self.names())
    }
}
