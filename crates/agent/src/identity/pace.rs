//! When the next step is due: renewal well before the end, tries that spread and slow down.
//!
//! 20,000 pumps that were enrolled on one day must not renew in one hour, and a hub that comes back must not meet all of
//! them at once.

use std::time::Duration;

/// The wait before the second try; each later one is up to twice as long.
const FIRST: Duration = Duration::from_secs(2);

/// The longest wait between tries: a technician who has just corrected the manifest stands beside the pump.
const LONGEST: Duration = Duration::from_secs(300);

/// The longest that a hub may make a pump wait: a day.
const LONGEST_RETRY_AFTER_S: u64 = 86_400;

/// How soon a pump that waits for a person asks again when the hub does not say.
const WAITS_S: u64 = 60;

/// The first try waits up to a second, so that a ward that powers up together does not knock as one.
const AT_ONCE: Duration = Duration::from_secs(1);

/// How many tries of the same step did not work, and what the hub asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    is_first: bool,
    tries: u32,
    retry_after_s: u64,
}

impl Pace {
    /// The agent has just started.
    pub(crate) const fn begin() -> Self {
        Self { is_first: true, tries: 0, retry_after_s: 0 }
    }

    /// Something did not work already, elsewhere.
    pub(crate) const fn doubtful() -> Self {
        Self { is_first: false, tries: 1, retry_after_s: 0 }
    }

    /// One more try did not work.
    pub(crate) fn failed(&mut self, retry_after_s: Option<u64>) {
        self.tries = self.tries.saturating_add(1);
        self.retry_after_s = retry_after_s.unwrap_or(0).min(LONGEST_RETRY_AFTER_S);
    }

    /// The hub asks for patience: a person must approve. That is no failure, so the wait does not grow.
    pub(crate) fn waits(&mut self, retry_after_s: Option<u64>) {
        *self = Self { is_first: false, tries: 1, ..*self };
        self.retry_after_s = retry_after_s.unwrap_or(WAITS_S).min(LONGEST_RETRY_AFTER_S);
    }

    /// How long to wait before the next try; `draw` is any number.
    pub(crate) fn wait(self, draw: u64) -> Duration {
        if self.tries == 0 {
            return if self.is_first { part(AT_ONCE, draw) } else { Duration::ZERO };
        }
        let most = FIRST.saturating_mul(1 << (self.tries - 1).min(16)).min(LONGEST);
        // At least half of it, so that tries do slow down.
        let back_off = most / 2 + part(most / 2, draw);
        let asked = Duration::from_secs(self.retry_after_s);
        // Later than asked by up to a tenth: everybody else was told the same.
        back_off.max(asked + part(asked / 10, draw))
    }
}

fn part(of: Duration, draw: u64) -> Duration {
    Duration::from_millis(draw % (u64::try_from(of.as_millis()).unwrap_or(u64::MAX).saturating_add(1)))
}
