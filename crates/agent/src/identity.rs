//! The pump's identity: its key and certificates, made and kept here, enrolled and renewed over EST (RFC 7030).
//!
//! The private key is made on the pump and never leaves it; with a TPM, it never leaves the TPM. Key, certificates and everything that the pump pins lie in
//! one sealed file, which is replaced as a whole: a pump that loses power has its old identity or its new one.
//!
//! Two rules are kept here. What was pinned (the fleet's root, the hub's goal key, the first release root) never changes
//! silently: another hub, or a stolen one, cannot put its own keys in their place (N13). And an identity that works is
//! given up only when its successor has been seen to work.
//!
//! A pump that has no identity yet keeps its new key before it asks for the first certificate. When the answer is lost, or
//! the power, it asks again with the same key, and a one-time code that is used by then still brings it its certificate.
//!
//! | file | what it is |
//! |---|---|
//! | `kept.rs` | what the sealed file holds |
//! | `key.rs` | the private keys, in software or in a TPM |
//! | `request.rs` | certificate requests, and reading what came back |
//! | `bootstrap.rs` | the first root, by the fingerprint on a label |
//! | `est.rs` | the HTTPS client of the hub's enrolment listener |
//! | `steps.rs` | enrol, provision, renew, prove: one step from what is kept to what is kept next |
//! | `farewell.rs` | asking for a wipe order, and handing in its receipt |
//! | `pace.rs` | when the next step is due |

mod bootstrap;
mod est;
mod farewell;
mod kept;
mod key;
mod pace;
mod request;
mod steps;
#[cfg(test)]
mod tests;

pub(crate) use farewell::{Farewell, ask as ask_farewell, hand_in, sign as sign_farewell};
pub(crate) use kept::{FILE, Kept};
pub(crate) use key::KeyHome;
pub(crate) use pace::Pace;
#[cfg(feature = "fuzzing")]
pub(crate) use request::answer;
pub(crate) use steps::{Settings, act, next_step};
pub(crate) use wardline_pump::identity::IdentityStep as Step;

/// Why a step did not work. It says what, and what happens next or what somebody can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub(crate) struct Failed {
    /// What was wrong.
    pub(crate) why: String,
    /// The hub asked to wait this many seconds.
    pub(crate) retry_after_s: Option<u64>,
    /// The hub (or its handshake) said no to exactly what was shown, so showing it again helps little.
    pub(crate) is_refusal: bool,
    /// Nothing is wrong: a person must approve the pump first (202), and it asks again with the same key.
    pub(crate) is_waiting: bool,
}

impl Failed {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), retry_after_s: None, is_refusal: false, is_waiting: false }
    }
}
