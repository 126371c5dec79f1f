//! The server that a hospital runs: pure decisions from the other rooms, carried out on real sockets and a real
//! database.
//!
//! | module | what it is |
//! |---|---|
//! | `changes` | what changed since somebody last looked |
//! | `clock` | the hub's clock |
//! | `config` | what the operator may set, with defaults |
//! | `keys` | the files that hold the hub's private keys, encrypted at rest |
//! | `state` | the one shared state: store, live links, registry guard |
//! | `decide` | the one way to decide about a pump |
//! | `tls` | TLS 1.3 acceptors and the registry check in the handshake |
//! | `door` | one listener: seats, time limits, who was turned away |
//! | `patience` | time limits on bodies and on peers that do not read |
//! | `refusals` | which refusals of strangers go into the audit |
//! | `approval` | who may enrol without a person |
//! | `trust` | which certificate authorities count, and the change from one to the next |
//! | `est` | RFC 7030 enrolment |
//! | `repo` | TUF metadata and artifacts, served and accepted |
//! | `link` | the live link's server side |
//! | `status` | CRL and OCSP for third parties, over plain HTTP |
//! | `console` | HTTP API and web console |
//! | `tasks` | what runs by the clock: planner, checkpoints, expiry |
//! | `sheet` | labels with QR codes for new pumps |
//! | `server` | starts and ends all of it |

pub mod approval;
pub mod ca;
pub mod changes;
pub mod clock;
pub mod coa;
pub mod config;
pub mod console;
pub mod decide;
mod door;
pub mod est;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod keys;
pub mod link;
mod patience;
mod refusals;
pub mod repo;
pub mod server;
pub mod sheet;
pub mod state;
pub mod status;
pub mod tasks;
pub mod tls;
pub mod trust;
