//! Several hubs on one PostgreSQL hear each other, take turns, and forget a hub that died.

use sqlx::Connection as _;
use wardline_model::{Generation, Lifecycle, covers};

use super::{T0, World, by};
use crate::{Engine, Entry, Heard, LifecycleChange, LinkChange, NewGoal, Notice, Store, StoreError};

/// The next thing heard, within a generous limit.
async fn hear(ears: &mut crate::Neighbours) -> Heard {
    let limit = std::time::Duration::from_secs(60);
    loop {
        match tokio::time::timeout(limit, ears.next()).await.expect("it hears something") {
            Ok(heard) => return heard,
            Err(StoreError::Unreachable { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hubs_hear_what_others_decided_when_it_is_durable_and_that_they_may_have_missed_something() {
    covers!("N14");
    let Some(world) = World::new(Engine::Postgres).await else {
        return eprintln!("skipped: PostgreSQL is not installed");
    };
    let other = Store::open(&world.url, &world.master, T0).await.unwrap();
    let mut ears = other.neighbours("b").await.unwrap().expect("there are several hubs on PostgreSQL");
    let taken = world.store.neighbours("b").await.expect_err("a second hub of that name");
    assert!(matches!(taken, StoreError::NameTaken { .. }) && taken.to_string().contains("config.json"), "{taken}");
    let pumps = world.pumps(3).await;
    assert_eq!(hear(&mut ears).await, Heard::Notice(Notice::List));
    let change = LifecycleChange { pump: pumps[1], from: Lifecycle::Expected, to: Lifecycle::Quarantined };
    other.decide_lifecycle(change, &by("sam", "its own")).await.unwrap();
    assert!(world.store.decide_lifecycle(change, &by("kim", "too late")).await.is_err(), "a refusal tells nothing");
    let change = LifecycleChange { pump: pumps[2], from: Lifecycle::Expected, to: Lifecycle::Quarantined };
    world.store.decide_lifecycle(change, &by("sam", "beacons")).await.unwrap();
    assert_eq!(hear(&mut ears).await, Heard::Notice(Notice::Pumps(vec![pumps[2]])), "nothing of its own");
    assert_eq!(other.registry_entry(pumps[2]).await.unwrap().lifecycle, Lifecycle::Quarantined, "durable by then");
    let goals: Vec<NewGoal> =
        pumps.iter().map(|pump| NewGoal { pump: *pump, generation: Generation(1), signed: vec![1] }).collect();
    world.store.save_goals(&goals, &by("planner", ""), &Entry::done("goal.give", None, "3")).await.unwrap();
    assert_eq!(hear(&mut ears).await, Heard::Notice(Notice::Goals(pumps)));
    let mut admin = sqlx::AnyConnection::connect(&world.url).await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE query LIKE '%pg_try_advisory_lock%' \
               AND pid <> pg_backend_pid() AND datname = current_database()";
    assert_eq!(sqlx::query(cut).fetch_all(&mut admin).await.unwrap().len(), 1, "the ear's connection");
    assert_eq!(hear(&mut ears).await, Heard::Missed);
    world.pumps_more(3, 1).await;
    assert_eq!(hear(&mut ears).await, Heard::Notice(Notice::List), "and it hears again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planners_take_turns_and_the_links_of_a_dead_hub_are_forgotten_while_those_of_a_living_one_stay() {
    let Some(world) = World::new(Engine::Postgres).await else {
        return eprintln!("skipped: PostgreSQL is not installed");
    };
    let other = Store::open(&world.url, &world.master, T0).await.unwrap();
    let turn = world.store.planners_turn().await.unwrap().expect("nobody has it");
    assert!(other.planners_turn().await.unwrap().is_none(), "one at a time");
    drop(turn);
    let mut free = other.planners_turn().await.unwrap();
    while free.is_none() {
        // The end of a dropped transaction reaches the server a moment later.
        tokio::task::yield_now().await;
        free = other.planners_turn().await.unwrap();
    }
    let pumps = world.pumps(2).await;
    let ears = other.neighbours("b").await.unwrap();
    for (pump, node) in [(pumps[0], "b"), (pumps[1], "gone")] {
        let up = LinkChange::Up { pump, place: "10.0.0.1".into(), at: T0 };
        other.links_changed(node, &[up]).await.unwrap();
    }
    assert_eq!(world.store.forget_dead_hubs("a").await.unwrap(), 1, "only that of the hub that is gone");
    assert!(world.store.pump(pumps[0]).await.unwrap().unwrap().linked_since.is_some());
    assert!(world.store.pump(pumps[1]).await.unwrap().unwrap().linked_since.is_none());
    drop(ears);
    while world.store.forget_dead_hubs("a").await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(world.store.pump(pumps[0]).await.unwrap().unwrap().linked_since.is_none(), "b died");
}

#[tokio::test]
async fn on_sqlite_there_is_one_hub_and_nothing_to_hear() {
    let world = World::new(Engine::Sqlite).await.expect("SQLite is built in");
    assert!(world.store.neighbours("a").await.unwrap().is_none());
    let turn = world.store.planners_turn().await.unwrap();
    assert!(turn.is_some() && world.store.planners_turn().await.unwrap().is_some(), "one process, always its turn");
}
