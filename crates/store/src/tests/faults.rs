//! Damaged files, full disks, wrong addresses: each gets a clear error, and nothing acknowledged is lost.

use wardline_model::{Sequence, covers};

use super::events::event;
use super::{T0, World};
use crate::{Appended, Engine, Journal, MasterKey, Store, StoreError, sqlite_url};

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
    let mut holes = whole.clone();
    holes[4096..].fill(0xa5);
    for bad in [&b"#!/bin/sh\necho not a database, but long enough\n"[..], &whole[..whole.len() / 2], &holes] {
        let error = open(bad).await;
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("bad.db") && text.contains("restore the newest backup"), "{text}");
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

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let url = "postgres://hub:secret@127.0.0.1:1/ward";
    let error = Store::open(url, &MasterKey::from_bytes([1; 32]), T0).await.expect_err("nobody listens");
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    assert!(!error.to_string().contains("secret") && error.to_string().contains("127.0.0.1:1/ward"), "{error}");
}
