//! What the hub wants of each pump, signed. Generations only grow.

use wardline_model::{Generation, PumpId, Time};

use crate::error::unbuilt;
use crate::{Decision, Entry, Store, StoreError};

/// A goal that was just signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGoal {
    /// For which pump.
    pub pump: PumpId,
    /// Its generation, above every earlier one of that pump.
    pub generation: Generation,
    /// The signed goal as it is sent.
    pub signed: Vec<u8>,
}

/// The newest goal of a pump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoalRow {
    /// For which pump.
    pub pump: PumpId,
    /// Its generation.
    pub generation: Generation,
    /// The signed goal as it is sent.
    pub signed: Vec<u8>,
    /// When it was decided.
    pub decided: Time,
}

impl Store {
    /// Saves goals, all or none, with one audit record in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::StaleGoal`] when another planner was faster, [`StoreError::NotFound`].
    pub async fn save_goals(&self, goals: &[NewGoal], by: &Decision, entry: &Entry) -> Result<(), StoreError> {
        let _ = (goals, by, entry);
        unbuilt()
    }

    /// The newest goal of a pump.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn goal(&self, pump: PumpId) -> Result<Option<GoalRow>, StoreError> {
        let _ = pump;
        unbuilt()
    }
}
