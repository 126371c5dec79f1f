//! Strangers and clones: who was refused at which door and how often, which keys seem to be in two hands, and the rules by
//! which the hub takes such pumps down by itself.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use wardline_api::Permission;
use wardline_api::types::{
    Reason as ReasonBody, StrangerRow, Strangers, SuspectRow, Suspects, TakeDownRule, TakeDownRules,
};
use wardline_fleet::lifecycle::Reason;
use wardline_fleet::takedown::rules::{Rule, Rules};
use wardline_model::PumpId;
use wardline_store::{PageRequest, SightingQuery};

use super::app::Console;
use super::fault::Fault;
use super::guard::{Caller, Fields, decision, percent_encode, query};
use super::page::{self, Frame, show};
use super::pump::{json, pump_id};
use super::words;

/// How many kinds of stranger stand on a page.
const PAGE: u32 = 100;

/// What was asked for.
struct Filter {
    search: String,
    reason: String,
    page: u32,
}

impl Filter {
    fn read(uri: &Uri) -> Self {
        let fields = query(uri);
        let text = |name: &str| fields.get(name).chars().take(100).collect::<String>();
        Self { search: text("search"), reason: text("reason"), page: fields.get("page").parse().unwrap_or(1).max(1) }
    }

    fn with_page(&self, page: u32) -> String {
        let (search, reason) = (percent_encode(&self.search), percent_encode(&self.reason));
        format!("/strangers?search={search}&reason={reason}&page={page}")
    }
}

async fn strangers(console: &Console, filter: &Filter) -> Result<Strangers, Fault> {
    let asked = SightingQuery {
        search: Some(filter.search.clone()).filter(|text| !text.is_empty()),
        reason: Some(filter.reason.clone()).filter(|text| !text.is_empty()),
        page: PageRequest { page: filter.page - 1, page_size: PAGE },
    };
    let found = console.store.find_sightings(&asked).await?;
    let row = |row: wardline_store::Sighting| StrangerRow {
        why: words::refusal(&row.reason).to_owned(),
        claim: row.claim,
        source: row.source,
        reason: row.reason,
        times: row.count,
        first: row.first,
        last: row.last,
    };
    Ok(Strangers { total: found.total, page: filter.page, strangers: found.rows.into_iter().map(row).collect() })
}

/// `GET /api/v1/strangers`.
pub(super) async fn api(State(console): State<Arc<Console>>, uri: Uri) -> Result<Json<Strangers>, Fault> {
    Ok(Json(strangers(&console, &Filter::read(&uri)).await?))
}

async fn suspects(console: &Console) -> Result<Vec<SuspectRow>, Fault> {
    let held: std::collections::BTreeMap<PumpId, _> =
        console.store.held_pumps().await?.into_iter().map(|row| (row.pump, row.quarantine.level)).collect();
    let row = |row: wardline_store::Suspect| SuspectRow {
        level: held.get(&row.pump).copied(),
        pump: row.pump,
        asset_tag: row.asset_tag,
        kind: row.kind,
        detail: row.detail,
        times: row.times,
        first: row.first,
        last: row.last,
        closed: row.closed,
        closed_by: row.closed_by,
    };
    Ok(console.store.suspects().await?.into_iter().map(row).collect())
}

/// `GET /api/v1/suspects`.
pub(super) async fn api_suspects(State(console): State<Arc<Console>>) -> Result<Json<Suspects>, Fault> {
    Ok(Json(Suspects { suspects: suspects(&console).await? }))
}

async fn close(console: &Console, caller: &Caller, pump: PumpId, reason: &str) -> Result<(), Fault> {
    let reason = Reason::new(reason).map_err(|error| Fault::bad(error.to_string()))?;
    console.pump(pump).await?;
    console.store.close_suspects(pump, &decision(console, caller, reason.as_str())).await?;
    console.changed();
    Ok(())
}

/// `POST /api/v1/pumps/{pump}/suspects/close`.
pub(super) async fn api_close(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<axum::http::StatusCode, Fault> {
    let ReasonBody { reason } = json(&body)?;
    close(&console, &caller, pump_id(&id)?, &reason).await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

/// `POST /pumps/{pump}/suspects/close`.
pub(super) async fn form_close(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    close(&console, &caller, pump_id(&id)?, fields.get("reason")).await?;
    Ok(Redirect::to("/strangers?done=closed").into_response())
}

const fn told(rule: &Rule) -> TakeDownRule {
    TakeDownRule { on: rule.on, level: rule.level, most_pumps: rule.most_pumps, most_percent: rule.most_percent }
}

const fn meant(rule: &TakeDownRule) -> Rule {
    Rule { on: rule.on, level: rule.level, most_pumps: rule.most_pumps, most_percent: rule.most_percent }
}

/// `GET /api/v1/quarantine/rules`.
pub(super) async fn api_rules(State(console): State<Arc<Console>>) -> Result<Json<TakeDownRules>, Fault> {
    let rules = console.store.take_down_rules().await?;
    Ok(Json(TakeDownRules { clone: told(&rules.clone), misuse: told(&rules.misuse), give_back: rules.give_back }))
}

async fn set(console: &Console, caller: &Caller, rules: &Rules) -> Result<(), Fault> {
    rules.check().map_err(Fault::bad)?;
    Ok(console.store.set_take_down_rules(rules, &decision(console, caller, "take-down rules set")).await?)
}

/// `PUT /api/v1/quarantine/rules`.
pub(super) async fn api_set_rules(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<TakeDownRules>, Fault> {
    let rules: TakeDownRules = json(&body)?;
    let kept = Rules { clone: meant(&rules.clone), misuse: meant(&rules.misuse), give_back: rules.give_back };
    set(&console, &caller, &kept).await?;
    Ok(Json(rules))
}

/// `POST /strangers/rules`.
pub(super) async fn form_rules(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let rule = |name: &str| -> Result<Rule, Fault> {
        let field = |part: &str| fields.get(&format!("{name}-{part}")).to_owned();
        let number = |part: &str| {
            field(part).parse().map_err(|_| Fault::bad(format!("{name}, {part}: expected a whole number")))
        };
        Ok(Rule {
            on: field("on") == "yes",
            level: field("level").parse().map_err(Fault::bad)?,
            most_pumps: number("pumps")?,
            most_percent: number("percent")?,
        })
    };
    let rules = Rules { clone: rule("clone")?, misuse: rule("misuse")?, give_back: fields.get("give-back") == "yes" };
    set(&console, &caller, &rules).await?;
    Ok(Redirect::to("/strangers?done=rules").into_response())
}

#[derive(Template)]
#[template(path = "strangers.html")]
struct StrangersPage {
    frame: Frame,
    answer: String,
    suspects: Vec<SuspectRow>,
    list: Strangers,
    /// Each reason in words, and its word.
    reasons: Vec<(String, String)>,
    filter: Filter,
    previous: Option<String>,
    next: Option<String>,
    rules: [(&'static str, &'static str, &'static str, Rule); 2],
    give_back: bool,
    may_close: bool,
    may_rule: bool,
}

/// `GET /strangers`.
pub(super) async fn show_page(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Fault> {
    let filter = Filter::read(&uri);
    let (suspects, list) = (suspects(&console).await?, strangers(&console, &filter).await?);
    let rules = console.store.take_down_rules().await?;
    let open = suspects.iter().filter(|sign| sign.closed.is_none()).count();
    let answer = match open {
        0 => "No key seems to be in two hands.".to_owned(),
        1 => "1 sign that a key is in two hands or misused needs you.".to_owned(),
        n => format!("{n} signs that keys are in two hands or misused need you."),
    };
    let done = match query(&uri).get("done") {
        "closed" => Some("Seen to. It opens again when it is seen again.".to_owned()),
        "rules" => Some("The rules are set.".to_owned()),
        _ => None,
    };
    let reasons = console.store.sighting_reasons().await?;
    let reasons = reasons.into_iter().map(|word| (words::refusal(&word).to_owned(), word)).collect();
    let pages = u32::try_from(list.total.div_ceil(u64::from(PAGE))).unwrap_or(u32::MAX);
    let page = StrangersPage {
        frame: Frame::new("Strangers", "strangers", Some(&caller), console.now()).done(done),
        answer,
        suspects,
        reasons,
        previous: (filter.page > 1).then(|| filter.with_page(filter.page - 1)),
        next: (filter.page < pages).then(|| filter.with_page(filter.page + 1)),
        filter,
        list,
        rules: [
            ("clone", "A copied key", "two agents with one key, or an old certificate used with its key", rules.clone),
            ("misuse", "A misused key", "its certificate names one pump, its words another", rules.misuse),
        ],
        give_back: rules.give_back,
        may_close: caller.may(Permission::RestorePumps),
        may_rule: caller.may(Permission::SetRules),
    };
    show(&page)
}

/// The words for a kind of sign.
fn kind(word: &str) -> &str {
    match word {
        "two-starts" => "two agents, one key",
        "old-certificate" => "an old key is in use",
        "wrong-pump" => "spoke for another pump",
        other => other,
    }
}

/// A level, or that it is free.
fn level(level: &Option<wardline_model::QuarantineLevel>) -> &'static str {
    level.map_or("not held", wardline_model::QuarantineLevel::as_str)
}
