//! A whole fleet moves from one root to another on virtual time: weeks in seconds, the same seed gives the same weeks.
//!
//! What decides is the real code: the slot machine of crate `pump` with its trials and its own timer, the decision about a
//! pump's certificate (`wardline_pump::identity`), the judgement of who is behind and how each comes back
//! (`wardline_fleet::roll_over`), and real certificates of two roots with their issuing authorities and cross
//! certificates. What is invented is what stands around them: which pumps sleep and for how long, lost power, people who
//! move on without the last ones, and therapy, which a watcher compares before and after everything that the change does.
//!
//! At the end every way back that was told is walked: whoever is told to come back by itself must do so, a code is brought
//! to whoever needs one, and a new root to whoever missed the window. A pump that is still not there is lost, and a lost
//! pump is a violation.
//!
//! | file | what it is |
//! |---|---|
//! | `hub` | the authorities, the stages and the chain that each pump is shown |
//! | `pump` | one pump: what it believes, its certificate, its machine, its bedside |
//! | `world` | all of them, hour after hour |

mod hub;
mod pump;
#[cfg(test)]
mod tests;
mod world;

use std::fmt;

use serde::Serialize;

/// How many pumps may live through it.
pub const PUMPS: std::ops::RangeInclusive<usize> = 1..=20_000;
/// For how many weeks: the shortest leave time for two sets, the longest is the life of a sleeping pump's patience.
pub const WEEKS: std::ops::RangeInclusive<u64> = 12..=104;

/// Something that is broken on purpose, to see that the watcher finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The hub shows the new chain without the old root's word for the new one.
    NoCrossCertificate,
    /// A trust step stops what runs.
    TouchesTherapy,
}

/// What is lived through.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many pumps.
    pub pumps: usize,
    /// How many weeks.
    pub weeks: u64,
    /// The seed of all dice.
    pub seed: u64,
    wrong: Option<Wrong>,
}

impl Settings {
    /// These many pumps and weeks by this seed.
    #[must_use]
    pub const fn new(pumps: usize, weeks: u64, seed: u64) -> Self {
        Self { pumps, weeks, seed, wrong: None }
    }

    #[cfg(test)]
    const fn with(self, wrong: Wrong) -> Self {
        Self { wrong: Some(wrong), ..self }
    }

    /// The command that makes it happen again.
    #[must_use]
    pub fn command(&self) -> String {
        format!("wardline sim roll-over --pumps {} --weeks {} --seed {}", self.pumps, self.weeks, self.seed)
    }
}

/// A pump that was behind when the change was finished, with the way back that it was told and took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// Its number.
    pub pump: usize,
    /// What was left to do there.
    pub left: String,
    /// How it comes back, as the hub's list tells it.
    pub way: String,
}

/// What it came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The seed.
    pub seed: u64,
    /// How many pumps.
    pub pumps: usize,
    /// How many weeks.
    pub weeks: u64,
    /// The command that makes it again.
    pub command: String,
    /// How many slept for a week or longer at some time.
    pub slept: usize,
    /// On which day every pump that was awake had proven the new root.
    pub proven_on: Option<u64>,
    /// On which day the hub moved, and how many pumps it left behind then.
    pub moved: Option<(u64, usize)>,
    /// On which day it finished.
    pub finished_on: Option<u64>,
    /// Those that were behind then.
    pub missed: Vec<Missed>,
    /// How many trials of a set were proven, and how many were taken back by the pumps' own timers.
    pub proven: u64,
    /// Taken back.
    pub taken_back: u64,
    /// How many certificates were renewed, and how many pumps enrolled again.
    pub renewed: u64,
    /// Enrolled again.
    pub enrolled: u64,
    /// How often a busy channel was compared before and after a step of the change (N1, N8).
    pub watched: u64,
    /// The first thing that must never happen, if it did.
    pub violation: Option<String>,
}

/// Lives through it. `week` is told after each week how many have passed.
pub fn run(settings: &Settings, week: impl FnMut(u64)) -> Summary {
    world::World::new(*settings).run(week)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} pumps for {} weeks, seed {}; {} of them slept for a week or longer.",
            self.pumps, self.weeks, self.seed, self.slept
        )?;
        let day = |day: Option<u64>| day.map_or_else(|| "never".to_owned(), |day| format!("on day {day}"));
        writeln!(f, "Every pump that was awake had proven the new root {}.", day(self.proven_on))?;
        if let Some((on, left)) = self.moved {
            writeln!(f, "The hub moved on day {on}, and left {left} pumps behind for then.")?;
        }
        writeln!(f, "It finished {}.", day(self.finished_on))?;
        writeln!(
            f,
            "{} trials of a set of trust anchors were proven and {} taken back by the pumps themselves; {} certificates \
             were renewed, {} pumps enrolled again.",
            self.proven, self.taken_back, self.renewed, self.enrolled
        )?;
        writeln!(f, "A busy channel was compared {} times before and after a step of the change.", self.watched)?;
        if self.missed.is_empty() {
            writeln!(f, "No pump missed the window.")?;
        } else {
            writeln!(
                f,
                "\n{} pumps missed the window; each came back by the way that the list told:",
                self.missed.len()
            )?;
            for one in &self.missed {
                writeln!(f, "  pump {:<5} {:<8} {}", one.pump, one.left, one.way)?;
            }
        }
        match &self.violation {
            None => writeln!(f, "\nNo pump was lost, and no never event happened.\nAgain: {}", self.command),
            Some(what) => writeln!(f, "\nVIOLATION: {what}\nAgain: {}", self.command),
        }
    }
}
