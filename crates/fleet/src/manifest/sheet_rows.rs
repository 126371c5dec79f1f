//! Rows of a workbook's first sheet. A cell that holds a formula, an error or a date is refused by its place.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};

use super::{Fault, Faults, LARGEST_FILE, Line, MOST_FAULTS, MOST_ROWS, Row, from_rows};
use crate::udi::Devices;

/// More columns than any list needs; a sheet that claims more is not one.
const MOST_COLUMNS: usize = 64;

/// The most that a workbook may unpack to: a guard against archives that explode.
const LARGEST_UNPACKED: u64 = 256 << 20;

/// Reads a workbook.
///
/// # Errors
/// Every fault of the file.
pub fn from_xlsx(bytes: &[u8], devices: &Devices) -> Result<Vec<Line>, Faults> {
    if bytes.len() > LARGEST_FILE {
        return Err(Faults::of_file(format!("the file is larger than {} MiB", LARGEST_FILE >> 20)));
    }
    if claimed_size(bytes) > LARGEST_UNPACKED {
        return Err(Faults::of_file("the workbook unpacks to more than 256 MiB: it is not a list of pumps"));
    }
    let broken = |error: calamine::XlsxError| {
        Faults::of_file(format!("the file is not a workbook that can be read ({error}): save it as .xlsx or CSV UTF-8"))
    };
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(broken)?;
    let sheet = workbook.sheet_names().first().cloned().ok_or_else(|| Faults::of_file("the workbook has no sheet"))?;
    let formulas = workbook.worksheet_formula(&sheet).map_err(broken)?;
    let cells = workbook.worksheet_range(&sheet).map_err(broken)?;
    if cells.width() > MOST_COLUMNS {
        return Err(Faults::of_file(format!("the first sheet is wider than {MOST_COLUMNS} columns")));
    }
    let first_row = cells.start().map_or(0, |start| start.0);
    let mut faults: Vec<Fault> = formulas
        .used_cells()
        .filter(|(_, _, formula)| !formula.is_empty())
        .take(MOST_FAULTS)
        .map(|(row, column, formula)| {
            let (top, left) = formulas.start().unwrap_or_default();
            fault(top + row as u32 + 1, left as usize + column, formula, "is a formula: expected plain text")
        })
        .collect();
    let mut rows = Vec::new();
    for (i, row) in cells.rows().enumerate().take(MOST_ROWS + 2) {
        let line = first_row + i as u32 + 1;
        let mut texts = Vec::with_capacity(row.len());
        for (column, cell) in row.iter().enumerate() {
            match text(cell) {
                Ok(text) => texts.push(text),
                Err(expected) if faults.len() < MOST_FAULTS => {
                    faults.push(fault(line, column, &cell.to_string(), expected));
                }
                Err(_) => {}
            }
        }
        rows.push(Row { line, cells: texts });
    }
    if faults.is_empty() { from_rows(&rows, devices) } else { Err(Faults { faults }) }
}

fn fault(line: u32, column: usize, value: &str, expected: &str) -> Fault {
    Fault { line, column: letters(column), value: super::quote(value), expected: expected.into() }
}

/// `A`, `B`, … `Z`, `AA`: the name that the spreadsheet shows.
fn letters(column: usize) -> String {
    let letter = char::from(b'A' + (column % 26) as u8);
    if column < 26 { letter.into() } else { format!("{}{letter}", letters(column / 26 - 1)) }
}

/// A serial number that a spreadsheet keeps as a number is whole and below 2^53, where it is still exact.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

fn text(cell: &Data) -> Result<String, &'static str> {
    match cell {
        Data::Empty => Ok(String::new()),
        Data::String(text) => Ok(text.clone()),
        Data::Int(number) => Ok(number.to_string()),
        Data::Float(number) if number.fract() == 0.0 && number.abs() < LARGEST_EXACT => Ok(format!("{number:.0}")),
        Data::Float(_) => Err("is a number with decimals: expected text (format the column as Text)"),
        Data::Bool(_) => Err("is TRUE or FALSE: expected text"),
        Data::DateTime(_) | Data::DateTimeIso(_) | Data::DurationIso(_) => {
            Err("is a date: expected text (format the column as Text)")
        }
        Data::Error(_) => Err("is a spreadsheet error: expected text"),
    }
}

/// What the archive's central directory claims to unpack to. An archive that lies about it fails in the reader, which
/// stops at the claimed size.
fn claimed_size(bytes: &[u8]) -> u64 {
    // PK\x01\x02 begins an entry of the central directory; the uncompressed size is at offset 24 (APPNOTE.TXT 4.3.12).
    let mut total = 0u64;
    for (at, window) in bytes.windows(4).enumerate() {
        if window == b"PK\x01\x02"
            && let Some(size) = bytes.get(at + 24..at + 28)
        {
            total = total.saturating_add(size.iter().rev().fold(0, |size, byte| (size << 8) | u64::from(*byte)));
        }
    }
    total
}
