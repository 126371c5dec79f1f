//! Rows of cells to records: settings, then a table of care areas, then a table of entries.
//!
//! A table begins at its header row. Columns may stand in any order; a column that nobody knows is refused, because a
//! misspelt limit would otherwise be left out in silence.

use super::{Cell, Errors, Record, Records, Row};

/// One column: its name in headers, and whether a file must have it.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) needed: Needed,
}

/// Whether a header must have a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needed {
    Always,
    MayLack,
}

const fn always(name: &'static str) -> Column {
    Column { name, needed: Needed::Always }
}

const fn may_lack(name: &'static str) -> Column {
    Column { name, needed: Needed::MayLack }
}

/// The rows before the tables: a name and a value each.
pub(super) const SETTINGS: &[Column] = &[
    always("library name"),
    always("hospital"),
    always("library id"),
    always("library version"),
    always("not for clinical use"),
];

/// The table of care areas.
pub(super) const AREA: &[Column] = &[
    always("care area"),
    always("max rate mL/h"),
    always("max VTBI mL"),
    always("max weight kg"),
    always("KVO rate mL/h"),
    always("occlusion mmHg"),
    always("air in line uL"),
    always("near end min"),
    always("min audio level"),
];

/// The table of entries.
pub(super) const ENTRY: &[Column] = &[
    always("care area"),
    always("drug"),
    may_lack("therapy"),
    always("amount"),
    always("amount unit"),
    always("volume mL"),
    always("dosing unit"),
    may_lack("hard min"),
    may_lack("soft min"),
    always("soft max"),
    always("hard max"),
    may_lack("bolus unit"),
    may_lack("bolus soft max"),
    may_lack("bolus hard max"),
    may_lack("bolus max rate mL/h"),
    may_lack("duration hard min min"),
    may_lack("duration soft min min"),
    may_lack("duration initial min"),
    may_lack("duration soft max min"),
    always("high alert"),
    may_lack("advisory"),
];

/// A header without regard to case, spaces and punctuation.
pub(super) fn plain(header: &str) -> String {
    header.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

pub(super) fn column(columns: &'static [Column], header: &str) -> Option<&'static str> {
    let wanted = plain(header);
    columns.iter().map(|column| column.name).find(|name| plain(name) == wanted)
}

enum Section {
    Settings,
    Areas(Vec<Option<&'static str>>),
    Entries(Vec<Option<&'static str>>),
}

pub(super) fn records(rows: &[Row], errors: &mut Errors) -> Records {
    let mut records = Records { settings: Record { line: 0, ..Record::default() }, ..Records::default() };
    let mut section = Section::Settings;
    let (mut areas_seen, mut entries_seen) = (0u32, 0u32);
    for row in rows {
        let first = row.cells.first().map_or("", |cell| cell.text.trim());
        if row.cells.iter().all(Cell::is_blank) || first.starts_with('#') {
            continue;
        }
        match header_of(row) {
            Some(AREA_HEADER) => {
                repeated(&mut areas_seen, row.line, errors);
                section = Section::Areas(header(AREA, row, errors));
                continue;
            }
            Some(_) => {
                repeated(&mut entries_seen, row.line, errors);
                section = Section::Entries(header(ENTRY, row, errors));
                continue;
            }
            None => {}
        }
        match &section {
            Section::Settings => setting(row, &mut records.settings, errors),
            Section::Areas(header) => records.areas.push(record(header, row, errors)),
            Section::Entries(header) => records.entries.push(record(header, row, errors)),
        }
    }
    if areas_seen == 0 {
        errors.add(0, "", "", "a table of care areas: a header row with \"care area\" and \"max rate mL/h\"");
    }
    if entries_seen == 0 {
        errors.add(0, "", "", "a table of entries: a header row with \"care area\" and \"drug\"");
    }
    records
}

const AREA_HEADER: &str = "areas";
const ENTRY_HEADER: &str = "entries";

fn header_of(row: &Row) -> Option<&'static str> {
    let has = |name: &str| row.cells.iter().any(|cell| plain(&cell.text) == plain(name));
    if !has("care area") {
        return None;
    }
    match (has("drug"), has("max rate mL/h")) {
        (true, _) => Some(ENTRY_HEADER),
        (false, true) => Some(AREA_HEADER),
        (false, false) => None,
    }
}

fn repeated(seen: &mut u32, line: u32, errors: &mut Errors) {
    *seen += 1;
    if *seen > 1 {
        errors.add(line, "", "", "each table once; this header is there twice");
    }
}

fn header(columns: &'static [Column], row: &Row, errors: &mut Errors) -> Vec<Option<&'static str>> {
    let mut named: Vec<Option<&'static str>> = Vec::new();
    for cell in &row.cells {
        let found = column(columns, &cell.text);
        if cell.is_blank() {
            named.push(None);
            continue;
        }
        match found {
            None => {
                let known: Vec<_> = columns.iter().map(|column| column.name).collect();
                errors.add(row.line, &cell.text, "", &format!("one of the columns {}", known.join(", ")));
            }
            Some(name) if named.contains(&Some(name)) => errors.add(row.line, name, "", "this column only once"),
            Some(_) => {}
        }
        named.push(found);
    }
    for column in columns.iter().filter(|column| column.needed == Needed::Always) {
        if !named.contains(&Some(column.name)) {
            errors.add(row.line, column.name, "", "this column in the header");
        }
    }
    named
}

fn record(header: &[Option<&'static str>], row: &Row, errors: &mut Errors) -> Record {
    let mut record = Record { line: row.line, ..Record::default() };
    for (at, cell) in row.cells.iter().enumerate() {
        match header.get(at).copied().flatten() {
            Some(name) => {
                record.cells.insert(name, (row.line, cell.clone()));
            }
            None if cell.is_blank() => {}
            None => errors.add(row.line, "", &cell.text, "no value where the header has no column"),
        }
    }
    record
}

fn setting(row: &Row, settings: &mut Record, errors: &mut Errors) {
    let name = row.cells.first().map_or("", |cell| &cell.text);
    let Some(known) = column(SETTINGS, name) else {
        let all: Vec<_> = SETTINGS.iter().map(|column| column.name).collect();
        errors.add(row.line, name, "", &format!("one of the settings {}, or a table's header", all.join(", ")));
        return;
    };
    for cell in row.cells.iter().skip(2).filter(|cell| !cell.is_blank()) {
        errors.add(row.line, known, &cell.text, "one value");
    }
    let value = row.cells.get(1).cloned().unwrap_or_default();
    if settings.cells.insert(known, (row.line, value)).is_some() {
        errors.add(row.line, known, "", "this setting only once");
    }
}
