//! TUF metadata and artifacts, served to pumps and accepted from people.
//!
//! The hub holds no key that signs a release. What people upload is verified with the same client that pumps use, as a
//! whole, before one byte of it becomes visible; what pumps fetch, they verify again. Names are never used as paths:
//! metadata is looked up by its exact name, artifacts by their digest.

mod accept;
mod cache;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hyper::body::Bytes;
use wardline_model::{Digest, covers};

pub use accept::{Uploaded, accept};
pub use cache::Cache;

#[cfg(feature = "fuzzing")]
pub(crate) use accept::fuzz_upload;

use crate::door::HttpPeer;
use crate::state::Hub;
use crate::tls::Shown;

/// The routes of the repository, for pumps with a certificate of this fleet that the registry admits.
pub fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/repo/metadata/{name}", get(metadata))
        .route("/repo/targets/{kind}/{name}", get(artifact))
        .with_state(hub)
}

/// Whether the one who asks is a pump that may.
fn admitted(hub: &Hub, peer: &HttpPeer) -> bool {
    covers!("N14");
    match peer.shown.as_deref() {
        Some(Shown::Pump(pump, _)) => hub.registry.admit(pump).is_ok(),
        Some(_) | None => false,
    }
}

fn refuse() -> Response {
    (StatusCode::FORBIDDEN, "only pumps of this fleet that may link can fetch releases\n").into_response()
}

fn failed(error: &wardline_store::StoreError) -> Response {
    tracing::error!(%error, "a release could not be read");
    (StatusCode::SERVICE_UNAVAILABLE, "the hub's database does not answer; try again later\n").into_response()
}

async fn metadata(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<HttpPeer>,
    Path(name): Path<String>,
) -> Response {
    if !admitted(&hub, &peer) {
        return refuse();
    }
    match hub.repo.metadata(&hub.store, &name).await {
        Ok(Some(bytes)) => ([(CONTENT_TYPE, "application/json")], bytes).into_response(),
        Ok(None) => (StatusCode::NOT_FOUND, "no such metadata\n").into_response(),
        Err(error) => failed(&error),
    }
}

/// `<kind>/<sha256>.<version>.json`: only the digest is used.
async fn artifact(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<HttpPeer>,
    Path((_, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if !admitted(&hub, &peer) {
        return refuse();
    }
    let Some(digest) = name.get(..64).and_then(|hex| hex.parse::<Digest>().ok()) else {
        return (StatusCode::NOT_FOUND, "an artifact is asked for by its SHA-256\n").into_response();
    };
    match hub.repo.artifact(&hub.store, &digest).await {
        Ok(Some(bytes)) => ranged(bytes, headers.get(RANGE).and_then(|value| value.to_str().ok())),
        Ok(None) => (StatusCode::NOT_FOUND, "no such artifact\n").into_response(),
        Err(error) => failed(&error),
    }
}

/// Answers the one form of range that a resumed download needs: from here to the end (RFC 9110 section 14).
fn ranged(bytes: Bytes, range: Option<&str>) -> Response {
    let total = bytes.len();
    let from = range.and_then(|text| text.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let head = Response::builder().header(CONTENT_TYPE, "application/octet-stream").header(ACCEPT_RANGES, "bytes");
    let built = match from {
        Some(from) if from < total => head
            .status(StatusCode::PARTIAL_CONTENT)
            .header(CONTENT_RANGE, format!("bytes {from}-{}/{total}", total - 1))
            .header(CONTENT_LENGTH, total - from)
            .body(Body::from(bytes.slice(from..))),
        Some(_) => head
            .status(StatusCode::RANGE_NOT_SATISFIABLE)
            .header(CONTENT_RANGE, format!("bytes */{total}"))
            .body(Body::empty()),
        None => head.header(CONTENT_LENGTH, total).body(Body::from(bytes)),
    };
    built.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}
