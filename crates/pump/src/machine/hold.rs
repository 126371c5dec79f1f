//! The hold: the controller's promise to keep therapy from starting for a moment.
//!
//! Asking is cheap and being told no is normal. A hold that is not needed is given back at once; one that is broken in
//! favour of a nurse is gone, and nothing is done under it any more.

use wardline_model::{HoldSupport, Kind, Time, covers};

use super::{HOLD_ANSWER, HOLD_RETRY, Hold, Machine, needs_hold, therapy_lets};
use crate::effect::{Effect, Effects};
use crate::input::HoldId;
use crate::journal::{Attempt, Phase};
use crate::rules::Rule;

/// What this machine would do next if it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing is ready.
    Nothing,
    /// Switch this slot to what is staged.
    Forward(Kind),
    /// Take this slot's attempt back.
    Back(Kind),
}

/// Whether a slot may go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Now, under this hold or without one.
    Now(Option<HoldId>),
    /// When a hold is granted: it may be asked for.
    WithHold,
    /// Not yet.
    No,
}

impl Machine {
    /// The next switch, forward or back: an attempt that must go back comes first.
    pub(super) fn next(&self) -> Next {
        if let Some(attempt) = self.attempt() {
            if let Phase::Back { .. } = attempt.phase {
                return Next::Back(attempt.kind());
            }
            if self.keeps(Rule::OneTrial) {
                return Next::Nothing;
            }
        }
        Kind::ALL.into_iter().find(|kind| self.is_due(*kind)).map_or(Next::Nothing, Next::Forward)
    }

    /// Whether what is staged in this slot is still what the goal wants.
    fn is_due(&self, kind: Kind) -> bool {
        let Some((want, _)) = self.open_want(kind) else { return false };
        self.attempt().is_none_or(|attempt| attempt.kind() != kind)
            && *self.truth.get(kind) == super::Truth::Known
            && self.journal.slots.get(kind).staged.as_ref().is_some_and(|staged| staged.release == want)
    }

    /// Whether this kind may leave what is active now.
    pub(super) fn leave(&self, kind: Kind, rule: Rule) -> Leave {
        covers!("N2", "N3");
        if !needs_hold(kind) {
            return Leave::Now(None);
        }
        let busy = self.therapy.state().is_some_and(|state| !therapy_lets(kind, state));
        if !self.keeps(rule) {
            return if busy { Leave::No } else { Leave::Now(None) };
        }
        if !self.keeps(Rule::UnknownMeansNo) && self.hold_support != HoldSupport::Grants {
            return if busy { Leave::No } else { Leave::Now(None) };
        }
        if self.hold_support != HoldSupport::Grants {
            return Leave::No;
        }
        if let Hold::Granted { id } = self.hold {
            return Leave::Now(Some(id));
        }
        match self.therapy.state() {
            Some(state) if therapy_lets(kind, state) => Leave::WithHold,
            Some(_) | None => Leave::No,
        }
    }

    pub(super) fn seek_switch(&mut self, now: Time, fx: &mut Effects) {
        let (kind, leave) = match self.next() {
            Next::Nothing => return,
            Next::Forward(kind) => (kind, self.leave(kind, Rule::SwitchUnderHold)),
            Next::Back(kind) => (kind, self.leave(kind, Rule::BackUnderHold)),
        };
        match leave {
            Leave::No => {}
            Leave::WithHold => self.ask_hold(kind, now, fx),
            Leave::Now(hold) => match self.next() {
                Next::Forward(kind) => self.switch(kind, hold, fx),
                Next::Back(_) | Next::Nothing => self.go_back(hold, fx),
            },
        }
    }

    fn ask_hold(&mut self, kind: Kind, now: Time, fx: &mut Effects) {
        if self.hold != Hold::None || self.hold_after.is_some() {
            return;
        }
        let staged = self.journal.slots.get(kind).staged.as_ref().map(|staged| staged.release);
        // Going back asks for what is to be active again.
        let back = self.attempt().filter(|attempt| attempt.kind() == kind);
        let back = back.map(|attempt| attempt.from.unwrap_or(attempt.to));
        let Some(release) = back.or(staged) else { return };
        self.hold = Hold::Asked { kind, until: now + HOLD_ANSWER };
        fx.push(Effect::AskHold(release));
    }

    pub(super) fn granted(&mut self, id: HoldId, now: Time, fx: &mut Effects) {
        if let Hold::Asked { kind, .. } = self.hold {
            let still = match self.next() {
                Next::Forward(next) | Next::Back(next) => next == kind,
                Next::Nothing => false,
            };
            if still {
                self.hold = Hold::Granted { id };
                return;
            }
            self.hold = Hold::None;
            self.hold_after = Some(now);
        }
        fx.push(Effect::ReleaseHold(id));
    }

    pub(super) fn denied(&mut self, now: Time) {
        if let Hold::Asked { .. } = self.hold {
            self.hold = Hold::None;
            self.hold_after = Some(now + HOLD_RETRY);
        }
    }

    pub(super) fn broken(&mut self, id: HoldId, now: Time) {
        if self.hold == (Hold::Granted { id }) {
            self.hold = Hold::None;
            self.hold_after = Some(now + HOLD_RETRY);
        }
    }

    pub(super) fn lose_hold(&mut self) {
        self.hold = Hold::None;
        self.hold_after = None;
    }

    /// A hold keeps a nurse waiting: it is given back as soon as no attempt needs it.
    pub(super) fn drop_unused_hold(&mut self, fx: &mut Effects) {
        covers!("N1", "N12");
        if let Hold::Granted { id } = self.hold
            && !self.attempt().is_some_and(Attempt::uses_hold)
        {
            self.hold = Hold::None;
            fx.push(Effect::ReleaseHold(id));
        }
    }
}
