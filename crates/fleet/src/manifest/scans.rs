//! A delivery as it is scanned: one barcode on each line, because a barcode scanner is a keyboard.
//!
//! A line that is no barcode is the inventory number of the pump whose barcode comes next: scan the hospital's sticker,
//! then the maker's label. Both may also stand on one line, with a tab, a comma or a semicolon between them. A pump
//! without a sticker is called by its serial number. The same label scanned twice counts once.

use std::collections::BTreeMap;

use wardline_model::{AssetTag, CareArea};

use super::{Fault, Faults, LARGEST_FILE, Line, MOST_ROWS, Row, from_rows, quote};
use crate::udi::{Devices, Udi, looks_like_one};

/// What is true of every pump of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scans {
    /// Where they all belong.
    pub care_area: CareArea,
}

/// A scanned pump before it is read.
struct Scan<'a> {
    line: u32,
    tag: Option<&'a str>,
    barcode: &'a str,
}

/// Reads scanned lines.
///
/// # Errors
/// Every fault of the lines, in their order; nothing is returned beside them.
pub fn from_scans(text: &str, scans: &Scans, devices: &Devices) -> Result<Vec<Line>, Faults> {
    if text.len() > LARGEST_FILE {
        return Err(Faults::of_file(format!("the text is larger than {} MiB", LARGEST_FILE >> 20)));
    }
    let cells = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
    let mut rows = vec![Row { line: 0, cells: cells(["asset_tag", "udi", "care_area"]) }];
    for Scan { line, tag, barcode } in take_apart(text)? {
        // A barcode that cannot be read is refused by its own fault; the tag only keeps its row's place.
        let serial = barcode.parse::<Udi>().ok().and_then(|udi| udi.serial);
        let serial = serial.map_or_else(|| format!("line {line}"), |serial| serial.to_string());
        let short: String = serial.chars().take(AssetTag::LONGEST).collect();
        rows.push(Row { line, cells: cells([tag.unwrap_or(&short), barcode, scans.care_area.as_str()]) });
        if rows.len() > MOST_ROWS + 1 {
            break;
        }
    }
    if rows.len() == 1 {
        return Err(Faults::of_file("nothing was scanned: expected one barcode on each line"));
    }
    from_rows(&rows, devices)
}

/// Lines to scans. A label that was scanned again, with the same sticker or none, is left out.
fn take_apart(text: &str) -> Result<Vec<Scan<'_>>, Faults> {
    let mut scans: Vec<Scan<'_>> = Vec::new();
    let mut seen: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    let mut waiting: Option<(u32, &str)> = None;
    let lone = |(line, tag): (u32, &str)| {
        let expected = "is no barcode, and no barcode follows it: scan the hospital's sticker first, then the label";
        Faults {
            faults: vec![Fault {
                line,
                column: String::new(),
                value: quote(tag),
                expected: format!("{tag:?} {expected}"),
            }],
        }
    };
    for (number, line) in (1u32..).zip(text.lines()) {
        let line = line.trim_matches([' ', '\t', '\r', '\u{feff}']);
        if line.is_empty() {
            continue;
        }
        let (tag, barcode) = match line.split_once(['\t', ',', ';']) {
            _ if looks_like_one(line) => (None, line),
            Some((tag, rest)) if looks_like_one(rest) => (Some(tag.trim()), rest.trim()),
            Some(_) | None => {
                if let Some(unused) = waiting.replace((number, line)) {
                    return Err(lone(unused));
                }
                continue;
            }
        };
        let tag = match (tag, waiting.take()) {
            (Some(_), Some(unused)) => return Err(lone(unused)),
            (Some(tag), None) | (None, Some((_, tag))) => Some(tag),
            (None, None) => None,
        };
        if seen.get(barcode).is_some_and(|before| tag.is_none() || *before == tag) {
            continue;
        }
        seen.insert(barcode, tag);
        scans.push(Scan { line: number, tag, barcode });
    }
    match waiting {
        Some(unused) => Err(lone(unused)),
        None => Ok(scans),
    }
}
