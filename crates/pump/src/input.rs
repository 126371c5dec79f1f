//! Everything that the slot machine can be told.

use alloc::boxed::Box;
use alloc::string::String;
use serde::{Deserialize, Serialize};
use wardline_model::{Digest, Goal, HoldSupport, Kind, Refusal, ReleaseRef, Therapy};
use wardline_release::Verified;

use crate::effect::LinkEpoch;

/// The controller's name for a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId(pub u64);

/// One thing that happened. Late and repeated inputs are harmless, because each names what it speaks of; but a look at a
/// slot and a granted hold answer a question of this run, so an edge that starts anew drops those from before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// The hub's goal. Only the verifier of `wardline_release::goal` can make one: an unchecked goal does not compile.
    Goal(Box<Verified<Goal>>),
    /// A fetch ended.
    Fetched {
        /// Which release.
        release: ReleaseRef,
        /// What its signed metadata says a read-back must show, or why it is not here.
        result: Result<Expected, FetchProblem>,
    },
    /// Staging ended.
    Staged {
        /// Which release.
        release: ReleaseRef,
        /// Kept whole, or refused by whoever checked it.
        result: Result<(), Refusal>,
    },
    /// A switch or a going back ended.
    Switched {
        /// Which slot.
        kind: Kind,
        /// What was to become active.
        to: Option<ReleaseRef>,
        /// It is active now, or why what was active still is.
        result: Result<(), SwitchProblem>,
    },
    /// What an inspection of a slot found.
    Found {
        /// Which slot.
        kind: Kind,
        /// What is really there.
        found: Found,
    },
    /// The therapy controller spoke, or fell silent.
    Controller(Controller),
    /// The link to the hub came or went.
    Hub(Hub),
    /// The time that `wake` named has come (or any other time: it is harmless).
    Timer,
}

/// What a release's signed metadata says its read-back must show. `None` is not compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Expected {
    /// How many entries.
    pub entries: Option<u64>,
    /// The rendered sample.
    pub sample: Option<String>,
}

/// What was really found in a slot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Found {
    /// Nothing of this kind is active.
    Nothing,
    /// A release, with what its holder reads in it.
    Whole(ReleaseRef, Contents),
    /// Something, but not one whole release.
    Torn,
}

/// What the holder of a slot reads in what is active.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contents {
    /// SHA-256 over the stored bytes, computed again.
    pub digest: Digest,
    /// How many entries; `None` where the kind has none.
    pub entries: Option<u64>,
    /// One entry printed as the holder understands it; `None` where the kind has none.
    pub sample: Option<String>,
}

/// What the therapy controller says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Controller {
    /// It greeted, for the first time or after its own restart.
    Present(HoldSupport),
    /// Its port closed or went silent: therapy is unknown from here on.
    Silent,
    /// What therapy is doing.
    Therapy(Therapy),
    /// A hold for the release that was asked for.
    HoldGranted(HoldId),
    /// No hold now.
    HoldDenied,
    /// The hold ended early: a person needs the pump.
    HoldBroken(HoldId),
}

/// What became of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hub {
    /// The hub greeted over the link of this epoch.
    Reached(LinkEpoch),
    /// The link is down.
    Lost,
}

/// Why a fetch gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FetchProblem {
    /// The hub or the network did not give the bytes: nobody's fault, tried again.
    Unreachable,
    /// The metadata or the bytes were checked and refused.
    Refused(Refusal),
}

/// Why a switch did not happen. In every case but `Storage`, what was active certainly still is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SwitchProblem {
    /// The hold had ended, or a channel is busy.
    NoHold,
    /// Whoever switches does not have this release: it must be staged again.
    NotStaged,
    /// It was checked and refused.
    Refused(Refusal),
    /// Writing failed: what is active must be found out.
    Storage,
}
