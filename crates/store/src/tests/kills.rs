//! Killed hubs and restarted servers: every decision and event that was acknowledged is there afterwards, none twice.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wardline_model::{Lifecycle, PumpId, Sequence, covers};

use super::events::event;
use super::{T0, World, by, on_both_engines, server};
use crate::{Appended, AuditQuery, AuditVerdict, Journal, LifecycleChange, MasterKey, PageRequest, Store, StoreError};

/// Tells the child which database to write to, and for which pumps.
const CHILD_URL: &str = "WARDLINE_STORE_TEST_DECIDING_CHILD";
const CHILD_PUMPS: &str = "WARDLINE_STORE_TEST_DECIDING_PUMPS";

/// The state that follows in the children's endless back and forth.
const fn next(at: Lifecycle) -> Lifecycle {
    match at {
        Lifecycle::Quarantined => Lifecycle::Enrolled,
        Lifecycle::Expected | Lifecycle::Enrolled | Lifecycle::InService | Lifecycle::Lost | Lifecycle::Retired => {
            Lifecycle::Quarantined
        }
    }
}

/// What a child said: the last decision (audit record, state) and the last event of each pump.
#[derive(Default)]
struct Said {
    decisions: BTreeMap<u64, (PumpId, Lifecycle)>,
    events: BTreeMap<PumpId, u64>,
}

impl Said {
    /// Takes a line; one that was torn by the kill counts for nothing.
    fn hear(&mut self, line: &str) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["decided", pump, number, lifecycle, "."] => {
                let said = (pump.parse().expect("a pump"), lifecycle.parse().expect("a state"));
                self.decisions.insert(number.parse().expect("a number"), said);
            }
            ["event", pump, seq, "."] => {
                self.events.insert(pump.parse().expect("a pump"), seq.parse().expect("a number"));
            }
            _ => {}
        }
    }

    /// Compares what was said with what is there.
    async fn holds(&self, store: &Store, story: &str) {
        let key = ed25519_dalek::SigningKey::from_bytes(&[5; 32]).verifying_key();
        let verdict = store.verify_audit(&key, None).await.expect("the audit can be read");
        let AuditVerdict::Whole { records, .. } = verdict else { panic!("{story}: {verdict:?}") };
        let mut all = BTreeMap::new();
        for page in 0..=records.div_ceil(1_000) {
            let page = PageRequest { page: u32::try_from(page).expect("small"), page_size: 1_000 };
            let rows = store.audit(&AuditQuery { page, ..AuditQuery::default() }).await.expect("a page").rows;
            all.extend(rows.into_iter().map(|row| (row.number, row)));
        }
        for (number, (pump, lifecycle)) in &self.decisions {
            let record = all.get(number).unwrap_or_else(|| panic!("{story}: decision {number} was acknowledged"));
            assert_eq!(
                (record.pump, record.action.as_str()),
                (Some(*pump), format!("pump.{lifecycle}").as_str()),
                "{story}"
            );
        }
        // A decision and its record are one transaction: the last record of each pump says where the pump is.
        let last: BTreeMap<PumpId, &str> =
            all.values().filter_map(|row| Some((row.pump?, row.action.strip_prefix("pump.")?))).collect();
        for entry in store.registry().await.expect("a registry") {
            if let Some(word) = last.get(&entry.pump) {
                assert_eq!(entry.lifecycle.as_str(), *word, "{story}: pump {}", entry.pump);
            }
        }
        for (pump, said) in &self.events {
            let durable = store.durable_up_to(*pump, Journal(1)).await.expect("a journal").0;
            assert!(durable >= *said, "{story}: event {said} was acknowledged, {durable} is durable");
            let page = PageRequest { page: 0, page_size: 1_000 };
            let page = store.events(*pump, page).await.expect("a time line");
            assert_eq!(page.total, durable, "{story}: each once");
            for (row, seq) in page.rows.iter().zip((1..=durable).rev()) {
                assert_eq!(row.event, event(seq), "{story}: in order");
            }
        }
    }
}

on_both_engines! {
    async fn a_hub_killed_in_the_middle_of_commits_has_every_acknowledged_decision_once(world) {
        covers!("N11");
        let pumps = world.pumps(6).await;
        let list: Vec<String> = pumps.iter().map(ToString::to_string).collect();
        let mut said = Said::default();
        for (round, decisions) in [7, 20, 45].into_iter().enumerate() {
            world.store.close().await;
            let mut child = Command::new(std::env::current_exe().expect("this test"))
                .args(["--exact", "tests::kills::the_deciding_child", "--nocapture", "--test-threads=1"])
                .env(CHILD_URL, &world.url)
                .env(CHILD_PUMPS, list.join(","))
                .stdout(Stdio::piped())
                .spawn()
                .expect("a child");
            let mut output = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
            let before = said.decisions.len();
            while said.decisions.len() < before + decisions {
                said.hear(&output.next().expect("the child goes on deciding"));
            }
            child.kill().expect("SIGKILL");
            child.wait().expect("it is gone");
            output.for_each(|line| said.hear(&line));
            world.store = Store::open(&world.url, &world.master, T0).await.expect("it opens after the kill");
            said.holds(&world.store, &format!("killed after {decisions} decisions, round {round}")).await;
        }
    }
}

/// Not a test by itself: the hub that the kill test starts and kills. Without its variables it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deciding_child() {
    let (Ok(url), Ok(pumps)) = (std::env::var(CHILD_URL), std::env::var(CHILD_PUMPS)) else { return };
    let store = Store::open(&url, &MasterKey::from_bytes([7; 32]), T0).await.expect("the child opens the store");
    let mut tasks = tokio::task::JoinSet::new();
    for pump in pumps.split(',').map(|pump| pump.parse::<PumpId>().expect("a pump")) {
        let (deciding, sending) = (store.clone(), store.clone());
        tasks.spawn(async move {
            let mut at = deciding.registry_entry(pump).await.expect("an entry").lifecycle;
            loop {
                let change = LifecycleChange { pump, from: at, to: next(at) };
                let entry = deciding.decide_lifecycle(change, &by("sam", "back and forth")).await.expect("a decision");
                at = entry.lifecycle;
                println!("decided {pump} {} {at} .", entry.as_of);
            }
        });
        tasks.spawn(async move {
            let mut seq = sending.durable_up_to(pump, Journal(1)).await.expect("a journal").0;
            loop {
                seq += 1;
                let kept = sending.append_events(pump, Journal(1), vec![event(seq)], T0).await.expect("an event");
                assert_eq!(kept, Appended::Durable(Sequence(seq)));
                println!("event {pump} {seq} .");
            }
        });
    }
    let ended = tasks.join_next().await;
    panic!("a task without an end ended: {ended:?}");
}

/// Appends and decides until it has done enough; a server that is away is asked again.
async fn persist(store: Store, pump: PumpId, done: Arc<AtomicU64>, enough: u64) -> Said {
    let mut said = Said::default();
    let mut at = Lifecycle::Expected;
    while done.load(Ordering::Relaxed) < enough {
        let seq = said.events.get(&pump).copied().unwrap_or(0) + 1;
        match store.append_events(pump, Journal(1), vec![event(seq)], T0).await {
            Ok(kept) => {
                assert_eq!(kept, Appended::Durable(Sequence(seq)), "what is sent again is there once");
                said.events.insert(pump, seq);
                done.fetch_add(1, Ordering::Relaxed);
            }
            Err(StoreError::Unreachable { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
        let change = LifecycleChange { pump, from: at, to: next(at) };
        match store.decide_lifecycle(change, &by("sam", "back and forth")).await {
            Ok(entry) => {
                at = entry.lifecycle;
                said.decisions.insert(entry.as_of, (pump, at));
            }
            // Whether a commit happened whose answer was lost is known only by looking.
            Err(StoreError::Moved { is, .. }) => at = is,
            Err(StoreError::Unreachable { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_restarts_under_the_hub_loses_nothing_acknowledged_and_the_hub_goes_on() {
    covers!("N11");
    let Some(server) = server() else {
        eprintln!("skipped: PostgreSQL is not installed");
        return;
    };
    let url = server.database();
    let master = MasterKey::from_bytes([7; 32]);
    let world = World {
        store: Store::create(&url, &master, T0).await.expect("a store"),
        url,
        master,
        folder: tempfile::tempdir().expect("a folder"),
    };
    let pumps = world.pumps(4).await;
    let done = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> =
        pumps.iter().map(|pump| tokio::spawn(persist(world.store.clone(), *pump, Arc::clone(&done), 400))).collect();
    while done.load(Ordering::Relaxed) < 100 {
        tokio::task::yield_now().await;
    }
    let restarted = tokio::task::spawn_blocking(move || {
        server.restart();
        server
    });
    let server = restarted.await.expect("a restart");
    let mut said = Said::default();
    for task in tasks {
        let one = task.await.expect("it goes on after the restart");
        said.decisions.extend(one.decisions);
        said.events.extend(one.events);
    }
    said.holds(&world.store, "restarted in the middle").await;
    world.store.close().await;
    drop(server);
}
