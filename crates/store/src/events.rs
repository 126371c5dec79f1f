//! What happened on each pump: in order, whole, once (N11).
//!
//! A pump numbers its events from 1 without gaps within one *journal*. A journal is the pump's own store: when it is
//! made anew (a wipe, a new flash), it gets a new random id, so that its numbers cannot be mistaken for old ones.

use sqlx::Row as _;
use sqlx::any::AnyRow;
use tokio::sync::oneshot;
use wardline_model::{Event, EventBody, PumpId, Sequence, Time, covers};

use crate::keys::DataKeys;
use crate::row::{moment, number};
use crate::store::Trouble;
use crate::writer::Work;
use crate::{Page, PageRequest, Store, StoreError};

/// The most events of one call: what a pump may send in one frame many times over.
pub(crate) const LARGEST_BATCH: usize = 4_096;

/// The random id of a pump's journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Journal(pub u64);

/// What became of a batch of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// Everything up to this number is durable: acknowledge it.
    Durable(Sequence),
    /// The batch begins after a gap: nothing of it was kept, and the pump must send again from this number.
    Gap {
        /// The number that is expected.
        expected: Sequence,
    },
}

/// An event as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Which journal of the pump.
    pub journal: Journal,
    /// The event, with its sensitive detail opened.
    pub event: Event,
    /// When the hub received it.
    pub received: Time,
}

/// An event in the two forms in which it rests: what anybody may read, and the sensitive detail, sealed for its row.
pub(crate) struct Resting {
    pub(crate) body: String,
    pub(crate) detail: Option<Vec<u8>>,
}

/// The place for which a detail is sealed.
pub(crate) fn place(pump: &str, ordinal: u64, seq: u64) -> String {
    format!("events/detail/{pump}/{ordinal}/{seq}")
}

/// Takes the sensitive part out of an event. Every kind of event is listed, so that a new one must say what is
/// sensitive about it.
fn take_sensitive(body: &mut EventBody) -> Option<String> {
    match body {
        EventBody::TherapyChanged { detail, .. } if !detail.is_empty() => Some(std::mem::take(detail)),
        EventBody::TherapyChanged { .. }
        | EventBody::Started { .. }
        | EventBody::Alarm { .. }
        | EventBody::Switched { .. }
        | EventBody::Attempt { .. }
        | EventBody::Renewed { .. }
        | EventBody::Dropped { .. } => None,
    }
}

/// Puts it back.
fn put_sensitive(body: &mut EventBody, opened: String) {
    if let EventBody::TherapyChanged { detail, .. } = body {
        *detail = opened;
    }
}

/// The resting form of an event.
pub(crate) fn rest(keys: &DataKeys, pump: &str, ordinal: u64, seq: u64, mut body: EventBody) -> Resting {
    let detail = take_sensitive(&mut body).map(|detail| keys.seal(&place(pump, ordinal, seq), detail.as_bytes()));
    Resting { body: serde_json::to_string(&body).expect("an event becomes JSON"), detail }
}

fn wake(keys: &DataKeys, pump: &str, row: &AnyRow) -> Result<EventRow, Trouble> {
    let (ordinal, seq) = (number(row, "ordinal")?, number(row, "seq")?);
    let body: String = row.try_get("body")?;
    let mut body: EventBody = serde_json::from_str(&body).map_err(|_| StoreError::value("events.body"))?;
    if let Some(sealed) = row.try_get::<Option<Vec<u8>>, _>("detail")? {
        let opened = keys.open(&place(pump, ordinal, seq), &sealed)?;
        put_sensitive(&mut body, String::from_utf8(opened).map_err(|_| StoreError::value("events.detail"))?);
    }
    let journal = Journal(row.try_get::<i64, _>("journal")?.cast_unsigned());
    let event = Event { seq: Sequence(seq), at: moment(row, "at")?, body };
    Ok(EventRow { journal, event, received: moment(row, "received")? })
}

impl Store {
    /// Appends events of one pump, in order. When this returns `Durable`, they are on the disk. Events that are there
    /// already are skipped, so sending again is harmless. Calls of many pumps that wait at the same time share one commit.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown pump, [`StoreError::Refused`] when the batch is too large or its numbers are
    /// not consecutive, and those of the engine; nothing may be acknowledged then.
    pub async fn append_events(
        &self,
        pump: PumpId,
        journal: Journal,
        events: Vec<Event>,
        received: Time,
    ) -> Result<Appended, StoreError> {
        covers!("N11");
        if events.len() > LARGEST_BATCH {
            let why = format!("it has {} events, and {LARGEST_BATCH} is the most; send them in pieces", events.len());
            return Err(StoreError::refused("the batch of events", why));
        }
        let consecutive = events.windows(2).all(|pair| pair[1].seq == pair[0].seq.next());
        if !consecutive || events.first().is_some_and(|first| first.seq == Sequence(0)) {
            let why = "the numbers must begin at 1 or above and grow by one; the pump must send them again in order";
            return Err(StoreError::refused("the batch of events", why));
        }
        let (reply, answer) = oneshot::channel();
        self.hand_over(Work::Events { pump, journal, events, received, reply }).await?;
        answer.await.unwrap_or_else(|_| Err(self.closed()))
    }

    /// The last number that is durable in a journal; zero when there is none.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn durable_up_to(&self, pump: PumpId, journal: Journal) -> Result<Sequence, StoreError> {
        self.step("reading what is durable of a journal", async {
            let row = sqlx::query("SELECT durable FROM journals WHERE pump = $1 AND journal = $2")
                .bind(pump.to_string())
                .bind(journal.0.cast_signed())
                .fetch_optional(&self.core.read)
                .await?;
            Ok(Sequence(row.map_or(Ok(0), |row| number(&row, "durable"))?))
        })
        .await
    }

    /// A pump's time line, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn events(&self, pump: PumpId, page: PageRequest) -> Result<Page<EventRow>, StoreError> {
        let id = pump.to_string();
        self.step("reading a time line", async {
            let total = sqlx::query("SELECT COUNT(*) AS total FROM events WHERE pump = $1");
            let total = number(&total.bind(id.clone()).fetch_one(&self.core.read).await?, "total")?;
            let rows = sqlx::query(
                "SELECT e.ordinal, e.seq, e.at, e.received, e.body, e.detail, j.journal FROM events e \
                 JOIN journals j ON j.pump = e.pump AND j.ordinal = e.ordinal WHERE e.pump = $1 \
                 ORDER BY e.ordinal DESC, e.seq DESC LIMIT $2 OFFSET $3",
            )
            .bind(id.clone())
            .bind(page.limit())
            .bind(page.offset())
            .fetch_all(&self.core.read)
            .await?;
            let rows = rows.iter().map(|row| wake(&self.core.keys, &id, row)).collect::<Result<_, _>>()?;
            Ok(Page { rows, total, request: page })
        })
        .await
    }

    /// Gives work to the writer.
    pub(crate) async fn hand_over(&self, work: Work) -> Result<(), StoreError> {
        self.work.send(work).await.map_err(|_| self.closed())
    }

    /// What a call gets after [`Store::close`].
    pub(crate) fn closed(&self) -> StoreError {
        StoreError::Unreachable { place: self.core.place.clone(), detail: "the store is closed".to_owned() }
    }
}
