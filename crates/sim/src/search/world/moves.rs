//! What can happen next, and the world after it.

use std::fmt;

use wardline_model::Kind;
use wardline_pump::{Hub, Input};

use super::bedside::Act;
use super::identity::Trouble;
use super::{Link, NOW, Network, World};
use crate::controller::{self, Ask, Pointer};

/// How many words may be on their way when a timer rings. Without a bound a deaf agent asks for ever.
const BACKLOG_MOST: usize = 1;

/// One line of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    AgentDoes,
    ControllerDoes,
    Written,
    AgentHears,
    ControllerHears,
    AgentWakes,
    ControllerWakes,
    HubGreets,
    LinkDies,
    HubAsks,
    NetworkGoes,
    NetworkComes,
    PowerGoes,
    AgentIsKilled,
    Bedside(Act),
    IdentityActs,
    Trouble(Trouble),
    ClockIsSet,
    AuthorityComes,
    ThiefAsks(Ask),
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AgentDoes => f.write_str("the agent carries out its next effect"),
            Self::ControllerDoes => f.write_str("the controller carries out its next effect"),
            Self::Written => f.write_str("the controller's pointer is written"),
            Self::AgentHears => f.write_str("the agent hears the next word"),
            Self::ControllerHears => f.write_str("the controller hears the next request"),
            Self::AgentWakes => f.write_str("the agent's timer rings"),
            Self::ControllerWakes => f.write_str("the controller's timer rings"),
            Self::HubGreets => f.write_str("the hub greets over the newest link"),
            Self::LinkDies => f.write_str("the link dies"),
            Self::HubAsks => f.write_str("the hub sends its next goal"),
            Self::NetworkGoes => f.write_str("the network goes"),
            Self::NetworkComes => f.write_str("the network comes"),
            Self::PowerGoes => f.write_str("the power goes and comes"),
            Self::AgentIsKilled => f.write_str("the agent is killed and starts again"),
            Self::ThiefAsks(ask) => write!(f, "the stolen agent asks {ask:?}"),
            Self::IdentityActs => f.write_str("the pump takes the next step about its certificate"),
            Self::Trouble(trouble) => write!(f, "trouble: {trouble:?}"),
            Self::ClockIsSet => f.write_str("the clock is set right"),
            Self::AuthorityComes => f.write_str("the authority can issue again"),
            Self::Bedside(act) => write!(f, "at the bedside: {act:?}"),
        }
    }
}

impl Move {
    /// Whether it needs no bad luck and no favour.
    pub(super) const fn is_fair(self) -> bool {
        match self {
            Self::NetworkGoes | Self::PowerGoes | Self::AgentIsKilled | Self::ThiefAsks(_) | Self::Trouble(_) => false,
            // A nurse ends an infusion and deals with an alarm for the patient's sake, and does nothing for the update's.
            Self::Bedside(act) => matches!(act, Act::Stop | Act::Silence),
            Self::AgentDoes
            | Self::ControllerDoes
            | Self::Written
            | Self::AgentHears
            | Self::ControllerHears
            | Self::AgentWakes
            | Self::ControllerWakes
            | Self::HubGreets
            | Self::LinkDies
            | Self::HubAsks
            | Self::IdentityActs
            | Self::ClockIsSet
            | Self::AuthorityComes
            | Self::NetworkComes => true,
        }
    }
}

impl World {
    pub(super) fn moves_of_ours(&self) -> Vec<Move> {
        let now = &self.now;
        let (agent_free, controller_free) = (now.agent_does.is_empty(), now.controller_does.is_empty());
        let mut moves = vec![];
        let mut may = |can: bool, mv: Move| moves.extend(can.then_some(mv));
        may(!agent_free, Move::AgentDoes);
        may(!controller_free, Move::ControllerDoes);
        may(now.writing.is_some() && controller_free, Move::Written);
        may(agent_free && !now.to_agent.is_empty(), Move::AgentHears);
        may(controller_free && !now.to_controller.is_empty(), Move::ControllerHears);
        // A timer of seconds rings while at most this many words are still on a local socket.
        let calm = now.to_agent.len() <= BACKLOG_MOST && now.to_controller.len() <= BACKLOG_MOST;
        may(calm && agent_free && now.machine.wake().is_some(), Move::AgentWakes);
        may(calm && controller_free && now.controller.wake().is_some(), Move::ControllerWakes);
        may(agent_free && matches!(now.hub, Link::Wanted(_)) && self.reaches(), Move::HubGreets);
        may(agent_free && now.hub == Link::Up && !self.reaches(), Move::LinkDies);
        may(agent_free && now.hub == Link::Up && now.goals < self.scene().goals.len(), Move::HubAsks);
        may(now.cuts > 0 && now.network == Network::Up, Move::NetworkGoes);
        may(now.network == Network::Down, Move::NetworkComes);
        may(agent_free && self.identity_may_act(), Move::IdentityActs);
        may(self.clock_is_wrong(), Move::ClockIsSet);
        may(self.authority_is_gone(), Move::AuthorityComes);
        may(now.powers > 0, Move::PowerGoes);
        may(now.powers > 0, Move::AgentIsKilled);
        moves.extend(self.troubles().into_iter().map(Move::Trouble));
        if controller_free {
            moves.extend(self.acts().into_iter().map(Move::Bedside));
        }
        moves
    }

    /// The controller alone against a thief who holds the agent.
    pub(super) fn moves_of_thief(&self) -> Vec<Move> {
        let now = &self.now;
        let free = now.controller_does.is_empty();
        let mut moves = vec![];
        moves.extend((!free).then_some(Move::ControllerDoes));
        moves.extend((now.powers > 0).then_some(Move::PowerGoes));
        if free {
            moves.extend(now.writing.map(|_| Move::Written));
            moves.extend(now.controller.wake().map(|_| Move::ControllerWakes));
            moves.extend(self.acts().into_iter().map(Move::Bedside));
            moves.extend(crate::search::hostile::asks().into_iter().map(Move::ThiefAsks));
        }
        moves
    }

    pub(super) fn make(&mut self, mv: Move) {
        match mv {
            Move::AgentDoes => self.agent_does(),
            Move::ControllerDoes => self.controller_does(),
            Move::Written => self.written(),
            Move::AgentHears => self.agent_hears(),
            Move::ControllerHears => self.controller_hears(),
            Move::AgentWakes => {
                if let Some((at, _)) = self.now.machine.wake() {
                    self.tell_agent(Input::Timer, at);
                }
            }
            Move::ControllerWakes => {
                if let Some(at) = self.now.controller.wake() {
                    self.tell_controller(controller::Input::Timer, at);
                }
            }
            Move::HubGreets => self.hub_greets(),
            Move::LinkDies => {
                self.now.hub = Link::Wanted(self.now.machine.epoch());
                self.tell_agent(Input::Hub(Hub::Lost), NOW);
            }
            Move::HubAsks => self.hub_asks(),
            Move::NetworkGoes => {
                self.now.cuts -= 1;
                self.now.network = Network::Down;
            }
            Move::NetworkComes => self.now.network = Network::Up,
            Move::PowerGoes => self.power_goes(),
            Move::AgentIsKilled => self.agent_is_killed(),
            Move::Bedside(act) => self.bedside(act),
            Move::IdentityActs => self.identity_acts(),
            Move::Trouble(trouble) => self.trouble(trouble),
            Move::ClockIsSet => self.clock_is_set(),
            Move::AuthorityComes => self.authority_comes(),
            Move::ThiefAsks(ask) => self.tell_controller(controller::Input::Port(ask), NOW),
        }
        self.settle();
        if self.is_stolen() {
            self.now.to_agent.clear();
        }
    }

    fn written(&mut self) {
        if let Some(to) = self.now.writing.take() {
            self.watch_switch(to);
            self.now.stored.drug_library = Pointer::Whole(to);
            self.tell_controller(controller::Input::Moved(Ok(())), NOW);
        }
    }

    fn agent_hears(&mut self) {
        if let Some(input) = self.now.to_agent.pop_front() {
            self.tell_agent(input, NOW);
        }
    }

    fn controller_hears(&mut self) {
        match self.now.to_controller.pop_front() {
            Some(Ask::MakeCurrent { hold, release }) if super::bank::is_bank(release.kind) => {
                self.restart_into(hold, release);
            }
            Some(ask) => self.tell_controller(controller::Input::Port(ask), NOW),
            None => {}
        }
    }

    fn hub_greets(&mut self) {
        if let Link::Wanted(epoch) = self.now.hub {
            self.now.hub = Link::Up;
            if let Some(own) = self.now.own.as_mut() {
                own.linked();
            }
            self.tell_agent(Input::Hub(Hub::Reached(epoch)), NOW);
        }
    }

    fn hub_asks(&mut self) {
        let report = self.now.machine.report(NOW);
        let active = |kind: Kind| report.slots.get(kind).active.map(|active| active.digest);
        let goal = self.fixed.goals.signed(&self.fixed.scene, self.now.goals, active);
        self.now.goals += 1;
        if let Some(goal) = goal {
            self.tell_agent(Input::Goal(Box::new(goal)), NOW);
        }
    }
}
