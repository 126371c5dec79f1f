//! For the search: the same machine, seen from a clock that stands still.
//!
//! Two states that differ only in how far the clock has run are one state. Moments that are past become the epoch, and
//! moments to come keep their distance.

use wardline_model::{Kind, Span, Therapy, Time};

use super::{Getting, Hold, Machine};
use crate::journal::{Journal, Phase};

/// The moment seen from a clock that reads zero now.
#[must_use]
fn seen_from(now: Time, at: Time) -> Time {
    Time::default() + Span::from_ms(at.since(now).as_ms())
}

impl Journal {
    /// Sets the clock back so that now is the epoch.
    pub fn retime(&mut self, now: Time) {
        if let Some(goal) = self.goal.as_mut() {
            goal.issued = Time::default();
        }
        for kind in Kind::ALL {
            if let Some(staged) = self.slots.get_mut(kind).staged.as_mut() {
                staged.since = Time::default();
            }
        }
        if let Some(attempt) = self.attempt.as_mut()
            && let Phase::Trial { until } = &mut attempt.phase
        {
            *until = seen_from(now, *until);
        }
    }
}

impl Machine {
    /// Sets the clock back so that now is the epoch.
    pub fn retime(&mut self, now: Time) {
        self.journal.retime(now);
        self.told = None;
        if let Therapy::Known { since, .. } = &mut self.therapy {
            *since = Time::default();
        }
        if let Hold::Asked { until, .. } = &mut self.hold {
            *until = seen_from(now, *until);
        }
        if let Some(after) = self.hold_after.as_mut() {
            *after = seen_from(now, *after);
        }
        for kind in Kind::ALL {
            if let Getting::Later(at) = self.getting.get_mut(kind) {
                *at = seen_from(now, *at);
            }
            *self.failures.get_mut(kind) = 0;
        }
    }
}
