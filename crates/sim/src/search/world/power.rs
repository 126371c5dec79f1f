//! Losing power, and starting again: what was in memory and on the way is gone, what the storage holds is there.

use wardline_pump::{Boot, Effect, Journal, Machine, Supports};

use super::{Fixed, Link, NOW, World};
use crate::controller::{self, Ask, Controller, Pointer, Shelf};
use crate::search::Never;
use crate::search::scene::PUMP;

impl World {
    pub(super) fn power_goes(&mut self) {
        self.now.powers -= 1;
        if self.is_between() {
            self.tests(Never::N6);
        }
        self.start_again();
    }

    pub(super) fn agent_is_killed(&mut self) {
        self.now.powers -= 1;
        if self.is_between() {
            self.tests(Never::N6);
        }
        self.now.to_controller.push_back(Ask::Gone);
        self.restart_agent();
    }

    /// Whether a switch is somewhere between its intent and its end.
    fn is_between(&self) -> bool {
        self.now.writing.is_some() || self.now.disk.as_ref().is_some_and(|journal| journal.attempt.is_some())
    }

    /// Both sides start from what is stored.
    pub(super) fn start_again(&mut self) {
        self.start_bank();
        let mut fx = vec![];
        self.now.controller = boot_controller(&self.fixed, self.now.shelf, self.now.stored.drug_library, &mut fx);
        self.now.controller.retime(NOW);
        self.now.controller_does = fx.into();
        self.now.writing = None;
        self.now.to_controller.clear();
        self.restart_agent();
    }

    fn restart_agent(&mut self) {
        let mut fx = vec![];
        self.now.machine = boot_agent(&self.fixed, self.now.disk.as_deref().cloned(), &mut fx);
        self.now.machine.retime(NOW);
        self.now.agent_does = fx.into();
        self.now.to_agent.clear();
        self.now.to_controller.push_back(Ask::Hello);
        self.now.hub = Link::Down;
        self.now.ready = false;
        if self.is_stolen() {
            self.now.agent_does.clear();
            self.now.to_controller.clear();
        }
    }
}

pub(super) fn boot_agent(fixed: &Fixed, journal: Option<Journal>, fx: &mut Vec<Effect>) -> Machine {
    let supports = Supports::only(fixed.scene.kinds);
    Machine::recover(Boot { pump: PUMP, journal, supports, rules: fixed.keeps.pump }, NOW, fx)
}

pub(super) fn boot_controller(
    fixed: &Fixed,
    shelf: Shelf,
    stored: Pointer,
    fx: &mut Vec<controller::Effect>,
) -> Controller {
    Controller::power_up(fixed.keeps.controller, fixed.scene.support, 1, shelf, stored, NOW, fx)
}
