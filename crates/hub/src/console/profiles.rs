//! Profiles: what a new pump starts with, which care area gets which, and pumps with one of their own.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use wardline_api::types::{AssignProfile, NewProfiles, Profiles};
use wardline_fleet::lifecycle::Reason;
use wardline_fleet::profile::{Book, Profile, ProfileName, Wanted};
use wardline_model::{CareArea, Kind, PerKind, Version};
use wardline_store::{Entry, Setting};

use super::app::Console;
use super::fault::Fault;
use super::guard::{Caller, Fields, decision};
use super::pump::json;
use crate::tasks::first_goals::book;

/// The most pumps of one assignment.
const MOST_CHOSEN: usize = 5_000;

async fn load(console: &Console) -> Result<Profiles, Fault> {
    let (book, revision) = book(&console.store).await?;
    let own = console.store.own_profiles().await?.len() as u64;
    let book = serde_json::to_value(&book).map_err(|error| Fault::bad(error.to_string()))?;
    Ok(Profiles { revision, book, own })
}

async fn save(console: &Console, caller: &Caller, book: &Book, revision: u64, reason: &str) -> Result<(), Fault> {
    let reason =
        Reason::new(reason).map_err(|error| Fault::new(StatusCode::BAD_REQUEST, "reason", error.to_string()))?;
    book.check().map_err(|why| Fault::bad(why.to_string()))?;
    let text = serde_json::to_string(book).map_err(|error| Fault::bad(error.to_string()))?;
    let names: Vec<&str> = book.profiles.keys().map(ProfileName::as_str).collect();
    let entry = Entry::done("profiles.change", None, names.join(", "));
    let by = decision(console, caller, reason.as_str());
    console.store.save_setting(Setting::Profiles, &text, revision, &by, &entry).await?;
    console.changed();
    Ok(())
}

/// `GET /api/v1/profiles`.
pub(super) async fn api(State(console): State<Arc<Console>>) -> Result<Json<Profiles>, Fault> {
    Ok(Json(load(&console).await?))
}

/// `PUT /api/v1/profiles`.
pub(super) async fn api_set(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Profiles>, Fault> {
    let new: NewProfiles = json(&body)?;
    let book: Book =
        serde_json::from_value(new.book).map_err(|why| Fault::bad(format!("the profiles are not right: {why}")))?;
    save(&console, &caller, &book, new.revision, &new.reason).await?;
    Ok(Json(load(&console).await?))
}

async fn assign(console: &Console, caller: &Caller, order: &AssignProfile) -> Result<(), Fault> {
    if order.pumps.is_empty() || order.pumps.len() > MOST_CHOSEN {
        return Err(Fault::bad(format!("choose 1 to {MOST_CHOSEN} pumps")));
    }
    let (book, _) = book(&console.store).await?;
    let name = order.profile.as_deref().map(name).transpose()?;
    if let Some(name) = name.as_ref().filter(|name| !book.profiles.contains_key(name)) {
        return Err(Fault::not_found(format!("the profile {name}")));
    }
    let by = decision(console, caller, "profile of a pump changed");
    console.store.assign_profile(&order.pumps, name.as_ref().map(ProfileName::as_str), &by).await?;
    console.changed();
    Ok(())
}

/// `POST /api/v1/profiles/assign`.
pub(super) async fn api_assign(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<StatusCode, Fault> {
    assign(&console, &caller, &json(&body)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /provisioning/assign`.
pub(super) async fn form_assign(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let pumps = fields.all("pump").map(super::pump::pump_id).collect::<Result<Vec<_>, _>>()?;
    let profile = Some(fields.get("profile").to_owned()).filter(|name| !name.is_empty());
    assign(&console, &caller, &AssignProfile { pumps, profile }).await?;
    Ok(Redirect::to("/provisioning?done=assigned").into_response())
}

fn name(text: &str) -> Result<ProfileName, Fault> {
    ProfileName::new(text).map_err(|why| Fault::bad(format!("the profile's name {why}")))
}

/// `nothing`, `settled`, `newest` or a version's number.
pub(super) fn wanted(text: &str) -> Result<Wanted, Fault> {
    match text {
        "" | "nothing" => Ok(Wanted::Nothing),
        "settled" => Ok(Wanted::Settled),
        "newest" => Ok(Wanted::Newest),
        number => {
            let version = number.parse().map(Version).map(Wanted::Version);
            version.map_err(|_| Fault::bad(format!("{number:?}: expected nothing, settled, newest or a version")))
        }
    }
}

/// The same in words, for the page.
pub(super) fn wish(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Nothing => "–".into(),
        Wanted::Settled => "what has settled".into(),
        Wanted::Newest => "newest published".into(),
        Wanted::Version(version) => format!("version {version}"),
    }
}

/// `POST /provisioning/profiles`: makes or changes a profile, takes one away, or says who gets which.
pub(super) async fn form(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let (mut book, is) = book(&console.store).await?;
    let revision = fields.get("revision").parse().unwrap_or(is);
    let chosen = || name(fields.get("profile"));
    let why = match fields.get("do") {
        "make" => {
            let mut wants = PerKind::default();
            for kind in Kind::ALL {
                *wants.get_mut(kind) = wanted(fields.get(kind.as_str()))?;
            }
            let name = chosen()?;
            let why = format!("profile {name} set");
            book.profiles.insert(name, Profile(wants));
            why
        }
        "delete" => {
            let name = chosen()?;
            book.profiles.remove(&name);
            format!("profile {name} taken away")
        }
        "area" => {
            let area = CareArea::new(fields.get("area")).map_err(|why| Fault::bad(format!("the care area {why}")))?;
            let why = format!("profile of {area} set");
            match fields.get("profile") {
                "" => drop(book.care_areas.remove(&area)),
                _ => drop(book.care_areas.insert(area, chosen()?)),
            }
            why
        }
        "otherwise" => {
            book.otherwise = if fields.get("profile").is_empty() { None } else { Some(chosen()?) };
            "profile of every other care area set".to_owned()
        }
        _ => return Err(Fault::bad("the form could not be read")),
    };
    save(&console, &caller, &book, revision, &why).await?;
    Ok(Redirect::to("/provisioning/rules?done=profiles").into_response())
}
