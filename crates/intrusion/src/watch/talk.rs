//! Whom programs on this pump want to talk to without being allowed: a pump that somebody broke into gives itself away by
//! this.
//!
//! | found | when |
//! |---|---|
//! | egress | any packet that the policy does not name |
//! | spreading | 5 different places within a minute |
//! | beacon | 6 calls to one place, at least 5 s apart, no pause more than a fifth off the middle one |

use core::net::IpAddr;
use std::collections::BTreeMap;

use wardline_model::{Span, Time};

use super::finding::Class;
use super::sources::Found;

/// Places that are remembered.
const MOST_PLACES: usize = 128;
/// Different places within this time.
const SPREADING: (usize, Span) = (5, Span::from_min(1));
/// Calls that make a beacon.
const CALLS: usize = 6;
/// A program that tries again by itself is quicker than this: it is told "no" at once.
const LEAST_PAUSE: Span = Span::from_s(5);

type Place = (IpAddr, Option<u16>);

/// The memory of refused calls.
#[derive(Debug, Default)]
pub(super) struct Talk {
    calls: BTreeMap<Place, Vec<Time>>,
}

impl Talk {
    pub(super) fn call(&mut self, place: Place, now: Time) -> Vec<Found> {
        self.make_room(place);
        let calls = self.calls.entry(place).or_default();
        // Several packets of one try are one call.
        if calls.last().is_some_and(|last| now.since(*last) < Span::from_s(1)) {
            return Vec::new();
        }
        calls.push(now);
        if calls.len() > CALLS {
            calls.remove(0);
        }
        let (to, port) = place;
        let port = port.map_or_else(String::new, |port| format!(" port {port}"));
        let mut found = vec![(Class::Egress, Some(to), format!("{to}{port} is not named by the policy"))];
        if let Some(pause) = regular(calls) {
            calls.clear();
            let evidence = format!("{CALLS} calls of {to}{port}, one every {} seconds", pause.as_ms() / 1_000);
            found.push((Class::Beacon, Some(to), evidence));
        }
        found.extend(self.spreading(now));
        found
    }

    fn spreading(&mut self, now: Time) -> Option<Found> {
        let recent = |calls: &[Time]| calls.last().is_some_and(|at| now.since(*at) <= SPREADING.1);
        let mut places: Vec<IpAddr> =
            self.calls.iter().filter(|(_, calls)| recent(calls)).map(|((to, _), _)| *to).collect();
        places.dedup();
        if places.len() < SPREADING.0 {
            return None;
        }
        self.calls.clear();
        let some: Vec<String> = places.iter().take(5).map(ToString::to_string).collect();
        Some((
            Class::Spreading,
            None,
            format!("{} machines within a minute, such as {}", places.len(), some.join(", ")),
        ))
    }

    fn make_room(&mut self, place: Place) {
        if self.calls.len() >= MOST_PLACES && !self.calls.contains_key(&place) {
            let quietest = self.calls.iter().min_by_key(|(_, calls)| calls.last().copied()).map(|(place, _)| *place);
            if let Some(quietest) = quietest {
                self.calls.remove(&quietest);
            }
        }
    }
}

/// The middle pause between calls, when there are enough and they are regular.
fn regular(calls: &[Time]) -> Option<Span> {
    if calls.len() < CALLS {
        return None;
    }
    let mut pauses: Vec<u64> = calls.windows(2).map(|pair| pair[1].since(pair[0]).as_ms()).collect();
    pauses.sort_unstable();
    let middle = pauses[pauses.len() / 2];
    let is_regular = pauses.iter().all(|pause| pause.abs_diff(middle) * 5 <= middle);
    (is_regular && middle >= LEAST_PAUSE.as_ms()).then(|| Span::from_ms(middle))
}
