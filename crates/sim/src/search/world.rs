//! The world around one pump: its storage, its two machines, the messages between them, the hub, and what may go wrong.
//!
//! Effects are carried out one at a time and in order, and power may go before and after each. What the storage holds
//! stays; what was in memory and on the way is gone. Writing what is active has a middle: torn.

use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use wardline_model::{
    ChannelState, Decimal, Disproof, HoldSupport, Kind, Outcome, PerKind, Proof, Refusal, ReleaseRef, SlotState, Time,
    Version,
};
use wardline_pump::{
    Boot, Contents, Controller as Said, Effect, Expected, FetchProblem, Found, Hub, Input, Journal, LinkEpoch, Machine,
    SwitchProblem,
};

use super::explore;
use super::scene::{Agent, Flaw, PUMP, Scene, Shelved, limits, release};
use crate::controller::{self, Ask, Bedside, Controller, Pointer, Shelf, SwitchRefused, Word};

/// How many words may be on their way when a timer rings. Without a bound a deaf agent asks for ever.
const BACKLOG_MOST: usize = 1;
const NOW: Time = Time::from_unix_ms(0);

/// One pump and everything around it.
#[derive(Clone)]
pub struct World {
    pub scene: Rc<Scene>,
    pub now: State,
}

/// Everything that can differ between two worlds of a scene.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    // The order is the order of comparison: what differs most comes first, which is what makes the search quick.
    /// What the adversary has left.
    powers: u8,
    cuts: u8,
    acts: u8,
    network: Network,
    goals: usize,
    hub: Link,
    ready: bool,
    /// What is on the way, lost with the power.
    writing: Option<ReleaseRef>,
    to_controller: VecDeque<Ask>,
    to_agent: VecDeque<Input>,
    controller_does: VecDeque<controller::Effect>,
    controller: Controller,
    /// Kept across power loss.
    shelf: Shelf,
    stored: PerKind<Pointer>,
    agent_does: VecDeque<Effect>,
    machine: Machine,
    disk: Option<Box<Journal>>,
    /// What was seen: the newest version of each kind that was relied on, and the first thing that went wrong.
    relied: PerKind<Version>,
    broken: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Network {
    Up,
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Link {
    Down,
    Wanted(LinkEpoch),
    Up,
}

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
    Nurse(Act),
    ThiefAsks(Ask),
}

/// What happens at the bedside, on the one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Program,
    Start,
    Delay,
    Pause,
    Bolus,
    VolumeDone,
    Alarm,
    Silence,
    Stop,
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
            Self::Nurse(act) => write!(f, "at the bedside: {act:?}"),
        }
    }
}

impl World {
    pub fn new(scene: Scene) -> Self {
        let scene = Rc::new(scene);
        let first = release(Kind::DrugLibrary, 1);
        let shelf = Shelf { current: Some(first), previous: None, staged: None, floor: Some(first) };
        let stored = PerKind::from_fn(|kind| Pointer::Whole(release(kind, 1)));
        let (mut agent_does, mut controller_does) = (vec![], vec![]);
        let machine = boot_agent(&scene, None, &mut agent_does);
        let controller = boot_controller(&scene, shelf, stored.drug_library, &mut controller_does);
        let mut world = Self {
            now: State {
                disk: None,
                shelf,
                stored,
                machine,
                controller,
                agent_does: agent_does.into(),
                controller_does: controller_does.into(),
                writing: None,
                to_agent: VecDeque::new(),
                to_controller: VecDeque::from([Ask::Hello]),
                hub: Link::Down,
                powers: scene.powers,
                cuts: scene.cuts,
                acts: scene.acts,
                network: Network::Up,
                goals: 0,
                relied: PerKind::from_fn(|_| Version(1)),
                ready: false,
                broken: None,
            },
            scene,
        };
        if world.scene.agent == Agent::Stolen {
            world.now.agent_does.clear();
            world.now.to_controller.clear();
        }
        world.settle();
        world
    }

    fn break_it(&mut self, what: &str) {
        self.now.broken.get_or_insert_with(|| what.to_owned());
    }

    // ---- the machines -----------------------------------------------------------------------------------------------

    fn tell_agent(&mut self, input: Input, at: Time) {
        let mut fx = vec![];
        self.now.machine.step(input, at, &mut fx);
        self.now.agent_does.extend(fx);
        self.now.machine.retime(at);
    }

    fn tell_controller(&mut self, input: controller::Input, at: Time) {
        let before = self.now.controller.clone();
        let bedside = matches!(input, controller::Input::Bedside(_));
        let mut fx = vec![];
        self.now.controller.step(input, at, &Shelved(self.now.stored.drug_library), &mut fx);
        self.now.controller.retime(at);
        self.watch_therapy(&before, bedside);
        self.now.controller_does.extend(fx);
    }

    /// N1, N3, N6, N13, judged by what therapy does and not by what the machines say.
    fn watch_therapy(&mut self, before: &Controller, bedside: bool) {
        for (old, new) in before.channels().iter().zip(self.now.controller.channels().to_vec()) {
            if old.state.is_busy() && !bedside && *old != new {
                self.break_it("N1: therapy changed without the bedside");
            }
            if let (Some(a), Some(b)) = (&old.program, &new.program)
                && (a.limits != b.limits || a.library != b.library)
            {
                self.break_it("N3: limits changed under a loaded program");
            }
            if let (None, Some(program)) = (&old.program, &new.program) {
                if self.now.stored.drug_library != Pointer::Whole(program.library)
                    || program.limits != limits(program.library)
                {
                    self.break_it("N6: a program was loaded from something that is not one whole library");
                }
                self.rely(program.library);
            }
        }
    }

    fn rely(&mut self, on: ReleaseRef) {
        let relied = self.now.relied.get_mut(on.kind);
        if on.version < *relied {
            let what = format!("N13: {} {} is relied on after {}", on.kind, on.version, *relied);
            self.break_it(&what);
        } else {
            *relied = on.version;
        }
    }

    // ---- carrying out -----------------------------------------------------------------------------------------------

    /// Effects that touch neither storage nor therapy are carried out at once: nothing could come between that matters.
    fn settle(&mut self) {
        loop {
            if self.now.agent_does.front().is_some_and(|effect| !self.is_write(effect)) {
                self.agent_does();
            } else if self.now.controller_does.front().is_some_and(|effect| !is_controller_write(effect)) {
                self.controller_does();
            } else {
                return;
            }
        }
    }

    fn is_write(&self, effect: &Effect) -> bool {
        match effect {
            Effect::Persist(_) => true,
            Effect::Switch { to: ReleaseRef { kind, .. }, .. } | Effect::GoBack { kind, .. } => !by_controller(*kind),
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

    fn agent_does(&mut self) {
        let Some(effect) = self.now.agent_does.pop_front() else { return };
        match effect {
            Effect::Persist(mut journal) => {
                journal.retime(NOW);
                self.now.disk = Some(journal);
            }
            Effect::Fetch(of) => {
                let result = match (self.now.network, self.scene.flaw(of)) {
                    (Network::Down, _) => Err(FetchProblem::Unreachable),
                    (Network::Up, Flaw::Unsigned) => Err(FetchProblem::Refused(Refusal::Signatures)),
                    (Network::Up, _) => Ok(Expected { entries: Some(of.version.0), sample: None }),
                };
                self.now.to_agent.push_back(Input::Fetched { release: of, result });
            }
            Effect::Stage(of) if by_controller(of.kind) => self.now.to_controller.push_back(Ask::Offered(of)),
            Effect::Stage(of) => self.now.to_agent.push_back(Input::Staged { release: of, result: Ok(()) }),
            Effect::AskHold(of) => self.now.to_controller.push_back(Ask::Hold(of)),
            Effect::ReleaseHold(id) => self.now.to_controller.push_back(Ask::ReleaseHold(id)),
            Effect::Switch { to, hold } if by_controller(to.kind) => {
                self.now.to_controller.push_back(Ask::MakeCurrent { hold, release: to });
            }
            Effect::Switch { to, .. } => self.write(to.kind, Some(to)),
            Effect::GoBack { kind, to: Some(to), hold } if by_controller(kind) => {
                self.now.to_controller.push_back(Ask::MakeCurrent { hold, release: to });
            }
            Effect::GoBack { kind, to, .. } => self.write(kind, to),
            Effect::Inspect(kind) if by_controller(kind) => self.now.to_controller.push_back(Ask::ReadBack(kind)),
            Effect::Inspect(kind) => {
                let found = self.found(kind, *self.now.stored.get(kind));
                self.now.to_agent.push_back(Input::Found { kind, found });
            }
            Effect::Relink(epoch) => self.now.hub = Link::Wanted(epoch),
            Effect::Ready => self.now.ready = true,
            Effect::Record(event) => self.judge(&event),
            Effect::Report | Effect::Forget(_) => {}
        }
    }

    /// Writes a slot of the communication side: first torn, then whole.
    fn write(&mut self, kind: Kind, to: Option<ReleaseRef>) {
        if to.is_some_and(|to| to.version < *self.now.relied.get(kind)) {
            self.break_it("N13: a slot moved below what was confirmed");
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

    fn found(&self, kind: Kind, stored: Pointer) -> Found {
        match stored {
            Pointer::Empty => Found::Nothing,
            Pointer::Torn => Found::Torn,
            Pointer::Whole(of) => {
                let wrong = u64::from(self.scene.flaw(of) == Flaw::ReadsWrong);
                let entries = (kind.row().proof == Proof::ReadBack).then_some(of.version.0 + wrong);
                Found::Whole(of, Contents { digest: of.digest, entries, sample: None })
            }
        }
    }

    /// N13 and blame, judged by what the pump says that it did.
    fn judge(&mut self, event: &wardline_model::EventBody) {
        let wardline_model::EventBody::Attempt { kind, release: of, outcome } = event else { return };
        match outcome {
            Outcome::Confirmed if self.scene.flaw(*of) != Flaw::Sound => {
                self.break_it("N4: a flawed release was confirmed")
            }
            Outcome::Confirmed => self.rely(*of),
            Outcome::Disproved(Disproof::SelfTest)
                if self.scene.flaw(*of) == Flaw::Sound && *kind != Kind::DrugLibrary =>
            {
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

    fn controller_does(&mut self) {
        let Some(effect) = self.now.controller_does.pop_front() else { return };
        match effect {
            controller::Effect::Persist(shelf) => self.now.shelf = shelf,
            controller::Effect::MovePointer(Some(to)) => {
                self.watch_move(to);
                self.now.stored.drug_library = Pointer::Torn;
                self.now.writing = Some(to);
            }
            controller::Effect::MovePointer(None) => {}
            controller::Effect::Verify(of) => {
                let signed = !matches!(self.scene.flaw(of), Flaw::Unsigned | Flaw::OnlyAgentFooled);
                let result = if signed { Ok(()) } else { Err(Refusal::Signatures) };
                self.tell_controller(controller::Input::Verified { release: of, result }, NOW);
            }
            controller::Effect::Say(word) => self.say(word),
            controller::Effect::ReadBack { kind, .. } => {
                let found = self.found(kind, *self.now.stored.get(kind));
                self.now.to_agent.push_back(Input::Found { kind, found });
            }
            controller::Effect::Refuse { why: controller::Refused::NoLibrary, .. } => {
                self.break_it("N7: a nurse was told that there is no library");
            }
            controller::Effect::Refuse { .. } | controller::Effect::Show { .. } => {}
        }
    }

    /// N2, judged at the moment of the write. An alarm on an idle channel may begin in the middle: it is never delayed.
    fn watch_move(&mut self, to: ReleaseRef) {
        if self.now.controller.channels().iter().any(|channel| channel.program.is_some()) {
            self.break_it("N2: the library moved while a program was loaded");
        }
        if to.version < self.now.relied.drug_library {
            self.break_it("N13: the library moved below what therapy relied on");
        }
    }

    fn say(&mut self, word: Word) {
        let said = match word {
            Word::Hello(support) => Input::Controller(Said::Present(support)),
            Word::Status(therapy) => Input::Controller(Said::Therapy(therapy)),
            Word::HoldGranted { id, .. } => Input::Controller(Said::HoldGranted(id)),
            Word::HoldDenied(_) => Input::Controller(Said::HoldDenied),
            Word::HoldBroken(id) => Input::Controller(Said::HoldBroken(id)),
            Word::Verdict(release, result) => Input::Staged { release, result },
            Word::Switched(release) => Input::Switched { kind: release.kind, to: Some(release), result: Ok(()) },
            Word::SwitchRefused(release, why) => Input::Switched {
                kind: release.kind,
                to: Some(release),
                result: Err(match why {
                    SwitchRefused::NoHold | SwitchRefused::Busy => SwitchProblem::NoHold,
                    SwitchRefused::NotVerified => SwitchProblem::NotStaged,
                    SwitchRefused::BelowFloor => SwitchProblem::Refused(Refusal::BelowFloor),
                    SwitchRefused::Storage => SwitchProblem::Storage,
                }),
            },
        };
        self.now.to_agent.push_back(said);
    }

    // ---- the hub ----------------------------------------------------------------------------------------------------

    /// Whether the hub can be reached over what is active.
    fn reaches(&self) -> bool {
        let over = |kind: Kind| match self.now.stored.get(kind) {
            Pointer::Whole(of) => self.scene.flaw(*of) != Flaw::CutsOff,
            Pointer::Torn | Pointer::Empty => false,
        };
        self.now.network == Network::Up && Kind::ALL.into_iter().filter(|kind| !by_controller(*kind)).all(over)
    }

    // ---- power ------------------------------------------------------------------------------------------------------

    fn power(&mut self) {
        let mut fx = vec![];
        self.now.controller = boot_controller(&self.scene, self.now.shelf, self.now.stored.drug_library, &mut fx);
        self.now.controller.retime(NOW);
        self.now.controller_does = fx.into();
        self.now.writing = None;
        self.now.to_controller.clear();
        self.restart_agent();
    }

    fn restart_agent(&mut self) {
        let mut fx = vec![];
        self.now.machine = boot_agent(&self.scene, self.now.disk.as_deref().cloned(), &mut fx);
        self.now.machine.retime(NOW);
        self.now.agent_does = fx.into();
        self.now.to_agent.clear();
        self.now.to_controller.push_back(Ask::Hello);
        self.now.hub = match self.now.hub {
            // The boot's own `Relink` may have come already.
            Link::Wanted(_) | Link::Up | Link::Down => Link::Down,
        };
        self.now.ready = false;
        if self.scene.agent == Agent::Stolen {
            self.now.agent_does.clear();
            self.now.to_controller.clear();
        }
    }
}

fn boot_agent(scene: &Scene, journal: Option<Journal>, fx: &mut Vec<Effect>) -> Machine {
    let supports = wardline_pump::Supports::only(scene.kinds);
    Machine::recover(Boot { pump: PUMP, journal, supports, rules: scene.rules }, NOW, fx)
}

fn boot_controller(scene: &Scene, shelf: Shelf, stored: Pointer, fx: &mut Vec<controller::Effect>) -> Controller {
    Controller::power_up(scene.rules, scene.support, 1, shelf, stored, NOW, fx)
}

fn by_controller(kind: Kind) -> bool {
    kind.row().switch == wardline_model::Switch::Pointer
}

fn is_controller_write(effect: &controller::Effect) -> bool {
    matches!(effect, controller::Effect::Persist(_) | controller::Effect::MovePointer(_))
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        self.now == other.now
    }
}
impl Eq for World {}
impl PartialOrd for World {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for World {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.now.cmp(&other.now)
    }
}

impl explore::World for World {
    type Move = Move;

    fn moves(&self) -> Vec<Move> {
        let now = &self.now;
        let (agent_free, controller_free) = (now.agent_does.is_empty(), now.controller_does.is_empty());
        let mut moves = vec![];
        if self.scene.agent == Agent::Stolen {
            return self.moves_of_thief();
        }
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
        may(agent_free && now.hub == Link::Up && now.goals < self.scene.goals.len(), Move::HubAsks);
        may(now.cuts > 0 && now.network == Network::Up, Move::NetworkGoes);
        may(now.network == Network::Down, Move::NetworkComes);
        may(now.powers > 0, Move::PowerGoes);
        may(now.powers > 0, Move::AgentIsKilled);
        if controller_free {
            moves.extend(self.acts().into_iter().map(Move::Nurse));
        }
        moves
    }

    fn after(&self, mv: Move) -> Self {
        let mut world = self.clone();
        match mv {
            Move::AgentDoes => world.agent_does(),
            Move::ControllerDoes => world.controller_does(),
            Move::Written => {
                if let Some(to) = world.now.writing.take() {
                    world.watch_move(to);
                    world.now.stored.drug_library = Pointer::Whole(to);
                    world.tell_controller(controller::Input::Moved(Ok(())), NOW);
                }
            }
            Move::AgentHears => {
                if let Some(input) = world.now.to_agent.pop_front() {
                    world.tell_agent(input, NOW);
                }
            }
            Move::ControllerHears => {
                if let Some(ask) = world.now.to_controller.pop_front() {
                    world.tell_controller(controller::Input::Port(ask), NOW);
                }
            }
            Move::AgentWakes => {
                if let Some((at, _)) = world.now.machine.wake() {
                    world.tell_agent(Input::Timer, at);
                }
            }
            Move::ControllerWakes => {
                if let Some(at) = world.now.controller.wake() {
                    world.tell_controller(controller::Input::Timer, at);
                }
            }
            Move::HubGreets => {
                if let Link::Wanted(epoch) = world.now.hub {
                    world.now.hub = Link::Up;
                    world.tell_agent(Input::Hub(Hub::Reached(epoch)), NOW);
                }
            }
            Move::LinkDies => {
                world.now.hub = Link::Wanted(world.now.machine.epoch());
                world.tell_agent(Input::Hub(Hub::Lost), NOW);
            }
            Move::HubAsks => {
                let report = world.now.machine.report(NOW);
                let active = |kind: Kind| report.slots.get(kind).active.map(|active| active.digest);
                let goal = world.scene.goal(world.now.goals, active);
                world.now.goals += 1;
                world.tell_agent(Input::Goal(goal), NOW);
            }
            Move::NetworkGoes => {
                world.now.cuts -= 1;
                world.now.network = Network::Down;
            }
            Move::NetworkComes => world.now.network = Network::Up,
            Move::PowerGoes => {
                world.now.powers -= 1;
                world.power();
            }
            Move::AgentIsKilled => {
                world.now.powers -= 1;
                world.now.to_controller.push_back(Ask::Gone);
                world.restart_agent();
            }
            Move::Nurse(act) => world.nurse(act),
            Move::ThiefAsks(ask) => world.tell_controller(controller::Input::Port(ask), NOW),
        }
        world.settle();
        if world.scene.agent == Agent::Stolen {
            world.now.to_agent.clear();
        }
        world
    }

    fn broken(&self) -> Option<String> {
        if let Some(what) = &self.now.broken {
            return Some(what.clone());
        }
        let report = self.now.machine.report(NOW);
        let slots = || report.slots.iter();
        if slots().any(|(_, slot)| slot.state == SlotState::OutOfService) {
            return Some("N7: a slot is out of service although a whole release was there".into());
        }
        let trials = slots().filter(|(_, slot)| slot.state == SlotState::Trial).count();
        if trials > 1 {
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

    fn at_rest(&self) -> bool {
        let now = &self.now;
        if self.scene.agent == Agent::Stolen {
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
            SlotState::Staged | SlotState::Cleared => self.scene.support == HoldSupport::Cannot,
            SlotState::Fetching | SlotState::Switching | SlotState::Trial | SlotState::OutOfService => false,
        };
        let truthful = |kind: Kind| match now.stored.get(kind) {
            Pointer::Whole(of) => report.slots.get(kind).active == Some(*of),
            Pointer::Torn | Pointer::Empty => false,
        };
        quiet
            && now.hub == Link::Up
            && report.slots.iter().all(|(_, slot)| done(slot.state))
            && self.scene.kinds.iter().all(|kind| truthful(*kind))
    }

    fn is_fair(mv: Move) -> bool {
        match mv {
            Move::NetworkGoes | Move::PowerGoes | Move::AgentIsKilled | Move::ThiefAsks(_) => false,
            // A nurse ends an infusion and deals with an alarm for the patient's sake, and does nothing for the update's.
            Move::Nurse(act) => matches!(act, Act::Stop | Act::Silence),
            Move::AgentDoes
            | Move::ControllerDoes
            | Move::Written
            | Move::AgentHears
            | Move::ControllerHears
            | Move::AgentWakes
            | Move::ControllerWakes
            | Move::HubGreets
            | Move::LinkDies
            | Move::HubAsks
            | Move::NetworkComes => true,
        }
    }
}

impl World {
    /// The controller alone against a thief who holds the agent.
    fn moves_of_thief(&self) -> Vec<Move> {
        let now = &self.now;
        let free = now.controller_does.is_empty();
        let mut moves = vec![];
        moves.extend((!free).then_some(Move::ControllerDoes));
        moves.extend((now.powers > 0).then_some(Move::PowerGoes));
        if free {
            moves.extend(now.writing.map(|_| Move::Written));
            moves.extend(now.controller.wake().map(|_| Move::ControllerWakes));
            moves.extend(self.acts().into_iter().map(Move::Nurse));
            moves.extend(super::hostile::asks().into_iter().map(Move::ThiefAsks));
        }
        moves
    }

    /// What can happen at the bedside. Ending costs nothing, beginning does: so every script comes to its end.
    fn acts(&self) -> Vec<Act> {
        let state = self.now.controller.channels()[0].state;
        let more: &[Act] = match state {
            _ if self.now.acts == 0 || self.now.controller.is_kept_waiting() => &[],
            ChannelState::Idle => &[Act::Program, Act::Alarm],
            ChannelState::Programmed => &[Act::Start, Act::Delay],
            ChannelState::DelayedStart | ChannelState::Paused | ChannelState::KeepVeinOpen => &[Act::Start],
            ChannelState::Infusing => &[Act::Pause, Act::Bolus, Act::VolumeDone, Act::Alarm],
            ChannelState::Bolus => &[Act::Alarm],
            ChannelState::Alarming => &[],
        };
        let end: &[Act] = match state {
            ChannelState::Idle => &[],
            ChannelState::Alarming => &[Act::Silence],
            ChannelState::Programmed
            | ChannelState::DelayedStart
            | ChannelState::Infusing
            | ChannelState::Bolus
            | ChannelState::Paused
            | ChannelState::KeepVeinOpen => &[Act::Stop],
        };
        more.iter().chain(end).copied().collect()
    }

    fn nurse(&mut self, act: Act) {
        let channel = 1;
        let act = match act {
            Act::Program => Bedside::Program { channel, entry: String::new(), rate: Decimal::from_int(5) },
            Act::Start => Bedside::Start { channel },
            Act::Delay => Bedside::Delay { channel },
            Act::Pause => Bedside::Pause { channel },
            Act::Bolus => Bedside::Bolus { channel },
            Act::VolumeDone => Bedside::VolumeDone { channel },
            Act::Alarm => Bedside::Alarm { channel },
            Act::Silence => Bedside::Silence { channel },
            Act::Stop => Bedside::Stop { channel },
        };
        if !matches!(act, Bedside::Stop { .. } | Bedside::Silence { .. }) {
            self.now.acts -= 1;
        }
        let alarm = matches!(act, Bedside::Alarm { .. });
        self.tell_controller(controller::Input::Bedside(act), NOW);
        if alarm && self.now.controller.channels()[0].state != ChannelState::Alarming {
            self.break_it("N5: an alarm did not sound at once");
        }
    }
}
