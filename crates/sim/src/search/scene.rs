//! What a search is about: which releases exist and what is wrong with them, what the hub asks for, and how much bad
//! luck there is.

use std::collections::BTreeMap;

use wardline_model::{Decimal, Digest, Generation, Goal, HoldSupport, Kind, PumpId, ReleaseRef, Time, Version};
use wardline_pump::{Rules, Verified};

use crate::controller::{Formulary, Limits, Unreadable};

/// What is wrong with a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// Nothing.
    Sound,
    /// Its signatures do not hold: the agent sees it.
    Unsigned,
    /// The agent was fooled; the controller checks for itself.
    OnlyAgentFooled,
    /// The controller reads something else in it than was approved.
    ReadsWrong,
    /// The hub cannot be reached over it.
    CutsOff,
}

/// Who holds the communication side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    /// Us.
    Ours,
    /// A thief: it says to the controller whatever it likes.
    Stolen,
}

/// The fixed part of a search.
#[derive(Clone, Debug)]
pub struct Scene {
    pub name: &'static str,
    pub rules: Rules,
    pub support: HoldSupport,
    pub agent: Agent,
    pub kinds: &'static [Kind],
    /// The flaw of each release by kind and version; absent is sound.
    pub flaws: BTreeMap<(Kind, u64), Flaw>,
    /// What the hub asks for, one goal after the other: a version for each kind that it names.
    pub goals: Vec<Vec<(Kind, u64)>>,
    pub powers: u8,
    pub cuts: u8,
    pub acts: u8,
}

/// The pump of every search.
pub const PUMP: PumpId = PumpId::from_bytes([7; 16]);

/// The release of this kind with this version: its digest is made of both.
pub fn release(kind: Kind, version: u64) -> ReleaseRef {
    let mut bytes = [0; 32];
    bytes[0] = kind as u8;
    bytes[1] = version as u8;
    ReleaseRef { kind, version: Version(version), digest: Digest::from_bytes(bytes), length: 1 }
}

impl Scene {
    pub fn flaw(&self, of: ReleaseRef) -> Flaw {
        self.flaws.get(&(of.kind, of.version.0)).copied().unwrap_or(Flaw::Sound)
    }

    /// The hub's goal number `index`, which expects what is said to be active.
    pub fn goal(&self, index: usize, active: impl Fn(Kind) -> Option<Digest>) -> Box<Verified<Goal>> {
        let mut goal = Goal::empty(PUMP, Generation(index as u64 + 1), Time::default());
        for (kind, version) in &self.goals[index] {
            let slot = goal.slots.get_mut(*kind);
            slot.want = Some(release(*kind, *version));
            slot.expect = active(*kind);
        }
        Box::new(Verified::from_verifier(goal))
    }
}

/// Every library has one entry, and its upper limit is its version: mixed limits would show.
pub struct Shelved(pub crate::controller::Pointer);

impl Formulary for Shelved {
    fn limits(&self, of: &ReleaseRef, _entry: &str) -> Result<Limits, Unreadable> {
        match self.0 {
            crate::controller::Pointer::Whole(stored) if stored == *of => Ok(limits(*of)),
            crate::controller::Pointer::Whole(_)
            | crate::controller::Pointer::Torn
            | crate::controller::Pointer::Empty => Err(Unreadable::NotWhole),
        }
    }
}

/// The limits in a release.
pub fn limits(of: ReleaseRef) -> Limits {
    Limits { low: Decimal::ZERO, high: Decimal::from_int(100 + of.version.0 as i32) }
}
