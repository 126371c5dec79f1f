//! For the search: the same controller, seen from a clock that stands still.

use wardline_model::{Span, Time};

use super::machine::Controller;

/// How many hold names the search tells apart: more than messages can be on their way at once.
const NAMES: u64 = 4;

impl Controller {
    /// Sets the clock back so that now is the epoch.
    pub(crate) fn retime(&mut self, now: Time) {
        let seen = |at: Time| Time::default() + Span::from_ms(at.since(now).as_ms());
        self.since = Time::default();
        for at in [&mut self.break_at, &mut self.near_until].into_iter().flatten() {
            *at = seen(*at);
        }
        if let Some(held) = self.hold.as_mut() {
            held.until = seen(held.until);
        }
        if self.next_hold > NAMES {
            self.next_hold = 1;
        }
    }
}
