//! The shared words: kinds, channel states, refusals, release references.

use wardline_model::{ChannelState, HoldSupport, Kind, Refusal, ReleaseRef, Version};

use super::{Refused, digest, same_words};
use crate::common;

same_words!(
    crate::common::Kind,
    wardline_model::Kind,
    "a kind",
    read_kind,
    write_kind,
    [Firmware, DrugLibrary, WirelessProfile, FirewallPolicy, TrustAnchors]
);
same_words!(
    crate::common::ChannelState,
    wardline_model::ChannelState,
    "a channel state",
    read_channel_state,
    write_channel_state,
    [Idle, Programmed, DelayedStart, Infusing, Bolus, Paused, KeepVeinOpen, Alarming]
);
same_words!(
    crate::common::Refusal,
    wardline_model::Refusal,
    "a refusal",
    read_refusal,
    write_refusal,
    [
        Signatures,
        Stale,
        Digest,
        BelowFloor,
        DoesNotFit,
        UnexpectedActive,
        Withdrawn,
        Controller,
        UnsupportedKind,
        TooLarge,
        StorageFull
    ]
);

/// Hold support is the one enumeration where "not said" is a value: [`HoldSupport::Unknown`].
pub(crate) fn read_hold_support(number: i32) -> Result<HoldSupport, Refused> {
    match common::HoldSupport::try_from(number) {
        Ok(common::HoldSupport::Unspecified) => Ok(HoldSupport::Unknown),
        Ok(common::HoldSupport::Grants) => Ok(HoldSupport::Grants),
        Ok(common::HoldSupport::Cannot) => Ok(HoldSupport::Cannot),
        Err(_) => Err(Refused::Unknown("hold support", number)),
    }
}

pub(crate) fn write_hold_support(value: HoldSupport) -> i32 {
    (match value {
        HoldSupport::Unknown => common::HoldSupport::Unspecified,
        HoldSupport::Grants => common::HoldSupport::Grants,
        HoldSupport::Cannot => common::HoldSupport::Cannot,
    }) as i32
}

impl TryFrom<common::ReleaseRef> for ReleaseRef {
    type Error = Refused;

    fn try_from(from: common::ReleaseRef) -> Result<Self, Refused> {
        Ok(Self {
            kind: read_kind(from.kind)?,
            version: Version(from.version),
            digest: digest(&from.digest)?,
            length: from.length,
        })
    }
}

impl From<ReleaseRef> for common::ReleaseRef {
    fn from(from: ReleaseRef) -> Self {
        Self {
            kind: write_kind(from.kind),
            version: from.version.0,
            digest: from.digest.as_bytes().to_vec(),
            length: from.length,
        }
    }
}

impl From<Kind> for common::Kind {
    fn from(kind: Kind) -> Self {
        Self::try_from(write_kind(kind)).unwrap_or(Self::Unspecified)
    }
}

impl From<ChannelState> for common::ChannelState {
    fn from(state: ChannelState) -> Self {
        Self::try_from(write_channel_state(state)).unwrap_or(Self::Unspecified)
    }
}

impl From<Refusal> for common::Refusal {
    fn from(refusal: Refusal) -> Self {
        Self::try_from(write_refusal(refusal)).unwrap_or(Self::Unspecified)
    }
}

/// A release that must be there.
pub(crate) fn release(what: &'static str, from: Option<common::ReleaseRef>) -> Result<ReleaseRef, Refused> {
    from.ok_or(Refused::Missing(what))?.try_into()
}
