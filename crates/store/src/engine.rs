//! The two engines: addresses, connections, and every statement that they do not share.

use std::path::{Path, PathBuf};

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, Connection as _, Executor as _};

use crate::StoreError;

/// Readers of the embedded database. More would only compete for two to four cores.
const SQLITE_READERS: u32 = 4;
/// Connections of one hub to PostgreSQL, of the 100 that a server allows by default: room for several hubs.
const POSTGRES_READERS: u32 = 8;
/// Connections for decisions on PostgreSQL. They take turns at the audit's head anyway.
const POSTGRES_WRITERS: u32 = 4;

/// Which database is behind the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// One file, one hub.
    Sqlite,
    /// A server, one or several hubs.
    Postgres,
}

impl Engine {
    /// The engine that an address names.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        if url.starts_with("sqlite:") {
            Some(Self::Sqlite)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Some(Self::Postgres)
        } else {
            None
        }
    }

    /// How a transaction that will write begins. SQLite takes the write lock at once, so that a transaction never
    /// finds at its first write that another one was faster.
    pub(crate) const fn begin_write(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// How a transaction begins that gives way to decisions. 300 ms is below the second after which PostgreSQL looks for
    /// a circle of waiting transactions and picks one to fail, whichever it is.
    pub(crate) const fn begin_yielding(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN; SET LOCAL lock_timeout = '300ms'",
        }
    }

    /// How a transaction begins that reads many tables as they are at one moment.
    pub(crate) const fn begin_snapshot(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// What locks the selected rows until the transaction ends. SQLite has one writer, who holds the only lock.
    pub(crate) const fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// What a connection is told when it opens: durable means on the disk.
    const fn settings(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000; \
                 PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000"
            }
            Self::Postgres => {
                "SET synchronous_commit = on; SET client_min_messages = warning; \
                 SET idle_in_transaction_session_timeout = '60s'; SET lock_timeout = '20s'"
            }
        }
    }

    /// One table-making text for this engine.
    pub(crate) fn translate(self, text: &str) -> String {
        let (sorted_text, bytes, clustered) = match self {
            Self::Sqlite => ("TEXT", "BLOB", " WITHOUT ROWID"),
            Self::Postgres => ("TEXT COLLATE \"C\"", "BYTEA", ""),
        };
        text.replace("{TEXT}", sorted_text).replace("{BYTES}", bytes).replace("{CLUSTERED}", clustered)
    }

    /// Whether a table exists.
    pub(crate) const fn table_exists(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT COUNT(*) AS found FROM sqlite_master WHERE type = 'table' AND name = $1",
            Self::Postgres => {
                "SELECT COUNT(*) AS found FROM information_schema.tables \
                 WHERE table_schema = current_schema() AND table_name = $1"
            }
        }
    }
}

/// The address of the SQLite database in this file.
#[must_use]
pub fn sqlite_url(file: &Path) -> String {
    let escaped = file.display().to_string().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    format!("sqlite://{escaped}")
}

/// The file of a SQLite address.
pub(crate) fn sqlite_file(url: &str) -> PathBuf {
    let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
    let path = path.split('?').next().unwrap_or(path);
    PathBuf::from(path.replace("%23", "#").replace("%3F", "?").replace("%25", "%"))
}

/// An address as people may see it: a file's path, or a server without user and password.
pub(crate) fn place(url: &str) -> String {
    match Engine::of(url) {
        Some(Engine::Sqlite) => sqlite_file(url).display().to_string(),
        Some(Engine::Postgres) | None => {
            let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
            let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            let rest = rest.split('?').next().unwrap_or(rest);
            if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") }
        }
    }
}

/// Connections for reading, and connections for writing. On SQLite the single writing connection is the queue in which
/// every transaction waits its turn.
pub(crate) async fn connect(engine: Engine, url: &str) -> Result<(AnyPool, AnyPool), sqlx::Error> {
    sqlx::any::install_default_drivers();
    let url = match engine {
        Engine::Sqlite => format!("{}?mode=rwc", url.split('?').next().unwrap_or(url)),
        Engine::Postgres => url.to_owned(),
    };
    let options: AnyConnectOptions = url.parse()?;
    let (readers, writers) = match engine {
        Engine::Sqlite => (SQLITE_READERS, 1),
        Engine::Postgres => (POSTGRES_READERS, POSTGRES_WRITERS),
    };
    // A pool tries again and again and then says only that time ran out; one connection by itself says what is wrong.
    let mut probe = AnyConnection::connect_with(&options).await?;
    probe.execute(engine.settings()).await?;
    probe.close().await?;
    let pool = |most: u32| {
        AnyPoolOptions::new()
            .max_connections(most)
            .test_before_acquire(engine == Engine::Postgres)
            .acquire_timeout(std::time::Duration::from_secs(30))
            // A full disk makes SQLite end the transaction by itself; the driver then waits for an end that never comes,
            // and the connection would refuse every later transaction. Such a connection is closed instead.
            .before_acquire(|connection, _| {
                let is_clean = !connection.is_in_transaction();
                Box::pin(async move { Ok(is_clean) })
            })
            .after_connect(move |connection: &mut AnyConnection, _| {
                Box::pin(async move { connection.execute(engine.settings()).await.map(drop) })
            })
    };
    let write = pool(writers).connect_with(options.clone()).await?;
    let read = pool(readers).connect_lazy_with(options);
    Ok((read, write))
}

/// A database failure in the words of [`StoreError`], by the engine's own code.
pub(crate) fn explain(place: &str, doing: &str, error: sqlx::Error) -> StoreError {
    let place = place.to_owned();
    let detail = error.to_string();
    let code = error.as_database_error().and_then(|e| e.code()).map(|code| code.into_owned()).unwrap_or_default();
    match (code.as_str(), &error) {
        // 4874: SQLite finds no room for the index of its log.
        ("13" | "4874" | "53100" | "53400", _) => StoreError::Full { place },
        ("11" | "26" | "267" | "523" | "779" | "XX001" | "XX002", _) => StoreError::Corrupt { place, detail },
        ("14" | "1038", _) => StoreError::Missing { place },
        ("3D000" | "42P01", _) => StoreError::Missing { place },
        ("5" | "6" | "261" | "517", _) => StoreError::InUse { place },
        (code, _) if code.starts_with("08") || code.starts_with("57P") || code.starts_with("28") => {
            StoreError::Unreachable { place, detail }
        }
        (_, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_)) => {
            StoreError::Unreachable { place, detail }
        }
        _ => StoreError::Engine { doing: doing.to_owned(), source: std::sync::Arc::new(error) },
    }
}

/// Whether the same transaction may succeed when it is tried again: two hubs on one PostgreSQL met (deadlock or
/// serialisation failure, codes of appendix A of its manual).
pub(crate) fn may_retry(error: &sqlx::Error) -> bool {
    matches!(error.as_database_error().and_then(|e| e.code()).as_deref(), Some("40001" | "40P01" | "55P03"))
}

/// Whether a row could not be kept because its key exists.
pub(crate) fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|e| e.is_unique_violation())
}
