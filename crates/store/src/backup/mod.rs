//! One file that holds everything and restores into either engine. What is sealed stays sealed.
//!
//! | file | what it is |
//! |---|---|
//! | `tables` | every table with its columns |
//! | `file` | the file's form, its writer and its checking reader |
//!
//! A backup is everything as it was at one moment, read while the hub runs. It is checked whole, every row of it, before
//! the first row is restored, and a restore never writes over anything.

mod file;
mod tables;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{Any, AnyConnection, AnyPool, Executor as _, Row as _, Transaction};
use wardline_model::Time;

pub use file::check_backup;
use file::{Cell, Checked, FORM, First, Line, Lines, Out, Row, unusable};
use serde_json::Value;
use tables::Holds::{Bytes, Int, Text};
use tables::{TABLES, Table};

use crate::engine::{self, Engine};
use crate::keys::DataKeys;
use crate::row::{number, query};
use crate::store::{Trouble, wrapped_keys};
use crate::{MasterKey, Store, StoreError, migrate};

#[cfg(test)]
pub(crate) use tables::TABLES as ALL_TABLES;

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
        let master = self.core.master.read().expect("no panic while the master key is held").clone();
        write(&self.core.read, self.core.engine, &self.core.place, &master, path, now).await
    }

    /// The same from another process, of a database that a running hub has open or that nobody has: it only reads, and
    /// the hub notices nothing.
    ///
    /// # Errors
    /// As [`Store::backup`]; [`StoreError::Missing`], [`StoreError::WrongKey`].
    pub async fn backup_beside(
        url: &str,
        master: &MasterKey,
        path: &Path,
        now: Time,
    ) -> Result<BackupSummary, StoreError> {
        let place = engine::place(url);
        let engine = Engine::of(url).ok_or_else(|| StoreError::Url { url: place.clone() })?;
        if engine == Engine::Sqlite && !engine::sqlite_file(url).exists() {
            return Err(StoreError::Missing { place });
        }
        let pool = reader(engine, url).await.map_err(|error| engine::explain(&place, "connecting", error))?;
        let done = write(&pool, engine, &place, master, path, now).await;
        pool.close().await;
        done
    }

    /// Makes a database out of a backup. The file is checked whole before anything is written, and the database appears
    /// under its name only when it is whole.
    ///
    /// # Errors
    /// [`StoreError::Backup`] when the file is not whole or the database is not empty; [`StoreError::WrongKey`].
    pub async fn restore(path: &Path, url: &str, master: &MasterKey) -> Result<BackupSummary, StoreError> {
        let checked = file::check(path, master)?;
        let place = engine::place(url);
        match Engine::of(url).ok_or_else(|| StoreError::Url { url: place.clone() })? {
            Engine::Postgres => restore_into(path, &place, Engine::Postgres, url, &checked).await?,
            Engine::Sqlite => {
                let file = engine::sqlite_file(url);
                free_place(path, &file)?;
                let part = beside(&file, ".restoring");
                remove(&part);
                let done = restore_into(path, &place, Engine::Sqlite, &crate::sqlite_url(&part), &checked).await;
                let done = done.and_then(|()| std::fs::rename(&part, &file).map_err(|error| unusable(path, error)));
                if done.is_err() {
                    remove(&part);
                }
                done?;
            }
        }
        Ok(checked.summary)
    }
}

/// A connection that cannot write.
async fn reader(engine: Engine, url: &str) -> Result<AnyPool, sqlx::Error> {
    sqlx::any::install_default_drivers();
    let (url, settings) = match engine {
        Engine::Sqlite => {
            let url = format!("{}?mode=rw", url.split('?').next().unwrap_or(url));
            (url, "PRAGMA busy_timeout = 10000; PRAGMA query_only = ON")
        }
        Engine::Postgres => (url.to_owned(), "SET default_transaction_read_only = on"),
    };
    AnyPoolOptions::new()
        .max_connections(1)
        .after_connect(move |connection: &mut AnyConnection, _| {
            Box::pin(async move { connection.execute(settings).await.map(drop) })
        })
        .connect(&url)
        .await
}

async fn write(
    from: &AnyPool,
    engine: Engine,
    place: &str,
    master: &MasterKey,
    path: &Path,
    now: Time,
) -> Result<BackupSummary, StoreError> {
    let part = beside(path, ".part");
    let mut out = Out::new(path, &part)?;
    let done = match dump(from, engine, place, master, &mut out, now).await {
        Ok(()) => out.finish(master, now),
        Err(Trouble::Store(error)) => Err(error),
        Err(Trouble::Sql(error)) => Err(engine::explain(place, "making a backup", error)),
    };
    if done.is_err() {
        // Best effort: the unfinished file is of no use to anybody.
        let _ = std::fs::remove_file(&part);
    }
    done
}

/// Writes every row as one transaction sees it.
async fn dump(
    from: &AnyPool,
    engine: Engine,
    place: &str,
    master: &MasterKey,
    out: &mut Out,
    now: Time,
) -> Result<(), Trouble> {
    let mut tx = from.begin_with(engine.begin_snapshot()).await?;
    let schema = match migrate::found(&mut tx, engine).await? {
        migrate::Found::Version(migrate::NEWEST) => migrate::NEWEST,
        migrate::Found::Version(other) => {
            let why =
                format!("the database {place} has tables of version {other}; start this version's hub on it once");
            return Err(unusable(&out.path, why).into());
        }
        migrate::Found::Nothing => return Err(StoreError::Missing { place: place.to_owned() }.into()),
    };
    // A backup that its own master key does not open would be found out on the worst day.
    DataKeys::unwrap(master, &wrapped_keys(&mut tx).await?)?;
    out.line(&First { wardline_backup: FORM, schema, made: now })?;
    for table in TABLES {
        dump_table(&mut tx, table, out).await?;
    }
    Ok(())
}

async fn dump_table(tx: &mut Transaction<'static, Any>, table: &Table, out: &mut Out) -> Result<(), Trouble> {
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
        let mut rows = statement.fetch_all(&mut **tx).await?;
        for row in &rows {
            out.line(&Line { t: table.name.to_owned(), v: values(table, row)? })?;
            out.rows += 1;
        }
        match rows.pop() {
            Some(row) => last = Some(row),
            None => return Ok(()),
        }
    }
}

fn values(table: &Table, row: &AnyRow) -> Result<Vec<Value>, Trouble> {
    use base64::Engine as _;
    let encode = |bytes: Vec<u8>| Value::String(base64::engine::general_purpose::STANDARD.encode(bytes));
    let mut values = Vec::with_capacity(table.columns.len());
    for (name, holds) in table.columns {
        values.push(match holds {
            Int => row.try_get::<Option<i64>, _>(*name)?.map_or(Value::Null, Value::from),
            Text => row.try_get::<Option<String>, _>(*name)?.map_or(Value::Null, Value::String),
            Bytes => row.try_get::<Option<Vec<u8>>, _>(*name)?.map_or(Value::Null, encode),
        });
    }
    Ok(values)
}

/// The same name with something behind it.
fn beside(path: &Path, tail: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(tail);
    PathBuf::from(name)
}

/// Makes sure that nothing of another database lies where this one will be: SQLite would play an old log into the new
/// file.
fn free_place(path: &Path, file: &Path) -> Result<(), StoreError> {
    for name in [file.to_owned(), beside(file, "-wal"), beside(file, "-journal")] {
        if name.metadata().is_ok_and(|there| there.len() > 0) {
            let why = format!("{} exists already; put it aside first, nothing is written over it", name.display());
            return Err(unusable(path, why));
        }
    }
    Ok(())
}

/// Removes what an unfinished restore left.
fn remove(part: &Path) {
    for name in [part.to_owned(), beside(part, "-wal"), beside(part, "-shm")] {
        // What is not there need not be removed; what cannot be removed shows when it is opened.
        let _ = std::fs::remove_file(name);
    }
}

async fn restore_into(
    path: &Path,
    place: &str,
    engine: Engine,
    url: &str,
    checked: &Checked,
) -> Result<(), StoreError> {
    let explain = |error: sqlx::Error| engine::explain(place, "restoring a backup", error);
    let (_, write) = engine::connect(engine, url).await.map_err(explain)?;
    let done = load(path, place, engine, &write, checked).await;
    write.close().await;
    match done {
        Ok(()) => Ok(()),
        Err(Trouble::Store(error)) => Err(error),
        Err(Trouble::Sql(error)) => Err(explain(error)),
    }
}

/// Writes every row into an empty database, in one transaction.
async fn load(path: &Path, place: &str, engine: Engine, write: &AnyPool, checked: &Checked) -> Result<(), Trouble> {
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
        insert(&mut tx, lines.row(&line)?).await?;
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

async fn insert(tx: &mut Transaction<'static, Any>, row: Row) -> Result<(), Trouble> {
    let mut statement = query(row.table.insert());
    for cell in row.cells {
        statement = match cell {
            Cell::Int(value) => statement.bind(value),
            Cell::Text(value) => statement.bind(value),
            Cell::Bytes(value) => statement.bind(value),
        };
    }
    statement.execute(&mut **tx).await?;
    Ok(())
}
