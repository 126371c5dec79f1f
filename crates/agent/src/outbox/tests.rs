//! The queue against a hub that keeps every rule, with restarts, lost acknowledgements and death at every effect.

use std::path::PathBuf;

use wardline_model::{ChannelState, Event, EventBody, Sequence, Time, covers};
use wardline_wire::limits;

use super::{Outbox, Resumed};
use crate::fault::Fault;
use crate::sealed::{Flush, SealedError, Sealing};

const MOST: u32 = 1_500;

struct Pump {
    folder: tempfile::TempDir,
}

impl Pump {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("events")
    }

    fn start(&self, fault: Fault) -> Result<Outbox, SealedError> {
        let sealing = Sealing::from_key_file(&self.folder.path().join("device.key"), Flush::Never, fault)?;
        Outbox::open(&self.path(), &sealing, MOST)
    }
}

/// A hub that keeps the contract: skips what it has, refuses gaps.
#[derive(Default)]
struct Hub {
    journal: u64,
    events: Vec<Event>,
}

impl Hub {
    fn acked(&mut self, journal: u64) -> Sequence {
        if self.journal != journal {
            self.journal = journal;
            self.events.clear();
        }
        Sequence(self.events.len() as u64)
    }

    /// Takes everything that the pump has to send, one frame after the other.
    fn take_all(&mut self, outbox: &mut Outbox) -> Result<(), SealedError> {
        while let Some(frame) = outbox.next_frame() {
            let acked = self.take(frame);
            outbox.acknowledge(acked)?;
        }
        Ok(())
    }

    fn take(&mut self, frame: wardline_wire::link::Events) -> Sequence {
        for event in frame.checked().expect("a good frame") {
            let next = self.events.len() as u64 + 1;
            assert!(event.seq.0 <= next, "a gap: {} when {next} was expected", event.seq);
            if event.seq.0 == next {
                self.events.push(event);
            }
        }
        Sequence(self.events.len() as u64)
    }
}

fn happened(number: u64) -> EventBody {
    EventBody::TherapyChanged {
        channel: 1,
        state: ChannelState::Infusing,
        library: None,
        detail: format!("change {number}"),
    }
}

fn details(hub: &Hub) -> Vec<String> {
    hub.events
        .iter()
        .map(|event| match &event.body {
            EventBody::TherapyChanged { detail, .. } => detail.clone(),
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn what_is_recorded_offline_arrives_once_and_in_order_after_restarts() {
    covers!("N11");
    let pump = Pump::new();
    let mut hub = Hub::default();
    for round in 0..5 {
        let mut outbox = pump.start(Fault::none()).expect("opens");
        for number in 0..300 {
            outbox.record(Time::from_unix_ms(1), [happened(round * 300 + number)]).expect("room");
        }
        let acked = hub.acked(outbox.journal_id());
        assert_eq!(outbox.resume(acked, Time::from_unix_ms(1)).expect("room"), Resumed::InStep);
        // One frame arrives whose acknowledgement is lost with the link.
        if let Some(frame) = outbox.next_frame() {
            hub.take(frame);
        }
        if round % 2 == 0 {
            outbox.unlinked();
            let acked = hub.acked(outbox.journal_id());
            outbox.resume(acked, Time::from_unix_ms(1)).expect("room");
            hub.take_all(&mut outbox).expect("room");
        }
    }
    let expect: Vec<String> = (0..1_500).map(|n| format!("change {n}")).collect();
    assert!(details(&hub) == expect, "lost, doubled or reordered");
}

/// The agent dies at every effect of recording three events and having them acknowledged; what `record` reported as kept
/// arrives, once, whatever happens.
#[test]
fn death_at_any_effect_loses_nothing_that_was_kept_and_doubles_nothing() {
    covers!("N11");
    let mut deaths = 0;
    for effects in 0.. {
        let (pump, mut hub, mut kept) = (Pump::new(), Hub::default(), 0);
        let mut story = || -> Result<(), SealedError> {
            let mut outbox = pump.start(Fault::after(effects))?;
            outbox.resume(hub.acked(outbox.journal_id()), Time::from_unix_ms(1))?;
            for number in 0..3 {
                outbox.record(Time::from_unix_ms(1), [happened(number)])?;
                kept = number + 1;
                hub.take_all(&mut outbox)?;
            }
            outbox.compact()
        };
        let ended = story();
        let mut outbox = pump.start(Fault::none()).expect("opens after a death");
        let acked = hub.acked(outbox.journal_id());
        outbox.resume(acked, Time::from_unix_ms(1)).expect("room");
        hub.take_all(&mut outbox).expect("room");
        let got = details(&hub);
        let most = if ended.is_ok() { kept } else { kept + 1 };
        assert!(got.len() as u64 >= kept && got.len() as u64 <= most, "effect {effects}: kept {kept}, got {got:?}");
        assert!(got.iter().enumerate().all(|(i, d)| *d == format!("change {i}")), "effect {effects}: {got:?}");
        if ended.is_ok() {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 15, "only {deaths} places to die");
}

#[test]
fn a_full_queue_keeps_numbers_without_gaps_and_says_what_is_missing() {
    let pump = Pump::new();
    let mut outbox = pump.start(Fault::none()).expect("opens");
    for number in 0..1_600 {
        outbox.record(Time::from_unix_ms(1), [happened(number)]).expect("room");
    }
    assert_eq!(outbox.len(), 1_500);
    drop(outbox);
    let mut outbox = pump.start(Fault::none()).expect("opens");
    let mut hub = Hub::default();
    outbox.resume(hub.acked(outbox.journal_id()), Time::from_unix_ms(1)).expect("room");
    hub.take_all(&mut outbox).expect("room");
    outbox.record(Time::from_unix_ms(1), [happened(1_600)]).expect("room");
    hub.take_all(&mut outbox).expect("room");
    // The count on the disk is exact at powers of two and never more than the truth.
    let EventBody::Dropped { count } = hub.events[1_500].body else { panic!("{:?}", hub.events[1_500]) };
    assert!((64..=100).contains(&count), "{count}");
    assert_eq!(hub.events.len(), 1_502);
}

#[test]
fn a_hub_that_forgot_is_told_what_is_missing_under_a_new_journal() {
    let pump = Pump::new();
    let mut outbox = pump.start(Fault::none()).expect("opens");
    let mut hub = Hub::default();
    outbox.resume(hub.acked(outbox.journal_id()), Time::from_unix_ms(1)).expect("room");
    outbox.record(Time::from_unix_ms(1), (0..10).map(happened)).expect("room");
    hub.take_all(&mut outbox).expect("room");
    outbox.record(Time::from_unix_ms(1), [happened(10)]).expect("room");
    hub.events.truncate(4);
    let (before, acked) = (outbox.journal_id(), hub.acked(outbox.journal_id()));
    assert_eq!(outbox.resume(acked, Time::from_unix_ms(1)).expect("room"), Resumed::NumberedAnew { missing: 6 });
    assert_ne!(outbox.journal_id(), before);
    outbox.resume(hub.acked(outbox.journal_id()), Time::from_unix_ms(1)).expect("room");
    hub.take_all(&mut outbox).expect("room");
    assert_eq!(details(&hub), ["Dropped { count: 6 }", "change 10"]);
}

#[test]
fn not_too_much_is_under_way_and_compacting_keeps_what_waits() {
    let pump = Pump::new();
    let mut outbox = pump.start(Fault::none()).expect("opens");
    outbox.record(Time::from_unix_ms(1), (0..500).map(happened)).expect("room");
    let frames: Vec<_> = std::iter::from_fn(|| outbox.next_frame()).collect();
    assert_eq!(frames.iter().map(|f| f.events.len()).collect::<Vec<_>>(), [limits::EVENTS_PER_FRAME; 2]);
    outbox.acknowledge(Sequence(100)).expect("room");
    outbox.compact().expect("room");
    drop(outbox);
    let outbox = pump.start(Fault::none()).expect("opens");
    assert_eq!((outbox.oldest(), outbox.next()), (Sequence(101), Sequence(501)));
}

#[test]
fn nothing_readable_rests_on_the_disk() {
    let pump = Pump::new();
    let mut outbox = pump.start(Fault::none()).expect("opens");
    outbox.record(Time::from_unix_ms(1), [happened(1)]).expect("room");
    let bytes = std::fs::read(pump.path()).expect("there");
    assert!(!bytes.windows(6).any(|window| window == b"change"));
}

#[test]
fn what_a_full_disk_would_not_take_is_written_later_and_not_sent_before() {
    let pump = Pump::new();
    let mut outbox = pump.start(Fault::none()).expect("opens");
    outbox.record(Time::from_unix_ms(1), [happened(0)]).expect("room");
    // A folder in the journal's place cannot be opened for writing, whoever asks.
    let (path, kept) = (pump.path(), pump.folder.path().join("kept"));
    std::fs::rename(&path, &kept).expect("renamed");
    std::fs::create_dir(&path).expect("a folder");
    assert!(outbox.record(Time::from_unix_ms(1), [happened(1)]).is_err());
    assert!(outbox.next_frame().is_none(), "nothing is sent that is not on the disk");
    std::fs::remove_dir(&path).expect("removed");
    std::fs::rename(&kept, &path).expect("renamed");
    outbox.record(Time::from_unix_ms(1), [happened(2)]).expect("room again");
    drop(outbox);
    let mut outbox = pump.start(Fault::none()).expect("opens");
    let mut hub = Hub::default();
    outbox.resume(hub.acked(outbox.journal_id()), Time::from_unix_ms(1)).expect("room");
    hub.take_all(&mut outbox).expect("room");
    assert_eq!(details(&hub), ["change 0", "change 1", "change 2"]);
}
