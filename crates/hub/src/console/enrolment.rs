//! Enrolment: who is expected, who is on the way, and one-time codes.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use wardline_api::Permission;
use wardline_api::types::{CodeRow, Enrolment, ExpectedPump, MadeCode, MadeCodes, ManifestResult, NewCodes, RowError};
use wardline_fleet::manifest;
use wardline_model::{CareArea, Lifecycle, PumpId, Serial, Span};
use wardline_store as store;
use wardline_wire::enrolment_code::EnrolmentCode;

use super::app::Console;
use super::fault::Fault;
use super::guard::{Caller, Fields, decision, query};
use super::page::{self, Frame, pumps, show};
use super::pump::json;
use super::{enrolment_requests, words};
use crate::sheet;

/// The most rows listed and the most codes made at once: a page of paper has a dozen, a day's work a hundred.
const MOST: u32 = 200;

/// The most refusals at the door that are listed.
const REFUSED: u32 = 30;

/// How long a code lives when nobody says.
const HOURS: u32 = 24;

/// How long a code may live at the longest: a week.
const MOST_HOURS: u32 = 168;

async fn load(console: &Console) -> Result<Enrolment, Fault> {
    let counts = console.store.fleet_counts().await?.by_lifecycle;
    let count = |lifecycle| counts.get(&lifecycle).copied().unwrap_or(0);
    let codes = console.store.enrolment_codes(console.now()).await?;
    let mut rows = Vec::new();
    for code in codes.into_iter().filter(|code| code.used.is_none()) {
        let name = console
            .store
            .pump(code.pump)
            .await?
            .map_or_else(|| code.pump.to_string(), |pump| pump.asset_tag.to_string());
        rows.push(CodeRow {
            id: code.id,
            pump: code.pump,
            name,
            created: code.created,
            expires: code.expires,
            by: code.created_by,
        });
    }
    Ok(Enrolment {
        expected: count(Lifecycle::Expected),
        enrolled: count(Lifecycle::Enrolled),
        in_service: count(Lifecycle::InService),
        waiting: listed(console, Lifecycle::Expected).await?,
        pending: listed(console, Lifecycle::Enrolled).await?,
        codes: rows,
    })
}

async fn listed(console: &Console, lifecycle: Lifecycle) -> Result<Vec<ExpectedPump>, Fault> {
    let query = store::PumpQuery {
        lifecycle: Some(lifecycle),
        page: store::PageRequest { page: 0, page_size: MOST },
        ..store::PumpQuery::default()
    };
    let rows = console.store.pumps(&query).await?.rows;
    Ok(rows
        .into_iter()
        .map(|row| ExpectedPump {
            id: row.id,
            asset_tag: row.asset_tag,
            serial: row.serial,
            model: row.model,
            care_area: row.care_area,
            since: row.standing.since,
        })
        .collect())
}

/// `GET /api/v1/enrolment`.
pub(super) async fn api(State(console): State<Arc<Console>>) -> Result<Json<Enrolment>, Fault> {
    Ok(Json(load(&console).await?))
}

/// The expected pumps that an order without names means.
async fn waiting(console: &Console, order: &NewCodes) -> Result<Vec<PumpId>, Fault> {
    let mut out = BTreeSet::new();
    if order.without_code == Some(true) {
        let codes = console.store.enrolment_codes(console.now()).await?;
        out.extend(codes.into_iter().filter(|code| code.used.is_none()).map(|code| code.pump));
    }
    let query = store::PumpQuery {
        lifecycle: Some(Lifecycle::Expected),
        care_area: order.care_area.clone(),
        page: store::PageRequest { page: 0, page_size: store::LARGEST_PAGE },
        ..store::PumpQuery::default()
    };
    let rows = console.store.pumps(&query).await?.rows.into_iter().map(|row| row.id);
    Ok(rows.filter(|id| !out.contains(id)).take(MOST as usize).collect())
}

/// The text of a label.
fn scan(console: &Console, serial: &Serial, code: &str) -> String {
    let place = &console.wiring.place;
    let (est, link, name) = (place.est.clone(), place.link.clone(), place.name.clone());
    let code = code.replace('-', "");
    EnrolmentCode { est, link, name, serial: serial.clone(), code, root: (place.root)() }.to_string()
}

async fn make_codes(console: &Console, caller: &Caller, order: &NewCodes) -> Result<MadeCodes, Fault> {
    let hours = order.hours.unwrap_or(HOURS);
    if hours == 0 || hours > MOST_HOURS {
        return Err(Fault::bad(format!("a code lives 1 to {MOST_HOURS} hours, not {hours}")));
    }
    if order.pumps.len() > MOST as usize {
        return Err(Fault::bad(format!("at most {MOST} codes at once")));
    }
    let ids: Vec<PumpId> = if order.pumps.is_empty() { waiting(console, order).await? } else { order.pumps.clone() };
    if ids.is_empty() {
        return Err(Fault::refused("no expected pump needs a code: import a list of pumps first, or name the pumps"));
    }
    let by = decision(console, caller, "one-time code for enrolment");
    let mut codes = Vec::new();
    for id in ids {
        let pump = console.pump(id).await?;
        // A pump whose certificate has ended, because it lay in a cupboard, enrols again without being given up first.
        let is_asleep = matches!(pump.standing.lifecycle, Lifecycle::Enrolled | Lifecycle::InService)
            && pump.certificate.as_ref().is_none_or(|certificate| certificate.not_after <= console.now());
        if pump.standing.lifecycle != Lifecycle::Expected && !is_asleep {
            return Err(Fault::refused(format!(
                "pump {} needs no code: it is {}. To let it enrol anew, re-enrol it first",
                pump.asset_tag, pump.standing.lifecycle
            )));
        }
        let made = console.store.new_enrolment_code(id, Span::from_h(hours.into()), &by).await?;
        codes.push(MadeCode {
            pump: id,
            name: pump.asset_tag.to_string(),
            care_area: pump.care_area,
            model: pump.model,
            scan: scan(console, &pump.serial, &made.code),
            serial: pump.serial,
            code: made.code,
            expires: made.expires,
        });
    }
    console.changed();
    Ok(MadeCodes { codes })
}

/// `POST /api/v1/enrolment/codes`.
pub(super) async fn api_codes(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<MadeCodes>, Fault> {
    Ok(Json(make_codes(&console, &caller, &json(&body)?).await?))
}

/// `DELETE /api/v1/enrolment/codes/{code}`.
pub(super) async fn api_withdraw(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(code): Path<String>,
) -> Result<StatusCode, Fault> {
    let by = decision(&console, &caller, "one-time code withdrawn");
    console.store.withdraw_enrolment_code(&code, &by).await?;
    console.changed();
    Ok(StatusCode::NO_CONTENT)
}

/// Imports a list of pumps: every row or none. Faults name line, column, value and what was expected.
async fn import(console: &Console, caller: &Caller, bytes: &[u8]) -> Result<ManifestResult, Fault> {
    let (devices, _) = super::devices::table(console).await?;
    take(console, caller, manifest::from_bytes(bytes, &devices), "list of pumps imported").await
}

/// Puts what was read on the list of expected pumps, or says what was wrong with it.
pub(super) async fn take(
    console: &Console,
    caller: &Caller,
    read: Result<Vec<manifest::Line>, manifest::Faults>,
    why: &str,
) -> Result<ManifestResult, Fault> {
    let lines = match read {
        Ok(lines) => lines,
        Err(faults) => return Ok(refused(faults)),
    };
    let expected: Vec<store::ExpectedPump> = lines
        .iter()
        .map(|line| store::ExpectedPump {
            model: line.model.clone(),
            serial: line.serial.clone(),
            asset_tag: line.asset_tag.clone(),
            care_area: line.care_area.clone(),
        })
        .collect();
    match console.store.expect_pumps(&expected, &decision(console, caller, why)).await {
        Ok(ids) => {
            console.changed();
            Ok(ManifestResult { added: ids.len() as u64, errors: Vec::new() })
        }
        Err(store::StoreError::Taken { rows }) => Ok(ManifestResult {
            added: 0,
            errors: rows
                .into_iter()
                .map(|(row, what)| RowError {
                    line: lines.get(row).map_or(0, |line| line.line.into()),
                    column: String::new(),
                    value: lines.get(row).map_or_else(String::new, |line| line.asset_tag.to_string()),
                    expected: format!("a pump that is not on the list yet: {what}"),
                })
                .collect(),
        }),
        Err(error) => Err(error.into()),
    }
}

fn refused(faults: manifest::Faults) -> ManifestResult {
    let errors = faults
        .faults
        .into_iter()
        .map(|fault| RowError {
            line: fault.line.into(),
            column: fault.column,
            value: fault.value,
            expected: fault.expected,
        })
        .collect();
    ManifestResult { added: 0, errors }
}

/// `POST /api/v1/enrolment/manifest`.
pub(super) async fn api_manifest(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<ManifestResult>, Fault> {
    Ok(Json(import(&console, &caller, &body).await?))
}

#[derive(Template)]
#[template(path = "enrolment.html")]
struct EnrolmentPage {
    frame: Frame,
    view: Enrolment,
    refused: Vec<store::Sighting>,
    may_enrol: bool,
    errors: Vec<RowError>,
    typed: Typed,
    areas: Arc<BTreeSet<String>>,
    section: enrolment_requests::Section,
}

/// What a person typed or scanned, so that a refusal does not lose it.
#[derive(Default)]
pub(super) struct Typed {
    pub manifest: String,
    pub scans: String,
    pub area: String,
}

pub(super) async fn page(
    console: &Console,
    caller: &Caller,
    done: Option<String>,
    errors: Vec<RowError>,
    typed: Typed,
) -> Result<Response, Fault> {
    let view = load(console).await?;
    let newest = store::PageRequest { page: 0, page_size: REFUSED };
    let refused = console.store.sightings(newest).await?.rows;
    let areas = Arc::clone(&console.fleet.snapshot(console.now()).await?.areas);
    let mut frame = Frame::new("Enrolment", "enrolment", Some(caller), console.now()).done(done);
    frame.live = errors.is_empty();
    let (section, may_enrol) = (enrolment_requests::Section::load(console).await?, caller.may(Permission::EnrolPumps));
    show(&EnrolmentPage { frame, view, refused, may_enrol, errors, typed, areas, section })
}

/// `GET /enrolment`.
pub(super) async fn show_page(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    uri: axum::http::Uri,
) -> Result<Response, Fault> {
    let fields = query(&uri);
    let done = (fields.get("done") == "imported")
        .then(|| format!("{} put on the list.", pumps(&fields.get("n").parse().unwrap_or(0))));
    page(&console, &caller, done, Vec::new(), Typed::default()).await
}

/// `POST /enrolment/manifest`.
pub(super) async fn form_manifest(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let text = fields.get("manifest");
    let result = import(&console, &caller, text.as_bytes()).await?;
    if result.errors.is_empty() {
        return Ok(Redirect::to(&format!("/enrolment?done=imported&n={}", result.added)).into_response());
    }
    page(&console, &caller, None, result.errors, Typed { manifest: text.into(), ..Typed::default() }).await
}

#[derive(Template)]
#[template(path = "codes.html")]
struct CodesPage {
    frame: Frame,
    labels: Vec<sheet::Label>,
}

/// `POST /enrolment/codes`: the only time that the codes can be read.
pub(super) async fn form_codes(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let mut ids = Vec::new();
    for text in fields.all("pump") {
        ids.push(super::pump::pump_id(text)?);
    }
    let all = fields.get("all") == "yes";
    if ids.is_empty() && !all {
        return Err(Fault::bad("choose the pumps that need a code first"));
    }
    let care_area = match fields.get("area") {
        text if text.is_empty() || !all => None,
        text => Some(CareArea::new(text).map_err(|why| Fault::bad(format!("the care area {why}")))?),
    };
    let hours = fields.get("hours").parse().map_err(|_| Fault::bad("hours: expected a whole number"))?;
    let order =
        NewCodes { pumps: if all { Vec::new() } else { ids }, hours: Some(hours), care_area, without_code: Some(all) };
    let made = make_codes(&console, &caller, &order).await?;
    let now = console.now();
    let labels = sheet::labels(made.codes, |code| page::moment(&code.expires, &now));
    show(&CodesPage { frame: Frame::new("One-time codes", "enrolment", Some(&caller), now).still(), labels })
}
