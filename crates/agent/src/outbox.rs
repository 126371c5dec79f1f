//! What happened and is not yet durable at the hub: numbered by the queue of crate `pump`, sealed on the disk before it is
//! sent, forgotten only when it was acknowledged (N11).
//!
//! Records of the journal:
//!
//! | tag | then | what |
//! |---|---|---|
//! | 0 | 8 bytes journal id, 8 bytes number | first record: which store this is, and the number of the first event after it |
//! | 1 | an event as on the link | events follow each other without gaps |
//! | 2 | 8 bytes | how many events could not be kept since the last `Dropped` event, at least |
//!
//! An acknowledgement is not written: after a restart the pump sends again and the hub skips what it has. What the disk
//! would not take stays in memory and is written with the next event; until then nothing is sent.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost::Message as _;
use wardline_model::{Event, EventBody, Sequence, Time, covers};
use wardline_pump::{Queue, QueueLimits};
use wardline_wire::{limits, link, text};

use crate::fault::Watched;
use crate::sealed::{Journal, SealedError, Sealing};

/// How many events may be under way without an acknowledgement: two frames, so that the next one is on the wire while
/// the hub waits for its disk.
const UNDER_WAY: usize = 2 * limits::EVENTS_PER_FRAME;

/// Acknowledged bytes in the journal that make it worth writing anew.
const WORTH_COMPACTING: u64 = 256 * 1024;

const HEADER: u8 = 0;
const EVENT: u8 = 1;
const DROPPED: u8 = 2;

/// The queue of one pump, on its disk.
#[derive(Debug)]
pub struct Outbox {
    journal: Journal,
    id: u64,
    limits: QueueLimits,
    queue: Queue,
    /// Records that the disk has not taken yet.
    unwritten: Vec<Vec<u8>>,
    /// A simulation's witness.
    watched: Option<Arc<Watched>>,
}

/// What the hub's Welcome means for the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumed {
    /// Send on from the next number.
    InStep,
    /// The hub has forgotten events that it once acknowledged (it was restored from a backup). The queue was numbered
    /// anew under a new journal id: say Hello again.
    NumberedAnew {
        /// How many events the hub will miss.
        missing: u64,
    },
}

impl Outbox {
    /// Opens the queue in this file, or begins one. A file that does not open with this device's key is moved aside.
    ///
    /// # Errors
    /// [`SealedError::Io`], [`SealedError::Full`].
    pub fn open(path: &Path, sealing: &Sealing, most: u32) -> Result<Self, SealedError> {
        let opened = match Journal::open(path, sealing) {
            Err(SealedError::Forged { .. }) => {
                set_aside(path)?;
                Journal::open(path, sealing)?
            }
            opened => opened?,
        };
        if opened.torn_bytes > 0 {
            tracing::warn!(
                bytes = opened.torn_bytes,
                "the event queue ended in the middle of a record, as after a power loss"
            );
        }
        let limits = QueueLimits { events: most as usize };
        let mut outbox = Self {
            journal: opened.journal,
            id: 0,
            limits,
            queue: Queue::new(limits),
            unwritten: Vec::new(),
            watched: sealing.fault().observer().cloned(),
        };
        if !outbox.recover(opened.records) {
            outbox.begin_anew()?;
        }
        outbox.witness();
        Ok(outbox)
    }

    /// The random id of this store of events.
    #[must_use]
    pub const fn journal_id(&self) -> u64 {
        self.id
    }

    /// The oldest event that is kept; equal to [`Outbox::next`] when none is.
    #[must_use]
    pub fn oldest(&self) -> Sequence {
        self.queue.acked().next()
    }

    /// The number that the next event will get.
    #[must_use]
    pub fn next(&self) -> Sequence {
        self.queue.next()
    }

    /// How many events wait for their acknowledgement.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Keeps what happened. When this returns, it is on the disk, or counted because the queue is full.
    ///
    /// # Errors
    /// [`SealedError::Full`] and [`SealedError::Io`]: it is kept in memory, and written with the next event.
    pub fn record(&mut self, now: Time, bodies: impl IntoIterator<Item = EventBody>) -> Result<(), SealedError> {
        covers!("N11");
        for body in bodies {
            let dropped = self.queue.uncounted();
            self.unwritten.extend(self.queue.record(cleaned(body), now).map(event_record));
            // Written at powers of two, so that a restart does not make the loss silent.
            if self.queue.uncounted() > dropped && self.queue.uncounted().is_power_of_two() {
                self.unwritten.push(dropped_record(self.queue.uncounted()));
            }
        }
        self.write()
    }

    /// Writes what the disk would not take before.
    fn write(&mut self) -> Result<(), SealedError> {
        self.journal.append(self.unwritten.iter().map(Vec::as_slice))?;
        self.unwritten = Vec::new();
        self.witness();
        Ok(())
    }

    /// Tells a simulation what is on the disk now.
    fn witness(&self) {
        if let Some(watched) = &self.watched {
            self.queue.iter().for_each(|event| watched.ledger.keep(self.id, event));
        }
    }

    /// What waits for its acknowledgement, oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = &Event> {
        self.queue.iter()
    }

    /// The hub answered Hello: everything up to `acked` is durable there.
    ///
    /// # Errors
    /// Those of the disk; the queue is as it was then.
    pub fn resume(&mut self, acked: Sequence, now: Time) -> Result<Resumed, SealedError> {
        let missing = self.queue.acked().0.saturating_sub(acked.0);
        if missing > 0 || self.queue.linked(acked).is_err() {
            self.number_anew(missing, now)?;
            return Ok(Resumed::NumberedAnew { missing });
        }
        if let Some(watched) = &self.watched {
            watched.ledger.acknowledge(self.id, acked);
        }
        self.compact_if_worth()?;
        Ok(Resumed::InStep)
    }

    /// The link is gone: what was sent and not acknowledged will be sent again.
    pub fn unlinked(&mut self) {
        // What is acknowledged already cannot be ahead.
        let _ = self.queue.linked(self.queue.acked());
    }

    /// Everything up to `acked` is durable at the hub. Numbers that were never given are not believed.
    ///
    /// # Errors
    /// Those of the disk while compacting; nothing is lost then.
    pub fn acknowledge(&mut self, acked: Sequence) -> Result<(), SealedError> {
        if let Err(error) = self.queue.acknowledge(acked) {
            tracing::error!(%error, "an acknowledgement was not believed");
            return Ok(());
        }
        if let Some(watched) = &self.watched {
            watched.ledger.acknowledge(self.id, acked);
        }
        self.compact_if_worth()
    }

    /// The next frame of events to send, if there is one, all is on the disk, and not too much is under way.
    pub fn next_frame(&mut self) -> Option<link::Events> {
        if !self.unwritten.is_empty() && self.write().is_err() {
            return None;
        }
        let most = UNDER_WAY.saturating_sub(self.queue.under_way()).min(limits::EVENTS_PER_FRAME);
        let events = link::Events::from_front(self.queue.send(most));
        (!events.events.is_empty()).then_some(events)
    }

    /// Takes over what the journal holds; false when it holds no queue.
    pub(crate) fn recover(&mut self, records: Vec<Vec<u8>>) -> bool {
        let (mut acked, mut kept, mut dropped) = (None, Vec::new(), 0);
        for record in records {
            match (record.first(), record.get(1..)) {
                (Some(&HEADER), Some(rest)) if rest.len() == 16 => {
                    let (id, oldest) = rest.split_at(8);
                    self.id = u64::from_be_bytes(id.try_into().unwrap_or_default());
                    acked = Some(u64::from_be_bytes(oldest.try_into().unwrap_or_default()).saturating_sub(1));
                }
                (Some(&EVENT), Some(bytes)) => match link::Event::decode(bytes).map(Event::try_from) {
                    Ok(Ok(event)) => {
                        if matches!(event.body, EventBody::Dropped { .. }) {
                            dropped = 0;
                        }
                        kept.push(event);
                    }
                    // Written by a newer agent.
                    Ok(Err(_)) | Err(_) => return false,
                },
                (Some(&DROPPED), Some(count)) => dropped = count.try_into().map_or(1, u64::from_be_bytes),
                (Some(_) | None, _) => return false,
            }
        }
        let Some(acked) = acked else { return false };
        match Queue::recover(self.limits, Sequence(acked), kept, dropped) {
            Ok(queue) => {
                self.queue = queue;
                true
            }
            Err(error) => {
                tracing::error!(%error, "the event queue cannot be used and begins anew");
                false
            }
        }
    }

    /// Begins an empty store with an id of its own.
    fn begin_anew(&mut self) -> Result<(), SealedError> {
        self.new_id()?;
        self.queue = Queue::new(self.limits);
        self.compact()
    }

    fn new_id(&mut self) -> Result<(), SealedError> {
        let mut id = [0u8; 8];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| SealedError::Io {
            doing: "drawing an id for",
            path: PathBuf::from("the event queue"),
            source: std::io::Error::other("the system's random source failed"),
        })?;
        self.id = u64::from_be_bytes(id);
        Ok(())
    }

    /// Numbers what is kept from 1 under a new journal id, with a `Dropped` event in front that says what is missing.
    fn number_anew(&mut self, missing: u64, now: Time) -> Result<(), SealedError> {
        let front = (missing > 0).then_some((now, EventBody::Dropped { count: missing }));
        let kept = self.queue.iter().map(|event| (event.at, event.body.clone()));
        let events =
            (1u64..).zip(front.into_iter().chain(kept)).map(|(seq, (at, body))| Event { seq: Sequence(seq), at, body });
        let events: Vec<Event> = events.collect();
        // Numbers from 1 without gaps are always a queue.
        if let Ok(queue) = Queue::recover(self.limits, Sequence(0), events, self.queue.uncounted()) {
            self.queue = queue;
        }
        self.new_id()?;
        self.compact()
    }

    fn compact_if_worth(&mut self) -> Result<(), SealedError> {
        // The usual event takes about 100 bytes with its seal.
        let kept = self.queue.len() as u64 * 100;
        if self.journal.length() > kept + WORTH_COMPACTING { self.compact() } else { Ok(()) }
    }

    fn compact(&mut self) -> Result<(), SealedError> {
        let mut records = vec![[&[HEADER][..], &self.id.to_be_bytes(), &self.oldest().0.to_be_bytes()].concat()];
        records.extend(self.queue.iter().map(event_record));
        if self.queue.uncounted() > 0 {
            records.push(dropped_record(self.queue.uncounted()));
        }
        self.journal.replace(records.iter().map(Vec::as_slice))?;
        self.unwritten = Vec::new();
        self.witness();
        Ok(())
    }
}

fn event_record(event: &Event) -> Vec<u8> {
    [&[EVENT][..], &link::Event::from(event).encode_to_vec()].concat()
}

fn dropped_record(count: u64) -> Vec<u8> {
    [&[DROPPED][..], &count.to_be_bytes()].concat()
}

/// Text from the controller as the hub accepts it.
fn cleaned(body: EventBody) -> EventBody {
    match body {
        EventBody::TherapyChanged { channel, state, library, detail } => {
            EventBody::TherapyChanged { channel, state, library, detail: text::clean(&detail, limits::DETAIL) }
        }
        EventBody::Alarm { channel, alarm, began } => {
            EventBody::Alarm { channel, alarm: text::clean(&alarm, limits::WORD), began }
        }
        EventBody::Started { agent } => EventBody::Started { agent: text::clean(&agent, limits::WORD) },
        EventBody::Renewed { serial } => {
            EventBody::Renewed { serial: text::clean(&serial, limits::CERTIFICATE_SERIAL) }
        }
        body @ (EventBody::Switched { .. } | EventBody::Attempt { .. } | EventBody::Dropped { .. }) => body,
    }
}

/// Keeps a file that cannot be used for whoever wants to look at it.
fn set_aside(path: &Path) -> Result<(), SealedError> {
    tracing::error!(path = %path.display(), "the event queue does not open with this device's key; it is moved aside");
    let mut aside = path.as_os_str().to_owned();
    aside.push(".damaged");
    std::fs::rename(path, aside).map_err(|source| SealedError::Io {
        doing: "moving aside",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
