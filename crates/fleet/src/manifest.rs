//! The hospital's list of pumps: rows of text in, expected pumps or errors out, never half of each.
//!
//! A list is a table with a header row. The columns may come in any order; their names are matched without regard to
//! case, spaces, dashes and underscores:
//!
//! | column | needed | what |
//! |---|---|---|
//! | `asset_tag` | yes | the hospital's inventory number; unique |
//! | `model` | yes, or `udi` | the maker's name for the kind of pump |
//! | `serial` | yes, or `udi` | the maker's serial number; unique within a model |
//! | `udi` | no | the pump's own barcode in GS1 form ([`crate::udi`]): product and serial number in one |
//! | `care_area` | yes | where the pump belongs |
//! | `mac` | no | its radio's address, six pairs of hexadecimal digits |
//! | `note` | no | anything, up to 200 characters |
//!
//! Every fault is named with its line, column, value and what was expected, all of them at once (up to
//! [`MOST_FAULTS`]). Where a row has a barcode beside model or serial number, they must agree. A cell that a spreadsheet would run as a formula is refused, so that a list can be exported again
//! and opened safely.

mod csv_rows;
mod scans;
mod sheet_rows;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use wardline_model::{AssetTag, CareArea, Model, Serial};

use crate::udi::{Devices, Udi};
pub use csv_rows::from_csv;
pub use scans::{Scans, from_scans};
pub use sheet_rows::from_xlsx;

/// The largest file read: 20,000 rows of the longest allowed cells fit.
pub const LARGEST_FILE: usize = 16 << 20;

/// The most pumps in one list: ten times the largest hospital that we know of.
pub const MOST_ROWS: usize = 50_000;

/// The most faults listed: more than a person reads before opening the file again.
pub const MOST_FAULTS: usize = 100;

/// The longest note.
const LONGEST_NOTE: usize = 200;

/// The most characters of a bad value that are repeated in an error.
const LONGEST_QUOTE: usize = 40;

/// One row of a table as its file had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its line in the file, from 1, the header being a line too.
    pub line: u32,
    /// Its cells.
    pub cells: Vec<String>,
}

/// A pump that the hospital expects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Its line in the file.
    pub line: u32,
    /// The hospital's inventory number.
    pub asset_tag: AssetTag,
    /// The maker's model.
    pub model: Model,
    /// The maker's serial number.
    pub serial: Serial,
    /// Where it belongs.
    pub care_area: CareArea,
    /// Its radio's address in the form `00:11:22:aa:bb:cc`.
    pub mac: Option<String>,
    /// Anything.
    pub note: Option<String>,
}

/// One thing wrong with a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// The line, from 1; 0 when it is about the whole file.
    pub line: u32,
    /// The column's name; empty when it is about the whole row.
    pub column: String,
    /// The value, shortened.
    pub value: String,
    /// What was wrong and what was expected.
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column.is_empty()) {
            (0, _) => f.write_str(&self.expected),
            (line, true) => write!(f, "line {line}: {}", self.expected),
            (line, false) => write!(f, "line {line}, column {}: {:?} {}", self.column, self.value, self.expected),
        }
    }
}

/// Every fault of a list, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("the list was not imported: {} wrong with it", Count(.faults.len()))]
pub struct Faults {
    /// The faults, at most [`MOST_FAULTS`].
    pub faults: Vec<Fault>,
}

struct Count(usize);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 thing is"),
            MOST_FAULTS => write!(f, "{MOST_FAULTS} things (the first ones) are"),
            n => write!(f, "{n} things are"),
        }
    }
}

impl Faults {
    /// A fault of the whole file.
    #[must_use]
    pub fn of_file(expected: impl Into<String>) -> Self {
        let fault = Fault { line: 0, column: String::new(), value: String::new(), expected: expected.into() };
        Self { faults: vec![fault] }
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    AssetTag,
    Model,
    Serial,
    Udi,
    CareArea,
    Mac,
    Note,
}

impl Column {
    const ALL: [Self; 7] =
        [Self::AssetTag, Self::Model, Self::Serial, Self::Udi, Self::CareArea, Self::Mac, Self::Note];

    const fn name(self) -> &'static str {
        match self {
            Self::AssetTag => "asset_tag",
            Self::Model => "model",
            Self::Serial => "serial",
            Self::Udi => "udi",
            Self::CareArea => "care_area",
            Self::Mac => "mac",
            Self::Note => "note",
        }
    }

    /// What a cell of this column holds, as an error names it.
    const fn holds(self) -> &'static str {
        match self {
            Self::AssetTag => "the hospital's own number, such as P-0007",
            Self::Model => "the maker's model, such as Halcyon 3",
            Self::Serial => "the maker's serial number, such as HX3-007007",
            Self::Udi => "the pump's barcode, such as (01)00643169001763(21)21A11F4855",
            Self::CareArea => "a care area, such as Intensive care",
            Self::Mac => "a MAC address",
            Self::Note => "a note",
        }
    }

    /// Whether every row must have it. A barcode stands for model and serial number.
    const fn is_needed(self, barcodes: Barcodes) -> bool {
        match (self, barcodes) {
            (Self::AssetTag | Self::CareArea, _) | (Self::Model | Self::Serial, Barcodes::None) => true,
            (Self::Udi | Self::Mac | Self::Note, _) | (Self::Model | Self::Serial, Barcodes::InAColumn) => false,
        }
    }

    /// Names that hospitals use for the same thing, already folded.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::AssetTag => &["assettag", "asset", "assetnumber", "inventorynumber", "tag"],
            Self::Model => &["model", "devicemodel"],
            Self::Serial => &["serial", "serialnumber", "sn"],
            Self::Udi => &["udi", "barcode", "gs1", "udicarrier"],
            Self::CareArea => &["carearea", "area", "ward", "unit", "department"],
            Self::Mac => &["mac", "macaddress", "wifimac"],
            Self::Note => &["note", "notes", "comment", "remark"],
        }
    }
}

/// Whether a list has a column of barcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Barcodes {
    /// It has.
    InAColumn,
    /// It has not.
    None,
}

impl Barcodes {
    fn of(columns: &BTreeMap<Column, usize>) -> Self {
        if columns.contains_key(&Column::Udi) { Self::InAColumn } else { Self::None }
    }
}

/// Reads a file by what it is, not by its name: a workbook begins with the bytes of a ZIP archive.
///
/// # Errors
/// Every fault of the file; nothing is returned beside them.
pub fn from_bytes(bytes: &[u8], devices: &Devices) -> Result<Vec<Line>, Faults> {
    if bytes.len() > LARGEST_FILE {
        return Err(Faults::of_file(format!("the file is larger than {} MiB", LARGEST_FILE >> 20)));
    }
    if bytes.starts_with(b"PK\x03\x04") { from_xlsx(bytes, devices) } else { from_csv(bytes, devices) }
}

/// Reads rows, the first of which is the header. `devices` says which product of a barcode is which model.
///
/// # Errors
/// Every fault of the rows, in the order of the file.
pub fn from_rows(rows: &[Row], devices: &Devices) -> Result<Vec<Line>, Faults> {
    let is_blank = |row: &&Row| row.cells.iter().all(|cell| cell.trim().is_empty());
    let mut rows = rows.iter().filter(|row| !is_blank(row));
    let header = rows.next().ok_or_else(|| {
        Faults::of_file(
            "the file is empty: expected a header row with asset_tag, care_area, and model and serial or udi",
        )
    })?;
    let columns = columns(header)?;
    let mut reading = Reading { lines: Vec::new(), faults: Vec::new(), devices, barcodes: Barcodes::of(&columns) };
    for row in rows {
        if reading.faults.len() >= MOST_FAULTS {
            break;
        }
        if reading.lines.len() >= MOST_ROWS {
            reading.whole_row(row.line, format!("the list has more than {MOST_ROWS} pumps: split it"));
            break;
        }
        reading.row(row, &columns);
    }
    reading.duplicates();
    reading.faults.sort_by_key(|fault| fault.line);
    reading.faults.truncate(MOST_FAULTS);
    if !reading.faults.is_empty() {
        return Err(Faults { faults: reading.faults });
    }
    if reading.lines.is_empty() {
        return Err(Faults::of_file("the list has a header row and no pumps"));
    }
    Ok(reading.lines)
}

fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Which cell holds what.
fn columns(header: &Row) -> Result<BTreeMap<Column, usize>, Faults> {
    let mut columns = BTreeMap::new();
    let mut faults = Vec::new();
    let mut fault = |column: &str, expected: String| {
        faults.push(Fault { line: header.line, column: quote(column), value: quote(column), expected });
    };
    for (i, cell) in header.cells.iter().enumerate().filter(|(_, cell)| !cell.trim().is_empty()) {
        let folded = fold(cell);
        match Column::ALL.into_iter().find(|column| column.names().contains(&folded.as_str())) {
            Some(column) if columns.insert(column, i).is_some() => {
                fault(cell, format!("is a second {} column: keep one", column.name()));
            }
            Some(_) => {}
            None => {
                let known: Vec<_> = Column::ALL.into_iter().map(Column::name).collect();
                fault(cell, format!("is not a column of this list: expected {}", known.join(", ")));
            }
        }
    }
    let barcodes = Barcodes::of(&columns);
    for column in Column::ALL.into_iter().filter(|column| column.is_needed(barcodes)) {
        if !columns.contains_key(&column) && faults.len() < MOST_FAULTS {
            let or = if matches!(column, Column::Model | Column::Serial) { " (nor a column udi)" } else { "" };
            let expected = format!("the header row has no column {}{or}", column.name());
            faults.push(Fault { line: header.line, column: String::new(), value: String::new(), expected });
        }
    }
    faults.truncate(MOST_FAULTS);
    if faults.is_empty() { Ok(columns) } else { Err(Faults { faults }) }
}

/// A value as it is repeated in an error: shortened, with controls made visible.
fn quote(value: &str) -> String {
    let mut quoted: String =
        value.chars().take(LONGEST_QUOTE).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if value.chars().nth(LONGEST_QUOTE).is_some() {
        quoted.push('…');
    }
    quoted
}

/// The rows read so far.
struct Reading<'a> {
    lines: Vec<Line>,
    faults: Vec<Fault>,
    devices: &'a Devices,
    barcodes: Barcodes,
}

impl Reading<'_> {
    fn whole_row(&mut self, line: u32, expected: String) {
        self.faults.push(Fault { line, column: String::new(), value: String::new(), expected });
    }

    fn row(&mut self, row: &Row, columns: &BTreeMap<Column, usize>) {
        let before = self.faults.len();
        let extra = row.cells.iter().enumerate().filter(|(i, _)| !columns.values().any(|column| column == i));
        if extra.into_iter().any(|(_, cell)| !cell.trim().is_empty()) {
            self.whole_row(row.line, "the row has a value in a column without a name".into());
        }
        let asset_tag = self.needed(row, columns, Column::AssetTag, AssetTag::new);
        let (model, serial) = self.device(row, columns);
        let care_area = self.needed(row, columns, Column::CareArea, CareArea::new);
        let mac = self.optional(row, columns, Column::Mac, mac);
        let note = self.optional(row, columns, Column::Note, note);
        if self.faults.len() > before {
            return;
        }
        if let (Some(asset_tag), Some(model), Some(serial), Some(care_area)) = (asset_tag, model, serial, care_area) {
            self.lines.push(Line { line: row.line, asset_tag, model, serial, care_area, mac, note });
        }
    }

    /// Model and serial number: as their columns say, or as the barcode says, or both when they agree.
    fn device(&mut self, row: &Row, columns: &BTreeMap<Column, usize>) -> (Option<Model>, Option<Serial>) {
        let udi = self.optional(row, columns, Column::Udi, str::parse::<Udi>);
        let Some(udi) = udi else {
            let is_wrong = !cell(row, columns, Column::Udi).trim().is_empty();
            if is_wrong {
                // The barcode's own fault is enough.
                return (None, None);
            }
            let model = self.needed(row, columns, Column::Model, Model::new);
            return (model, self.needed(row, columns, Column::Serial, Serial::new));
        };
        let said_model = self.optional(row, columns, Column::Model, Model::new);
        let said_serial = self.optional(row, columns, Column::Serial, Serial::new);
        let gtin = udi.gtin;
        let model = match (self.devices.model(gtin).cloned(), said_model) {
            (Some(known), Some(said)) if known != said => {
                self.barcode(row, columns, format!("is a {known} (GTIN {gtin}), and the row says {said}"));
                None
            }
            (Some(known), _) => Some(known),
            (None, Some(said)) => Some(said),
            (None, None) => {
                let how = format!("`wardline enrol device {gtin} MODEL`, or add a column model");
                self.barcode(
                    row,
                    columns,
                    format!("is of a product that is not known here: say which model it is with {how}"),
                );
                None
            }
        };
        let serial = match (udi.serial, said_serial) {
            (Some(read), Some(said)) if read != said => {
                self.barcode(row, columns, format!("has the serial number {read}, and the row says {said}"));
                None
            }
            (Some(serial), _) | (None, Some(serial)) => Some(serial),
            (None, None) => {
                let why = "has no serial number (AI 21); if the label has one, the scanner leaves out FNC1: set it to \
                           send GS, or {GS}";
                self.barcode(row, columns, why.into());
                None
            }
        };
        (model, serial)
    }

    /// A fault of a row's barcode.
    fn barcode(&mut self, row: &Row, columns: &BTreeMap<Column, usize>, expected: String) {
        let value = quote(cell(row, columns, Column::Udi));
        self.faults.push(Fault { line: row.line, column: Column::Udi.name().into(), value, expected });
    }

    fn needed<T, E: fmt::Display>(
        &mut self,
        row: &Row,
        columns: &BTreeMap<Column, usize>,
        column: Column,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let cell = cell(row, columns, column);
        self.parsed(row, column, cell, parse)
    }

    fn optional<T, E: fmt::Display>(
        &mut self,
        row: &Row,
        columns: &BTreeMap<Column, usize>,
        column: Column,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let cell = cell(row, columns, column);
        if cell.trim().is_empty() { None } else { self.parsed(row, column, cell, parse) }
    }

    fn parsed<T, E: fmt::Display>(
        &mut self,
        row: &Row,
        column: Column,
        cell: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let refused =
            |expected: String| Fault { line: row.line, column: column.name().into(), value: quote(cell), expected };
        if cell.trim_start().starts_with(['=', '+', '@', '\t', '\r']) || is_formula_minus(cell) {
            self.faults.push(refused("looks like a formula: expected plain text".into()));
            return None;
        }
        match parse(cell) {
            Ok(value) => Some(value),
            Err(why)
                if column.is_needed(Barcodes::None) && (column.is_needed(self.barcodes) || cell.trim().is_empty()) =>
            {
                self.faults.push(refused(format!("{why}: expected {}", column.holds())));
                None
            }
            Err(why) => {
                self.faults.push(refused(why.to_string()));
                None
            }
        }
    }

    /// Two pumps with one asset tag, or with one serial of a model, named with both lines.
    fn duplicates(&mut self) {
        let mut tags: BTreeMap<String, u32> = BTreeMap::new();
        let mut serials: BTreeMap<(String, String), u32> = BTreeMap::new();
        let mut faults = Vec::new();
        for line in &self.lines {
            let mut twice = |column: Column, value: &str, first: u32| {
                let expected = format!("is on line {first} already: expected a different one on each line");
                faults.push(Fault { line: line.line, column: column.name().into(), value: quote(value), expected });
            };
            let tag = line.asset_tag.as_str();
            match tags.get(&tag.to_lowercase()) {
                Some(first) => twice(Column::AssetTag, tag, *first),
                None => drop(tags.insert(tag.to_lowercase(), line.line)),
            }
            let serial = (line.model.as_str().to_lowercase(), line.serial.as_str().to_lowercase());
            match serials.get(&serial) {
                Some(first) => twice(Column::Serial, line.serial.as_str(), *first),
                None => drop(serials.insert(serial, line.line)),
            }
        }
        self.faults.append(&mut faults);
    }
}

fn cell<'a>(row: &'a Row, columns: &BTreeMap<Column, usize>, column: Column) -> &'a str {
    columns.get(&column).and_then(|i| row.cells.get(*i)).map_or("", String::as_str)
}

/// `-1+2` or `-cmd|…` runs in a spreadsheet; a lone dash or `-12` does not.
fn is_formula_minus(cell: &str) -> bool {
    cell.trim_start().strip_prefix('-').is_some_and(|rest| rest.contains(['(', '|', '!', '+', '*', '/']))
}

fn mac(text: &str) -> Result<String, &'static str> {
    const EXPECTED: &str = "is not a MAC address: expected six pairs of hexadecimal digits such as 00:11:22:aa:bb:cc";
    let digits: String = text.trim().chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    if digits.len() != 12 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(EXPECTED);
    }
    let digits = digits.to_ascii_lowercase();
    let pairs: Vec<&str> = (0..12).step_by(2).map(|i| &digits[i..i + 2]).collect();
    Ok(pairs.join(":"))
}

fn note(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.chars().count() > LONGEST_NOTE {
        return Err(format!("is longer than {LONGEST_NOTE} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("contains a control character".into());
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests;
