//! Pumps: find one among 20,000, or choose a set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use axum::{Extension, Json};
use wardline_api::Permission;
use wardline_api::types::{Attention, LinkState, PumpPage, PumpQuery, PumpSort};
use wardline_model::{Lifecycle, Therapy};

use super::app::Console;
use super::csv::Csv;
use super::fault::Fault;
use super::fleet;
use super::guard::{Caller, Fields, percent_encode, query};
use super::page::{self, Frame, iso, owner, pumps, show, thousands, word};
use super::views::{channel_label, lifecycle_label};

/// Reads the filters of an address.
pub(super) fn read(fields: &Fields) -> Result<PumpQuery, Fault> {
    fn word<T: std::str::FromStr<Err = &'static str>>(fields: &Fields, name: &str) -> Result<Option<T>, Fault> {
        match fields.get(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|why| Fault::bad(format!("{name}={text:?}: {why}"))),
        }
    }
    let number = |name: &str| match fields.get(name) {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Fault::bad(format!("{name}={text:?}: expected a whole number"))),
    };
    let text = |name: &str| Some(fields.get(name).to_owned()).filter(|text| !text.is_empty());
    Ok(PumpQuery {
        search: text("search").map(|text| text.chars().take(200).collect()),
        lifecycle: word(fields, "lifecycle")?,
        care_area: text("area").or_else(|| text("care_area")),
        link: word(fields, "link")?,
        attention: word(fields, "attention")?,
        sort: word(fields, "sort")?,
        descending: text("descending").map(|text| text == "true"),
        page: number("page")?,
        size: number("size")?,
    })
}

/// `GET /api/v1/pumps`.
pub(super) async fn api(State(console): State<Arc<Console>>, uri: Uri) -> Result<Json<PumpPage>, Fault> {
    let query = read(&query(&uri))?;
    Ok(Json(console.fleet.snapshot(console.now()).await?.page(&query)))
}

/// A column that people can choose.
pub(super) struct Column {
    pub key: &'static str,
    pub label: &'static str,
    pub sort: Option<PumpSort>,
    /// Shown when nobody chose.
    pub usual: bool,
}

const COLUMNS: [Column; 9] = [
    Column { key: "state", label: "State", sort: Some(PumpSort::Urgency), usual: true },
    Column { key: "area", label: "Care area", sort: Some(PumpSort::CareArea), usual: true },
    Column { key: "therapy", label: "Therapy", sort: None, usual: true },
    Column { key: "library", label: "Drug library", sort: None, usual: true },
    Column { key: "seen", label: "Last seen", sort: Some(PumpSort::LastSeen), usual: true },
    Column { key: "life", label: "Life", sort: Some(PumpSort::Lifecycle), usual: true },
    Column { key: "model", label: "Model", sort: Some(PumpSort::Model), usual: false },
    Column { key: "place", label: "Last place", sort: None, usual: false },
    Column { key: "certificate", label: "Certificate ends", sort: None, usual: false },
];

struct Chip {
    label: String,
    count: u64,
    href: String,
    on: bool,
    attention: Option<Attention>,
}

struct Head {
    label: &'static str,
    href: Option<String>,
    arrow: &'static str,
    sorted: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "pumps.html")]
struct PumpsPage {
    frame: Frame,
    list: PumpPage,
    query: PumpQuery,
    answer: String,
    states: Vec<Chip>,
    others: Vec<Chip>,
    areas: Arc<BTreeSet<String>>,
    first: Head,
    heads: Vec<Head>,
    columns: Vec<(&'static str, &'static str, bool)>,
    shown: Vec<&'static str>,
    previous: Option<String>,
    next: Option<String>,
    pages: u64,
    csv: String,
    kept: Vec<(String, String)>,
    may_quarantine: bool,
    empty_fleet: bool,
}

impl PumpsPage {
    fn shows(&self, key: &str) -> bool {
        self.shown.contains(&key)
    }
}

/// The address of this list with some of its parts changed; `None` takes a part away. The page goes back to the first.
fn with(fields: &Fields, changes: &[(&str, Option<&str>)]) -> String {
    let mut pairs: Vec<(String, String)> = fields
        .0
        .iter()
        .filter(|(key, value)| {
            !value.is_empty() && key != "page" && key != "done" && !changes.iter().any(|(changed, _)| changed == key)
        })
        .cloned()
        .collect();
    pairs.extend(changes.iter().filter_map(|(key, value)| value.map(|value| ((*key).to_owned(), value.to_owned()))));
    let text: Vec<String> =
        pairs.iter().map(|(key, value)| format!("{}={}", percent_encode(key), percent_encode(value))).collect();
    if text.is_empty() { "/pumps".into() } else { format!("/pumps?{}", text.join("&")) }
}

/// `GET /pumps`.
pub(super) async fn show_page(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Fault> {
    let fields = query(&uri);
    let query = read(&fields)?;
    let now = console.now();
    let snapshot = console.fleet.snapshot(now).await?;
    let list = snapshot.page(&query);
    let chosen: Vec<&str> = fields.all("column").collect();
    let shown: Vec<&'static str> = COLUMNS
        .iter()
        .filter(|column| if chosen.is_empty() { column.usual } else { chosen.contains(&column.key) })
        .map(|column| column.key)
        .collect();
    let pages = list.total.div_ceil(u64::from(list.size)).max(1);
    let turn = |page: u64| with(&fields, &[("page", Some(&page.to_string()))]);
    let done = (fields.get("done") == "quarantined")
        .then(|| format!("{} taken down. Therapy is not touched.", pumps(&fields.get("n").parse().unwrap_or(0))));
    let page = PumpsPage {
        frame: Frame::new("Pumps", "pumps", Some(&caller), now).done(done),
        answer: answer(&list, &query, snapshot.all().count() as u64),
        states: state_chips(&fields, &query, &snapshot),
        others: other_chips(&fields, &query, &snapshot),
        areas: Arc::clone(&snapshot.areas),
        first: head(&fields, &query, "Pump", Some(PumpSort::AssetTag)),
        heads: COLUMNS
            .iter()
            .filter(|column| shown.contains(&column.key))
            .map(|column| head(&fields, &query, column.label, column.sort))
            .collect(),
        columns: COLUMNS.iter().map(|c| (c.key, c.label, shown.contains(&c.key))).collect(),
        shown,
        previous: (list.page > 1).then(|| turn(u64::from(list.page) - 1)),
        next: (u64::from(list.page) < pages).then(|| turn(u64::from(list.page) + 1)),
        pages,
        csv: with(&fields, &[]).replacen("/pumps", "/pumps.csv", 1),
        kept: fields
            .0
            .iter()
            .filter(|(k, v)| {
                !matches!(k.as_str(), "page" | "search" | "area" | "column" | "done" | "n") && !v.is_empty()
            })
            .cloned()
            .collect(),
        may_quarantine: caller.may(Permission::QuarantinePumps),
        empty_fleet: snapshot.all().next().is_none(),
        list,
        query,
    };
    show(&page)
}

fn answer(list: &PumpPage, query: &PumpQuery, all: u64) -> String {
    let filtered = query.search.is_some()
        || query.lifecycle.is_some()
        || query.care_area.is_some()
        || query.link.is_some()
        || query.attention.is_some();
    match (filtered, list.total) {
        (false, _) => format!("{} on the hospital's list.", pumps(&all)),
        (true, 0) => format!("No pump of {} fits.", thousands(&all)),
        (true, 1) => format!("1 pump of {} fits.", thousands(&all)),
        (true, n) => format!("{} of {} fit.", pumps(&n), thousands(&all)),
    }
}

fn state_chips(fields: &Fields, query: &PumpQuery, snapshot: &fleet::Snapshot) -> Vec<Chip> {
    let base = PumpQuery { attention: None, ..query.clone() };
    let counts = fleet::by_attention(snapshot.select(&base).into_iter());
    let mut chips: Vec<Chip> = counts
        .into_iter()
        .map(|count| {
            let on = query.attention == Some(count.attention);
            Chip {
                label: word(&count.attention).into(),
                count: count.pumps,
                href: with(fields, &[("attention", if on { None } else { Some(count.attention.as_str()) })]),
                on,
                attention: Some(count.attention),
            }
        })
        .collect();
    chips.sort_by_key(|chip| chip.attention.map(super::views::urgency));
    chips
}

fn other_chips(fields: &Fields, query: &PumpQuery, snapshot: &fleet::Snapshot) -> Vec<Chip> {
    let mut chips = Vec::new();
    let without_link = PumpQuery { link: None, ..query.clone() };
    let rows = snapshot.select(&without_link);
    for (link, label) in [(LinkState::Online, "linked"), (LinkState::Offline, "no link")] {
        let on = query.link == Some(link);
        chips.push(Chip {
            label: label.into(),
            count: rows.iter().filter(|row| row.link == link).count() as u64,
            href: with(fields, &[("link", if on { None } else { Some(link.as_str()) })]),
            on,
            attention: None,
        });
    }
    let without_life = PumpQuery { lifecycle: None, ..query.clone() };
    let mut counts = BTreeMap::<&str, u64>::new();
    for row in snapshot.select(&without_life) {
        *counts.entry(row.lifecycle.as_str()).or_default() += 1;
    }
    for lifecycle in Lifecycle::ALL {
        let on = query.lifecycle == Some(lifecycle);
        let count = counts.get(lifecycle.as_str()).copied().unwrap_or(0);
        if count > 0 || on {
            chips.push(Chip {
                label: lifecycle_label(lifecycle).into(),
                count,
                href: with(fields, &[("lifecycle", if on { None } else { Some(lifecycle.as_str()) })]),
                on,
                attention: None,
            });
        }
    }
    chips
}

fn head(fields: &Fields, query: &PumpQuery, label: &'static str, sort: Option<PumpSort>) -> Head {
    let current = query.sort.unwrap_or(PumpSort::AssetTag);
    let down = query.descending == Some(true);
    let here = sort == Some(current);
    let href = sort
        .map(|sort| with(fields, &[("sort", Some(sort.as_str())), ("descending", (here && !down).then_some("true"))]));
    let (arrow, sorted) = match (here, down) {
        (true, true) => (" ↓", Some("descending")),
        (true, false) => (" ↑", Some("ascending")),
        (false, _) => ("", None),
    };
    Head { label, href, arrow, sorted }
}

/// What therapy does, in a word.
pub(super) fn therapy(therapy: &Therapy) -> &'static str {
    therapy.state().map_or("unknown", channel_label)
}

/// `GET /pumps.csv`: everything that fits the filters, not only one page.
pub(super) async fn csv(State(console): State<Arc<Console>>, uri: Uri) -> Result<Response, Fault> {
    let query = read(&query(&uri))?;
    let snapshot = console.fleet.snapshot(console.now()).await?;
    let mut csv = Csv::default();
    csv.row([
        "asset_tag",
        "model",
        "serial",
        "care_area",
        "lifecycle",
        "link",
        "last_seen",
        "last_place",
        "therapy",
        "drug_library",
        "state",
        "why",
        "owner",
        "certificate_ends",
        "id",
    ]);
    for row in snapshot.select(&query) {
        csv.row([
            row.asset_tag.as_str(),
            row.model.as_str(),
            row.serial.as_str(),
            row.care_area.as_str(),
            lifecycle_label(row.lifecycle),
            row.link.as_str(),
            &row.last_seen.as_ref().map(iso).unwrap_or_default(),
            row.last_place.as_deref().unwrap_or_default(),
            therapy(&row.therapy),
            &row.drug_library.map(|version| version.to_string()).unwrap_or_default(),
            word(&row.attention),
            &row.why,
            owner(&row.owner),
            &row.certificate_expires.as_ref().map(iso).unwrap_or_default(),
            &row.id.to_string(),
        ]);
    }
    Ok(csv.download("pumps.csv"))
}
