//! Which refusals of strangers go into the audit. Every one is counted among the sightings; the audit keeps the first of
//! a kind each minute and so many in all, because whoever can make the hub write can otherwise fill its disk.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use wardline_model::{Span, Time};

/// Refusals that go into the audit per minute, whoever they are about: 86,400 records a day at the worst, 30 MB.
const RECORDED: NonZeroU32 = NonZeroU32::new(60).expect("not zero");

/// How long the same refusal from the same address is not recorded again.
const AGAIN: Span = Span::from_min(1);

/// Which refusals are the same: the action, what was claimed, the address, and the reason.
type Kind = (&'static str, String, IpAddr, &'static str);

/// What was recorded lately.
pub(crate) struct Refusals {
    all: DefaultDirectRateLimiter,
    lately: Mutex<BTreeMap<Kind, Time>>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { all: RateLimiter::direct(Quota::per_minute(RECORDED)), lately: Mutex::default() }
    }
}

impl Refusals {
    /// Whether one more refusal may be recorded, of whatever kind.
    pub(crate) fn may_record(&self) -> bool {
        self.all.check().is_ok()
    }

    /// Whether this refusal is to be recorded. What is remembered is at most what was recorded within a minute.
    pub(crate) fn is_due(
        &self,
        action: &'static str,
        claim: &str,
        place: IpAddr,
        word: &'static str,
        now: Time,
    ) -> bool {
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        lately.retain(|_, at| now.since(*at) < AGAIN);
        let key = (action, claim.to_owned(), place, word);
        if lately.contains_key(&key) || !self.may_record() {
            return false;
        }
        lately.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_refusal_is_recorded_once_a_minute_and_a_flood_does_not_fill_the_audit() {
        let refusals = Refusals::default();
        let (place, start) = (IpAddr::from([10, 0, 0, 1]), Time::from_unix_s(1_800_000_000));
        assert!(refusals.is_due("link.refused", "pump 1", place, "expired", start));
        assert!(!refusals.is_due("link.refused", "pump 1", place, "expired", start + Span::from_s(59)));
        assert!(refusals.is_due("link.refused", "pump 1", place, "revoked", start), "another reason");
        assert!(refusals.is_due("enrolment.refused", "pump 1", place, "revoked", start), "another door");
        assert!(refusals.is_due("link.refused", "pump 1", place, "expired", start + Span::from_s(61)));
        let flood = (0..10_000)
            .filter(|n| refusals.is_due("link.refused", &format!("pump {n}"), place, "expired", start))
            .count();
        assert!(flood <= 60, "{flood}");
    }
}
