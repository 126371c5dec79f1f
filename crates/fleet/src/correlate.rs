//! One identity in two places: the sign of a copied key (N14).
//!
//! A pump moves, and its address with it, so a change of place is nothing. A pump that is at two places in turns within
//! minutes, or twice at once, is two machines with one key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wardline_model::{PumpId, Span, Time, covers};

/// One sight of an identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sight {
    /// When.
    pub at: Time,
    /// Who it proved to be.
    pub pump: PumpId,
    /// The network address without port.
    pub place: String,
}

/// An identity that came back to a place that it had left for another, too soon for a walk through the house.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Double {
    /// Whose identity.
    pub pump: PumpId,
    /// The two places.
    pub places: (String, String),
    /// When it was seen to come back.
    pub at: Time,
}

/// Back and forth within this time is no walk: roaming between two networks takes longer than this only when radio is bad,
/// and then a person should look anyway.
pub const BACK_AND_FORTH_WITHIN: Span = Span::from_min(5);

/// Finds identities seen at A, then B, then A again within [`BACK_AND_FORTH_WITHIN`]. One [`Double`] per identity, the
/// first. The order of the sights does not matter.
#[must_use]
pub fn doubles(sights: &[Sight]) -> Vec<Double> {
    covers!("N14");
    let mut of_pump: BTreeMap<PumpId, Vec<&Sight>> = BTreeMap::new();
    for sight in sights {
        of_pump.entry(sight.pump).or_default().push(sight);
    }
    of_pump.into_iter().filter_map(|(pump, sights)| double(pump, sights)).collect()
}

/// A stay at one place: its first and its last sight.
struct Stay<'a> {
    place: &'a str,
    from: Time,
    to: Time,
}

fn double(pump: PumpId, mut sights: Vec<&Sight>) -> Option<Double> {
    sights.sort();
    let mut stays: Vec<Stay<'_>> = Vec::new();
    for sight in sights {
        match stays.last_mut() {
            Some(stay) if stay.place == sight.place => stay.to = sight.at,
            _ => stays.push(Stay { place: &sight.place, from: sight.at, to: sight.at }),
        }
    }
    stays.windows(3).find_map(|three| {
        let [first, between, back] = three else { return None };
        let returned = first.place == back.place && back.from.since(first.to) <= BACK_AND_FORTH_WITHIN;
        returned.then(|| Double { pump, places: (first.place.into(), between.place.into()), at: back.from })
    })
}

#[cfg(test)]
mod tests;
