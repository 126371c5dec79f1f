//! What the slot machine must find again after power loss.
//!
//! One record, replaced atomically. It has room for **one** attempt: one slot on trial at a time is not only checked, it
//! is how the journal is built. An attempt is written as an intent before anything is done, and its result after.

use serde::{Deserialize, Serialize};
use wardline_model::{Generation, Goal, Kind, Outcome, PerKind, PumpId, ReleaseRef, Time};

use crate::input::Expected;

/// The stored state of a pump's slots.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Journal {
    /// The layout of this record: [`Journal::FORMAT`].
    pub format: u16,
    /// Whose it is. A journal of another pump (a swapped card) is refused.
    pub pump: PumpId,
    /// The newest goal that was accepted.
    pub goal: Option<Goal>,
    /// The five slots.
    pub slots: PerKind<SlotRecord>,
    /// The attempt between its intent and its end.
    pub attempt: Option<Attempt>,
}

/// What is stored of one slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotRecord {
    /// What is active, as last found or made.
    pub active: Option<ReleaseRef>,
    /// The newest release that was ever confirmed here: nothing older becomes active again (N13).
    pub floor: Option<ReleaseRef>,
    /// What is kept whole and checked, ready to switch.
    pub staged: Option<Staged>,
    /// How the last attempt ended.
    pub last: Option<Closed>,
    /// Nothing whole is left.
    pub torn: Broken,
}

/// Whether a slot needs a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Broken {
    /// What is active is whole.
    #[default]
    Whole,
    /// Nothing whole is left: out of service.
    Torn,
}

/// A release that is ready to switch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Staged {
    /// Which.
    pub release: ReleaseRef,
    /// What its read-back must show.
    pub expected: Expected,
    /// Since when: the age of this is the main number on the screen.
    pub since: Time,
}

/// A switch on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attempt {
    /// What was active before.
    pub from: Option<ReleaseRef>,
    /// What is to be active.
    pub to: ReleaseRef,
    /// What the read-back must show.
    pub expected: Expected,
    /// How far it is.
    pub phase: Phase,
}

/// How far an attempt is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// About to switch, or switched without knowing it yet.
    Intent,
    /// Switched; proven or not by this time.
    Trial {
        /// The end of the trial.
        until: Time,
    },
    /// Not proven: about to go back, or gone back without knowing it yet.
    Back {
        /// How the attempt will be said to have ended.
        outcome: Outcome,
    },
}

/// The end of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Closed {
    /// What it was about.
    pub release: ReleaseRef,
    /// Under which goal: a newer goal may ask for the same release again.
    pub generation: Generation,
    /// How it ended.
    pub outcome: Outcome,
    /// How often in a row it was interrupted.
    pub interrupted: u8,
}

/// Why a stored journal cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JournalError {
    /// Not a journal, or written by a newer program.
    Unreadable,
    /// Another pump's.
    WrongPump,
}

impl core::fmt::Display for JournalError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "the slot journal cannot be read; the pump starts from what it finds in its slots",
            Self::WrongPump => {
                "the slot journal belongs to another pump; the pump starts from what it finds in its slots"
            }
        })
    }
}
impl core::error::Error for JournalError {}

impl Journal {
    /// The layout that this program writes and reads.
    pub const FORMAT: u16 = 1;

    /// The journal of a pump that never had one.
    #[must_use]
    pub fn empty(pump: PumpId) -> Self {
        Self { format: Self::FORMAT, pump, goal: None, slots: PerKind::default(), attempt: None }
    }

    /// The bytes to store.
    #[must_use]
    pub fn to_bytes(&self) -> alloc::vec::Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    /// [`JournalError`] when they are not this pump's journal in a known layout.
    pub fn from_bytes(pump: PumpId, bytes: &[u8]) -> Result<Self, JournalError> {
        let journal: Self = serde_json::from_slice(bytes).map_err(|_| JournalError::Unreadable)?;
        match journal {
            Self { format, .. } if format != Self::FORMAT => Err(JournalError::Unreadable),
            Self { pump: other, .. } if other != pump => Err(JournalError::WrongPump),
            journal => Ok(journal),
        }
    }

    /// The generation of the goal that it holds; 0 for none.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.goal.as_ref().map_or(Generation(0), |goal| goal.generation)
    }
}

impl Attempt {
    /// Which slot it is about.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.to.kind
    }
}
