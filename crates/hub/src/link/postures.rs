//! Pumps that have proven their posture over the link that they hold now. It is forgotten with the link.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use wardline_fleet::posture::Proven;
use wardline_model::{PumpId, Time};

/// Proven postures, each as of when.
#[derive(Debug, Default)]
pub struct Postures {
    proven: Mutex<BTreeMap<PumpId, (Proven, Time)>>,
    more: Notify,
}

impl Postures {
    /// A pump has proven its posture.
    pub(super) fn put(&self, proven: Proven, at: Time) {
        self.proven.lock().unwrap_or_else(PoisonError::into_inner).insert(proven.pump(), (proven, at));
        self.more.notify_one();
    }

    /// Its link ended, or it said something else since.
    pub(super) fn forget(&self, pump: PumpId) {
        self.proven.lock().unwrap_or_else(PoisonError::into_inner).remove(&pump);
    }

    /// The proof of a pump, if it was given after this moment.
    #[must_use]
    pub fn since(&self, pump: PumpId, since: Time) -> Option<Proven> {
        let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.get(&pump).filter(|(_, at)| *at >= since).map(|(proven, _)| proven.clone())
    }

    /// Wakes when a pump has proven its posture.
    pub async fn more(&self) {
        self.more.notified().await;
    }
}
