//! How far a new pump has come from its box to service, what it waits for, since when, and whose turn it is.
//!
//! | stage | the pump has |
//! |---|---|
//! | expected | a line on the hospital's list |
//! | code out | a one-time code that nobody has used yet |
//! | at the door | asked for a certificate, and was turned away |
//! | asking | asked, and waits for a person to approve it |
//! | enrolled | a certificate |
//! | linked | a live link, and no goal |
//! | goal given | a goal that its drug library does not meet yet |
//! | library current | the library that it should; another slot is still on its way |
//! | in service | everything that its goal wants |
//!
//! Nothing of this is stored: it is computed from the list, codes, refusals, certificate, link, goal and report, so it
//! cannot disagree with them. A pump that has been in service for [`NEW_FOR`] is no longer new, unless it never came to
//! run the first thing that it was given.

use serde::{Deserialize, Serialize};
use wardline_model::{Goal, Kind, Lifecycle, Owner, PerKind, Report, Span, Time};

use crate::phase::{Phase, SlotPhase};
use crate::profile::First;

/// How long a pump in service is still listed as new: a week's delivery stays in sight.
pub const NEW_FOR: Span = Span::from_days(7);

/// How far a pump has come. The order is that of its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// On the list.
    Expected,
    /// A code is out.
    CodeOut,
    /// Turned away at the door.
    AtTheDoor,
    /// Waits for a person's approval.
    Asking,
    /// Holds a certificate.
    Enrolled,
    /// Has linked, and has no goal.
    Linked,
    /// Has a goal that its library does not meet.
    GoalGiven,
    /// Has its library; something else is on its way.
    LibraryCurrent,
    /// Has everything.
    InService,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 9] = [
        Self::Expected,
        Self::CodeOut,
        Self::AtTheDoor,
        Self::Asking,
        Self::Enrolled,
        Self::Linked,
        Self::GoalGiven,
        Self::LibraryCurrent,
        Self::InService,
    ];

    /// The word in addresses and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::CodeOut => "code-out",
            Self::AtTheDoor => "at-the-door",
            Self::Asking => "asking",
            Self::Enrolled => "enrolled",
            Self::Linked => "linked",
            Self::GoalGiven => "goal-given",
            Self::LibraryCurrent => "library-current",
            Self::InService => "in-service",
        }
    }

    /// The words on the screen.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::CodeOut => "code issued",
            Self::AtTheDoor => "turned away",
            Self::Asking => "waits for approval",
            Self::Enrolled => "enrolled",
            Self::Linked => "linked",
            Self::GoalGiven => "goal given",
            Self::LibraryCurrent => "library current",
            Self::InService => "in service",
        }
    }

    /// How long a pump may stay here before somebody should look, even if nobody's turn it is.
    const fn usual(self) -> Option<Span> {
        match self {
            // A box may stand in a store for a while.
            Self::Expected => Some(Span::from_days(30)),
            Self::CodeOut => Some(Span::from_h(24)),
            Self::AtTheDoor => Some(Span::ZERO),
            Self::Asking => Some(Span::from_h(1)),
            // The agent links within seconds of its certificate.
            Self::Enrolled => Some(Span::from_min(15)),
            Self::Linked => Some(Span::from_h(1)),
            // A switch waits for therapy to end.
            Self::GoalGiven | Self::LibraryCurrent => Some(Span::from_days(1)),
            Self::InService => None,
        }
    }
}

impl core::str::FromStr for Stage {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text).ok_or(
            "expected one of: expected, code-out, at-the-door, asking, enrolled, linked, goal-given, library-current, \
             in-service",
        )
    }
}

/// A refusal at the door that named this pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnedAway<'a> {
    /// When last.
    pub at: Time,
    /// Why, in words.
    pub why: &'a str,
}

/// Everything that progress is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Its place in its life.
    pub lifecycle: Lifecycle,
    /// Since when it is there.
    pub since: Time,
    /// When a code was made that can still be used.
    pub code: Option<Time>,
    /// The newest refusal since it was put on the list.
    pub turned_away: Option<TurnedAway<'a>>,
    /// Since when it waits for a person's approval.
    pub asking: Option<Time>,
    /// Its newest goal.
    pub goal: Option<&'a Goal>,
    /// Its newest report.
    pub report: Option<&'a Report>,
    /// The phase of its slots.
    pub slots: &'a PerKind<SlotPhase>,
    /// What its profile would give it now; `None` when it has no profile, or no report to judge by.
    pub first: Option<&'a PerKind<First>>,
}

/// How far a new pump has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The last stage that it has reached.
    pub stage: Stage,
    /// Since when.
    pub since: Option<Time>,
    /// What it waits for, as a sentence without its full stop; empty when it waits for nothing.
    pub waits_for: String,
    /// Whose turn it is.
    pub owner: Owner,
    /// Whether somebody should look: it has waited for longer than this stage usually takes, or cannot go on alone.
    pub stuck: bool,
}

/// How far a pump has come; `None` when it is not new, or was taken down.
#[must_use]
pub fn progress(evidence: &Evidence<'_>, now: Time) -> Option<Progress> {
    let Evidence { lifecycle, since, .. } = *evidence;
    let at = |stage, since, waits_for: &str, owner| Progress {
        stage,
        since: Some(since),
        waits_for: waits_for.into(),
        owner,
        stuck: false,
    };
    let progress = match lifecycle {
        Lifecycle::Quarantined | Lifecycle::Lost | Lifecycle::Retired => return None,
        Lifecycle::Expected => match (evidence.asking, evidence.turned_away, evidence.code) {
            (Some(since), _, _) => at(Stage::Asking, since, "a person to approve it", Owner::Biomed),
            (None, Some(away), code) if code.is_none_or(|made| made <= away.at) => {
                at(Stage::AtTheDoor, away.at, away.why, Owner::Biomed)
            }
            (None, _, Some(made)) => at(Stage::CodeOut, made, "its code to be scanned at the pump", Owner::Biomed),
            (None, _, None) => {
                let waits = "the pump to be switched on within reach of the hub, or a one-time code for it";
                at(Stage::Expected, since, waits, Owner::Biomed)
            }
        },
        Lifecycle::Enrolled => at(Stage::Enrolled, since, "its first link", Owner::It),
        Lifecycle::InService => in_service(evidence, now)?,
    };
    let age = progress.since.map(|since| now.since(since));
    let is_late = progress.stage.usual().zip(age).is_some_and(|(usual, age)| age >= usual);
    let is_helpless = matches!(progress.stage, Stage::Linked | Stage::GoalGiven | Stage::LibraryCurrent)
        && progress.owner != Owner::Nobody;
    Some(Progress { stuck: is_late || is_helpless, ..progress })
}

/// A pump that has linked.
fn in_service(evidence: &Evidence<'_>, now: Time) -> Option<Progress> {
    let Evidence { since, goal, report, slots, .. } = *evidence;
    let is_new = now.since(since) <= NEW_FOR;
    let at = |stage, since, waits_for: String, owner| {
        Some(Progress { stage, since: Some(since), waits_for, owner, stuck: false })
    };
    let Some(goal) = goal else {
        if !is_new {
            return None;
        }
        let Some((waits_for, owner)) = without_goal(evidence) else {
            return at(Stage::InService, since, String::new(), Owner::Nobody);
        };
        return at(Stage::Linked, since, waits_for, owner);
    };
    let behind = |kind: &Kind| goal.slots.get(*kind).want.is_some() && slots.get(*kind).phase != Phase::Settled;
    let Some(kind) = [Kind::DrugLibrary].into_iter().chain(Kind::ALL).find(behind) else {
        return if is_new { at(Stage::InService, since, String::new(), Owner::Nobody) } else { None };
    };
    let never_ran = report.is_none_or(|report| report.slots.get(kind).active.is_none());
    if !is_new && !never_ran {
        return None;
    }
    let slot = slots.get(kind);
    let stage = if kind == Kind::DrugLibrary { Stage::GoalGiven } else { Stage::LibraryCurrent };
    let wait = slot.wait.map_or("the pump to work on it", |wait| wait.sentence());
    let waits_for = match slot.want {
        Some(want) => format!("{} {}: {wait}", kind.label().to_lowercase(), want.version),
        None => format!("{}: {wait}", kind.label().to_lowercase()),
    };
    at(stage, goal.issued.max(since), waits_for, slot.owner)
}

/// What a linked pump without a goal waits for; `None` when nothing is wanted of it.
fn without_goal(evidence: &Evidence<'_>) -> Option<(String, Owner)> {
    if evidence.report.is_none() {
        return Some(("its first report".into(), Owner::Nobody));
    }
    let Some(first) = evidence.first else {
        return Some(("a profile for its care area, or a rollout that reaches it".into(), Owner::Biomed));
    };
    let name = |kind: Kind| kind.label().to_lowercase();
    let mut missing = None;
    for (kind, slot) in first.iter() {
        match slot {
            First::Given(_) => return Some(("its first goal, which comes within seconds".into(), Owner::Nobody)),
            First::WaitsForRing(version) => {
                let waits = format!("its ring in the rollout of {} {version}", name(kind));
                return Some((waits, Owner::Nobody));
            }
            First::NoHold => {
                let waits =
                    format!("its maker: the controller grants no hold, so its {} cannot be switched", name(kind));
                return Some((waits, Owner::Maker));
            }
            // Only the drug library is what a pump cannot be in service without.
            First::NoRelease if kind == Kind::DrugLibrary => {
                let waits = "a drug library: none was published, or none has settled yet";
                missing = Some((waits.to_owned(), Owner::Pharmacy));
            }
            First::NoRelease | First::NotWanted | First::RunsNewer(_) => {}
        }
    }
    missing
}

#[cfg(test)]
mod tests;
