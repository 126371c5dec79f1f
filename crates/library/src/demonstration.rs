//! The library that ships for demonstration: invented, small, and marked not for clinical use.
//!
//! Two versions exist, so that a demonstration can show a rollout. Version 2 narrows one limit, corrects another, adds a
//! drug and takes one away. Higher versions are version 2 with a higher number, so that a demonstration can go on.

use wardline_model::Version;

use crate::import::{Format, RowError, import};
use crate::library::Library;

/// Version 1 as a pharmacist would keep it. It is also the template that `examples/` holds.
pub const VERSION_1_CSV: &str = include_str!("../../../examples/drug-library.csv");
const VERSION_2_CSV: &str = include_str!("../../../examples/drug-library-2.csv");

/// The demonstration library in a version from 1.
///
/// # Errors
/// None in practice (a test reads both); the importer's errors if somebody edits the embedded files wrongly.
pub fn demonstration(version: u64) -> Result<Library, Vec<RowError>> {
    let text = if version <= 1 { VERSION_1_CSV } else { VERSION_2_CSV };
    let library = import(Format::Csv, text.as_bytes())?.library;
    if library.version().0 >= version {
        return Ok(library);
    }
    let mut draft = library.into_draft();
    draft.version = Version(version);
    Library::new(draft).map_err(|problems| {
        let said = problems.iter().map(|problem| RowError {
            line: 0,
            column: problem.column.into(),
            value: String::new(),
            expected: problem.sentence.clone(),
        });
        said.collect()
    })
}
