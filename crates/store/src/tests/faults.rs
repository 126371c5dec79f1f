//! Damaged files, full disks, wrong addresses: each gets a clear error, and nothing acknowledged is lost.

use wardline_model::{Lifecycle, Sequence, covers};

use super::events::event;
use super::{T0, World, by};
use crate::{Appended, AuditVerdict, Engine, Journal, LifecycleChange, MasterKey, Store, StoreError, sqlite_url};

async fn sqlite() -> World {
    World::new(Engine::Sqlite).await.expect("SQLite is built in")
}

#[tokio::test]
async fn a_file_that_is_missing_foreign_cut_or_overwritten_is_named_with_what_to_do() {
    let world = sqlite().await;
    world.pumps(2_000).await;
    world.store.close().await;
    let whole = std::fs::read(world.folder.path().join("hub.db")).unwrap();
    let file = world.folder.path().join("bad.db");
    let open = async |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        match Store::open(&sqlite_url(&file), &world.master, T0).await {
            Ok(store) => {
                let error = store.all_pumps().await.expect_err("a damaged database");
                store.close().await;
                error
            }
            Err(error) => error,
        }
    };
    let (mut holes, mut header, mut page) = (whole.clone(), whole.clone(), whole.clone());
    holes[4096..].fill(0xa5);
    header[16..100].fill(0);
    let middle = whole.len() / 2 / 4096 * 4096;
    page[middle..middle + 4096].fill(0xa5);
    let foreign = &b"#!/bin/sh\necho not a database, but long enough\n"[..];
    for bad in [foreign, &whole[..whole.len() / 2], &holes, &header, &page] {
        let error = open(bad).await;
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("bad.db") && text.contains("wardline restore"), "{text}");
    }
    // One page in the middle, which the first steps of a start do not read.
    let mut page = whole.clone();
    let middle = page.len() / 2 / 4096 * 4096;
    page[middle..middle + 4096].fill(0x5a);
    std::fs::write(&file, &page).unwrap();
    let at_start = Store::open(&sqlite_url(&file), &world.master, T0).await.expect_err("a damaged page");
    assert!(matches!(at_start, StoreError::Corrupt { .. }), "{at_start:?}");
    let looked = Store::inspect(&sqlite_url(&file)).await.expect_err("a damaged page");
    assert!(matches!(looked, StoreError::Corrupt { .. }), "{looked:?}");
    std::fs::write(&file, &whole).unwrap();
    Store::inspect(&sqlite_url(&file)).await.expect("a sound one");
    std::fs::remove_file(&file).unwrap();
    let missing = Store::open(&sqlite_url(&file), &world.master, T0).await.expect_err("no file");
    assert!(missing.to_string().contains("wardline init"), "{missing}");
    let empty = open(b"").await;
    assert!(matches!(empty, StoreError::Missing { .. }), "an empty file holds no hub: {empty}");
    let url = Store::open("mysql://u:secret@h/db", &world.master, T0).await.expect_err("not ours");
    assert!(!url.to_string().contains("secret"), "{url}");
}

#[tokio::test]
async fn one_file_serves_one_hub_and_one_master_key() {
    let mut world = sqlite().await;
    let second = Store::open(&world.url, &world.master, T0).await.expect_err("a second hub");
    assert!(matches!(second, StoreError::InUse { .. }), "{second}");
    world.store.close().await;
    let wrong = Store::open(&world.url, &MasterKey::from_bytes([1; 32]), T0).await.expect_err("another key");
    assert!(matches!(wrong, StoreError::WrongKey { .. }), "{wrong}");
    world.reopen().await;
    sqlx::query("UPDATE facts SET value = '99' WHERE name = 'schema'").execute(&world.store.core.write).await.unwrap();
    world.store.close().await;
    let newer = Store::open(&world.url, &world.master, T0).await.expect_err("a newer one");
    assert!(matches!(newer, StoreError::Newer { .. }), "{newer}");
    let closed = world.store.append_events(wardline_model::PumpId::from_bytes([0; 16]), Journal(1), vec![], T0).await;
    assert!(matches!(closed, Err(StoreError::Unreachable { .. })), "{closed:?}");
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing_loses_nothing_and_heals() {
    covers!("N11");
    let world = sqlite().await;
    let pump = world.pumps(1).await[0];
    let store = &world.store;
    let write = &store.core.write;
    // SQLite answers with the same code when the disk is full and when this limit of pages is reached.
    sqlx::query("PRAGMA max_page_count = 120").fetch_one(write).await.unwrap();
    let mut durable = 0;
    let full = loop {
        let batch = (durable + 1..=durable + 100).map(event).collect();
        match store.append_events(pump, Journal(1), batch, T0).await {
            Ok(Appended::Durable(up_to)) => durable = up_to.0,
            Ok(gap) => panic!("{gap:?}"),
            Err(error) => break error,
        }
    };
    assert!(matches!(full, StoreError::Full { .. }), "{full}");
    assert!(durable > 0 && full.to_string().contains("Free some space"), "{full}");
    assert_eq!(store.durable_up_to(pump, Journal(1)).await.unwrap(), Sequence(durable));
    sqlx::query("PRAGMA max_page_count = 1000000").fetch_one(write).await.unwrap();
    let again = (durable + 1..=durable + 100).map(event).collect();
    let healed = store.append_events(pump, Journal(1), again, T0).await.unwrap();
    assert_eq!(healed, Appended::Durable(Sequence(durable + 100)), "it goes on by itself");
}

/// Takes the same decision again and again, each with a page of reason, until one is refused.
async fn decide_until_full(store: &Store, pump: wardline_model::PumpId) -> StoreError {
    let mut at = Lifecycle::Expected;
    loop {
        let to = if at == Lifecycle::Expected { Lifecycle::Quarantined } else { Lifecycle::Expected };
        let change = LifecycleChange { pump, from: at, to };
        match store.decide_lifecycle(change, &by("sam", &"because ".repeat(60))).await {
            Ok(entry) => at = entry.lifecycle,
            Err(error) => {
                let entry = store.registry_entry(pump).await.expect("reading needs no space");
                assert_eq!(entry.lifecycle, at, "a refused decision is refused whole");
                return error;
            }
        }
    }
}

async fn audit_is_whole(store: &Store) -> u64 {
    let key = ed25519_dalek::SigningKey::from_bytes(&[5; 32]).verifying_key();
    match store.verify_audit(&key, None).await.expect("the audit can be read") {
        AuditVerdict::Whole { records, .. } => records,
        broken @ AuditVerdict::Broken { .. } => panic!("{broken:?}"),
    }
}

#[tokio::test]
async fn a_decision_on_a_full_disk_is_refused_whole_and_the_next_one_works_when_there_is_space() {
    covers!("N11");
    let world = sqlite().await;
    let pump = world.pumps(1).await[0];
    let write = &world.store.core.write;
    sqlx::query("PRAGMA max_page_count = 120").fetch_one(write).await.unwrap();
    let full = decide_until_full(&world.store, pump).await;
    assert!(matches!(full, StoreError::Full { .. }), "{full}");
    let before = audit_is_whole(&world.store).await;
    sqlx::query("PRAGMA max_page_count = 1000000").fetch_one(write).await.unwrap();
    world.store.record(&by("sam", "again"), &crate::Entry::done("test", None, "space is back")).await.unwrap();
    assert_eq!(audit_is_whole(&world.store).await, before + 1, "no record of a refused decision, none missing");
}

/// A disk of this test's own that is really full. It needs root; without, the test says that it is skipped (the test
/// before asks the same of SQLite's own limit, which answers with the same code).
#[tokio::test]
async fn a_disk_without_a_free_byte_refuses_decisions_and_events_and_heals_by_itself() {
    covers!("N11");
    let folder = tempfile::tempdir().unwrap();
    let mount = |options: &str| {
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder.path());
        mount.stderr(std::process::Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if !mount("size=2m") {
        eprintln!("skipped: only root may mount a small disk");
        return;
    }
    let master = MasterKey::from_bytes([7; 32]);
    let store = Store::create(&sqlite_url(&folder.path().join("hub.db")), &master, T0).await.unwrap();
    let pump = store.expect_pumps(&[super::expected(0)], &by("anna", "new")).await.unwrap()[0];
    let full = decide_until_full(&store, pump).await;
    assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
    let mut durable = 0;
    while let Ok(Appended::Durable(up_to)) = store.append_events(pump, Journal(1), vec![event(durable + 1)], T0).await {
        durable = up_to.0;
    }
    let records = audit_is_whole(&store).await;
    assert!(mount("remount,size=64m"), "there is space again");
    store.record(&by("sam", "again"), &crate::Entry::done("test", None, "space is back")).await.unwrap();
    assert_eq!(audit_is_whole(&store).await, records + 1);
    let next = store.append_events(pump, Journal(1), vec![event(durable + 1)], T0).await.unwrap();
    assert_eq!(next, Appended::Durable(Sequence(durable + 1)), "events go on where they were");
    store.close().await;
    let gone = std::process::Command::new("umount").arg(folder.path()).status();
    assert!(gone.is_ok_and(|status| status.success()), "nothing holds the disk any more");
}

/// A log that was cut short is what a power cut leaves: the database is then as it was at an earlier commit, whole. A
/// checkpoint that was kept elsewhere shows that something was cut off.
#[tokio::test]
async fn a_log_that_was_cut_short_gives_an_earlier_state_whole_and_the_checkpoint_kept_elsewhere_shows_it() {
    let world = sqlite().await;
    let pump = world.pumps(1).await[0];
    for number in 0..40 {
        let entry = crate::Entry::done("test", Some(pump), number.to_string());
        world.store.record(&by("sam", "one of forty"), &entry).await.unwrap();
    }
    let key = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
    let pin = world.store.sign_checkpoint(&key, T0).await.unwrap().expect("a checkpoint");
    // Copied while it is open, as a crash would leave the two files.
    let file = world.folder.path().join("hub.db");
    let log = std::fs::read(file.with_extension("db-wal")).unwrap();
    for part in 1..=9 {
        let cut = world.folder.path().join(format!("cut{part}.db"));
        std::fs::copy(&file, &cut).unwrap();
        std::fs::write(cut.with_extension("db-wal"), &log[..log.len() * part / 10]).unwrap();
        match Store::open(&sqlite_url(&cut), &world.master, T0).await {
            Ok(store) => {
                let verdict = store.verify_audit(&key.verifying_key(), None).await.unwrap();
                assert!(matches!(verdict, AuditVerdict::Whole { records, .. } if records < 41), "{part}: {verdict:?}");
                let known = store.verify_audit(&key.verifying_key(), Some(&pin)).await.unwrap();
                assert!(matches!(known, AuditVerdict::Broken { .. }), "{part}: {known:?}");
                store.close().await;
            }
            // Cut before the first commit: the file holds no tables.
            Err(error) => assert!(matches!(error, StoreError::Missing { .. }), "{part}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let url = "postgres://hub:secret@127.0.0.1:1/ward";
    let error = Store::open(url, &MasterKey::from_bytes([1; 32]), T0).await.expect_err("nobody listens");
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    assert!(!error.to_string().contains("secret") && error.to_string().contains("127.0.0.1:1/ward"), "{error}");
}
