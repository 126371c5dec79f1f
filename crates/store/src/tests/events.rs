//! Events: acknowledged means durable, and nothing is there twice (N11).

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use wardline_model::{ChannelState, Event, EventBody, PumpId, Sequence, Span, covers};

use super::{T0, World, on_both_engines};
use crate::{Appended, Journal, PageRequest, Store, StoreError};

/// The only journal of most tests.
const J: Journal = Journal(u64::MAX - 3);
/// Tells the child of the kill test which database to write to.
const CHILD_URL: &str = "WARDLINE_STORE_TEST_CHILD";
const CHILD_PUMPS: &str = "WARDLINE_STORE_TEST_PUMPS";

pub(crate) fn event(seq: u64) -> Event {
    let detail = format!("morphine {seq} ml/h");
    let body = EventBody::TherapyChanged { channel: 1, state: ChannelState::Infusing, library: None, detail };
    Event { seq: Sequence(seq), at: T0 + Span::from_s(seq), body }
}

fn events(from: u64, to: u64) -> Vec<Event> {
    (from..=to).map(event).collect()
}

async fn append(store: &Store, pump: PumpId, from: u64, to: u64) -> Appended {
    store.append_events(pump, J, events(from, to), T0).await.expect("the events are taken")
}

/// Every event of a pump, oldest first.
async fn all(store: &Store, pump: PumpId) -> Vec<Event> {
    let page = store.events(pump, PageRequest { page: 0, page_size: 1_000 }).await.expect("a time line");
    page.rows.into_iter().rev().map(|row| row.event).collect()
}

on_both_engines! {
    async fn what_is_sent_again_is_there_once_and_a_gap_is_answered_with_what_is_expected(world) {
        covers!("N11");
        let pump = world.pumps(1).await[0];
        let store = &world.store;
        assert_eq!(append(store, pump, 1, 3).await, Appended::Durable(Sequence(3)));
        assert_eq!(append(store, pump, 2, 5).await, Appended::Durable(Sequence(5)), "two old, two new");
        assert_eq!(append(store, pump, 1, 2).await, Appended::Durable(Sequence(5)), "all old");
        assert_eq!(append(store, pump, 7, 9).await, Appended::Gap { expected: Sequence(6) });
        assert_eq!(all(store, pump).await, events(1, 5), "whole, in order, once");
        let mut jump = events(6, 7);
        jump[1].seq = Sequence(9);
        assert!(matches!(store.append_events(pump, J, jump, T0).await, Err(StoreError::Refused { .. })));
        world.reopen().await;
        assert_eq!(world.store.durable_up_to(pump, J).await.unwrap(), Sequence(5));
        assert_eq!(append(&world.store, pump, 5, 6).await, Appended::Durable(Sequence(6)), "also after a restart");
        assert_eq!(all(&world.store, pump).await, events(1, 6));
    }

    async fn a_new_journal_begins_at_one_and_loses_nothing_of_the_old_one(world) {
        covers!("N11");
        let pump = world.pumps(1).await[0];
        append(&world.store, pump, 1, 4).await;
        let anew = world.store.append_events(pump, Journal(5), events(1, 2), T0).await.unwrap();
        assert_eq!(anew, Appended::Durable(Sequence(2)), "numbers of a new journal are not taken for old ones");
        let page = world.store.events(pump, PageRequest { page: 0, page_size: 3 }).await.unwrap();
        let newest: Vec<_> = page.rows.iter().map(|row| (row.journal, row.event.seq.0)).collect();
        assert_eq!((newest, page.total), (vec![(Journal(5), 2), (Journal(5), 1), (J, 4)], 6));
    }

    async fn many_pumps_at_once_share_commits_and_nobody_is_mistaken_for_another(world) {
        covers!("N11");
        let pumps = world.pumps(60).await;
        let senders: Vec<_> = pumps.iter().map(|pump| {
            let (store, pump) = (world.store.clone(), *pump);
            // One task for each pump, as on the hub.
            tokio::spawn(async move {
                for seq in 1..=5 {
                    assert_eq!(append(&store, pump, seq, seq).await, Appended::Durable(Sequence(seq)));
                }
            })
        }).collect();
        for sender in senders {
            sender.await.expect("every pump was served");
        }
        let stranger = PumpId::from_bytes([1; 16]);
        let refused = world.store.append_events(stranger, J, events(1, 1), T0).await;
        assert!(matches!(refused, Err(StoreError::NotFound { .. })), "an unknown pump fails alone");
        for pump in pumps {
            assert_eq!(all(&world.store, pump).await, events(1, 5));
        }
    }

    async fn killed_in_the_middle_of_commits_nothing_acknowledged_is_lost_or_there_twice(world) {
        covers!("N11");
        let pumps = world.pumps(8).await;
        world.store.close().await;
        let list: Vec<String> = pumps.iter().map(ToString::to_string).collect();
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "tests::events::the_child_that_is_killed", "--nocapture", "--test-threads=1"])
            .env(CHILD_URL, &world.url)
            .env(CHILD_PUMPS, list.join(","))
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let mut acknowledged = std::collections::BTreeMap::new();
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        for line in lines.by_ref().map_while(Result::ok).filter(|line| line.starts_with("ack ")).take(300) {
            let mut words = line.split(' ').skip(1);
            let pump: PumpId = words.next().expect("a pump").parse().expect("a pump");
            let seq: u64 = words.next().expect("a number").parse().expect("a number");
            acknowledged.insert(pump, seq);
        }
        child.kill().expect("SIGKILL");
        child.wait().expect("it is gone");
        for line in lines.map_while(Result::ok) {
            // What it said before it died counts too; a torn last line does not.
            let words: Vec<&str> = line.split(' ').collect();
            if let ["ack", pump, seq, "."] = words[..] {
                acknowledged.insert(pump.parse().expect("a pump"), seq.parse().expect("a number"));
            }
        }
        assert!(!acknowledged.is_empty(), "the child acknowledged something before it was killed");
        world.store = Store::open(&world.url, &world.master, T0).await.expect("it opens after the kill");
        for (pump, acknowledged) in acknowledged {
            let durable = world.store.durable_up_to(pump, J).await.unwrap().0;
            assert!(durable >= acknowledged, "pump {pump}: {acknowledged} was acknowledged, {durable} is durable");
            let kept = all(&world.store, pump).await;
            let from = durable.saturating_sub(kept.len() as u64) + 1;
            assert_eq!(kept, events(from, durable), "pump {pump}: whole, in order, once");
            assert_eq!(append(&world.store, pump, durable + 1, durable + 1).await, Appended::Durable(Sequence(durable + 1)));
        }
    }
}

/// Not a test by itself: the process that the kill test starts and kills. Without its variables it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_child_that_is_killed() {
    let (Ok(url), Ok(pumps)) = (std::env::var(CHILD_URL), std::env::var(CHILD_PUMPS)) else { return };
    let store = Store::open(&url, &crate::MasterKey::from_bytes([7; 32]), T0).await.expect("the child opens the store");
    let writers: Vec<_> = pumps
        .split(',')
        .map(|pump| {
            let (store, pump) = (store.clone(), pump.parse::<PumpId>().expect("a pump"));
            tokio::spawn(async move {
                for seq in 1..20_000 {
                    append(&store, pump, seq, seq).await;
                    println!("ack {pump} {seq} .");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
}
