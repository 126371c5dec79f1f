//! Rollouts as people ordered them, and samples of how far they came.

use wardline_model::{Kind, Time, Version};

use crate::error::unbuilt;
use crate::{Decision, Store, StoreError};

/// Where a rollout is. The planner recomputes everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RolloutState {
    /// The planner gives pumps their turn.
    Running,
    /// A person stopped it for now.
    Paused,
    /// It stopped itself.
    Halted,
    /// Every pump is there.
    Finished,
    /// A person ended it.
    Cancelled,
}

/// A rollout to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRollout {
    /// Which kind.
    pub kind: Kind,
    /// Which release.
    pub version: Version,
    /// `fleet`'s rules as JSON: rings, caps, windows.
    pub rules: String,
}

/// A rollout as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutRow {
    /// Its number.
    pub id: u64,
    /// What was ordered.
    pub rollout: NewRollout,
    /// Where it is.
    pub state: RolloutState,
    /// Why it is there, for people.
    pub state_reason: String,
    /// Since when.
    pub state_since: Time,
    /// Who put it there.
    pub state_by: String,
    /// When it was started.
    pub started: Time,
    /// By whom.
    pub started_by: String,
}

/// How far a release has come at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdoptionSample {
    /// When.
    pub at: Time,
    /// Pumps that run it.
    pub settled: u64,
    /// Pumps that hold it ready to switch.
    pub staged: u64,
    /// Pumps that should run it.
    pub wanted: u64,
}

impl Store {
    /// Starts a rollout, with the audit record `rollout.start`. A running or paused one of the same kind is cancelled in
    /// the same transaction.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown release, [`StoreError::Refused`] for a withdrawn one.
    pub async fn start_rollout(&self, rollout: &NewRollout, by: &Decision) -> Result<RolloutRow, StoreError> {
        let _ = (rollout, by);
        unbuilt()
    }

    /// Moves a rollout to another state, with the audit record `rollout.<state>`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Refused`] when it is finished or cancelled already.
    pub async fn decide_rollout(&self, id: u64, to: RolloutState, by: &Decision) -> Result<RolloutRow, StoreError> {
        let _ = (id, to, by);
        unbuilt()
    }

    /// One rollout.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn rollout(&self, id: u64) -> Result<Option<RolloutRow>, StoreError> {
        let _ = id;
        unbuilt()
    }

    /// Every rollout, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn rollouts(&self) -> Result<Vec<RolloutRow>, StoreError> {
        unbuilt()
    }

    /// Keeps a sample of how far a release has come; one that equals the newest is not kept.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn sample_adoption(
        &self,
        kind: Kind,
        version: Version,
        sample: AdoptionSample,
    ) -> Result<(), StoreError> {
        let _ = (kind, version, sample);
        unbuilt()
    }

    /// The samples of a release, oldest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn adoption(&self, kind: Kind, version: Version) -> Result<Vec<AdoptionSample>, StoreError> {
        let _ = (kind, version);
        unbuilt()
    }
}
