//! Who is in which ring, and which rings are open.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wardline_model::PumpId;

use super::{Heard, Place, PumpFacts, RingMembers, Rules};

/// How far a ring is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RingProgress {
    /// Its name.
    pub name: String,
    /// Whether its pumps may be given goals.
    pub open: bool,
    /// Its pumps that are not taken down.
    pub members: usize,
    /// Those of them that are in contact or have settled: by these it is judged.
    pub reachable: usize,
    /// Those that run the release.
    pub settled: usize,
    /// Those that may be on trial.
    pub working: usize,
}

/// A stable, even-handed order of the pumps for one release: FNV-1a over the release's digest and the pump's id. It
/// decides nothing about safety, only who goes first, so a cryptographic hash is not needed.
fn lot(rules: &Rules, pump: PumpId) -> u64 {
    let bytes = rules.release.digest.as_bytes().iter().chain(pump.as_bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    // FNV's high bits mix poorly over short inputs: fold them (the finisher of MurmurHash3).
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

/// The pumps in the order in which they are given turns, each with its ring.
pub(super) fn in_order<'a>(rules: &Rules, fleet: &'a [PumpFacts]) -> Vec<(&'a PumpFacts, Option<usize>)> {
    let rings = assign(rules, fleet);
    let mut order: Vec<_> = fleet.iter().map(|pump| (pump, rings.get(&pump.id).copied())).collect();
    order.sort_by_cached_key(|(pump, ring)| (ring.unwrap_or(usize::MAX), lot(rules, pump.id), pump.id));
    order
}

/// The ring of each pump that is in one. Pumps that are taken down are in none: their places are free for others.
fn assign(rules: &Rules, fleet: &[PumpFacts]) -> BTreeMap<PumpId, usize> {
    let mut by_lot: Vec<_> = fleet.iter().filter(|pump| pump.lifecycle.may_link()).collect();
    by_lot.sort_by_cached_key(|pump| (lot(rules, pump.id), pump.id));
    let total = by_lot.len();
    let mut rings: BTreeMap<PumpId, usize> = BTreeMap::new();
    for (number, ring) in rules.rings.iter().enumerate() {
        let free = by_lot.iter().filter(|pump| !rings.contains_key(&pump.id));
        let members: Vec<PumpId> = match &ring.members {
            RingMembers::Percent(percent) => {
                free.take((total * usize::from(*percent)).div_ceil(100)).map(|pump| pump.id).collect()
            }
            RingMembers::CareAreas(areas) => {
                free.filter(|pump| areas.contains(&pump.care_area)).map(|pump| pump.id).collect()
            }
            RingMembers::Pumps(pumps) => free.filter(|pump| pumps.contains(&pump.id)).map(|pump| pump.id).collect(),
            RingMembers::Everyone => free.map(|pump| pump.id).collect(),
        };
        rings.extend(members.into_iter().map(|pump| (pump, number)));
    }
    rings
}

pub(super) fn progress(rules: &Rules, fleet: &[PumpFacts], places: &BTreeMap<PumpId, Place>) -> Vec<RingProgress> {
    let assigned = assign(rules, fleet);
    let mut open = true;
    let mut rings = Vec::new();
    for (number, ring) in rules.rings.iter().enumerate() {
        let members: Vec<Place> =
            assigned.iter().filter(|(_, ring)| **ring == number).map(|(pump, _)| places[pump]).collect();
        let count = |test: fn(&Place) -> bool| members.iter().filter(|place| test(place)).count();
        let progress = RingProgress {
            name: ring.name.clone(),
            open,
            members: members.len(),
            reachable: count(is_judged),
            settled: count(|place| place.runs_it() || *place == Place::RunsNewer),
            working: count(|place| place.may_be_on_trial()),
        };
        let passed = progress.members == 0
            || (progress.settled > 0
                && progress.settled * 100 >= progress.reachable * usize::from(ring.settled_percent));
        open = open && passed;
        rings.push(progress);
    }
    rings
}

/// Whether a ring waits for this pump. One that is silent, or cannot take the release at all, holds nobody up.
const fn is_judged(place: &Place) -> bool {
    match place {
        Place::Settled
        | Place::SettledElsewhere
        | Place::RunsNewer
        | Place::Working { heard: Heard::Lately | Heard::NotLately }
        | Place::Ended { .. }
        | Place::Refused { .. }
        | Place::Ready => true,
        Place::NotInService
        | Place::Working { heard: Heard::NotForLong }
        | Place::OutOfService
        | Place::NoHold
        | Place::NotHeard => false,
    }
}
