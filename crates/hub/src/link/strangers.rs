//! Who was refused, counted: kept in memory for a moment and then added to the store, so that a flood of refusals is
//! one row and not a flood of rows.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use wardline_model::Time;
use wardline_store::Sighting;
use wardline_wire::text;

/// The most different refusals that are kept apart between two flushes; what comes beyond is counted as one.
const APART: usize = 1_000;

/// The longest claim that is kept (the store's limit).
const CLAIM: usize = 128;

/// Refused peers since the last flush.
#[derive(Debug, Default)]
pub struct Strangers {
    seen: Mutex<BTreeMap<(String, String, String), Sighting>>,
}

impl Strangers {
    /// Counts a refusal. `claim` is what the peer said it was, `reason` a short fixed word.
    pub fn note(&self, claim: &str, place: SocketAddr, reason: &'static str, now: Time) {
        self.note_from(claim, &place.ip().to_string(), reason, now);
    }

    /// The same from somewhere that has no network address yet: a radio that a RADIUS server asked about.
    pub fn note_from(&self, claim: &str, source: &str, reason: &'static str, now: Time) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (text::clean(claim, CLAIM), text::clean(source, CLAIM), reason.to_owned());
        if seen.len() >= APART && !seen.contains_key(&key) {
            key = (String::new(), "many".into(), reason.to_owned());
        }
        let (claim, source) = (key.0.clone(), key.1.clone());
        let sighting = seen.entry(key).or_insert_with(|| Sighting {
            claim,
            source,
            reason: reason.into(),
            count: 0,
            first: now,
            last: now,
        });
        sighting.count += 1;
        sighting.last = now;
    }

    /// Takes what was counted.
    #[must_use]
    pub fn take(&self) -> Vec<Sighting> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner)).into_values().collect()
    }

    /// Puts back what could not be stored.
    pub fn give_back(&self, sightings: Vec<Sighting>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for old in sightings {
            let same = |s: &&mut Sighting| s.claim == old.claim && s.source == old.source && s.reason == old.reason;
            if let Some(newer) = seen.values_mut().find(same) {
                newer.count += old.count;
                newer.first = old.first;
            } else if seen.len() < APART {
                let key = (old.claim.clone(), old.source.clone(), old.reason.clone());
                seen.insert(key, old);
            }
        }
    }
}
