//! The hub's clock. The demonstration sets it wrong now and then: nothing that the hub promises may depend on the time
//! being right.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use wardline_model::Time;

/// How far this process's hub is ahead of the computer, in milliseconds.
static AHEAD_MS: AtomicI64 = AtomicI64::new(0);

/// This moment by the hub's clock.
#[must_use]
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let right = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Time::from_unix_ms(right.saturating_add(AHEAD_MS.load(Ordering::Relaxed)).max(0).unsigned_abs())
}

/// Sets the clock of this process's hubs this many milliseconds ahead of the computer's; 0 sets it right. For
/// demonstrations and drills.
pub fn set_ahead(ms: i64) {
    AHEAD_MS.store(ms, Ordering::Relaxed);
}
