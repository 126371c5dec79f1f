//! What the pump says of itself: a report, computed from the journal and from what is known right now.

use alloc::boxed::Box;
use wardline_model::{HoldSupport, Kind, Outcome, PerKind, Refusal, Report, SlotReport, SlotState, Time, Wait};

use super::hold::{Leave, Next};
use super::{Getting, Machine, Truth, needs_hold, therapy_lets};
use crate::effect::{Effect, Effects};
use crate::journal::{Broken, Phase};
use crate::rules::Rule;

impl Machine {
    /// The report as of now.
    #[must_use]
    pub fn report(&self, now: Time) -> Report {
        Report {
            pump: self.journal.pump,
            at: now,
            generation: self.journal.generation(),
            therapy: self.therapy,
            hold: self.hold_support,
            slots: PerKind::from_fn(|kind| self.slot_report(kind)),
        }
    }

    /// Where this slot is.
    fn slot_report(&self, kind: Kind) -> SlotReport {
        let record = self.journal.slots.get(kind);
        let (state, wait) = self.slot_state(kind);
        let next = match self.attempt().filter(|attempt| attempt.kind() == kind) {
            Some(attempt) => Some(attempt.to),
            None => self.open_want(kind).map(|(want, _)| want),
        };
        SlotReport {
            state,
            active: if record.torn == Broken::Whole { record.active } else { None },
            next,
            wait,
            staged_since: record.staged.as_ref().map(|staged| staged.since),
            last: record.last.map(|last| last.outcome),
        }
    }

    fn slot_state(&self, kind: Kind) -> (SlotState, Option<Wait>) {
        if let Some(attempt) = self.attempt().filter(|attempt| attempt.kind() == kind) {
            return match attempt.phase {
                Phase::Intent => (SlotState::Switching, None),
                Phase::Trial { .. } => (SlotState::Trial, Some(Wait::ProofPending)),
                Phase::Back { .. } => (SlotState::Switching, self.hold_wait(kind)),
            };
        }
        let Some((want, _)) = self.open_want(kind) else { return self.at_rest(kind) };
        let record = self.journal.slots.get(kind);
        if record.staged.as_ref().is_none_or(|staged| staged.release != want) {
            return (SlotState::Fetching, Some(self.fetch_wait(kind)));
        }
        if self.attempt().is_some() {
            return (SlotState::Staged, Some(Wait::OtherTrial));
        }
        if self.next() != Next::Forward(kind) {
            return (SlotState::Staged, self.hold_wait(kind).or(Some(Wait::OtherTrial)));
        }
        match self.leave(kind, Rule::SwitchUnderHold) {
            Leave::Now(_) => (SlotState::Cleared, None),
            Leave::WithHold => (SlotState::Cleared, self.hold_wait(kind)),
            Leave::No => match self.hold_support {
                HoldSupport::Grants => (SlotState::Cleared, self.hold_wait(kind)),
                HoldSupport::Cannot | HoldSupport::Unknown => (SlotState::Staged, self.hold_wait(kind)),
            },
        }
    }

    /// The state of a slot in which nothing is on its way.
    fn at_rest(&self, kind: Kind) -> (SlotState, Option<Wait>) {
        let record = self.journal.slots.get(kind);
        if record.torn == Broken::Torn {
            return (SlotState::OutOfService, Some(Wait::OutOfService));
        }
        match self.wanted(kind) {
            Some((want, _)) if record.active != Some(want) => {
                let refused = matches!(self.final_end(kind, want), Some(Outcome::Refused(_)));
                (SlotState::WentBack, Some(if refused { Wait::Refused } else { Wait::WentBack }))
            }
            Some(_) | None => (SlotState::Settled, None),
        }
    }

    fn fetch_wait(&self, kind: Kind) -> Wait {
        match self.getting.get(kind) {
            Getting::Later(_) if self.has_no_room(kind) => Wait::StorageFull,
            Getting::Later(_) => Wait::FetchFailed,
            Getting::Idle if *self.truth.get(kind) == Truth::Unknown => Wait::TherapyUnknown,
            Getting::Idle | Getting::Fetching(_) | Getting::Staging(..) => Wait::Fetching,
        }
    }

    /// Whether the last attempt under this goal ended for want of room.
    fn has_no_room(&self, kind: Kind) -> bool {
        self.journal.slots.get(kind).last.is_some_and(|last| {
            last.generation == self.journal.generation() && last.outcome == Outcome::Refused(Refusal::StorageFull)
        })
    }

    /// Why there is no hold.
    fn hold_wait(&self, kind: Kind) -> Option<Wait> {
        if !needs_hold(kind) {
            return None;
        }
        match (self.hold_support, self.therapy.state()) {
            (HoldSupport::Cannot, _) => Some(Wait::HoldUnsupported),
            (HoldSupport::Unknown, _) | (HoldSupport::Grants, None) => Some(Wait::TherapyUnknown),
            (HoldSupport::Grants, Some(state)) if !therapy_lets(kind, state) => Some(Wait::TherapyRunning),
            (HoldSupport::Grants, Some(_)) if self.has_no_room(kind) => self.hold_after.map(|_| Wait::StorageFull),
            (HoldSupport::Grants, Some(_)) => self.hold_after.map(|_| Wait::HoldDenied),
        }
    }

    /// Says that the report changed, when it did.
    pub(super) fn tell(&mut self, now: Time, fx: &mut Effects) {
        let report = Report { at: Time::default(), ..self.report(now) };
        if self.told.as_deref() != Some(&report) {
            self.told = Some(Box::new(report));
            fx.push(Effect::Report);
        }
    }
}
