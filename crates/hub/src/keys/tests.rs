//! A change of the master key that is interrupted anywhere loses nothing and can be finished.

use super::{KeyError, Keys, MasterKey, NEXT};

fn made() -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::create(folder.path()).unwrap();
    for name in ["goal", "audit", "root"] {
        keys.seal(name, name.as_bytes()).unwrap();
    }
    let old = keys.master().as_bytes().to_vec();
    (folder, old)
}

fn all_open(folder: &std::path::Path) {
    let keys = Keys::open(folder).unwrap();
    for name in ["goal", "audit", "root"] {
        assert_eq!(keys.unseal(name).unwrap().as_slice(), name.as_bytes(), "{name}");
    }
}

#[test]
fn a_changed_master_key_opens_everything_and_the_old_one_nothing() {
    let (folder, old) = made();
    let mut keys = Keys::open(folder.path()).unwrap();
    let new = keys.begin_change().unwrap().as_bytes().to_vec();
    keys.finish_change().unwrap();
    assert_ne!(old, new);
    all_open(folder.path());
    assert!(!folder.path().join(NEXT).exists());
    std::fs::write(folder.path().join("master.key"), old).unwrap();
    let stale = Keys::open(folder.path()).unwrap();
    assert!(matches!(stale.unseal("goal"), Err(KeyError::Sealed { .. })));
}

#[test]
fn a_change_that_is_interrupted_after_any_file_is_finished_by_the_next() {
    for done in 0..=3 {
        let (folder, _) = made();
        let new = {
            let mut keys = Keys::open(folder.path()).unwrap();
            let new = MasterKey::from_bytes(*keys.begin_change().unwrap().as_bytes());
            for name in ["goal", "audit", "root"].into_iter().take(done) {
                let secret = keys.unseal(name).unwrap();
                super::seal_under(&new, &keys.path(name), name, &secret).unwrap();
            }
            new
        };
        all_open(folder.path());
        let mut keys = Keys::open(folder.path()).unwrap();
        assert_eq!(keys.next().unwrap().as_bytes(), new.as_bytes(), "the key of the begun change is kept");
        assert_eq!(keys.begin_change().unwrap().as_bytes(), new.as_bytes(), "and is used, not replaced by a third");
        keys.finish_change().unwrap();
        assert_eq!(keys.master().as_bytes(), new.as_bytes());
        all_open(folder.path());
    }
}
