//! Decisions that wait together share a commit; one that fails takes nothing of the others with it.

use std::sync::atomic::Ordering;

use wardline_model::{Lifecycle, covers};

use super::events::event;
use super::{T0, World, by, on_both_engines};
use crate::{Appended, AuditVerdict, Entry, Journal, LifecycleChange, StoreError};

async fn records(world: &World) -> u64 {
    let key = ed25519_dalek::SigningKey::from_bytes(&[5; 32]).verifying_key();
    match world.store.verify_audit(&key, None).await.unwrap() {
        AuditVerdict::Whole { records, .. } => records,
        broken @ AuditVerdict::Broken { .. } => panic!("{broken:?}"),
    }
}

on_both_engines! {
    async fn three_hundred_quarantines_share_few_commits_while_events_flow(world) {
        covers!("N11");
        let pumps = world.pumps(300).await;
        let store = &world.store;
        let before = (store.core.groups.load(Ordering::Relaxed), records(&world).await);
        let decide = |pump| async move {
            let change = LifecycleChange { pump, from: Lifecycle::Expected, to: Lifecycle::Quarantined };
            store.decide_lifecycle(change, &by("sam", "worm")).await
        };
        let events = async {
            for seq in 1..=20 {
                let kept = store.append_events(pumps[0], Journal(1), vec![event(seq)], T0).await.unwrap();
                assert_eq!(kept, Appended::Durable(wardline_model::Sequence(seq)), "events get their turn");
            }
        };
        let (decided, ()) = tokio::join!(futures_all(pumps.iter().map(|pump| decide(*pump))), events);
        for (entry, pump) in decided.iter().zip(&pumps) {
            let entry = entry.as_ref().expect("a decision");
            assert_eq!(entry, &store.registry_entry(*pump).await.map(|now| crate::RegistryEntry { as_of: entry.as_of, ..now }).unwrap());
        }
        let groups = store.core.groups.load(Ordering::Relaxed) - before.0;
        assert!(groups < 60, "300 decisions took {groups} commits");
        assert_eq!(records(&world).await, before.1 + 300, "one record each, in one chain");
    }

    async fn a_decision_that_fails_or_is_given_up_takes_nothing_of_its_group_with_it(world) {
        covers!("N11");
        let pumps = world.pumps(20).await;
        let store = &world.store;
        let before = records(&world).await;
        let tag = |n: usize| crate::tests::expected(n).asset_tag;
        // Every second one asks for an inventory number that another pump has: its statement fails in the database.
        let edits = (0..20).map(|n| {
            let (wanted, area) = (if n % 2 == 0 { tag(n + 100) } else { tag(0) }, crate::tests::expected(n).care_area);
            let (by, pump) = (by("anna", "relabelled"), pumps[n]);
            async move { store.edit_pump(pump, &wanted, &area, &by).await }
        });
        // One caller gives up as soon as it has begun.
        let given_up = async {
            let by = by("kim", "never mind");
            let entry = Entry::done("test", None, "given up");
            let work = store.record(&by, &entry);
            tokio::select! { biased; _ = work => {}, () = std::future::ready(()) => {} }
        };
        let (done, ()) = tokio::join!(futures_all(edits), given_up);
        // Pump 0 gave its number away first or last; whoever asked for it meanwhile was refused.
        let good = done.iter().filter(|done| done.is_ok()).count();
        assert!(done.iter().step_by(2).all(Result::is_ok), "{done:?}");
        assert!(done.iter().all(|done| matches!(done, Ok(()) | Err(StoreError::Taken { .. }))), "{done:?}");
        let now = records(&world).await;
        assert!(now == before + good as u64 || now == before + good as u64 + 1, "{now}: no record of what failed");
        assert_eq!(store.pump(pumps[2]).await.unwrap().unwrap().asset_tag, tag(102));
    }
}

/// Runs all at once, on this task.
async fn futures_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<std::pin::Pin<Box<F>>> = futures.map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (future, output) in all.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let std::task::Poll::Ready(done) = future.as_mut().poll(cx)
            {
                *output = Some(done);
            }
        }
        if outputs.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}
