//! One pump: what is known of it, and the decisions about it. None of them reaches its therapy (N8).

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use wardline_api::Permission;
use wardline_api::types::{Attention, Decided, PumpDetail, PumpEvents, Reason as ReasonBody, Slot, WatchedEntry, Wipe};
use wardline_fleet::lifecycle::{self, Act, Before, By, Certificate};
use wardline_model::{HoldSupport, Lifecycle, PumpId};
use wardline_store::{EventRow, PageRequest, RegistryEntry};

use super::app::Console;
use super::fault::Fault;
use super::guard::{Caller, Fields, decision, percent_encode, query};
use super::page::{self, Frame, show};
use super::pumps::therapy;
use super::quarantine::{self, TakeDownForm};
use super::time_line;
use super::views::{self, lifecycle_label};
use super::wipe;
use crate::decide::{self, DecideError};

/// The most events on the page and in one answer.
const EVENTS: u32 = 200;

/// The most entries of a watched pump on its page.
const WATCHED: u32 = 50;

/// Reads a JSON body.
pub(super) fn json<T: serde::de::DeserializeOwned>(body: &Bytes) -> Result<T, Fault> {
    serde_json::from_slice(body)
        .map_err(|error| Fault::bad(format!("the body is not the JSON that was expected: {error}")))
}

/// Reads a pump's id out of an address.
pub(super) fn pump_id(text: &str) -> Result<PumpId, Fault> {
    text.parse().map_err(|error| Fault::bad(format!("{:?} is {error}", text.chars().take(60).collect::<String>())))
}

/// Carries out one decision about one pump, which [`crate::decide`] does for everybody.
pub(super) async fn act_on(
    console: &Console,
    caller: &Caller,
    id: PumpId,
    act: Act,
    reason: &str,
) -> Result<Decided, Fault> {
    let reason = lifecycle::Reason::new(reason)
        .map_err(|error| Fault::new(StatusCode::BAD_REQUEST, "reason", error.to_string()))?;
    let why = decision(console, caller, reason.as_str());
    let moved = |entry: &RegistryEntry| console.after_move(entry);
    let done = decide::about_pump(&console.store, moved, id, act, By::Person(caller.role), &why).await;
    decided(id, done)
}

/// What a decision did, or why it was not taken.
pub(super) fn decided(id: PumpId, done: Result<decide::Decided, DecideError>) -> Result<Decided, Fault> {
    let links_closed = match done {
        Ok(done) => done.links_cut as u64,
        Err(DecideError::Refused(why)) => return Err(Fault::refused(why.to_string())),
        Err(DecideError::Level(why)) => return Err(Fault::refused(why.to_string())),
        Err(DecideError::Store(error)) => return Err(error.into()),
    };
    Ok(Decided { pumps: vec![id], refused: Vec::new(), links_closed, audit: None })
}

async fn load(console: &Console, id: PumpId) -> Result<(PumpDetail, Vec<EventRow>), Fault> {
    let row = console.pump(id).await?;
    let events = console.store.events(id, PageRequest { page: 0, page_size: EVENTS }).await?.rows;
    let coming = views::coming(&console.store.rollouts().await?);
    Ok((views::pump_detail(&row, &events, &coming, console.now()), events))
}

/// `GET /api/v1/pumps/{pump}`.
pub(super) async fn api(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
) -> Result<Json<PumpDetail>, Fault> {
    Ok(Json(load(&console, pump_id(&id)?).await?.0))
}

/// `GET /api/v1/pumps/{pump}/events`.
pub(super) async fn api_events(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<PumpEvents>, Fault> {
    let id = pump_id(&id)?;
    console.pump(id).await?;
    let page = query(&uri).get("page").parse::<u32>().unwrap_or(1).max(1) - 1;
    let rows = console.store.events(id, PageRequest { page, page_size: EVENTS }).await?.rows;
    Ok(Json(PumpEvents { events: rows.iter().map(views::event).collect() }))
}

/// The API's handler of one act.
macro_rules! api_act {
    ($($name:ident $act:ident $doc:literal;)+) => {
        $(#[doc = $doc]
        pub(super) async fn $name(
            State(console): State<Arc<Console>>,
            Extension(caller): Extension<Caller>,
            Path(id): Path<String>,
            body: Bytes,
        ) -> Result<Json<Decided>, Fault> {
            let reason: ReasonBody = json(&body)?;
            Ok(Json(act_on(&console, &caller, pump_id(&id)?, Act::$act, &reason.reason).await?))
        })+
    };
}

api_act! {
    api_release Release "`POST /api/v1/pumps/{pump}/release`.";
    api_lost ReportLost "`POST /api/v1/pumps/{pump}/lost`.";
    api_found Find "`POST /api/v1/pumps/{pump}/found`.";
    api_retire Retire "`POST /api/v1/pumps/{pump}/retire`.";
    api_loaner_return ReturnLoaner "`POST /api/v1/pumps/{pump}/loaner-return`.";
    api_re_enrol ReEnrol "`POST /api/v1/pumps/{pump}/re-enrol`.";
}

/// An act that may be offered on the page.
struct Offer {
    path: &'static str,
    title: &'static str,
    button: &'static str,
    consequence: &'static str,
    placeholder: &'static str,
    harm: bool,
}

const OFFERS: [(Act, Permission, Offer); 6] = [
    (
        Act::Release,
        Permission::RestorePumps,
        Offer {
            path: "release",
            title: "Release from quarantine",
            button: "Release",
            consequence: lifecycle::consequence(Act::Release),
            placeholder: "e.g. false alarm, network scan was ours",
            harm: false,
        },
    ),
    (
        Act::Find,
        Permission::QuarantinePumps,
        Offer {
            path: "found",
            title: "Report found",
            button: "Report found",
            consequence: lifecycle::consequence(Act::Find),
            placeholder: "e.g. found in the store room of ward 3",
            harm: false,
        },
    ),
    (
        Act::ReEnrol,
        Permission::RetirePumps,
        Offer {
            path: "re-enrol",
            title: "Let it enrol anew",
            button: "Revoke and let enrol",
            consequence: lifecycle::consequence(Act::ReEnrol),
            placeholder: "e.g. main board replaced, ticket 4711",
            harm: true,
        },
    ),
    (
        Act::ReportLost,
        Permission::QuarantinePumps,
        Offer {
            path: "lost",
            title: "Report lost",
            button: "Report lost",
            consequence: lifecycle::consequence(Act::ReportLost),
            placeholder: "e.g. not found at inventory of 24 November",
            harm: true,
        },
    ),
    (
        Act::Retire,
        Permission::RetirePumps,
        Offer {
            path: "retire",
            title: "Retire",
            button: "Retire for good",
            consequence: lifecycle::consequence(Act::Retire),
            placeholder: "e.g. end of life, sent to the maker",
            harm: true,
        },
    ),
    (
        Act::ReturnLoaner,
        Permission::RetirePumps,
        Offer {
            path: "loaner-return",
            title: "Give a loaner back",
            button: "Wipe and give back",
            consequence: lifecycle::consequence(Act::ReturnLoaner),
            placeholder: "e.g. loan 4711 of the maker ends",
            harm: true,
        },
    ),
];

#[derive(Template)]
#[template(path = "pump.html")]
struct PumpPage {
    frame: Frame,
    view: PumpDetail,
    therapy: &'static str,
    therapy_since: Option<wardline_model::Time>,
    hold: &'static str,
    /// What happens next, where something does.
    next: Option<String>,
    area_href: String,
    busy_slots: Vec<Slot>,
    /// The slots of which nothing is asked, in words.
    quiet_slots: String,
    offers: Vec<&'static Offer>,
    take_down: TakeDownForm,
    watched: Vec<WatchedEntry>,
    picture: String,
    span: String,
    legend: Vec<(Attention, &'static str)>,
    may_audit: bool,
    wipe: Option<Wipe>,
}

/// `GET /pumps/{pump}`.
pub(super) async fn show_page(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Fault> {
    let (view, events) = load(&console, pump_id(&id)?).await?;
    let now = console.now();
    let watched = quarantine::watched(&console, view.row.id, 1, WATCHED).await?.entries;
    let certificate = if view.certificate.is_some() { Certificate::Current } else { Certificate::None };
    let before = Before { lifecycle: view.row.lifecycle, certificate };
    let offers = OFFERS
        .iter()
        .filter(|(act, permission, _)| {
            let is_held = *act == Act::Release && view.held.is_some();
            caller.may(*permission) && (is_held || lifecycle::decide(before, *act, By::Person(caller.role)).is_ok())
        })
        .map(|(_, _, offer)| offer)
        .collect();
    let done = match query(&uri).get("done") {
        "cut" => Some("Quarantined. Its link is cut and its next handshake is refused; therapy is not touched."),
        "remediate" => {
            Some("Held for mending: only goals, releases and posture go over its link; therapy is not touched.")
        }
        "watch" => Some("Watched: it works on, and everything that it does with the hub is recorded."),
        "undo" => Some("The newest decision about its quarantine is taken back."),
        "release" => Some("Released. It may link again with the certificate that it has."),
        "lost" => {
            Some("Reported lost. Its certificate is revoked; it is told to wipe itself when it is next heard of.")
        }
        "found" => Some("Reported found. It may enrol again."),
        "retire" => Some("Retired. Its certificate is revoked for good, and it is told to wipe itself."),
        "loaner-return" => Some("Given back. Its certificate is revoked, and it is told to wipe itself."),
        "re-enrol" => Some("Its certificate is revoked; it may enrol anew."),
        _ => None,
    };
    let line = time_line::draw(&view, &events, now);
    let (busy_slots, quiet_slots) = slots(&view);
    let page = PumpPage {
        frame: Frame::new(view.row.asset_tag.to_string(), "pumps", Some(&caller), now).done(done.map(Into::into)),
        therapy: therapy(&view.row.therapy),
        therapy_since: match view.row.therapy {
            wardline_model::Therapy::Known { since, .. } => Some(since),
            wardline_model::Therapy::Unknown => None,
        },
        hold: match view.hold {
            HoldSupport::Grants => "its therapy controller grants a hold between two infusions",
            HoldSupport::Cannot => {
                "its therapy controller cannot grant a hold: what touches therapy is not switched remotely"
            }
            HoldSupport::Unknown => "its therapy controller has not said whether it can grant a hold",
        },
        next: next(&view),
        area_href: format!("/pumps?area={}", percent_encode(view.row.care_area.as_str())),
        busy_slots,
        quiet_slots,
        offers,
        take_down: TakeDownForm::of(&view, &caller),
        watched,
        picture: line.svg,
        span: line.span,
        legend: line.legend,
        may_audit: caller.may(Permission::ReadAudit),
        wipe: wipe::of(&console, view.row.id).await?,
        view,
    };
    show(&page)
}

/// What happens next, from the slot that the pump's state is about.
fn next(view: &PumpDetail) -> Option<String> {
    let about = view.slots.iter().find(|slot| slot.kind == view.row.slot)?;
    let tells = view.row.lifecycle == Lifecycle::InService && view.row.attention != Attention::Good;
    tells.then(|| about.next.clone())
}

/// The slots that hold or want something, and the labels of the others.
fn slots(view: &PumpDetail) -> (Vec<Slot>, String) {
    let (quiet, busy): (Vec<Slot>, Vec<Slot>) =
        view.slots.iter().cloned().partition(|slot| slot.goal.is_none() && slot.active.is_none());
    let labels: Vec<String> = quiet.iter().map(|slot| slot.kind.label().to_lowercase()).collect();
    let words = match labels.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    };
    (busy, words)
}

impl PumpPage {
    fn life(&self) -> &'static str {
        lifecycle_label(self.view.row.lifecycle)
    }

    fn is_down(&self) -> bool {
        matches!(self.view.row.lifecycle, Lifecycle::Quarantined | Lifecycle::Lost | Lifecycle::Retired)
    }
}

/// The form's handler of one act: back to the pump, which says what was done.
macro_rules! form_act {
    ($($name:ident $act:ident $done:literal $doc:literal;)+) => {
        $(#[doc = $doc]
        pub(super) async fn $name(
            State(console): State<Arc<Console>>,
            Extension(caller): Extension<Caller>,
            Path(id): Path<String>,
            Extension(fields): Extension<Fields>,
        ) -> Result<Response, Fault> {
            let id = pump_id(&id)?;
            act_on(&console, &caller, id, Act::$act, fields.get("reason")).await?;
            Ok(Redirect::to(&format!("/pumps/{id}?done={}", $done)).into_response())
        })+
    };
}

form_act! {
    form_release Release "release" "`POST /pumps/{pump}/release`.";
    form_lost ReportLost "lost" "`POST /pumps/{pump}/lost`.";
    form_found Find "found" "`POST /pumps/{pump}/found`.";
    form_retire Retire "retire" "`POST /pumps/{pump}/retire`.";
    form_loaner_return ReturnLoaner "loaner-return" "`POST /pumps/{pump}/loaner-return`.";
    form_re_enrol ReEnrol "re-enrol" "`POST /pumps/{pump}/re-enrol`.";
}
