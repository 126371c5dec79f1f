//! What can go wrong with the database, grouped by who must act. Every text says what, and what to do next.

use wardline_model::{Generation, Lifecycle, PumpId};

/// Why the store did not do what was asked. Nothing of a refused or failed call is kept.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    // --- the operator must act ---
    /// The disk or the quota is full.
    #[error(
        "the disk that holds {place} is full: nothing more can be recorded, and nothing that was acknowledged is lost. \
         Free some space or move the data folder; the hub goes on by itself"
    )]
    Full {
        /// The database.
        place: String,
    },
    /// The database file is damaged.
    #[error(
        "the database {place} is damaged ({detail}). Stop the hub, keep the file aside, and restore the newest backup \
         with `wardline restore`"
    )]
    Corrupt {
        /// The database.
        place: String,
        /// What the engine said.
        detail: String,
    },
    /// There is no database there.
    #[error("there is no Wardline database at {place}. Run `wardline init` first, or check the address")]
    Missing {
        /// The database.
        place: String,
    },
    /// The database was written by a newer Wardline.
    #[error("the database {place} was written by a newer Wardline ({detail}). Start the newer program")]
    Newer {
        /// The database.
        place: String,
        /// What was found.
        detail: String,
    },
    /// Another hub has this SQLite file open.
    #[error(
        "another hub is using {place}. Embedded SQLite serves one hub; stop the other one, or use PostgreSQL for several"
    )]
    InUse {
        /// The database.
        place: String,
    },
    /// Another hub runs under this name on the same PostgreSQL.
    #[error(
        "a hub named {node:?} is running on {place} already. Give this one another `node` in its config.json; when that \
         hub's machine has just lost its power, its name is free after half a minute"
    )]
    NameTaken {
        /// The database.
        place: String,
        /// The name.
        node: String,
    },
    /// The database cannot be reached.
    #[error("the database {place} cannot be reached: {detail}. The hub tries again by itself")]
    Unreachable {
        /// The database.
        place: String,
        /// What the engine said.
        detail: String,
    },
    /// The address of the database is not one of ours.
    #[error("{url:?} is not the address of a database: expected sqlite://<file> or postgres://<user>@<host>/<name>")]
    Url {
        /// What was given, without a password.
        url: String,
    },
    /// The master key does not open the data keys.
    #[error(
        "the master key does not open {what}: it is another installation's key, or the record was changed. \
         Use the key file that `wardline init` made with this database"
    )]
    WrongKey {
        /// What could not be opened.
        what: String,
    },
    /// A backup file that cannot be used.
    #[error("the backup {path} cannot be used: {why}")]
    Backup {
        /// The file.
        path: String,
        /// What was wrong and what to do.
        why: String,
    },

    // --- the caller must act ---
    /// The thing does not exist.
    #[error("{what} does not exist")]
    NotFound {
        /// The thing.
        what: String,
    },
    /// Somebody else has the name already. All are named, and nothing was kept.
    #[error("already taken: {}", .rows.iter().map(|(row, what)| format!("row {row}: {what}")).collect::<Vec<_>>().join("; "))]
    Taken {
        /// Index from 0 of each row that cannot be kept, and why.
        rows: Vec<(usize, String)>,
    },
    /// The pump is no longer where the decision believed it to be.
    #[error(
        "pump {pump} is {is}, not {expected}: somebody changed it in the meantime. Look at it again and decide anew"
    )]
    Moved {
        /// The pump.
        pump: PumpId,
        /// Where the decision believed it to be.
        expected: Lifecycle,
        /// Where it is.
        is: Lifecycle,
    },
    /// A goal whose generation is not above the stored one.
    #[error("goal {offered} for pump {pump} is not above generation {stored}, which it already has")]
    StaleGoal {
        /// The pump.
        pump: PumpId,
        /// The offered generation.
        offered: Generation,
        /// The stored generation.
        stored: Generation,
    },
    /// Something is larger, longer or otherwise not as it must be.
    #[error("{what} was refused: {why}")]
    Refused {
        /// The thing.
        what: String,
        /// What was wrong and what to do.
        why: String,
    },

    // --- we must act ---
    /// A value in the database is not one that this program wrote.
    #[error("the database holds a value that does not fit: {what}. This is a bug or a change made by hand")]
    Value {
        /// Which value.
        what: String,
    },
    /// Any other failure of the engine.
    #[error("the database failed while {doing}: {source}")]
    Engine {
        /// What was being done.
        doing: String,
        /// What the engine said.
        #[source]
        source: std::sync::Arc<sqlx::Error>,
    },
}

impl StoreError {
    /// A value in the database that does not fit its type.
    pub(crate) fn value(what: impl Into<String>) -> Self {
        Self::Value { what: what.into() }
    }

    /// Something that does not exist.
    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }

    /// Something that the store will not take.
    pub(crate) fn refused(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), why: why.into() }
    }
}
