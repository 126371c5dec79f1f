//! Strangers at the door: refused handshakes, counted by what they claimed and where they came from.

use wardline_model::Time;

use crate::error::unbuilt;
use crate::{Page, PageRequest, Store, StoreError};

/// Refused handshakes of one kind since the last flush.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What it claimed to be, at most 128 characters; empty when it claimed nothing.
    pub claim: String,
    /// The network address without port.
    pub source: String,
    /// Why it was refused, as a short fixed word.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// The first one.
    pub first: Time,
    /// The last one.
    pub last: Time,
}

/// A sighting as stored.
pub type SightingRow = Sighting;

impl Store {
    /// Adds sightings, in one transaction.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn save_sightings(&self, sightings: &[Sighting]) -> Result<(), StoreError> {
        let _ = sightings;
        unbuilt()
    }

    /// Sightings, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn sightings(&self, page: PageRequest) -> Result<Page<SightingRow>, StoreError> {
        let _ = page;
        unbuilt()
    }
}
