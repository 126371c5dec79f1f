//! Why metadata or a release was refused: which file or role, what was wrong with it, and what it means to a pump.

use alloc::string::String;
use wardline_model::{Digest, Generation, Kind, PumpId, Refusal, Time, Version};

use crate::json::JsonError;

/// A refusal: about what, and why. Nothing of the refused bytes was kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{about}: {why}")]
pub struct Refused {
    /// The role or file, such as `snapshot` or `drug-library`.
    pub about: String,
    /// What was wrong.
    pub why: Why,
}

/// What was wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Not JSON as signed metadata must be.
    #[error("the metadata {0}")]
    Json(#[from] JsonError),
    /// JSON, but not TUF metadata.
    #[error("the metadata is malformed at {0}")]
    Shape(&'static str),
    /// A TUF feature that Wardline does not use.
    #[error("the metadata uses {0}, which is not supported")]
    Unsupported(&'static str),
    /// Too few of the right people signed.
    #[error("{have} of the {need} signatures that it needs are valid and made by different keys")]
    Signatures {
        /// Valid signatures by different keys.
        have: u32,
        /// How many the delegating role asks for.
        need: u32,
    },
    /// Past its expiry.
    #[error("the metadata expired at {}; the people who sign it must sign it again", crate::date::print(*.0))]
    Expired(Time),
    /// An older version than was seen before.
    #[error("version {got} is older than version {known}, which was seen before")]
    Rollback {
        /// The version in the file.
        got: u64,
        /// The version that was already trusted.
        known: u64,
    },
    /// Not the version that the metadata above it names.
    #[error("it is version {got}, but version {expected} was expected: the files do not belong together")]
    WrongVersion {
        /// The version in the file.
        got: u64,
        /// The version that was announced.
        expected: u64,
    },
    /// The bytes are not the ones that were announced.
    #[error("its SHA-256 is {got}, but {expected} was signed")]
    Digest {
        /// Of the bytes.
        got: Digest,
        /// What the signed metadata says.
        expected: Digest,
    },
    /// Fewer or other bytes than announced.
    #[error("it is {got} bytes long, but {expected} were signed")]
    Length {
        /// Of the bytes.
        got: u64,
        /// What the signed metadata says.
        expected: u64,
    },
    /// Over the limit for its kind.
    #[error("it is longer than the limit of {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The repository does not have a file that its own metadata names.
    #[error("the repository does not have it")]
    Missing,
    /// A file vanished from the snapshot.
    #[error("the new snapshot no longer lists {0}")]
    Vanished(String),
    /// Nobody who may sign for this path has signed it.
    #[error("no signed metadata lists it")]
    NotListed,
    /// Listed by a role that may not answer for the kind.
    #[error("it is listed by the role {by}, but only {needed} with a threshold of at least {threshold} may release it")]
    WrongRole {
        /// Who listed it.
        by: String,
        /// Who may.
        needed: &'static str,
        /// The least threshold.
        threshold: u32,
    },
    /// Withdrawn by the people who signed it.
    #[error("it was withdrawn: {0}")]
    Withdrawn(String),
    /// Below the floor (N13).
    #[error("version {got} is below this pump's floor, version {floor}")]
    BelowFloor {
        /// Its version.
        got: Version,
        /// The floor.
        floor: Version,
    },
    /// Its own words about itself do not agree with what was asked.
    #[error("it is not the {0} release that was asked for")]
    NotWhatWasAsked(Kind),
    /// For another pump.
    #[error("it is for pump {0}")]
    OtherPump(PumpId),
    /// A wipe order for certificates that the pump does not have: given before it enrolled anew, and played back.
    #[error("it is for a certificate that this pump does not have: it was given in an earlier life of the pump")]
    OtherLife,
    /// A goal that is not newer than the one held.
    #[error("goal {got} is not newer than goal {held}, which the pump already holds")]
    NotNewer {
        /// Its generation.
        got: Generation,
        /// The generation held.
        held: Generation,
    },
    /// More root rotations or delegations than a run may follow.
    #[error("more than {0} steps were needed")]
    TooManySteps(u32),
}

impl Why {
    /// With what it is about.
    #[must_use]
    pub fn about(self, about: &str) -> Refused {
        Refused { about: about.into(), why: self }
    }
}

impl Refused {
    /// What the pump reports. Whoever needs the details reads the log line, which is the whole [`Refused`].
    #[must_use]
    pub const fn refusal(&self) -> Refusal {
        match &self.why {
            Why::Json(_) | Why::Shape(_) | Why::Unsupported(_) | Why::Signatures { .. } => Refusal::Signatures,
            Why::NotListed | Why::WrongRole { .. } | Why::OtherPump(_) | Why::OtherLife => Refusal::Signatures,
            Why::Expired(_) | Why::Rollback { .. } | Why::WrongVersion { .. } | Why::Vanished(_) => Refusal::Stale,
            Why::Missing | Why::NotNewer { .. } | Why::TooManySteps(_) => Refusal::Stale,
            Why::Digest { .. } | Why::Length { .. } => Refusal::Digest,
            Why::NotWhatWasAsked(_) => Refusal::DoesNotFit,
            Why::TooLarge { .. } => Refusal::TooLarge,
            Why::Withdrawn(_) => Refusal::Withdrawn,
            Why::BelowFloor { .. } => Refusal::BelowFloor,
        }
    }
}
