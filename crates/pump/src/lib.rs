//! What a pump does: the slot machine with its journal and recovery, the link session, the offline event queue.
//!
//! | module | what it is |
//! |---|---|
//! | `machine` | the slot machine: from a goal to a proven release, one slot at a time, under holds |
//! | `journal` | what the slot machine must find again after power loss |
//! | `identity` | when to enrol, to renew, to ask: the decision about its own certificate |
//! | `session` | when to connect, to greet, to beat and to give up: back-off with full jitter |
//! | `queue` | events kept until the hub has them for good: numbers without gaps, cumulative acknowledgement |
//!
//! Nothing here reads a clock, a file, a socket or a random source: the edge brings inputs and carries out [`Effect`]s.
#![no_std]

extern crate alloc;

mod effect;
pub mod identity;
mod input;
mod journal;
mod machine;
mod queue;
mod rules;
mod session;

pub use effect::{Effect, Effects, LinkEpoch};
pub use input::{Contents, Controller, Expected, FetchProblem, Found, HoldId, Hub, Input, SwitchProblem};
pub use journal::{Attempt, Broken, Closed, Journal, JournalError, Phase, SlotRecord, Staged};
pub use machine::{Boot, Machine, Supports, Why};
pub use queue::{Queue, QueueError, QueueLimits};
pub use rules::{Rule, Rules};
pub use session::{Session, SessionEffect, SessionInput, SessionTimes, SessionWhy};
