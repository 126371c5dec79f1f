//! Levels of quarantine: what the registry, the revocation list and the audit say at each, and how far a rule may go.

use wardline_fleet::lifecycle::By;
use wardline_fleet::posture::Cause;
use wardline_fleet::takedown::{self, rules::Rules};
use wardline_model::{Digest, Lifecycle, PumpId, QuarantineLevel, Role, Span, covers};

use super::{T0, World, by, on_both_engines};
use crate::{
    AuditQuery, Cap, NewCertificate, NewSuspect, PageRequest, QuarantineChange, RegistryEntry, Sighting, SightingQuery,
    Store, StoreError, Watched,
};

async fn in_service(store: &Store, pump: PumpId, n: u8) -> Digest {
    let fingerprint = Digest::from_bytes([n; 32]);
    let certificate = NewCertificate {
        serial: format!("{n:02x}"),
        fingerprint,
        pump,
        not_before: T0,
        not_after: T0 + Span::from_days(30),
        der: vec![n],
    };
    store.issue_certificate(&certificate, &by("est", "enrolled")).await.unwrap();
    store.certificate_used(pump, &fingerprint, T0).await.unwrap();
    fingerprint
}

async fn at(
    store: &Store,
    pump: PumpId,
    level: QuarantineLevel,
    cause: Cause,
    cap: Option<Cap>,
) -> Result<RegistryEntry, StoreError> {
    let from = store.held(pump).await?;
    let to = takedown::place(from, level, By::Person(Role::Security)).unwrap();
    let change = QuarantineChange { pump, from, to, cause, until: None, action: "pump.quarantine", cap };
    store.decide_quarantine(&change, &by("sam", "scans the network")).await
}

async fn free(store: &Store, pump: PumpId) -> RegistryEntry {
    let from = store.held(pump).await.unwrap();
    let to = takedown::give_back(from, By::Person(Role::Security)).unwrap();
    let change =
        QuarantineChange { pump, from, to, cause: Cause::Person, until: None, action: "pump.release", cap: None };
    store.decide_quarantine(&change, &by("sam", "clean")).await.unwrap()
}

on_both_engines! {
    async fn each_level_says_who_may_link_and_what_the_certificate_is_worth(world) {
        covers!("N14");
        let pump = world.pumps(1).await[0];
        let store = &world.store;
        let certificate = in_service(store, pump, 1).await;
        let on_hold = async || store.certificate_standing("01").await.unwrap().unwrap().map(|revocation| revocation.code);
        for (level, links, hold, lifecycle) in [
            (QuarantineLevel::Watch, true, None, Lifecycle::InService),
            (QuarantineLevel::Remediate, true, None, Lifecycle::Quarantined),
            (QuarantineLevel::Cut, false, Some(6), Lifecycle::Quarantined),
        ] {
            let entry = at(store, pump, level, Cause::Person, None).await.unwrap();
            assert_eq!((entry.admits(&certificate), entry.lifecycle, entry.level), (links, lifecycle, Some(level)));
            assert_eq!(on_hold().await, hold, "{level}");
            assert_eq!(store.revoked(T0).await.unwrap().len(), usize::from(hold.is_some()), "{level}");
        }
        let held = store.held_pumps().await.unwrap().remove(0);
        assert_eq!((held.quarantine.level, held.quarantine.before), (QuarantineLevel::Cut, Some(QuarantineLevel::Remediate)));
        assert_eq!((held.quarantine.reason.as_str(), held.quarantine.former), ("scans the network", Some(Lifecycle::InService)));
        assert_eq!(store.pump(pump).await.unwrap().unwrap().quarantine, Some(held.quarantine));
        let entry = free(store, pump).await;
        assert_eq!((entry.lifecycle, entry.level, entry.admits(&certificate)), (Lifecycle::InService, None, true));
        assert_eq!((on_hold().await, store.held_pumps().await.unwrap().len()), (None, 0));
        let about = AuditQuery { pump: Some(pump), ..AuditQuery::default() };
        let subjects: Vec<String> =
            store.audit(&about).await.unwrap().rows.into_iter().rev().skip(4).map(|row| format!("{} {}", row.action, row.subject)).collect();
        assert_eq!(subjects, [
            "pump.quarantine P-00000, watch", "pump.quarantine P-00000, remediate", "pump.quarantine P-00000, cut",
            "pump.release P-00000, in-service",
        ]);
    }

    async fn a_decision_on_an_old_belief_is_refused_and_lost_ends_a_quarantine(world) {
        let pump = world.pumps(1).await[0];
        let store = &world.store;
        in_service(store, pump, 1).await;
        let from = store.held(pump).await.unwrap();
        at(store, pump, QuarantineLevel::Watch, Cause::Person, None).await.unwrap();
        let to = takedown::place(from, QuarantineLevel::Cut, By::Person(Role::Security)).unwrap();
        let change = QuarantineChange { pump, from, to, cause: Cause::Person, until: None, action: "pump.quarantine", cap: None };
        let refused = store.decide_quarantine(&change, &by("sam", "late")).await;
        assert!(matches!(refused, Err(StoreError::Moved { .. })), "{refused:?}");
        let change = crate::LifecycleChange { pump, from: Lifecycle::InService, to: Lifecycle::Lost };
        assert_eq!(store.decide_lifecycle(change, &by("bea", "gone")).await.unwrap().level, None);
    }

    async fn a_rule_never_holds_more_pumps_than_it_may_and_a_person_is_not_bound_by_it(world) {
        let ids = world.pumps(40).await;
        let store = &world.store;
        for (n, pump) in (1..).zip(&ids) {
            in_service(store, *pump, n).await;
        }
        let rule = async |pump, cap| at(store, pump, QuarantineLevel::Cut, Cause::Clone, Some(cap)).await;
        let cap = Cap { pumps: 3, percent: 5 };
        for pump in &ids[..2] {
            rule(*pump, cap).await.unwrap();
        }
        let third = rule(ids[2], cap).await;
        assert!(matches!(third, Err(StoreError::Refused { .. })), "5 % of 40 are 2: {third:?}");
        assert_eq!(store.registry_entry(ids[2]).await.unwrap().level, None);
        rule(ids[2], Cap { percent: 100, ..cap }).await.unwrap();
        assert!(rule(ids[3], Cap { percent: 100, ..cap }).await.is_err(), "three");
        at(store, ids[3], QuarantineLevel::Cut, Cause::Person, None).await.unwrap();
        free(store, ids[0]).await;
        rule(ids[4], Cap { percent: 100, ..cap }).await.unwrap();
        let about = AuditQuery { pump: Some(ids[2]), action: Some("pump.quarantine".into()), ..AuditQuery::default() };
        let told = store.audit(&about).await.unwrap().rows;
        assert!(told.iter().any(|row| row.subject.contains("without a person")), "the refusal is in the audit");
    }

    async fn what_a_watched_pump_did_is_kept_up_to_a_limit(world) {
        let pump = world.pumps(1).await[0];
        let entry = |n: u64| Watched { pump, at: T0 + Span::from_s(n), what: "frame".into(), detail: format!("{n}"), times: 1 };
        for piece in 0..7 {
            let entries: Vec<_> = (piece * 1_000..(piece + 1) * 1_000).map(entry).collect();
            world.store.save_watched(&entries).await.unwrap();
        }
        let page = world.store.watched(pump, PageRequest { page: 0, page_size: 2 }).await.unwrap();
        assert_eq!((page.total, page.rows), (6_000, vec![entry(6_999), entry(6_998)]));
    }

    async fn a_sign_is_counted_until_a_person_has_seen_to_it_and_opens_again(world) {
        let pump = world.pumps(1).await[0];
        let sign = |s: u64| NewSuspect { pump, kind: "two-starts", detail: format!("seen {s}"), at: T0 + Span::from_s(s) };
        for s in 1..=3 {
            assert_eq!(world.store.note_suspect(&sign(s)).await.unwrap(), s);
        }
        let kept = world.store.suspects().await.unwrap().remove(0);
        assert_eq!((kept.times, kept.detail.as_str(), kept.first, kept.closed), (3, "seen 3", T0 + Span::from_s(1), None));
        assert_eq!(world.store.close_suspects(pump, &by("sam", "a swapped board")).await.unwrap(), 1);
        assert_eq!(world.store.suspects().await.unwrap()[0].closed, Some(T0));
        assert_eq!(world.store.note_suspect(&sign(9)).await.unwrap(), 1, "it begins anew");
        let kept = world.store.suspects().await.unwrap().remove(0);
        assert_eq!((kept.first, kept.closed, kept.closed_by.as_str()), (T0 + Span::from_s(9), None, ""));
    }

    async fn rules_are_kept_within_their_bounds(world) {
        let rules = world.store.take_down_rules().await.unwrap();
        assert_eq!(rules, Rules::default());
        let mut wild = rules;
        wild.clone.most_percent = 50;
        assert!(matches!(world.store.set_take_down_rules(&wild, &by("sam", "")).await, Err(StoreError::Refused { .. })));
        let mut mild = rules;
        mild.clone.level = QuarantineLevel::Watch;
        world.store.set_take_down_rules(&mild, &by("sam", "")).await.unwrap();
        assert_eq!(world.store.take_down_rules().await.unwrap(), mild);
    }

    async fn sightings_are_found_by_claim_place_and_reason(world) {
        let sighting = |claim: &str, source: &str, reason: &str| Sighting {
            claim: claim.into(), source: source.into(), reason: reason.into(), count: 1, first: T0, last: T0,
        };
        let all = [sighting("CN=Evil", "10.0.0.9", "expired"), sighting("pump 7", "10.0.1.9", "lost"), sighting("", "10.0.1.8", "lost")];
        world.store.save_sightings(&all).await.unwrap();
        let found = async |search: Option<&str>, reason: Option<&str>| {
            let asked = SightingQuery { search: search.map(Into::into), reason: reason.map(Into::into), ..SightingQuery::default() };
            world.store.find_sightings(&asked).await.unwrap().total
        };
        assert_eq!([found(None, None).await, found(Some("evil"), None).await, found(Some("10.0.1"), None).await], [3, 1, 2]);
        assert_eq!([found(None, Some("lost")).await, found(Some("%"), None).await], [2, 0]);
        assert_eq!(world.store.sighting_reasons().await.unwrap(), ["expired", "lost"]);
    }
}
