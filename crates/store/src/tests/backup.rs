//! A backup moves between the engines and back without a difference, and a bad one is refused whole.

use std::path::Path;

use sqlx::Row as _;
use wardline_model::{Digest, Kind, Span, Version, covers};

use super::events::event;
use super::{T0, World, address, by, on_both_engines};
use crate::backup::ALL_TABLES;
use crate::{
    Artifact, Engine, Journal, MasterKey, MetadataFile, NewRelease, NewRollout, Publication, RolloutState, Sighting,
    Store, StoreError,
};

async fn furnish(world: &World) {
    let store = &world.store;
    let pump = world.pumps(5).await[0];
    store.append_events(pump, Journal(9), (1..=4).map(event).collect(), T0).await.unwrap();
    store.new_enrolment_code(pump, Span::from_h(1), &by("bea", "")).await.unwrap();
    let bytes = vec![0, 255, 10, 13, 0];
    let digest = crate::row::sha256(&[&bytes]);
    let release = NewRelease {
        kind: Kind::DrugLibrary,
        version: Version(7),
        path: "drug-library/7.json".into(),
        digest,
        length: 5,
        entries: None,
        notes: "Überarbeitet: 'quoted' \\ \u{1F489}".into(),
        signers: vec!["ab".into(), "cd".into()],
    };
    let publication = Publication {
        metadata: vec![MetadataFile { name: "1.root.json".into(), bytes: b"{}".to_vec() }],
        artifacts: vec![Artifact { path: "drug-library/7.json".into(), digest, bytes }],
        releases: vec![release],
    };
    store.publish(&publication, &by("pia", "limits reviewed")).await.unwrap();
    let rollout = NewRollout { kind: Kind::DrugLibrary, version: Version(7), rules: "{}".into() };
    let rollout = store.start_rollout(&rollout, &by("pia", "go")).await.unwrap();
    store.decide_rollout(rollout.id, RolloutState::Halted, &by("planner", "one pump disproved it")).await.unwrap();
    let sighting = Sighting {
        claim: "CN=evil".into(),
        source: "10.0.0.9".into(),
        reason: "chain".into(),
        count: 3,
        first: T0,
        last: T0,
    };
    store.save_sightings(&[sighting.clone(), sighting]).await.unwrap();
}

/// The lines of a backup but the last, whose HMAC is of the same bytes anyway.
fn rows(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.pop();
    lines
}

on_both_engines! {
    async fn a_backup_moves_to_the_other_engine_and_back_without_a_difference(world) {
        furnish(&world).await;
        let file = |name: &str| world.folder.path().join(name);
        let first = world.store.backup(&file("first.backup"), T0).await.unwrap();
        let other = match world.store.engine() { Engine::Sqlite => Engine::Postgres, Engine::Postgres => Engine::Sqlite };
        let Some(there) = address(other, &file("there.db")).await else { return };
        assert_eq!(Store::restore(&file("first.backup"), &there, &world.master).await.unwrap(), first);
        let store = Store::open(&there, &world.master, T0).await.unwrap();
        store.backup(&file("second.backup"), T0).await.unwrap();
        assert_eq!(rows(&file("second.backup")), rows(&file("first.backup")), "byte for byte");
        let back = address(world.store.engine(), &file("back.db")).await.expect("the first engine");
        Store::restore(&file("second.backup"), &back, &world.master).await.unwrap();
        let store = Store::open(&back, &world.master, T0).await.unwrap();
        let release = store.release(Kind::DrugLibrary, Version(7)).await.unwrap().unwrap().release;
        assert_eq!(store.artifact(&release.digest).await.unwrap(), Some(vec![0, 255, 10, 13, 0]));
        assert_eq!(store.rollouts().await.unwrap()[0].state, RolloutState::Halted);
        assert_eq!(store.sightings(crate::PageRequest::default()).await.unwrap().rows[0].count, 6);
        let full = Store::restore(&file("first.backup"), &back, &world.master).await.expect_err("it is not empty");
        assert!(matches!(full, StoreError::Backup { .. } | StoreError::InUse { .. }), "{full}");
    }

    async fn a_bad_backup_is_refused_before_anything_is_written(world) {
        furnish(&world).await;
        let file = |name: &str| world.folder.path().join(name);
        world.store.backup(&file("good.backup"), T0).await.unwrap();
        assert!(world.store.backup(&file("good.backup"), T0).await.is_err(), "a backup is never overwritten");
        let good = std::fs::read(file("good.backup")).unwrap();
        let there = address(world.store.engine(), &file("there.db")).await.expect("the engine");
        let mut bad: Vec<Vec<u8>> = (0..20).map(|n| good[..good.len() * n / 20].to_vec()).collect();
        let at = good.windows(7).position(|window| window == b"P-00001").expect("a row");
        let mut changed = good.clone();
        changed[at + 6] = b'9';
        bad.push(changed);
        bad.push([&good[..], b"{}\n"].concat());
        for bytes in bad {
            std::fs::write(file("bad.backup"), &bytes).unwrap();
            let refused = Store::restore(&file("bad.backup"), &there, &world.master).await.expect_err("a bad file");
            assert!(matches!(refused, StoreError::Backup { .. }), "{refused}");
        }
        let wrong = Store::restore(&file("good.backup"), &there, &MasterKey::from_bytes([1; 32])).await;
        assert!(matches!(wrong, Err(StoreError::WrongKey { .. })), "{wrong:?}");
        Store::restore(&file("good.backup"), &there, &world.master).await.expect("nothing was left by the bad ones");
    }

    async fn another_process_backs_a_running_hub_up_while_it_commits_and_the_backup_is_one_moment(world) {
        covers!("N11");
        furnish(&world).await;
        let file = |name: &str| world.folder.path().join(name);
        let store = world.store.clone();
        let busy = tokio::spawn(async move {
            for number in 0.. {
                let entry = crate::Entry::done("test", None, number.to_string());
                match store.record(&by("sam", "the hub goes on"), &entry).await {
                    Ok(_) => {}
                    Err(StoreError::Unreachable { .. }) => return number,
                    Err(other) => panic!("{other:?}"),
                }
            }
            0
        });
        let (url, master) = (&world.url, &world.master);
        for (turn, name) in ["a.backup", "b.backup"].into_iter().enumerate() {
            let made = Store::backup_beside(url, master, &file(name), T0).await.unwrap();
            let there = address(world.store.engine(), &file(&format!("there{turn}.db"))).await.expect("the engine");
            assert_eq!(Store::restore(&file(name), &there, master).await.unwrap(), made);
            let restored = Store::open(&there, master, T0).await.unwrap();
            let key = ed25519_dalek::SigningKey::from_bytes(&[5; 32]).verifying_key();
            let verdict = restored.verify_audit(&key, None).await.unwrap();
            assert!(matches!(verdict, crate::AuditVerdict::Whole { records, .. } if records > 3), "{verdict:?}");
            assert_eq!(restored.all_pumps().await.unwrap().len(), 5);
            restored.close().await;
        }
        let wrong = Store::backup_beside(url, &MasterKey::from_bytes([1; 32]), &file("c.backup"), T0).await;
        assert!(matches!(wrong, Err(StoreError::WrongKey { .. })) && !file("c.backup").exists(), "{wrong:?}");
        world.store.close().await;
        busy.await.expect("the hub went on all the time");
        let gone = Store::backup_beside(&crate::sqlite_url(&file("no.db")), master, &file("d.backup"), T0).await;
        assert!(matches!(gone, Err(StoreError::Missing { .. })), "{gone:?}");
    }

    async fn the_list_of_tables_is_the_database(world) {
        let tables = match world.store.engine() {
            Engine::Sqlite => "SELECT m.name AS t, p.name AS c FROM sqlite_master m, pragma_table_info(m.name) p \
                               WHERE m.type = 'table' ORDER BY 1, 2",
            Engine::Postgres => "SELECT table_name::text AS t, column_name::text AS c FROM information_schema.columns \
                                 WHERE table_schema = current_schema()",
        };
        let rows = sqlx::query(tables).fetch_all(&world.store.core.read).await.unwrap();
        let found: std::collections::BTreeSet<(String, String)> =
            rows.iter().map(|row| (row.get("t"), row.get("c"))).collect();
        let listed = ALL_TABLES.iter().flat_map(|t| t.columns.iter().map(|(c, _)| (t.name.to_owned(), (*c).to_owned())));
        assert_eq!(found, listed.collect(), "a backup would forget what is not on its list");
        let _ = Digest::from_bytes([0; 32]);
    }
}

#[tokio::test]
async fn a_restore_writes_over_nothing_and_plays_no_old_log_into_the_new_file() {
    let world = World::new(Engine::Sqlite).await.expect("SQLite is built in");
    world.pumps(3).await;
    let file = |name: &str| world.folder.path().join(name);
    world.store.backup(&file("good.backup"), T0).await.unwrap();
    let there = crate::sqlite_url(&file("there.db"));
    for left in ["there.db", "there.db-wal", "there.db-journal"] {
        std::fs::write(file(left), b"of another database").unwrap();
        let refused =
            Store::restore(&file("good.backup"), &there, &world.master).await.expect_err("something is there");
        assert!(refused.to_string().contains(left) && refused.to_string().contains("put it aside"), "{refused}");
        assert_eq!(std::fs::read(file(left)).unwrap(), b"of another database", "and it is as it was");
        std::fs::remove_file(file(left)).unwrap();
    }
    std::fs::write(file("there.db.restoring"), b"left by a restore that was killed").unwrap();
    Store::restore(&file("good.backup"), &there, &world.master).await.expect("that one is of no use to anybody");
    assert!(!file("there.db.restoring").exists());
    let store = Store::open(&there, &world.master, T0).await.unwrap();
    assert_eq!(store.all_pumps().await.unwrap().len(), 3);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_of_backups_fail_other_than_with_words(bytes: Vec<u8>, cut in 0usize..4_096, at: u8) {
        let master = MasterKey::from_bytes([7; 32]);
        proptest::prop_assert!(crate::check_backup(&bytes, &master).is_err());
        // Nearly right: lines of ours, cut and changed.
        let mut near = b"{\"wardline_backup\":1,\"schema\":1,\"made\":1800000000000}\n\
            {\"t\":\"data_keys\",\"v\":[1,\"AAAA\",0,null]}\n{\"t\":\"facts\",\"v\":[\"a\",\"b\"]}\n\
            {\"rows\":2,\"sha256\":\"\",\"hmac\":\"\"}\n".to_vec();
        near.truncate(cut);
        if let Some(byte) = near.get_mut(usize::from(at)) {
            *byte = at;
        }
        proptest::prop_assert!(crate::check_backup(&near, &master).is_err());
    }
}
