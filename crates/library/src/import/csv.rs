//! CSV to rows of cells.
//!
//! UTF-8 only, with or without a byte order mark. The separator is a comma, a semicolon or a tab, whichever the first
//! line with one of them uses; which one it was is said in the notes when it is no comma.

use super::{Cell, Errors, Row};
use crate::library::MAX_ENTRIES;

/// More columns than any library has.
pub(super) const MAX_COLUMNS: usize = 64;
/// All entries, the settings, and as many blank lines again.
pub(super) const MAX_ROWS: usize = MAX_ENTRIES * 2 + 1_000;

pub(super) fn rows(bytes: &[u8], notes: &mut Vec<String>, errors: &mut Errors) -> Option<Vec<Row>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
            errors.add(line, "", "", "UTF-8 text (save the file as \"CSV UTF-8\")");
            return None;
        }
    };
    let delimiter = separator(text);
    if delimiter != b',' {
        let name = if delimiter == b';' { "semicolons" } else { "tabs" };
        notes.push(format!("the columns were separated by {name}"));
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, |at| at.line() as u32);
                errors.add(line, "", "", "a line of CSV");
                return None;
            }
        };
        let line = record.position().map_or(0, |at| at.line() as u32);
        if record.len() > MAX_COLUMNS {
            errors.add(line, "", &format!("{} columns", record.len()), &format!("at most {MAX_COLUMNS} columns"));
            return None;
        }
        if rows.len() >= MAX_ROWS {
            errors.add(line, "", "", &format!("at most {MAX_ROWS} lines"));
            return None;
        }
        rows.push(Row { line, cells: record.iter().map(Cell::text).collect() });
    }
    Some(rows)
}

fn separator(text: &str) -> u8 {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| line.bytes().find(|byte| matches!(byte, b',' | b';' | b'\t')))
        .unwrap_or(b',')
}
