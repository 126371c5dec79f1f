//! Where a test may let the agent die: after so many effects on the world.
//!
//! The agent must be whole after a power loss at any moment. A test runs the same story with `Fault::after(0)`,
//! `Fault::after(1)` and so on until the story ends by itself, and after each death starts the agent again on what is
//! left. In production no fault is set, and asking costs one comparison.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The agent was let die by its test. Nothing may be done after it: no clean-up, no last message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the agent was ended by a fault that a test asked for")]
pub struct Killed;

/// How many more effects the agent may have.
#[derive(Clone, Debug, Default)]
pub struct Fault(Option<Arc<AtomicU64>>);

impl Fault {
    /// No fault: what production runs with.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Dies at the effect after `effects` of them.
    #[must_use]
    pub fn after(effects: u64) -> Self {
        Self(Some(Arc::new(AtomicU64::new(effects))))
    }

    /// Whether a test set one.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// Called before every effect.
    ///
    /// # Errors
    /// [`Killed`] when the number of effects is used up, and from then on always.
    pub fn effect(&self) -> Result<(), Killed> {
        let Some(left) = &self.0 else { return Ok(()) };
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).map_err(|_| Killed)?;
        Ok(())
    }
}
