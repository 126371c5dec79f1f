//! Settings and approvals by rule: one change at a time, and a limit that two pumps at once cannot pass.

use super::{World, by, on_both_engines};
use crate::{Entry, Setting, StoreError};

on_both_engines! {
    async fn of_two_changes_of_one_setting_the_second_is_told(world) {
        let store = &world.store;
        assert_eq!(store.setting(Setting::Approval).await.unwrap(), None);
        let entry = Entry::done("enrolment.rules", None, "2 rules");
        let save = async |value: &str, from| {
            store.save_setting(Setting::Approval, value, from, &by("anna", "delivery"), &entry).await
        };
        assert_eq!(save("one", 0).await.unwrap(), 1);
        let stale = save("two", 0).await;
        assert!(matches!(&stale, Err(StoreError::Refused { why, .. }) if why.contains("in the meantime")), "{stale:?}");
        assert_eq!(save("two", 1).await.unwrap(), 2);
        let row = store.setting(Setting::Approval).await.unwrap().expect("it is set");
        assert_eq!((row.value.as_str(), row.revision, row.changed_by.as_str()), ("two", 2, "person:anna"));
        assert_eq!(store.setting(Setting::Devices).await.unwrap(), None, "one setting is not another");
        let large = "x".repeat(256 * 1024 + 1);
        assert!(matches!(save(&large, 2).await, Err(StoreError::Refused { .. })));
    }

    async fn a_rule_lets_in_no_more_pumps_than_its_limit_however_they_come(world) {
        let pumps = world.pumps(20).await;
        let decision = by("anna", "the rule lets it in");
        let asking: Vec<_> = pumps
            .into_iter()
            .map(|pump| {
                let (store, decision) = (world.store.clone(), decision.clone());
                tokio::spawn(async move { (pump, store.approve_by_rule(pump, "Delivery", 7, &decision).await.unwrap()) })
            })
            .collect();
        let mut let_in = Vec::new();
        for one in asking {
            let (pump, is_in) = one.await.unwrap();
            let_in.extend(is_in.then_some(pump));
        }
        assert_eq!(let_in.len(), 7);
        assert_eq!(world.store.let_in_by_rule().await.unwrap(), [("Delivery".to_owned(), 7)].into());
        // Who was let in before asks again, as after a lost answer: it is neither refused nor counted.
        let again = let_in[0];
        assert!(world.store.approve_by_rule(again, "Delivery", 7, &decision).await.unwrap());
        assert_eq!(world.store.approved_by_rule(again).await.unwrap().as_deref(), Some("Delivery"));
        assert_eq!(world.store.let_in_by_rule().await.unwrap()["Delivery"], 7);
    }
}
