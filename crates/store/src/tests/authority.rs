//! The inventory counts what there is, in the week in which it ends, and nobody in quarantine is called late.

use wardline_model::{Digest, Lifecycle, Span, Time};

use super::{T0, World, by, on_both_engines};
use crate::authority::{CertificateCounts, ForecastWeek, Inventory, OwnCertificate, OwnKind, WEEKS};
use crate::{AuditQuery, LifecycleChange, NewCertificate, PageRequest};

fn certificate(pump: wardline_model::PumpId, n: u8, not_before: Time, not_after: Time) -> NewCertificate {
    NewCertificate {
        serial: format!("4{n:03x}"),
        fingerprint: Digest::from_bytes([n; 32]),
        pump,
        not_before,
        not_after,
        der: vec![n],
    }
}

/// Five pumps: one fresh, one late, one late and in quarantine, one expired, one that has not used its certificate.
async fn fleet(world: &World) -> Vec<wardline_model::PumpId> {
    let pumps = world.pumps(5).await;
    let ends = [20, 3, 3, 0, 29];
    for (n, (pump, days)) in pumps.iter().zip(ends).enumerate() {
        let end = if days == 0 { T0 - Span::from_days(1) } else { T0 + Span::from_days(days) };
        let new = certificate(*pump, n as u8 + 1, end - Span::from_days(30), end);
        world.store.issue_certificate(&new, &by("hub", "enrolled")).await.unwrap();
        if n < 4 {
            world.store.certificate_used(*pump, &new.fingerprint, T0).await.unwrap();
        }
    }
    let change = LifecycleChange { pump: pumps[2], from: Lifecycle::InService, to: Lifecycle::Quarantined };
    world.store.decide_lifecycle(change, &by("sec", "scan")).await.unwrap();
    pumps
}

on_both_engines! {
    async fn pumps_certificates_are_counted_by_state_and_by_the_week_in_which_they_end(world) {
        let pumps = fleet(&world).await;
        let counts = world.store.certificate_counts(T0).await.unwrap();
        assert_eq!(counts, CertificateCounts { current: 3, pending: 1, late: 1, expired: 1, listed: 0, ever: 5 });
        let weeks = world.store.certificate_forecast(T0).await.unwrap();
        let mut expected = [ForecastWeek::default(); WEEKS];
        expected[0] = ForecastWeek { ending: 2, late: 1 };
        expected[2] = ForecastWeek { ending: 1, late: 0 };
        assert_eq!(weeks, expected);
        assert_eq!(world.store.good_certificates(T0).await.unwrap(), 4);
        let list = |which| world.store.certificate_inventory(which, T0, PageRequest::default());
        let late = list(Inventory::Late).await.unwrap();
        assert_eq!((late.total, late.rows[0].pump, late.rows[0].asset_tag.as_str()), (1, pumps[1], "P-00001"));
        assert_eq!(list(Inventory::Expired).await.unwrap().rows[0].pump, pumps[3]);
        assert_eq!(list(Inventory::Pending).await.unwrap().rows[0].pump, pumps[4]);
        let current = list(Inventory::Current).await.unwrap();
        assert_eq!(current.rows.iter().map(|row| row.pump).collect::<Vec<_>>(), [pumps[1], pumps[2], pumps[0]]);
        world.store.revoke_certificates(pumps[0], 1, &by("sec", "lost")).await.unwrap();
        assert_eq!(list(Inventory::Revoked).await.unwrap().total, 1);
        assert_eq!(world.store.certificate_counts(T0).await.unwrap().listed, 1);
        // Later everything has ended, and nothing is in use.
        let later = T0 + Span::from_days(60);
        assert_eq!(world.store.certificate_counts(later).await.unwrap().current, 0);
        assert_eq!(world.store.certificate_forecast(later).await.unwrap(), [ForecastWeek::default(); WEEKS]);
    }

    async fn the_hubs_own_certificates_follow_one_another(world) {
        let own = |n: u8, kind, node: &str| OwnCertificate {
            fingerprint: Digest::from_bytes([n; 32]),
            serial: format!("{n:02x}"),
            kind,
            subject: "CN=hub".into(),
            node: node.into(),
            not_before: T0,
            not_after: T0 + Span::from_days(90),
            issued: T0,
            replaced: None,
        };
        let decision = by("hub", "started");
        let keep = |own: OwnCertificate| { let (store, decision) = (world.store.clone(), decision.clone());
            async move { store.own_certificate(&own, &[1], &decision).await.unwrap() } };
        keep(own(1, OwnKind::Root, "")).await;
        keep(own(2, OwnKind::Server, "one")).await;
        keep(own(3, OwnKind::Server, "two")).await;
        keep(own(4, OwnKind::Server, "one")).await;
        // Known already: nothing happens, and no record is added.
        let everything = AuditQuery::default();
        let records = || world.store.audit(&everything);
        let before = records().await.unwrap().total;
        keep(own(4, OwnKind::Server, "one")).await;
        keep(own(1, OwnKind::Root, "")).await;
        assert_eq!(records().await.unwrap().total, before);
        let all = world.store.own_certificates(T0).await.unwrap();
        let state = |n: u8| all.iter().find(|c| c.serial == format!("{n:02x}")).unwrap().replaced;
        assert_eq!((state(1), state(2), state(3), state(4)), (None, Some(T0), None, None));
        // One that is used again (a hub that started without its authority's key) takes its place back.
        keep(own(2, OwnKind::Server, "one")).await;
        let all = world.store.own_certificates(T0).await.unwrap();
        let state = |n: u8| all.iter().find(|c| c.serial == format!("{n:02x}")).unwrap().replaced;
        assert_eq!((state(2), state(4)), (None, Some(T0)));
        // An authority is replaced when it is said to be, not when another one comes: while they change there are two.
        keep(own(5, OwnKind::Root, "")).await;
        let roots = |all: &[OwnCertificate]| all.iter().filter(|c| c.kind == OwnKind::Root && c.replaced.is_none()).count();
        assert_eq!(roots(&world.store.own_certificates(T0).await.unwrap()), 2);
        world.store.own_authorities(&[Digest::from_bytes([5; 32])], T0).await.unwrap();
        assert_eq!(roots(&world.store.own_certificates(T0).await.unwrap()), 1);
        // What was replaced and has ended is not shown any more.
        let later = T0 + Span::from_days(91);
        assert_eq!(world.store.own_certificates(later).await.unwrap().len(), 3, "the new root and two servers");
    }
}
