//! What changed since somebody last looked: which pumps, and that there was anything at all.
//!
//! Whoever writes about a pump touches it here after the store has answered. The console reads those pumps again and
//! nothing else, so that a change is on the screen within a second however large the fleet is. It is a hint and never the
//! truth: a touch that is forgotten costs seconds on a screen, because everything is read again now and then.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use wardline_model::PumpId;

/// The most pumps that are remembered one by one; beyond that, reading everything again is cheaper.
const APART: usize = 4_096;

/// What changed.
#[derive(Debug)]
pub struct Changes {
    touched: Mutex<Touched>,
    ticks: watch::Sender<u64>,
    /// Apart from the rest, because connections listen to it and reports come by the thousand.
    decisions: watch::Sender<u64>,
}

/// What was touched since it was last asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// These pumps.
    Pumps(BTreeSet<PumpId>),
    /// So many, or something that concerns all of them.
    Everything,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            touched: Mutex::new(Touched::Pumps(BTreeSet::new())),
            ticks: watch::Sender::new(0),
            decisions: watch::Sender::new(0),
        }
    }
}

impl Changes {
    /// Something about this pump changed.
    pub fn touch(&self, pump: PumpId) {
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Touched::Pumps(pumps) = &mut *touched {
            pumps.insert(pump);
            if pumps.len() > APART {
                *touched = Touched::Everything;
            }
        }
        drop(touched);
        self.note();
    }

    /// A decision about this pump was taken, and the registry knows it.
    pub fn decided(&self, pump: PumpId) {
        self.touch(pump);
        self.decisions.send_modify(|count| *count += 1);
    }

    /// Something changed that concerns every pump: the list of pumps, or what a rollout wants.
    pub fn touch_all(&self) {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = Touched::Everything;
        self.note();
    }

    /// Something that people look at changed, and no pump with it.
    pub fn note(&self) {
        self.ticks.send_modify(|count| *count += 1);
    }

    /// What was touched since the last call.
    #[must_use]
    pub fn take(&self) -> Touched {
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *touched, Touched::Pumps(BTreeSet::new()))
    }

    /// Wakes at every decision about a pump.
    #[must_use]
    pub fn decisions(&self) -> watch::Receiver<u64> {
        self.decisions.subscribe()
    }

    /// Wakes at every change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.ticks.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pump(n: u32) -> PumpId {
        let mut bytes = [0; 16];
        bytes[12..].copy_from_slice(&n.to_be_bytes());
        PumpId::from_bytes(bytes)
    }

    #[test]
    fn what_was_touched_is_told_once_and_a_flood_is_everything() {
        let changes = Changes::default();
        let mut ticks = changes.watch();
        changes.touch(pump(1));
        changes.touch(pump(2));
        changes.touch(pump(1));
        assert!(ticks.has_changed().unwrap());
        ticks.mark_unchanged();
        assert_eq!(changes.take(), Touched::Pumps([pump(1), pump(2)].into()));
        assert_eq!(changes.take(), Touched::Pumps(BTreeSet::new()));
        changes.note();
        assert!(ticks.has_changed().unwrap());
        assert_eq!(changes.take(), Touched::Pumps(BTreeSet::new()));
        for n in 0..=u32::try_from(APART).unwrap() {
            changes.touch(pump(n));
        }
        changes.touch(pump(7));
        assert_eq!(changes.take(), Touched::Everything);
    }
}
