//! Certificates: are they in order, now and for the coming weeks; which pumps did not renew; what the hub itself uses.

mod forecast;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use axum::{Extension, Json};
use wardline_api::types::{
    Attention, CertificateAlarm, CertificateCounts, CertificateListed, CertificatePage, CertificateShow,
    CertificateState, CertificateUse, Certificates, ForecastWeek, OwnCertificateRow, Todo,
};
use wardline_model::Span;
use wardline_store as store;
use wardline_store::Inventory;

use super::app::Console;
use super::fault::Fault;
use super::guard::{Caller, Fields, query};
use super::page::{self, Frame, show, thousands};
use crate::ca::alarms::Alarm;
use crate::ca::ledger::Sheet;

/// Rows on a page.
const SIZE: u32 = 50;

/// `GET /api/v1/certificates`.
pub(super) async fn api(State(console): State<Arc<Console>>) -> Result<Json<Certificates>, Fault> {
    Ok(Json(view(&*console.wiring.ledger.sheet(console.now()).await?)))
}

/// `GET /api/v1/certificates/pumps`.
pub(super) async fn api_pumps(State(console): State<Arc<Console>>, uri: Uri) -> Result<Json<CertificatePage>, Fault> {
    Ok(Json(listed(&console, &query(&uri)).await?))
}

/// What calls for somebody, for the overview.
pub(super) async fn todo(console: &Console) -> Result<Vec<Todo>, Fault> {
    let sheet = console.wiring.ledger.sheet(console.now()).await?;
    let row = |alarm: &Alarm| Todo {
        what: alarm.what.clone(),
        pumps: alarm.pumps,
        owner: alarm.owner,
        href: "/certificates".to_owned(),
        attention: alarm.attention,
    };
    Ok(sheet.alarms.iter().map(row).collect())
}

fn view(sheet: &Sheet) -> Certificates {
    let (attention, answer) = answer(sheet);
    let alarm = |alarm: &Alarm| CertificateAlarm {
        what: alarm.what.clone(),
        advice: alarm.advice.to_owned(),
        pumps: alarm.pumps,
        attention: alarm.attention,
        owner: alarm.owner,
        ends: alarm.ends,
    };
    let own = |own: &store::OwnCertificate| OwnCertificateRow {
        kind: kind(own.kind),
        subject: own.subject.clone(),
        serial: own.serial.clone(),
        fingerprint: own.fingerprint.to_string(),
        node: own.node.clone(),
        not_before: own.not_before,
        not_after: own.not_after,
        replaced: own.replaced,
    };
    let store::CertificateCounts { current, pending, late, expired, listed, ever } = sheet.counts;
    let week = |(n, week): (u64, &store::ForecastWeek)| ForecastWeek {
        from: sheet.taken + Span::from_days(7 * n),
        ending: week.ending,
        late: week.late,
    };
    Certificates {
        answer,
        attention,
        at: sheet.taken,
        alarms: sheet.alarms.iter().map(alarm).collect(),
        own: sheet.own.iter().map(own).collect(),
        counts: CertificateCounts { current, pending, late, expired, listed, ever },
        forecast: (0..).zip(&sheet.weeks).map(week).collect(),
        list_until: sheet.list_until,
    }
}

/// The sentence on top.
fn answer(sheet: &Sheet) -> (Attention, String) {
    let good = sheet.counts.current;
    let pumps = match good {
        0 => "No pump holds a certificate yet.".to_owned(),
        1 => "1 pump holds a good certificate.".to_owned(),
        n => format!("{} pumps hold a good certificate.", thousands(&n)),
    };
    let loud = sheet.alarms.iter().filter(|alarm| alarm.attention != Attention::Waiting).count();
    let attention = match (sheet.alarms.first().map(|alarm| alarm.attention), good) {
        (Some(attention), _) => attention,
        (None, 0) => Attention::Off,
        (None, _) => Attention::Good,
    };
    let rest = match (loud, sheet.alarms.len()) {
        (0, 0) => "Nothing ends unseen in the coming weeks.".to_owned(),
        (0, _) => "Something ends in the coming months; plan for it.".to_owned(),
        (1, _) => "One thing needs a person.".to_owned(),
        (n, _) => format!("{n} things need a person."),
    };
    (attention, format!("{pumps} {rest}"))
}

const fn kind(kind: store::OwnKind) -> CertificateUse {
    match kind {
        store::OwnKind::Root => CertificateUse::Root,
        store::OwnKind::Between => CertificateUse::Between,
        store::OwnKind::Issuing => CertificateUse::Issuing,
        store::OwnKind::Server => CertificateUse::Server,
        store::OwnKind::ServerNewRoot => CertificateUse::ServerNewRoot,
        store::OwnKind::Responder => CertificateUse::Responder,
    }
}

async fn listed(console: &Console, fields: &Fields) -> Result<CertificatePage, Fault> {
    let show = match fields.get("show") {
        "" => CertificateShow::Current,
        word => word.parse().map_err(|why| Fault::bad(format!("show={word:?}: {why}")))?,
    };
    let which = match show {
        CertificateShow::Current => Inventory::Current,
        CertificateShow::Late => Inventory::Late,
        CertificateShow::Expired => Inventory::Expired,
        CertificateShow::Pending => Inventory::Pending,
        CertificateShow::Revoked => Inventory::Revoked,
    };
    let page = fields.get("page").parse::<u32>().unwrap_or(1).max(1) - 1;
    let page_size = fields.get("size").parse::<u32>().unwrap_or(SIZE).clamp(1, 1_000);
    let request = store::PageRequest { page, page_size };
    let found = console.store.certificate_inventory(which, console.now(), request).await?;
    let row = |row: store::InventoryRow| CertificateListed {
        serial: row.serial,
        pump: row.pump,
        asset_tag: row.asset_tag,
        care_area: row.care_area,
        issued: row.issued,
        not_after: row.not_after,
        state: match row.state {
            store::CertificateState::Pending => CertificateState::Pending,
            store::CertificateState::Current => CertificateState::Current,
            store::CertificateState::Superseded => CertificateState::Superseded,
            store::CertificateState::Revoked => CertificateState::Revoked,
        },
    };
    Ok(CertificatePage {
        show,
        total: found.total,
        page: page + 1,
        page_size,
        rows: found.rows.into_iter().map(row).collect(),
    })
}

#[derive(Template)]
#[template(path = "certificates.html")]
struct CertificatesPage {
    frame: Frame,
    view: Certificates,
    list: CertificatePage,
    pages: u64,
    picture: String,
    chips: Vec<Chip>,
}

/// One choice of the list.
struct Chip {
    word: CertificateShow,
    label: &'static str,
    count: u64,
}

impl CertificatesPage {
    fn used(&self) -> impl Iterator<Item = &OwnCertificateRow> {
        self.view.own.iter().filter(|row| row.replaced.is_none())
    }

    fn before(&self) -> impl Iterator<Item = &OwnCertificateRow> {
        self.view.own.iter().filter(|row| row.replaced.is_some())
    }
}

/// `GET /certificates`.
pub(super) async fn show_page(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Fault> {
    let view = view(&*console.wiring.ledger.sheet(console.now()).await?);
    let list = listed(&console, &query(&uri)).await?;
    let picture = forecast::draw(&view);
    let counts = &view.counts;
    let chip = |word, label, count| Chip { word, label, count };
    let chips = vec![
        chip(CertificateShow::Current, "in use", counts.current),
        chip(CertificateShow::Late, "renewal late", counts.late),
        chip(CertificateShow::Expired, "ended", counts.expired),
        chip(CertificateShow::Pending, "not used yet", counts.pending),
        chip(CertificateShow::Revoked, "revoked", counts.listed),
    ];
    let frame = Frame::new("Certificates", "certificates", Some(&caller), view.at);
    let pages = list.total.div_ceil(list.page_size.into()).max(1);
    show(&CertificatesPage { frame, view, list, pages, picture, chips })
}

fn use_label(kind: &CertificateUse) -> &'static str {
    match kind {
        CertificateUse::Root => "Root, which pumps believe",
        CertificateUse::Between => "Authority between",
        CertificateUse::Issuing => "Issuing authority",
        CertificateUse::Server => "Hub's server",
        CertificateUse::ServerNewRoot => "Hub's server, for pumps that believe only the new root",
        CertificateUse::Responder => "OCSP responder",
    }
}

#[cfg(test)]
mod tests;
