//! The audit: every way to tamper with it is named with its first bad record.

use ed25519_dalek::SigningKey;
use wardline_model::covers;

use super::{T0, World, by, on_both_engines};
use crate::{AuditFault, AuditQuery, AuditVerdict, Checkpoint, Entry, Store, Verdict};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

/// Ten records, of which a checkpoint pins the first eight.
async fn ten(store: &Store) -> Checkpoint {
    for n in 1..=8 {
        store.record(&by("anna", "because"), &Entry::done("test.act", None, format!("thing {n}"))).await.unwrap();
    }
    let pin = store.sign_checkpoint(&key(), T0).await.unwrap().expect("something new to pin");
    for n in 9..=10 {
        store.record(&by("anna", "because"), &Entry::refused("test.act", None, format!("thing {n}"))).await.unwrap();
    }
    pin
}

async fn verdict(store: &Store, known: Option<&Checkpoint>) -> AuditVerdict {
    store.verify_audit(&key().verifying_key(), known).await.expect("the audit is read")
}

async fn tamper(store: &Store, statements: &[&'static str]) {
    for sql in statements {
        sqlx::query(*sql).execute(&store.core.write).await.expect("somebody with the database's password");
    }
}

const fn broken(number: u64, fault: AuditFault) -> AuditVerdict {
    AuditVerdict::Broken { number, fault }
}

/// What somebody does to the database, and what is said of it.
const MATRIX: &[(&[&str], AuditVerdict)] = &[
    (&["UPDATE audit SET reason = 'because!' WHERE number = 4"], broken(4, AuditFault::Changed)),
    (&["UPDATE audit SET actor = 'person:bob' WHERE number = 10"], broken(10, AuditFault::Changed)),
    (&["UPDATE audit SET pump = 'x' WHERE number = 99"], AuditVerdict::Whole { records: 10, pinned: 8 }),
    (&["DELETE FROM audit WHERE number = 5"], broken(5, AuditFault::Missing)),
    (&["DELETE FROM audit WHERE number = 1"], broken(1, AuditFault::Missing)),
    (
        &[
            "UPDATE audit SET number = 100 WHERE number = 3",
            "UPDATE audit SET number = 3 WHERE number = 4",
            "UPDATE audit SET number = 4 WHERE number = 100",
        ],
        broken(3, AuditFault::Changed),
    ),
    (
        &["DELETE FROM audit WHERE number = 6", "UPDATE audit SET number = number - 1 WHERE number = 7"],
        broken(6, AuditFault::Changed),
    ),
    (&["DELETE FROM audit WHERE number > 9"], broken(10, AuditFault::Missing)),
    (
        &[
            "DELETE FROM audit WHERE number > 6",
            "UPDATE audit_head SET number = 6, hash = (SELECT hash FROM audit WHERE number = 6)",
        ],
        broken(7, AuditFault::Missing),
    ),
    (&["UPDATE audit_checkpoints SET at = at + 1"], broken(8, AuditFault::Signature)),
    (&["DELETE FROM audit_head"], broken(1, AuditFault::Missing)),
];

on_both_engines! {
    async fn the_first_bad_record_is_named_whatever_was_done(world) {
        covers!("N11");
        ten(&world.store).await;
        assert_eq!(verdict(&world.store, None).await, AuditVerdict::Whole { records: 10, pinned: 8 });
        let backup = world.folder.path().join("ten.backup");
        world.store.backup(&backup, T0).await.unwrap();
        for (n, (statements, expected)) in MATRIX.iter().enumerate() {
            let file = world.folder.path().join(format!("tampered{n}.db"));
            let url = crate::tests::address(world.store.engine(), &file).await.expect("the engine is there");
            Store::restore(&backup, &url, &world.master).await.unwrap();
            let store = Store::open(&url, &world.master, T0).await.unwrap();
            tamper(&store, statements).await;
            assert_eq!(verdict(&store, None).await, *expected, "{statements:?}");
            store.close().await;
        }
    }

    async fn a_chain_that_was_written_anew_is_seen_by_a_checkpoint_that_was_kept_elsewhere(world) {
        let pin = ten(&world.store).await;
        tamper(&world.store, &["DELETE FROM audit", "DELETE FROM audit_checkpoints",
            "UPDATE audit_head SET number = 0, hash = '0000000000000000000000000000000000000000000000000000000000000000'"]).await;
        assert_eq!(verdict(&world.store, None).await, AuditVerdict::Whole { records: 0, pinned: 0 }, "by itself it cannot know");
        assert_eq!(verdict(&world.store, Some(&pin)).await, broken(1, AuditFault::Missing));
        for n in 1..=12 {
            world.store.record(&by("eve", "nothing"), &Entry::done("test.act", None, format!("{n}"))).await.unwrap();
        }
        assert_eq!(verdict(&world.store, Some(&pin)).await, broken(8, AuditFault::Rewritten));
    }

    async fn decisions_at_the_same_moment_make_one_chain_and_are_found_again(world) {
        let other = match world.store.engine() {
            crate::Engine::Sqlite => world.store.clone(),
            crate::Engine::Postgres => Store::open(&world.url, &world.master, T0).await.expect("a second hub"),
        };
        let writers: Vec<_> = (0..20).map(|n| {
            let store = if n % 2 == 0 { world.store.clone() } else { other.clone() };
            tokio::spawn(async move {
                let entry = Entry { verdict: Verdict::Failed, ..Entry::done("test.many", None, format!("{n}")) };
                store.record(&by("anna", &format!("line\nbreak {n}")), &entry).await
            })
        }).collect();
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        assert_eq!(verdict(&world.store, None).await, AuditVerdict::Whole { records: 20, pinned: 0 });
        let found = AuditQuery { action: Some("test.m".to_owned()), actor: Some("person:anna".to_owned()),
            verdict: Some(Verdict::Failed), ..AuditQuery::default() };
        let page = world.store.audit(&found).await.unwrap();
        assert_eq!((page.total, page.rows[0].number), (20, 20));
        assert!(page.rows.iter().all(|row| row.reason.starts_with("line break")), "no control characters");
        assert_eq!(world.store.sign_checkpoint(&key(), T0).await.unwrap().map(|pin| pin.number), Some(20));
        assert_eq!(world.store.sign_checkpoint(&key(), T0).await.unwrap(), None, "nothing new to pin");
    }
}
