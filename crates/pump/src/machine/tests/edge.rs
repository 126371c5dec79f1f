//! One pump's edge for the tests: storage that survives, a controller that grants holds, a hub that can be reached.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use ed25519_dalek::SigningKey;
use wardline_model::{
    ChannelState, Digest, EventBody, Generation, Goal, HoldSupport, Kind, Outcome, PerKind, PumpId, ReleaseRef, Switch,
    Therapy, Time, Version,
};
use wardline_release::{Verified, goal, key::PublicKey};

use crate::input::{Contents, Controller, Expected, Found, HoldId, Hub, Input};
use crate::journal::Journal;
use crate::machine::{Boot, Machine, Supports, Why};
use crate::{Effect, Rules};

/// The pump of these tests.
pub const PUMP: PumpId = PumpId::from_bytes([7; 16]);

pub fn at(s: u64) -> Time {
    Time::from_unix_s(1_800_000_000 + s)
}

/// A release whose digest is made of kind and version.
pub fn release(kind: Kind, version: u64) -> ReleaseRef {
    let mut bytes = [0; 32];
    bytes[0] = kind as u8 + 1;
    bytes[1] = u8::try_from(version).unwrap();
    ReleaseRef { kind, version: Version(version), digest: Digest::from_bytes(bytes), length: 10 }
}

/// A goal of this generation, signed by the hub and verified, that wants these versions and expects version 1.
pub fn goal(generation: u64, wanted: &[(Kind, u64)]) -> Goal {
    let mut goal = Goal::empty(PUMP, Generation(generation), at(0));
    for (kind, version) in wanted {
        let slot = goal.slots.get_mut(*kind);
        slot.want = Some(release(*kind, *version));
        slot.expect = Some(release(*kind, 1).digest);
    }
    goal
}

/// As it comes from the hub: signed, and through the verifier.
pub fn signed(goal: &Goal) -> Input {
    let key = SigningKey::from_bytes(&[42; 32]);
    let verified: Verified<Goal> =
        goal::verify(&goal::sign(goal, &key), &PublicKey::from(key.verifying_key()), goal.pump).unwrap();
    Input::Goal(Box::new(verified))
}

pub fn whole(of: ReleaseRef) -> Found {
    Found::Whole(of, Contents { digest: of.digest, entries: None, sample: None })
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    Whole(ReleaseRef),
    Torn,
}

/// How often each effect is carried out, and each answer given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    Once,
    /// Power may go between doing and knowing, so everything may be done twice.
    Twice,
}

/// Whether the hub answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HubIs {
    Up,
    Away,
}

/// A pump: its machine, and what is around it.
#[derive(Clone)]
pub struct Pump {
    pub machine: Machine,
    pub kinds: &'static [Kind],
    pub stored: PerKind<Stored>,
    pub disk: Option<Vec<u8>>,
    pub hub: HubIs,
    pub each: Each,
    pub now: Time,
    /// Every effect that was carried out, oldest first.
    pub done: Vec<Effect>,
    pub inbox: VecDeque<Input>,
    /// What was heard since the last start, to be replayed.
    pub heard: Vec<Input>,
    holds: u64,
}

impl Pump {
    /// A pump that holds version 1 of everything and is at rest, linked.
    pub fn settled(kinds: &'static [Kind]) -> Self {
        let mut pump = Self::off(kinds);
        pump.power_on();
        pump.run();
        pump
    }

    /// A pump before its first start.
    pub fn off(kinds: &'static [Kind]) -> Self {
        let mut fx = vec![];
        let boot = Boot { pump: PUMP, journal: None, supports: Supports::only(kinds), rules: Rules::all() };
        Self {
            machine: Machine::recover(boot, at(0), &mut fx),
            kinds,
            stored: PerKind::from_fn(|kind| Stored::Whole(release(kind, 1))),
            disk: None,
            hub: HubIs::Up,
            each: Each::Once,
            now: at(0),
            done: vec![],
            inbox: VecDeque::new(),
            heard: vec![],
            holds: 0,
        }
    }

    /// Power comes: the machine starts from the disk. Gives the effects of the start, none carried out.
    pub fn start(&mut self) -> Vec<Effect> {
        let journal = self.disk.as_deref().and_then(|bytes| Journal::from_bytes(PUMP, bytes).ok());
        let mut fx = vec![];
        let boot = Boot { pump: PUMP, journal, supports: Supports::only(self.kinds), rules: Rules::all() };
        self.machine = Machine::recover(boot, self.now, &mut fx);
        self.inbox.clear();
        self.heard.clear();
        fx
    }

    /// Power comes, and everything around the pump with it.
    pub fn power_on(&mut self) {
        let fx = self.start();
        fx.into_iter().for_each(|effect| self.carry(effect));
        self.inbox.push_back(Input::Controller(Controller::Present(HoldSupport::Grants)));
        let idle = Therapy::Known { state: ChannelState::Idle, since: self.now };
        self.inbox.push_back(Input::Controller(Controller::Therapy(idle)));
    }

    /// One input. Gives the effects, none carried out.
    pub fn hear(&mut self, input: Input) -> Vec<Effect> {
        self.heard.push(input.clone());
        let mut fx = vec![];
        self.machine.step(input, self.now, &mut fx);
        fx.retain(|effect| *effect != Effect::Report);
        fx
    }

    /// Takes and carries out until nothing is left to hear.
    pub fn run(&mut self) {
        for _ in 0..1_000 {
            let Some(input) = self.inbox.pop_front() else { return };
            self.take(input);
        }
        panic!("it never comes to rest: {:?}", self.done);
    }

    /// Hears one input (twice where everything is), and carries out what follows.
    pub fn take(&mut self, input: Input) {
        let times = if self.each == Each::Twice { 2 } else { 1 };
        for _ in 0..times {
            let fx = self.hear(input.clone());
            fx.into_iter().for_each(|effect| self.carry(effect));
        }
    }

    /// Carries out one effect.
    pub fn carry(&mut self, effect: Effect) {
        self.done.push(effect.clone());
        let times = if self.each == Each::Twice { 2 } else { 1 };
        for _ in 0..times {
            self.carry_once(effect.clone());
        }
    }

    fn carry_once(&mut self, effect: Effect) {
        match effect {
            Effect::Persist(journal) => self.disk = Some(journal.to_bytes()),
            Effect::Fetch(release) => {
                self.inbox.push_back(Input::Fetched { release, result: Ok(Expected::default()) });
            }
            Effect::Stage(release) => self.inbox.push_back(Input::Staged { release, result: Ok(()) }),
            Effect::AskHold(_) => {
                self.holds += 1;
                self.inbox.push_back(Input::Controller(Controller::HoldGranted(HoldId(self.holds))));
            }
            Effect::Switch { to, .. } => self.store(to.kind, to),
            Effect::GoBack { kind, to: Some(to), .. } => self.store(kind, to),
            Effect::GoBack { to: None, .. } => panic!("every slot of these tests held something before"),
            Effect::Inspect(kind) => {
                let found = match *self.stored.get(kind) {
                    Stored::Whole(of) => whole(of),
                    Stored::Torn => Found::Torn,
                };
                self.inbox.push_back(Input::Found { kind, found });
            }
            Effect::Relink(epoch) if self.hub == HubIs::Up => {
                self.inbox.push_back(Input::Hub(Hub::Reached(epoch)));
            }
            Effect::Relink(_)
            | Effect::ReleaseHold(_)
            | Effect::Record(_)
            | Effect::Report
            | Effect::Ready
            | Effect::Keep(_)
            | Effect::Forget(_) => {}
        }
    }

    fn store(&mut self, kind: Kind, to: ReleaseRef) {
        *self.stored.get_mut(kind) = Stored::Whole(to);
        // What restarts the pump answers with its next start; the rest answers at once.
        if kind.row().switch != Switch::Bank {
            self.inbox.push_back(Input::Switched { kind, to: Some(to), result: Ok(()) });
        }
    }

    /// Lets the time come that the machine waits for.
    pub fn wait(&mut self) -> Why {
        let (when, why) = self.machine.wake().expect("it waits for nothing");
        self.now = self.now.max(when);
        self.inbox.push_back(Input::Timer);
        self.run();
        why
    }

    /// How the attempts ended that were reported, oldest first.
    pub fn outcomes(&self) -> Vec<(Kind, Outcome)> {
        let ends = self.done.iter().filter_map(|effect| match effect {
            Effect::Record(EventBody::Attempt { kind, outcome, .. }) => Some((*kind, *outcome)),
            _ => None,
        });
        ends.collect()
    }

    /// The kinds that were switched, oldest first.
    pub fn switches(&self) -> Vec<Kind> {
        let switched = self.done.iter().filter_map(|effect| match effect {
            Effect::Switch { to, .. } => Some(to.kind),
            _ => None,
        });
        switched.collect()
    }

    pub fn active(&self, kind: Kind) -> Option<ReleaseRef> {
        self.machine.report(self.now).slots.get(kind).active
    }
}
