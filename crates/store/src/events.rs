//! What happened on each pump: in order, whole, once (N11).
//!
//! A pump numbers its events from 1 without gaps within one *journal*. A journal is the pump's own store: when it is
//! made anew (a wipe, a new flash), it gets a new random id, so that its numbers cannot be mistaken for old ones.

use wardline_model::{Event, PumpId, Sequence, Time};

use crate::error::unbuilt;
use crate::{Page, PageRequest, Store, StoreError};

/// The random id of a pump's journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Journal(pub u64);

/// What became of a batch of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// Everything up to this number is durable: acknowledge it.
    Durable(Sequence),
    /// The batch begins after a gap: nothing of it was kept, and the pump must send again from this number.
    Gap {
        /// The number that is expected.
        expected: Sequence,
    },
}

/// An event as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Which journal of the pump.
    pub journal: Journal,
    /// The event, with its sensitive detail opened.
    pub event: Event,
    /// When the hub received it.
    pub received: Time,
}

impl Store {
    /// Appends events of one pump, in order. When this returns `Durable`, they are on the disk. Events that are there
    /// already are skipped, so sending again is harmless.
    ///
    /// # Errors
    /// Those of the engine; nothing may be acknowledged then.
    pub async fn append_events(
        &self,
        pump: PumpId,
        journal: Journal,
        events: Vec<Event>,
        received: Time,
    ) -> Result<Appended, StoreError> {
        let _ = (pump, journal, events, received);
        unbuilt()
    }

    /// The last number that is durable in a journal; zero when there is none.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn durable_up_to(&self, pump: PumpId, journal: Journal) -> Result<Sequence, StoreError> {
        let _ = (pump, journal);
        unbuilt()
    }

    /// A pump's time line, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn events(&self, pump: PumpId, page: PageRequest) -> Result<Page<EventRow>, StoreError> {
        let _ = (pump, page);
        unbuilt()
    }
}
