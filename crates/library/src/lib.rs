//! The drug library: what it is, whether a program fits it, what is odd about it, and what changed.
//!
//! | module | what it is |
//! |---|---|
//! | `text`, `unit`, `entry`, `library` | the nouns; a [`Library`] exists only when every structure rule holds |
//! | `canonical` | the artifact that people sign: one library, one sequence of bytes |
//! | `render` | what an approver reads and what the pump must show again, character for character (N4) |
//! | `check` | a program against the limits that govern its infusion |
//! | `lint` | what is allowed but unwise |
//! | `diff` | what a new library changes, in words |
//! | `import`, `export` | spreadsheets, CSV and JSON, in and out |
//! | `demonstration` | the invented library that ships, never for clinical use |
//!
//! Every dose, limit and concentration is an exact decimal from the editor to the pump, and no unit is ever converted
//! on the way (N10). Nothing here reads a clock, a file or a network, and no input makes it panic.

mod canonical;
mod check;
mod demonstration;
mod diff;
mod entry;
mod export;
pub mod import;
mod library;
mod lint;
mod render;
mod text;
mod unit;

pub use canonical::{CanonicalError, MAX_ARTIFACT_BYTES};
pub use check::{BolusProgram, Bound, Checked, Program, Quantity, Reason, Snapshot, rate_ul_per_h};
pub use demonstration::{VERSION_1_CSV, demonstration};
pub use diff::{Change, ChangeKind, Direction, diff};
pub use entry::{Bolus, Concentration, DeviceConfig, DurationLimits, Entry, EntryKey, Limits};
pub use export::to_csv;
pub use library::{CareAreaLibrary, Draft, Library, MAX_CARE_AREAS, MAX_ENTRIES, Problem, SCHEMA};
pub use lint::{Finding, Rule, Severity, lint};
pub use render::{RenderedEntry, SAMPLE_BYTES, SAMPLE_ENTRIES, digest_of};
pub use text::{Advisory, Drug, Hospital, LibraryId, LibraryName, TherapyName};
pub use unit::{AmountUnit, Body, Dimension, DosingUnit, TimeBase, UnitError};

#[cfg(test)]
mod tests;
