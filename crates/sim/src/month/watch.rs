//! A watcher who believes nobody: keeps its own books, and compares after every step.
//!
//! | never event | what is compared |
//! |---|---|
//! | N1 | a busy channel changes only by a hand at the bedside or by its own delivery |
//! | N2 | the library moves only under a hold, and never while a program is loaded |
//! | N3, N6 | a program has the limits of one whole library from the moment it is loaded until it is gone |
//! | N4 | nothing is confirmed that reads back otherwise than approved |
//! | N5 | an alarm sounds at once |
//! | N7 | no nurse is ever told that there is no library, and no slot goes out of service |
//! | N8 | nothing of a taken-down pump reaches the hub, and taking it down changes nothing at the bedside |
//! | N11 | what a pump's disk has kept is stored at the hub once and in order, and acknowledged only after |
//! | N12 | no nurse waits longer than a blink for an update |
//! | N13 | nothing unsigned and nothing older than what was relied on becomes current |
//! | plan | never more pumps working on a release than the cap; nothing given after a halt; no goal made on an older one; no switch away from something else than the goal expected |

use std::collections::{BTreeMap, VecDeque};

use wardline_model::{Event, Sequence, Version};

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    N1,
    N2,
    N3N6,
    N4,
    N5,
    N7,
    N8,
    N11,
    N12,
    N13,
    Plan,
}

impl Check {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::N1 => "N1",
            Self::N2 => "N2",
            Self::N3N6 => "N3, N6",
            Self::N4 => "N4",
            Self::N5 => "N5",
            Self::N7 => "N7",
            Self::N8 => "N8",
            Self::N11 => "N11",
            Self::N12 => "N12",
            Self::N13 => "N13",
            Self::Plan => "planner",
        }
    }
}

/// The first thing that must never happen, and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) id: &'static str,
    pub(super) pump: Option<usize>,
    pub(super) what: String,
}

/// The watcher's own books.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) checks: BTreeMap<Check, u64>,
    pub(super) broken: Option<Broken>,
    pub(super) ledgers: Vec<Ledger>,
    /// The newest library that therapy or a proof relied on, of each pump.
    pub(super) relied: Vec<Version>,
}

/// The events of one pump: what its disk promised and the hub does not have yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    promised: VecDeque<Event>,
    stored: u64,
}

impl Watch {
    pub(super) fn new(pumps: usize) -> Self {
        Self {
            checks: BTreeMap::new(),
            broken: None,
            ledgers: vec![Ledger::default(); pumps],
            relied: vec![Version(1); pumps],
        }
    }

    /// Counts a comparison, and keeps the first that fails.
    pub(super) fn check(&mut self, check: Check, pump: usize, holds: bool, what: impl FnOnce() -> String) {
        *self.checks.entry(check).or_default() += 1;
        if !holds {
            self.fail(check.word(), Some(pump), what());
        }
    }

    pub(super) fn fail(&mut self, id: &'static str, pump: Option<usize>, what: String) {
        self.broken.get_or_insert(Broken { id, pump, what });
    }

    /// Therapy or a proof relies on this version from now on.
    pub(super) fn rely(&mut self, pump: usize, on: Version, why: &str) {
        let relied = self.relied[pump];
        self.check(Check::N13, pump, on >= relied, || format!("{why} relies on version {on} after version {relied}"));
        self.relied[pump] = relied.max(on);
    }

    /// The pump's disk has this event.
    pub(super) fn kept(&mut self, pump: usize, event: &Event) {
        let ledger = &mut self.ledgers[pump];
        let next = ledger.stored + ledger.promised.len() as u64 + 1;
        ledger.promised.push_back(event.clone());
        let seq = event.seq;
        self.check(Check::N11, pump, seq.0 == next, || format!("event {seq} was kept where {next} was next"));
    }

    /// The hub's disk has this event.
    pub(super) fn stored(&mut self, pump: usize, event: &Event) {
        let ledger = &mut self.ledgers[pump];
        let promised = ledger.promised.pop_front();
        ledger.stored += 1;
        let (seq, next) = (event.seq, ledger.stored);
        self.check(Check::N11, pump, promised.as_ref() == Some(event), || {
            format!("the hub stored event {seq} as number {next}, and the pump's disk had {promised:?} there")
        });
    }

    /// The pump heard this acknowledgement.
    pub(super) fn acknowledged(&mut self, pump: usize, acked: Sequence) {
        let stored = self.ledgers[pump].stored;
        self.check(Check::N11, pump, acked.0 <= stored, || {
            format!("events up to {acked} were acknowledged, and only {stored} are durable at the hub")
        });
    }

    /// How many events of a pump are not at the hub.
    pub(super) fn owed(&self, pump: usize) -> usize {
        self.ledgers[pump].promised.len()
    }

    pub(super) fn stored_up_to(&self) -> u64 {
        self.ledgers.iter().map(|ledger| ledger.stored).sum()
    }
}
