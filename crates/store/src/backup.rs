//! One file that holds everything and restores into either engine. What is sealed stays sealed.
//!
//! The file is text: a first line with the form and the version of the tables, a line for each row, and a last line with
//! the number of rows, the SHA-256 of all before it, and an HMAC under a key derived from the master key. It is written
//! beside its name and moved there when it is whole, and it is checked whole before the first row is restored.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;
use sqlx::{Any, Row as _, Transaction};
use wardline_model::Time;

use crate::engine::{self, Engine};
use crate::keys::{DataKeys, WrappedKey};
use crate::row::{number, query};
use crate::store::Trouble;
use crate::{MasterKey, Store, StoreError, migrate};

/// The form of the file.
const FORM: u64 = 1;
/// The longest line: the largest artifact in base 64, and some room.
const LONGEST_LINE: u64 = 96 * 1024 * 1024;
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
    key: usize,
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
        ],
    },
    Table { name: "reports", key: 1, columns: &[("pump", Text), ("report", Text), ("received", Int)] },
    Table {
        name: "goals",
        key: 1,
        columns: &[("pump", Text), ("generation", Int), ("signed", Bytes), ("decided", Int)],
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
];

impl Table {
    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    fn key_names(&self) -> String {
        self.columns[..self.key].iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// A page of rows after the last one, in the order of the key.
    fn select(&self, after: bool) -> String {
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

    fn insert(&self) -> String {
        let values = crate::row::placeholders(1, self.columns.len());
        format!("INSERT INTO {} ({}) VALUES {values}", self.name, self.names())
    }
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct First {
    wardline_backup: u64,
    schema: u64,
    made: Time,
}

/// A line for one row: which table, and its values in the order of [`TABLES`]; bytes in base 64.
#[derive(Serialize, Deserialize)]
struct Line {
    t: String,
    v: Vec<Value>,
}

/// The last line.
#[derive(Serialize, Deserialize)]
struct Last {
    rows: u64,
    sha256: String,
    hmac: String,
}

/// What a backup or a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSummary {
    /// When the backup was made.
    pub made: Time,
    /// How many rows.
    pub rows: u64,
    /// How many bytes the file has.
    pub bytes: u64,
}

impl Store {
    /// Writes everything as it is at one moment into a new file, while the hub runs.
    ///
    /// # Errors
    /// [`StoreError::Backup`] when the file exists or cannot be written.
    pub async fn backup(&self, path: &Path, now: Time) -> Result<BackupSummary, StoreError> {
        let part = path.with_extension("part");
        let mut out = Out::new(path, &part)?;
        let done = self.step("making a backup", self.dump(&mut out, now)).await.and_then(|()| out.finish(self, now));
        if done.is_err() {
            // Best effort: the unfinished file is of no use to anybody.
            let _ = std::fs::remove_file(&part);
        }
        done
    }

    async fn dump(&self, out: &mut Out, now: Time) -> Result<(), Trouble> {
        let mut tx = self.core.read.begin_with(self.core.engine.begin_snapshot()).await?;
        let migrate::Found::Version(schema) = migrate::found(&mut tx, self.core.engine).await? else {
            return Err(StoreError::Missing { place: self.core.place.clone() }.into());
        };
        out.line(&First { wardline_backup: FORM, schema, made: now })?;
        for table in TABLES {
            let mut last: Option<AnyRow> = None;
            loop {
                let mut statement = query(table.select(last.is_some()));
                if let Some(row) = &last {
                    for (name, holds) in &table.columns[..table.key] {
                        statement = match holds {
                            Int => statement.bind(row.try_get::<i64, _>(*name)?),
                            Text => statement.bind(row.try_get::<String, _>(*name)?),
                            Bytes => statement.bind(row.try_get::<Vec<u8>, _>(*name)?),
                        };
                    }
                }
                let mut rows = statement.fetch_all(&mut *tx).await?;
                for row in &rows {
                    out.line(&Line { t: table.name.to_owned(), v: values(table, row)? })?;
                    out.rows += 1;
                }
                match rows.pop() {
                    Some(row) => last = Some(row),
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// Makes a database out of a backup. The file is checked whole before anything is written.
    ///
    /// # Errors
    /// [`StoreError::Backup`] when the file is not whole or the database is not empty; [`StoreError::WrongKey`].
    pub async fn restore(path: &Path, url: &str, master: &MasterKey) -> Result<BackupSummary, StoreError> {
        let checked = check(path, master)?;
        let place = engine::place(url);
        let engine = Engine::of(url).ok_or_else(|| StoreError::Url { url: place.clone() })?;
        if engine == Engine::Sqlite && engine::sqlite_file(url).metadata().is_ok_and(|file| file.len() > 0) {
            let why = format!("{place} exists already; restore into a new file and then put it in place");
            return Err(unusable(path, why));
        }
        let explain = |error: sqlx::Error| engine::explain(&place, "restoring a backup", error);
        let (_, write) = engine::connect(engine, url).await.map_err(explain)?;
        let done = load(path, &place, engine, &write, &checked).await;
        write.close().await;
        match done {
            Ok(()) => Ok(checked.summary),
            Err(Trouble::Store(error)) => Err(error),
            Err(Trouble::Sql(error)) => Err(explain(error)),
        }
    }
}

fn values(table: &Table, row: &AnyRow) -> Result<Vec<Value>, Trouble> {
    let mut values = Vec::with_capacity(table.columns.len());
    for (name, holds) in table.columns {
        values.push(match holds {
            Int => row.try_get::<Option<i64>, _>(*name)?.map_or(Value::Null, Value::from),
            Text => row.try_get::<Option<String>, _>(*name)?.map_or(Value::Null, Value::String),
            Bytes => row.try_get::<Option<Vec<u8>>, _>(*name)?.map_or(Value::Null, |b| STANDARD.encode(b).into()),
        });
    }
    Ok(values)
}

fn unusable(path: &Path, why: impl std::fmt::Display) -> StoreError {
    StoreError::Backup { path: path.display().to_string(), why: why.to_string() }
}

/// A backup that is being written.
struct Out {
    path: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    rows: u64,
    bytes: u64,
}

impl Out {
    fn new(path: &Path, part: &Path) -> Result<Self, StoreError> {
        if path.exists() {
            return Err(unusable(path, "a file of that name exists; give another name"));
        }
        let mut options = File::options();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(part).map_err(|error| unusable(path, error))?;
        let (path, part) = (path.to_owned(), part.to_owned());
        Ok(Self { path, part, file: BufWriter::new(file), hash: Sha256::new(), rows: 0, bytes: 0 })
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), StoreError> {
        let mut text = serde_json::to_vec(line).map_err(|error| unusable(&self.path, error))?;
        text.push(b'\n');
        self.hash.update(&text);
        self.bytes += text.len() as u64;
        self.file.write_all(&text).map_err(|error| unusable(&self.path, error))
    }

    fn finish(mut self, store: &Store, made: Time) -> Result<BackupSummary, StoreError> {
        let sum = std::mem::take(&mut self.hash).finalize();
        let key = store.core.master.read().expect("no panic while the master key is held").backup_key();
        let last =
            Last { rows: self.rows, sha256: STANDARD.encode(sum), hmac: STANDARD.encode(hmac::sign(&key, &sum)) };
        self.line(&last)?;
        let explain = |error: &dyn std::fmt::Display| unusable(&self.path, error);
        let file = self.file.into_inner().map_err(|error| explain(error.error()))?;
        file.sync_all().map_err(|error| explain(&error))?;
        std::fs::rename(&self.part, &self.path).map_err(|error| explain(&error))?;
        // The new name must survive a power loss too.
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| explain(&error))?;
        }
        Ok(BackupSummary { made, rows: self.rows, bytes: self.bytes })
    }
}

/// The lines of a file, none longer than any line of ours.
struct Lines<'a> {
    path: &'a Path,
    file: BufReader<File>,
}

impl<'a> Lines<'a> {
    fn open(path: &'a Path) -> Result<Self, StoreError> {
        Ok(Self { path, file: BufReader::new(File::open(path).map_err(|error| unusable(path, error))?) })
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut line = Vec::new();
        let mut limited = std::io::Read::take(&mut self.file, LONGEST_LINE);
        limited.read_until(b'\n', &mut line).map_err(|error| unusable(self.path, error))?;
        match line.last() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(line)),
            Some(_) => Err(unusable(self.path, "it ends in the middle of a line; use another backup")),
        }
    }

    fn parse<T: for<'de> Deserialize<'de>>(&self, line: &[u8]) -> Result<T, StoreError> {
        serde_json::from_slice(line).map_err(|error| unusable(self.path, format!("a line is not one of ours: {error}")))
    }
}

/// A file that is whole and opens with the master key.
struct Checked {
    schema: u64,
    summary: BackupSummary,
}

/// Reads a file once and believes nothing of it before its last line fits.
fn check(path: &Path, master: &MasterKey) -> Result<Checked, StoreError> {
    let mut lines = Lines::open(path)?;
    let mut hash = Sha256::new();
    let mut line = lines.next()?.ok_or_else(|| unusable(path, "it is empty; use another backup"))?;
    let first: First = lines.parse(&line)?;
    if first.wardline_backup != FORM || first.schema > migrate::NEWEST {
        return Err(unusable(path, "it was made by a newer Wardline; restore it with that one"));
    }
    let (mut rows, mut bytes, mut keys) = (0u64, 0u64, Vec::new());
    while let Some(next) = lines.next()? {
        hash.update(&line);
        bytes += line.len() as u64;
        if bytes > line.len() as u64 {
            rows += 1;
            if line.starts_with(b"{\"t\":\"data_keys\"") {
                keys.push(wrapped_key(path, &lines.parse(&line)?)?);
            }
        }
        line = next;
    }
    let cut = || unusable(path, "its last line is missing: it was cut short; use another backup");
    let last: Last = lines.parse(&line).map_err(|_| cut())?;
    let sum = hash.finalize();
    if last.sha256 != STANDARD.encode(sum) || last.rows != rows {
        return Err(unusable(path, "its content does not fit its checksum: it is damaged; use another backup"));
    }
    let tag = STANDARD.decode(&last.hmac).map_err(|_| cut())?;
    hmac::verify(&master.backup_key(), &sum, &tag)
        .map_err(|_| StoreError::WrongKey { what: format!("the backup {}", path.display()) })?;
    DataKeys::unwrap(master, &keys)?;
    bytes += line.len() as u64;
    Ok(Checked { schema: first.schema, summary: BackupSummary { made: first.made, rows, bytes } })
}

fn wrapped_key(path: &Path, line: &Line) -> Result<WrappedKey, StoreError> {
    let id = line.v.first().and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
    let wrapped = line.v.get(1).and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok());
    match (id, wrapped) {
        (Some(id), Some(wrapped)) => Ok(WrappedKey { id, wrapped }),
        _ => Err(unusable(path, "a data key in it is not whole")),
    }
}

/// Writes every row into an empty database, in one transaction.
async fn load(
    path: &Path,
    place: &str,
    engine: Engine,
    write: &sqlx::AnyPool,
    checked: &Checked,
) -> Result<(), Trouble> {
    let mut tx = write.begin_with(engine.begin_write()).await?;
    migrate::lock(&mut tx, engine).await?;
    if let migrate::Found::Version(_) = migrate::found(&mut tx, engine).await? {
        return Err(
            unusable(path, format!("{place} holds a Wardline database already; restore into an empty one")).into()
        );
    }
    migrate::run(&mut tx, engine, 0, checked.schema, checked.summary.made).await?;
    for sql in ["DELETE FROM facts", "DELETE FROM audit_head"] {
        sqlx::query(sql).execute(&mut *tx).await?;
    }
    let mut lines = Lines::open(path)?;
    lines.next()?;
    for _ in 0..checked.summary.rows {
        let line = lines.next()?.ok_or_else(|| unusable(path, "it changed while it was read"))?;
        insert(&mut tx, path, &lines.parse(&line)?).await?;
    }
    // Links are of the hub that made the backup, not of this one.
    sqlx::query("UPDATE pumps SET linked_since = NULL, link_node = NULL").execute(&mut *tx).await?;
    migrate::run(&mut tx, engine, checked.schema, migrate::NEWEST, checked.summary.made).await?;
    let rows = sqlx::query("SELECT COUNT(*) AS heads FROM audit_head").fetch_one(&mut *tx).await?;
    if number(&rows, "heads")? != 1 {
        return Err(unusable(path, "it holds no audit").into());
    }
    Ok(tx.commit().await?)
}

async fn insert(tx: &mut Transaction<'static, Any>, path: &Path, line: &Line) -> Result<(), Trouble> {
    let table = TABLES.iter().find(|table| table.name == line.t && table.columns.len() == line.v.len());
    let table = table.ok_or_else(|| unusable(path, format!("a row of table {:?} does not fit", line.t)))?;
    let mut statement = query(table.insert());
    for ((name, holds), value) in table.columns.iter().zip(&line.v) {
        let misfit = || unusable(path, format!("a value of {}.{name} does not fit", table.name));
        statement = match (holds, value) {
            (Int, Value::Null) => statement.bind(None::<i64>),
            (Int, value) => statement.bind(value.as_i64().ok_or_else(misfit)?),
            (Text, Value::Null) => statement.bind(None::<String>),
            (Text, value) => statement.bind(value.as_str().ok_or_else(misfit)?.to_owned()),
            (Bytes, Value::Null) => statement.bind(None::<Vec<u8>>),
            (Bytes, value) => {
                let text = value.as_str().ok_or_else(misfit)?;
                statement.bind(STANDARD.decode(text).map_err(|_| misfit())?)
            }
        };
    }
    statement.execute(&mut **tx).await?;
    Ok(())
}
