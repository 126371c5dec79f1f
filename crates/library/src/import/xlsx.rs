//! An Excel workbook to rows of cells.
//!
//! A workbook stores numbers as binary floats. A number cell is taken only when the shortest decimal text of its float
//! has at most 15 digits, which is what Excel itself shows and keeps; the notes say that number cells were read so.
//! Cells that hold a formula, a date or an error are refused: what a person sees there is not what is stored. The
//! workbook is a ZIP archive, so its real inflated size is measured, with a limit, before anything is parsed.

use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, Reader, Xlsx};

use super::csv::{MAX_COLUMNS, MAX_ROWS};
use super::{Cell, Errors, Row};

/// What a workbook may inflate to: 20,000 rows of XML are about 40 MiB.
const MAX_INFLATED_BYTES: u64 = 64 * 1024 * 1024;
/// Files inside a workbook; a plain one has about a dozen.
const MAX_PARTS: usize = 1_000;
/// Digits that Excel keeps in a number.
const EXCEL_DIGITS: usize = 15;

pub(super) fn rows(bytes: &[u8], notes: &mut Vec<String>, errors: &mut Errors) -> Option<Vec<Row>> {
    if let Err(expected) = inflated_size(bytes) {
        errors.add(0, "", "", expected);
        return None;
    }
    // The reader is not ours and meets bytes from anywhere: if it gives up by panicking, that is a refusal too.
    match catch_unwind(AssertUnwindSafe(|| read(bytes))) {
        Ok(Ok((rows, numbers))) => {
            if numbers > 0 {
                notes.push(format!(
                    "{numbers} number cells were read as the plain decimals that Excel shows; format columns as text \
                     to keep digits such as 2.50"
                ));
            }
            Some(rows)
        }
        Ok(Err((line, expected))) => {
            errors.add(line, "", "", &expected);
            None
        }
        Err(_) => {
            errors.add(0, "", "", "an intact Excel workbook (.xlsx)");
            None
        }
    }
}

fn inflated_size(bytes: &[u8]) -> Result<(), &'static str> {
    let broken = "an intact Excel workbook (.xlsx)";
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| broken)?;
    if archive.len() > MAX_PARTS {
        return Err("a workbook of at most 1000 parts");
    }
    let mut left = MAX_INFLATED_BYTES;
    for at in 0..archive.len() {
        let part = archive.by_index(at).map_err(|_| broken)?;
        let size = std::io::copy(&mut part.take(left + 1), &mut std::io::sink()).map_err(|_| broken)?;
        left = left.checked_sub(size).ok_or("a workbook that inflates to at most 64 MiB")?;
    }
    Ok(())
}

type Refusal = (u32, String);

fn read(bytes: &[u8]) -> Result<(Vec<Row>, usize), Refusal> {
    let whole = |expected: String| (0, expected);
    let mut workbook: Xlsx<_> =
        Xlsx::new(Cursor::new(bytes)).map_err(|error| whole(format!("an Excel workbook (.xlsx): {error}")))?;
    let names = workbook.sheet_names();
    let mut found: Option<(Vec<Row>, usize)> = None;
    for name in &names {
        let sheet = sheet(&mut workbook, name)?;
        if sheet.0.is_empty() {
            continue;
        }
        if found.is_some() {
            return Err(whole("one sheet with content; remove the others".into()));
        }
        found = Some(sheet);
    }
    found.ok_or_else(|| whole("a sheet with content".into()))
}

fn sheet(workbook: &mut Xlsx<Cursor<&[u8]>>, name: &str) -> Result<(Vec<Row>, usize), Refusal> {
    let bad = |error: calamine::XlsxError| (0, format!("a readable sheet: {error}"));
    let mut reader = workbook.worksheet_cells_reader(name).map_err(bad)?;
    let mut rows: std::collections::BTreeMap<u32, Vec<Cell>> = std::collections::BTreeMap::new();
    let mut numbers = 0usize;
    while let Some(record) = reader.next_cell_with_formula_metadata().map_err(bad)? {
        let (row, column) = record.pos;
        let line = row.saturating_add(1);
        if matches!(record.value, DataRef::Empty) && record.formula.is_none() {
            continue;
        }
        if row as usize >= MAX_ROWS {
            return Err((line, format!("at most {MAX_ROWS} rows")));
        }
        if column as usize >= MAX_COLUMNS {
            return Err((line, format!("at most {MAX_COLUMNS} columns")));
        }
        let cell = cell(&record.value, record.formula.is_some(), &mut numbers);
        let cells = rows.entry(line).or_default();
        if cells.len() <= column as usize {
            cells.resize(column as usize + 1, Cell::default());
        }
        cells[column as usize] = cell;
    }
    Ok((rows.into_iter().map(|(line, cells)| Row { line, cells }).collect(), numbers))
}

fn cell(value: &DataRef<'_>, formula: bool, numbers: &mut usize) -> Cell {
    let text = match value {
        DataRef::Int(value) => value.to_string(),
        DataRef::Float(value) => value.to_string(),
        DataRef::String(value) => value.clone(),
        DataRef::SharedString(value) => (*value).to_owned(),
        DataRef::Bool(value) => (if *value { "yes" } else { "no" }).to_owned(),
        DataRef::DateTimeIso(value) | DataRef::DurationIso(value) => value.clone(),
        DataRef::DateTime(value) => value.as_f64().to_string(),
        DataRef::Error(value) => value.to_string(),
        DataRef::Empty => String::new(),
    };
    if formula {
        return Cell::refused(text, "a plain value, not a formula (paste the value)");
    }
    match value {
        DataRef::DateTime(_) | DataRef::DateTimeIso(_) | DataRef::DurationIso(_) => {
            Cell::refused(text, "a plain value, not a date or time (format the column as text and type it again)")
        }
        DataRef::Error(_) => Cell::refused(text, "a value, not an error"),
        DataRef::Float(_) | DataRef::Int(_) => {
            *numbers += 1;
            let digits = text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
            if digits > EXCEL_DIGITS {
                Cell::refused(text, "a number of at most 15 digits (format the column as text and type it again)")
            } else {
                Cell::text(text)
            }
        }
        DataRef::String(_) | DataRef::SharedString(_) | DataRef::Bool(_) | DataRef::Empty => Cell::text(text),
    }
}
