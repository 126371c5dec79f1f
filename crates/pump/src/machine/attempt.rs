//! An attempt: intent, switch, trial, and its end, forward or back.

use wardline_model::{Disproof, EventBody, Kind, Outcome, Proof, Refusal, ReleaseRef, Time, covers};

use super::{HOLD_RETRY, Hold, Link, Machine, Storage, needs_hold, whole};
use crate::effect::{Effect, Effects, LinkEpoch};
use crate::input::{Found, HoldId, SwitchProblem};
use crate::journal::{Attempt, Broken, Closed, Phase};
use crate::rules::Rule;

impl Attempt {
    /// When its trial ends.
    pub(super) const fn until(&self) -> Option<Time> {
        match self.phase {
            Phase::Trial { until } => Some(until),
            Phase::Intent | Phase::Back { .. } => None,
        }
    }

    /// Whether it needs its hold to the end: a proof that the controller gives within the hold, and every switch on its
    /// way. A trial that waits for the hub may take minutes and holds nothing.
    pub(super) fn uses_hold(&self) -> bool {
        let kind = self.kind();
        let short = match kind.row().proof {
            Proof::ReadBack => true,
            Proof::HubReached => false,
        };
        let moving = match self.phase {
            Phase::Intent | Phase::Back { .. } => true,
            Phase::Trial { .. } => short,
        };
        needs_hold(kind) && moving
    }

    /// Whether a read-back shows what was approved: digest, entry count and rendered sample (N4).
    fn shows(&self, found: &Found) -> bool {
        covers!("N4");
        let Found::Whole(release, contents) = found else { return false };
        *release == self.to
            && contents.digest == self.to.digest
            && (self.expected.entries.is_none() || self.expected.entries == contents.entries)
            && (self.expected.sample.is_none() || self.expected.sample == contents.sample)
    }
}

impl Machine {
    /// Writes the intent, then switches.
    pub(super) fn switch(&mut self, kind: Kind, hold: Option<HoldId>, fx: &mut Effects) {
        covers!("N2", "N6");
        let record = self.journal.slots.get(kind);
        let Some(staged) = record.staged.clone() else { return };
        let from = if record.torn == Broken::Whole { record.active } else { None };
        let to = staged.release;
        self.journal.attempt = Some(Attempt { from, to, expected: staged.expected, phase: Phase::Intent });
        if self.keeps(Rule::IntentBefore) {
            self.persist(fx);
        }
        fx.push(Effect::Switch { to, hold });
    }

    /// Takes the attempt back, once: the intent was written when the attempt turned.
    pub(super) fn go_back(&mut self, hold: Option<HoldId>, fx: &mut Effects) {
        if self.going == Going::Back {
            return;
        }
        let Some(attempt) = self.attempt() else { return };
        let (kind, to) = (attempt.kind(), attempt.from);
        self.going = Going::Back;
        fx.push(Effect::GoBack { kind, to, hold });
    }

    pub(super) fn switched(
        &mut self,
        kind: Kind,
        to: Option<ReleaseRef>,
        result: Result<(), SwitchProblem>,
        now: Time,
        fx: &mut Effects,
    ) {
        let Some(attempt) = self.attempt().filter(|attempt| attempt.kind() == kind).cloned() else { return };
        match attempt.phase {
            Phase::Intent if to == Some(attempt.to) => self.switched_forward(&attempt, result, now, fx),
            Phase::Back { outcome } if to == attempt.from => {
                self.going = Going::Still;
                self.switched_back(&attempt, outcome, result, now, fx);
            }
            // The answer to something that is over.
            Phase::Intent | Phase::Back { .. } | Phase::Trial { .. } => {}
        }
    }

    fn switched_forward(&mut self, attempt: &Attempt, result: Result<(), SwitchProblem>, now: Time, fx: &mut Effects) {
        let kind = attempt.kind();
        match result {
            Ok(()) => self.begin_trial(attempt.to, now, fx),
            Err(SwitchProblem::NoHold) => {
                self.hold_after = Some(now + HOLD_RETRY);
                self.abandon(fx);
            }
            Err(SwitchProblem::NotStaged) => {
                self.journal.slots.get_mut(kind).staged = None;
                self.abandon(fx);
            }
            Err(SwitchProblem::Refused(refusal)) => {
                self.journal.slots.get_mut(kind).staged = None;
                self.close(Outcome::Refused(refusal), attempt.from, fx);
            }
            Err(SwitchProblem::Storage) => {
                // What is active must be found out first; then it is tried again, but not at once.
                self.storage = Storage::Failed;
                self.hold_after = Some(now + HOLD_RETRY);
                self.ask_truth(kind, fx);
            }
        }
    }

    fn switched_back(
        &mut self,
        attempt: &Attempt,
        outcome: Outcome,
        result: Result<(), SwitchProblem>,
        now: Time,
        fx: &mut Effects,
    ) {
        let kind = attempt.kind();
        match result {
            Ok(()) => {
                self.close(outcome, attempt.from, fx);
                self.relink_after(kind, fx);
            }
            Err(SwitchProblem::NoHold) => self.hold_after = Some(now + HOLD_RETRY),
            // What was tried has been used since: it stays, and only a new release takes it away.
            Err(SwitchProblem::Refused(_) | SwitchProblem::NotStaged) => self.close(outcome, Some(attempt.to), fx),
            Err(SwitchProblem::Storage) => self.ask_truth(kind, fx),
        }
    }

    /// Nothing was changed: the attempt never was, and will be made again.
    fn abandon(&mut self, fx: &mut Effects) {
        self.journal.attempt = None;
        self.persist(fx);
    }

    /// The switch was made: the result is written, and the proof is asked for.
    pub(super) fn begin_trial(&mut self, to: ReleaseRef, now: Time, fx: &mut Effects) {
        let kind = to.kind;
        let until = now + kind.row().deadline;
        let record = self.journal.slots.get_mut(kind);
        record.active = Some(to);
        record.torn = Broken::Whole;
        record.staged = None;
        if let Some(attempt) = self.journal.attempt.as_mut() {
            attempt.phase = Phase::Trial { until };
        }
        if self.keeps(Rule::ResultAfter) {
            self.persist(fx);
        }
        fx.push(Effect::Record(EventBody::Switched { release: to }));
        match kind.row().proof {
            Proof::ReadBack => fx.push(Effect::Inspect(kind)),
            Proof::HubReached => self.relink(fx),
        }
    }

    fn relink(&mut self, fx: &mut Effects) {
        self.epoch = LinkEpoch(self.epoch.0.wrapping_add(1));
        self.link = Link::Lost;
        fx.push(Effect::Relink(self.epoch));
    }

    fn relink_after(&mut self, kind: Kind, fx: &mut Effects) {
        match kind.row().proof {
            Proof::ReadBack => {}
            Proof::HubReached => self.relink(fx),
        }
    }

    /// The hub greeted over the newest link: proof for a trial that waits for just that.
    pub(super) fn proven_by_hub(&mut self, fx: &mut Effects) {
        let Some(attempt) = self.attempt().cloned() else { return };
        match (&attempt.phase, attempt.kind().row().proof) {
            (Phase::Trial { .. }, Proof::HubReached) => self.close(Outcome::Confirmed, Some(attempt.to), fx),
            (Phase::Trial { .. }, Proof::ReadBack) | (Phase::Intent | Phase::Back { .. }, _) => {}
        }
    }

    /// The read-back of a trial: proof or disproof.
    pub(super) fn read_back(&mut self, attempt: &Attempt, found: &Found, fx: &mut Effects) {
        match attempt.kind().row().proof {
            Proof::ReadBack if attempt.shows(found) => self.close(Outcome::Confirmed, Some(attempt.to), fx),
            Proof::ReadBack => self.turn_back(Outcome::Disproved(Disproof::ReadBack), fx),
            // Still what was switched to; the hub has yet to be reached over it.
            Proof::HubReached if whole(found) == Some(attempt.to) => {}
            // Went back by itself (a boot loader): that it could not be proven is all that is known.
            Proof::HubReached if whole(found) == attempt.from => self.close(Outcome::Unproven, attempt.from, fx),
            Proof::HubReached if *found == Found::Torn => self.repair(attempt, Outcome::Unproven, fx),
            Proof::HubReached => self.turn_back(Outcome::Unproven, fx),
        }
    }

    /// The deadline of the trial: what can go back goes back by this timer, and nobody is blamed.
    pub(super) fn trial_timer(&mut self, now: Time, fx: &mut Effects) {
        let Some(attempt) = self.attempt().filter(|attempt| attempt.until().is_some_and(|until| until <= now)).cloned()
        else {
            return;
        };
        let kind = attempt.kind();
        let blame =
            if self.keeps(Rule::UnprovenNotBlame) { Outcome::Unproven } else { Outcome::Disproved(Disproof::SelfTest) };
        match kind.row().proof {
            Proof::HubReached if self.keeps(Rule::OwnTimer) => self.turn_back(blame, fx),
            Proof::HubReached => self.extend_trial(now),
            Proof::ReadBack => {
                // Nothing is wrong but the silence of the controller: ask again.
                self.extend_trial(now);
                fx.push(Effect::Inspect(kind));
            }
        }
    }

    fn extend_trial(&mut self, now: Time) {
        if let Some(attempt) = self.journal.attempt.as_mut() {
            attempt.phase = Phase::Trial { until: now + attempt.kind().row().deadline };
        }
    }

    /// Writes that the attempt goes back; the going itself needs its hold.
    pub(super) fn turn_back(&mut self, outcome: Outcome, fx: &mut Effects) {
        if let Some(attempt) = self.journal.attempt.as_mut() {
            attempt.phase = Phase::Back { outcome };
        }
        if self.keeps(Rule::IntentBefore) {
            self.persist(fx);
        }
    }

    /// The end of the attempt: its result is written before anybody hears of it.
    pub(super) fn close(&mut self, outcome: Outcome, active: Option<ReleaseRef>, fx: &mut Effects) {
        covers!("N6", "N7", "N11", "N13");
        let Some(attempt) = self.journal.attempt.take() else { return };
        let kind = attempt.kind();
        let generation = self.journal.generation();
        let record = self.journal.slots.get_mut(kind);
        let before = record.last.filter(|last| last.release == attempt.to && last.generation == generation);
        let interrupted = match outcome {
            Outcome::Interrupted => before.map_or(1, |last| last.interrupted.saturating_add(1)),
            Outcome::Confirmed
            | Outcome::Disproved(_)
            | Outcome::Unproven
            | Outcome::Refused(_)
            | Outcome::Unknown
            | Outcome::OutOfService => 0,
        };
        record.active = active;
        record.torn = if outcome == Outcome::OutOfService { Broken::Torn } else { Broken::Whole };
        record.last = Some(Closed { release: attempt.to, generation, outcome, interrupted });
        // Whatever stays active after an attempt was proven, or was used: it is the floor from here on.
        record.floor = newer(record.floor, active);
        self.going = Going::Still;
        if outcome == Outcome::Confirmed {
            fx.push(Effect::Keep(attempt.to));
        }
        self.storage = Storage::Works;
        if self.keeps(Rule::ResultAfter) {
            self.persist(fx);
        }
        // A pump without room tries again every so often: it is told once.
        let told = outcome == Outcome::Refused(Refusal::StorageFull) && before.is_some_and(|it| it.outcome == outcome);
        if !told {
            fx.push(Effect::Record(EventBody::Attempt { kind, release: attempt.to, outcome }));
        }
        if outcome == Outcome::Confirmed
            && let Some(old) = attempt.from
        {
            fx.push(Effect::Forget(old));
        }
        if let Hold::Granted { id } = self.hold {
            self.hold = Hold::None;
            fx.push(Effect::ReleaseHold(id));
        }
    }
}

/// The newer of two releases of a slot.
pub(super) fn newer(a: Option<ReleaseRef>, b: Option<ReleaseRef>) -> Option<ReleaseRef> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.version > a.version { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// Whether a going back is on its way to whoever carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Going {
    Still,
    Back,
}
