//! The listener for enrolment clients that speak only TLS 1.2. It is off unless the operator opens it, offers EST and
//! nothing else, and keeps what is needed to close it again one day: how many requests came by TLS 1.2, and whose.
//!
//! Its answers carry `Content-Transfer-Encoding: base64`, as RFC 7030 had it and clients of its time may expect. RFC 8951
//! took that header back, and the other listener does without.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use wardline_store::{Actor, Decision, Entry};

use super::enrol::Asker;
use crate::door::{HttpPeer, Spoken};
use crate::state::{Hub, now};

/// The audit's word for a request by TLS 1.2.
const ACTION: &str = "enrolment.old-tls";

/// Requests by TLS 1.2 since this process began.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// How many requests came by TLS 1.2 since this process began.
pub(crate) fn requests() -> u64 {
    REQUESTS.load(Ordering::Relaxed)
}

/// Counts a request by TLS 1.2, and notes who it was: the same one once a minute. Answers as old clients need it.
pub(super) async fn note(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<HttpPeer>,
    request: Request,
    next: Next,
) -> Response {
    if peer.spoken == Spoken::Tls12 {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        let (at, place) = (now(), peer.place.ip());
        let asker = Asker::new(peer, request.headers());
        if hub.refusals.is_due(ACTION, asker.claim(), place, "tls-1.2", at) {
            let reason = "an enrolment request came by TLS 1.2, at the legacy listener".to_owned();
            let by = Decision { by: Actor::Stranger(place.to_string()), reason, at };
            let claim = if asker.claim().is_empty() { "somebody who claims nothing" } else { asker.claim() };
            let entry = Entry::done(ACTION, asker.pump(), format!("TLS 1.2: {claim}"));
            if let Err(error) = hub.store.record(&by, &entry).await {
                tracing::error!(%error, "a request by TLS 1.2 could not be recorded");
            }
        }
    }
    let mut answer = next.run(request).await;
    if answer.status() == StatusCode::OK {
        answer.headers_mut().insert("content-transfer-encoding", HeaderValue::from_static("base64"));
    }
    answer
}
