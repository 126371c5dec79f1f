//! The writer: one task that carries out what many pumps send at once in one transaction, so that all of them share one
//! wait for the disk (group commit).
//!
//! While one commit waits for the disk, the next group gathers. Nobody is answered before the commit of his group
//! returned; when a group fails, each of its works is tried alone, so that one bad work cannot fail the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use sqlx::{Any, Row as _, Transaction};
use tokio::sync::{mpsc, oneshot};
use wardline_model::{Event, PumpId, Sequence, Span, Time, covers};

use crate::StoreError;
use crate::engine::{Engine, may_retry};
use crate::events::{Appended, Journal, rest};
use crate::reports::{NewReport, Summary};
use crate::row::{int, number, pieces, placeholders, query, time, word};
use crate::store::{Core, RETRIES, Trouble};

/// The most events of one group: about a megabyte, so that a commit stays far below the 50 ms that a pump may wait.
const LARGEST_GROUP: usize = 4_096;
/// The most rows of one statement; with seven columns well below SQLite's 32,766 and PostgreSQL's 65,535 parameters.
const LARGEST_STATEMENT: usize = 256;
/// How many pumps' numbers are remembered. SQLite has one hub, so what is remembered is true; more pumps than this only
/// cost a read each.
const REMEMBERED: usize = 100_000;

/// What the writer is given.
pub(crate) enum Work {
    /// Events of one pump.
    Events {
        pump: PumpId,
        journal: Journal,
        events: Vec<Event>,
        received: Time,
        reply: oneshot::Sender<Result<Appended, StoreError>>,
    },
    /// The newest report of one pump.
    Report { report: Box<NewReport>, reply: oneshot::Sender<Result<(), StoreError>> },
    /// Nothing more comes.
    Stop,
}

impl Work {
    /// How much it adds to a group.
    fn weight(&self) -> usize {
        match self {
            Self::Events { events, .. } => events.len().max(1),
            Self::Report { .. } => 4,
            Self::Stop => 0,
        }
    }

    /// Tells its caller that it failed.
    fn fail(self, error: StoreError) {
        // A caller that is gone does not want to know.
        match self {
            Self::Events { reply, .. } => drop(reply.send(Err(error))),
            Self::Report { reply, .. } => drop(reply.send(Err(error))),
            Self::Stop => {}
        }
    }
}

/// Runs until every clone of the store is gone or [`Work::Stop`] comes.
pub(crate) async fn run(core: Arc<Core>, mut waiting: mpsc::Receiver<Work>) {
    let mut marks = Marks::default();
    let mut group = Vec::new();
    let mut stop = false;
    while !stop {
        let Some(first) = waiting.recv().await else { return };
        let mut weight = 0;
        let mut next = Some(first);
        while let Some(work) = next {
            weight += work.weight();
            stop |= matches!(work, Work::Stop);
            group.push(work);
            next = if weight < LARGEST_GROUP && !stop { waiting.try_recv().ok() } else { None };
        }
        carry_out(&core, &mut marks, std::mem::take(&mut group)).await;
    }
}

/// Carries a group out, whole or else one by one, and answers everybody.
async fn carry_out(core: &Core, marks: &mut Marks, group: Vec<Work>) {
    match attempt(core, marks, &group).await {
        Ok(answers) => answer(group, answers),
        Err(_) if group.len() > 1 => {
            for work in group {
                let alone = [work];
                match attempt(core, marks, &alone).await {
                    Ok(answers) => answer(alone.into(), answers),
                    Err(error) => {
                        let error = core.explain("keeping what a pump sent", error);
                        alone.into_iter().for_each(|work| work.fail(error.clone()));
                    }
                }
            }
        }
        Err(error) => {
            let error = core.explain("keeping what pumps sent", error);
            group.into_iter().for_each(|work| work.fail(error.clone()));
        }
    }
}

/// What a work is answered with.
#[derive(Clone)]
enum Answer {
    Events(Result<Appended, StoreError>),
    Done,
}

fn answer(group: Vec<Work>, answers: Vec<Answer>) {
    covers!("N11");
    for (work, answer) in group.into_iter().zip(answers) {
        match (work, answer) {
            (Work::Events { reply, .. }, Answer::Events(answer)) => drop(reply.send(answer)),
            (Work::Report { reply, .. }, _) => drop(reply.send(Ok(()))),
            (Work::Stop, _) | (Work::Events { .. }, Answer::Done) => {}
        }
    }
}

/// One transaction for a group; tried again when two hubs met.
async fn attempt(core: &Core, marks: &mut Marks, group: &[Work]) -> Result<Vec<Answer>, Trouble> {
    let mut tries = 0;
    loop {
        match transaction(core, marks, group).await {
            Err(Trouble::Sql(error)) if may_retry(&error) && tries < RETRIES => {
                tries += 1;
                marks.forget();
            }
            Err(error) => {
                marks.forget();
                return Err(error);
            }
            Ok(answers) => return Ok(answers),
        }
    }
}

async fn transaction(core: &Core, marks: &mut Marks, group: &[Work]) -> Result<Vec<Answer>, Trouble> {
    let mut tx = core.begin_yielding().await?;
    let pumps = group.iter().filter_map(|work| match work {
        Work::Events { pump, .. } => Some(*pump),
        Work::Report { .. } | Work::Stop => None,
    });
    marks.learn(&mut tx, core.engine, pumps.collect()).await?;
    let mut rows = Vec::new();
    let mut reports = BTreeMap::new();
    let mut answers = Vec::with_capacity(group.len());
    for work in group {
        answers.push(match work {
            Work::Events { pump, journal, events, received, .. } => {
                Answer::Events(marks.append(*pump, *journal, events, *received, &mut rows))
            }
            Work::Report { report, .. } => {
                // The queue is the order of arrival.
                reports.insert(report.report.pump, report);
                Answer::Done
            }
            Work::Stop => Answer::Done,
        });
    }
    insert_events(core, &mut tx, &rows).await?;
    marks.save(&mut tx).await?;
    for report in reports.values() {
        save_report(&mut tx, report).await?;
    }
    tx.commit().await?;
    marks.committed(core.engine);
    Ok(answers)
}

/// An event on its way into its row.
struct EventToKeep<'a> {
    pump: PumpId,
    ordinal: u64,
    event: &'a Event,
    received: Time,
}

async fn insert_events(
    core: &Core,
    tx: &mut Transaction<'static, Any>,
    rows: &[EventToKeep<'_>],
) -> Result<(), Trouble> {
    for piece in pieces(rows, LARGEST_STATEMENT) {
        // The mark has decided what is new. The conflict clause is for two hubs that a pump changes between.
        let mut statement = query(format!(
            "INSERT INTO events (pump, ordinal, seq, at, received, body, detail) VALUES {} ON CONFLICT DO NOTHING",
            placeholders(piece.len(), 7)
        ));
        for row in piece {
            let (pump, seq) = (row.pump.to_string(), row.event.seq.0);
            let resting = rest(&core.keys, &pump, row.ordinal, seq, row.event.body.clone());
            statement = statement
                .bind(pump)
                .bind(int(row.ordinal))
                .bind(int(seq))
                .bind(time(row.event.at))
                .bind(time(row.received))
                .bind(resting.body)
                .bind(resting.detail);
        }
        statement.execute(&mut **tx).await?;
    }
    Ok(())
}

/// How far a report may be overtaken by a newer one, when a pump moves from one hub to another while the first one's commit
/// waits. A stored report that seems newer by more was received while a hub's clock was ahead: the hub must not be deaf to
/// its pumps, and blind to a disproof, until that clock is caught up with.
const OVERTAKEN_MOST: Span = Span::from_min(1);

async fn save_report(tx: &mut Transaction<'static, Any>, new: &NewReport) -> Result<(), Trouble> {
    let report = &new.report;
    let id = report.pump.to_string();
    let json = serde_json::to_string(report).map_err(|_| StoreError::value("a report"))?;
    let kept = sqlx::query(
        "INSERT INTO reports (pump, report, received) VALUES ($1, $2, $3) ON CONFLICT (pump) DO UPDATE \
         SET report = excluded.report, received = excluded.received \
         WHERE reports.received <= excluded.received OR reports.received > excluded.received + $4",
    )
    .bind(id.clone())
    .bind(json)
    .bind(time(new.received))
    .bind(int(OVERTAKEN_MOST.as_ms()))
    .execute(&mut **tx)
    .await?;
    if kept.rows_affected() > 0 {
        let summary = Summary::of(report);
        sqlx::query("UPDATE pumps SET hold = $1, waits = $2, waiting_since = $3, last_seen = $4 WHERE id = $5")
            .bind(word(&report.hold))
            .bind(summary.waits)
            .bind(summary.since.map(time))
            .bind(time(new.received))
            .bind(id)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// How far each journal of a pump is durable.
#[derive(Default)]
struct Marks {
    pumps: BTreeMap<PumpId, BTreeMap<Journal, Mark>>,
    /// Which of them the transaction under way moved.
    moved: std::collections::BTreeSet<(PumpId, Journal)>,
}

#[derive(Clone, Copy)]
struct Mark {
    ordinal: u64,
    durable: u64,
}

impl Marks {
    /// After a failure nothing that is remembered can be trusted.
    fn forget(&mut self) {
        self.pumps.clear();
        self.moved.clear();
    }

    /// On PostgreSQL another hub may move a mark between two transactions, so nothing is remembered there.
    fn committed(&mut self, engine: Engine) {
        self.moved.clear();
        if engine == Engine::Postgres || self.pumps.len() > REMEMBERED {
            self.pumps.clear();
        }
    }

    /// Reads the marks of pumps that are not remembered, and locks them where several hubs may write.
    async fn learn(
        &mut self,
        tx: &mut Transaction<'static, Any>,
        engine: Engine,
        mut pumps: Vec<PumpId>,
    ) -> Result<(), Trouble> {
        pumps.retain(|pump| !self.pumps.contains_key(pump));
        pumps.sort_unstable();
        pumps.dedup();
        for piece in pieces(&pumps, LARGEST_STATEMENT) {
            let list = placeholders(1, piece.len());
            let known = format!("SELECT id FROM pumps WHERE id IN {list}");
            let marks = format!(
                "SELECT pump, journal, ordinal, durable FROM journals WHERE pump IN {list} ORDER BY pump, journal{}",
                engine.for_update()
            );
            let (mut known, mut marks) = (query(known), query(marks));
            for pump in piece {
                known = known.bind(pump.to_string());
                marks = marks.bind(pump.to_string());
            }
            for row in known.fetch_all(&mut **tx).await? {
                self.pumps.insert(crate::row::parse(&row, "id")?, BTreeMap::new());
            }
            for row in marks.fetch_all(&mut **tx).await? {
                let journal = Journal(row.try_get::<i64, _>("journal")?.cast_unsigned());
                let mark = Mark { ordinal: number(&row, "ordinal")?, durable: number(&row, "durable")? };
                self.pumps.entry(crate::row::parse(&row, "pump")?).or_default().insert(journal, mark);
            }
        }
        Ok(())
    }

    /// Decides what of a batch is new, and moves the mark over it (N11): resent events are skipped, a gap is refused.
    fn append<'a>(
        &mut self,
        pump: PumpId,
        journal: Journal,
        events: &'a [Event],
        received: Time,
        rows: &mut Vec<EventToKeep<'a>>,
    ) -> Result<Appended, StoreError> {
        covers!("N11");
        let Some(journals) = self.pumps.get_mut(&pump) else {
            return Err(StoreError::not_found(format!("pump {pump}")));
        };
        let ordinal = journals.values().map(|mark| mark.ordinal).max().unwrap_or(0) + 1;
        let known = journals.get(&journal).copied();
        let mut mark = known.unwrap_or(Mark { ordinal, durable: 0 });
        if let Some(first) = events.first()
            && first.seq.0 > mark.durable + 1
        {
            return Ok(Appended::Gap { expected: Sequence(mark.durable + 1) });
        }
        for event in events.iter().filter(|event| event.seq.0 > mark.durable) {
            rows.push(EventToKeep { pump, ordinal: mark.ordinal, event, received });
        }
        let last = events.last().map_or(0, |event| event.seq.0);
        if last > mark.durable {
            mark.durable = last;
            journals.insert(journal, mark);
            self.moved.insert((pump, journal));
        }
        Ok(Appended::Durable(Sequence(mark.durable)))
    }

    /// Writes the marks that moved.
    async fn save(&self, tx: &mut Transaction<'static, Any>) -> Result<(), Trouble> {
        let moved: Vec<_> = self
            .moved
            .iter()
            .filter_map(|(pump, journal)| Some((*pump, *journal, *self.pumps.get(pump)?.get(journal)?)))
            .collect();
        for piece in pieces(&moved, LARGEST_STATEMENT) {
            let mut statement = query(format!(
                "INSERT INTO journals (pump, journal, ordinal, durable) VALUES {} ON CONFLICT (pump, journal) \
                 DO UPDATE SET durable = CASE WHEN excluded.durable > journals.durable THEN excluded.durable \
                 ELSE journals.durable END",
                placeholders(piece.len(), 4)
            ));
            for (pump, journal, mark) in piece {
                statement = statement
                    .bind(pump.to_string())
                    .bind(journal.0.cast_signed())
                    .bind(int(mark.ordinal))
                    .bind(int(mark.durable));
            }
            statement.execute(&mut **tx).await?;
        }
        Ok(())
    }
}
