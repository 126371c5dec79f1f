//! Products and scanned deliveries: which product of a barcode is which model, and pumps expected by their barcodes.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use wardline_api::types::{self as t, ManifestResult, NewDevice, ScannedPumps};
use wardline_fleet::manifest::{Scans, from_scans};
use wardline_fleet::udi::{Devices, Gtin};
use wardline_model::{CareArea, Model};
use wardline_store::{Entry, Setting, StoreError};

use super::app::Console;
use super::enrolment;
use super::fault::Fault;
use super::guard::{Caller, Fields, decision};
use super::pump::json;

/// The hospital's table of products, and its revision in the store.
pub(super) async fn table(console: &Console) -> Result<(Devices, u64), Fault> {
    let Some(row) = console.store.setting(Setting::Devices).await? else { return Ok((Devices::default(), 0)) };
    let unreadable = |error| StoreError::Value { what: format!("settings.devices ({error})") };
    Ok((serde_json::from_str(&row.value).map_err(unreadable)?, row.revision))
}

fn shown(devices: &Devices, revision: u64) -> t::Devices {
    let devices = devices.iter().map(|(gtin, model)| t::DeviceRow { gtin: gtin.to_string(), model: model.clone() });
    t::Devices { revision, devices: devices.collect() }
}

fn gtin(text: &str) -> Result<Gtin, Fault> {
    text.parse().map_err(|why| Fault::bad(format!("{:?} {why}", text.chars().take(40).collect::<String>())))
}

/// Changes one product: to a model, or away.
async fn change(console: &Console, caller: &Caller, gtin: Gtin, to: Option<Model>) -> Result<t::Devices, Fault> {
    let (mut devices, revision) = table(console).await?;
    let subject = match &to {
        Some(model) => format!("GTIN {gtin} is {model}"),
        None => format!("GTIN {gtin} is forgotten"),
    };
    match to {
        Some(model) => drop(devices.set(gtin, model).map_err(|why| Fault::refused(why.to_string()))?),
        None if devices.forget(gtin).is_none() => return Err(Fault::not_found(format!("the product {gtin}"))),
        None => {}
    }
    let text = serde_json::to_string(&devices).map_err(|error| Fault::bad(error.to_string()))?;
    let by = decision(console, caller, "table of products changed");
    let entry = Entry::done("enrolment.device", None, subject);
    let revision = console.store.save_setting(Setting::Devices, &text, revision, &by, &entry).await?;
    console.wiring.changes.note();
    Ok(shown(&devices, revision))
}

/// `GET /api/v1/enrolment/devices`.
pub(super) async fn api(State(console): State<Arc<Console>>) -> Result<Json<t::Devices>, Fault> {
    let (devices, revision) = table(&console).await?;
    Ok(Json(shown(&devices, revision)))
}

/// `PUT /api/v1/enrolment/devices/{gtin}`.
pub(super) async fn api_set(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(number): Path<String>,
    body: Bytes,
) -> Result<Json<t::Devices>, Fault> {
    let new: NewDevice = json(&body)?;
    Ok(Json(change(&console, &caller, gtin(&number)?, Some(new.model)).await?))
}

/// `DELETE /api/v1/enrolment/devices/{gtin}`.
pub(super) async fn api_forget(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(number): Path<String>,
) -> Result<Json<t::Devices>, Fault> {
    Ok(Json(change(&console, &caller, gtin(&number)?, None).await?))
}

/// `POST /provisioning/devices`: an empty model forgets the product.
pub(super) async fn form(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let model = match fields.get("model") {
        "" => None,
        text => Some(Model::new(text).map_err(|why| Fault::bad(format!("the model {why}")))?),
    };
    change(&console, &caller, gtin(fields.get("gtin"))?, model).await?;
    Ok(Redirect::to("/provisioning/rules?done=device").into_response())
}

async fn scan(console: &Console, caller: &Caller, scanned: &ScannedPumps) -> Result<ManifestResult, Fault> {
    let (devices, _) = table(console).await?;
    let read = from_scans(&scanned.text, &Scans { care_area: scanned.care_area.clone() }, &devices);
    enrolment::take(console, caller, read, "delivery scanned").await
}

/// `POST /api/v1/enrolment/scan`.
pub(super) async fn api_scan(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<ManifestResult>, Fault> {
    Ok(Json(scan(&console, &caller, &json(&body)?).await?))
}

/// `POST /enrolment/scan`.
pub(super) async fn form_scan(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let care_area = CareArea::new(fields.get("area")).map_err(|why| Fault::bad(format!("the care area {why}")))?;
    let scanned = ScannedPumps { text: fields.get("scans").to_owned(), care_area };
    let result = scan(&console, &caller, &scanned).await?;
    if result.errors.is_empty() {
        return Ok(Redirect::to(&format!("/enrolment?done=imported&n={}", result.added)).into_response());
    }
    let kept = enrolment::Typed { scans: scanned.text, area: fields.get("area").to_owned(), ..Default::default() };
    enrolment::page(&console, &caller, None, result.errors, kept).await
}
