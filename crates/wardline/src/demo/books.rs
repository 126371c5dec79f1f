//! The demonstration's own check of N11: every pump's events as its agent kept them against the hub's database.
//!
//! Both sides are read independently: the witness wrote down what was on the pump's disk and what was acknowledged, the
//! database says what the hub holds. Nothing acknowledged may be missing, nothing may be there twice or under another
//! number, nothing may be there that no pump kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use wardline_agent::ledger::{Place, Written, print};
use wardline_model::{PumpId, Serial, covers};
use wardline_sim::hospital::Witness;
use wardline_store::{PageRequest, Store};

/// Differences that are told; more would say the same.
const MOST_STORIES: usize = 20;

/// What the comparison found.
#[derive(Debug, Default)]
pub struct Books {
    /// Pumps that were compared.
    pumps: usize,
    /// Events that pumps kept since the demonstration was started.
    kept: u64,
    /// Those of them that the hub holds.
    held: u64,
    /// Those that wait on their pumps for the next link.
    waiting: u64,
    /// How many differences there are.
    pub broken: u64,
    stories: Vec<String>,
}

/// What the hub holds of one pump.
type Held = Vec<(Place, u64)>;

/// Compares every pump, after its agent has ended.
pub async fn compare(store: &Store, witnesses: &[Witness]) -> anyhow::Result<Books> {
    let ids: BTreeMap<Serial, PumpId> = store.all_pumps().await?.into_iter().map(|row| (row.serial, row.id)).collect();
    let mut books = Books::default();
    for witness in witnesses {
        let held = match ids.get(&witness.serial) {
            Some(id) => held(store, *id).await?,
            None => Vec::new(),
        };
        books.add(&witness.serial, &held, &witness.written(), &witness.waiting()?);
    }
    Ok(books)
}

async fn held(store: &Store, pump: PumpId) -> anyhow::Result<Held> {
    let mut held = Vec::new();
    for page in 0.. {
        let page = store.events(pump, PageRequest { page, page_size: 1_000 }).await?;
        let was_last = page.rows.is_empty();
        held.extend(page.rows.iter().map(|row| ((row.journal.0, row.event.seq.0), print(&row.event))));
        if was_last {
            break;
        }
    }
    Ok(held)
}

impl Books {
    fn add(&mut self, serial: &Serial, held: &Held, written: &Written, waiting: &BTreeSet<Place>) {
        covers!("N11");
        let mut found: Vec<String> = Vec::new();
        let mut once = BTreeMap::new();
        for (place, seen) in held {
            if once.insert(*place, *seen).is_some() {
                found.push(format!("the hub holds {} twice", name(*place)));
            }
        }
        found.extend(gaps(&once));
        // What an earlier run of the demonstration sent has no witness any more.
        let begins = |journal| written.kept.range((journal, 0)..).next().filter(|((of, _), _)| *of == journal);
        for (place, seen) in &once {
            let Some(((_, first), _)) = begins(place.0) else { continue };
            match written.kept.get(place) {
                _ if place.1 < *first => {}
                Some(kept) if kept == seen => self.held += 1,
                Some(_) => found.push(format!("the hub holds another event as {}", name(*place))),
                None => found.push(format!("the hub holds {}, which its pump never kept", name(*place))),
            }
        }
        for place in written.kept.keys().filter(|place| !once.contains_key(place)) {
            let acknowledged = written.acknowledged.get(&place.0).is_some_and(|newest| place.1 <= *newest);
            match (acknowledged, waiting.contains(place)) {
                (true, _) => found.push(format!("{} was acknowledged and is not at the hub", name(*place))),
                (false, true) => self.waiting += 1,
                (false, false) => found.push(format!("{} is neither at the hub nor on the pump", name(*place))),
            }
        }
        found.extend(written.renumbered.iter().map(|place| format!("the pump used {} twice", name(*place))));
        self.pumps += 1;
        self.kept += written.kept.len() as u64;
        self.broken += found.len() as u64;
        let room = MOST_STORIES.saturating_sub(self.stories.len());
        self.stories.extend(found.into_iter().take(room).map(|story| format!("N11 {serial}: {story}")));
    }
}

/// Numbers that are missing between those that the hub holds of a journal; the first is 1.
fn gaps(held: &BTreeMap<Place, u64>) -> Vec<String> {
    let mut expected: BTreeMap<u64, u64> = BTreeMap::new();
    let mut found = Vec::new();
    for (journal, number) in held.keys() {
        let next = expected.entry(*journal).or_insert(1);
        if number != next {
            found.push(format!("the hub lacks the events {next} to {}", number.saturating_sub(1)));
        }
        *next = number + 1;
    }
    found
}

fn name((_, number): Place) -> String {
    format!("event {number}")
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pumps, kept, held, waiting, broken, stories } = self;
        write!(f, "events of {pumps} pumps compared one by one: {kept} kept by pumps, {held} at the hub, ")?;
        match broken {
            0 => write!(f, "each once and in order; {waiting} wait on their pumps for the next link")?,
            _ => write!(f, "{broken} DIFFERENCES; {waiting} wait on their pumps")?,
        }
        stories.iter().try_for_each(|story| write!(f, "\n  {story}"))
    }
}

#[cfg(test)]
mod tests;
