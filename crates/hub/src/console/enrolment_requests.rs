//! Pumps that proved themselves and wait for a person's yes, and old clients that came by TLS 1.2: a section of the
//! enrolment page, and the same for programs.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::{Extension, Json};
use wardline_api::types::{EnrolmentRequest, EnrolmentRequests, Reason as ReasonJson};
use wardline_fleet::lifecycle::Reason;
use wardline_model::Span;
use wardline_store::{self as store, ApprovalState, AuditQuery, AuditRecord};

use super::app::Console;
use super::fault::Fault;
use super::guard::{Caller, Fields, decision};
use super::pump::json;

/// How long a client that came by TLS 1.2 stands on the page: until its next renewal, and then some.
const OLD_TLS_FOR: Span = Span::from_days(40);

/// The most of them that are shown.
const OLD_TLS_SHOWN: u32 = 10;

/// What the enrolment page shows of it.
pub(super) struct Section {
    pub(super) requests: EnrolmentRequests,
    pub(super) old_tls: Vec<AuditRecord>,
}

impl Section {
    pub(super) async fn load(console: &Console) -> Result<Self, Fault> {
        let query = AuditQuery {
            action: Some("enrolment.old-tls".to_owned()),
            page: store::PageRequest { page: 0, page_size: OLD_TLS_SHOWN },
            ..AuditQuery::default()
        };
        let mut old_tls = console.store.audit(&query).await?.rows;
        old_tls.retain(|record| console.now().since(record.at) < OLD_TLS_FOR);
        Ok(Self { requests: load(console).await?, old_tls })
    }
}

/// The start of a digest, for people who compare it with what a pump shows.
pub(super) fn short(digest: &str) -> String {
    let groups: Vec<_> = digest.as_bytes().chunks(4).take(4).map(|c| String::from_utf8_lossy(c).into_owned()).collect();
    groups.join(" ")
}

async fn load(console: &Console) -> Result<EnrolmentRequests, Fault> {
    let (mut waiting, mut decided) = (Vec::new(), Vec::new());
    for row in console.store.approvals(console.now()).await? {
        let list = if row.state == ApprovalState::Waiting { &mut waiting } else { &mut decided };
        list.push(request(console, row).await?);
    }
    Ok(EnrolmentRequests { waiting, decided })
}

async fn request(console: &Console, row: store::EnrolmentRequestRow) -> Result<EnrolmentRequest, Fault> {
    let pump = console.pump(row.ask.pump).await?;
    let state = match row.state {
        ApprovalState::Waiting => "waiting",
        ApprovalState::Approved => "approved",
        ApprovalState::Denied => "denied",
        ApprovalState::Used => "used",
    };
    let (decided, by, reason) = row.decided.map_or((None, None, None), |d| (Some(d.0), Some(d.1), Some(d.2)));
    Ok(EnrolmentRequest {
        id: row.id,
        pump: pump.id,
        asset_tag: pump.asset_tag,
        serial: pump.serial,
        model: pump.model,
        care_area: pump.care_area,
        key: row.ask.key.to_string(),
        birth_certificate: row.ask.birth.to_string(),
        label: row.ask.label,
        from: row.ask.place,
        asked: row.asked,
        asked_last: row.asked_last,
        expires: row.expires,
        state: state.to_owned(),
        decided,
        by,
        reason,
    })
}

/// `GET /api/v1/enrolment/requests`.
pub(super) async fn api(State(console): State<Arc<Console>>) -> Result<Json<EnrolmentRequests>, Fault> {
    Ok(Json(load(&console).await?))
}

/// What a person decides.
#[derive(Clone, Copy)]
enum Says {
    Yes,
    No,
}

async fn decide(
    console: &Console,
    caller: &Caller,
    id: &str,
    says: Says,
    reason: &str,
) -> Result<EnrolmentRequest, Fault> {
    let reason =
        Reason::new(reason).map_err(|error| Fault::new(StatusCode::BAD_REQUEST, "reason", error.to_string()))?;
    let by = decision(console, caller, reason.as_str());
    let row = match says {
        Says::Yes => console.store.approve_enrolment(id, &by).await?,
        Says::No => console.store.deny_enrolment(id, &by).await?,
    };
    console.changed();
    request(console, row).await
}

/// `POST /api/v1/enrolment/requests/{request}/approve`.
pub(super) async fn api_approve(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<EnrolmentRequest>, Fault> {
    let why: ReasonJson = json(&body)?;
    Ok(Json(decide(&console, &caller, &id, Says::Yes, &why.reason).await?))
}

/// `POST /api/v1/enrolment/requests/{request}/deny`.
pub(super) async fn api_deny(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<EnrolmentRequest>, Fault> {
    let why: ReasonJson = json(&body)?;
    Ok(Json(decide(&console, &caller, &id, Says::No, &why.reason).await?))
}

/// `POST /enrolment/requests/{request}/approve`.
pub(super) async fn form_approve(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Extension(fields): Extension<Fields>,
) -> Result<Redirect, Fault> {
    decide(&console, &caller, &id, Says::Yes, fields.get("reason")).await?;
    Ok(Redirect::to("/enrolment"))
}

/// `POST /enrolment/requests/{request}/deny`.
pub(super) async fn form_deny(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Extension(fields): Extension<Fields>,
) -> Result<Redirect, Fault> {
    decide(&console, &caller, &id, Says::No, fields.get("reason")).await?;
    Ok(Redirect::to("/enrolment"))
}
