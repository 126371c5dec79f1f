//! The pump's own clock: it only goes forward, whatever the network or a person says about the time (N1).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wardline_model::Time;

/// A clock that begins at the computer's time and then counts by itself, and a faster one for the bedside.
#[derive(Clone, Debug)]
pub struct Clock {
    began: Instant,
    began_unix_ms: u64,
    speed: u32,
    /// When set, time stands still at this many milliseconds since the beginning: for tests that step it.
    stepped: Option<Arc<AtomicU64>>,
}

impl Clock {
    /// A clock whose bedside runs `speed` times as fast as real time.
    #[must_use]
    pub fn running(speed: u32) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let began_unix_ms = u64::try_from(unix.as_millis()).unwrap_or(u64::MAX);
        Self { began: Instant::now(), began_unix_ms, speed: speed.max(1), stepped: None }
    }

    /// A clock that moves only by [`Clock::step`].
    #[must_use]
    pub fn stepped() -> Self {
        Self { stepped: Some(Arc::default()), ..Self::running(1) }
    }

    /// Moves a stepped clock.
    pub fn step(&self, ms: u64) {
        if let Some(stepped) = &self.stepped {
            stepped.fetch_add(ms, Ordering::SeqCst);
        }
    }

    /// Now, for reports and for holds.
    #[must_use]
    pub fn now(&self) -> Time {
        Time::from_unix_ms(self.began_unix_ms.saturating_add(self.elapsed_ms()))
    }

    /// Now at the bedside: milliseconds since the clock began, times the speed.
    #[must_use]
    pub fn bedside_ms(&self) -> u64 {
        self.elapsed_ms().saturating_mul(u64::from(self.speed))
    }

    /// How much faster the bedside runs.
    #[must_use]
    pub const fn speed(&self) -> u32 {
        self.speed
    }

    fn elapsed_ms(&self) -> u64 {
        match &self.stepped {
            Some(stepped) => stepped.load(Ordering::SeqCst),
            None => u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}
