//! What a pump says of itself.
//!
//! A report is a claim with an age. The hub stores the newest one and computes everything that it shows from the goal,
//! the report and the time; it keeps no stage of its own.

use serde::{Deserialize, Serialize};

use crate::goal::{Generation, ReleaseRef};
use crate::id::PumpId;
use crate::kind::PerKind;
use crate::outcome::Outcome;
use crate::therapy::{HoldSupport, Therapy};
use crate::time::Time;
use crate::wait::Wait;

/// Where one slot is on its way to the goal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlotState {
    /// Holds what it should, or nothing was asked of it.
    #[default]
    Settled,
    /// Getting metadata and bytes in the background.
    Fetching,
    /// Verified and stored; not yet allowed to switch.
    Staged,
    /// Every condition but the moment is met: waiting for a hold.
    Cleared,
    /// Between intent and result of the switch.
    Switching,
    /// Switched, not yet proven.
    Trial,
    /// The last attempt ended without the new release; the old one is active.
    WentBack,
    /// Nothing whole is left in this slot.
    OutOfService,
}

/// What a pump says of one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotReport {
    /// Where it is.
    pub state: SlotState,
    /// The release that is active now.
    pub active: Option<ReleaseRef>,
    /// The release that is on its way.
    pub next: Option<ReleaseRef>,
    /// Why it is not moving, if it is not.
    pub wait: Option<Wait>,
    /// Since when the next release has been staged: the main number on the screen.
    pub staged_since: Option<Time>,
    /// How the last attempt ended.
    pub last: Option<Outcome>,
}

/// What a pump says of itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Report {
    /// Who speaks.
    pub pump: PumpId,
    /// When, by the pump's clock. The hub keeps its own receive time beside it.
    pub at: Time,
    /// The newest goal that the pump holds.
    pub generation: Generation,
    /// What therapy is doing.
    pub therapy: Therapy,
    /// Whether its controller can grant a hold.
    pub hold: HoldSupport,
    /// The five slots.
    pub slots: PerKind<SlotReport>,
}
