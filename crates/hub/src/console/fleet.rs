//! The fleet as derived just now, shared by all who look.
//!
//! A phase depends on goal, report and time, so the database cannot filter or sort by it. One derived copy of the fleet
//! is kept in memory (about 1 KB a pump). A pump that changed is read and derived again when the next one looks, so that a
//! change shows at once; everything is made anew every 15 s, because waiting and silence change phases by themselves, and
//! that never takes more than a twentieth of the time. Whoever looks meanwhile is not kept waiting.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering as Atomic};
use std::sync::{Arc, Mutex as StdMutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use wardline_api::types::{Attention, AttentionCount, LinkState, PumpPage, PumpQuery, PumpRow, PumpSort};
use wardline_model::{Lifecycle, PumpId, Time};
use wardline_store::{self as store, Store, StoreError};

use super::provisioning::{Known, OnItsWay};
use super::views::{self, Coming};
use crate::changes::{Changes, Touched};

/// A copy is made anew after this long, whether or not anything changed.
const OLDEST: Duration = Duration::from_secs(15);

/// A copy older than this is not shown while a new one is made: nobody has looked for a while.
const TOO_OLD: Duration = Duration::from_secs(60);

/// Above this many changed pumps, reading everything in one query is cheaper than one query each.
const ONE_BY_ONE: usize = 256;

/// The most pumps on one page.
const LARGEST_PAGE: u32 = 500;

/// The derived fleet.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub taken: Time,
    /// In the order of the tags.
    rows: Vec<Arc<PumpRow>>,
    /// When reading it began.
    made: Instant,
    cost: Duration,
    coming: Coming,
    /// What is known of new pumps besides their rows.
    known: Arc<Known>,
    /// How far the new ones have come, in the order of `rows`.
    ways: Vec<Option<Arc<OnItsWay>>>,
    /// What is searched, in lower case, in the order of `rows`.
    haystacks: Arc<Vec<String>>,
    places: Arc<BTreeMap<PumpId, usize>>,
    /// The names of the care areas, in order.
    pub areas: Arc<BTreeSet<String>>,
}

/// Makes and shares snapshots.
#[derive(Debug)]
pub(super) struct Fleet {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    changes: Arc<Changes>,
    current: RwLock<Option<Arc<Snapshot>>>,
    /// Held by the one who makes the next copy.
    making: Mutex<()>,
    /// Whether a copy is being made in the background.
    renewing: AtomicBool,
    /// The pumps that were patched since that began: the copy may hold what was true before.
    patched: StdMutex<BTreeSet<PumpId>>,
}

impl Fleet {
    pub(super) fn new(store: Store, changes: Arc<Changes>) -> Self {
        let shared = Shared {
            store,
            changes,
            current: RwLock::default(),
            making: Mutex::default(),
            renewing: AtomicBool::default(),
            patched: StdMutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The newest copy, with every change that was told of before this call.
    pub(super) async fn snapshot(&self, now: Time) -> Result<Arc<Snapshot>, StoreError> {
        let _guard = self.shared.making.lock().await;
        let current = self.shared.current();
        let age = current.as_ref().map_or(TOO_OLD, |snapshot| snapshot.made.elapsed());
        let touched = self.shared.changes.take();
        let Some(snapshot) = current.filter(|_| age < TOO_OLD && touched != Touched::Everything) else {
            return self.shared.make(now).await;
        };
        let snapshot = self.shared.patch(snapshot, touched, now).await?;
        if age > OLDEST.max(snapshot.cost * 20) && !self.shared.renewing.swap(true, Atomic::AcqRel) {
            let shared = Arc::clone(&self.shared);
            tokio::spawn(async move { shared.renew(now).await });
        }
        Ok(snapshot)
    }
}

impl Shared {
    fn current(&self) -> Option<Arc<Snapshot>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        let made = Arc::new(snapshot);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&made));
        made
    }

    async fn make(&self, now: Time) -> Result<Arc<Snapshot>, StoreError> {
        match Snapshot::make(&self.store, now).await {
            Ok(snapshot) => Ok(self.keep(snapshot)),
            Err(error) => {
                // What was touched is not in any copy: the next one who looks tries again.
                self.changes.touch_all();
                Err(error)
            }
        }
    }

    /// Makes a whole new copy while others go on looking at the old one; what they patch meanwhile is patched again.
    async fn renew(&self, now: Time) {
        let made = Snapshot::make(&self.store, now).await;
        let _guard = self.making.lock().await;
        match made {
            Ok(snapshot) if self.current().is_none_or(|current| current.made < snapshot.made) => {
                self.keep(snapshot);
                for pump in std::mem::take(&mut *self.patched()) {
                    self.changes.touch(pump);
                }
            }
            // Somebody needed a whole new copy at once and made it meanwhile.
            Ok(_) => {}
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "the fleet could not be read"),
        }
        self.patched().clear();
        self.renewing.store(false, Atomic::Release);
    }

    fn patched(&self) -> std::sync::MutexGuard<'_, BTreeSet<PumpId>> {
        self.patched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn patch(&self, old: Arc<Snapshot>, touched: Touched, now: Time) -> Result<Arc<Snapshot>, StoreError> {
        let pumps = match touched {
            Touched::Pumps(pumps) if pumps.is_empty() => return Ok(old),
            Touched::Pumps(pumps) if pumps.len() <= ONE_BY_ONE => pumps,
            _ => return self.make(now).await,
        };
        if self.renewing.load(Atomic::Acquire) {
            self.patched().extend(&pumps);
        }
        let mut fresh = Vec::with_capacity(pumps.len());
        for pump in pumps {
            match self.store.pump(pump).await {
                Ok(row) => fresh.extend(row),
                Err(error) => {
                    self.changes.touch_all();
                    return Err(error);
                }
            }
        }
        let mut next = (*old).clone();
        if fresh.iter().all(|row| next.put(row, now)) { Ok(self.keep(next)) } else { self.make(now).await }
    }
}

impl Snapshot {
    async fn make(store: &Store, now: Time) -> Result<Self, StoreError> {
        let started = Instant::now();
        let coming = views::coming(&store.rollouts().await?);
        let known = Known::load(store, now).await?;
        let mut fleet = store.all_pumps().await?;
        fleet.sort_by(|a, b| a.asset_tag.cmp(&b.asset_tag));
        let rows: Vec<Arc<PumpRow>> = fleet.iter().map(|row| Arc::new(views::pump_row(row, &coming, now))).collect();
        let ways = fleet.iter().map(|row| known.of(row, &coming, now).map(Arc::new)).collect();
        let haystacks = rows.iter().map(|row| haystack(row)).collect();
        let areas = rows.iter().map(|row| row.care_area.to_string()).collect();
        let places = rows.iter().enumerate().map(|(place, row)| (row.id, place)).collect();
        Ok(Self {
            taken: now,
            rows,
            made: started,
            cost: started.elapsed(),
            coming,
            known: Arc::new(known),
            ways,
            haystacks: Arc::new(haystacks),
            places: Arc::new(places),
            areas: Arc::new(areas),
        })
    }

    /// Puts a pump in its place; false when it has none, or would be found by other words.
    fn put(&mut self, row: &store::PumpRow, now: Time) -> bool {
        let Some(&place) = self.places.get(&row.id) else { return false };
        let way = self.known.of(row, &self.coming, now).map(Arc::new);
        let row = views::pump_row(row, &self.coming, now);
        if self.rows[place].asset_tag != row.asset_tag || self.rows[place].care_area != row.care_area {
            return false;
        }
        let hay = haystack(&row);
        if self.haystacks[place] != hay {
            Arc::make_mut(&mut self.haystacks)[place] = hay;
        }
        self.rows[place] = Arc::new(row);
        self.ways[place] = way;
        true
    }

    /// Every pump, in the order of the tags.
    pub(super) fn all(&self) -> impl Iterator<Item = &PumpRow> + Clone {
        self.rows.iter().map(|row| &**row)
    }

    /// Every new pump, in the order of the tags, with how far it has come.
    pub(super) fn on_their_way(&self) -> impl Iterator<Item = (&PumpRow, &OnItsWay)> + Clone {
        self.rows.iter().zip(&self.ways).filter_map(|(row, way)| Some((&**row, way.as_deref()?)))
    }

    /// What is known of new pumps besides their rows.
    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    /// Every pump that fits, in order.
    pub(super) fn select(&self, query: &PumpQuery) -> Vec<&PumpRow> {
        let words: Vec<String> =
            query.search.as_deref().unwrap_or_default().split_whitespace().map(str::to_lowercase).collect();
        let mut found: Vec<&PumpRow> = self
            .all()
            .zip(self.haystacks.iter())
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

/// What is searched of a pump.
fn haystack(row: &PumpRow) -> String {
    let place = row.last_place.as_deref().unwrap_or_default();
    format!("{} {} {} {} {place} {}", row.asset_tag, row.serial, row.model, row.care_area, row.id).to_lowercase()
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
pub(super) fn by_attention<'a>(rows: impl Iterator<Item = &'a PumpRow>) -> Vec<AttentionCount> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(views::urgency(row.attention)).or_insert(0u64) += 1;
    }
    let count = |attention| counts.get(&views::urgency(attention)).copied().unwrap_or(0);
    Attention::ALL.iter().map(|&attention| AttentionCount { attention, pumps: count(attention) }).collect()
}

/// How many have a link.
pub(super) fn online<'a>(rows: impl Iterator<Item = &'a PumpRow>) -> u64 {
    rows.filter(|row| row.link == LinkState::Online).count() as u64
}
