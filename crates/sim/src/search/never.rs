//! The never events that the search judges, and how often each was put to the test.
//!
//! A scene in which no library moves proves nothing about N2, however many worlds it has. So a search counts the moves
//! that could have broken each never event, and claims only what it counted.

use std::collections::BTreeMap;
use std::fmt;

/// A never event that the search judges (the words are in docs/safety.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Never {
    /// Therapy changes without the bedside. Tested by every step of a controller with a busy channel that no person made.
    N1,
    /// A release that touches therapy switches while a program is loaded. Tested by every such switch.
    N2,
    /// Limits change under a program. Tested by every step of a controller that has one.
    N3,
    /// What was approved is not what runs. Tested by every confirmation.
    N4,
    /// An alarm waits. Tested by every alarm.
    N5,
    /// Something half written is used. Tested by every program that is loaded, and by power loss in the middle of a switch.
    N6,
    /// There is no usable release. Tested by every program that is asked for, and by every attempt that fails.
    N7,
    /// Taking a pump's certificate back, or its end, touches therapy. Tested by everything that happens to certificates,
    /// clocks and authorities while a channel is busy.
    N8,
    /// Something waits for a person. Tested in every world: from each, moves that do nothing for the update's sake must
    /// lead to a pump at rest.
    N12,
    /// Something older than what was relied on runs, or something that nobody signed. Tested whenever a slot moves or a
    /// release is relied on.
    N13,
}

impl Never {
    /// All of them, in the order of docs/safety.md.
    pub const ALL: [Self; 10] =
        [Self::N1, Self::N2, Self::N3, Self::N4, Self::N5, Self::N6, Self::N7, Self::N8, Self::N12, Self::N13];

    /// Its name in docs/safety.md.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::N1 => "N1",
            Self::N2 => "N2",
            Self::N3 => "N3",
            Self::N4 => "N4",
            Self::N5 => "N5",
            Self::N6 => "N6",
            Self::N7 => "N7",
            Self::N8 => "N8",
            Self::N12 => "N12",
            Self::N13 => "N13",
        }
    }
}

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many moves put each never event to the test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tested(BTreeMap<Never, usize>);

impl Tested {
    /// How often this one was.
    #[must_use]
    pub fn times(&self, never: Never) -> usize {
        self.0.get(&never).copied().unwrap_or(0)
    }

    /// Those that were tested at all, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (Never, usize)> {
        self.0.iter().map(|(never, times)| (*never, *times))
    }

    pub(super) fn add(&mut self, never: Never, times: usize) {
        *self.0.entry(never).or_insert(0) += times;
    }
}
