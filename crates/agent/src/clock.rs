//! The pump's clock, as the agent reads it. A simulation may set a pump's clock wrong: nothing that the agent promises may
//! depend on the time being right.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use wardline_model::Time;

use crate::fault::Watched;

tokio::task_local! {
    /// The pump whose agent runs in this task, when a simulation watches it.
    pub(crate) static WATCHED: Arc<Watched>;
}

/// This moment by the pump's clock.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let right = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let ahead = WATCHED.try_with(|watched| watched.clock_ahead_ms.load(Ordering::Relaxed)).unwrap_or(0);
    Time::from_unix_ms(right.saturating_add(ahead).max(0).unsigned_abs())
}
