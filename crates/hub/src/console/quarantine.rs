//! Take-down: one pump or a chosen set, at a level, with an end, a preview and an undo. None of it reaches therapy (N8).
//!
//! A set that is large, or that would empty a care area, is only taken down by somebody who has seen what it does: the
//! decision must carry the proof that its preview gave.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use sha2::{Digest as _, Sha256};
use wardline_api::Permission;
use wardline_api::types::{
    ChosenPumps, Decided, HeldPump, HeldPumps, Preview, PreviewArea, PreviewOf, PumpDetail, PumpRow, Reason,
    RefusedPump, TakeDown, WatchedEntries, WatchedEntry,
};
use wardline_fleet::lifecycle::{self, By, Certificate};
use wardline_fleet::posture::Cause;
use wardline_fleet::takedown::{self, Held};
use wardline_model::{CareArea, Lifecycle, PumpId, QuarantineLevel, Span};
use wardline_store::{PageRequest, RegistryEntry};

use super::app::Console;
use super::fault::Fault;
use super::fleet;
use super::guard::{Caller, Fields, decision, query};
use super::page::{self, Frame, show};
use super::pump::{decided, json, pump_id};
use super::pumps::therapy;
use super::views;
use crate::decide::{self, Hold, Order};

/// The most pumps that one decision may name: a care area, not a hospital.
const MOST_CHOSEN: usize = 500;

/// A set of more pumps than this is taken down only by somebody who has seen the preview.
const SEEN_ABOVE: u64 = 10;

/// The longest quarantine with an end: a month. What should last longer has no end.
const LONGEST_MIN: u32 = 60 * 24 * 31;

/// What is wanted of a pump or a set.
struct Wanted<'a> {
    hold: Hold,
    minutes: Option<u32>,
    reason: &'a str,
}

async fn hold(console: &Console, caller: &Caller, id: PumpId, wanted: &Wanted<'_>) -> Result<Decided, Fault> {
    let reason = lifecycle::Reason::new(wanted.reason)
        .map_err(|error| Fault::new(StatusCode::BAD_REQUEST, "reason", error.to_string()))?;
    let why = decision(console, caller, reason.as_str());
    let until = match wanted.minutes {
        Some(minutes) if minutes == 0 || minutes > LONGEST_MIN => {
            return Err(Fault::bad(format!("a quarantine with an end lasts 1 to {LONGEST_MIN} minutes, a month")));
        }
        minutes => minutes.map(|minutes| why.at + Span::from_min(minutes.into())),
    };
    let order = Order { hold: wanted.hold.clone(), cause: Cause::Person, until, cap: None };
    let moved = |entry: &RegistryEntry| console.after_move(entry);
    decided(id, decide::hold(&console.store, moved, id, &order, By::Person(caller.role), &why).await)
}

/// `POST /api/v1/pumps/{pump}/quarantine`.
pub(super) async fn api_one(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Decided>, Fault> {
    let TakeDown { reason, level, minutes } = json(&body)?;
    let wanted = Wanted { hold: Hold::At(level.unwrap_or_default()), minutes, reason: &reason };
    Ok(Json(hold(&console, &caller, pump_id(&id)?, &wanted).await?))
}

/// `POST /api/v1/pumps/{pump}/quarantine/undo`.
pub(super) async fn api_undo(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Decided>, Fault> {
    let Reason { reason } = json(&body)?;
    let wanted = Wanted { hold: Hold::Undo, minutes: None, reason: &reason };
    Ok(Json(hold(&console, &caller, pump_id(&id)?, &wanted).await?))
}

/// `POST /api/v1/pumps/quarantine`.
pub(super) async fn api_several(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Decided>, Fault> {
    let chosen: ChosenPumps = json(&body)?;
    Ok(Json(several(&console, &caller, &chosen).await?))
}

async fn several(console: &Console, caller: &Caller, chosen: &ChosenPumps) -> Result<Decided, Fault> {
    let level = chosen.level.unwrap_or_default();
    let preview = preview(console, caller, &chosen.pumps, level).await?;
    if let Some(why) = preview.demanded.filter(|_| chosen.seen.as_deref() != Some(&preview.seen)) {
        let next = "ask for the preview and send its `seen` with the decision";
        return Err(Fault::new(StatusCode::CONFLICT, "preview", format!("{why}: look at what it does first; {next}")));
    }
    let mut all = Decided { pumps: Vec::new(), refused: Vec::new(), links_closed: 0, audit: None };
    let wanted = Wanted { hold: Hold::At(level), minutes: chosen.minutes, reason: &chosen.reason };
    // All at once, so that they share commits; each is a decision of its own with its own record.
    let mut acts = Vec::with_capacity(chosen.pumps.len());
    for &id in &chosen.pumps {
        acts.push(hold(console, caller, id, &wanted));
    }
    let mut failed = None;
    for (done, &pump) in futures_util::future::join_all(acts).await.into_iter().zip(&chosen.pumps) {
        match done {
            Ok(one) => {
                all.pumps.extend(one.pumps);
                all.links_closed += one.links_closed;
            }
            Err(fault) => {
                all.refused.push(RefusedPump { pump, why: fault.message.clone() });
                if fault.status.is_server_error() || matches!(fault.code, "reason" | "bad-request") {
                    failed.get_or_insert(fault);
                }
            }
        }
    }
    // What was done is told, whatever became of the others.
    match failed {
        Some(fault) if all.pumps.is_empty() => Err(fault),
        Some(_) | None => Ok(all),
    }
}

/// `POST /api/v1/pumps/quarantine/preview`.
pub(super) async fn api_preview(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Preview>, Fault> {
    let PreviewOf { pumps, level } = json(&body)?;
    Ok(Json(preview(&console, &caller, &pumps, level.unwrap_or_default()).await?))
}

/// What a quarantine of this set would do.
async fn preview(console: &Console, caller: &Caller, ids: &[PumpId], level: QuarantineLevel) -> Result<Preview, Fault> {
    if ids.is_empty() || ids.len() > MOST_CHOSEN {
        return Err(Fault::bad(format!("choose 1 to {MOST_CHOSEN} pumps")));
    }
    let snapshot = console.fleet.snapshot(console.now()).await?;
    Ok(weigh(snapshot.all(), &ids.iter().copied().collect(), level, By::Person(caller.role)))
}

/// What a decision would do, from the rows of the whole fleet.
fn weigh<'a>(
    fleet: impl Iterator<Item = &'a PumpRow>,
    chosen: &BTreeSet<PumpId>,
    level: QuarantineLevel,
    by: By,
) -> Preview {
    let (mut rows, mut refused, mut serving) = (Vec::new(), Vec::new(), BTreeMap::<&CareArea, u64>::new());
    let mut unknown: BTreeSet<PumpId> = chosen.clone();
    for row in fleet {
        if serves(row) {
            *serving.entry(&row.care_area).or_default() += 1;
        }
        if unknown.remove(&row.id) {
            match takedown::place(of(row), level, by) {
                Ok(_) => rows.push(row),
                Err(why) => refused.push(RefusedPump { pump: row.id, why: why.to_string() }),
            }
        }
    }
    let nobody = |pump| RefusedPump { pump, why: "no such pump".into() };
    refused.extend(unknown.into_iter().map(nobody));
    let infuses = |row: &&&PumpRow| row.therapy.state().is_some_and(|state| state.is_busy());
    let mut areas = BTreeMap::<&CareArea, Vec<&PumpRow>>::new();
    for row in &rows {
        areas.entry(&row.care_area).or_default().push(row);
    }
    let takes = level != QuarantineLevel::Watch;
    let mut areas: Vec<PreviewArea> = areas
        .into_iter()
        .map(|(area, of_area)| {
            let in_service = serving.get(area).copied().unwrap_or(0);
            let taken = of_area.iter().filter(|row| takes && serves(row)).count() as u64;
            PreviewArea {
                care_area: area.clone(),
                chosen: of_area.len() as u64,
                infusing: of_area.iter().filter(infuses).count() as u64,
                in_service,
                left: in_service - taken,
            }
        })
        .collect();
    areas.sort_by_key(|area| (area.left * 100 / area.in_service.max(1), std::cmp::Reverse(area.chosen)));
    Preview {
        level,
        pumps: rows.len() as u64,
        linked: fleet::online(rows.iter().copied()),
        infusing: rows.iter().filter(infuses).count() as u64,
        unknown: rows.iter().filter(|row| row.therapy.state().is_none()).count() as u64,
        demanded: if takes { demanded(rows.len() as u64, &areas) } else { None },
        areas,
        refused,
        seen: seen(chosen, level),
    }
}

/// Whether a pump serves its care area: it works, as far as the hub is concerned.
fn serves(row: &PumpRow) -> bool {
    matches!(row.lifecycle, Lifecycle::Enrolled | Lifecycle::InService)
}

/// A row as the rules see it. What they need of its past only matters when it is given back.
const fn of(row: &PumpRow) -> Held {
    Held { lifecycle: row.lifecycle, certificate: Certificate::Current, level: row.level, former: None, before: None }
}

/// Why a preview must be seen, if it must: many pumps, or a care area that would keep less than half of what it has.
fn demanded(pumps: u64, areas: &[PreviewArea]) -> Option<String> {
    if pumps > SEEN_ABOVE {
        return Some(format!("this takes {pumps} pumps down at once"));
    }
    let emptied = areas.iter().find(|area| area.chosen > 1 && area.left * 2 < area.in_service)?;
    Some(format!("this leaves {} with {} of {} pumps", emptied.care_area, emptied.left, emptied.in_service))
}

/// What a preview gives and the decision must carry: it names the set and the level.
fn seen(chosen: &BTreeSet<PumpId>, level: QuarantineLevel) -> String {
    let mut hash = Sha256::new();
    hash.update(level.as_str());
    for pump in chosen {
        hash.update(pump.as_bytes());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// `GET /api/v1/quarantine`.
pub(super) async fn api_held(State(console): State<Arc<Console>>) -> Result<Json<HeldPumps>, Fault> {
    let pumps = console.store.held_pumps().await?;
    let pumps = pumps
        .into_iter()
        .map(|row| HeldPump { pump: row.pump, asset_tag: row.asset_tag, held: views::held(&row.quarantine) })
        .collect();
    Ok(Json(HeldPumps { pumps }))
}

/// `GET /api/v1/pumps/{pump}/watched`.
pub(super) async fn api_watched(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<WatchedEntries>, Fault> {
    let id = pump_id(&id)?;
    console.pump(id).await?;
    let page = query(&uri).get("page").parse::<u32>().unwrap_or(1);
    Ok(Json(watched(&console, id, page, 500).await?))
}

/// A page of what a pump did while it was watched; pages count from 1.
pub(super) async fn watched(console: &Console, id: PumpId, page: u32, size: u32) -> Result<WatchedEntries, Fault> {
    let found = console.store.watched(id, PageRequest { page: page.max(1) - 1, page_size: size }).await?;
    let entry = |row: wardline_store::Watched| WatchedEntry {
        at: row.at,
        what: row.what,
        detail: row.detail,
        times: row.times,
    };
    Ok(WatchedEntries { total: found.total, entries: found.rows.into_iter().map(entry).collect() })
}

/// The levels, each with what follows from it, as a form shows them.
pub(super) struct LevelChoice {
    pub level: QuarantineLevel,
    pub title: &'static str,
    pub consequence: &'static str,
    pub chosen: bool,
}

fn choices(chosen: QuarantineLevel, may: impl Fn(QuarantineLevel) -> bool) -> Vec<LevelChoice> {
    QuarantineLevel::ALL
        .into_iter()
        .rev()
        .filter(|level| may(*level))
        .map(|level| LevelChoice {
            level,
            title: match level {
                QuarantineLevel::Cut => "Cut",
                QuarantineLevel::Remediate => "Remediate",
                QuarantineLevel::Watch => "Watch",
            },
            consequence: takedown::consequence(level),
            chosen: level == chosen,
        })
        .collect()
}

/// What the page of one pump offers.
pub(super) struct TakeDownForm {
    /// The levels that it may be put at; none when the caller may not.
    pub levels: Vec<LevelChoice>,
    /// What undoing the newest decision restores, in words, when there is something to undo.
    pub undo: Option<&'static str>,
}

impl TakeDownForm {
    pub(super) fn of(view: &PumpDetail, caller: &Caller) -> Self {
        let row = &view.row;
        let may = |level| {
            caller.may(Permission::QuarantinePumps) && takedown::place(of(row), level, By::Person(caller.role)).is_ok()
        };
        let first = QuarantineLevel::ALL.into_iter().rev().find(|level| may(*level)).unwrap_or_default();
        let undo = view.held.as_ref().filter(|_| caller.may(Permission::RestorePumps)).map(|held| match held.before {
            None => "the state before it: no quarantine",
            Some(QuarantineLevel::Watch) => "the level before it: watch",
            Some(QuarantineLevel::Remediate) => "the level before it: remediate",
            Some(QuarantineLevel::Cut) => "the level before it: cut",
        });
        Self { levels: choices(first, may), undo }
    }
}

/// A level and an end out of a form.
fn level_and_end(fields: &Fields) -> Result<(QuarantineLevel, Option<u32>), Fault> {
    let level = match fields.get("level") {
        "" => QuarantineLevel::default(),
        word => word.parse().map_err(Fault::bad)?,
    };
    let minutes = match fields.get("minutes") {
        "" => None,
        text => Some(text.parse().map_err(|_| Fault::bad("minutes: expected a whole number"))?),
    };
    Ok((level, minutes))
}

/// `POST /pumps/{pump}/quarantine`.
pub(super) async fn form_one(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let id = pump_id(&id)?;
    let (level, minutes) = level_and_end(&fields)?;
    let wanted = Wanted { hold: Hold::At(level), minutes, reason: fields.get("reason") };
    hold(&console, &caller, id, &wanted).await?;
    Ok(Redirect::to(&format!("/pumps/{id}?done={level}")).into_response())
}

/// `POST /pumps/{pump}/quarantine/undo`: one click, so its reason may be left out.
pub(super) async fn form_undo(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let id = pump_id(&id)?;
    let reason = Some(fields.get("reason")).filter(|reason| !reason.is_empty()).unwrap_or("taken back");
    hold(&console, &caller, id, &Wanted { hold: Hold::Undo, minutes: None, reason }).await?;
    Ok(Redirect::to(&format!("/pumps/{id}?done=undo")).into_response())
}

#[derive(Template)]
#[template(path = "chosen.html")]
struct ChosenPage {
    frame: Frame,
    rows: Vec<PumpRow>,
    refused: Vec<(PumpRow, String)>,
    preview: Preview,
    levels: Vec<LevelChoice>,
    fault: Option<String>,
}

/// `POST /pumps/quarantine`: shows exactly what will happen, and does it when that was confirmed.
pub(super) async fn form_several(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let mut ids = Vec::new();
    for text in fields.all("pump") {
        ids.push(text.parse::<PumpId>().map_err(|error| Fault::bad(error.to_string()))?);
    }
    if ids.is_empty() || ids.len() > MOST_CHOSEN {
        return Err(Fault::bad(format!("choose 1 to {MOST_CHOSEN} pumps on the list first")));
    }
    let (level, minutes) = level_and_end(&fields)?;
    let fault = if fields.get("confirmed") == "yes" {
        let seen = Some(fields.get("seen").to_owned());
        let chosen = ChosenPumps {
            pumps: ids.clone(),
            reason: fields.get("reason").into(),
            level: Some(level),
            minutes,
            seen: seen.filter(|seen| !seen.is_empty()),
        };
        match several(&console, &caller, &chosen).await {
            Ok(done) => return Ok(Redirect::to(&after(level, done.pumps.len())).into_response()),
            Err(fault) if matches!(fault.code, "reason" | "preview") => Some(fault.message),
            Err(fault) => return Err(fault),
        }
    } else {
        None
    };
    let preview = preview(&console, &caller, &ids, level).await?;
    let snapshot = console.fleet.snapshot(console.now()).await?;
    let why: BTreeMap<PumpId, &str> = preview.refused.iter().map(|one| (one.pump, one.why.as_str())).collect();
    let chosen: BTreeSet<PumpId> = ids.into_iter().collect();
    let (mut rows, mut refused) = (Vec::new(), Vec::new());
    for row in snapshot.all().filter(|row| chosen.contains(&row.id)) {
        match why.get(&row.id) {
            None => rows.push(row.clone()),
            Some(why) => refused.push((row.clone(), (*why).to_owned())),
        }
    }
    let frame = Frame::new("Quarantine", "pumps", Some(&caller), console.now()).still();
    show(&ChosenPage { frame, rows, refused, levels: choices(level, |_| true), preview, fault })
}

/// Where one looks after a set was taken down.
fn after(level: QuarantineLevel, count: usize) -> String {
    let filter = if level == QuarantineLevel::Watch { "attention=needs-person" } else { "lifecycle=quarantined" };
    format!("/pumps?{filter}&done=quarantined&n={count}")
}

#[cfg(test)]
mod tests;
