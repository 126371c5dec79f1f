//! Truncation at every byte, death at every effect, forgery, swapping, a full disk.

use std::path::PathBuf;

use super::{Device, Flush, Journal, SealedError, Sealing};
use crate::config::Keys;
use crate::fault::Fault;
use wardline_model::covers;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sealing(&self, fault: Fault) -> Sealing {
        Sealing::from_key_file(&self.path("device.key"), Flush::Never, fault).expect("a key")
    }
}

fn record(number: usize) -> Vec<u8> {
    format!("record {number} {}", "x".repeat(number % 7)).into_bytes()
}

#[test]
fn a_journal_cut_at_any_byte_keeps_every_whole_record_and_goes_on() {
    covers!("N11", "N6");
    let place = Place::new();
    let sealing = place.sealing(Fault::none());
    let path = place.path("events");
    let mut journal = Journal::open(&path, &sealing).expect("new").journal;
    let mut ends = vec![journal.length()];
    for number in 0..6 {
        journal.append([record(number).as_slice()]).expect("room");
        ends.push(journal.length());
    }
    let whole = std::fs::read(&path).expect("there");
    for cut in 0..=whole.len() {
        std::fs::write(&path, &whole[..cut]).expect("room");
        let mut opened = Journal::open(&path, &sealing).expect("opens");
        let expect = ends.iter().skip(1).filter(|end| **end <= cut as u64).count();
        let kept: Vec<Vec<u8>> = (0..expect).map(record).collect();
        assert_eq!(opened.records, kept, "cut at {cut}");
        opened.journal.append([b"after".as_slice()]).expect("room");
        let again = Journal::open(&path, &sealing).expect("opens").records;
        assert_eq!(again.len(), expect + 1, "cut at {cut}");
        assert_eq!(again.last().map(Vec::as_slice), Some(b"after".as_slice()), "cut at {cut}");
    }
}

/// A file system may leave zeros where the data of a torn write should be.
#[test]
fn a_tail_of_zeros_is_cut_off() {
    let place = Place::new();
    let sealing = place.sealing(Fault::none());
    let path = place.path("events");
    let mut journal = Journal::open(&path, &sealing).expect("new").journal;
    journal.append([record(0).as_slice(), record(1).as_slice()]).expect("room");
    let mut bytes = std::fs::read(&path).expect("there");
    bytes.extend_from_slice(&[0; 300]);
    std::fs::write(&path, &bytes).expect("room");
    let opened = Journal::open(&path, &sealing).expect("opens");
    assert_eq!((opened.records.len(), opened.torn_bytes), (2, 300));
}

/// Dies at every effect of: key made, journal made, two appends, a compaction, a whole file. After each death everything
/// that was reported as done is there.
#[test]
fn death_at_any_effect_keeps_what_was_reported_as_done() {
    covers!("N11", "N6");
    let mut deaths = 0;
    for effects in 0.. {
        let place = Place::new();
        let mut done = 0;
        let story = || -> Result<(), SealedError> {
            let fault = Fault::after(effects);
            let sealing = Sealing::from_key_file(&place.path("device.key"), Flush::Never, fault)?;
            let mut journal = Journal::open(&place.path("events"), &sealing)?.journal;
            for number in 0..2 {
                journal.append([record(number).as_slice()])?;
                done = number + 1;
            }
            journal.replace([record(1).as_slice()])?;
            done = 3;
            sealing.write(&place.path("goal"), b"goal 1")?;
            done = 4;
            Ok(())
        };
        let ended = { story }();
        let sealing = place.sealing(Fault::none());
        let records = Journal::open(&place.path("events"), &sealing).expect("opens").records;
        let both = [record(0), record(1)];
        let fits = match done {
            0 => records.len() <= 1 && both.starts_with(&records),
            1 => records.starts_with(&both[..1]) && both.starts_with(&records),
            2 => records == both || records == both[1..],
            _ => records == both[1..],
        };
        assert!(fits, "death at effect {effects} after step {done} left {} records", records.len());
        let goal = sealing.read(&place.path("goal")).expect("opens");
        assert!(goal.is_none() || goal.is_some_and(|goal| goal.as_slice() == b"goal 1"), "effect {effects}");
        if ended.is_ok() {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 20, "only {deaths} places to die");
}

#[test]
fn a_file_is_bound_to_its_name_and_device() {
    let place = Place::new();
    let sealing = place.sealing(Fault::none());
    sealing.write(&place.path("a"), b"secret of a").expect("room");
    assert_eq!(sealing.read(&place.path("a")).expect("opens").expect("there").as_slice(), b"secret of a");
    assert!(sealing.read(&place.path("b")).expect("nothing there").is_none());

    let on_disk = std::fs::read(place.path("a")).expect("there");
    assert!(!on_disk.windows(6).any(|w| w == b"secret"), "kept in the clear");
    std::fs::copy(place.path("a"), place.path("b")).expect("room");
    assert!(matches!(sealing.read(&place.path("b")), Err(SealedError::Forged { .. })), "swapped");

    for spoilt in 0..on_disk.len() {
        let mut bytes = on_disk.clone();
        bytes[spoilt] ^= 1;
        std::fs::write(place.path("a"), &bytes).expect("room");
        assert!(matches!(sealing.read(&place.path("a")), Err(SealedError::Forged { .. })), "byte {spoilt}");
    }
    let other = Place::new();
    std::fs::write(other.path("a"), &on_disk).expect("room");
    assert!(matches!(other.sealing(Fault::none()).read(&other.path("a")), Err(SealedError::Forged { .. })));
}

#[test]
fn a_journal_of_another_device_is_refused_and_not_cut() {
    let (place, other) = (Place::new(), Place::new());
    let path = place.path("events");
    let mut journal = Journal::open(&path, &place.sealing(Fault::none())).expect("new").journal;
    journal.append([record(0).as_slice(), record(1).as_slice()]).expect("room");
    let before = std::fs::read(&path).expect("there");
    let opened = Journal::open(&path, &other.sealing(Fault::none()));
    assert!(matches!(opened, Err(SealedError::Forged { .. })));
    assert_eq!(std::fs::read(&path).expect("there"), before);
}

#[test]
fn a_changed_record_ends_the_journal_before_it() {
    let place = Place::new();
    let sealing = place.sealing(Fault::none());
    let path = place.path("events");
    let mut journal = Journal::open(&path, &sealing).expect("new").journal;
    journal.append([record(0).as_slice()]).expect("room");
    let first = journal.length() as usize;
    journal.append([record(1).as_slice(), record(2).as_slice()]).expect("room");
    let mut bytes = std::fs::read(&path).expect("there");
    bytes[first + 30] ^= 1;
    std::fs::write(&path, &bytes).expect("room");
    let opened = Journal::open(&path, &sealing).expect("opens");
    assert_eq!(opened.records, [record(0)]);
    assert!(opened.torn_bytes > 0);
}

/// `/dev/full` says "no space left" at every write: the journal's own file is put there by a link.
#[test]
fn a_full_disk_is_an_error_that_says_so() {
    let place = Place::new();
    let sealing = place.sealing(Fault::none());
    let path = place.path("goal.new");
    std::os::unix::fs::symlink("/dev/full", &path).expect("a link");
    let error = sealing.write(&place.path("goal"), b"x").expect_err("full");
    assert!(matches!(error, SealedError::Full { .. }), "{error}");
    assert!(error.to_string().contains("no room to write"), "{error}");
    assert!(sealing.read(&place.path("goal")).expect("nothing").is_none());
    sealing.write(&place.path("goal"), b"x").expect("there is room again");
}

#[test]
fn a_copied_state_folder_opens_on_no_other_machine() {
    covers!("N14");
    let place = Place::new();
    let machine = place.path("machine-id");
    let open = || {
        let keys = Keys::Software { bind_to: Some(vec![machine.clone()]) };
        Device::new(&place.path("device.key"), &keys, Flush::Never, Fault::none())?.open()
    };
    std::fs::write(&machine, "3d1219c7\n").expect("room");
    open().expect("a key").write(&place.path("goal"), b"goal 1").expect("written");
    assert!(open().expect("a key").read(&place.path("goal")).expect("opens").is_some());
    std::fs::write(&machine, "another\n").expect("room");
    assert!(matches!(open().expect("a key").read(&place.path("goal")), Err(SealedError::Forged { .. })));
    // Not knowing is not opening, and an empty file tells nothing.
    for spoilt in [Some("\n"), None] {
        match spoilt {
            Some(text) => std::fs::write(&machine, text).expect("room"),
            None => std::fs::remove_file(&machine).expect("there"),
        }
        let error = open().expect_err("another machine");
        assert!(error.to_string().contains("belongs to the machine where it was made"), "{error}");
    }
    // The file alone is not the key.
    let bytes = std::fs::read(place.path("device.key")).expect("there");
    assert!(bytes.len() > 32);
}

/// A maker's secure element puts exactly the key there, and that is bound to nothing else.
#[test]
fn a_key_of_a_secure_element_is_used_as_it_is() {
    let place = Place::new();
    std::fs::write(place.path("device.key"), [7; 32]).expect("room");
    place.sealing(Fault::none()).write(&place.path("goal"), b"goal 1").expect("written");
    assert!(place.sealing(Fault::none()).read(&place.path("goal")).expect("opens").is_some());
    std::fs::write(place.path("device.key"), [7; 31]).expect("room");
    let short = Sealing::from_key_file(&place.path("device.key"), Flush::Never, Fault::none());
    assert!(matches!(short, Err(SealedError::Forged { .. })));
}
