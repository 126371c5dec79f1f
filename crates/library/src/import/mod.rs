//! Drug libraries from outside: CSV, Excel workbooks and JSON, checked cell by cell.
//!
//! Every mistake is named with its line, its column, the value that stands there and what was expected, and all of
//! them are collected (up to [`MAX_ERRORS`]). Either the whole file becomes a [`Library`] or nothing does. Headers are
//! read forgivingly (case, spaces and punctuation do not matter); numbers are read strictly, because a guessed number
//! is a wrong dose (N10).

mod csv;
mod fields;
mod json;
mod table;
mod xlsx;

pub(crate) use fields::FORMULA_STARTS;

use core::fmt;
use wardline_model::covers;

use crate::library::Library;

/// Mistakes that are listed before the rest is only counted.
pub const MAX_ERRORS: usize = 100;
/// The largest file that is read: the largest artifact would fit as CSV.
pub const MAX_IMPORT_BYTES: usize = 16 * 1024 * 1024;

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Comma, semicolon or tab separated text in UTF-8.
    Csv,
    /// An Excel workbook (Office Open XML).
    Xlsx,
    /// JSON of the artifact's schema, in any order and with white space.
    Json,
}

impl Format {
    /// By the ending of a file's name.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "xlsx" => Some(Self::Xlsx),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// One mistake in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowError {
    /// The line (the row of a workbook), from 1. 0 when it is about the whole file.
    pub line: u32,
    /// The column by the name in its header. Empty when it is about the whole line.
    pub column: String,
    /// What stands there, shortened.
    pub value: String,
    /// What was expected there.
    pub expected: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str("the file")?,
            line => write!(f, "line {line}")?,
        }
        if !self.column.is_empty() {
            write!(f, ", column \"{}\"", self.column)?;
        }
        if !self.value.is_empty() {
            write!(f, ": \"{}\"", self.value)?;
        }
        write!(f, ": expected {}", self.expected)
    }
}

/// A file that was read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The library.
    pub library: Library,
    /// What a person should know about how it was read.
    pub notes: Vec<String>,
}

/// Reads a file.
///
/// # Errors
/// Every mistake in it, in the order of its lines.
pub fn import(format: Format, bytes: &[u8]) -> Result<Imported, Vec<RowError>> {
    covers!("N10");
    let mut errors = Errors::default();
    if bytes.len() > MAX_IMPORT_BYTES {
        let expected = format!("at most {MAX_IMPORT_BYTES} bytes");
        errors.add(0, "", &format!("{} bytes", bytes.len()), &expected);
        return Err(errors.finish());
    }
    let mut notes = Vec::new();
    let records = match format {
        Format::Csv => csv::rows(bytes, &mut notes, &mut errors).map(|rows| table::records(&rows, &mut errors)),
        Format::Xlsx => xlsx::rows(bytes, &mut notes, &mut errors).map(|rows| table::records(&rows, &mut errors)),
        Format::Json => json::records(bytes, &mut errors),
    };
    let draft = records.and_then(|records| fields::draft(&records, &mut errors));
    if !errors.is_empty() {
        return Err(errors.finish());
    }
    let Some((draft, lines)) = draft else {
        errors.add(0, "", "", "a drug library");
        return Err(errors.finish());
    };
    Library::new(draft).map(|library| Imported { library, notes }).map_err(|problems| {
        for problem in problems {
            lines.report(&problem, &mut errors);
        }
        errors.finish()
    })
}

/// Collects mistakes, with a bound.
#[derive(Default)]
struct Errors {
    listed: Vec<RowError>,
    more: usize,
}

impl Errors {
    fn add(&mut self, line: u32, column: &str, value: &str, expected: &str) {
        if self.listed.len() >= MAX_ERRORS {
            self.more += 1;
            return;
        }
        self.listed.push(RowError { line, column: shown(column), value: shown(value), expected: expected.into() });
    }

    fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    fn finish(mut self) -> Vec<RowError> {
        self.listed.sort_by_key(|error| error.line);
        if self.more > 0 {
            let expected = format!("{} more mistakes to be corrected; these are the first {MAX_ERRORS}", self.more);
            self.listed.push(RowError { line: 0, column: String::new(), value: String::new(), expected });
        }
        self.listed
    }
}

/// A value as an error may show it: at most 60 characters, nothing that could deceive a screen or a log.
fn shown(value: &str) -> String {
    let mut text: String = value
        .chars()
        .take(60)
        .map(|c| if wardline_model::check_name(&format!("x{c}"), 2).is_ok() { c } else { '\u{fffd}' })
        .collect();
    if value.chars().count() > 60 {
        text.push('…');
    }
    text
}

/// The headers of the table of care areas, in the exporter's order.
pub(crate) const AREA_HEADERS: [&str; 9] = headers(table::AREA);
/// The headers of the table of entries, in the exporter's order.
pub(crate) const ENTRY_HEADERS: [&str; 21] = headers(table::ENTRY);

const fn headers<const N: usize>(columns: &'static [table::Column]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut at = 0;
    while at < N {
        names[at] = columns[at].name;
        at += 1;
    }
    names
}

/// One cell: its text, or why it has none that could be used.
#[derive(Clone, Debug, Default)]
struct Cell {
    text: String,
    refused: Option<&'static str>,
}

impl Cell {
    fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), refused: None }
    }

    fn refused(text: impl Into<String>, why: &'static str) -> Self {
        Self { text: text.into(), refused: Some(why) }
    }

    fn is_blank(&self) -> bool {
        self.refused.is_none() && self.text.trim().is_empty()
    }
}

/// One row of a table.
#[derive(Clone, Debug)]
struct Row {
    line: u32,
    cells: Vec<Cell>,
}

/// Cells by their column, and where they stood.
#[derive(Clone, Debug, Default)]
struct Record {
    line: u32,
    cells: std::collections::BTreeMap<&'static str, (u32, Cell)>,
}

/// A file, taken apart: settings, care areas, entries.
#[derive(Clone, Debug, Default)]
struct Records {
    settings: Record,
    areas: Vec<Record>,
    entries: Vec<Record>,
}

#[cfg(test)]
mod tests;
