//! What watched pumps do with the hub, kept for people: every connection, frame and fetch, gathered in memory for a moment
//! and then added to the store.
//!
//! A watched pump is given full service and is not told. What it can use up is bounded: between two flushes so many
//! entries are kept apart, and the rest is counted.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use wardline_model::{PumpId, Time};
use wardline_store::Watched;

/// The most entries between two flushes: five pumps at the link's own limit of frames.
const APART: usize = 1_000;

/// Entries since the last flush.
#[derive(Debug, Default)]
pub struct WatchedPumps {
    noted: Mutex<VecDeque<Watched>>,
}

impl WatchedPumps {
    /// Notes one thing. What is beyond the limit is counted on the newest entry of that pump.
    pub fn note(&self, pump: PumpId, what: &'static str, detail: impl Into<String>, at: Time) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() >= APART {
            if let Some(newest) = noted.iter_mut().rev().find(|entry| entry.pump == pump) {
                newest.times += 1;
            }
            return;
        }
        noted.push_back(Watched { pump, at, what: what.into(), detail: detail.into(), times: 1 });
    }

    /// Takes what was noted.
    #[must_use]
    pub fn take(&self) -> Vec<Watched> {
        std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }

    /// Puts back what could not be stored.
    pub fn give_back(&self, entries: Vec<Watched>) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let room = APART.saturating_sub(noted.len());
        entries.into_iter().rev().take(room).for_each(|entry| noted.push_front(entry));
    }
}
