//! The certificate authority at the hub: signing without holding up anybody else.
//!
//! Its key may be in a device that takes its time, or that is gone. So the loop that serves the links never waits for
//! it: such work runs on threads of its own, few of them, each for a limited time. When the device is gone, no new
//! certificate is issued and no list is signed; what is in use stays in use, and no link is touched (N1, N8).

pub mod alarms;
mod desk;
pub mod ledger;
mod rehearsal;
pub mod subordinate;

pub(crate) use desk::{sign, sign_crl};
