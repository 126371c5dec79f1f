//! What happened and is not yet durable at the hub: numbered, sealed on the disk before it is sent, forgotten only when
//! it was acknowledged (N11).
//!
//! Records of the journal:
//!
//! | tag | then | what |
//! |---|---|---|
//! | 0 | 8 bytes journal id, 8 bytes number | first record: which store this is, and the number of the first event after it |
//! | 1 | an event as on the link | events follow each other without gaps |
//! | 2 | 8 bytes | how many events could not be kept since the last `Dropped` event, at least |
//!
//! An acknowledgement is not written: after a restart the pump sends again and the hub skips what it has. When the queue
//! is full, new events are not numbered but counted, so that numbers never have gaps; the count goes out as a `Dropped`
//! event as soon as there is room. The last places are kept for what is about releases and certificates.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use prost::Message as _;
use wardline_model::{Event, EventBody, Sequence, Time, covers};
use wardline_wire::{limits, link, text};

use crate::sealed::{Journal, SealedError, Sealing};

/// Places in the queue that only events about releases, certificates and the agent itself may take.
const KEPT_FOR_RELEASES: usize = 500;

/// How many frames of events may be under way without an acknowledgement: two, so that the next one is on the wire while
/// the hub waits for its disk.
const FRAMES_UNDER_WAY: usize = 2;

/// Acknowledged bytes in the journal that make it worth writing anew.
const WORTH_COMPACTING: u64 = 256 * 1024;

const HEADER: u8 = 0;
const EVENT: u8 = 1;
const DROPPED: u8 = 2;

/// The queue of one pump.
#[derive(Debug)]
pub struct Outbox {
    journal: Journal,
    id: u64,
    /// The number of the first event in `events`, or of the next one when there is none.
    oldest: Sequence,
    /// Encoded as on the link.
    events: VecDeque<Box<[u8]>>,
    /// How many of `events` were sent on this link.
    sent: usize,
    /// How many events could not be kept since the last `Dropped`.
    dropped: u64,
    most: usize,
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
    /// Opens the queue in this file, or begins one. A file that does not open with this device's key is moved aside, and
    /// the new queue begins with a `Dropped` event.
    ///
    /// # Errors
    /// [`SealedError::Io`], [`SealedError::Full`].
    pub fn open(path: &Path, sealing: &Sealing, most: u32) -> Result<Self, SealedError> {
        let opened = match Journal::open(path, sealing) {
            Err(SealedError::Forged { .. }) => {
                std::fs::rename(path, aside(path)).map_err(|source| SealedError::Io {
                    doing: "moving aside",
                    path: path.to_owned(),
                    source,
                })?;
                tracing::error!(path = %path.display(), "the event queue did not open with this device's key; it was moved aside");
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
        let most = most as usize;
        let mut outbox = Self {
            journal: opened.journal,
            id: 0,
            oldest: Sequence(1),
            events: VecDeque::new(),
            sent: 0,
            dropped: 0,
            most,
        };
        let began = outbox.read_records(opened.records);
        if !began {
            outbox.begin_anew(Sequence(1))?;
        }
        Ok(outbox)
    }

    /// The random id of this store of events.
    #[must_use]
    pub const fn journal_id(&self) -> u64 {
        self.id
    }

    /// The oldest event that is kept; equal to [`Outbox::next`] when none is.
    #[must_use]
    pub const fn oldest(&self) -> Sequence {
        self.oldest
    }

    /// The number that the next event will get.
    #[must_use]
    pub fn next(&self) -> Sequence {
        Sequence(self.oldest.0 + self.events.len() as u64)
    }

    /// How many events wait for their acknowledgement.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Keeps what happened. When this returns, it is on the disk, or counted among the dropped.
    ///
    /// # Errors
    /// [`SealedError::Full`] and [`SealedError::Io`]: the events are counted among the dropped.
    pub fn record(&mut self, now: Time, bodies: impl IntoIterator<Item = EventBody>) -> Result<(), SealedError> {
        covers!("N11");
        let (mut records, mut encoded, mut lost) = (Vec::new(), Vec::new(), 0u64);
        let mut bodies: Vec<EventBody> = bodies.into_iter().collect();
        let told = self.dropped > 0 && self.has_room(self.events.len(), &EventBody::Dropped { count: 0 });
        if told {
            bodies.insert(0, EventBody::Dropped { count: self.dropped });
        }
        for body in bodies {
            if !self.has_room(self.events.len() + encoded.len(), &body) {
                lost += 1;
                continue;
            }
            let seq = Sequence(self.next().0 + encoded.len() as u64);
            let event = link::Event::from(&Event { seq, at: now, body: cleaned(body) }).encode_to_vec();
            records.push([&[EVENT][..], &event].concat());
            encoded.push(event.into_boxed_slice());
        }
        if let Err(error) = self.journal.append(records.iter().map(Vec::as_slice)) {
            self.dropped += encoded.len() as u64 + lost - u64::from(told);
            return Err(error);
        }
        self.events.extend(encoded);
        if told {
            self.dropped = 0;
        }
        if lost > 0 {
            self.note_dropped(lost)?;
        }
        Ok(())
    }

    /// The hub answered Hello: everything up to `acked` is durable there.
    ///
    /// # Errors
    /// Those of the disk; the queue is as it was then.
    pub fn resume(&mut self, acked: Sequence, now: Time) -> Result<Resumed, SealedError> {
        self.sent = 0;
        let expected = acked.0.saturating_add(1);
        if expected < self.oldest.0 || expected > self.next().0 {
            let missing = self.oldest.0.saturating_sub(expected);
            self.number_anew(missing, now)?;
            return Ok(Resumed::NumberedAnew { missing });
        }
        self.acknowledge(acked)?;
        Ok(Resumed::InStep)
    }

    /// The link is gone: what was sent and not acknowledged will be sent again.
    pub const fn unlinked(&mut self) {
        self.sent = 0;
    }

    /// Everything up to `acked` is durable at the hub. Numbers that were never sent are not believed.
    ///
    /// # Errors
    /// Those of the disk while compacting; nothing is lost then.
    pub fn acknowledge(&mut self, acked: Sequence) -> Result<(), SealedError> {
        let count = (acked.0 + 1).saturating_sub(self.oldest.0);
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.events.len());
        self.events.drain(..count);
        self.oldest.0 += count as u64;
        self.sent = self.sent.saturating_sub(count);
        let kept: u64 = self.events.iter().map(|event| event.len() as u64 + 64).sum();
        if self.journal.length().saturating_sub(kept) > WORTH_COMPACTING {
            self.compact()?;
        }
        Ok(())
    }

    /// The next frame of events to send, if there is one and not too much is under way.
    pub fn next_frame(&mut self) -> Option<link::Events> {
        if self.sent >= self.events.len() || self.sent >= FRAMES_UNDER_WAY * limits::EVENTS_PER_FRAME {
            return None;
        }
        let until = (self.sent + limits::EVENTS_PER_FRAME).min(self.events.len());
        let events = self.events.range(self.sent..until);
        let events = events.map(|event| link::Event::decode(&event[..]).unwrap_or_default()).collect();
        self.sent = until;
        Some(link::Events { events })
    }

    fn has_room(&self, len: usize, body: &EventBody) -> bool {
        let for_therapy = self.most.saturating_sub(KEPT_FOR_RELEASES);
        let most = match body {
            EventBody::TherapyChanged { .. } | EventBody::Alarm { .. } => for_therapy,
            // Not before there is also room for what comes after it, or a full queue would fill with these.
            EventBody::Dropped { .. } => for_therapy.saturating_sub(1),
            EventBody::Started { .. }
            | EventBody::Switched { .. }
            | EventBody::Attempt { .. }
            | EventBody::Renewed { .. } => self.most,
        };
        len < most
    }

    /// Counts events that could not be kept; at powers of two the count is written, so that a restart does not make the
    /// loss silent.
    fn note_dropped(&mut self, lost: u64) -> Result<(), SealedError> {
        let before = self.dropped;
        self.dropped += lost;
        if before == 0 || self.dropped.ilog2() > before.ilog2() {
            let record = [&[DROPPED][..], &self.dropped.to_be_bytes()].concat();
            self.journal.append([record.as_slice()])?;
        }
        Ok(())
    }

    /// Takes over what the journal holds; false when it holds nothing yet.
    fn read_records(&mut self, records: Vec<Vec<u8>>) -> bool {
        let mut began = false;
        for record in records {
            match (record.first(), record.get(1..)) {
                (Some(&HEADER), Some(rest)) if rest.len() == 16 => {
                    let (id, oldest) = rest.split_at(8);
                    self.id = u64::from_be_bytes(id.try_into().unwrap_or_default());
                    self.oldest = Sequence(u64::from_be_bytes(oldest.try_into().unwrap_or_default()));
                    began = true;
                }
                (Some(&EVENT), Some(event)) => {
                    let body = link::Event::decode(event).ok().and_then(|event| event.body);
                    if matches!(body, Some(link::event::Body::Dropped(_))) {
                        self.dropped = 0;
                    }
                    self.events.push_back(event.into());
                }
                (Some(&DROPPED), Some(count)) => {
                    self.dropped = count.try_into().map_or(1, u64::from_be_bytes);
                }
                // Written by a newer agent: it is kept by nobody, so it is counted.
                (Some(_) | None, _) => self.dropped += 1,
            }
        }
        began
    }

    fn begin_anew(&mut self, oldest: Sequence) -> Result<(), SealedError> {
        let mut id = [0u8; 8];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| SealedError::Io {
            doing: "drawing an id for",
            path: PathBuf::from("the event queue"),
            source: std::io::Error::other("the system's random source failed"),
        })?;
        self.id = u64::from_be_bytes(id);
        self.oldest = oldest;
        self.compact()
    }

    /// Numbers what is kept from 1 under a new journal id, with a `Dropped` event in front that says what is missing.
    fn number_anew(&mut self, missing: u64, now: Time) -> Result<(), SealedError> {
        let kept = std::mem::take(&mut self.events);
        let front = (missing > 0).then(|| link::Event {
            seq: 0,
            at: now.as_unix_ms(),
            body: Some(link::event::Body::Dropped(link::Dropped { count: missing })),
        });
        let kept = kept.into_iter().map(|event| link::Event::decode(&event[..]).unwrap_or_default());
        self.events = (1u64..)
            .zip(front.into_iter().chain(kept))
            .map(|(seq, event)| link::Event { seq, ..event }.encode_to_vec().into_boxed_slice())
            .collect();
        self.begin_anew(Sequence(1))
    }

    fn compact(&mut self) -> Result<(), SealedError> {
        let header = [&[HEADER][..], &self.id.to_be_bytes(), &self.oldest.0.to_be_bytes()].concat();
        let mut records = vec![header];
        records.extend(self.events.iter().map(|event| [&[EVENT][..], event].concat()));
        if self.dropped > 0 {
            records.push([&[DROPPED][..], &self.dropped.to_be_bytes()].concat());
        }
        self.journal.replace(records.iter().map(Vec::as_slice))
    }
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

fn aside(path: &Path) -> PathBuf {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".damaged");
    aside.into()
}

#[cfg(test)]
mod tests;
