//! `GET /metrics` and `GET /healthz`: what monitoring asks for. Numbers about the fleet, never a name.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::app::Console;
use super::fault::Fault;
use super::fleet;
use super::views::lifecycle_label;
use wardline_api::types::Attention;
use wardline_model::Lifecycle;
use wardline_store::CertificateCounts;

type Labels = Vec<(String, String)>;

/// `GET /metrics`.
pub(super) async fn metrics(State(console): State<Arc<Console>>) -> Result<Response, Fault> {
    let snapshot = console.fleet.snapshot(console.now()).await?;
    let (by_attention, by_lifecycle) = (Family::<Labels, Gauge>::default(), Family::<Labels, Gauge>::default());
    let online = Gauge::<i64>::default();
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    for count in fleet::by_attention(snapshot.all()) {
        let labels = vec![("attention".to_owned(), count.attention.to_string())];
        by_attention.get_or_create(&labels).set(whole(count.pumps));
    }
    for lifecycle in Lifecycle::ALL {
        let count = snapshot.all().filter(|row| row.lifecycle == lifecycle).count() as u64;
        let labels = vec![("lifecycle".to_owned(), lifecycle_label(lifecycle).replace(' ', "-"))];
        by_lifecycle.get_or_create(&labels).set(whole(count));
    }
    online.set(whole(fleet::online(snapshot.all())));
    let old_tls = Counter::<u64>::default();
    old_tls.inc_by(crate::est::legacy_requests());
    let approvals = Gauge::<i64>::default();
    approvals.set(whole(console.store.approvals_waiting(console.now()).await?));
    let mut registry = Registry::with_prefix("wardline");
    registry.register("enrolment_old_tls_requests", "Enrolment requests by TLS 1.2 since this hub began", old_tls);
    registry.register("enrolments_waiting", "First certificates that wait for a person", approvals);
    registry.register("pumps_by_attention", "Pumps by how much they call for a person", by_attention);
    registry.register("pumps_by_lifecycle", "Pumps by their place in life", by_lifecycle);
    registry.register("pumps_online", "Pumps that hold a live link", online);
    certificates(&console, &mut registry).await?;
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|_| Fault::bad("the metrics could not be written"))?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}

/// The inventory of certificates, for whoever wants to be woken by monitoring weeks ahead.
async fn certificates(console: &Console, registry: &mut Registry) -> Result<(), Fault> {
    let now = console.now();
    let sheet = console.wiring.ledger.sheet(now).await?;
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (by_state, left, alarms) =
        (Family::<Labels, Gauge>::default(), Family::<Labels, Gauge>::default(), Family::<Labels, Gauge>::default());
    let CertificateCounts { current, pending, late, expired, listed, ever: _ } = sheet.counts;
    let counts = [("current", current), ("pending", pending), ("late", late), ("expired", expired), ("listed", listed)];
    for (state, count) in counts {
        by_state.get_or_create(&vec![("state".to_owned(), state.to_owned())]).set(whole(count));
    }
    let seconds = |end: wardline_model::Time| whole(end.as_unix_s()).saturating_sub(whole(now.as_unix_s()));
    for own in sheet.own.iter().filter(|own| own.replaced.is_none()) {
        let kind = format!("{:?}", own.kind).to_lowercase();
        let labels = vec![("kind".to_owned(), kind), ("node".to_owned(), own.node.clone())];
        left.get_or_create(&labels).set(seconds(own.not_after));
    }
    if let Some(until) = sheet.list_until {
        let labels = vec![("kind".to_owned(), "revocation-list".to_owned()), ("node".to_owned(), String::new())];
        left.get_or_create(&labels).set(seconds(until));
    }
    for attention in [Attention::Waiting, Attention::NeedsPerson, Attention::Danger] {
        let count = sheet.alarms.iter().filter(|alarm| alarm.attention == attention).count() as u64;
        alarms.get_or_create(&vec![("attention".to_owned(), attention.to_string())]).set(whole(count));
    }
    registry.register("certificates", "Certificates of pumps by state", by_state);
    registry.register("certificate_left_seconds", "Until one of the hub's own certificates or lists ends", left);
    registry.register("certificate_alarms", "Alarms about certificates by how much they call for a person", alarms);
    Ok(())
}

/// `GET /healthz`.
pub(super) async fn health() -> &'static str {
    "ok\n"
}
