//! Between rows and nouns. A value that does not fit its noun is an error that names table and column, never a guess.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;
use sqlx::{Any, AssertSqlSafe, Row as _, query::Query};
use wardline_model::{Digest, Time};

use crate::StoreError;
use crate::store::Trouble;

/// A moment as a column.
pub(crate) fn time(at: Time) -> i64 {
    i64::try_from(at.as_unix_ms()).unwrap_or(i64::MAX)
}

/// A number as a column. Nothing that is counted here comes near 2^63.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A column as a number.
pub(crate) fn number(row: &AnyRow, column: &str) -> Result<u64, Trouble> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(|_| StoreError::value(column).into())
}

/// A column as a moment.
pub(crate) fn moment(row: &AnyRow, column: &str) -> Result<Time, Trouble> {
    number(row, column).map(Time::from_unix_ms)
}

/// A column as a moment that may be absent.
pub(crate) fn maybe_moment(row: &AnyRow, column: &str) -> Result<Option<Time>, Trouble> {
    let value: Option<i64> = row.try_get(column)?;
    value.map(|ms| u64::try_from(ms).map(Time::from_unix_ms)).transpose().map_err(|_| StoreError::value(column).into())
}

/// A column as text.
pub(crate) fn text(row: &AnyRow, column: &str) -> Result<String, Trouble> {
    Ok(row.try_get(column)?)
}

/// A column as a noun that is read from its text.
pub(crate) fn parse<T: std::str::FromStr>(row: &AnyRow, column: &str) -> Result<T, Trouble> {
    text(row, column)?.parse().map_err(|_| StoreError::value(column).into())
}

/// A column as a noun that may be absent.
pub(crate) fn maybe_parse<T: std::str::FromStr>(row: &AnyRow, column: &str) -> Result<Option<T>, Trouble> {
    let value: Option<String> = row.try_get(column)?;
    value.map(|text| text.parse()).transpose().map_err(|_| StoreError::value(column).into())
}

/// The word of a closed enum, as serde spells it.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A closed enum from its word.
pub(crate) fn from_word<T: DeserializeOwned>(word: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).map_err(|_| StoreError::value(what))
}

/// A query whose text was put together here, out of constants and numbered placeholders only.
pub(crate) fn query(text: String) -> Query<'static, Any, sqlx::any::AnyArguments> {
    sqlx::query(AssertSqlSafe(text))
}

/// `($1, $2), ($3, $4)`: placeholders for this many rows.
pub(crate) fn placeholders(rows: usize, columns: usize) -> String {
    let mut out = String::with_capacity(rows * columns * 5);
    for row in 0..rows {
        out.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            if column > 0 {
                out.push_str(", ");
            }
            out.push('$');
            out.push_str(&(row * columns + column + 1).to_string());
        }
        out.push(')');
    }
    out
}

/// Cuts a list into pieces of few different lengths, so that few different statements are prepared.
pub(crate) fn pieces<T>(mut list: &[T], largest: usize) -> Vec<&[T]> {
    let mut out = Vec::new();
    while !list.is_empty() {
        let mut size = largest;
        while size > list.len() {
            size = (size / 4).max(1);
        }
        let (piece, rest) = list.split_at(size);
        out.push(piece);
        list = rest;
    }
    out
}

/// SHA-256.
pub(crate) fn sha256(parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    Digest::from_bytes(hash.finalize().into())
}
