//! The daemon on the pump: it carries out the effects of the pure `pump` machine and decides nothing about therapy.
//!
//! | module | what it is |
//! |---|---|
//! | `config` | what a maker or hospital sets |
//! | `identity` | the pump's key and certificates: made here, enrolled and renewed over EST |
//! | `sealed` | encrypted files and the append-only journal, whole after a power loss at any byte |
//! | `tpm` | a TPM 2.0, where a pump may keep its keys |
//! | `tuf` | full TUF verification and background fetching |
//! | `aside` | conversations that wait for a slow key beside the loop |
//! | `clock` | the pump's clock |
//! | `fault` | what a simulation or a test may do to the agent |
//! | `ledger` | a simulation's witness of events |
//! | `frames` | frames over one stream |
//! | `link` | the live link's client side |
//! | `outbox` | what happened and is not yet durable at the hub |
//! | `session` | the live link over time: back-off, greeting, heartbeat |
//! | `trust` | whom the pump believes to be its hub: the slot of trust anchors |
//! | `controller` | the port to the therapy controller |
//! | `wipe` | the end of a pump's life: key first, then the rest, and a receipt |
//! | `daemon` | the one loop that owns the state |

mod aside;
mod clock;
pub mod config;
pub mod controller;
pub mod daemon;
pub mod fault;
pub mod frames;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod identity;
pub mod ledger;
pub mod link;
pub mod outbox;
pub mod sealed;
pub mod session;
pub mod tpm;
mod trust;
pub mod tuf;
pub mod wipe;

/// The agent's own version, as it tells its peers.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
