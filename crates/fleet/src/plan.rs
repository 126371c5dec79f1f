//! The rollout planner: which pumps get a new goal now, and why every other pump does not.
//!
//! `plan(rollout, fleet, now)` is recomputed from scratch each time; it keeps no script and no per-pump stage. The rules
//! that it never breaks:
//!
//! * after a halt there are no changes at all, and the first disproof is a halt;
//! * never more pumps on trial than the cap, counting every pump that was given the release and has not finished with it;
//! * every change has a generation above all that hub and pump know, and names what the pump is expected to run now, so
//!   a plan made on an old report does nothing at the pump;
//! * a pump that is quarantined, lost, retired or not heard of gets no goal;
//! * a plan made again from the same facts, after its changes were stored, is empty.
//!
//! The planner never decides the moment of a switch: that is the pump's own.

mod judge;
mod rings;
mod rules;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use wardline_model::{
    CareArea, Generation, Goal, GoalSlot, Kind, Lifecycle, Model, Outcome, PumpId, Refusal, Report, SlotReport,
    SlotState, Span, SwitchWhen, Time, covers,
};

use crate::phase::HEARD_WITHIN;
pub use judge::Tally;
pub use rings::RingProgress;
pub use rules::{Ring, RingMembers, RuleError, Rules};
pub use schedule::{Day, Schedule, ScheduleError, Window};

/// What the planner knows of one pump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PumpFacts {
    /// Who it is.
    pub id: PumpId,
    /// Its place in its life.
    pub lifecycle: Lifecycle,
    /// Where it belongs.
    pub care_area: CareArea,
    /// Its model.
    pub model: Model,
    /// Its newest goal as stored.
    pub goal: Option<Goal>,
    /// Its newest report.
    pub report: Option<Report>,
    /// When the hub received that report, or last heard a heartbeat that confirmed it.
    pub heard: Option<Time>,
}

/// Where people have put a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Pumps may be given their turn.
    Running,
    /// It stopped itself for now: too many attempts gave no proof. It goes on by itself when its rule allows.
    PausedItself,
    /// A person stopped it for now.
    Paused,
    /// It stopped itself, or was ended. It never goes on.
    Halted,
}

/// A rollout: what was ordered, and where people have put it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// What was ordered.
    pub rules: Rules,
    /// Where it stands.
    pub standing: Standing,
}

/// A goal to be signed, stored and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoalChange {
    /// The goal that this change was planned on: the store refuses the change when it holds another by now.
    pub based_on: Generation,
    /// The new goal.
    pub goal: Goal,
}

/// What should happen to the rollout as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "verdict")]
pub enum Verdict {
    /// It goes on.
    Proceed,
    /// It goes on when the window opens.
    OutsideWindow {
        /// When.
        opens: Time,
    },
    /// A person or a rule has paused it.
    Paused,
    /// It was halted before.
    Halted,
    /// Stop for good now: a pump disproved the release.
    Halt {
        /// Which pump.
        pump: PumpId,
        /// How its attempt ended.
        outcome: Outcome,
    },
    /// Stop for now: too many attempts ended without a proof. No other pump gets its turn, but those that were tried may
    /// try again after their rest; once enough of them prove the release, the rollout goes on by itself.
    Pause {
        /// The counts that it was judged by.
        tally: Tally,
    },
    /// Every pump that is not taken down runs the release. Pumps that come later still get it while the rollout runs.
    Everywhere,
}

/// Why a pump did or did not get a change in this plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "turn")]
pub enum Turn {
    /// It runs the release.
    Settled,
    /// This plan gives it the goal.
    Given,
    /// It has the goal and is working on it.
    Working,
    /// Its ring is not open.
    RingClosed {
        /// The ring's number, from 0.
        ring: usize,
    },
    /// Its ring is open, but as many pumps as allowed are on trial.
    CapReached,
    /// The schedule does not allow new goals now.
    OutsideWindow,
    /// The rollout is paused or halted.
    Stopped,
    /// It has not been heard of lately, so nobody knows what it runs.
    NotHeard,
    /// It is expected, quarantined, lost or retired.
    NotInService,
    /// Its controller cannot grant a hold, so it gets no remote switch of this kind.
    NoHold,
    /// It runs something newer.
    RunsNewer,
    /// It would not take the release.
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// Its last attempt did not end well; it may try again after the rules' pause.
    Resting {
        /// How it ended.
        outcome: Outcome,
    },
    /// It needs a person.
    OutOfService,
}

impl Turn {
    /// The sentence on the screen.
    #[must_use]
    pub fn sentence(self) -> String {
        match self {
            Self::Settled => "runs the release".into(),
            Self::Given => "is given its goal now".into(),
            Self::Working => "has its goal and is working on it".into(),
            Self::RingClosed { ring } => format!("waits for ring {} to be opened", ring + 1),
            Self::CapReached => "waits until fewer pumps are on trial".into(),
            Self::OutsideWindow => "waits for the schedule's next window".into(),
            Self::Stopped => "waits: the rollout is stopped".into(),
            Self::NotHeard => "has not been heard of; it gets its goal when it reports".into(),
            Self::NotInService => "is not in service; nothing is sent to it".into(),
            Self::NoHold => "cannot be switched from afar: its controller grants no hold".into(),
            Self::RunsNewer => "runs something newer already".into(),
            Self::Refused { refusal } => format!("refused it because {}", crate::explain::refusal(refusal)),
            Self::Resting { outcome } => format!("rests after an attempt: {}", crate::explain::outcome(outcome)),
            Self::OutOfService => "is out of service and needs a person".into(),
        }
    }
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What should happen to the rollout.
    pub verdict: Verdict,
    /// The goals to make.
    pub changes: Vec<GoalChange>,
    /// How far each ring is.
    pub rings: Vec<RingProgress>,
    /// How many pumps may be on trial now, after the changes.
    pub on_trial: usize,
    /// Why every pump did or did not get a change.
    pub turns: BTreeMap<PumpId, Turn>,
}

/// Decides what to do now. See the rules at the top of this file.
#[must_use]
pub fn plan(rollout: &Rollout, fleet: &[PumpFacts], now: Time) -> Plan {
    covers!("N8", "N13");
    let rules = &rollout.rules;
    let places: BTreeMap<PumpId, Place> = fleet.iter().map(|pump| (pump.id, place(rules, pump, now))).collect();
    let tally = Tally::count(places.values());
    let rings = rings::progress(rules, fleet, &places);
    let verdict = verdict(rollout, &places, tally, now);
    let mut on_trial = places.values().filter(|place| place.may_be_on_trial()).count();
    let mut changes = Vec::new();
    let mut turns = BTreeMap::new();
    // The fleet is walked in the rings' own order, so that the choice does not depend on how the facts were sorted.
    for (pump, ring) in rings::in_order(rules, fleet) {
        let place = places[&pump.id];
        let turn = turn(rollout, &verdict, &rings, ring, place, on_trial, now);
        if turn == Turn::Given {
            if !place.runs_it() {
                on_trial += 1;
            }
            changes.push(change(rules, pump, now));
        }
        turns.insert(pump.id, turn);
    }
    Plan { verdict, changes, rings, on_trial, turns }
}

/// Where a pump is, seen from one rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// No goal may be given to it, and it does not count.
    NotInService,
    /// It runs the release, and its goal agrees.
    Settled,
    /// It runs the release, but its goal wants something else of the slot.
    SettledElsewhere,
    /// It runs something newer.
    RunsNewer,
    /// It was given the release and may switch to it at any moment.
    Working { heard: Heard },
    /// Its attempt ended, not well, and it may try again when `rested`.
    Ended { outcome: Outcome, rested: Rested },
    /// It refused the release, based on what it runs.
    Refused { refusal: Refusal },
    /// It needs a person.
    OutOfService,
    /// It cannot be switched from afar.
    NoHold,
    /// It may be given the release.
    Ready,
    /// It may be given the release once it is heard of again.
    NotHeard,
}

/// Whether a pump is in contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Within [`HEARD_WITHIN`].
    Lately,
    /// Not lately.
    NotLately,
    /// Not for as long as the rules' patience: it no longer counts as on trial, and nobody is blamed.
    NotForLong,
}

/// Whether a pump that did not succeed may try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rested {
    /// It may.
    Yes,
    /// Not yet.
    NotYet,
}

impl Place {
    /// Whether it runs the release.
    pub(crate) const fn runs_it(self) -> bool {
        matches!(self, Self::Settled | Self::SettledElsewhere)
    }

    /// Whether it counts against the cap: it was given the release and nothing has ended yet.
    pub(crate) const fn may_be_on_trial(self) -> bool {
        matches!(self, Self::Working { heard: Heard::Lately | Heard::NotLately })
    }
}

fn place(rules: &Rules, pump: &PumpFacts, now: Time) -> Place {
    if !pump.lifecycle.may_link() {
        return Place::NotInService;
    }
    let kind = rules.release.kind;
    let slot = pump.report.as_ref().map(|report| *report.slots.get(kind)).unwrap_or_default();
    let asked = pump.goal.as_ref().and_then(|goal| goal.slots.get(kind).want);
    let asked_for_it = asked.is_some_and(|want| want.digest == rules.release.digest);
    let heard = heard(rules, pump, now);
    if slot.state == SlotState::OutOfService {
        return Place::OutOfService;
    }
    let runs_it = slot.active.is_some_and(|active| active.digest == rules.release.digest);
    match slot.state {
        SlotState::Trial | SlotState::Switching if asked_for_it => return Place::Working { heard },
        _ if runs_it && (asked_for_it || asked.is_none()) => return Place::Settled,
        _ if runs_it => return Place::SettledElsewhere,
        _ if slot.active.is_some_and(|active| active.version > rules.release.version) => return Place::RunsNewer,
        _ => {}
    }
    if asked_for_it {
        return asked_place(rules, pump, &slot, heard, now);
    }
    let cannot_hold = pump.report.as_ref().is_some_and(|report| report.hold == wardline_model::HoldSupport::Cannot);
    if cannot_hold && kind.row().when != SwitchWhen::Alone {
        return Place::NoHold;
    }
    match heard {
        Heard::Lately => Place::Ready,
        Heard::NotLately | Heard::NotForLong => Place::NotHeard,
    }
}

/// The place of a pump whose goal wants this release and that does not run it.
fn asked_place(rules: &Rules, pump: &PumpFacts, slot: &SlotReport, heard: Heard, now: Time) -> Place {
    let (Some(goal), Some(report)) = (&pump.goal, &pump.report) else {
        return Place::Working { heard };
    };
    // Before the pump has taken this goal up, what it says of an ended attempt is about an older one.
    if report.generation < goal.generation {
        return Place::Working { heard };
    }
    let ended = slot.state == SlotState::WentBack || slot.wait == Some(wardline_model::Wait::Refused);
    let Some(outcome) = slot.last.filter(|_| ended) else {
        return Place::Working { heard };
    };
    // A pump that is not heard of would not take a goal up, and while it is silent nobody would count it.
    let rested = match heard {
        Heard::Lately if now.since(goal.issued) >= rules.rest => Rested::Yes,
        Heard::Lately | Heard::NotLately | Heard::NotForLong => Rested::NotYet,
    };
    match outcome {
        Outcome::Refused(Refusal::UnexpectedActive) => {
            // The plan was stale. It is made anew as soon as the pump says what it runs.
            let expected = goal.slots.get(rules.release.kind).expect;
            let is_stale = slot.active.map(|active| active.digest) != expected;
            let rested = if is_stale && heard == Heard::Lately { Rested::Yes } else { rested };
            Place::Ended { outcome, rested }
        }
        Outcome::Refused(refusal @ (Refusal::Stale | Refusal::Digest | Refusal::TooLarge | Refusal::StorageFull))
            if rested == Rested::NotYet =>
        {
            Place::Refused { refusal }
        }
        // These can pass without a new release: fresher metadata, a repaired disk, room made.
        Outcome::Refused(Refusal::Stale | Refusal::Digest | Refusal::TooLarge | Refusal::StorageFull) => {
            Place::Ended { outcome, rested }
        }
        Outcome::Refused(refusal) => Place::Refused { refusal },
        Outcome::OutOfService => Place::OutOfService,
        Outcome::Confirmed | Outcome::Disproved(_) | Outcome::Unproven | Outcome::Interrupted | Outcome::Unknown => {
            Place::Ended { outcome, rested }
        }
    }
}

fn heard(rules: &Rules, pump: &PumpFacts, now: Time) -> Heard {
    match pump.heard.map(|heard| now.since(heard)) {
        Some(age) if age <= HEARD_WITHIN => Heard::Lately,
        Some(age) if age <= rules.patience => Heard::NotLately,
        Some(_) | None => Heard::NotForLong,
    }
}

fn verdict(rollout: &Rollout, places: &BTreeMap<PumpId, Place>, tally: Tally, now: Time) -> Verdict {
    let disproof = places.iter().find_map(|(pump, place)| match place {
        Place::Ended { outcome: outcome @ Outcome::Disproved(_), .. } => Some((*pump, *outcome)),
        _ => None,
    });
    match rollout.standing {
        Standing::Halted => return Verdict::Halted,
        Standing::Running | Standing::PausedItself | Standing::Paused => {}
    }
    if let Some((pump, outcome)) = disproof {
        return Verdict::Halt { pump, outcome };
    }
    if rollout.standing == Standing::Paused {
        return Verdict::Paused;
    }
    // Before it goes on, those that try again must have come to an end: what is on its way counts as unproven until then.
    let on_its_way = match rollout.standing {
        Standing::PausedItself => places.values().filter(|place| place.may_be_on_trial()).count(),
        Standing::Running | Standing::Paused | Standing::Halted => 0,
    };
    let judged = Tally { unproven: tally.unproven + on_its_way, ..tally };
    if judged.demands_pause(&rollout.rules) {
        return Verdict::Pause { tally };
    }
    let mut counted = places.values().filter(|place| **place != Place::NotInService).peekable();
    if counted.peek().is_some() && counted.all(|place| matches!(place, Place::Settled | Place::RunsNewer)) {
        return Verdict::Everywhere;
    }
    match rollout.rules.schedule.opens(now) {
        None => Verdict::Proceed,
        Some(opens) => Verdict::OutsideWindow { opens },
    }
}

fn turn(
    rollout: &Rollout,
    verdict: &Verdict,
    rings: &[RingProgress],
    ring: Option<usize>,
    place: Place,
    on_trial: usize,
    now: Time,
) -> Turn {
    let candidate = match place {
        Place::NotInService => return Turn::NotInService,
        Place::Settled => return Turn::Settled,
        Place::RunsNewer => return Turn::RunsNewer,
        Place::Working { .. } => return Turn::Working,
        Place::Refused { refusal } => return Turn::Refused { refusal },
        Place::OutOfService => return Turn::OutOfService,
        Place::NoHold => return Turn::NoHold,
        Place::NotHeard => return Turn::NotHeard,
        Place::Ended { outcome, rested: Rested::NotYet } => return Turn::Resting { outcome },
        Place::Ended { outcome: outcome @ Outcome::Disproved(_), .. } => return Turn::Resting { outcome },
        Place::SettledElsewhere | Place::Ended { rested: Rested::Yes, .. } | Place::Ready => place,
    };
    let was_tried = matches!(candidate, Place::Ended { .. });
    match verdict {
        Verdict::Paused | Verdict::Halted | Verdict::Halt { .. } => return Turn::Stopped,
        // The way out of this pause: a pump that could not prove the release an hour ago may prove it now.
        Verdict::Pause { .. }
            if was_tried
                && rollout.standing == Standing::PausedItself
                && rollout.rules.schedule.opens(now).is_none() => {}
        Verdict::Pause { .. } => return Turn::Stopped,
        Verdict::OutsideWindow { .. } => return Turn::OutsideWindow,
        Verdict::Proceed | Verdict::Everywhere => {}
    }
    match ring {
        Some(ring) if rings[ring].open => {}
        // A pump of no ring is treated like one of a ring after the last, which never opens.
        Some(ring) => return Turn::RingClosed { ring },
        None => return Turn::RingClosed { ring: rings.len() },
    }
    if candidate.runs_it() || on_trial < rollout.rules.cap { Turn::Given } else { Turn::CapReached }
}

/// The new goal of a pump: the rollout's slot changed, the other slots as they were.
fn change(rules: &Rules, pump: &PumpFacts, now: Time) -> GoalChange {
    let stored = pump.goal.as_ref().map_or(Generation(0), |goal| goal.generation);
    // A hub restored from a backup may know less than its pumps: the new number is above both.
    let known = stored.max(pump.report.as_ref().map_or(Generation(0), |report| report.generation));
    let generation = Generation(known.0.saturating_add(1));
    let active = pump.report.as_ref().and_then(|report| report.slots.get(rules.release.kind).active);
    let mut goal = match &pump.goal {
        Some(goal) => Goal { generation, issued: now, ..goal.clone() },
        None => Goal::empty(pump.id, generation, now),
    };
    for kind in Kind::ALL {
        let said = pump.report.as_ref().map(|report| *report.slots.get(kind)).unwrap_or_default();
        let runs = said.active.map(|active| active.digest);
        let slot = goal.slots.get_mut(kind);
        // A pump tries an ended attempt again under a new generation. What it disproved must not be tried again only
        // because another slot got a new goal.
        if said.state == SlotState::WentBack && matches!(said.last, Some(Outcome::Disproved(_))) {
            *slot = GoalSlot::default();
        }
        // A slot that got what it wanted is now expected to run just that.
        if slot.want.is_some_and(|want| Some(want.digest) == runs) {
            slot.expect = runs;
        }
    }
    *goal.slots.get_mut(rules.release.kind) =
        GoalSlot { want: Some(rules.release), expect: active.map(|active| active.digest) };
    GoalChange { based_on: stored, goal }
}

/// The pumps that a named set of care areas covers, for screens that show a ring before it is ordered.
#[must_use]
pub fn in_care_areas<'a>(fleet: &'a [PumpFacts], areas: &BTreeSet<CareArea>) -> Vec<&'a PumpFacts> {
    fleet.iter().filter(|pump| areas.contains(&pump.care_area)).collect()
}

/// How long the planner waits, by default, before it lets a pump try again after an attempt without a proof.
pub const REST: Span = Span::from_h(1);

/// How long, by default, a pump that was given a release and fell silent still counts as on trial.
pub const PATIENCE: Span = Span::from_h(24);

#[cfg(test)]
mod tests;
