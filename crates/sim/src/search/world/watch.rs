//! The never events, judged by what happens to storage and therapy and not by what the machines say of themselves.

use wardline_model::{Disproof, EventBody, HoldSupport, Kind, Outcome, ReleaseRef, SlotState, TouchesTherapy};

use super::{Link, NOW, World};
use crate::bedside::{Cause, by_controller, judge};
use crate::controller::{Controller, Pointer};
use crate::search::Never;
use crate::search::scene::Flaw;

impl World {
    pub(super) fn break_it(&mut self, what: &str) {
        self.now.broken.get_or_insert_with(|| what.to_owned());
    }

    pub(super) fn tests(&mut self, never: Never) {
        self.tested.push(never);
    }

    /// N1, N3, N6, N13: what a step of the controller did to its channels.
    pub(super) fn watch_therapy(&mut self, before: &Controller, cause: Cause) {
        for (old, new) in before.channels().iter().zip(self.now.controller.channels().to_vec()) {
            if old.state.is_busy() && cause == Cause::Other {
                self.tests(Never::N1);
            }
            match (&old.program, &new.program) {
                (Some(_), Some(_)) => self.tests(Never::N3),
                (None, Some(_)) => self.tests(Never::N6),
                (Some(_) | None, None) => {}
            }
            match judge(old, &new, cause, self.now.stored.drug_library) {
                Ok(None) => {}
                Ok(Some(library)) => self.rely(library),
                Err((id, what)) => self.break_it(&format!("{id}: {what}")),
            }
        }
    }

    /// N2 and N13, judged at the moment when what therapy uses is touched. An alarm on an idle channel may begin in the
    /// middle: it is never delayed.
    pub(super) fn watch_switch(&mut self, to: ReleaseRef) {
        if to.kind.row().touches_therapy == TouchesTherapy::Yes {
            self.tests(Never::N2);
            if self.now.controller.channels().iter().any(|channel| channel.program.is_some()) {
                self.break_it(&format!("N2: {} moved while a program was loaded", to.kind));
            }
        }
        self.tests(Never::N13);
        if to.version < *self.now.relied.get(to.kind) {
            self.break_it(&format!("N13: {} moved below what was relied on", to.kind));
        }
    }

    pub(super) fn rely(&mut self, on: ReleaseRef) {
        self.tests(Never::N13);
        let relied = self.now.relied.get_mut(on.kind);
        if on.version < *relied {
            let what = format!("N13: {} {} is relied on after {}", on.kind, on.version, *relied);
            self.break_it(&what);
        } else {
            *relied = on.version;
        }
    }

    /// N4, N7 and blame, judged by what the pump reports that it did.
    pub(super) fn judge(&mut self, event: &EventBody) {
        let EventBody::Attempt { kind, release: of, outcome } = event else { return };
        let sound = self.scene().flaw(*of) == Flaw::Sound;
        self.tests(if *outcome == Outcome::Confirmed { Never::N4 } else { Never::N7 });
        match outcome {
            Outcome::Confirmed if !sound => self.break_it("N4: a flawed release was confirmed"),
            Outcome::Confirmed => self.rely(*of),
            Outcome::Disproved(Disproof::SelfTest) if sound && !by_controller(*kind) => {
                self.break_it("blame: a sound release was disproved because the hub was out of reach");
            }
            Outcome::OutOfService => self.break_it("N7: a slot went out of service"),
            Outcome::Disproved(_)
            | Outcome::Unproven
            | Outcome::Interrupted
            | Outcome::Refused(_)
            | Outcome::Unknown => {}
        }
    }

    /// What is wrong in this world, whatever led to it.
    pub(super) fn what_is_broken(&self) -> Option<String> {
        if let Some(what) = &self.now.broken {
            return Some(what.clone());
        }
        let report = self.now.machine.report(NOW);
        let slots = || report.slots.iter();
        if slots().any(|(_, slot)| slot.state == SlotState::OutOfService) {
            return Some("N7: a slot is out of service although a whole release was there".into());
        }
        if slots().filter(|(_, slot)| slot.state == SlotState::Trial).count() > 1 {
            return Some("two slots on trial: a proof would speak of both".into());
        }
        let quiet = self.now.agent_does.is_empty() && self.now.to_agent.is_empty() && self.now.ready;
        let torn = |kind: &Kind| !by_controller(*kind) && *self.now.stored.get(*kind) == Pointer::Torn;
        if quiet && self.now.machine.journal().attempt.is_none() && Kind::ALL.iter().any(torn) {
            return Some("N6: a slot is half written, and nobody is about to make it whole".into());
        }
        let waits_forever = self.now.controller.is_kept_waiting() && self.now.controller.wake().is_none();
        (waits_forever && self.now.writing.is_none() && self.now.controller_does.is_empty())
            .then(|| "N12: a nurse waits for something that has no end".into())
    }

    /// Whether everything has come to an end and the hub knows it.
    pub(super) fn rests(&self) -> bool {
        let now = &self.now;
        if self.is_stolen() {
            return now.writing.is_none() && now.controller_does.is_empty() && !now.controller.is_kept_waiting();
        }
        let quiet = now.agent_does.is_empty()
            && now.controller_does.is_empty()
            && now.to_agent.is_empty()
            && now.to_controller.is_empty()
            && now.writing.is_none()
            && now.machine.journal().attempt.is_none();
        let report = now.machine.report(NOW);
        let done = |state: SlotState| match state {
            SlotState::Settled | SlotState::WentBack => true,
            SlotState::Staged | SlotState::Cleared => self.scene().support == HoldSupport::Cannot,
            SlotState::Fetching | SlotState::Switching | SlotState::Trial | SlotState::OutOfService => false,
        };
        let truthful = |kind: &Kind| match now.stored.get(*kind) {
            Pointer::Whole(of) => report.slots.get(*kind).active == Some(*of),
            Pointer::Torn | Pointer::Empty => false,
        };
        quiet
            && now.hub == Link::Up
            && now.own.as_ref().is_none_or(super::identity::Own::is_settled)
            && report.slots.iter().all(|(_, slot)| done(slot.state))
            && self.scene().kinds.iter().all(truthful)
    }
}
