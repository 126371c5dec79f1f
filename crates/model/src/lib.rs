//! The nouns that every room of Wardline shares, and nothing else.
//!
//! A noun here has one spelling, one limit and one printed form, so that the pump, the hub, the wire, the database and
//! the screen cannot disagree about what a word means. This crate decides nothing, reads no clock and has no floats:
//! doses and limits are exact [`Decimal`]s (N10).
#![no_std]

extern crate alloc;

mod decimal;
mod digest;
mod event;
mod goal;
mod id;
mod kind;
mod lifecycle;
mod outcome;
mod report;
mod role;
mod therapy;
mod time;
mod wait;

pub use decimal::{Decimal, DecimalError};
pub use digest::{Digest, DigestError};
pub use event::{Event, EventBody, Sequence};
pub use goal::{Generation, Goal, GoalSlot, ReleaseRef, Version};
pub use id::{AssetTag, CareArea, Model, NameError, PumpId, PumpIdError, Serial, check_name};
pub use kind::{Kind, KindRow, PerKind, Proof, Switch, SwitchWhen, TouchesTherapy};
pub use lifecycle::{Ending, Lifecycle, QuarantineLevel};
pub use outcome::{Disproof, Outcome, Refusal};
pub use report::{Report, SlotReport, SlotState};
pub use role::Role;
pub use therapy::{ChannelState, HoldSupport, Therapy};
pub use time::{Span, Time};
pub use wait::{Owner, Wait};

/// What a name holds; named here so that [`name!`] works in crates with and without `std`.
#[doc(hidden)]
pub use alloc::string::String as NameText;

/// Marks a place that upholds or tests a never event or requirement, such as `covers!("N2")`.
///
/// The mark costs nothing at run time. `cargo xtask trace` collects every mark, prints the matrix of never events
/// against code and tests, and fails on a never event that has no test or a mark that names nothing known.
#[macro_export]
macro_rules! covers {
    ($($id:literal),+ $(,)?) => {
        $( const _: &str = $id; )+
    };
}

#[cfg(test)]
mod tests;
