//! Everything that the slot machine can do to the world.
//!
//! The edge carries effects out **in order**, and an effect only after the one before it is done. Each may be carried
//! out twice (power may go between doing and knowing), so each must be idempotent: all name releases by digest.

use alloc::boxed::Box;
use alloc::vec::Vec;
use wardline_model::{EventBody, Kind, ReleaseRef};

use crate::input::HoldId;
use crate::journal::Journal;

/// The effects of one step, in the order in which they must be carried out.
pub type Effects = Vec<Effect>;

/// Which link: a proof over an older link than the newest does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkEpoch(pub u32);

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Replace the stored journal by this one, atomically, and make it durable before the next effect.
    Persist(Box<Journal>),
    /// Get and verify the release in the background. Answered by `Input::Fetched`.
    Fetch(ReleaseRef),
    /// Give the fetched release to whoever will switch it (the controller, or the agent's own shelf), who checks it
    /// again. It never touches what is active. Answered by `Input::Staged`.
    Stage(ReleaseRef),
    /// Ask the controller for a hold to switch this release. Answered by `Controller::HoldGranted` or `HoldDenied`.
    AskHold(ReleaseRef),
    /// Give a hold back.
    ReleaseHold(HoldId),
    /// Make this release active, under this hold where the kind needs one. Answered by `Input::Switched`.
    Switch {
        /// What becomes active.
        to: ReleaseRef,
        /// The hold; `None` for kinds that need none.
        hold: Option<HoldId>,
    },
    /// Make the release that was active before the attempt active again. Answered by `Input::Switched`.
    GoBack {
        /// Which slot.
        kind: Kind,
        /// What becomes active again; `None` empties the slot.
        to: Option<ReleaseRef>,
        /// The hold; `None` for kinds that need none, and at boot for a slot that is not whole.
        hold: Option<HoldId>,
    },
    /// Find out what is really active in this slot. Answered by `Input::Found`.
    Inspect(Kind),
    /// Close the link and open a new one over whatever is active now; answer with this epoch.
    Relink(LinkEpoch),
    /// Put this into the offline event queue.
    Record(EventBody),
    /// The report changed: send it when there is a link.
    Report,
    /// Every slot that the communication side switches is whole. A maker whose therapy side starts from such a slot
    /// (a firmware bank) waits for this, and for nothing of the network.
    Ready,
    /// This release is about to be written down as proven. Whoever would go back to the old one by itself (a boot loader)
    /// must not any more. It comes before the result is persisted: the other way round, power that goes in between would
    /// leave a confirmed release that the boot loader takes away.
    Keep(ReleaseRef),
    /// The stored bytes of this release are of no more use.
    Forget(ReleaseRef),
}
