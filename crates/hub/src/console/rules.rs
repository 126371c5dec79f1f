//! Who may enrol without a person: the hospital's rules, changed as a whole by whoever answers for them. Its page also
//! shows profiles and products, because they are set once and looked at together.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use wardline_api::Permission;
use wardline_api::types::{EnrolmentRules, NewEnrolmentRules, RuleCount};
use wardline_fleet::approval::{Network, Policy, Rule, RuleName, Then};
use wardline_fleet::lifecycle::Reason;
use wardline_fleet::profile::{Book, Profile, ProfileName};
use wardline_model::{CareArea, Kind, Model, Span};
use wardline_store::{Entry, Setting};

use super::app::Console;
use super::fault::Fault;
use super::guard::{Caller, Fields, decision, query};
use super::page::{self, Frame, show};
use super::profiles::wish;
use super::pump::json;
use super::{devices, fleet};
use crate::approval::{let_in, policy};
use crate::tasks::first_goals::book;

async fn load(console: &Console) -> Result<EnrolmentRules, Fault> {
    let (policy, revision) = policy(&console.store).await?;
    let row = console.store.setting(Setting::Approval).await?;
    let counts = let_in(&console.store).await?;
    Ok(EnrolmentRules {
        revision,
        policy: serde_json::to_value(&policy).map_err(|error| Fault::bad(error.to_string()))?,
        let_in: counts
            .into_iter()
            .map(|(rule, pumps)| RuleCount { rule: rule.to_string(), pumps: pumps.into() })
            .collect(),
        changed: row.as_ref().map(|row| row.changed),
        by: row.map(|row| row.changed_by),
    })
}

async fn save(console: &Console, caller: &Caller, policy: &Policy, revision: u64, reason: &str) -> Result<(), Fault> {
    let reason =
        Reason::new(reason).map_err(|error| Fault::new(StatusCode::BAD_REQUEST, "reason", error.to_string()))?;
    policy.check().map_err(|why| Fault::bad(why.to_string()))?;
    let text = serde_json::to_string(policy).map_err(|error| Fault::bad(error.to_string()))?;
    let names: Vec<&str> = policy.rules.iter().map(|rule| rule.name.as_str()).collect();
    let entry = Entry::done("enrolment.rules", None, format!("{}; otherwise {}", names.join(", "), policy.otherwise));
    let by = decision(console, caller, reason.as_str());
    console.store.save_setting(Setting::Approval, &text, revision, &by, &entry).await?;
    console.wiring.changes.note();
    Ok(())
}

/// `GET /api/v1/enrolment/rules`.
pub(super) async fn api(State(console): State<Arc<Console>>) -> Result<Json<EnrolmentRules>, Fault> {
    Ok(Json(load(&console).await?))
}

/// `PUT /api/v1/enrolment/rules`.
pub(super) async fn api_set(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<EnrolmentRules>, Fault> {
    let new: NewEnrolmentRules = json(&body)?;
    let policy: Policy =
        serde_json::from_value(new.policy).map_err(|why| Fault::bad(format!("the rules are not right: {why}")))?;
    save(&console, &caller, &policy, new.revision, &new.reason).await?;
    Ok(Json(load(&console).await?))
}

/// A rule out of the page's form. Its end is a number of days from now, because a delivery comes this week.
fn rule(console: &Console, fields: &Fields) -> Result<Rule, Fault> {
    fn list<T: std::str::FromStr<Err = E>, E: std::fmt::Display>(fields: &Fields, name: &str) -> Result<Vec<T>, Fault> {
        let words = fields.get(name).split(',').map(str::trim).filter(|word| !word.is_empty());
        words.map(|word| word.parse().map_err(|why| Fault::bad(format!("{name}: {word:?} {why}")))).collect()
    }
    fn number<T: std::str::FromStr>(fields: &Fields, name: &str) -> Result<Option<T>, Fault> {
        match fields.get(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| Fault::bad(format!("{name}: expected a whole number"))),
        }
    }
    let name = RuleName::new(fields.get("name")).map_err(|why| Fault::bad(format!("the rule's name {why}")))?;
    let then: Then = fields.get("then").parse().map_err(|why| Fault::bad(format!("then: {why}")))?;
    let days: Option<u64> = number(fields, "days")?;
    let until = days.filter(|days| *days <= 3_650).map(|days| console.now() + Span::from_days(days));
    Ok(Rule {
        models: list::<Model, _>(fields, "models")?.into_iter().collect(),
        care_areas: list::<CareArea, _>(fields, "areas")?.into_iter().collect(),
        networks: list::<Network, _>(fields, "networks")?,
        until,
        most: number(fields, "most")?,
        ..Rule::for_all(name, then)
    })
}

/// `POST /provisioning/rules`: puts a rule in front, takes one away, or says what becomes of the others.
pub(super) async fn form(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let (mut policy, is) = policy(&console.store).await?;
    let revision = fields.get("revision").parse().unwrap_or(is);
    match fields.get("do") {
        "add" => policy.rules.insert(0, rule(&console, &fields)?),
        "remove" => policy.rules.retain(|rule| rule.name.as_str() != fields.get("name")),
        "otherwise" => {
            policy.otherwise = fields.get("then").parse().map_err(|why| Fault::bad(format!("then: {why}")))?;
        }
        _ => return Err(Fault::bad("the form could not be read")),
    }
    save(&console, &caller, &policy, revision, fields.get("reason")).await?;
    Ok(Redirect::to("/provisioning/rules?done=rules").into_response())
}

/// A rule in words.
struct Shown {
    name: String,
    then: Then,
    fits: String,
    let_in: Option<String>,
}

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    frame: Frame,
    rules: Vec<Shown>,
    policy: Policy,
    rules_revision: u64,
    book: Book,
    book_revision: u64,
    devices: Vec<(String, Model)>,
    areas: Arc<BTreeSet<String>>,
    kinds: [Kind; 5],
    /// What may become of everybody else, and which of it does.
    otherwise: [(Then, bool); 3],
    may_set: bool,
    may_enrol: bool,
}

impl RulesPage {
    fn wish(&self, profile: &Profile, kind: &Kind) -> String {
        wish(profile.0.get(*kind))
    }

    fn is_usual(&self, name: &ProfileName) -> bool {
        self.book.otherwise.as_ref() == Some(name)
    }
}

fn in_words(console: &Console, rule: &Rule) -> String {
    let list = |words: Vec<String>| if words.len() < 4 { words.join(", ") } else { format!("{} of them", words.len()) };
    let now = console.now();
    let mut parts = Vec::new();
    let mut named = |what: &str, words: Vec<String>| {
        if !words.is_empty() {
            parts.push(format!("{what}{}", list(words)));
        }
    };
    named("maker ", rule.makers.iter().map(|root| root.short().to_string()).collect());
    named("", rule.models.iter().map(ToString::to_string).collect());
    named("", rule.care_areas.iter().map(ToString::to_string).collect());
    named("from ", rule.networks.iter().map(ToString::to_string).collect());
    if let Some(from) = rule.from.filter(|from| *from > now) {
        parts.push(format!("from {}", page::moment(&from, &now)));
    }
    match rule.until {
        Some(until) if until <= now => parts.push("is over".into()),
        Some(until) => parts.push(format!("until {}", page::moment(&until, &now))),
        None => {}
    }
    if parts.is_empty() { "every pump on the list with a birth certificate".into() } else { parts.join(" · ") }
}

/// `GET /provisioning/rules`.
pub(super) async fn show_page(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    uri: axum::http::Uri,
) -> Result<Response, Fault> {
    let (policy, rules_revision) = policy(&console.store).await?;
    let counts = let_in(&console.store).await?;
    let (book, book_revision) = book(&console.store).await?;
    let (devices, _) = devices::table(&console).await?;
    let snapshot: Arc<fleet::Snapshot> = console.fleet.snapshot(console.now()).await?;
    let shown = policy.rules.iter().map(|rule| Shown {
        name: rule.name.to_string(),
        then: rule.then,
        fits: in_words(&console, rule),
        let_in: rule.most.map(|most| format!("{} of {most}", counts.get(&rule.name).unwrap_or(&0))),
    });
    let done = match query(&uri).get("done") {
        "rules" => Some("The rules are changed; they count from now on."),
        "profiles" => Some("The profiles are changed; pumps that have a goal keep it."),
        "device" => Some("The table of products is changed."),
        _ => None,
    };
    let otherwise = Then::ALL.map(|then| (then, then == policy.otherwise));
    let frame = Frame::new("Provisioning rules", "provisioning", Some(&caller), console.now());
    show(&RulesPage {
        frame: frame.done(done.map(Into::into)).still(),
        rules: shown.collect(),
        policy,
        rules_revision,
        book,
        book_revision,
        devices: devices.iter().map(|(gtin, model)| (gtin.to_string(), model.clone())).collect(),
        areas: Arc::clone(&snapshot.areas),
        kinds: Kind::ALL,
        otherwise,
        may_set: caller.may(Permission::SetEnrolmentRules),
        may_enrol: caller.may(Permission::EnrolPumps),
    })
}
