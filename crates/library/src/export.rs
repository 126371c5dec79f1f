//! A library as CSV, in the layout that the importer reads.
//!
//! A text that a spreadsheet would run as a formula gets an apostrophe before it (CWE-1236); the importer takes it away
//! again, so that a library survives the way out and back unchanged.

use wardline_model::Decimal;

use crate::entry::Entry;
use crate::import::{AREA_HEADERS, ENTRY_HEADERS, FORMULA_STARTS};
use crate::library::{CareAreaLibrary, Library};

/// The library as CSV with all its settings.
#[must_use]
pub fn to_csv(library: &Library) -> String {
    let mut out = String::new();
    let marker = yes_no(library.not_for_clinical_use());
    line(&mut out, &["library name".into(), safe(library.name().as_str())]);
    line(&mut out, &["hospital".into(), safe(library.hospital().as_str())]);
    line(&mut out, &["library id".into(), safe(library.id().as_str())]);
    line(&mut out, &["library version".into(), library.version().to_string()]);
    line(&mut out, &["not for clinical use".into(), marker]);
    out.push('\n');
    line(&mut out, &AREA_HEADERS.map(String::from));
    for area in library.care_areas() {
        line(&mut out, &settings(area));
    }
    out.push('\n');
    line(&mut out, &ENTRY_HEADERS.map(String::from));
    for (area, entry) in library.entries() {
        line(&mut out, &cells(area, entry));
    }
    out
}

fn settings(area: &CareAreaLibrary) -> [String; 9] {
    let d = &area.device;
    [
        safe(area.name.as_str()),
        d.max_rate_ml_h.to_string(),
        d.max_vtbi_ml.to_string(),
        d.max_weight_kg.to_string(),
        d.kvo_rate_ml_h.to_string(),
        d.occlusion_mmhg.to_string(),
        d.air_in_line_ul.to_string(),
        d.near_end_min.to_string(),
        d.min_audio_level.to_string(),
    ]
}

fn cells(area: &CareAreaLibrary, entry: &Entry) -> [String; 21] {
    let concentration = entry.concentration.as_ref();
    let bolus = entry.bolus.as_ref();
    let duration = entry.duration.as_ref();
    [
        safe(area.name.as_str()),
        safe(entry.drug.as_str()),
        entry.therapy.as_ref().map_or_else(String::new, |therapy| safe(therapy.as_str())),
        number(concentration.map(|c| c.amount)),
        concentration.map_or_else(String::new, |c| c.unit.to_string()),
        number(concentration.map(|c| c.volume_ml)),
        entry.dosing_unit.to_string(),
        number(entry.limits.hard_min),
        number(entry.limits.soft_min),
        number(entry.limits.soft_max),
        number(entry.limits.hard_max),
        bolus.map_or_else(String::new, |b| b.unit.to_string()),
        number(bolus.and_then(|b| b.soft_max)),
        number(bolus.map(|b| b.hard_max)),
        number(bolus.map(|b| b.max_rate_ml_h)),
        number(duration.map(|d| d.hard_min)),
        number(duration.and_then(|d| d.soft_min)),
        number(duration.map(|d| d.initial)),
        number(duration.and_then(|d| d.soft_max)),
        yes_no(entry.high_alert),
        entry.advisory.as_ref().map_or_else(String::new, |advisory| safe(advisory.as_str())),
    ]
}

fn yes_no(value: bool) -> String {
    (if value { "yes" } else { "no" }).into()
}

fn number(value: Option<Decimal>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A text that no spreadsheet runs. `#` is guarded too: it would make the line a comment.
pub(crate) fn safe(text: &str) -> String {
    if text.starts_with(|c| FORMULA_STARTS.contains(&c) || c == '\'' || c == '#') {
        format!("'{text}")
    } else {
        text.into()
    }
}

fn line(out: &mut String, cells: &[String]) {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', ';', '\t']) {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(cell);
        }
    }
    out.push('\n');
}
