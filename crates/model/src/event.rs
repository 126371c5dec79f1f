//! Things that happened on a pump, in order.
//!
//! A pump numbers its events from 1 without gaps. The hub acknowledges a number only after every event up to it is
//! durable; the pump keeps what is not acknowledged, encrypted, across power loss (N11).

use alloc::string::String;
use core::fmt;
use serde::{Deserialize, Serialize};

use crate::goal::ReleaseRef;
use crate::kind::Kind;
use crate::outcome::Outcome;
use crate::therapy::ChannelState;
use crate::time::Time;

/// An event's number: 1 for the first that a pump ever recorded, then without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The next number.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Event {
    /// Its number.
    pub seq: Sequence,
    /// When, by the pump's clock.
    pub at: Time,
    /// What.
    pub body: EventBody,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventBody {
    /// The agent started.
    Started {
        /// The agent's own version.
        agent: String,
    },
    /// A channel changed what it does.
    TherapyChanged {
        /// Which channel, from 1.
        channel: u8,
        /// What it does now.
        state: ChannelState,
        /// The drug library that governs it, by its version.
        library: Option<crate::goal::Version>,
        /// What the controller adds for people (drug and rate). Sensitive: encrypted wherever it rests.
        detail: String,
    },
    /// An alarm sounded or ended at the bedside. The hub only records it: it is never in its path (N5).
    Alarm {
        /// Which channel, from 1.
        channel: u8,
        /// The alarm's word.
        alarm: String,
        /// Whether it began.
        began: bool,
    },
    /// A slot switched.
    Switched {
        /// What became active.
        release: ReleaseRef,
    },
    /// An attempt on a slot ended.
    Attempt {
        /// Which slot.
        kind: Kind,
        /// The release it was about.
        release: ReleaseRef,
        /// How it ended.
        outcome: Outcome,
    },
    /// The pump's certificate was renewed.
    Renewed {
        /// The new certificate's serial number, hexadecimal.
        serial: String,
    },
    /// Events were dropped because the queue on the pump was full. Never silent.
    Dropped {
        /// How many.
        count: u64,
    },
}
