//! The offline event queue: what happened is kept until the hub has it for good (N11).
//!
//! | an event is | until |
//! |---|---|
//! | kept | it is durable on the pump, and then at the hub |
//! | sent | the link ends (then it is sent again) or the hub acknowledges it |
//! | forgotten | – |
//!
//! Numbers start at 1 and have no gaps. The hub acknowledges a number when every event up to it is durable. When the
//! queue is full, what happens next is counted, and the count takes the next number as soon as there is room: never
//! silent, never a gap, and never an older event thrown away for a newer one.

use alloc::collections::VecDeque;
use wardline_model::{Event, EventBody, Sequence, Time, covers};

/// How much a queue may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueLimits {
    /// The most events kept.
    pub events: usize,
}

impl Default for QueueLimits {
    /// Two weeks of a busy pump out of reach: 400 events a day is what an intensive-care pump with many titrations and
    /// alarms makes; at about 200 bytes each that is a little over one megabyte of the pump's storage.
    fn default() -> Self {
        Self { events: 6_000 }
    }
}

/// What a hub or a store said that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QueueError {
    /// The hub acknowledged an event that this pump never recorded: not this pump's history, or a broken hub.
    AckAhead {
        /// What it acknowledged.
        acked: Sequence,
        /// The newest event that there is.
        newest: Sequence,
    },
    /// The stored events have a gap: the first number that is missing.
    Gap(Sequence),
}

impl core::fmt::Display for QueueError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::AckAhead { acked, newest } => {
                write!(f, "the hub acknowledged event {acked}, but the newest event of this pump is {newest}")
            }
            Self::Gap(missing) => write!(f, "event {missing} is missing from the stored queue"),
        }
    }
}
impl core::error::Error for QueueError {}

/// The events of one pump that the hub does not have for good.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Queue {
    limits: QueueLimits,
    acked: Sequence,
    sent: Sequence,
    kept: VecDeque<Event>,
    uncounted: u64,
}

impl Queue {
    /// The queue of a pump that has recorded nothing yet.
    #[must_use]
    pub const fn new(limits: QueueLimits) -> Self {
        Self { limits, acked: Sequence(0), sent: Sequence(0), kept: VecDeque::new(), uncounted: 0 }
    }

    /// The queue as found on the disk: everything up to `acked` is the hub's, `kept` follows in order, and `uncounted`
    /// events were dropped since the last [`EventBody::Dropped`].
    ///
    /// # Errors
    /// [`QueueError::Gap`] when a number is missing.
    pub fn recover(
        limits: QueueLimits,
        acked: Sequence,
        kept: impl IntoIterator<Item = Event>,
        uncounted: u64,
    ) -> Result<Self, QueueError> {
        let mut queue = Self { acked, sent: acked, uncounted, ..Self::new(limits) };
        for event in kept {
            // Left over from before an acknowledgement whose forgetting did not reach the disk.
            if event.seq <= acked {
                continue;
            }
            if event.seq != queue.next() {
                return Err(QueueError::Gap(queue.next()));
            }
            queue.kept.push_back(event);
        }
        Ok(queue)
    }

    /// The number that the next event gets.
    #[must_use]
    pub fn next(&self) -> Sequence {
        Sequence(self.acked.0 + self.kept.len() as u64).next()
    }

    /// The hub has everything up to here for good.
    #[must_use]
    pub const fn acked(&self) -> Sequence {
        self.acked
    }

    /// How many events were dropped and not yet counted in an event: to be stored beside the queue.
    #[must_use]
    pub const fn uncounted(&self) -> u64 {
        self.uncounted
    }

    /// How many events are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether the hub has everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Every event that is kept, oldest first: for writing the store anew.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.kept.iter()
    }

    /// How many events were sent over this link and are not acknowledged.
    #[must_use]
    pub const fn under_way(&self) -> usize {
        (self.sent.0 - self.acked.0) as usize
    }

    /// Takes what happened. What it returns (none, one, or a count of dropped events and one) must be made durable on the
    /// pump before anything that relies on it, and before it is sent.
    pub fn record(&mut self, body: EventBody, now: Time) -> impl Iterator<Item = &Event> {
        covers!("N11");
        let before = self.kept.len();
        self.count_dropped(now);
        if self.kept.len() < self.limits.events {
            self.push(body, now);
        } else {
            self.uncounted += 1;
        }
        self.kept.iter().skip(before)
    }

    /// Gives the dropped events their number once there is room for it and for one more.
    fn count_dropped(&mut self, now: Time) {
        if self.uncounted > 0 && self.kept.len() + 1 < self.limits.events {
            let count = core::mem::take(&mut self.uncounted);
            self.push(EventBody::Dropped { count }, now);
        }
    }

    fn push(&mut self, body: EventBody, now: Time) {
        self.kept.push_back(Event { seq: self.next(), at: now, body });
    }

    /// A new link: the hub said what it has for good, and everything after is sent again.
    ///
    /// # Errors
    /// [`QueueError::AckAhead`] when the hub names an event that never was.
    pub fn linked(&mut self, acked: Sequence) -> Result<(), QueueError> {
        self.acknowledge(acked)?;
        self.sent = self.acked;
        Ok(())
    }

    /// The hub has everything up to here for good. An old or repeated acknowledgement changes nothing.
    ///
    /// # Errors
    /// [`QueueError::AckAhead`] when the hub names an event that never was.
    pub fn acknowledge(&mut self, acked: Sequence) -> Result<(), QueueError> {
        covers!("N11");
        let newest = Sequence(self.next().0 - 1);
        if acked > newest {
            return Err(QueueError::AckAhead { acked, newest });
        }
        while self.acked < acked {
            self.kept.pop_front();
            self.acked = self.acked.next();
        }
        self.sent = self.sent.max(self.acked);
        Ok(())
    }

    /// The next events to send over this link, in order, at most this many; they are taken as sent.
    pub fn send(&mut self, most: usize) -> impl Iterator<Item = &Event> {
        let skip = (self.sent.0 - self.acked.0) as usize;
        let count = self.kept.len().saturating_sub(skip).min(most);
        self.sent = Sequence(self.sent.0 + count as u64);
        self.kept.iter().skip(skip).take(count)
    }
}

#[cfg(test)]
mod tests;
