//! A witness for N11: what an agent kept on its disk and what was acknowledged to it, written down beside the agent.
//!
//! A simulation compares it with what the hub holds. It believes neither side: an event that the hub has and no agent kept
//! was made up, one that it has under another number was taken twice, and one that was acknowledged and is not there was
//! lost. Only simulated agents have a ledger.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use wardline_model::{Event, Sequence, covers};

/// Which event: the journal of the pump that it is in, and its number there.
pub type Place = (u64, u64);

/// What the ledger holds at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Every event that was durable on the pump, by its place, as a print of its content.
    pub kept: BTreeMap<Place, u64>,
    /// The highest acknowledgement in each journal.
    pub acknowledged: BTreeMap<u64, u64>,
    /// Events that were found under the number of another one.
    pub renumbered: Vec<Place>,
}

/// The ledger of one pump, for all lives of its agent.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Written>);

impl Ledger {
    /// An event is on the pump's disk.
    pub fn keep(&self, journal: u64, event: &Event) {
        let (place, seen) = ((journal, event.seq.0), print(event));
        let mut written = self.lock();
        if written.kept.insert(place, seen).is_some_and(|before| before != seen) {
            written.renumbered.push(place);
        }
    }

    /// The hub acknowledged everything up to here.
    pub fn acknowledge(&self, journal: u64, up_to: Sequence) {
        covers!("N11");
        let mut written = self.lock();
        let newest = written.acknowledged.entry(journal).or_default();
        *newest = up_to.0.max(*newest);
    }

    /// What is written by now.
    #[must_use]
    pub fn read(&self) -> Written {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A short print of an event's time and content: equal events have equal prints within one process.
#[must_use]
pub fn print(event: &Event) -> u64 {
    let mut hasher = DefaultHasher::new();
    event.hash(&mut hasher);
    hasher.finish()
}
