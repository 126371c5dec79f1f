//! One change of authorities after the other, never two, and no generation twice.

use super::{World, by, on_both_engines};
use crate::{AuditQuery, Entry, Generations, NewRollOver, RollOverStage, RollOverWhat, Store, StoreError};

fn new(what: RollOverWhat, rows: &[crate::RollOverRow]) -> NewRollOver {
    NewRollOver { what, to: Store::next_generations(rows, what), subject: "root 2".into() }
}

on_both_engines! {
    async fn changes_follow_each_other_and_each_is_in_the_audit(world) {
        use RollOverStage::{Abandoned, Finished, Moved, Prepared};
        let (store, who) = (&world.store, by("sven", "the root is ten years old"));
        let refused = |result: Result<_, StoreError>| assert!(matches!(result, Err(StoreError::Refused { .. })), "{result:?}");
        assert_eq!(Store::authorities_of(&store.roll_overs().await.unwrap()), (Generations { root: 1, issuing: 1 }, None));

        let first = store.begin_roll_over(&new(RollOverWhat::Root, &[]), &who).await.unwrap();
        assert_eq!((first.number, first.to), (1, Generations { root: 2, issuing: 2 }));
        refused(store.begin_roll_over(&new(RollOverWhat::Issuing, &[]), &who).await.map(drop));
        let step = async |from, to| store.step_roll_over(from, to, &who, &Entry::done("ca.roll-over.step", None, "")).await;
        refused(step(Moved, Finished).await);
        step(Prepared, Abandoned).await.unwrap();
        refused(step(Prepared, Moved).await);

        // What was given up is never used again, and a stale plan begins nothing.
        let rows = store.roll_overs().await.unwrap();
        assert_eq!(Store::authorities_of(&rows), (Generations { root: 1, issuing: 1 }, None));
        refused(store.begin_roll_over(&new(RollOverWhat::Root, &[]), &who).await.map(drop));
        let second = store.begin_roll_over(&new(RollOverWhat::Issuing, &rows), &who).await.unwrap();
        assert_eq!((second.number, second.to), (2, Generations { root: 1, issuing: 3 }));
        step(Prepared, Moved).await.unwrap();
        step(Moved, Finished).await.unwrap();
        let rows = store.roll_overs().await.unwrap();
        assert_eq!(Store::authorities_of(&rows), (Generations { root: 1, issuing: 3 }, None));
        assert_eq!(Store::next_generations(&rows, RollOverWhat::Root), Generations { root: 3, issuing: 4 });

        let page = store.audit(&AuditQuery::default()).await.unwrap();
        let actions = page.rows.iter().filter(|record| record.action.starts_with("ca.roll-over")).count();
        assert_eq!(actions, 5);
    }
}
