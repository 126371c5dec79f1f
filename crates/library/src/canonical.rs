//! The artifact: one library, one sequence of bytes.
//!
//! Canonical form is JSON without white space, fields in the order of the schema, absent options left out, care areas
//! and entries in their one order, decimals as text with the digits that people typed. Reading makes the library and
//! then writes it again: anything that does not come out byte for byte as it went in (a repeated key, another order, a
//! space, `007`, `\u0041`) is refused. Two readers can therefore never disagree about what was signed (N4, N10).

use wardline_model::covers;

use crate::library::{Draft, Library, Problem};

/// The largest artifact that anybody reads: some 20,000 entries of 700 bytes.
pub const MAX_ARTIFACT_BYTES: usize = 16 * 1024 * 1024;

/// Why bytes are not a drug library artifact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// More bytes than any library has.
    #[error("the drug library has {0} bytes; at most {MAX_ARTIFACT_BYTES} are read")]
    TooLarge(usize),
    /// Not JSON of the schema. The text says where.
    #[error("not a drug library of schema {schema}: {0}", schema = crate::library::SCHEMA)]
    Shape(String),
    /// A library that breaks structure rules.
    #[error("the drug library breaks {} structure rules, first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Structure(Vec<Problem>),
    /// The same library would be written with other bytes.
    #[error("the drug library is not in canonical form: compile it again from its source")]
    NotCanonical,
}

impl Library {
    /// The bytes that people sign. The same library always gives the same bytes.
    #[must_use]
    pub fn to_canonical_bytes(&self) -> Vec<u8> {
        covers!("N4", "N10");
        // Plain structs with text keys cannot fail to serialize into memory.
        serde_json::to_vec(self.draft()).unwrap_or_default()
    }

    /// Reads an artifact strictly.
    ///
    /// # Errors
    /// [`CanonicalError`] unless the bytes are exactly what [`Library::to_canonical_bytes`] writes.
    pub fn from_canonical_bytes(bytes: &[u8]) -> Result<Self, CanonicalError> {
        covers!("N4", "N10");
        if bytes.len() > MAX_ARTIFACT_BYTES {
            return Err(CanonicalError::TooLarge(bytes.len()));
        }
        // The typed structs refuse repeated and unknown keys, and bound the depth by their own shape.
        let draft: Draft = serde_json::from_slice(bytes).map_err(|error| CanonicalError::Shape(error.to_string()))?;
        let library = Self::new(draft).map_err(CanonicalError::Structure)?;
        if library.to_canonical_bytes() != bytes {
            return Err(CanonicalError::NotCanonical);
        }
        Ok(library)
    }
}
