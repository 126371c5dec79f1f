//! Why something is not moving, and whose turn it is.
//!
//! Every wait has a reason and an owner. People read these words on the screen; they are stored and sent as values, not
//! as sentences.

use serde::{Deserialize, Serialize};

/// Who can end a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// Nobody needs to do anything: it ends by itself.
    Nobody,
    /// Clinical engineering.
    Biomed,
    /// Pharmacy informatics.
    Pharmacy,
    /// IT security.
    Security,
    /// Hospital IT: network and servers.
    It,
    /// The maker of the pump.
    Maker,
}

/// Why a pump is not where its goal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wait {
    /// The pump has not been heard of since the goal was made.
    NotReached,
    /// The pump is quarantined, lost or retired.
    TakenDown,
    /// Fetching in the background.
    Fetching,
    /// The hub or the network did not give the bytes; the pump will try again.
    FetchFailed,
    /// The pump has no room to keep the release, or its storage cannot be written; the pump will try again.
    StorageFull,
    /// Therapy runs, is paused, delayed, alarming, or a program is loaded.
    TherapyRunning,
    /// The therapy controller has not said what it is doing.
    TherapyUnknown,
    /// The controller has no hold to grant at the moment.
    HoldDenied,
    /// The controller cannot grant holds at all.
    HoldUnsupported,
    /// Another slot is on trial.
    OtherTrial,
    /// Switched; the proof is not in yet.
    ProofPending,
    /// The release was refused by the pump.
    Refused,
    /// The trial failed; the planner must decide.
    WentBack,
    /// The planner has not given this pump its turn.
    NotItsTurn,
    /// The slot holds nothing whole.
    OutOfService,
}

impl Wait {
    /// Who can end it.
    #[must_use]
    pub const fn owner(self) -> Owner {
        match self {
            Self::Fetching
            | Self::TherapyRunning
            | Self::HoldDenied
            | Self::OtherTrial
            | Self::ProofPending
            | Self::NotItsTurn => Owner::Nobody,
            Self::NotReached | Self::FetchFailed => Owner::It,
            Self::TakenDown => Owner::Security,
            Self::StorageFull | Self::TherapyUnknown | Self::OutOfService => Owner::Biomed,
            Self::HoldUnsupported => Owner::Maker,
            Self::Refused | Self::WentBack => Owner::Pharmacy,
        }
    }

    /// The sentence on the screen; the caller adds since when.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NotReached => "the pump has not been reached",
            Self::TakenDown => "the pump is taken down",
            Self::Fetching => "fetching in the background",
            Self::FetchFailed => "the download failed and will be tried again",
            Self::StorageFull => "the pump has no room to keep the release; it tries again by itself",
            Self::TherapyRunning => "therapy is running or a program is loaded; it will switch by itself afterwards",
            Self::TherapyUnknown => "the therapy controller has not said what it is doing",
            Self::HoldDenied => "the therapy controller has no hold to grant right now",
            Self::HoldUnsupported => "this pump's therapy controller cannot grant a hold",
            Self::OtherTrial => "another slot is on trial",
            Self::ProofPending => "switched, waiting for its proof",
            Self::Refused => "the pump refused the release",
            Self::WentBack => "the trial failed and the pump went back",
            Self::NotItsTurn => "its ring has not been given its turn",
            Self::OutOfService => "the slot holds nothing whole; the pump needs a person",
        }
    }
}

impl Owner {
    /// The word on the screen.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Biomed => "biomed",
            Self::Pharmacy => "pharmacy",
            Self::Security => "IT security",
            Self::It => "IT",
            Self::Maker => "pump maker",
        }
    }
}
