//! What a person orders when a rollout is started, with limits on every part.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wardline_model::{CareArea, PumpId, ReleaseRef, Span};

use super::{PATIENCE, REST, Schedule, ScheduleError};

/// The rules of one rollout. They are stored as the JSON of this type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    /// The release.
    pub release: ReleaseRef,
    /// Who goes first: a pump belongs to the first ring that names it.
    pub rings: Vec<Ring>,
    /// The most pumps that may be on trial at a time.
    pub cap: usize,
    /// The rollout pauses when this share of ended attempts gave no proof, and goes on by itself when pumps that try again
    /// have brought the share below it.
    pub pause_percent: u8,
    /// But only after at least this many attempts have ended, so that one pump does not stop a fleet.
    pub pause_after: usize,
    /// How long a pump rests after an attempt without a proof, before it may try again.
    pub rest: Span,
    /// How long a pump that was given the release and fell silent still counts as on trial.
    pub patience: Span,
    /// When new goals may be given.
    pub schedule: Schedule,
}

/// One ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ring {
    /// Its name on the screen.
    pub name: String,
    /// Who belongs to it.
    pub members: RingMembers,
    /// The next ring opens when this share of the ring's reachable pumps has settled, at least one of them.
    pub settled_percent: u8,
}

/// Who belongs to a ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RingMembers {
    /// This share of the fleet, picked anew for every release (so that the same pumps are not always first), rounded up.
    Percent(u8),
    /// Every pump of these care areas.
    CareAreas(BTreeSet<CareArea>),
    /// These pumps.
    Pumps(BTreeSet<PumpId>),
    /// Everybody else.
    Everyone,
}

/// What is wrong with rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// No ring.
    #[error("a rollout needs at least one ring")]
    NoRing,
    /// Too many.
    #[error("a rollout has at most {most} rings, not {0}", most = Rules::MOST_RINGS)]
    TooManyRings(usize),
    /// A name that is empty or long.
    #[error("ring {0}: its name must have 1 to {most} characters", most = Ring::LONGEST_NAME)]
    RingName(usize),
    /// Not a percentage.
    #[error("{what}: {value} is not a percentage from {least} to 100")]
    Percent {
        /// Of what.
        what: String,
        /// The value.
        value: u8,
        /// The least allowed.
        least: u8,
    },
    /// A ring that nobody can be in.
    #[error("ring {0}: it names nobody")]
    EmptyRing(usize),
    /// No pump may be on trial.
    #[error("the cap must be at least 1 pump on trial")]
    Cap,
    /// Too short a rest or patience.
    #[error("{0} must be at least {1} and at most 30 d")]
    Length(&'static str, Span),
    /// The schedule.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

impl Ring {
    /// The most characters of a ring's name: it must fit a table's column.
    pub const LONGEST_NAME: usize = 40;
}

impl Rules {
    /// The most rings: more than a person can watch.
    pub const MOST_RINGS: usize = 10;

    /// The shortest rest between two attempts of a pump: a longer one than any trial's deadline.
    pub const SHORTEST_REST: Span = Span::from_min(20);

    /// The rules that are offered when a person says nothing else: a tenth of the fleet, then half of it, then everyone;
    /// a ring opens when half of the one before has settled; at most half of `fleet_size` (and at least two pumps) on trial;
    /// a pause when a fifth of at least ten ended attempts gave no proof; at any time of day, since the pumps choose their
    /// own moments.
    ///
    /// Both count pumps that only wait for their patient's infusion to end: on a working day that is more than half of the
    /// fleet. The simulated month (`wardline sim month --fair`) showed that a cap of a quarter, and a next ring that waits
    /// for four fifths of the first, make idle pumps wait for busy ones: half of the fleet took 3 to 7 hours.
    #[must_use]
    pub fn gentle(release: ReleaseRef, fleet_size: usize) -> Self {
        let ring = |name: &str, members, settled_percent| Ring { name: name.into(), members, settled_percent };
        Self {
            release,
            rings: vec![
                ring("First", RingMembers::Percent(10), 50),
                ring("Half", RingMembers::Percent(40), 50),
                ring("Everyone", RingMembers::Everyone, 100),
            ],
            cap: fleet_size.div_ceil(2).max(2),
            pause_percent: 20,
            pause_after: 10,
            rest: REST,
            patience: PATIENCE,
            schedule: Schedule::always(),
        }
    }

    /// Checks every part.
    ///
    /// # Errors
    /// The first [`RuleError`], which names the part and what was expected.
    pub fn check(&self) -> Result<(), RuleError> {
        if self.rings.is_empty() {
            return Err(RuleError::NoRing);
        }
        if self.rings.len() > Self::MOST_RINGS {
            return Err(RuleError::TooManyRings(self.rings.len()));
        }
        for (i, ring) in self.rings.iter().enumerate() {
            ring.check(i + 1)?;
        }
        percent("the share that pauses", self.pause_percent, 1)?;
        if self.cap == 0 {
            return Err(RuleError::Cap);
        }
        length("the rest between two attempts", self.rest, Self::SHORTEST_REST)?;
        length("the patience with silent pumps", self.patience, Span::from_h(1))?;
        self.schedule.check()?;
        Ok(())
    }
}

impl Ring {
    fn check(&self, number: usize) -> Result<(), RuleError> {
        let characters = self.name.trim().chars().count();
        if characters == 0 || characters > Self::LONGEST_NAME || self.name.chars().any(char::is_control) {
            return Err(RuleError::RingName(number));
        }
        percent(&format!("ring {number}, the share that opens the next ring"), self.settled_percent, 1)?;
        match &self.members {
            RingMembers::Percent(share) => percent(&format!("ring {number}, its share of the fleet"), *share, 1),
            RingMembers::CareAreas(areas) if areas.is_empty() => Err(RuleError::EmptyRing(number)),
            RingMembers::Pumps(pumps) if pumps.is_empty() => Err(RuleError::EmptyRing(number)),
            RingMembers::CareAreas(_) | RingMembers::Pumps(_) | RingMembers::Everyone => Ok(()),
        }
    }
}

fn percent(what: &str, value: u8, least: u8) -> Result<(), RuleError> {
    if (least..=100).contains(&value) { Ok(()) } else { Err(RuleError::Percent { what: what.into(), value, least }) }
}

fn length(what: &'static str, value: Span, least: Span) -> Result<(), RuleError> {
    if (least..=Span::from_days(30)).contains(&value) { Ok(()) } else { Err(RuleError::Length(what, least)) }
}
