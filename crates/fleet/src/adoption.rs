//! How far a release has come, how fast, and who is behind, with a reason and an owner for every pump that is.
//!
//! The curve is made of samples that the hub keeps; shares are whole numbers, so two screens never disagree by a rounding.

use serde::{Deserialize, Serialize};
use wardline_model::{AssetTag, CareArea, Owner, PumpId, ReleaseRef, Span, Time, Wait};

use crate::phase::{Evidence, Phase, SlotPhase, phase};

/// How many pumps had settled at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// When.
    pub at: Time,
    /// Pumps that run the release.
    pub settled: u64,
    /// Pumps that hold it ready to switch.
    pub staged: u64,
    /// Pumps that should run it.
    pub wanted: u64,
}

/// What the hospital wants: this share of its in-use pumps within this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The share.
    pub percent: u8,
    /// Within this time of the start.
    pub within: Span,
}

/// The product's own aims for a drug library (docs: performance): half in 2 hours, 80 % in 12 hours, 99 % in 48 hours.
pub const TARGETS: [Target; 3] = [
    Target { percent: 50, within: Span::from_h(2) },
    Target { percent: 80, within: Span::from_h(12) },
    Target { percent: 99, within: Span::from_h(48) },
];

/// How one target stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Milestone {
    /// What is wanted.
    pub target: Target,
    /// How long after the start the share was reached first, if it was.
    pub reached: Option<Span>,
    /// When it will be reached at the latest pace, if that can be said.
    pub predicted: Option<Time>,
}

/// The curve of a release, measured against [`TARGETS`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Curve {
    /// When the rollout was started.
    pub started: Time,
    /// The samples, oldest first.
    pub points: Vec<Point>,
    /// The share now, in whole percent, rounded down: 100 means all of them.
    pub percent: u64,
    /// How the targets stand.
    pub milestones: Vec<Milestone>,
}

/// Measures samples (oldest first) against the targets.
#[must_use]
pub fn curve(started: Time, points: Vec<Point>, now: Time) -> Curve {
    let milestones = TARGETS.map(|target| milestone(started, &points, target, now)).to_vec();
    let percent = points.last().map_or(0, share);
    Curve { started, points, percent, milestones }
}

/// The settled share of a sample in whole percent, rounded down; zero when nobody should run it.
const fn share(point: &Point) -> u64 {
    match (point.settled * 100).checked_div(point.wanted) {
        Some(share) => share,
        None => 0,
    }
}

fn milestone(started: Time, points: &[Point], target: Target, now: Time) -> Milestone {
    let there = |point: &&Point| point.wanted > 0 && share(point) >= u64::from(target.percent);
    let reached = points.iter().find(there).map(|point| point.at.since(started));
    let predicted = if reached.is_some() { None } else { predict(points, target, now) };
    Milestone { target, reached, predicted }
}

/// Straight on at the pace since half of today's number had settled. Says nothing before there is a pace, nor when
/// nothing has settled for as long as that stretch.
fn predict(points: &[Point], target: Target, now: Time) -> Option<Time> {
    let last = points.last()?;
    let base = points.iter().rev().find(|point| point.settled * 2 <= last.settled)?;
    let newest = points.iter().find(|point| point.settled == last.settled)?;
    let (gained, took) = (last.settled.checked_sub(base.settled)?, newest.at.since(base.at).as_ms());
    if gained == 0 || took == 0 || now.since(newest.at).as_ms() > took {
        return None;
    }
    let needed = (last.wanted * u64::from(target.percent)).div_ceil(100).checked_sub(last.settled)?;
    let more = u128::from(took) * u128::from(needed) / u128::from(gained);
    Some(newest.at + Span::from_ms(u64::try_from(more).ok()?))
}

/// A pump that should run a release and does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Straggler {
    /// Which pump.
    pub pump: PumpId,
    /// What people read from its sticker.
    pub asset_tag: AssetTag,
    /// Where it belongs.
    pub care_area: CareArea,
    /// Where it is on its way, why, since when, and whose turn it is.
    pub slot: SlotPhase,
    /// Where it was last heard of.
    pub last_place: Option<String>,
    /// When.
    pub last_heard: Option<Time>,
}

/// A pump, as the straggler list needs it.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// Which pump.
    pub pump: PumpId,
    /// What people read from its sticker.
    pub asset_tag: AssetTag,
    /// Where it belongs.
    pub care_area: CareArea,
    /// What its phase is computed from.
    pub evidence: Evidence<'a>,
    /// Where it was last heard of.
    pub last_place: Option<String>,
}

/// The pumps that do not run `release` yet: those that need a person first, then the oldest waits first.
#[must_use]
pub fn stragglers(candidates: &[Candidate<'_>], release: ReleaseRef, now: Time) -> Vec<Straggler> {
    let mut behind: Vec<Straggler> = candidates
        .iter()
        .filter_map(|candidate| {
            let slot = phase(&candidate.evidence, release.kind, now);
            let runs_it = slot.active.is_some_and(|active| active.digest == release.digest);
            let on_trial = matches!(slot.last_known, Phase::Trial | Phase::Switching);
            let in_play = candidate.evidence.lifecycle != wardline_model::Lifecycle::Retired;
            ((!runs_it || on_trial) && in_play).then(|| Straggler {
                pump: candidate.pump,
                asset_tag: candidate.asset_tag.clone(),
                care_area: candidate.care_area.clone(),
                slot,
                last_place: candidate.last_place.clone(),
                last_heard: candidate.evidence.heard,
            })
        })
        .collect();
    behind.sort_by(|a, b| {
        let needs_nobody = |straggler: &Straggler| straggler.slot.owner == Owner::Nobody;
        (needs_nobody(a), core::cmp::Reverse(a.slot.age), &a.asset_tag).cmp(&(
            needs_nobody(b),
            core::cmp::Reverse(b.slot.age),
            &b.asset_tag,
        ))
    });
    behind
}

/// How many stragglers wait for which reason and owner, most first.
#[must_use]
pub fn by_reason(stragglers: &[Straggler]) -> Vec<(Option<Wait>, Owner, usize)> {
    let mut counts: std::collections::BTreeMap<(Option<Wait>, Owner), usize> = std::collections::BTreeMap::new();
    for straggler in stragglers {
        *counts.entry((straggler.slot.wait, straggler.slot.owner)).or_default() += 1;
    }
    let mut list: Vec<_> = counts.into_iter().map(|((wait, owner), count)| (wait, owner, count)).collect();
    list.sort_by_key(|(wait, owner, count)| (core::cmp::Reverse(*count), *wait, *owner));
    list
}

#[cfg(test)]
mod tests;
