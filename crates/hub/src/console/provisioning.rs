//! Provisioning: how far each new pump has come from its box into service, what it waits for, and whose turn it is.
//!
//! Nothing of it is stored: `fleet::progress` computes it for the shared copy of the fleet, from what is known besides the
//! pump's own row: codes that are out, who waits for approval, who was turned away, profiles and releases.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use axum::{Extension, Json};
use wardline_api::Permission;
use wardline_api::types::{Attention, ProgressRow, Provisioning, PumpRow, StageCount};
use wardline_fleet::profile::{Book, Newcomer, Offers, ProfileName, first_goal};
use wardline_fleet::progress::{Evidence, NEW_FOR, Progress, Stage, TurnedAway, progress};
use wardline_model::{CareArea, Kind, Lifecycle, PerKind, PumpId, Time};
use wardline_store::{self as store, Store, StoreError};

use super::app::Console;
use super::fault::Fault;
use super::fleet::Snapshot;
use super::guard::{Caller, Fields, percent_encode, query};
use super::page::{self, Frame, pumps, show, thousands};
use super::views::{self, Coming};
use super::words;
use crate::tasks::first_goals;

/// The most refusals that are looked through for pumps of the list: those of a noisy day.
const REFUSALS: u32 = 1_000;

/// The most pumps on one page.
const LARGEST_PAGE: u32 = 500;

/// What is known besides the pumps' own rows.
#[derive(Debug, Default)]
pub(super) struct Known {
    codes: BTreeMap<PumpId, Time>,
    asking: BTreeMap<PumpId, Time>,
    turned_away: BTreeMap<String, (Time, String)>,
    pub(super) book: Book,
    own: BTreeMap<PumpId, String>,
    offers: Offers,
}

/// How far a new pump has come, and by which profile.
#[derive(Clone, Debug)]
pub(super) struct OnItsWay {
    pub progress: Progress,
    pub profile: Option<ProfileName>,
}

impl Known {
    pub(super) async fn load(store: &Store, now: Time) -> Result<Self, StoreError> {
        let codes = store.enrolment_codes(now).await?.into_iter().filter(|code| code.used.is_none());
        let waiting = store.approvals(now).await?.into_iter();
        let waiting = waiting.filter(|row| row.state == store::ApprovalState::Waiting);
        let newest = store::PageRequest { page: 0, page_size: REFUSALS };
        let mut turned_away = BTreeMap::new();
        for seen in store.sightings(newest).await?.rows {
            // Newest first: what is there already is newer.
            turned_away.entry(seen.claim).or_insert_with(|| (seen.last, words::refusal(&seen.reason).to_owned()));
        }
        Ok(Self {
            codes: codes.map(|code| (code.pump, code.created)).collect(),
            asking: waiting.map(|row| (row.ask.pump, row.asked)).collect(),
            turned_away,
            book: first_goals::book(store).await?.0,
            own: store.own_profiles().await?,
            offers: first_goals::offers(store, &BTreeSet::new()).await?,
        })
    }

    /// How far this pump has come; `None` when it is not new.
    pub(super) fn of(&self, row: &store::PumpRow, coming: &Coming, now: Time) -> Option<OnItsWay> {
        let Self { codes, asking, book, offers, own, .. } = self;
        let lifecycle = row.standing.lifecycle;
        let library = row.report.as_ref().and_then(|report| report.slots.get(Kind::DrugLibrary).active);
        let is_old = now.since(row.standing.since) > NEW_FOR && library.is_some();
        // Nearly all of a hospital's pumps: not worth deriving five phases for.
        if lifecycle == Lifecycle::InService && is_old {
            return None;
        }
        let profile = self::profile(book, own, row.id, &row.care_area);
        let first = profile.as_ref().zip(row.report.as_ref()).map(|((_, profile), report)| {
            let pump = Newcomer { id: row.id, since: row.standing.since, report };
            first_goal(profile, offers, &pump, now).1
        });
        let goal = views::goal(row);
        let slots: PerKind<_> = views::slot_phases(row, coming, now);
        let away = self.turned_away.get(&format!("serial {}", row.serial));
        let away = away.filter(|(at, _)| *at >= row.standing.since);
        let why = away.map(|(_, why)| format!("somebody to look, because it was turned away: {why}"));
        let evidence = Evidence {
            lifecycle,
            since: row.standing.since,
            code: codes.get(&row.id).copied(),
            turned_away: away.zip(why.as_deref()).map(|((at, _), why)| TurnedAway { at: *at, why }),
            asking: asking.get(&row.id).copied(),
            goal: goal.as_ref(),
            report: row.report.as_ref(),
            slots: &slots,
            first: first.as_ref(),
        };
        let progress = progress(&evidence, now)?;
        Some(OnItsWay { progress, profile: profile.map(|(name, _)| name.clone()) })
    }
}

fn profile<'a>(
    book: &'a Book,
    own: &BTreeMap<PumpId, String>,
    pump: PumpId,
    care_area: &CareArea,
) -> Option<(&'a ProfileName, &'a wardline_fleet::profile::Profile)> {
    let own = own.get(&pump).and_then(|name| ProfileName::new(name).ok());
    book.of(own.as_ref(), care_area)
}

/// The filters of an address.
#[derive(Clone, Debug, Default)]
struct Filter {
    stage: Option<Stage>,
    area: String,
    search: String,
    stuck: bool,
    page: u32,
    size: u32,
}

fn read(fields: &Fields) -> Result<Filter, Fault> {
    let number = |name: &str, usual: u32| match fields.get(name) {
        "" => Ok(usual),
        text => text.parse().map_err(|_| Fault::bad(format!("{name}={text:?}: expected a whole number"))),
    };
    let stage = match fields.get("stage") {
        "" => None,
        text => Some(text.parse().map_err(|why| Fault::bad(format!("stage={text:?}: {why}")))?),
    };
    Ok(Filter {
        stage,
        area: fields.get("area").to_owned(),
        search: fields.get("search").chars().take(200).collect::<String>().to_lowercase(),
        stuck: fields.get("stuck") == "true",
        page: number("page", 1)?.max(1),
        size: number("size", 50)?.clamp(1, LARGEST_PAGE),
    })
}

/// A new pump of the fleet's copy.
type Found<'a> = (&'a PumpRow, &'a OnItsWay);

impl Filter {
    fn fits(&self, (row, way): &Found<'_>, but_stage: bool) -> bool {
        let words = || format!("{} {} {} {}", row.asset_tag, row.serial, row.model, row.care_area).to_lowercase();
        (but_stage || self.stage.is_none_or(|stage| way.progress.stage == stage))
            && (self.area.is_empty() || row.care_area.as_str() == self.area)
            && (!self.stuck || way.progress.stuck)
            && (self.search.is_empty() || {
                let words = words();
                self.search.split_whitespace().all(|word| words.contains(word))
            })
    }

    /// The page of what fits: those that are stuck first, then the least far, then those that have waited longest.
    fn page(&self, snapshot: &Snapshot) -> Provisioning {
        let all: Vec<Found<'_>> = snapshot.on_their_way().collect();
        let mut counts: BTreeMap<Stage, u64> = Stage::ALL.map(|stage| (stage, 0)).into();
        for found in all.iter().filter(|found| self.fits(found, true)) {
            *counts.entry(found.1.progress.stage).or_default() += 1;
        }
        let mut found: Vec<Found<'_>> = all.iter().copied().filter(|found| self.fits(found, false)).collect();
        found.sort_by_key(|(_, way)| (!way.progress.stuck, way.progress.stage, way.progress.since));
        let (total, size) = (found.len(), self.size as usize);
        let last = u32::try_from(total.div_ceil(size)).unwrap_or(u32::MAX).max(1);
        let page = self.page.min(last);
        let rows = found.iter().skip((page as usize - 1) * size).take(size);
        Provisioning {
            answer: answer(&all),
            stages: counts
                .iter()
                .map(|(stage, pumps)| StageCount { stage: stage.as_str().into(), pumps: *pumps })
                .collect(),
            total: total as u64,
            page,
            size: self.size,
            pumps: rows.map(row).collect(),
        }
    }
}

fn answer(all: &[Found<'_>]) -> String {
    let count = |fits: fn(&Progress) -> bool| all.iter().filter(|(_, way)| fits(&way.progress)).count() as u64;
    let done = count(|progress| progress.stage == Stage::InService);
    let stuck = count(|progress| progress.stuck);
    let under_way = all.len() as u64 - done - stuck;
    if all.is_empty() {
        return "No new pump is on its way.".into();
    }
    let needs = if stuck == 1 { "needs" } else { "need" };
    let stuck = if stuck == 0 { "None is stuck".to_owned() } else { format!("{} {needs} somebody", pumps(&stuck)) };
    format!("{stuck}. {} on the way, {} in service this week.", thousands(&under_way), thousands(&done))
}

fn row((row, way): &Found<'_>) -> ProgressRow {
    let Progress { stage, since, waits_for, owner, stuck } = way.progress.clone();
    ProgressRow {
        id: row.id,
        asset_tag: row.asset_tag.clone(),
        model: row.model.clone(),
        serial: row.serial.clone(),
        care_area: row.care_area.clone(),
        profile: way.profile.as_ref().map(ToString::to_string),
        stage: stage.as_str().into(),
        since,
        waits_for,
        owner,
        stuck,
    }
}

/// `GET /api/v1/provisioning`.
pub(super) async fn api(State(console): State<Arc<Console>>, uri: Uri) -> Result<Json<Provisioning>, Fault> {
    let filter = read(&query(&uri))?;
    Ok(Json(filter.page(&*console.fleet.snapshot(console.now()).await?)))
}

/// A stage to filter by.
struct Chip {
    label: &'static str,
    count: u64,
    href: String,
    on: bool,
}

#[derive(Template)]
#[template(path = "provisioning.html")]
struct ProvisioningPage {
    frame: Frame,
    view: Provisioning,
    chips: Vec<Chip>,
    stuck: Chip,
    areas: Arc<BTreeSet<String>>,
    profiles: Vec<String>,
    filter: Filter,
    pages: u64,
    previous: Option<String>,
    next: Option<String>,
    may_enrol: bool,
}

impl ProvisioningPage {
    /// The steps of a pump's way as a row of small marks: how far it is, without reading.
    fn way(&self, row: &ProgressRow) -> usize {
        Stage::ALL.iter().position(|stage| stage.as_str() == row.stage).map_or(0, |at| at + 1)
    }

    fn label(&self, row: &ProgressRow) -> &'static str {
        row.stage.parse::<Stage>().map_or("", Stage::label)
    }

    fn attention(&self, row: &ProgressRow) -> Attention {
        match (row.stuck, row.stage.as_str()) {
            (true, _) => Attention::NeedsPerson,
            (false, "in-service") => Attention::Good,
            (false, "expected") => Attention::Off,
            (false, _) => Attention::Waiting,
        }
    }
}

fn with(fields: &Fields, changes: &[(&str, Option<&str>)]) -> String {
    let kept = fields.0.iter().filter(|(key, value)| {
        !value.is_empty()
            && matches!(key.as_str(), "stage" | "area" | "search" | "stuck" | "page")
            && key != "page"
            && !changes.iter().any(|(changed, _)| changed == key)
    });
    let mut pairs: Vec<(&str, &str)> = kept.map(|(key, value)| (key.as_str(), value.as_str())).collect();
    pairs.extend(changes.iter().filter_map(|(key, value)| Some((*key, (*value)?))));
    let text: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={}", percent_encode(value))).collect();
    if text.is_empty() { "/provisioning".into() } else { format!("/provisioning?{}", text.join("&")) }
}

/// `GET /provisioning`.
pub(super) async fn show_page(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Fault> {
    let fields = query(&uri);
    let filter = read(&fields)?;
    let snapshot = console.fleet.snapshot(console.now()).await?;
    let view = filter.page(&snapshot);
    let chips = Stage::ALL.iter().zip(&view.stages).map(|(stage, count)| {
        let on = filter.stage == Some(*stage);
        let href = with(&fields, &[("stage", (!on).then_some(stage.as_str()))]);
        Chip { label: stage.label(), count: count.pumps, href, on }
    });
    let stuck = Chip {
        label: "needs somebody",
        count: snapshot.on_their_way().filter(|(_, way)| way.progress.stuck).count() as u64,
        href: with(&fields, &[("stuck", (!filter.stuck).then_some("true"))]),
        on: filter.stuck,
    };
    let pages = view.total.div_ceil(u64::from(view.size)).max(1);
    let turn = |page: u64| with(&fields, &[("page", Some(&page.to_string()))]);
    let done = (fields.get("done") == "assigned").then(|| "The profile is set; pumps that have a goal keep it.".into());
    show(&ProvisioningPage {
        frame: Frame::new("Provisioning", "provisioning", Some(&caller), console.now()).done(done),
        chips: chips.filter(|chip| chip.count > 0 || chip.on).collect(),
        stuck,
        areas: Arc::clone(&snapshot.areas),
        profiles: snapshot.known().book.profiles.keys().map(ToString::to_string).collect(),
        pages,
        previous: (view.page > 1).then(|| turn(u64::from(view.page) - 1)),
        next: (u64::from(view.page) < pages).then(|| turn(u64::from(view.page) + 1)),
        may_enrol: caller.may(Permission::EnrolPumps),
        filter,
        view,
    })
}
