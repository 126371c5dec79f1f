//! How an attempt to move a slot ended.

use serde::{Deserialize, Serialize};

/// Why a pump would not take a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The signatures do not reach the role's threshold.
    Signatures,
    /// The metadata is past its expiry, or older than what the pump already holds.
    Stale,
    /// The bytes are not the ones that were signed.
    Digest,
    /// The version is below the pump's floor (N13).
    BelowFloor,
    /// The release is for another model, or needs another firmware.
    DoesNotFit,
    /// The pump runs something other than the goal expected: the plan is stale.
    UnexpectedActive,
    /// The release was withdrawn.
    Withdrawn,
    /// The therapy controller checked for itself and said no.
    Controller,
    /// The pump has no switch for this kind.
    UnsupportedKind,
    /// It needs more room than the pump has, or is over the limit for its kind.
    TooLarge,
    /// There is no room left on the pump, or its storage cannot be written. Nothing is wrong with the release.
    StorageFull,
}

/// What showed that a trial failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disproof {
    /// The controller read back something else than was approved (N4).
    ReadBack,
    /// The pump's own test failed.
    SelfTest,
}

/// How an attempt ended. Only [`Outcome::Disproved`] speaks against a release; `Unproven` is never blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The proof was given within the deadline.
    Confirmed,
    /// The proof failed, and the pump went back (or never left the old).
    Disproved(Disproof),
    /// The deadline passed without the proof, as when the hub cannot be reached.
    Unproven,
    /// Power or the process went away in the middle; the pump recovered to a whole release.
    Interrupted,
    /// The pump would not take it.
    Refused(Refusal),
    /// The pump cannot say what happened.
    Unknown,
    /// No whole release could be found for the slot: the pump needs a person.
    OutOfService,
}
