//! Pumps, certificates, codes and goals.

use wardline_model::{
    CareArea, Digest, Ending, Generation, HoldSupport, Lifecycle, PerKind, PumpId, Report, SlotReport, Span, Therapy,
    Time, Wait, covers,
};

use super::{T0, World, by, expected, on_both_engines};
use crate::{
    CertificateState, Engine, Entry, LifecycleChange, LinkChange, LinkFilter, NewCertificate, NewGoal, NewReport,
    PageRequest, PumpQuery, PumpSort, SortOrder, StoreError,
};

fn certificate(pump: PumpId, n: u8) -> NewCertificate {
    NewCertificate {
        serial: format!("{n:02x}"),
        fingerprint: Digest::from_bytes([n; 32]),
        pump,
        not_before: T0,
        not_after: T0 + Span::from_days(30),
        der: vec![0x30, n],
    }
}

fn report(pump: PumpId, wait: Option<Wait>) -> Report {
    let mut slots: PerKind<SlotReport> = PerKind::default();
    slots.drug_library.wait = wait;
    slots.drug_library.staged_since = wait.map(|_| T0);
    Report { pump, at: T0, generation: Generation(1), therapy: Therapy::Unknown, hold: HoldSupport::Grants, slots }
}

on_both_engines! {
    async fn a_list_with_a_double_is_refused_whole_and_names_every_bad_row(world) {
        world.pumps(3).await;
        let list = [expected(10), expected(1), expected(11), expected(10)];
        let refused = world.store.expect_pumps(&list, &by("anna", "more")).await.expect_err("doubles");
        let StoreError::Taken { rows } = refused else { panic!("{refused}") };
        assert_eq!(rows.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 1, 3, 3]);
        assert_eq!(world.store.fleet_counts().await.unwrap().total, 3, "nothing of the list was kept");
    }

    async fn a_page_is_searched_filtered_sorted_and_counted(world) {
        let ids = world.pumps(30).await;
        let up = LinkChange::Up { pump: ids[4], place: "10.7.4.9".into(), at: T0 };
        world.store.links_changed("hub-1", &[up]).await.unwrap();
        world.store.save_report(NewReport { report: report(ids[7], Some(Wait::TherapyRunning)), received: T0 }).await.unwrap();
        let tags = async |query: PumpQuery| {
            let page = world.store.pumps(&query).await.unwrap();
            (page.rows.iter().map(|row| row.asset_tag.to_string()).collect::<Vec<_>>(), page.total)
        };
        let search = |text: &str| PumpQuery { search: Some(text.to_owned()), ..PumpQuery::default() };
        assert_eq!(tags(search("sn000012 halcyon")).await, (vec!["P-00012".to_owned()], 1));
        assert_eq!(tags(search("10.7.4")).await, (vec!["P-00004".to_owned()], 1));
        assert_eq!(tags(search("überwachung")).await.1, 10, "letters outside ASCII are found too");
        assert_eq!(tags(search("%")).await.1, 0, "a percent sign is only itself");
        let linked = PumpQuery { link: Some(LinkFilter::Linked), ..PumpQuery::default() };
        assert_eq!(tags(linked).await, (vec!["P-00004".to_owned()], 1));
        let waits = PumpQuery { wait: Some(Wait::TherapyRunning), ..PumpQuery::default() };
        assert_eq!(tags(waits).await, (vec!["P-00007".to_owned()], 1));
        let newest = PumpQuery { sort: PumpSort::WaitingSince, order: SortOrder::Descending, ..PumpQuery::default() };
        assert_eq!(tags(newest).await.0[0], "P-00007", "what is not known stands at the end");
        let second = PageRequest { page: 1, page_size: 4 };
        let area = Some(CareArea::new("Oncology").unwrap());
        let page = PumpQuery { care_area: area, page: second, ..PumpQuery::default() };
        assert_eq!(tags(page).await, (["P-00013", "P-00016", "P-00019", "P-00022"].map(String::from).into(), 10));
        let counts = world.store.fleet_counts().await.unwrap();
        assert_eq!((counts.total, counts.linked, counts.by_wait[&Wait::TherapyRunning]), (30, 1, 1));
        assert_eq!((counts.by_lifecycle[&Lifecycle::Expected], counts.by_lifecycle[&Lifecycle::Lost]), (30, 0));
        world.store.links_lost("hub-1").await.unwrap();
        assert_eq!(world.store.fleet_counts().await.unwrap().linked, 0);
    }

    async fn many_links_change_at_once_and_an_end_counts_only_where_the_link_is(world) {
        let ids = world.pumps(300).await;
        let at = |s| T0 + Span::from_s(s);
        let up: Vec<_> = (0..).zip(&ids).map(|(n, id)| LinkChange::Up { pump: *id, place: format!("10.7.0.{n}"), at: at(n) }).collect();
        world.store.links_changed("hub-1", &up).await.unwrap();
        let linked = async || world.store.fleet_counts().await.unwrap().linked;
        assert_eq!(linked().await, 300);
        let moved = LinkChange::Up { pump: ids[0], place: "10.8.0.1".into(), at: at(400) };
        world.store.links_changed("hub-2", &[moved]).await.unwrap();
        let down: Vec<_> = ids.iter().map(|id| LinkChange::Down { pump: *id, at: at(500) }).collect();
        world.store.links_changed("hub-1", &down).await.unwrap();
        assert_eq!(linked().await, 1, "the one that moved to another process is still up");
        let rows = [world.store.pump(ids[0]).await.unwrap().unwrap(), world.store.pump(ids[299]).await.unwrap().unwrap()];
        assert_eq!(rows[0].last_seen, Some(at(400)));
        assert_eq!(rows[1].last_seen, Some(at(500)));
        assert_eq!(rows[1].last_place.as_deref(), Some("10.7.0.299"));
    }

    async fn an_older_report_never_replaces_a_newer_one(world) {
        let ids = world.pumps(1).await;
        let at = |s| T0 + Span::from_s(s);
        let save = async |wait, received| {
            world.store.save_report(NewReport { report: report(ids[0], wait), received }).await.unwrap();
        };
        save(Some(Wait::HoldDenied), at(10)).await;
        save(Some(Wait::Fetching), at(5)).await;
        let row = world.store.pump(ids[0]).await.unwrap().unwrap();
        assert_eq!(row.report.unwrap().slots.drug_library.wait, Some(Wait::HoldDenied));
        assert_eq!((row.hold, row.report_received), (HoldSupport::Grants, Some(at(10))));
    }

    async fn a_hub_clock_that_was_set_back_makes_the_hub_deaf_to_no_report(world) {
        let pump = world.pumps(1).await[0];
        let save = async |wait, received| {
            world.store.save_report(NewReport { report: report(pump, wait), received }).await.unwrap();
        };
        save(Some(Wait::HoldDenied), T0 + Span::from_h(3)).await;
        save(Some(Wait::Fetching), T0).await;
        let row = world.store.pump(pump).await.unwrap().unwrap();
        assert_eq!(row.report.unwrap().slots.drug_library.wait, Some(Wait::Fetching));
        assert_eq!(row.report_received, Some(T0));
    }

    async fn a_pump_goes_from_its_box_to_service_and_a_lost_answer_locks_nobody_out(world) {
        let pump = world.pumps(1).await[0];
        let store = &world.store;
        let entry = store.issue_certificate(&certificate(pump, 1), &by("hub", "enrolment")).await.unwrap();
        assert_eq!(entry.lifecycle, Lifecycle::Enrolled);
        assert!(entry.admits(&Digest::from_bytes([1; 32])));
        let entry = store.certificate_used(pump, &Digest::from_bytes([1; 32]), T0).await.unwrap();
        assert_eq!((entry.lifecycle, entry.current), (Lifecycle::InService, Some(Digest::from_bytes([1; 32]))));
        let entry = store.issue_certificate(&certificate(pump, 2), &by("hub", "renewal")).await.unwrap();
        let both = [1, 2].map(|n| entry.admits(&Digest::from_bytes([n; 32])));
        assert_eq!(both, [true, true], "the old one stays good until the new one is used");
        let entry = store.certificate_used(pump, &Digest::from_bytes([2; 32]), T0).await.unwrap();
        assert!(!entry.admits(&Digest::from_bytes([1; 32])), "from then on the old one is worth nothing");
        assert!(store.certificate_used(pump, &Digest::from_bytes([1; 32]), T0).await.is_err());
        let replaced = store.certificate_standing("01").await.unwrap().flatten().expect("it was replaced");
        assert_eq!((replaced.code, replaced.at), (4, T0), "so others refuse it too");
        assert_eq!(store.certificate_standing("02").await.unwrap(), Some(None), "good");
        assert_eq!(store.certificate_standing("77").await.unwrap(), None, "never issued");
        let row = store.pump(pump).await.unwrap().unwrap();
        assert_eq!(row.certificate.map(|c| c.serial), Some("02".to_owned()));
        assert_eq!(store.registry().await.unwrap(), [entry]);
        assert!(store.issue_certificate(&certificate(pump, 2), &by("hub", "again")).await.is_err(), "a serial is used once");
    }

    async fn quarantine_is_one_decision_that_refuses_a_stale_belief_and_can_be_taken_back(world) {
        covers!("N8");
        let pump = world.pumps(1).await[0];
        let store = &world.store;
        store.issue_certificate(&certificate(pump, 1), &by("hub", "enrolment")).await.unwrap();
        store.certificate_used(pump, &Digest::from_bytes([1; 32]), T0).await.unwrap();
        let change = |from, to| LifecycleChange { pump, from, to };
        let cut = change(Lifecycle::InService, Lifecycle::Quarantined);
        let before = store.registry_entry(pump).await.unwrap();
        let entry = store.decide_lifecycle(cut, &by("sam", "beacons to an unknown host")).await.unwrap();
        assert!(!entry.admits(&Digest::from_bytes([1; 32])));
        assert!(entry.as_of > before.as_of, "what was read before the decision counts as older");
        assert_eq!(store.registry_entry(pump).await.unwrap(), entry, "and what is read after it is the same");
        let held = store.certificate_standing("01").await.unwrap().flatten().expect("it is on hold");
        assert_eq!((held.code, held.reason.as_str()), (6, "beacons to an unknown host"));
        assert_eq!(store.revoked(T0).await.unwrap().len(), 1, "the list names it too");
        let again = store.decide_lifecycle(cut, &by("kim", "me too")).await.expect_err("somebody was faster");
        assert!(matches!(again, StoreError::Moved { is: Lifecycle::Quarantined, .. }), "{again}");
        let refused = store.issue_certificate(&certificate(pump, 2), &by("hub", "renewal")).await;
        assert!(matches!(refused, Err(StoreError::Refused { .. })), "no certificate in quarantine");
        let back = change(Lifecycle::Quarantined, Lifecycle::InService);
        let entry = store.decide_lifecycle(back, &by("sam", "cleared")).await.unwrap();
        assert!(entry.admits(&Digest::from_bytes([1; 32])), "a release gives back what quarantine took");
        assert_eq!(store.certificate_standing("01").await.unwrap(), Some(None), "everywhere");
        assert_eq!(store.revoked(T0).await.unwrap(), []);
        let lost = change(Lifecycle::InService, Lifecycle::Lost);
        let entry = store.decide_lifecycle(lost, &by("sam", "not found in the stock-taking")).await.unwrap();
        assert_eq!((entry.current, entry.pending), (None, None));
        let revoked = store.revoked(T0).await.unwrap();
        assert_eq!(revoked.iter().map(|row| (row.serial.as_str(), row.revocation.code)).collect::<Vec<_>>(), [("01", 1)]);
        assert_eq!(store.certificates(pump).await.unwrap()[0].state, CertificateState::Revoked);
        let standing = store.pump(pump).await.unwrap().unwrap().standing;
        assert_eq!((standing.by.as_str(), standing.reason.as_str()), ("person:sam", "not found in the stock-taking"));
        let told: Vec<_> = store.audit(&crate::AuditQuery::default()).await.unwrap().rows;
        let told: Vec<_> = told.iter().rev().map(|r| format!("{} {}", r.action, r.verdict)).collect();
        assert_eq!(told, [
            "pump.expect done", "certificate.issue done", "certificate.use done", "pump.in-service done",
            "pump.quarantined done", "pump.quarantined refused", "certificate.issue refused", "pump.in-service done",
            "pump.lost done", "pump.wipe-ordered done",
        ]);
    }

    async fn a_wipe_is_ordered_with_the_decision_and_its_first_receipt_counts(world) {
        let pumps = world.pumps(3).await;
        let store = &world.store;
        let who = by("bea", "its time here ends");
        let go = async |pump, from, to| store.decide_lifecycle(LifecycleChange { pump, from, to }, &who).await.unwrap();
        // A pump that never had a certificate has nothing to forget.
        go(pumps[2], Lifecycle::Expected, Lifecycle::Retired).await;
        assert_eq!(store.wipe_of(pumps[2]).await.unwrap(), None);
        for n in [1, 2] {
            store.issue_certificate(&certificate(pumps[usize::from(n) - 1], n), &who).await.unwrap();
        }
        // Lost: ordered. Found before it heard: taken back. Lost and retired: the order for the lost pump stands.
        let from = store.registry_entry(pumps[0]).await.unwrap().lifecycle;
        go(pumps[0], from, Lifecycle::Lost).await;
        let first = store.wipe_of(pumps[0]).await.unwrap().unwrap();
        assert_eq!((first.ending, first.certificates.as_slice()), (Ending::Lost, &[Digest::from_bytes([1; 32])][..]));
        assert!(first.is_open());
        go(pumps[0], Lifecycle::Lost, Lifecycle::Expected).await;
        assert!(store.wipe_of(pumps[0]).await.unwrap().is_some_and(|order| order.withdrawn.is_some() && !order.is_open()));
        let change = LifecycleChange { pump: pumps[1], from, to: Lifecycle::Retired };
        store.decide_lifecycle_ending(change, Ending::LoanerReturn, &who).await.unwrap();
        let order = store.wipe_of(pumps[1]).await.unwrap().unwrap();
        assert_eq!((order.ending, order.nonce.len()), (Ending::LoanerReturn, 32));
        assert_ne!(order.nonce, first.nonce);
        store.wipe_fetched(&order.nonce, T0).await.unwrap();
        assert!(store.keep_wipe_receipt(&order.nonce, b"one", &who).await.unwrap());
        assert!(!store.keep_wipe_receipt(&order.nonce, b"two", &who).await.unwrap());
        let order = store.wipe_named(&order.nonce).await.unwrap().unwrap();
        assert_eq!((order.fetched, order.receipt.as_deref(), order.is_open()), (Some(T0), Some(b"one".as_slice()), false));
        assert!(store.keep_wipe_receipt("00", b"x", &who).await.is_err());
    }

    async fn a_one_time_code_works_once_for_its_pump_until_it_expires(world) {
        let ids = world.pumps(2).await;
        let store = &world.store;
        let code = store.new_enrolment_code(ids[1], Span::from_h(1), &by("bea", "no birth certificate")).await.unwrap();
        let typed = code.code.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        let found = async |code: &str, at| store.enrolment_code(code, at).await.unwrap().map(|code| (code.pump, code.is_used));
        // Uses a code up for a pump, or says that it was refused.
        let spend = async |code: &str, pump: PumpId, n: u8| {
            let who = by("pump", "enrolled");
            match store.issue_for_code(&certificate(pump, n), code, &who).await {
                Ok(entry) => Some(entry.pending.is_some()),
                Err(StoreError::Refused { .. }) => None,
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(found("", T0).await, None);
        assert_eq!(found(&code.code, T0 + Span::from_h(2)).await, None, "too late");
        assert_eq!(found(&typed, T0).await, Some((ids[1], false)), "as people type it");
        assert_eq!(spend(&typed, ids[0], 1).await, None, "another pump's");
        assert_eq!(found(&typed, T0).await, Some((ids[1], false)), "a refusal uses nothing up");
        assert!(store.certificates(ids[0]).await.unwrap().is_empty(), "and issues nothing");
        assert_eq!(store.pump(ids[0]).await.unwrap().unwrap().standing.lifecycle, Lifecycle::Expected);
        assert_eq!(spend(&typed, ids[1], 2).await, Some(true));
        assert_eq!(spend(&code.code, ids[1], 3).await, None, "once");
        assert_eq!(found(&code.code, T0).await, Some((ids[1], true)));
        let first = store.new_enrolment_code(ids[0], Span::from_h(1), &by("bea", "")).await.unwrap();
        let second = store.new_enrolment_code(ids[0], Span::from_h(1), &by("bea", "mislaid")).await.unwrap();
        assert_eq!(spend(&first.code, ids[0], 4).await, None, "replaced by a newer one");
        let both = tokio::join!(spend(&second.code, ids[0], 5), spend(&second.code, ids[0], 6));
        assert_eq!([both.0, both.1].into_iter().flatten().count(), 1, "two at the same moment: one wins");
        assert_eq!(store.certificates(ids[0]).await.unwrap().len(), 1);
        assert_eq!(store.enrolment_codes(T0).await.unwrap().len(), 2);
    }

    async fn goals_only_grow_and_are_saved_all_or_none(world) {
        let ids = world.pumps(3).await;
        let goal = |n: usize, generation| NewGoal { pump: ids[n], generation: Generation(generation), signed: vec![n as u8] };
        let entry = Entry::done("rollout.advance", None, "rollout 1");
        let who = by("planner", "ring 1");
        world.store.save_goals(&[goal(0, 1), goal(1, 1)], &who, &entry).await.unwrap();
        let stale = world.store.save_goals(&[goal(0, 2), goal(1, 1)], &who, &entry).await.expect_err("a stale one");
        assert!(matches!(stale, StoreError::StaleGoal { stored: Generation(1), .. }), "{stale}");
        assert_eq!(world.store.goal(ids[0]).await.unwrap().map(|goal| goal.generation), Some(Generation(1)), "none was kept");
        world.reopen().await;
        assert_eq!(world.store.pump(ids[1]).await.unwrap().unwrap().goal, Some(vec![1]));
        assert_eq!(world.store.all_pumps().await.unwrap().len(), 3);
    }

    async fn crl_numbers_are_never_given_twice(world) {
        let four = tokio::join!(
            world.store.next_crl_number(), world.store.next_crl_number(), world.store.next_crl_number(),
            world.store.next_crl_number(),
        );
        let mut four = [four.0.unwrap(), four.1.unwrap(), four.2.unwrap(), four.3.unwrap()];
        four.sort_unstable();
        assert_eq!(four, [1, 2, 3, 4]);
    }
}

/// How long a page of a large fleet takes is the bench's business; that it comes from indexes and not from reading every
/// report is seen here by what is found at all.
#[tokio::test]
async fn twenty_thousand_pumps_fit_one_list() {
    let world = World::new(Engine::Sqlite).await.expect("SQLite is built in");
    world.pumps(20_000).await;
    let query = PumpQuery { search: Some("P-1999".to_owned()), ..PumpQuery::default() };
    let page = world.store.pumps(&query).await.unwrap();
    assert_eq!((page.total, page.rows.len()), (10, 10));
    assert_eq!(world.store.fleet_counts().await.unwrap().total, 20_000);
    let _: Time = page.rows[0].standing.since;
}
