//! The effects of the two machines, carried out.

use wardline_model::{Kind, Proof, Refusal, ReleaseRef};
use wardline_pump::{Contents, Effect, Expected, FetchProblem, Found, Input};

use super::bank::is_bank;
use super::{Link, NOW, Network, World};
use crate::bedside::{asked, heard, is_beside};
use crate::controller::{self, Pointer};
use crate::search::Never;
use crate::search::scene::Flaw;

impl World {
    /// Effects that touch neither storage nor therapy are carried out at once: nothing could come between that matters.
    pub(super) fn settle(&mut self) {
        loop {
            if self.now.agent_does.front().is_some_and(|effect| !is_agent_write(effect)) {
                self.agent_does();
            } else if self.now.controller_does.front().is_some_and(|effect| !is_controller_write(effect)) {
                self.controller_does();
            } else {
                return;
            }
        }
    }

    pub(super) fn agent_does(&mut self) {
        let Some(effect) = self.now.agent_does.pop_front() else { return };
        if let Some(ask) = asked(&effect) {
            return self.now.to_controller.push_back(ask);
        }
        match effect {
            Effect::Persist(mut journal) => {
                journal.retime(NOW);
                self.now.disk = Some(journal);
            }
            Effect::Fetch(of) => self.fetch(of),
            Effect::Stage(of) => self.now.to_agent.push_back(Input::Staged { release: of, result: Ok(()) }),
            Effect::Switch { to, .. } => self.write(to.kind, Some(to)),
            Effect::GoBack { kind, to, .. } => self.write(kind, to),
            Effect::Inspect(kind) => self.find(kind),
            Effect::Relink(epoch) => self.now.hub = Link::Wanted(epoch),
            Effect::Ready => self.now.ready = true,
            Effect::Record(event) => self.judge(&event),
            Effect::Keep(what) => self.keep(what),
            Effect::AskHold(_) | Effect::ReleaseHold(_) | Effect::Report | Effect::Forget(_) => {}
        }
    }

    fn fetch(&mut self, of: ReleaseRef) {
        let result = match (self.now.network, self.scene().flaw(of)) {
            (Network::Down, _) => Err(FetchProblem::Unreachable),
            (Network::Up, Flaw::Unsigned) => Err(FetchProblem::Refused(Refusal::Signatures)),
            (Network::Up, _) => Ok(Expected { entries: Some(of.version.0), sample: None }),
        };
        self.now.to_agent.push_back(Input::Fetched { release: of, result });
    }

    /// Writes a slot of the communication side: first torn, then whole.
    fn write(&mut self, kind: Kind, to: Option<ReleaseRef>) {
        match to {
            Some(to) => self.watch_switch(to),
            None => self.tests(Never::N13),
        }
        let whole = to.map_or(Pointer::Empty, Pointer::Whole);
        let stored = self.now.stored.get_mut(kind);
        if *stored == whole || *stored == Pointer::Torn {
            *stored = whole;
            self.now.to_agent.push_back(Input::Switched { kind, to, result: Ok(()) });
        } else {
            *stored = Pointer::Torn;
            let again = match to {
                Some(to) => Effect::Switch { to, hold: None },
                None => Effect::GoBack { kind, to, hold: None },
            };
            self.now.agent_does.push_front(again);
        }
    }

    /// Looks what is really there.
    fn find(&mut self, kind: Kind) {
        let found = match *self.now.stored.get(kind) {
            Pointer::Empty => Found::Nothing,
            Pointer::Torn => Found::Torn,
            Pointer::Whole(of) => {
                let wrong = u64::from(self.scene().flaw(of) == Flaw::ReadsWrong);
                let entries = (kind.row().proof == Proof::ReadBack).then_some(of.version.0 + wrong);
                Found::Whole(of, Contents { digest: of.digest, entries, sample: None })
            }
        };
        self.now.to_agent.push_back(Input::Found { kind, found });
    }

    pub(super) fn controller_does(&mut self) {
        let Some(effect) = self.now.controller_does.pop_front() else { return };
        match effect {
            controller::Effect::Persist(shelf) => self.now.shelf = shelf,
            controller::Effect::MovePointer(Some(to)) => {
                self.watch_switch(to);
                self.now.stored.drug_library = Pointer::Torn;
                self.now.writing = Some(to);
            }
            controller::Effect::MovePointer(None) => {}
            controller::Effect::Verify(of) => {
                let signed = !matches!(self.scene().flaw(of), Flaw::Unsigned | Flaw::OnlyAgentFooled);
                let result = if signed { Ok(()) } else { Err(Refusal::Signatures) };
                self.tell_controller(controller::Input::Verified { release: of, result }, NOW);
            }
            controller::Effect::Say(word) => self.now.to_agent.push_back(heard(word)),
            controller::Effect::ReadBack { kind, .. } => self.find(kind),
            controller::Effect::Refuse { why: controller::Refused::NoLibrary, .. } => {
                self.break_it("N7: a nurse was told that there is no library");
            }
            controller::Effect::Refuse { .. } | controller::Effect::Show { .. } => {}
        }
    }
}

/// Whether power may go before this effect and after it, with different worlds.
fn is_agent_write(effect: &Effect) -> bool {
    match effect {
        Effect::Persist(_) => true,
        Effect::Switch { to: ReleaseRef { kind, .. }, .. } | Effect::GoBack { kind, .. } => is_beside(*kind),
        Effect::Keep(what) => is_bank(what.kind),
        Effect::Fetch(_)
        | Effect::Stage(_)
        | Effect::AskHold(_)
        | Effect::ReleaseHold(_)
        | Effect::Inspect(_)
        | Effect::Relink(_)
        | Effect::Record(_)
        | Effect::Report
        | Effect::Ready
        | Effect::Forget(_) => false,
    }
}

fn is_controller_write(effect: &controller::Effect) -> bool {
    matches!(effect, controller::Effect::Persist(_) | controller::Effect::MovePointer(_))
}
