//! What will happen, in order of time, and at one time in the order in which it was put down: the same seed always meets
//! the same things in the same order.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use wardline_model::{ChannelState, Kind, ReleaseRef, Sequence, Time, Version};
use wardline_pump::Found;

use super::trouble::Trouble;
use crate::controller::{Ask, Word};

/// One thing that will happen. Each names the life in which it was put down: what belongs to an earlier life of a pump, of
/// its agent or of the hub is gone with it.
#[derive(Clone, Debug)]
pub(super) enum Happens {
    /// A nurse comes to a channel.
    Nurse { pump: usize, life: u32, channel: u8 },
    /// A nurse programs a channel at once, on top of all rounds.
    Hurry { pump: usize, life: u32, channel: u8 },
    /// Somebody looks whether a nurse still waits for an update.
    StillWaiting { pump: usize, life: u32 },
    /// Power comes.
    PowerOn { pump: usize },
    /// The agent's process starts.
    AgentStarts { pump: usize, life: u32 },
    /// The agent asks the controller.
    ToController { pump: usize, agent: u32, ask: Ask },
    /// The controller says something to the agent.
    ToAgent { pump: usize, agent: u32, said: Said },
    /// The controller has verified an offer.
    Verified { pump: usize, life: u32, release: ReleaseRef },
    /// The controller's pointer is written.
    Written { pump: usize, life: u32 },
    /// The controller's timer.
    ControllerWakes { pump: usize, life: u32 },
    /// The agent's timer.
    AgentWakes { pump: usize, agent: u32 },
    /// The link session's timer.
    SessionWakes { pump: usize, agent: u32 },
    /// A fetch ends.
    FetchEnds { pump: usize, agent: u32, release: ReleaseRef },
    /// A connection is made, or is not.
    Connects { pump: usize, agent: u32, attempt: u64 },
    /// A frame arrives at the hub.
    Up { link: u64, frame: Up },
    /// A frame arrives at the pump.
    Down { link: u64, frame: Down },
    /// The hub's group commit.
    Commit { life: u32 },
    /// The hub's planner.
    Plans { life: u32 },
    /// The hub starts.
    HubStarts,
    /// People decide something about releases.
    People(People),
    /// The adversary.
    Trouble(Trouble),
    /// A pump looks at its certificate.
    Identity { pump: usize },
    /// An hour is over.
    Hour,
}

/// What the controller says.
#[derive(Clone, Debug)]
pub(super) enum Said {
    Word(Word),
    Shown { channel: u8, state: ChannelState, library: Option<Version> },
    Found { kind: Kind, found: Box<Found> },
}

/// What a pump sends.
#[derive(Clone, Debug)]
pub(super) enum Up {
    Hello(Box<Hello>),
    Events(Vec<wardline_model::Event>),
    Report(Box<wardline_model::Report>),
    End,
}

/// The greeting.
#[derive(Clone, Debug)]
pub(super) struct Hello {
    pub(super) generation: wardline_model::Generation,
}

/// What the hub sends.
#[derive(Clone, Debug)]
pub(super) enum Down {
    Welcome(Sequence),
    Goal(Vec<u8>),
    Ack(Sequence),
    NewMetadata,
    Close { stay_away_s: u64 },
    End,
}

/// What people decide about releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum People {
    /// Publish the next library of the story and roll it out.
    Publish(usize),
    /// Withdraw it.
    Withdraw(usize),
}

#[derive(Debug)]
struct Entry {
    at: Time,
    number: u64,
    what: Happens,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    /// The earliest is the greatest: a heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// Everything that will happen.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Entry>,
    next: u64,
}

impl Agenda {
    pub(super) fn add(&mut self, at: Time, what: Happens) {
        self.next += 1;
        self.heap.push(Entry { at, number: self.next, what });
    }

    pub(super) fn next(&mut self) -> Option<(Time, Happens)> {
        self.heap.pop().map(|entry| (entry.at, entry.what))
    }
}
