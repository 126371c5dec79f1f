//! The world around one pump: its storage, its two machines, the messages between them, the hub, and what may go wrong.
//!
//! Effects are carried out one at a time and in order, and power may go before and after each. What the storage holds
//! stays; what was in memory and on the way is gone. Writing what is active has a middle: torn.
//!
//! | module | what it is |
//! |---|---|
//! | `moves` | what can happen next, and the world after it |
//! | `carry` | the effects of the two machines, carried out |
//! | `bank` | a modelled switch for firmware: two banks, a boot loader, a restart under the controller's hold |
//! | `identity` | the pump's own certificate, its clock, and the hub's authority |
//! | `power` | losing it, and starting again |
//! | `bedside` | what nurses and alarms do |
//! | `watch` | the never events, judged by what happens and not by what the machines say |

mod bank;
mod bedside;
mod carry;
mod identity;
mod moves;
mod power;
mod watch;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use ed25519_dalek::SigningKey;
use wardline_model::{Digest, Generation, Goal, Kind, PerKind, ReleaseRef, Time, Version};
use wardline_pump::{Effect, Input, Journal, LinkEpoch, Machine};
use wardline_release::{Verified, goal, key::PublicKey};

use super::explore;
use super::fingerprint::{self, Fingerprint};
use super::never::Never;
use super::scene::{Agent, Keeps, PUMP, Scene, release};
use crate::bedside::{Cause, Shelved, by_controller};
use crate::controller::{self, Ask, Controller, Pointer, Shelf};
use bank::BootLoader;
use moves::Move;

/// The clock stands still: machines are seen from the moment of their last step.
const NOW: Time = Time::from_unix_ms(0);
/// The hub's goal key in every search. Goals pass the real verifier: nothing else can make one that a machine takes.
const GOAL_KEY: [u8; 32] = [9; 32];

/// One pump and everything around it.
#[derive(Clone)]
pub struct World {
    fixed: Rc<Fixed>,
    now: State,
    /// What the last move put to the test; two worlds do not differ by it.
    tested: Vec<Never>,
}

/// What is the same in every world of a search.
struct Fixed {
    scene: Scene,
    keeps: Keeps,
    goals: Goals,
}

/// Everything that can differ between two worlds of a scene.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    /// What the adversary has left.
    powers: u8,
    cuts: u8,
    acts: u8,
    network: Network,
    /// How many goals the hub has sent.
    goals: usize,
    hub: Link,
    /// The pump's own certificate, where it is part of the scene.
    own: Option<identity::Own>,
    /// Whether the slot machine has said that every slot of the communication side is whole.
    ready: bool,
    /// What is on the way, lost with the power.
    writing: Option<ReleaseRef>,
    to_controller: VecDeque<Ask>,
    to_agent: VecDeque<Input>,
    controller_does: VecDeque<controller::Effect>,
    controller: Controller,
    agent_does: VecDeque<Effect>,
    machine: Machine,
    /// Kept across power loss.
    shelf: Shelf,
    stored: PerKind<Pointer>,
    loader: BootLoader,
    disk: Option<Box<Journal>>,
    /// What was seen: the newest version of each kind that was relied on, and the first thing that went wrong.
    relied: PerKind<Version>,
    broken: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    Up,
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Link {
    Down,
    Wanted(LinkEpoch),
    Up,
}

impl World {
    /// The world in which this scene begins: release 1 of everything, and no goal.
    pub fn new(scene: &Scene, keeps: Keeps) -> Self {
        let fixed = Rc::new(Fixed { scene: scene.clone(), keeps, goals: Goals::default() });
        let first = release(Kind::DrugLibrary, 1);
        let shelf = Shelf { current: Some(first), previous: None, staged: None, floor: Some(first) };
        let stored = PerKind::from_fn(|kind| Pointer::Whole(release(kind, 1)));
        let (mut agent_does, mut controller_does) = (vec![], vec![]);
        let machine = power::boot_agent(&fixed, None, &mut agent_does);
        let controller = power::boot_controller(&fixed, shelf, stored.drug_library, &mut controller_does);
        let now = State {
            powers: scene.powers,
            cuts: scene.cuts,
            acts: scene.acts,
            network: Network::Up,
            goals: 0,
            hub: Link::Down,
            own: scene.enrols.map(|_| identity::Own::new(scene.troubles)),
            ready: false,
            writing: None,
            to_controller: VecDeque::from([Ask::Hello]),
            to_agent: VecDeque::new(),
            controller_does: controller_does.into(),
            controller,
            agent_does: agent_does.into(),
            machine,
            shelf,
            stored,
            loader: BootLoader::Kept,
            disk: None,
            relied: PerKind::from_fn(|_| Version(1)),
            broken: None,
        };
        let mut world = Self { fixed, now, tested: vec![] };
        if world.is_stolen() {
            world.now.agent_does.clear();
            world.now.to_controller.clear();
        }
        world.settle();
        world
    }

    fn scene(&self) -> &Scene {
        &self.fixed.scene
    }

    fn is_stolen(&self) -> bool {
        self.scene().agent == Agent::Stolen
    }

    fn tell_agent(&mut self, input: Input, at: Time) {
        let mut fx = vec![];
        self.now.machine.step(input, at, &mut fx);
        self.now.agent_does.extend(fx);
        self.now.machine.retime(at);
    }

    fn tell_controller(&mut self, input: controller::Input, at: Time) {
        let before = self.now.controller.clone();
        let cause = Cause::of(&input);
        let mut fx = vec![];
        let shelved = Shelved(self.now.stored.drug_library);
        self.now.controller.step(input, at, &shelved, &mut fx);
        self.now.controller.retime(at);
        self.watch_therapy(&before, cause);
        self.now.controller_does.extend(fx);
    }

    /// Whether the hub can be reached over what is active.
    fn reaches(&self) -> bool {
        let over = |kind: Kind| match self.now.stored.get(kind) {
            Pointer::Whole(of) => self.scene().flaw(*of) != super::scene::Flaw::CutsOff,
            Pointer::Torn | Pointer::Empty => false,
        };
        let links = self.now.own.as_ref().is_none_or(identity::Own::links);
        self.now.network == Network::Up && links && Kind::ALL.into_iter().filter(|kind| !by_controller(*kind)).all(over)
    }
}

impl explore::World for World {
    type Move = Move;

    fn fingerprint(&self) -> Fingerprint {
        fingerprint::of(&self.now)
    }

    fn moves(&self) -> Vec<Move> {
        if self.is_stolen() { self.moves_of_thief() } else { self.moves_of_ours() }
    }

    fn after(&self, mv: Move) -> Self {
        let mut world = self.clone();
        world.tested.clear();
        world.make(mv);
        world
    }

    fn tested(&self) -> &[Never] {
        &self.tested
    }

    fn broken(&self) -> Option<String> {
        self.what_is_broken()
    }

    fn at_rest(&self) -> bool {
        self.rests()
    }

    fn is_fair(mv: Move) -> bool {
        mv.is_fair()
    }
}

/// The hub's goals, each signed and verified once.
#[derive(Default)]
struct Goals(RefCell<BTreeMap<Asked, Verified<Goal>>>);

/// Which goal, and what it expects to be active in each slot that it names.
type Asked = (usize, Vec<Option<Digest>>);

impl Goals {
    /// The hub's goal number `index`, which expects what is said to be active.
    fn signed(&self, scene: &Scene, index: usize, active: impl Fn(Kind) -> Option<Digest>) -> Option<Verified<Goal>> {
        let wanted = &scene.goals[index];
        let expected: Vec<_> = wanted.iter().map(|(kind, _)| active(*kind)).collect();
        if let Some(known) = self.0.borrow().get(&(index, expected.clone())) {
            return Some(known.clone());
        }
        let mut goal = Goal::empty(PUMP, Generation(index as u64 + 1), Time::default());
        for ((kind, version), expect) in wanted.iter().zip(&expected) {
            let slot = goal.slots.get_mut(*kind);
            slot.want = Some(release(*kind, *version));
            slot.expect = *expect;
        }
        let key = SigningKey::from_bytes(&GOAL_KEY);
        let public = PublicKey::from(key.verifying_key());
        let verified = goal::verify(&goal::sign(&goal, &key), &public, PUMP).ok()?;
        self.0.borrow_mut().insert((index, expected), verified.clone());
        Some(verified)
    }
}
