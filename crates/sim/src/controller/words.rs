//! Everything that the therapy controller can be told, can say, and can do.

use wardline_model::{ChannelState, Decimal, HoldSupport, Kind, Refusal, ReleaseRef, Span, Therapy, Version};
use wardline_pump::HoldId;

use super::machine::{Shelf, Unreadable};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// At the bedside.
    Bedside(Bedside),
    /// The agent asked something.
    Port(Ask),
    /// The verification that was asked for ended.
    Verified {
        /// Of which release.
        release: ReleaseRef,
        /// Verified and kept whole, or refused.
        result: Result<(), Refusal>,
    },
    /// The pointer was written, or could not be.
    Moved(Result<(), Unreadable>),
    /// The time that `wake` named has come.
    Timer,
}

/// What people and the pump itself do at the bedside. Channels count from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the fields are the same in every variant: the channel, and what is asked of it")]
pub enum Bedside {
    /// A nurse loads a program.
    Program { channel: u8, entry: String, rate: Decimal },
    /// A nurse starts or resumes.
    Start { channel: u8 },
    /// A nurse sets the start for later.
    Delay { channel: u8 },
    /// The time of a delayed start has come.
    DelayOver { channel: u8 },
    /// A nurse pauses.
    Pause { channel: u8 },
    /// A nurse changes the rate.
    Titrate { channel: u8, rate: Decimal },
    /// A nurse gives a bolus.
    Bolus { channel: u8 },
    /// The bolus is given.
    BolusOver { channel: u8 },
    /// The volume to be infused is given.
    VolumeDone { channel: u8 },
    /// An alarm sounds. It sounds at once, whatever else is going on (N5).
    Alarm { channel: u8 },
    /// A nurse deals with the alarm.
    Silence { channel: u8 },
    /// A nurse ends the infusion: the program is gone.
    Stop { channel: u8 },
}

impl Bedside {
    /// Which channel.
    #[must_use]
    pub const fn channel(&self) -> u8 {
        match self {
            Self::Program { channel, .. }
            | Self::Start { channel }
            | Self::Delay { channel }
            | Self::DelayOver { channel }
            | Self::Pause { channel }
            | Self::Titrate { channel, .. }
            | Self::Bolus { channel }
            | Self::BolusOver { channel }
            | Self::VolumeDone { channel }
            | Self::Alarm { channel }
            | Self::Silence { channel }
            | Self::Stop { channel } => *channel,
        }
    }

    /// Whether a person's hand did it.
    pub(super) const fn is_by_hand(&self) -> bool {
        !matches!(self, Self::DelayOver { .. } | Self::BolusOver { .. } | Self::VolumeDone { .. } | Self::Alarm { .. })
    }

    /// Whether it reads the current library: the only act that a hold can keep waiting.
    pub(super) const fn loads_program(&self) -> bool {
        matches!(self, Self::Program { .. })
    }
}

/// What the agent asks through the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// The agent's greeting.
    Hello,
    /// Therapy, now.
    Status,
    /// A hold to switch this release.
    Hold(ReleaseRef),
    /// The hold is not needed any more.
    ReleaseHold(HoldId),
    /// A whole offer arrived: everything that is needed to verify this release.
    Offered(ReleaseRef),
    /// Make this release current.
    MakeCurrent {
        /// Under which hold.
        hold: Option<HoldId>,
        /// Which release.
        release: ReleaseRef,
    },
    /// What is really current.
    ReadBack(Kind),
    /// The port closed.
    Gone,
}

/// What the controller says through the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// The greeting.
    Hello(HoldSupport),
    /// What therapy does.
    Status(Therapy),
    /// A hold.
    HoldGranted {
        /// Its name.
        id: HoldId,
        /// How long it lasts at most.
        lasts: Span,
    },
    /// No hold.
    HoldDenied(Deny),
    /// The hold ended early.
    HoldBroken(HoldId),
    /// What the controller found when it verified an offer.
    Verdict(ReleaseRef, Result<(), Refusal>),
    /// It is current now.
    Switched(ReleaseRef),
    /// It is not; what was current still is.
    SwitchRefused(ReleaseRef, SwitchRefused),
}

/// Why there is no hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deny {
    /// A channel is busy, or there is a hold already.
    Busy,
    /// The release was not verified here.
    NotOffered,
    /// This controller grants none.
    Unsupported,
    /// A person used the pump a moment ago.
    PersonNear,
}

/// Why a release was not made current.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SwitchRefused {
    /// No such hold, or it ended.
    NoHold,
    /// A channel is busy.
    Busy,
    /// Not verified here.
    NotVerified,
    /// At or below what this pump already ran.
    BelowFloor,
    /// Could not be written.
    Storage,
}

/// Why a nurse's key did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refused {
    /// Not in this state.
    NotNow,
    /// No library that can be read.
    NoLibrary,
    /// The entry is not in the library.
    NotInLibrary,
    /// Outside the hard limits.
    OutsideLimits,
}

/// What the storage holds where therapy reads the library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pointer {
    /// Nothing yet.
    #[default]
    Empty,
    /// This release, whole.
    Whole(ReleaseRef),
    /// Something that is not one whole release.
    Torn,
}

/// One thing to do, in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Replace the stored shelf, atomically and durably.
    Persist(Shelf),
    /// Make therapy read this release, which is kept whole. Answered by `Input::Moved`.
    MovePointer(Option<ReleaseRef>),
    /// Verify the offer of this release: root chain, threshold, digest; keep it whole. Answered by `Input::Verified`.
    Verify(ReleaseRef),
    /// Tell the agent, if it is there.
    Say(Word),
    /// Read what is stored (digest computed again, entries, a rendered sample) and tell the agent.
    ReadBack {
        /// Which kind.
        kind: Kind,
        /// What should be there.
        current: Option<ReleaseRef>,
    },
    /// A channel changed: the pump's own screen, and the agent.
    Show {
        /// Which channel.
        channel: u8,
        /// What it does.
        state: ChannelState,
        /// The library that governs it.
        library: Option<Version>,
    },
    /// A nurse's key did nothing.
    Refuse {
        /// Which channel.
        channel: u8,
        /// Why.
        why: Refused,
    },
}
