//! The contract between hub and agent, and between agent and therapy controller: schema, versions, limits.
//!
//! Bytes from outside become a schema struct here, then a value of `model` or a [`Refused`] that says what was wrong.
//! Nothing in this crate panics on any input, nothing allocates what a peer merely announces, and nothing is believed
//! because of where it came from.
//!
//! | module | what it is |
//! |---|---|
//! | [`link`] | frames of the live link (`proto/link.proto`) |
//! | [`port`] | frames of the controller port (`proto/controller.proto`) |
//! | [`common`] | words that both share |
//! | [`limits`] | every size, with its reason |
//! | [`frame`] | length and message to bytes and back |
//! | [`posture`] | what a pump signs when it states its posture |
//! | [`enrolment_code`] | what the QR code on a new pump's label says |
//! | [`text`] | what text may hold |
//! | [`version`] | which protocol version two peers speak |

mod convert;
pub mod enrolment_code;
pub mod frame;
pub mod limits;
pub mod posture;
pub mod text;
pub mod version;

pub use convert::{
    Ask, Channel, Current, DenyReason, Greeting, Holding, Part, ReadBack, Refused, Say, SwitchRefusal, therapy,
};
pub use frame::{FrameError, FrameReader, FrameWriter};

#[allow(missing_docs, clippy::all, reason = "made from proto/*.proto, where the documentation is")]
mod schema {
    include!(concat!(env!("OUT_DIR"), "/schema.rs"));
}

/// Words that the live link and the controller port share.
pub mod common {
    pub use crate::schema::wardline::common::v1::*;
}

/// Frames of the live link.
pub mod link {
    pub use crate::schema::wardline::link::v1::*;
}

/// Frames of the controller port.
pub mod port {
    pub use crate::schema::wardline::controller::v1::*;
}

#[cfg(test)]
mod tests;
