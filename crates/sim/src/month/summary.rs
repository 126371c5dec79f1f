//! What a month came to: for people, and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use wardline_fleet::adoption::{TARGETS, curve};
use wardline_model::{Span, Time};

use super::people::{Ended, Sort};
use super::settings::{Settings, Weather};
use super::world::{World, clock};

/// What a month came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The seed.
    pub seed: u64,
    /// How many pumps.
    pub pumps: usize,
    /// How many days.
    pub days: u64,
    /// Whether things went wrong.
    pub foul: bool,
    /// The command that makes the same month again.
    pub command: String,
    /// How many things happened.
    pub steps: u64,
    /// Infusions that were started.
    pub infusions: u64,
    /// Of a hundred pumps that were switched on, how many had a program loaded, on average over all hours.
    pub busy_percent: u64,
    /// Of a hundred pumps, how many were switched on.
    pub on_percent: u64,
    /// Everything that was done at a bedside.
    pub acts: u64,
    /// Alarms that sounded.
    pub alarms: u64,
    /// Acts of nurses that waited (for less than a second) for a switch.
    pub waited: u64,
    /// Libraries switched, forward and back.
    pub switches: u64,
    /// Goals that the hub gave.
    pub goals: u64,
    /// Turns of the planner.
    pub plans: u64,
    /// Events that are durable at the hub.
    pub events: u64,
    /// What went wrong, and how often.
    pub troubles: BTreeMap<String, u64>,
    /// How often each never event was looked for.
    pub checks: BTreeMap<String, u64>,
    /// Every release and how far it came.
    pub releases: Vec<Adoption>,
    /// The first thing that must never happen, and did.
    pub violation: Option<Violation>,
}

/// How far a release came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Adoption {
    /// Its version.
    pub version: u64,
    /// Good, bad, withdrawn or replaced.
    pub sort: String,
    /// How its rollout stands at the end.
    pub ended: String,
    /// When it was published.
    #[serde(skip)]
    pub started: Time,
    /// How long it had until the next release or the end.
    pub had: Span,
    /// Pumps that proved it.
    pub pumps: usize,
    /// In-service pumps, by the hub's last sample.
    pub in_service: u64,
    /// Pumps that were in use: a program was loaded on them on the release's first and on its second day,
    /// and nobody had taken them down or reported them lost.
    pub in_use: usize,
    /// When half of all in-service pumps ran it, as the hub's curve says.
    pub half: Option<Span>,
    /// When 80 % did.
    pub eighty: Option<Span>,
    /// When 99 % of the in-use pumps ran it.
    pub in_use_99: Option<Span>,
    /// Of a thousand in-use pumps, how many ran it 48 hours after the start.
    pub in_use_per_mille_48_h: Option<u64>,
}

/// Something that must never happen, and did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// The never event.
    pub id: String,
    /// When, on the month's clock.
    pub at: String,
    /// The pump, by its number and id.
    pub pump: Option<String>,
    /// What was seen.
    pub what: String,
    /// The last things that happened to that pump.
    pub story: Vec<String>,
}

impl Summary {
    pub(super) fn of(world: &World, violation: Option<Violation>) -> Self {
        let Settings { seed, pumps, days, weather, .. } = world.settings;
        Self {
            seed,
            pumps,
            days,
            foul: weather == Weather::Foul,
            command: world.settings.command(),
            steps: world.steps,
            infusions: world.counts.infusions,
            busy_percent: (world.counts.busy * 100).checked_div(world.counts.on).unwrap_or(0),
            on_percent: (world.counts.on * 100).checked_div(world.counts.looked).unwrap_or(0),
            acts: world.counts.acts,
            alarms: world.counts.alarms,
            waited: world.counts.waited,
            switches: world.counts.switches,
            goals: world.counts.goals,
            plans: world.counts.plans,
            events: world.watch.stored_up_to(),
            troubles: world.counts.troubles.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect(),
            checks: world.watch.checks.iter().map(|(check, count)| (check.word().to_owned(), *count)).collect(),
            releases: (0..world.people.tales.len()).filter_map(|at| adoption(world, at)).collect(),
            violation,
        }
    }

    /// The releases that had the time to be measured by the product's aims: good ones that stayed the newest for two days.
    pub fn measured(&self) -> impl Iterator<Item = &Adoption> {
        self.releases.iter().filter(|release| release.sort == "good" && release.had >= TARGETS[2].within)
    }
}

fn adoption(world: &World, at: usize) -> Option<Adoption> {
    let tale = &world.people.tales[at];
    let started = tale.started?;
    let end = tale.ended_at.filter(|_| tale.ended != Ended::Halted).unwrap_or_else(|| world.settings.ends());
    let points = world.hub.rolling.iter().find(|rolling| rolling.story == at).map(|rolling| rolling.points.clone());
    let points = points.unwrap_or_default();
    let in_service = points.last().map_or(0, |point| point.wanted);
    let curve = curve(started, points, end);
    let reached = |percent: u8| {
        curve.milestones.iter().find(|milestone| milestone.target.percent == percent).and_then(|m| m.reached)
    };
    let in_use: Vec<usize> = tale.in_use().collect();
    let mut took: Vec<Span> =
        in_use.iter().filter_map(|pump| tale.adopted.get(pump)).map(|at| at.since(started)).collect();
    took.sort_unstable();
    let needed = (in_use.len() * 99).div_ceil(100);
    let by_48_h = took.iter().filter(|took| **took <= TARGETS[2].within).count();
    let had = end.since(started);
    Some(Adoption {
        version: tale.of.version.0,
        sort: match tale.sort {
            Sort::Good => "good",
            Sort::Bad => "bad",
            Sort::Withdrawn => "withdrawn",
            Sort::Replaced => "replaced",
        }
        .to_owned(),
        ended: tale.ended.word().to_owned(),
        started,
        had,
        pumps: tale.adopted.len(),
        in_service,
        in_use: in_use.len(),
        half: reached(50),
        eighty: reached(80),
        in_use_99: needed.checked_sub(1).and_then(|last| took.get(last).copied()),
        in_use_per_mille_48_h: (had >= TARGETS[2].within && !in_use.is_empty())
            .then(|| (by_48_h * 1_000 / in_use.len()) as u64),
    })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} pumps for {} days, seed {}: {} things happened.",
            self.pumps, self.days, self.seed, self.steps
        )?;
        writeln!(
            f,
            "At the bedside: {} infusions, {} acts of nurses, {} alarms; {} acts waited less than a second for a switch.",
            self.infusions, self.acts, self.alarms, self.waited
        )?;
        writeln!(
            f,
            "{} % of the pumps were switched on, and {} % of those had a program loaded (average over all hours).",
            self.on_percent, self.busy_percent
        )?;
        writeln!(
            f,
            "At the hub: {} events stored once and in order, {} goals in {} planner turns; {} switches on the pumps.",
            self.events, self.goals, self.plans, self.switches
        )?;
        self.releases(f)?;
        writeln!(f, "\nWhat went on and went wrong:")?;
        for (what, count) in &self.troubles {
            writeln!(f, "  {count:>9}  {what}")?;
        }
        writeln!(f, "\nChecked:")?;
        for (what, count) in &self.checks {
            writeln!(f, "  {count:>9}  {what}")?;
        }
        match &self.violation {
            None => writeln!(f, "\nNo violation.\nAgain: {}", self.command),
            Some(violation) => write!(f, "\n{violation}Again: {}\n", self.command),
        }
    }
}

impl Summary {
    fn releases(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nDrug libraries (time until this share ran it; in use: a program was loaded on its first and on its second day):"
        )?;
        writeln!(
            f,
            "  version  sort       published    pumps  half of all    80 % of all    99 % of in use  in use at 48 h"
        )?;
        for one in &self.releases {
            let span = |span: Option<Span>| span.map_or_else(|| "-".to_owned(), |span| span.to_string());
            let share = one
                .in_use_per_mille_48_h
                .map_or_else(|| "-".to_owned(), |share| format!("{}.{} % of {}", share / 10, share % 10, one.in_use));
            writeln!(
                f,
                "  {:<7}  {:<9}  {:<11}  {:>5}  {:<13}  {:<13}  {:<14}  {share}{}",
                one.version,
                one.sort,
                clock(one.started).chars().take(12).collect::<String>(),
                one.pumps,
                span(one.half),
                span(one.eighty),
                span(one.in_use_99),
                if one.ended == "running" { String::new() } else { format!("  ({})", one.ended) },
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pump = self.pump.as_deref().unwrap_or("the hub");
        writeln!(f, "VIOLATION of {} at {} at {pump}: {}", self.id, self.at, self.what)?;
        writeln!(f, "The last things that happened there:")?;
        self.story.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
