//! What a simulation or a test may do to an agent: let it die, set its clock wrong, and read along what it keeps.
//!
//! The agent must be whole after a power loss at any moment. A test runs the same story with `Fault::after(0)`,
//! `Fault::after(1)` and so on until the story ends by itself, and after each death starts the agent again on what is
//! left. In production no fault is set, and asking costs one comparison.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::ledger::Ledger;

/// The agent was let die by its test. Nothing may be done after it: no clean-up, no last message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the agent was ended by a fault that a test asked for")]
pub struct Killed;

/// How many more effects the agent may have, and who watches it.
#[derive(Clone, Debug, Default)]
pub struct Fault {
    effects: Option<Arc<AtomicU64>>,
    watched: Option<Arc<Watched>>,
}

/// A pump's agent under observation. One for all lives of the agent.
#[derive(Debug, Default)]
pub struct Watched {
    /// What the agent kept and what was acknowledged to it.
    pub ledger: Ledger,
    /// How far the pump's clock is ahead of the computer's, in milliseconds; negative when it is behind.
    pub clock_ahead_ms: AtomicI64,
}

impl Fault {
    /// No fault: what production runs with.
    #[must_use]
    pub const fn none() -> Self {
        Self { effects: None, watched: None }
    }

    /// Dies at the effect after `effects` of them.
    #[must_use]
    pub fn after(effects: u64) -> Self {
        Self { effects: Some(Arc::new(AtomicU64::new(effects))), watched: None }
    }

    /// The same, under observation.
    #[must_use]
    pub fn watched(self, watched: Arc<Watched>) -> Self {
        Self { watched: Some(watched), ..self }
    }

    /// Who watches.
    #[must_use]
    pub const fn observer(&self) -> Option<&Arc<Watched>> {
        self.watched.as_ref()
    }

    /// Whether a test lets the agent die.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        self.effects.is_some()
    }

    /// Called before every effect.
    ///
    /// # Errors
    /// [`Killed`] when the number of effects is used up, and from then on always.
    pub fn effect(&self) -> Result<(), Killed> {
        let Some(left) = &self.effects else { return Ok(()) };
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).map_err(|_| Killed)?;
        Ok(())
    }
}
