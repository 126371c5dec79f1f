//! One pump as people know it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::controller::reference::Reference;

use super::chart::Chart;

/// A pump with its charts. While somebody acts or watches, the other waits: pump and chart are compared at one moment.
pub struct Station {
    inner: Mutex<Beside>,
}

/// What stands beside a pump.
pub(super) struct Beside {
    pub(super) pump: Option<Reference>,
    pub(super) charts: Vec<Chart>,
    /// Between two patients, until this bedside time: nobody programs anything.
    pub(super) empty_until_ms: u64,
    /// What the watcher knows of the library that therapy reads.
    pub(super) pointer: Option<wardline_model::ReleaseRef>,
    /// Whether each channel was busy when the watcher last heard of it.
    pub(super) busy: Vec<bool>,
}

/// The pump is without power: its infusions have ended at the bedside, which is what power loss does and no network can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage;

impl Station {
    /// A pump that has just been powered up: nothing is programmed.
    #[must_use]
    pub fn new(pump: Reference) -> Self {
        let it = Self {
            inner: Mutex::new(Beside {
                pump: None,
                charts: Vec::new(),
                empty_until_ms: 0,
                pointer: None,
                busy: Vec::new(),
            }),
        };
        it.power(pump);
        it
    }

    /// Power comes.
    pub fn power(&self, pump: Reference) {
        let mut beside = self.lock();
        let channels = pump.look().len();
        beside.pointer = pump.current();
        beside.charts = vec![Chart::default(); channels];
        beside.busy = vec![false; channels];
        // What happened before belongs to the time before.
        let _ = pump.changes();
        beside.pump = Some(pump);
    }

    /// Power goes.
    pub fn cut_power(&self) {
        let mut beside = self.lock();
        beside.pump = None;
        beside.charts.clear();
        beside.busy.clear();
    }

    /// The pump.
    ///
    /// # Errors
    /// [`Outage`] while it is without power.
    pub fn pump(&self) -> Result<Reference, Outage> {
        self.lock().pump.clone().ok_or(Outage)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Beside> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
