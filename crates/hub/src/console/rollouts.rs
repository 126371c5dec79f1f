//! Rollouts and releases: what is on its way, how far it is, who is missing and why.
//!
//! A rollout is an order to the planner; no pump is switched from here. The hub signs no release: it takes in what people
//! signed elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use wardline_api::Permission;
use wardline_api::types::{
    CurvePoint, NewRollout, Reason as ReasonBody, ReleaseRow, ReleaseState, Releases, Ring, RolloutDetail, RolloutRow,
    RolloutState, Rollouts, Straggler, Uploaded,
};
use wardline_fleet::adoption::{self, Candidate, Curve, Point};
use wardline_fleet::lifecycle::Reason;
use wardline_fleet::plan::{RingMembers, Rules};
use wardline_model::{CareArea, Kind, Lifecycle, Owner, ReleaseRef, Span, Version};
use wardline_store as store;

use super::app::Console;
use super::fault::Fault;
use super::guard::{Caller, Fields, decision, query};
use super::page::{self, Frame, show};
use super::pump::json;
use super::roll_over::{authorities, beyond_page, left_word, stage_word, under_way};
use super::{pictures, views};

/// The most stragglers listed: those at the end of the list wait for nobody.
const STRAGGLERS: usize = 200;

const fn state(state: store::RolloutState) -> RolloutState {
    match state {
        store::RolloutState::Running => RolloutState::Running,
        store::RolloutState::Paused => RolloutState::Paused,
        store::RolloutState::Halted => RolloutState::Halted,
        store::RolloutState::Finished => RolloutState::Finished,
        store::RolloutState::Cancelled => RolloutState::Cancelled,
    }
}

/// The word of a rollout's state. A rollout that another one replaced was not cancelled by anybody.
fn state_word(row: &RolloutRow) -> &'static str {
    match row.state {
        RolloutState::Cancelled if row.why.starts_with("replaced") => "replaced",
        state => state.as_str(),
    }
}

/// The class and shape of a rollout's state.
const fn state_class(state: &RolloutState) -> &'static str {
    match state {
        RolloutState::Running => "waiting",
        RolloutState::Finished => "good",
        RolloutState::Paused => "needs-person",
        RolloutState::Halted => "danger",
        RolloutState::Cancelled => "off",
    }
}

/// Every rollout, newest first.
pub(super) async fn rows(console: &Console) -> Result<Vec<RolloutRow>, Fault> {
    let mut list = Vec::new();
    for row in console.store.rollouts().await? {
        list.push(row_of(console, &row).await?);
    }
    Ok(list)
}

async fn row_of(console: &Console, row: &store::RolloutRow) -> Result<RolloutRow, Fault> {
    let samples = console.store.adoption(row.rollout.kind, row.rollout.version).await?;
    let newest = samples.last();
    let snapshot = console.fleet.snapshot(console.now()).await?;
    let needs_person = snapshot
        .all()
        .filter(|pump| {
            pump.slot == row.rollout.kind
                && pump.owner != Owner::Nobody
                && matches!(pump.phase.as_str(), "went-back" | "refused" | "out-of-service")
        })
        .count() as u64;
    let running =
        matches!(row.state, store::RolloutState::Running | store::RolloutState::Paused | store::RolloutState::Halted);
    Ok(RolloutRow {
        id: row.id,
        kind: row.rollout.kind,
        version: row.rollout.version,
        state: state(row.state),
        created: row.started,
        by: row.started_by.clone(),
        pumps: newest.map_or(0, |sample| sample.wanted),
        adopted: newest.map_or(0, |sample| sample.settled),
        needs_person: if running { needs_person } else { 0 },
        why: row.state_reason.clone(),
    })
}

/// `GET /api/v1/rollouts`.
pub(super) async fn api(State(console): State<Arc<Console>>) -> Result<Json<Rollouts>, Fault> {
    Ok(Json(Rollouts { rollouts: rows(&console).await? }))
}

async fn find(console: &Console, id: &str) -> Result<store::RolloutRow, Fault> {
    let number: u64 = id.parse().map_err(|_| Fault::bad("a rollout's number was expected"))?;
    console.store.rollout(number).await?.ok_or_else(|| Fault::not_found(format!("rollout {number}")))
}

/// One rollout with what is drawn and counted of it.
struct Loaded {
    detail: RolloutDetail,
    curve: Curve,
    reasons: Vec<Missing>,
}

/// How many pumps are missing for one reason.
struct Missing {
    pumps: u64,
    why: &'static str,
    who: String,
}

async fn load(console: &Console, id: &str) -> Result<Loaded, Fault> {
    let now = console.now();
    let row = find(console, id).await?;
    let samples = console.store.adoption(row.rollout.kind, row.rollout.version).await?;
    let points = samples
        .iter()
        .filter(|sample| sample.at >= row.started)
        .map(|s| Point { at: s.at, settled: s.settled, staged: s.staged, wanted: s.wanted })
        .collect();
    let curve = adoption::curve(row.started, points, now);
    let rules = views::rules(&row);
    let (stragglers, reasons) = match &rules {
        Some(rules) => stragglers(console, rules.release).await?,
        None => (Vec::new(), Vec::new()),
    };
    let detail = RolloutDetail {
        row: row_of(console, &row).await?,
        rings: rules.iter().flat_map(|rules| &rules.rings).map(ring).collect(),
        trial_cap: rules.as_ref().map_or(0, |rules| u32::try_from(rules.cap).unwrap_or(u32::MAX)),
        curve: curve
            .points
            .iter()
            .map(|p| CurvePoint { at: p.at, adopted: p.settled, staged: p.staged, wanted: p.wanted })
            .collect(),
        stragglers,
        missing: reasons.iter().map(|reason| reason.pumps).sum(),
    };
    Ok(Loaded { detail, curve, reasons })
}

fn ring(ring: &wardline_fleet::plan::Ring) -> Ring {
    let members = match &ring.members {
        RingMembers::Percent(percent) => format!("{percent} % of the fleet"),
        RingMembers::CareAreas(areas) => areas.iter().map(CareArea::as_str).collect::<Vec<_>>().join(", "),
        RingMembers::Pumps(pumps) => page::pumps(&(pumps.len() as u64)),
        RingMembers::Everyone => "everybody else".into(),
    };
    Ring { name: ring.name.clone(), members, opens_next_at: ring.settled_percent.into() }
}

async fn stragglers(console: &Console, release: ReleaseRef) -> Result<(Vec<Straggler>, Vec<Missing>), Fault> {
    let now = console.now();
    let pumps = console.store.all_pumps().await?;
    let coming = views::coming(&console.store.rollouts().await?);
    let goals: Vec<_> = pumps.iter().map(views::goal).collect();
    let candidates: Vec<Candidate<'_>> = pumps
        .iter()
        .zip(&goals)
        .filter(|(row, _)| !matches!(row.standing.lifecycle, Lifecycle::Expected | Lifecycle::Retired))
        .map(|(row, goal)| Candidate {
            pump: row.id,
            asset_tag: row.asset_tag.clone(),
            care_area: row.care_area.clone(),
            evidence: views::evidence(row, goal.as_ref(), &coming),
            last_place: row.last_place.clone(),
        })
        .collect();
    let behind = adoption::stragglers(&candidates, release, now);
    let mut counts = BTreeMap::<(Owner, &'static str), u64>::new();
    for straggler in &behind {
        let why = straggler.slot.wait.map_or("it is working on it", |wait| wait.sentence());
        *counts.entry((straggler.slot.owner, why)).or_default() += 1;
    }
    let mut missing: Vec<Missing> = counts
        .into_iter()
        .map(|((owner, why), pumps)| {
            let who = if owner == Owner::Nobody {
                "nobody needs to do anything".into()
            } else {
                format!("waits for {}", owner.label())
            };
            Missing { pumps, why, who }
        })
        .collect();
    missing.sort_by_key(|reason| std::cmp::Reverse(reason.pumps));
    let list = behind
        .into_iter()
        .take(STRAGGLERS)
        .map(|straggler| Straggler {
            pump: straggler.pump,
            asset_tag: straggler.asset_tag,
            care_area: straggler.care_area,
            last_place: straggler.last_place,
            last_seen: straggler.last_heard,
            active: straggler.slot.active.map(|active| active.version),
            wait: straggler.slot.wait,
            why: views::brief(&straggler.slot),
            next: straggler.slot.next.into(),
            owner: straggler.slot.owner,
            age_ms: straggler.slot.age.map(Span::as_ms),
            attention: views::slot_attention(&straggler.slot),
        })
        .collect();
    Ok((list, missing))
}

/// `GET /api/v1/rollouts/{rollout}`.
pub(super) async fn api_one(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
) -> Result<Json<RolloutDetail>, Fault> {
    Ok(Json(load(&console, &id).await?.detail))
}

/// `POST /api/v1/rollouts`.
pub(super) async fn api_create(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<RolloutRow>, Fault> {
    let order: NewRollout = json(&body)?;
    let row = create(&console, &caller, &order).await?;
    Ok(Json(row_of(&console, &row).await?))
}

fn reason(text: &str) -> Result<Reason, Fault> {
    Reason::new(text).map_err(|error| Fault::new(StatusCode::BAD_REQUEST, "reason", error.to_string()))
}

async fn create(console: &Console, caller: &Caller, order: &NewRollout) -> Result<store::RolloutRow, Fault> {
    let reason = reason(&order.reason)?;
    let release = console
        .store
        .release(order.kind, order.version)
        .await?
        .ok_or_else(|| Fault::not_found(format!("{} {}", order.kind.label(), order.version)))?;
    let wanted = ReleaseRef {
        kind: release.release.kind,
        version: release.release.version,
        digest: release.release.digest,
        length: release.release.length,
    };
    let fleet = console.store.fleet_counts().await?.by_lifecycle;
    let in_service = fleet.get(&Lifecycle::InService).copied().unwrap_or(0);
    let mut rules = Rules::gentle(wanted, usize::try_from(in_service).unwrap_or(usize::MAX));
    if !order.care_areas.is_empty() {
        let areas = order.care_areas.iter().map(|area| CareArea::new(area));
        let areas = areas.collect::<Result<_, _>>().map_err(|error| Fault::bad(format!("a care area {error}")))?;
        rules.rings = vec![wardline_fleet::plan::Ring {
            name: "Chosen care areas".into(),
            members: RingMembers::CareAreas(areas),
            settled_percent: 100,
        }];
    }
    if let Some(cap) = order.trial_cap {
        rules.cap = cap as usize;
    }
    rules.check().map_err(|error| Fault::bad(error.to_string()))?;
    let rules = serde_json::to_string(&rules).map_err(|error| Fault::bad(error.to_string()))?;
    let new = store::NewRollout { kind: order.kind, version: order.version, rules };
    let row = console.store.start_rollout(&new, &decision(console, caller, reason.as_str())).await?;
    console.changed();
    Ok(row)
}

async fn decide(
    console: &Console,
    caller: &Caller,
    id: &str,
    to: store::RolloutState,
    why: &str,
) -> Result<store::RolloutRow, Fault> {
    let reason = reason(why)?;
    let row = find(console, id).await?;
    let row = console.store.decide_rollout(row.id, to, &decision(console, caller, reason.as_str())).await?;
    console.changed();
    Ok(row)
}

/// The API's and the form's handler of one decision about a rollout.
macro_rules! decisions {
    ($($api:ident $form:ident $to:ident;)+) => {
        $(
            pub(super) async fn $api(
                State(console): State<Arc<Console>>,
                Extension(caller): Extension<Caller>,
                Path(id): Path<String>,
                body: Bytes,
            ) -> Result<Json<RolloutRow>, Fault> {
                let why: ReasonBody = json(&body)?;
                let row = decide(&console, &caller, &id, store::RolloutState::$to, &why.reason).await?;
                Ok(Json(row_of(&console, &row).await?))
            }

            pub(super) async fn $form(
                State(console): State<Arc<Console>>,
                Extension(caller): Extension<Caller>,
                Path(id): Path<String>,
                Extension(fields): Extension<Fields>,
            ) -> Result<Response, Fault> {
                let row = decide(&console, &caller, &id, store::RolloutState::$to, fields.get("reason")).await?;
                Ok(Redirect::to(&format!("/rollouts/{}", row.id)).into_response())
            }
        )+
    };
}

decisions! {
    api_pause form_pause Paused;
    api_resume form_resume Running;
    api_halt form_halt Cancelled;
}

/// `GET /api/v1/releases`.
pub(super) async fn api_releases(State(console): State<Arc<Console>>) -> Result<Json<Releases>, Fault> {
    Ok(Json(Releases { releases: releases(&console).await? }))
}

async fn releases(console: &Console) -> Result<Vec<ReleaseRow>, Fault> {
    let mut list = Vec::new();
    for kind in Kind::ALL {
        list.extend(console.store.releases(kind).await?.into_iter().map(|row| ReleaseRow {
            kind: row.release.kind,
            version: row.release.version,
            path: row.release.path,
            digest: row.release.digest,
            length: row.release.length,
            state: match row.state {
                store::ReleaseState::Published => ReleaseState::Published,
                store::ReleaseState::Withdrawn => ReleaseState::Withdrawn,
            },
            signers: u32::try_from(row.release.signers.len()).unwrap_or(u32::MAX),
            published: row.published,
            by: row.published_by,
            entries: row.release.entries,
            notes: row.release.notes,
        }));
    }
    list.sort_by_key(|row| (std::cmp::Reverse(row.published), row.kind));
    Ok(list)
}

/// `POST /api/v1/releases`: bytes that people signed elsewhere.
pub(super) async fn api_upload(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Uploaded>, Fault> {
    let by = decision(&console, &caller, "uploaded");
    let done = (console.wiring.upload)(body.to_vec(), by).await.map_err(Fault::refused)?;
    console.changed();
    Ok(Json(done))
}

#[derive(Template)]
#[template(path = "rollouts.html")]
struct RolloutsPage {
    frame: Frame,
    rollouts: Vec<RolloutRow>,
    releases: Vec<ReleaseRow>,
    areas: Vec<String>,
    may_run: bool,
    answer: String,
    change: Option<wardline_api::types::RollOver>,
}

/// `GET /rollouts`.
pub(super) async fn show_list(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Fault> {
    let (rollouts, releases) = (rows(&console).await?, releases(&console).await?);
    let areas = console.store.fleet_counts().await?.by_care_area.keys().map(ToString::to_string).collect();
    let running = rollouts.iter().filter(|row| row.state == RolloutState::Running).count();
    let stopped = rollouts.iter().filter(|row| matches!(row.state, RolloutState::Paused)).count();
    let answer = match (running, stopped) {
        (0, 0) => "Nothing is on its way.".into(),
        (1, 0) => "One rollout is under way.".into(),
        (n, 0) => format!("{n} rollouts are under way."),
        (n, s) => format!("{n} under way, {s} paused."),
    };
    let frame = Frame::new("Rollouts", "rollouts", Some(&caller), console.now());
    let change = under_way(&console, &caller).await;
    let may_run = caller.may(Permission::RunRollouts);
    show(&RolloutsPage { frame, rollouts, releases, areas, may_run, answer, change })
}

#[derive(Template)]
#[template(path = "rollout.html")]
struct RolloutPage {
    frame: Frame,
    view: RolloutDetail,
    percent: u64,
    milestones: Vec<(String, &'static str, String)>,
    picture: String,
    by_reason: Vec<Missing>,
    beyond: Option<String>,
    may_run: bool,
    open: bool,
}

/// `GET /rollouts/{rollout}`.
pub(super) async fn show_one(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Fault> {
    let now = console.now();
    let Loaded { detail: view, curve, reasons: by_reason } = load(&console, &id).await?;
    let milestones = curve.milestones.iter().map(|milestone| milestone_words(milestone, &curve, now)).collect();
    let title = format!("{} {}", view.row.kind.label(), view.row.version);
    let done = (query(&uri).get("done") == "started")
        .then(|| "Started. The planner gives pumps their turn; each picks its own moment.".into());
    let page = RolloutPage {
        frame: Frame::new(title, "rollouts", Some(&caller), now).done(done),
        percent: curve.percent,
        picture: pictures::adoption(&curve, now),
        milestones,
        by_reason,
        beyond: pictures::beyond(&curve, now),
        may_run: caller.may(Permission::RunRollouts),
        open: matches!(view.row.state, RolloutState::Running | RolloutState::Paused),
        view,
    };
    show(&page)
}

fn milestone_words(
    milestone: &adoption::Milestone,
    curve: &Curve,
    now: wardline_model::Time,
) -> (String, &'static str, String) {
    let target = format!("{} % within {}", milestone.target.percent, milestone.target.within);
    let due = curve.started + milestone.target.within;
    match (milestone.reached, milestone.predicted) {
        (Some(took), _) if took <= milestone.target.within => (target, "good", format!("reached after {took}")),
        (Some(took), _) => (target, "needs-person", format!("late: reached after {took}")),
        (None, Some(at)) if at <= due => (target, "waiting", format!("expected in {}", page::short(at.since(now)))),
        (None, Some(at)) => (target, "needs-person", format!("expected late, in {}", page::short(at.since(now)))),
        (None, None) if due > now => {
            (target, "waiting", format!("due in {}; no pace to predict from yet", page::short(due.since(now))))
        }
        (None, None) => (target, "needs-person", "missed; look at who is missing below".into()),
    }
}

/// `POST /rollouts`.
pub(super) async fn form_create(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let (kind, number) = fields.get("release").split_once('/').ok_or_else(|| Fault::bad("choose a release"))?;
    let cap = Some(fields.get("trial_cap")).filter(|text| !text.is_empty());
    let order = NewRollout {
        kind: kind.parse().map_err(Fault::bad)?,
        version: Version(number.parse().map_err(|_| Fault::bad("choose a release"))?),
        care_areas: fields.all("area").filter(|area| !area.is_empty()).map(ToOwned::to_owned).collect(),
        trial_cap: cap
            .map(|text| text.parse().map_err(|_| Fault::bad("pumps on trial at once: expected a whole number")))
            .transpose()?,
        reason: fields.get("reason").into(),
    };
    let row = create(&console, &caller, &order).await?;
    Ok(Redirect::to(&format!("/rollouts/{}?done=started", row.id)).into_response())
}

impl RolloutsPage {
    fn published(&self) -> impl Iterator<Item = &ReleaseRow> {
        self.releases.iter().filter(|row| row.state == ReleaseState::Published)
    }
}
