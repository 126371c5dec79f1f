//! The versions of the tables, brought up to date when the store opens. All steps of one start are one transaction, so
//! a start that is killed leaves the database as it was.

use sqlx::{Any, Executor as _, Row as _, Transaction};
use wardline_model::Time;

use crate::engine::Engine;

/// Every version, from 1. A version that was released is never edited; a change is a new one.
const VERSIONS: [&str; 2] =
    [include_str!("../migrations/0001_first.sql"), include_str!("../migrations/0002_identity.sql")];

/// The version that this program writes.
pub(crate) const NEWEST: u64 = VERSIONS.len() as u64;

/// Which hubs wait for each other while one brings the tables up to date: any number that nothing else uses.
const POSTGRES_LOCK: &str = "SELECT pg_advisory_xact_lock(8237467101)";

/// What was found.
pub(crate) enum Found {
    /// No tables of ours.
    Nothing,
    /// This version.
    Version(u64),
}

/// Which version a database has.
pub(crate) async fn found(tx: &mut Transaction<'static, Any>, engine: Engine) -> Result<Found, sqlx::Error> {
    let row = sqlx::query(engine.table_exists()).bind("facts").fetch_one(&mut **tx).await?;
    if row.try_get::<i64, _>("found")? == 0 {
        return Ok(Found::Nothing);
    }
    let row = sqlx::query("SELECT value FROM facts WHERE name = 'schema'").fetch_optional(&mut **tx).await?;
    let version = row.map(|row| row.try_get::<String, _>("value")).transpose()?;
    Ok(version.and_then(|text| text.parse().ok()).map_or(Found::Nothing, Found::Version))
}

/// Waits until no other hub changes the tables.
pub(crate) async fn lock(tx: &mut Transaction<'static, Any>, engine: Engine) -> Result<(), sqlx::Error> {
    if engine == Engine::Postgres {
        tx.execute(POSTGRES_LOCK).await?;
    }
    Ok(())
}

/// Makes the steps from one version to another.
pub(crate) async fn run(
    tx: &mut Transaction<'static, Any>,
    engine: Engine,
    from: u64,
    to: u64,
    now: Time,
) -> Result<(), sqlx::Error> {
    for (version, text) in (1u64..).zip(VERSIONS).filter(|(version, _)| *version > from && *version <= to) {
        let text: String =
            text.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
        for statement in engine.translate(&text).split(';').map(str::trim).filter(|s| !s.is_empty()) {
            tx.execute(sqlx::AssertSqlSafe(statement.to_owned())).await?;
        }
        let upsert = "INSERT INTO facts (name, value) VALUES ($1, $2) \
                      ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        sqlx::query(upsert).bind("schema").bind(version.to_string()).execute(&mut **tx).await?;
        let at = now.as_unix_ms().to_string();
        sqlx::query(upsert).bind(format!("schema {version} since")).bind(at).execute(&mut **tx).await?;
    }
    Ok(())
}
