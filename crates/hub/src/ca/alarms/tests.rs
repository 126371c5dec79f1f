//! Each alarm comes when the table says, not a day earlier, and ends with its reason.

use wardline_api::types::Attention::{self, Danger, NeedsPerson, Waiting};
use wardline_model::{Digest, Span, Time};
use wardline_store::{CertificateCounts, OwnCertificate, OwnKind};

use super::{Alarm, Facts, of};
use crate::ca::ledger::DeviceTrouble;

const NOW: Time = Time::from_unix_s(1_800_000_000);

fn own(kind: OwnKind, node: &str, ends: Time) -> OwnCertificate {
    OwnCertificate {
        fingerprint: Digest::from_bytes([1; 32]),
        serial: "01".into(),
        kind,
        subject: "CN=x".into(),
        node: node.into(),
        not_before: NOW,
        not_after: ends,
        issued: NOW,
        replaced: None,
    }
}

fn alarms(own: &[OwnCertificate], change: impl FnOnce(&mut Facts<'_>)) -> Vec<Alarm> {
    let mut facts = Facts { node: "hub", own, counts: CertificateCounts::default(), device: None, list_until: None };
    change(&mut facts);
    of(&facts, NOW)
}

fn level(own: OwnCertificate) -> Option<Attention> {
    alarms(&[own], |_| {}).first().map(|alarm| alarm.attention)
}

#[test]
fn certificates_of_the_hub_call_weeks_ahead_and_louder_as_their_end_comes() {
    let cases = [
        (OwnKind::Root, &[(181, None), (179, Some(Waiting)), (89, Some(NeedsPerson)), (29, Some(Danger))][..]),
        (OwnKind::Between, &[(181, None), (179, Some(Waiting)), (89, Some(NeedsPerson)), (29, Some(Danger))]),
        (OwnKind::Issuing, &[(181, None), (179, Some(Waiting)), (89, Some(NeedsPerson)), (0, Some(Danger))]),
        (OwnKind::Server, &[(22, None), (20, Some(NeedsPerson)), (6, Some(Danger))]),
        (OwnKind::Responder, &[(4, None), (2, Some(NeedsPerson)), (0, Some(Danger))]),
    ];
    for (kind, steps) in cases {
        for (days, expected) in steps {
            assert_eq!(level(own(kind, "", NOW + Span::from_days(*days))), *expected, "{kind:?} {days} days before");
        }
        assert_eq!(level(own(kind, "", NOW - Span::from_days(1))), Some(Danger), "{kind:?} over");
    }
}

#[test]
fn what_was_replaced_and_what_another_hub_uses_calls_nobody_here() {
    let old = OwnCertificate { replaced: Some(NOW), ..own(OwnKind::Server, "hub", NOW) };
    assert_eq!(level(old), None);
    assert_eq!(level(own(OwnKind::Server, "other", NOW)), None);
    assert_eq!(level(own(OwnKind::Server, "hub", NOW)), Some(Danger));
}

#[test]
fn the_list_the_device_and_the_pumps_call_too_and_the_worst_is_on_top() {
    for (days, expected) in [(6, None), (4, Some(NeedsPerson)), (0, Some(Danger))] {
        let found = alarms(&[], |facts| facts.list_until = Some(NOW + Span::from_days(days)));
        assert_eq!(found.first().map(|alarm| alarm.attention), expected, "{days} days before");
    }
    for (hours, expected) in [(0, NeedsPerson), (25, Danger)] {
        let trouble = DeviceTrouble { since: NOW - Span::from_h(hours), why: "no token".into() };
        let found = of(
            &Facts {
                node: "hub",
                own: &[],
                counts: CertificateCounts::default(),
                device: Some(&trouble),
                list_until: None,
            },
            NOW,
        );
        assert_eq!((found[0].attention, found[0].what.contains("no token")), (expected, true));
    }
    let root = own(OwnKind::Root, "", NOW + Span::from_days(10));
    let found = alarms(&[root], |facts| facts.counts = CertificateCounts { late: 1, expired: 2, ..facts.counts });
    let said: Vec<_> = found.iter().map(|alarm| (alarm.attention, alarm.pumps)).collect();
    assert_eq!(said, [(Danger, 0), (NeedsPerson, 1), (NeedsPerson, 2)]);
    assert!(alarms(&[], |_| {}).is_empty(), "nothing is wrong, nothing is said");
}
