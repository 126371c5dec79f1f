//! Rows of a CSV file (RFC 4180): comma, semicolon or tab, whichever the header row uses; UTF-8, with or without a mark.

use super::{Faults, LARGEST_FILE, Line, MOST_ROWS, Row, from_rows};
use crate::udi::Devices;

/// Reads a CSV file.
///
/// # Errors
/// Every fault of the file.
pub fn from_csv(bytes: &[u8], devices: &Devices) -> Result<Vec<Line>, Faults> {
    if bytes.len() > LARGEST_FILE {
        return Err(Faults::of_file(format!("the file is larger than {} MiB", LARGEST_FILE >> 20)));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        Faults::of_file(format!(
            "line {line} is not UTF-8 text: save the list as \"CSV UTF-8\", or give the workbook (.xlsx) itself"
        ))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let header = text.lines().next().unwrap_or_default();
    let delimiter = [b',', b';', b'\t']
        .into_iter()
        .max_by_key(|delimiter| (header.bytes().filter(|byte| byte == delimiter).count(), *delimiter == b','))
        .unwrap_or(b',');
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    let (mut line, mut counted) = (1u32, 0usize);
    for record in reader.records() {
        let record = record.map_err(|error| Faults::of_file(format!("the file is not CSV: {error}")))?;
        // The reader's own line numbers stand before blank lines and line feeds that it skips; people count from the text.
        let from = record.position().map_or(counted, |position| position.byte() as usize).clamp(counted, text.len());
        let skipped = text.as_bytes()[from..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let feeds = text.as_bytes()[counted..from + skipped].iter().filter(|byte| **byte == b'\n').count();
        line = line.saturating_add(u32::try_from(feeds).unwrap_or(u32::MAX));
        counted = from + skipped;
        rows.push(Row { line, cells: record.iter().map(str::to_owned).collect() });
        // One more than allowed, so that the reader of rows can name the line.
        if rows.len() > MOST_ROWS + 1 {
            break;
        }
    }
    from_rows(&rows, devices)
}
