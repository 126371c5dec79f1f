//! The fleet as derived just now, shared by all who look.
//!
//! A phase depends on goal, report and time, so the database cannot filter or sort by it. One derived copy of the fleet
//! is kept in memory (about 1 KB a pump) and made anew when something changed and somebody looks; making it never takes
//! more than a twentieth of the time, however many look. What this process decided itself is seen at once.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as Atomic};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use wardline_api::types::{Attention, AttentionCount, LinkState, PumpPage, PumpQuery, PumpRow, PumpSort};
use wardline_model::{Lifecycle, Time};
use wardline_store::{Store, StoreError};

use super::views;

/// A copy that nobody said is old is made anew after this long, because waiting and silence change phases by themselves.
const OLDEST: Duration = Duration::from_secs(15);

/// The most pumps on one page.
const LARGEST_PAGE: u32 = 500;

/// The derived fleet.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub taken: Time,
    pub rows: Vec<PumpRow>,
    made: Instant,
    cost: Duration,
    /// What is searched, in lower case, in the order of `rows`.
    haystacks: Vec<String>,
}

/// Makes and shares snapshots.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    current: Mutex<Option<Arc<Snapshot>>>,
    stale: AtomicBool,
    wrong: AtomicBool,
}

impl Fleet {
    /// Something changed somewhere.
    pub(super) fn stale(&self) {
        self.stale.store(true, Atomic::Relaxed);
    }

    /// Something was decided here: the next one who looks must see it.
    pub(super) fn forget(&self) {
        self.wrong.store(true, Atomic::Relaxed);
    }

    /// The newest copy that is good enough. One task makes it; the others wait for that one.
    pub(super) async fn snapshot(&self, store: &Store, now: Time) -> Result<Arc<Snapshot>, StoreError> {
        let mut current = self.current.lock().await;
        if let Some(snapshot) = current.as_ref().filter(|snapshot| self.good_enough(snapshot)) {
            return Ok(Arc::clone(snapshot));
        }
        self.stale.store(false, Atomic::Relaxed);
        self.wrong.store(false, Atomic::Relaxed);
        let made = Arc::new(Snapshot::make(store, now).await?);
        *current = Some(Arc::clone(&made));
        Ok(made)
    }

    fn good_enough(&self, snapshot: &Snapshot) -> bool {
        let age = snapshot.made.elapsed();
        if self.wrong.load(Atomic::Relaxed) || age > OLDEST.max(snapshot.cost * 20) {
            return false;
        }
        !self.stale.load(Atomic::Relaxed) || age < snapshot.cost * 20
    }
}

impl Snapshot {
    async fn make(store: &Store, now: Time) -> Result<Self, StoreError> {
        let started = Instant::now();
        let coming = views::coming(&store.rollouts().await?);
        let mut rows: Vec<PumpRow> =
            store.all_pumps().await?.iter().map(|row| views::pump_row(row, &coming, now)).collect();
        rows.sort_by(|a, b| a.asset_tag.cmp(&b.asset_tag));
        let haystacks = rows
            .iter()
            .map(|row| {
                let place = row.last_place.as_deref().unwrap_or_default();
                format!("{} {} {} {} {place} {}", row.asset_tag, row.serial, row.model, row.care_area, row.id)
                    .to_lowercase()
            })
            .collect();
        Ok(Self { taken: now, rows, made: Instant::now(), cost: started.elapsed(), haystacks })
    }

    /// Every pump that fits, in order.
    pub(super) fn select(&self, query: &PumpQuery) -> Vec<&PumpRow> {
        let words: Vec<String> =
            query.search.as_deref().unwrap_or_default().split_whitespace().map(str::to_lowercase).collect();
        let mut found: Vec<&PumpRow> = self
            .rows
            .iter()
            .zip(&self.haystacks)
            .filter(|(row, hay)| fits(row, query) && words.iter().all(|word| hay.contains(word.as_str())))
            .map(|(row, _)| row)
            .collect();
        let sort = query.sort.unwrap_or(PumpSort::AssetTag);
        if sort != PumpSort::AssetTag {
            found.sort_by(|a, b| compare(a, b, sort)); // stable: equal rows stay in the order of their tags
        }
        if query.descending == Some(true) {
            found.reverse();
        }
        found
    }

    /// One page of what fits.
    pub(super) fn page(&self, query: &PumpQuery) -> PumpPage {
        let size = query.size.unwrap_or(50).clamp(1, LARGEST_PAGE);
        let found = self.select(query);
        let last = u32::try_from(found.len().div_ceil(size as usize)).unwrap_or(u32::MAX).max(1);
        let page = query.page.unwrap_or(1).clamp(1, last);
        let pumps = found.iter().skip((page as usize - 1) * size as usize).take(size as usize);
        PumpPage { total: found.len() as u64, page, size, pumps: pumps.map(|row| (*row).clone()).collect() }
    }
}

fn fits(row: &PumpRow, query: &PumpQuery) -> bool {
    query.lifecycle.is_none_or(|lifecycle| row.lifecycle == lifecycle)
        && query.care_area.as_deref().is_none_or(|area| row.care_area.as_str() == area)
        && query.link.is_none_or(|link| row.link == link)
        && query.attention.is_none_or(|attention| row.attention == attention)
}

fn compare(a: &PumpRow, b: &PumpRow, sort: PumpSort) -> Ordering {
    match sort {
        PumpSort::AssetTag => a.asset_tag.cmp(&b.asset_tag),
        PumpSort::CareArea => a.care_area.cmp(&b.care_area),
        PumpSort::Model => a.model.cmp(&b.model),
        PumpSort::Lifecycle => a.lifecycle.cmp(&b.lifecycle),
        PumpSort::LastSeen => a.last_seen.cmp(&b.last_seen),
        PumpSort::Urgency => (views::urgency(a.attention), std::cmp::Reverse(a.age_ms))
            .cmp(&(views::urgency(b.attention), std::cmp::Reverse(b.age_ms))),
    }
}

/// Pumps that count as the fleet: not those that are only expected, and not those that are gone for good.
pub(super) fn counts(row: &PumpRow) -> bool {
    !matches!(row.lifecycle, Lifecycle::Expected | Lifecycle::Retired)
}

/// How many call for which attention; every attention is there.
pub(super) fn by_attention<'a>(rows: impl Iterator<Item = &'a PumpRow> + Clone) -> Vec<AttentionCount> {
    Attention::ALL
        .iter()
        .map(|&attention| AttentionCount {
            attention,
            pumps: rows.clone().filter(|row| row.attention == attention).count() as u64,
        })
        .collect()
}

/// How many have a link.
pub(super) fn online<'a>(rows: impl Iterator<Item = &'a PumpRow>) -> u64 {
    rows.filter(|row| row.link == LinkState::Online).count() as u64
}
