//! What therapy is doing, as the therapy controller says it.
//!
//! Unknown therapy state means no: a pump whose controller is silent gets no switch.

use core::fmt;
use serde::{Deserialize, Serialize};

/// What one channel of a pump is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelState {
    /// No program is loaded.
    Idle,
    /// A program is loaded and has not been started.
    Programmed,
    /// A start has been set for later.
    DelayedStart,
    /// Delivering at the programmed rate.
    Infusing,
    /// Delivering a bolus.
    Bolus,
    /// Stopped by a person with the program still loaded.
    Paused,
    /// Delivering only enough to keep the vein open, after the volume to be infused was reached.
    KeepVeinOpen,
    /// Sounding an alarm, whatever else it does.
    Alarming,
}

impl ChannelState {
    /// Every state, for tables and searches.
    pub const ALL: [Self; 8] = [
        Self::Idle,
        Self::Programmed,
        Self::DelayedStart,
        Self::Infusing,
        Self::Bolus,
        Self::Paused,
        Self::KeepVeinOpen,
        Self::Alarming,
    ];

    /// Whether a release that touches therapy may not switch in this state (N2, N3): everything but [`Self::Idle`].
    #[must_use]
    pub const fn is_busy(self) -> bool {
        !matches!(self, Self::Idle)
    }

    /// The word on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Programmed => "programmed",
            Self::DelayedStart => "delayed-start",
            Self::Infusing => "infusing",
            Self::Bolus => "bolus",
            Self::Paused => "paused",
            Self::KeepVeinOpen => "keep-vein-open",
            Self::Alarming => "alarming",
        }
    }
}

impl fmt::Display for ChannelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What therapy on the whole pump is doing: the busiest channel speaks for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Therapy {
    /// The controller has not said, or not for too long. Treated as busy.
    #[default]
    Unknown,
    /// The controller said so.
    Known {
        /// The state of the busiest channel.
        state: ChannelState,
        /// Since when, by the pump's clock.
        since: crate::time::Time,
    },
}

impl Therapy {
    /// The state, when it is known.
    #[must_use]
    pub const fn state(self) -> Option<ChannelState> {
        match self {
            Self::Unknown => None,
            Self::Known { state, .. } => Some(state),
        }
    }
}

/// Whether a pump's controller can promise to keep therapy from starting for a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldSupport {
    /// Not known yet.
    #[default]
    Unknown,
    /// It can grant a hold.
    Grants,
    /// It cannot: this pump gets no remote switch of a kind that needs a hold.
    Cannot,
}
