//! Rotation: a new data key, and everything sensitive sealed again under it.

use sqlx::Row as _;
use sqlx::any::AnyRow;
use wardline_model::Span;

use crate::engine::Engine;
use crate::keys::{DataKeys, key_of};
use crate::row::{number, query, text, time};
use crate::store::{Trouble, insert_key, wrapped_keys};
use crate::{Decision, Entry, MasterKey, Store, StoreError};

/// How many values are sealed again in one transaction: other writers wait a few milliseconds at most.
const STEP: i64 = 500;

/// A column that holds sealed values.
struct Sealed {
    table: &'static str,
    column: &'static str,
    /// The columns that name a row.
    key: &'static [&'static str],
    /// The place for which a row's value is sealed.
    place: fn(&AnyRow) -> Result<String, Trouble>,
}

/// Every column that holds sealed values. A new one must be added here; a test looks for what this list forgot.
const SEALED: [Sealed; 2] = [
    Sealed {
        table: "events",
        column: "detail",
        key: &["pump", "ordinal", "seq"],
        place: |row| Ok(crate::events::place(&text(row, "pump")?, number(row, "ordinal")?, number(row, "seq")?)),
    },
    Sealed {
        table: "sessions",
        column: "csrf",
        key: &["hash"],
        place: |row| Ok(crate::accounts::csrf_place(&text(row, "hash")?)),
    },
];

/// Makes a new data key and seals everything again. Returns how many values.
pub(crate) async fn rotate(store: &Store, by: &Decision) -> Result<u64, Trouble> {
    let master = store.core.master.read().expect("no panic while the master key is held").clone();
    let id = store.core.keys.current() + 1;
    let mut deciding = store.decide().await?;
    let fresh = DataKeys::fresh(&master, id);
    sqlx::query("UPDATE data_keys SET retired = $1 WHERE retired IS NULL")
        .bind(time(by.at))
        .execute(deciding.connection())
        .await?;
    insert_key(deciding.tx(), &fresh, by.at).await?;
    deciding.note(by, &Entry::done("keys.rotate", None, format!("data key {id}"))).await?;
    let all = wrapped_keys(deciding.tx()).await?;
    deciding.commit().await?;
    store.core.keys.replace(&master, &all)?;
    let mut sealed_again = 0;
    for column in &SEALED {
        sealed_again += seal_again(store, column, id).await?;
    }
    forget_old(store, by).await?;
    refresh(store).await?;
    Ok(sealed_again)
}

/// Seals a column's values again under the key `id`, in steps that follow the rows' own order, so that rows which come
/// or go meanwhile make none be skipped.
async fn seal_again(store: &Store, column: &Sealed, id: u32) -> Result<u64, Trouble> {
    let Sealed { table, column, key, place } = column;
    let keys = key.join(", ");
    let numbered = |from: usize| (from..from + key.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ");
    let (after_from, at_from) = (numbered(1), numbered(2));
    let select = |condition: &str| {
        format!(
            "SELECT {keys}, {column} FROM {table} WHERE {column} IS NOT NULL{condition} ORDER BY {keys} LIMIT {STEP}"
        )
    };
    let (first, later) = (select(""), select(&format!(" AND ({keys}) > ({after_from})")));
    let update = format!("UPDATE {table} SET {column} = $1 WHERE ({keys}) = ({at_from})");
    let (mut last, mut count): (Option<AnyRow>, u64) = (None, 0);
    loop {
        let mut tx = store.core.begin().await?;
        let statement = match &last {
            None => query(first.clone()),
            Some(row) => bind_key(query(later.clone()), key, row)?,
        };
        let mut rows = statement.fetch_all(&mut *tx).await?;
        for row in &rows {
            let sealed: Vec<u8> = row.try_get(*column)?;
            if key_of(&sealed) == Some(id) {
                continue;
            }
            let place = place(row)?;
            let again = store.core.keys.seal(&place, &store.core.keys.open(&place, &sealed)?);
            bind_key(query(update.clone()).bind(again), key, row)?.execute(&mut *tx).await?;
            count += 1;
        }
        tx.commit().await?;
        match rows.pop() {
            Some(row) => last = Some(row),
            None => return Ok(count),
        }
    }
}

type Statement = sqlx::query::Query<'static, sqlx::Any, sqlx::any::AnyArguments>;

/// Binds the columns that name a row.
fn bind_key(mut statement: Statement, key: &[&str], row: &AnyRow) -> Result<Statement, Trouble> {
    for column in key {
        statement = match *column {
            "ordinal" | "seq" => statement.bind(row.try_get::<i64, _>(*column)?),
            _ => statement.bind(row.try_get::<String, _>(*column)?),
        };
    }
    Ok(statement)
}

/// Forgets keys that nothing needs any more. On PostgreSQL another hub may go on sealing with the last key until it
/// looks again ([`Store::refresh_keys`], every minute), so a key stays for a day.
async fn forget_old(store: &Store, by: &Decision) -> Result<(), Trouble> {
    let kept = match store.core.engine {
        Engine::Sqlite => Span::ZERO,
        Engine::Postgres => Span::from_days(1),
    };
    sqlx::query("DELETE FROM data_keys WHERE retired IS NOT NULL AND retired <= $1")
        .bind(time(by.at - kept))
        .execute(&store.core.write)
        .await?;
    Ok(())
}

/// Takes the data keys that the database holds by now.
pub(crate) async fn refresh(store: &Store) -> Result<(), Trouble> {
    let master = store.core.master.read().expect("no panic while the master key is held").clone();
    let rows = wrapped_keys(&mut store.core.read.begin().await?).await?;
    Ok(store.core.keys.replace(&master, &rows)?)
}

/// Wraps the data keys with another master key.
pub(crate) async fn change_master(store: &Store, new: &MasterKey, by: &Decision) -> Result<(), Trouble> {
    let mut deciding = store.decide().await?;
    for key in store.core.keys.wrap_all(new) {
        let changed = sqlx::query("UPDATE data_keys SET wrapped = $1 WHERE id = $2")
            .bind(key.wrapped)
            .bind(i64::from(key.id))
            .execute(deciding.connection())
            .await?;
        if changed.rows_affected() != 1 {
            return Err(StoreError::value(format!("data key {}", key.id)).into());
        }
    }
    deciding.note(by, &Entry::done("keys.change-master", None, "master key")).await?;
    deciding.commit().await?;
    *store.core.master.write().expect("no panic while the master key is held") = new.clone();
    Ok(())
}
