//! First certificates that wait for a person: asked once, decided once, used once, and run out.

use wardline_model::{Digest, PumpId, Span, Time};

use super::{T0, World, by, on_both_engines};
use crate::{ApprovalAnswer, ApprovalAsk, ApprovalState, AuditQuery, Decision, NewCertificate, StoreError};

const LASTS: Span = Span::from_h(72);

fn ask(pump: PumpId, key: u8) -> ApprovalAsk {
    let digest = |n| Digest::from_bytes([n; 32]);
    ApprovalAsk { pump, key: digest(key), birth: digest(200), label: "ward-3".into(), place: "10.0.0.9".into() }
}

fn at(at: Time) -> Decision {
    Decision { at, ..by("anna", "it stands before me") }
}

async fn asked(world: &World, ask: &ApprovalAsk, now: Time) -> ApprovalAnswer {
    world.store.ask_approval(ask, LASTS, 5, now).await.unwrap()
}

async fn the_one(world: &World, now: Time) -> crate::EnrolmentRequestRow {
    let rows = world.store.approvals(now).await.unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.into_iter().next().unwrap()
}

async fn audited(world: &World, action: &str) -> usize {
    let query = AuditQuery { action: Some(action.to_owned()), ..AuditQuery::default() };
    world.store.audit(&query).await.unwrap().rows.len()
}

fn certificate(pump: PumpId, n: u8) -> NewCertificate {
    let (fingerprint, not_after) = (Digest::from_bytes([n; 32]), T0 + Span::from_days(30));
    NewCertificate { serial: format!("{n:02x}"), fingerprint, pump, not_before: T0, not_after, der: vec![0x30, n] }
}

on_both_engines! {
    async fn a_request_is_asked_once_approved_once_and_used_once(world) {
        let pumps = world.pumps(2).await;
        let mine = ask(pumps[0], 1);
        assert_eq!(asked(&world, &mine, T0).await, ApprovalAnswer::Waiting);
        // Asking again adds nothing, and remembers when it was heard last.
        assert_eq!(asked(&world, &mine, T0 + Span::from_min(1)).await, ApprovalAnswer::Waiting);
        assert_eq!(asked(&world, &mine, T0 + Span::from_min(30)).await, ApprovalAnswer::Waiting);
        assert_eq!(audited(&world, "enrolment.approval.ask").await, 1);
        let row = the_one(&world, T0).await;
        assert_eq!((row.asked, row.asked_last), (T0, T0 + Span::from_min(30)));
        assert_eq!((row.ask.clone(), row.state, row.decided.clone()), (mine.clone(), ApprovalState::Waiting, None));
        assert_eq!(world.store.approvals_waiting(T0).await.unwrap(), 1);

        let decided = world.store.approve_enrolment(&row.id, &at(T0 + Span::from_h(1))).await.unwrap();
        assert_eq!(decided.state, ApprovalState::Approved);
        assert_eq!(asked(&world, &mine, T0 + Span::from_h(2)).await, ApprovalAnswer::Approved(row.id.clone()));
        // It is for this key, this pump and this birth certificate.
        assert_eq!(asked(&world, &ask(pumps[0], 2), T0 + Span::from_h(2)).await, ApprovalAnswer::Waiting);
        let other_birth = ApprovalAsk { birth: Digest::from_bytes([9; 32]), ..mine.clone() };
        assert_eq!(asked(&world, &other_birth, T0 + Span::from_h(2)).await, ApprovalAnswer::Waiting);
        let why = at(T0 + Span::from_h(3));
        let stolen = world.store.issue_approved(&certificate(pumps[1], 7), &row.id, &why).await;
        assert!(matches!(stolen, Err(StoreError::Refused { .. })), "{stolen:?}");
        assert!(world.store.certificates(pumps[1]).await.unwrap().is_empty());
        world.store.issue_approved(&certificate(pumps[0], 8), &row.id, &why).await.unwrap();
        let twice = world.store.issue_approved(&certificate(pumps[0], 9), &row.id, &why).await;
        assert!(matches!(twice, Err(StoreError::Refused { .. })), "{twice:?}");
        assert_eq!(world.store.certificates(pumps[0]).await.unwrap().len(), 1);
        for again in [
            world.store.approve_enrolment(&row.id, &why).await,
            world.store.deny_enrolment(&row.id, &why).await,
        ] {
            assert!(matches!(again, Err(StoreError::Refused { .. })), "{again:?}");
        }
        assert!(matches!(world.store.deny_enrolment("ZZZZ", &why).await, Err(StoreError::NotFound { .. })));
    }

    async fn a_denial_stands_and_says_why(world) {
        let pumps = world.pumps(1).await;
        let mine = ask(pumps[0], 1);
        asked(&world, &mine, T0).await;
        let id = the_one(&world, T0).await.id;
        world.store.deny_enrolment(&id, &at(T0)).await.unwrap();
        let denied = ApprovalAnswer::Denied("it stands before me".into());
        assert_eq!(asked(&world, &mine, T0 + Span::from_days(29)).await, denied);
        assert_eq!(audited(&world, "enrolment.deny").await, 1);
        // After a month it may ask again.
        assert_eq!(asked(&world, &mine, T0 + Span::from_days(31)).await, ApprovalAnswer::Waiting);
    }

    async fn what_nobody_decides_runs_out_and_what_is_not_collected_too(world) {
        let pumps = world.pumps(2).await;
        let (one, two) = (ask(pumps[0], 1), ask(pumps[1], 2));
        asked(&world, &one, T0).await;
        asked(&world, &two, T0).await;
        let rows = world.store.approvals(T0).await.unwrap();
        let id = |pump| rows.iter().find(|row| row.ask.pump == pump).unwrap().id.clone();
        world.store.approve_enrolment(&id(pumps[1]), &at(T0)).await.unwrap();
        let late = T0 + LASTS + Span::from_s(1);
        assert!(world.store.approvals(late).await.unwrap().is_empty(), "what has run out is not shown");
        let approved = world.store.approve_enrolment(&id(pumps[0]), &at(late)).await;
        assert!(matches!(approved, Err(StoreError::Refused { .. })), "{approved:?}");
        let used = world.store.issue_approved(&certificate(pumps[1], 3), &id(pumps[1]), &at(late)).await;
        assert!(matches!(used, Err(StoreError::Refused { .. })), "{used:?}");
        assert_eq!(world.store.expire_approvals(late).await.unwrap(), 2);
        assert_eq!(world.store.expire_approvals(late).await.unwrap(), 0);
        assert_eq!(audited(&world, "enrolment.approval.expire").await, 1, "the one that nobody decided");
        // The pump asks anew by itself.
        assert_eq!(asked(&world, &one, late).await, ApprovalAnswer::Waiting);
    }

    async fn so_many_wait_and_no_more(world) {
        let pumps = world.pumps(3).await;
        for key in 1..=3 {
            assert_eq!(asked(&world, &ask(pumps[0], key), T0).await, ApprovalAnswer::Waiting);
        }
        assert_eq!(asked(&world, &ask(pumps[0], 4), T0).await, ApprovalAnswer::Full, "of one pump");
        assert_eq!(asked(&world, &ask(pumps[1], 5), T0).await, ApprovalAnswer::Waiting);
        assert_eq!(asked(&world, &ask(pumps[1], 6), T0).await, ApprovalAnswer::Waiting);
        assert_eq!(asked(&world, &ask(pumps[2], 7), T0).await, ApprovalAnswer::Full, "in all");
        assert_eq!(asked(&world, &ask(pumps[1], 5), T0).await, ApprovalAnswer::Waiting, "who waits already goes on waiting");
        let id = world.store.approvals(T0).await.unwrap()[0].id.clone();
        world.store.approve_enrolment(&id, &at(T0)).await.unwrap();
        assert_eq!(asked(&world, &ask(pumps[2], 7), T0).await, ApprovalAnswer::Waiting, "there is room again");
    }
}
