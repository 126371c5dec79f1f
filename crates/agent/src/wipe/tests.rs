//! What is removed and what is not, and notes that somebody wrote. Whole wipes are in the end-to-end suite `wipe`.

use std::path::Path;

use proptest::prelude::*;
use wardline_model::covers;

use super::{Disk, FILE, Notes, Stage, begin_again, begun, files, name_in, remove_all};
use crate::fault::Fault;
use crate::sealed::{Flush, SealedError};

fn disk(fault: Fault) -> Disk {
    Disk { flush: Flush::Never, fault }
}

fn notes(stage: &str) -> String {
    format!(
        r#"{{"version":1,"stage":"{stage}","intent":"","by_pump":"","witness":null,"roots":[],"key":null,"left":0,"receipt":null}}"#
    )
}

/// A state folder with files, folders, and a link that leads out of it.
fn state(folder: &Path) -> std::path::PathBuf {
    let (state, outside) = (folder.join("state"), folder.join("outside"));
    std::fs::create_dir_all(state.join("releases/deep")).expect("room");
    std::fs::create_dir_all(&outside).expect("room");
    std::fs::write(outside.join("therapy"), "log").expect("room");
    for name in ["lock", FILE, "identity", "releases/deep/lock"] {
        std::fs::write(state.join(name), "x").expect("room");
    }
    std::os::unix::fs::symlink(&outside, state.join("link")).expect("room");
    std::os::unix::fs::symlink(outside.join("therapy"), state.join("releases/file")).expect("room");
    state
}

#[test]
fn everything_in_the_folder_goes_and_nothing_outside_of_it() {
    covers!("N8");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = state(folder.path());
    let names: Vec<_> = files(&state).expect("listed").iter().map(|path| name_in(&state, path)).collect();
    assert_eq!(names, ["identity", "link", "releases/deep/lock", "releases/file"]);
    assert_eq!(remove_all(&state, &disk(Fault::none())).expect("removed"), 0);
    assert!(files(&state).expect("listed").is_empty());
    assert!(state.join("lock").exists() && state.join(FILE).exists() && !state.join("releases").exists());
    assert!(folder.path().join("outside/therapy").exists(), "a link was followed");
}

#[test]
fn a_death_while_files_are_removed_is_made_good_by_the_next_start() {
    covers!("N6");
    for effects in 0.. {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = state(folder.path());
        let died = matches!(remove_all(&state, &disk(Fault::after(effects))), Err(SealedError::Killed(_)));
        assert_eq!(remove_all(&state, &disk(Fault::none())).expect("removed"), 0);
        assert!(files(&state).expect("listed").is_empty() && !state.join("releases").exists(), "effect {effects}");
        if !died {
            assert!(effects > 3, "only {effects} effects");
            break;
        }
    }
}

#[test]
fn a_shredded_file_is_overwritten_and_gone_with_what_lay_beside_it() {
    covers!("N14");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, beside, twin) = (folder.path().join("key"), folder.path().join("key.new"), folder.path().join("twin"));
    for path in [&path, &beside] {
        std::fs::write(path, [7; 40]).expect("room");
    }
    // A second name for the same blocks shows what became of them.
    std::fs::hard_link(&path, &twin).expect("a link");
    disk(Fault::none()).shred(&path).expect("shredded");
    assert!(!path.exists() && !beside.exists());
    let blocks = std::fs::read(&twin).expect("there");
    assert!(blocks.len() == 40 && !blocks.windows(8).any(|bytes| bytes == [7; 8]), "it was only unlinked");
    disk(Fault::none()).shred(&path).expect("nothing to do");
}

#[test]
fn only_a_pump_whose_receipt_is_in_begins_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert!(begin_again(folder.path()).expect_err("not wiped").contains("was not wiped"));
    for stage in ["begun", "key-destroyed", "files-gone", "told"] {
        std::fs::write(folder.path().join(FILE), notes(stage)).expect("room");
        assert!(begin_again(folder.path()).expect_err(stage).contains("until the hub has the receipt"), "{stage}");
    }
    std::fs::write(folder.path().join(FILE), notes("received")).expect("room");
    begin_again(folder.path()).expect("it may");
    assert!(begun(folder.path()).expect("read").is_none());
    // Notes that cannot be read are not taken for none: a wipe that has begun must not be forgotten.
    std::fs::write(folder.path().join(FILE), "{").expect("room");
    assert!(matches!(begun(folder.path()), Err(SealedError::Forged { .. })));
}

proptest! {
    #[test]
    fn no_notes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..160, byte: u8) {
        prop_assert!(Notes::from_bytes(&bytes).is_none());
        let mut spoilt = notes("told").into_bytes();
        if let Some(place) = spoilt.get_mut(at) {
            *place = byte;
        }
        if let Some(notes) = Notes::from_bytes(&spoilt) {
            prop_assert!(notes.stage == Stage::Told);
            prop_assert!(notes.statement().is_err() && !notes.sentence().is_empty());
        }
    }
}
