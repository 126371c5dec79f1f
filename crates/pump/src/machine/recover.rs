//! Boot: finding out what is really active, and making it whole, before anything else.
//!
//! The journal says what was intended; the slot says what happened. A slot is inspected after every boot (and a slot of
//! the controller's after every greeting of it), and nothing is switched in a slot that has not been inspected. A slot
//! that is not whole is taken back to what was active before, at boot without a hold: therapy has not started yet. What
//! the controller switches it makes whole itself at its own boot, so the pump never finds one of those torn.

use wardline_model::{HoldSupport, Kind, Outcome, PerKind, Refusal, Therapy, Time, covers};

use super::attempt::{Going, newer};
use super::{Boot, Getting, Hold, Link, Machine, Ready, Storage, Truth, by_controller, whole};
use crate::effect::{Effect, Effects, LinkEpoch};
use crate::input::Found;
use crate::journal::{Attempt, Broken, Journal, Phase};
use crate::rules::Rule;

impl Machine {
    /// Starts the machine of a pump that just got its power (or whose agent was started again).
    #[must_use]
    pub fn recover(boot: Boot, now: Time, fx: &mut Effects) -> Self {
        covers!("N6", "N7");
        let Boot { pump, journal, supports, rules } = boot;
        let mut machine = Self {
            rules,
            supports,
            journal: journal.filter(|journal| journal.pump == pump).unwrap_or_else(|| Journal::empty(pump)),
            therapy: Therapy::Unknown,
            hold_support: HoldSupport::Unknown,
            hold: Hold::None,
            going: Going::Still,
            hold_after: None,
            link: Link::Lost,
            epoch: LinkEpoch::default(),
            truth: PerKind::default(),
            getting: PerKind::from_fn(|_| Getting::Idle),
            failures: PerKind::default(),
            ready: Ready::No,
            storage: Storage::Works,
            told: None,
        };
        machine.shorten_trial(now);
        if machine.keeps(Rule::RecoverAtBoot) {
            for kind in Kind::ALL.into_iter().filter(|kind| !by_controller(*kind)) {
                machine.ask_truth(kind, fx);
            }
        } else {
            machine.journal.attempt = None;
            machine.truth = PerKind::from_fn(|_| Truth::Known);
        }
        machine.advance(now, fx);
        machine.tell(now, fx);
        machine
    }

    /// A clock that was wrong before the power went must not make a trial longer than its deadline.
    fn shorten_trial(&mut self, now: Time) {
        if let Some(attempt) = self.journal.attempt.as_mut()
            && let Phase::Trial { until } = attempt.phase
        {
            attempt.phase = Phase::Trial { until: until.min(now + attempt.kind().row().deadline) };
        }
    }

    pub(super) fn ask_truth(&mut self, kind: Kind, fx: &mut Effects) {
        if self.supports.has(kind) {
            *self.truth.get_mut(kind) = Truth::Unknown;
            fx.push(Effect::Inspect(kind));
        }
    }

    pub(super) fn found(&mut self, kind: Kind, found: Found, now: Time, fx: &mut Effects) {
        let first = *self.truth.get(kind) == Truth::Unknown;
        *self.truth.get_mut(kind) = Truth::Known;
        match self.attempt().filter(|attempt| attempt.kind() == kind).cloned() {
            None => self.found_at_rest(kind, &found, fx),
            Some(attempt) => match attempt.phase {
                // Only an inspection that was asked for after a boot or a failure speaks of an intent.
                Phase::Intent if first => self.found_after_intent(&attempt, &found, now, fx),
                Phase::Intent => {}
                Phase::Trial { .. } => self.read_back(&attempt, &found, fx),
                Phase::Back { outcome } => self.found_going_back(&attempt, outcome, &found, fx),
            },
        }
    }

    fn found_after_intent(&mut self, attempt: &Attempt, found: &Found, now: Time, fx: &mut Effects) {
        match found {
            Found::Torn => self.repair(attempt, Outcome::Interrupted, fx),
            Found::Whole(release, _) if *release == attempt.to => {
                self.begin_trial(attempt.to, now, fx);
            }
            Found::Whole(..) | Found::Nothing if whole(found) == attempt.from => {
                let outcome = match self.storage {
                    Storage::Works => Outcome::Interrupted,
                    Storage::Failed => Outcome::Refused(Refusal::StorageFull),
                };
                self.close(outcome, attempt.from, fx);
            }
            // Neither the old nor the new: somebody else's hand. What is there is what is active.
            Found::Whole(..) | Found::Nothing => self.close(Outcome::Unknown, whole(found), fx),
        }
    }

    fn found_going_back(&mut self, attempt: &Attempt, outcome: Outcome, found: &Found, fx: &mut Effects) {
        match found {
            Found::Torn => self.repair(attempt, outcome, fx),
            Found::Whole(release, _) if *release == attempt.to => {}
            Found::Whole(..) | Found::Nothing if whole(found) == attempt.from => self.close(outcome, attempt.from, fx),
            Found::Whole(..) | Found::Nothing => self.close(Outcome::Unknown, whole(found), fx),
        }
    }

    /// Nothing whole is active, so nothing can be running on it: the old is put back at once.
    pub(super) fn repair(&mut self, attempt: &Attempt, outcome: Outcome, fx: &mut Effects) {
        self.turn_back(outcome, fx);
        self.going = Going::Back;
        fx.push(Effect::GoBack { kind: attempt.kind(), to: attempt.from, hold: None });
    }

    /// No attempt is open: what is found is what is active, whatever the journal said.
    fn found_at_rest(&mut self, kind: Kind, found: &Found, fx: &mut Effects) {
        let record = self.journal.slots.get_mut(kind);
        let before = (record.active, record.floor, record.torn);
        record.active = whole(found);
        record.torn = match found {
            Found::Torn => Broken::Torn,
            Found::Whole(..) | Found::Nothing => Broken::Whole,
        };
        record.floor = newer(record.floor, record.active);
        if before != (record.active, record.floor, record.torn) {
            self.persist(fx);
        }
    }

    /// Says once that every slot which the communication side switches is whole.
    pub(super) fn say_ready(&mut self, fx: &mut Effects) {
        let known =
            |kind: &Kind| by_controller(*kind) || !self.supports.has(*kind) || *self.truth.get(*kind) == Truth::Known;
        let repairing =
            self.attempt().is_some_and(|attempt| !by_controller(attempt.kind())) && self.going == Going::Back;
        if self.ready == Ready::No && !repairing && Kind::ALL.iter().all(known) {
            self.ready = Ready::Said;
            fx.push(Effect::Ready);
            fx.push(Effect::Relink(self.epoch));
        }
    }
}
