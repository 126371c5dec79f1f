//! What a month is made of: how many pumps, how long, which seed, and whether there is trouble.

use wardline_model::{Span, Time};
use wardline_pump::Rules;

/// A Monday, 00:00. Any other would do.
pub(super) const BEGINS: Time = Time::from_unix_s(1_772_409_600);

/// The least and the most pumps of a month.
pub const PUMPS: std::ops::RangeInclusive<usize> = 8..=5_000;

/// The least and the most days.
pub const DAYS: std::ops::RangeInclusive<u64> = 5..=365;

/// How long a new library is left alone, at the longest, before people publish the next one. In the field it is 28.8 days;
/// the month is in more of a hurry, so that it sees more releases.
const LONGEST_BETWEEN: Span = Span::from_days(3);

/// What a month is made of. The same settings give the same month, to the last event.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many pumps.
    pub pumps: usize,
    /// How many days.
    pub days: u64,
    /// The seed of all dice.
    pub seed: u64,
    /// Whether anything goes wrong.
    pub weather: Weather,
    pub(super) rules: Rules,
    pub(super) wrong: Option<Wrong>,
}

/// Whether anything goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Only nurses, shelves and good releases: the month that adoption is measured in.
    Fair,
    /// Everything that the adversary knows.
    Foul,
}

/// What a test may break in the hub's edge, to show that the month would see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code, reason = "only tests break anything"))]
pub(super) enum Wrong {
    /// Events are acknowledged when they arrive, not when they are durable.
    AcksBeforeCommit,
    /// The hub stores what is sent again, again.
    StoresTwice,
    /// The planner's cap is not passed on.
    ForgetsTheCap,
    /// A disproof is taken for bad luck.
    ForgetsDisproofs,
    /// A read-back is not compared with what was signed.
    ComparesNothing,
    /// An alarm waits until somebody has time.
    DelaysAlarms,
    /// The hub takes a pump's link although it was taken down.
    LinksTheQuarantined,
    /// The pump sends events before its disk has them.
    SendsBeforeKeeping,
    /// Agent and controller take what nobody signed.
    BelievesAnybody,
    /// A pump whose certificate has ended does not enrol again.
    NeverEnrolsAgain,
    /// The end of a certificate switches the pump off.
    EndStopsTherapy,
}

impl Settings {
    /// A month as the issue asks for: this many pumps for this many days, with everything that can go wrong.
    #[must_use]
    pub const fn new(pumps: usize, days: u64, seed: u64, weather: Weather) -> Self {
        Self { pumps, days, seed, weather, rules: Rules::all(), wrong: None }
    }

    pub(super) fn ends(&self) -> Time {
        BEGINS + Span::from_days(self.days)
    }

    /// How long after a release the next one is published.
    pub(super) fn between(&self) -> Span {
        Span::from_ms(LONGEST_BETWEEN.as_ms().min(Span::from_days(self.days).as_ms() / 8))
    }

    /// The command that makes this month again.
    #[must_use]
    pub fn command(&self) -> String {
        let fair = match self.weather {
            Weather::Fair => " --fair",
            Weather::Foul => "",
        };
        format!("wardline sim month --pumps {} --days {} --seed {}{fair}", self.pumps, self.days, self.seed)
    }
}
