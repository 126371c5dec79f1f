//! A pump's certificate over a month: it is renewed in time, ends in a cupboard, meets a hub that cannot issue for days and a
//! clock of another decade; and the bedside notices none of it (N1, N8).
//!
//! What a pump does about it is decided by the real `wardline_pump::identity`. Every pump here has a birth certificate: what
//! has ended comes back by that.

use wardline_model::{Span, Time, covers};
use wardline_pump::identity::{Held, IdentityRules, IdentityStep, Pins, Successor, next_step};

use super::agenda::Happens;
use super::settings::{BEGINS, Wrong};
use super::trouble::Trouble;
use super::ward::{DAY, HOUR, MINUTE};
use super::watch::Check;
use super::world::World;

/// How long a certificate lasts.
const LASTS: Span = Span::from_days(30);
/// A clock that is wrong by more than this does not believe the dates of the hub's own certificate, which lasts 90 days.
const BELIEVES_WITHIN: u64 = 60 * DAY;
/// Ten years.
const YEARS: u64 = 3_652 * DAY;

/// When the certificate ends that a pump has on the first morning: it is up to 19 days old.
pub(super) fn first_ends(number: usize) -> Time {
    BEGINS + Span::from_days(11 + (number as u64 * 7) % 20)
}

impl World {
    /// Whether hub and pump believe each other's dates in a handshake.
    pub(super) fn certificate_is_good(&self, pump: usize) -> bool {
        let place = &self.pumps[pump];
        place.clock.unsigned_abs() < BELIEVES_WITHIN && place.certificate_ends > self.hub.local(self.now)
    }

    /// A pump looks at its certificate, once an hour.
    pub(super) fn identity(&mut self, pump: usize) {
        covers!("N1", "N8");
        self.later(HOUR, Happens::Identity { pump });
        if self.pumps[pump].agent.is_none() {
            return;
        }
        let before = self.pumps[pump].body.as_ref().map(|body| body.controller.clone());
        self.next_certificate(pump);
        if self.settings.wrong == Some(Wrong::EndStopsTherapy) && self.pumps[pump].certificate_ends <= self.now {
            self.power_off(pump);
        }
        let same = before == self.pumps[pump].body.as_ref().map(|body| body.controller.clone());
        self.watch.check(Check::N8, pump, same, || "a certificate was seen at the bedside".to_owned());
    }

    fn next_certificate(&mut self, pump: usize) {
        let (now, place) = (self.now, &self.pumps[pump]);
        let (not_after, spread) = (place.certificate_ends, pump as u64);
        let not_before = not_after - LASTS;
        let held = Held { not_before, not_after, spread, pins: Pins::All, successor: Successor::None };
        let (step, due) = next_step(Some(&held), place.local(now), IdentityRules::all());
        let talks = self.hub.up
            && self.reaches(pump)
            && place.clock.unsigned_abs() < BELIEVES_WITHIN
            && self.hub.rows[pump].lifecycle.may_link();
        let (issues, ended) = (self.hub.cannot_issue_until <= now, not_after <= self.hub.local(now));
        let may = match step {
            IdentityStep::Renew => !ended,
            IdentityStep::Enrol => self.settings.wrong != Some(Wrong::NeverEnrolsAgain),
            IdentityStep::Provision | IdentityStep::Prove | IdentityStep::AskRoot | IdentityStep::Check => false,
        };
        if due.is_some() || !talks || !may {
            return;
        }
        if !issues {
            return self.count("certificates that a hub without its authority did not issue");
        }
        self.count(if ended { "pumps that enrolled again" } else { "certificates renewed" });
        self.tell(pump, || format!("the pump has a new certificate ({step:?})"));
        self.pumps[pump].certificate_ends = now + LASTS;
    }

    // ---- trouble ----------------------------------------------------------------------------------------------------

    pub(super) fn clock_jumps_years(&mut self, pump: usize) {
        self.count("pump clocks that jumped ten years");
        let by = YEARS.cast_signed();
        self.pumps[pump].clock = if self.dice.identity.percent(50) { by } else { -by };
        self.tell(pump, || "the agent's clock jumps ten years".to_owned());
        let set = self.dice.identity.between(20 * MINUTE, 3 * DAY);
        self.later(set, Happens::Trouble(Trouble::ClockSet(pump)));
        self.wake_agent(pump);
    }

    pub(super) fn clock_set(&mut self, pump: usize) {
        self.pumps[pump].clock = 0;
        self.tell(pump, || "the agent's clock is set right".to_owned());
        self.wake_agent(pump);
    }

    pub(super) fn authority_goes(&mut self) {
        self.count("days-long losses of the authority");
        let lasts = self.dice.identity.between(DAY, 6 * DAY);
        self.hub.cannot_issue_until = self.then(lasts);
    }

    /// Only a pump without a patient goes into the cupboard.
    pub(super) fn cupboard(&mut self, pump: usize) {
        let is_idle = self.pumps[pump].body.as_ref().is_some_and(|body| {
            body.controller.channels().iter().all(|channel| channel.program.is_none() && !channel.state.is_busy())
        });
        if !is_idle {
            return;
        }
        self.count("pumps put into a cupboard");
        self.power_off(pump);
        let until =
            self.pumps[pump].certificate_ends.max(self.now) + Span::from_ms(self.dice.identity.between(HOUR, 5 * DAY));
        self.agenda.add(until, Happens::PowerOn { pump });
    }
}
