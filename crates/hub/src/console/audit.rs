//! Audit: who did what, on which pump, why, and how it ended; and the proof that nobody changed it afterwards.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use axum::{Extension, Json};
use base64::Engine as _;
use wardline_api::Permission;
use wardline_api::types::{AuditCheckpoint, AuditPage, AuditRow, AuditVerified};
use wardline_store::{AuditFault, AuditQuery, AuditVerdict, Entry, PageRequest, Verdict};

use super::app::Console;
use super::csv::Csv;
use super::fault::Fault;
use super::guard::{Caller, Fields, decision, percent_encode, query};
use super::page::{self, Frame, iso, show};
use super::words;

/// How many records on a page.
const SIZE: u32 = 100;

/// The most records in one export; a larger one is made with the filters, part by part.
const MOST_EXPORTED: u64 = 100_000;

fn read(fields: &Fields) -> Result<AuditQuery, Fault> {
    let text = |name: &str| Some(fields.get(name).to_owned()).filter(|text| !text.is_empty());
    let pump = match fields.get("pump") {
        "" => None,
        id => Some(super::pump::pump_id(id)?),
    };
    let verdict = match fields.get("outcome") {
        "" => None,
        "done" => Some(Verdict::Done),
        "refused" => Some(Verdict::Refused),
        "failed" => Some(Verdict::Failed),
        other => return Err(Fault::bad(format!("outcome={other:?}: expected done, refused or failed"))),
    };
    let page = fields.get("page").parse::<u32>().unwrap_or(1).max(1) - 1;
    let page_size = fields.get("size").parse::<u32>().unwrap_or(SIZE).clamp(1, 500);
    Ok(AuditQuery {
        pump,
        // A bare name is a person's.
        actor: text("actor").map(|who| if who.contains(':') { who } else { format!("person:{who}") }),
        action: text("action"),
        verdict,
        page: PageRequest { page, page_size },
    })
}

async fn load(console: &Console, query: &AuditQuery) -> Result<AuditPage, Fault> {
    let page = console.store.audit(query).await?;
    let records = page
        .rows
        .into_iter()
        .map(|record| AuditRow {
            seq: record.number,
            at: record.at,
            actor: record.actor,
            action: record.action,
            pump: record.pump,
            subject: record.subject,
            outcome: record.verdict,
            reason: record.reason,
            hash: record.hash,
        })
        .collect();
    Ok(AuditPage { total: page.total, page: page.request.page + 1, records })
}

/// `GET /api/v1/audit`.
pub(super) async fn api(State(console): State<Arc<Console>>, uri: Uri) -> Result<Json<AuditPage>, Fault> {
    Ok(Json(load(&console, &read(&query(&uri))?).await?))
}

async fn verify(console: &Console, caller: &Caller) -> Result<AuditVerified, Fault> {
    let key = console.wiring.audit_key.verifying_key();
    let verified = match console.store.verify_audit(&key, None).await? {
        AuditVerdict::Whole { records, pinned } => {
            AuditVerified { records: Some(records), intact: true, first_bad: None, why: None, pinned: Some(pinned) }
        }
        AuditVerdict::Broken { number, fault } => AuditVerified {
            records: None,
            intact: false,
            first_bad: Some(number),
            why: Some(
                match fault {
                    AuditFault::Changed => "the record is not what it was when it was written",
                    AuditFault::Missing => "the record is missing",
                    AuditFault::Signature => "a checkpoint is not signed by this hub's key",
                    AuditFault::Rewritten => {
                        "the record is not the one that a checkpoint pinned: the trail was written anew"
                    }
                }
                .into(),
            ),
            pinned: None,
        },
    };
    let entry = Entry::done("audit.verify", None, if verified.intact { "whole" } else { "broken" });
    console.store.record(&decision(console, caller, "verified the audit trail"), &entry).await?;
    Ok(verified)
}

/// `POST /api/v1/audit/verify`.
pub(super) async fn api_verify(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<AuditVerified>, Fault> {
    Ok(Json(verify(&console, &caller).await?))
}

/// `POST /api/v1/audit/checkpoint`.
pub(super) async fn api_checkpoint(State(console): State<Arc<Console>>) -> Result<Json<AuditCheckpoint>, Fault> {
    let now = console.now();
    let signed = console.store.sign_checkpoint(&console.wiring.audit_key, now).await?;
    let checkpoint = match signed {
        Some(checkpoint) => checkpoint,
        None => console
            .store
            .newest_checkpoint()
            .await?
            .ok_or_else(|| Fault::refused("the audit trail is empty: there is nothing to sign yet"))?,
    };
    Ok(Json(AuditCheckpoint {
        seq: checkpoint.number,
        hash: checkpoint.hash,
        at: checkpoint.at,
        signature: base64::engine::general_purpose::STANDARD.encode(checkpoint.signature),
    }))
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditTemplate {
    frame: Frame,
    view: AuditPage,
    filters: Vec<(String, String, String)>,
    names: std::collections::BTreeMap<wardline_model::PumpId, String>,
    actor: String,
    action: String,
    outcome: String,
    pump: String,
    pages: u64,
    previous: Option<String>,
    next: Option<String>,
    csv: String,
    may_verify: bool,
    verified: Option<AuditVerified>,
}

/// The pump that an actor is, if it is one.
fn pump_actor(actor: &str) -> Option<wardline_model::PumpId> {
    actor.strip_prefix("pump:")?.parse().ok()
}

impl AuditTemplate {
    /// Who acted, as people call them.
    fn who(&self, actor: &str) -> String {
        match pump_actor(actor).and_then(|pump| self.names.get(&pump)) {
            Some(name) => format!("pump {name}"),
            None => page::person(actor),
        }
    }

    /// The asset tag of a pump.
    fn tag(&self, pump: &wardline_model::PumpId) -> String {
        self.names.get(pump).cloned().unwrap_or_else(|| pump.to_string())
    }
}

async fn page(
    console: &Console,
    caller: &Caller,
    fields: &Fields,
    verified: Option<AuditVerified>,
) -> Result<Response, Fault> {
    let query = read(fields)?;
    let view = load(console, &query).await?;
    let pages = view.total.div_ceil(u64::from(query.page.page_size)).max(1);
    let turn = |page: u32| address("/audit", fields, None, Some(page));
    let filters = ["actor", "action", "outcome", "pump"]
        .into_iter()
        .filter(|name| !fields.get(name).is_empty())
        .map(|name| (name.to_owned(), fields.get(name).to_owned(), address("/audit", fields, Some(name), None)))
        .collect();
    let snapshot = console.fleet.snapshot(console.now()).await?;
    let actors = view.records.iter().filter_map(|row| pump_actor(&row.actor));
    let shown: std::collections::BTreeSet<_> = view.records.iter().filter_map(|row| row.pump).chain(actors).collect();
    let names =
        snapshot.all().filter(|row| shown.contains(&row.id)).map(|row| (row.id, row.asset_tag.to_string())).collect();
    let mut frame = Frame::new("Audit", "audit", Some(caller), console.now());
    frame.live = verified.is_none();
    show(&AuditTemplate {
        frame,
        filters,
        names,
        actor: fields.get("actor").into(),
        action: fields.get("action").into(),
        outcome: fields.get("outcome").into(),
        pump: fields.get("pump").into(),
        previous: (view.page > 1).then(|| turn(view.page - 1)),
        next: (u64::from(view.page) < pages).then(|| turn(view.page + 1)),
        pages,
        csv: address("/audit.csv", fields, None, None),
        may_verify: caller.may(Permission::VerifyAudit),
        verified,
        view,
    })
}

fn address(path: &str, fields: &Fields, without: Option<&str>, page: Option<u32>) -> String {
    let kept =
        fields.0.iter().filter(|(k, v)| !v.is_empty() && k != "page" && k != "csrf" && Some(k.as_str()) != without);
    let mut pairs: Vec<String> = kept.map(|(k, v)| format!("{}={}", percent_encode(k), percent_encode(v))).collect();
    pairs.extend(page.map(|page| format!("page={page}")));
    if pairs.is_empty() { path.into() } else { format!("{path}?{}", pairs.join("&")) }
}

/// `GET /audit`.
pub(super) async fn show_page(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Fault> {
    page(&console, &caller, &query(&uri), None).await
}

/// `POST /audit/verify`.
pub(super) async fn form_verify(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Fault> {
    let verified = verify(&console, &caller).await?;
    page(&console, &caller, &Fields::default(), Some(verified)).await
}

/// `GET /audit.csv`: everything that fits the filters.
pub(super) async fn csv(State(console): State<Arc<Console>>, uri: Uri) -> Result<Response, Fault> {
    let mut filter = read(&query(&uri))?;
    let mut csv = Csv::default();
    csv.row(["number", "at", "actor", "action", "pump", "subject", "outcome", "reason", "hash"]);
    for page in 0.. {
        filter.page = PageRequest { page, page_size: 1_000 };
        let part = load(&console, &filter).await?;
        for row in &part.records {
            csv.row([
                row.seq.to_string().as_str(),
                &iso(&row.at),
                &row.actor,
                &row.action,
                &row.pump.map(|pump| pump.to_string()).unwrap_or_default(),
                &row.subject,
                &row.outcome,
                &row.reason,
                &row.hash.to_string(),
            ]);
        }
        let read = (u64::from(page) + 1) * 1_000;
        if part.records.is_empty() || read >= part.total || read >= MOST_EXPORTED {
            break;
        }
    }
    Ok(csv.download("audit.csv"))
}
