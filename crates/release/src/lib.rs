//! Signed metadata to verified releases: thresholds, expiry, floors, withdrawal.
//!
//! Releases are signed offline by the people who answer for them, in The Update Framework's own format (TUF
//! specification 1.0). This crate reads bytes and says yes with a [`Verified`] value, or no with a [`Refused`] that names
//! the file and what was wrong. It fetches nothing, keeps nothing and reads no clock.
//!
//! | module | what it is |
//! |---|---|
//! | [`client`] | the TUF client workflow, complete, as a machine that is fed bytes: the agent's side |
//! | [`therapy`] | what the therapy controller checks for itself before it believes a release |
//! | [`goal`] | goals, signed by the hub |
//! | [`anchors`] | a set of trust anchors: the artifact of that kind |
//! | [`author`] | making metadata: what `wardline release` writes |
//! | [`wipe`] | the order to forget everything, signed by the hub, and the pump's receipt |
//! | [`threshold`] | the one check of signatures, used by all of them |
#![no_std]

extern crate alloc;

pub mod anchors;
pub mod author;
pub mod client;
pub mod date;
pub mod goal;
pub mod json;
pub mod key;
pub mod limits;
pub mod meta;
mod refused;
mod release;
pub mod therapy;
pub mod threshold;
mod verified;
pub mod wipe;

pub use refused::{Refused, Why};
pub use release::{Release, release_path, required_role, sha256};
pub use verified::Verified;

#[cfg(test)]
mod tests;
