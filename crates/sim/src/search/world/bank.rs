//! A modelled switch for firmware, to show that adding the real one touches no machine.
//!
//! Two banks and a boot loader. The pump's therapy side restarts it into the other bank, under its own hold: the agent
//! only asks, because a hold that the agent believes in may have been broken a moment ago. The boot loader starts a new
//! bank once. When it does not start, or when the pump starts again before `Effect::Keep` was carried out, the boot
//! loader goes back by itself; after `Effect::Keep` it never does.

use wardline_model::{Kind, ReleaseRef, Switch, Version};
use wardline_pump::{HoldId, Input, SwitchProblem};

use super::World;
use crate::controller::Pointer;
use crate::search::scene::Flaw;

/// What the boot loader does at the next start. It survives the loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BootLoader {
    /// Starts the bank that runs now.
    Kept,
    /// Starts the new bank for the first time; goes back to this one when it does not start.
    Fresh(Pointer),
    /// Goes back to this one.
    Tried(Pointer),
}

/// Whether this kind is switched by starting another bank.
pub fn is_bank(kind: Kind) -> bool {
    kind.row().switch == Switch::Bank
}

impl World {
    /// The therapy side was asked to restart into this bank. Its own hold decides.
    pub(super) fn restart_into(&mut self, hold: Option<HoldId>, to: ReleaseRef) {
        if !self.now.controller.may_stop_for(hold) {
            let result = Err(SwitchProblem::NoHold);
            return self.now.to_agent.push_back(Input::Switched { kind: to.kind, to: Some(to), result });
        }
        self.watch_switch(to);
        let from = *self.now.stored.get(to.kind);
        let back = matches!(self.now.loader, BootLoader::Tried(old) if old == Pointer::Whole(to));
        self.now.loader = if back { BootLoader::Kept } else { BootLoader::Fresh(from) };
        *self.now.stored.get_mut(to.kind) = Pointer::Whole(to);
        self.start_again();
    }

    /// The boot loader's part of every start.
    pub(super) fn start_bank(&mut self) {
        let runs = |of: Pointer| match of {
            Pointer::Whole(of) => self.scene().flaw(of) != Flaw::DoesNotStart,
            Pointer::Torn | Pointer::Empty => false,
        };
        self.now.loader = match self.now.loader {
            BootLoader::Kept => BootLoader::Kept,
            BootLoader::Fresh(old) if runs(self.now.stored.firmware) => BootLoader::Tried(old),
            BootLoader::Fresh(old) | BootLoader::Tried(old) => {
                self.now.stored.firmware = old;
                BootLoader::Kept
            }
        };
        let runs: Version = match self.now.stored.firmware {
            Pointer::Whole(of) => of.version,
            Pointer::Torn | Pointer::Empty => Version(0),
        };
        if runs < self.now.relied.firmware {
            self.break_it("N13: the boot loader went back below firmware that was confirmed");
        }
    }

    /// What runs was proven: the boot loader stays with it.
    pub(super) fn keep(&mut self, what: ReleaseRef) {
        if is_bank(what.kind) {
            self.now.loader = BootLoader::Kept;
        }
    }
}
