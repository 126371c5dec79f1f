//! The file: written beside its name and moved there when it is whole; read whole before anything is believed of it.
//!
//! It is text: a first line with the form and the version of the tables, a line for each row, and a last line with the
//! number of rows, the SHA-256 of all before it, and an HMAC under a key derived from the master key. No input makes the
//! reader fail other than with a sentence that names the file and what is wrong with it.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use wardline_model::Time;

use super::BackupSummary;
use super::tables::{Holds, TABLES, Table};
use crate::keys::{DataKeys, WrappedKey};
use crate::{MasterKey, StoreError, migrate};

/// The form of the file.
pub(super) const FORM: u64 = 1;
/// The longest line: the largest artifact in base 64, and some room.
const LONGEST_LINE: u64 = 96 * 1024 * 1024;

/// The first line.
#[derive(Serialize, Deserialize)]
pub(super) struct First {
    pub(super) wardline_backup: u64,
    pub(super) schema: u64,
    pub(super) made: Time,
}

/// A line for one row: which table, and its values in the order of [`TABLES`]; bytes in base 64.
#[derive(Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) t: String,
    pub(super) v: Vec<Value>,
}

/// The last line.
#[derive(Serialize, Deserialize)]
struct Last {
    rows: u64,
    sha256: String,
    hmac: String,
}

pub(super) fn unusable(path: &Path, why: impl std::fmt::Display) -> StoreError {
    StoreError::Backup { path: path.display().to_string(), why: why.to_string() }
}

/// A value on its way into its column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// A row of a backup that fits its table.
pub(super) struct Row {
    pub(super) table: &'static Table,
    pub(super) cells: Vec<Cell>,
}

impl Row {
    fn read(path: &Path, line: &Line) -> Result<Self, StoreError> {
        let table = TABLES.iter().find(|table| table.name == line.t && table.columns.len() == line.v.len());
        let table = table.ok_or_else(|| unusable(path, format!("a row of table {:?} does not fit", line.t)))?;
        let cell = |((name, holds), value): (&(&str, Holds), &Value)| {
            let misfit = || unusable(path, format!("a value of {}.{name} does not fit", table.name));
            Ok(match (holds, value) {
                (Holds::Int, Value::Null) => Cell::Int(None),
                (Holds::Int, value) => Cell::Int(Some(value.as_i64().ok_or_else(misfit)?)),
                (Holds::Text, Value::Null) => Cell::Text(None),
                (Holds::Text, value) => Cell::Text(Some(value.as_str().ok_or_else(misfit)?.to_owned())),
                (Holds::Bytes, Value::Null) => Cell::Bytes(None),
                (Holds::Bytes, value) => {
                    let text = value.as_str().ok_or_else(misfit)?;
                    Cell::Bytes(Some(STANDARD.decode(text).map_err(|_| misfit())?))
                }
            })
        };
        let cells = table.columns.iter().zip(&line.v).map(cell).collect::<Result<_, StoreError>>()?;
        Ok(Self { table, cells })
    }

    /// The data key in this row, if it is one.
    fn data_key(&self, path: &Path) -> Result<Option<WrappedKey>, StoreError> {
        if self.table.name != "data_keys" {
            return Ok(None);
        }
        match &self.cells[..] {
            [Cell::Int(Some(id)), Cell::Bytes(Some(wrapped)), ..] if u32::try_from(*id).is_ok() => {
                Ok(Some(WrappedKey { id: u32::try_from(*id).unwrap_or(0), wrapped: wrapped.clone() }))
            }
            _ => Err(unusable(path, "a data key in it is not whole")),
        }
    }
}

/// A backup that is being written.
pub(super) struct Out {
    pub(super) path: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    pub(super) rows: u64,
    bytes: u64,
}

impl Out {
    pub(super) fn new(path: &Path, part: &Path) -> Result<Self, StoreError> {
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

    pub(super) fn line(&mut self, line: &impl Serialize) -> Result<(), StoreError> {
        let mut text = serde_json::to_vec(line).map_err(|error| unusable(&self.path, error))?;
        text.push(b'\n');
        self.hash.update(&text);
        self.bytes += text.len() as u64;
        self.file.write_all(&text).map_err(|error| unusable(&self.path, error))
    }

    pub(super) fn finish(mut self, master: &MasterKey, made: Time) -> Result<BackupSummary, StoreError> {
        let sum = std::mem::take(&mut self.hash).finalize();
        let key = master.backup_key();
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
pub(super) struct Lines<'a, R> {
    path: &'a Path,
    file: R,
}

impl<'a> Lines<'a, BufReader<File>> {
    pub(super) fn open(path: &'a Path) -> Result<Self, StoreError> {
        Ok(Self { path, file: BufReader::new(File::open(path).map_err(|error| unusable(path, error))?) })
    }
}

impl<R: BufRead> Lines<'_, R> {
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
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

    pub(super) fn row(&self, line: &[u8]) -> Result<Row, StoreError> {
        Row::read(self.path, &self.parse(line)?)
    }
}

/// A file that is whole and opens with the master key.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) schema: u64,
    pub(super) summary: BackupSummary,
}

/// Reads a file once and believes nothing of it before its last line fits.
pub(super) fn check(path: &Path, master: &MasterKey) -> Result<Checked, StoreError> {
    check_lines(Lines::open(path)?, master)
}

fn check_lines(mut lines: Lines<'_, impl BufRead>, master: &MasterKey) -> Result<Checked, StoreError> {
    let path = lines.path;
    let mut hash = Sha256::new();
    let mut line = lines.next()?.ok_or_else(|| unusable(path, "it is empty; use another backup"))?;
    let first: First = lines.parse(&line)?;
    if first.wardline_backup != FORM || first.schema > migrate::NEWEST {
        return Err(unusable(path, "it was made by a newer Wardline; restore it with that one"));
    }
    let (mut rows, mut bytes, mut keys) = (0u64, 0u64, Vec::new());
    let mut is_first = true;
    while let Some(next) = lines.next()? {
        hash.update(&line);
        bytes += line.len() as u64;
        if !std::mem::take(&mut is_first) {
            rows += 1;
            keys.extend(lines.row(&line)?.data_key(path)?);
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

/// Checks the bytes of a backup as [`crate::Store::restore`] does before it writes anything: for tests of the reader.
///
/// # Errors
/// [`StoreError::Backup`] or [`StoreError::WrongKey`], which say what is wrong.
pub fn check_backup(bytes: &[u8], master: &MasterKey) -> Result<BackupSummary, StoreError> {
    let lines = Lines { path: Path::new("these bytes"), file: bytes };
    check_lines(lines, master).map(|checked| checked.summary)
}
