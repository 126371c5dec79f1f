//! What the hub wants of a pump.
//!
//! A goal says which release each slot should hold. It carries one generation number that only grows, and, for every
//! change, the release that the pump is expected to run now: a plan made on an old report does nothing.

use core::fmt;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::PumpId;
use crate::kind::{Kind, PerKind};
use crate::time::Time;

/// The number of a release within its kind. It only grows; a pump never goes below its floor (N13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The number of a goal for one pump. A pump ignores a goal whose generation is not above the one that it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One release, named by what it is and by the bytes that it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReleaseRef {
    /// Its kind.
    pub kind: Kind,
    /// Its number within the kind.
    pub version: Version,
    /// SHA-256 of the artifact.
    pub digest: Digest,
    /// The artifact's length in bytes.
    pub length: u64,
}

/// What a goal says of one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GoalSlot {
    /// The release that the slot should hold; `None` leaves the slot alone.
    pub want: Option<ReleaseRef>,
    /// The digest that the planner believed active when it made this goal. The pump refuses the change when it runs
    /// something else. `None` when nothing was active.
    pub expect: Option<Digest>,
}

/// Which release each slot of one pump should hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Goal {
    /// The pump that this goal is for: another pump must refuse it.
    pub pump: PumpId,
    /// Which goal of that pump this is.
    pub generation: Generation,
    /// When the hub decided it.
    pub issued: Time,
    /// The five slots.
    pub slots: PerKind<GoalSlot>,
}

impl Goal {
    /// A goal that wants nothing.
    #[must_use]
    pub fn empty(pump: PumpId, generation: Generation, issued: Time) -> Self {
        Self { pump, generation, issued, slots: PerKind::default() }
    }
}
