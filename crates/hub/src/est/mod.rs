//! Enrolment over HTTPS: EST (RFC 7030, clarified by RFC 8951) and what a fresh pump must know of its hub.
//!
//! | route | who may | what |
//! |---|---|---|
//! | `GET /.well-known/est/cacerts` | anyone | roots and issuing CAs; while roots change, how they vouch for each other |
//! | `POST /.well-known/est/simpleenroll` | a birth certificate, or a one-time code | a first certificate |
//! | `GET /.well-known/est/csrattrs` | anyone; a pump that is known is told its names | what to put into a request |
//! | `POST /.well-known/est/simplereenroll` | the pump's own good certificate | the next certificate |
//! | `GET /wardline/v1/provision` | the pump's own good certificate | goal key, release root, where to link |
//! | `GET /wardline/v1/wipe/{pump}` | anyone | the signed order to wipe that pump, if there is one |
//! | `POST /wardline/v1/wipe-receipt` | a receipt that a pump's key signed | nothing |
//!
//! The EST routes also work below a label that the configuration knows (`/.well-known/est/<label>/…`); another one is
//! not found. A private key is never made here (`serverkeygen`), and nothing speaks full CMC. Answers are as strict as
//! the standard says, requests are read tolerantly, errors are one sentence of plain text, and the connection stays open
//! after a 401 (clients ask first without credentials). Every certificate and every refusal is in the audit.
//!
//! | file | what it is |
//! |---|---|
//! | `enrol.rs` | who asks, and whether it may |
//! | `approval.rs` | the hospital's approval rules, and waiting for a person |
//! | `attributes.rs` | what a client should put into its request |
//! | `issue.rs` | from a request that may have a certificate to the certificate |
//! | `label.rs` | labels |
//! | `legacy.rs` | the listener for clients that speak only TLS 1.2 |
//! | `provision.rs` | what a fresh pump must know of its hub |
//! | `wipe.rs` | the order to wipe a pump, and its receipt |

mod approval;
mod attributes;
mod enrol;
mod issue;
mod label;
mod legacy;
mod provision;
mod wipe;

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use governor::clock::DefaultClock;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use wardline_pki::est::{CERTS_ONLY, Layout, certs_only, encode_body};

#[cfg(feature = "fuzzing")]
pub(crate) use enrol::credentials;

pub(crate) use legacy::requests as legacy_requests;

use crate::state::Hub;
use label::Label;

/// The most bytes of a request's body: a request of 4 KiB in PEM is below 6 KiB.
pub const MAX_BODY: usize = 8 * 1024;

/// The content type of a certificate request (RFC 5967).
const PKCS10: &str = "application/pkcs10";

/// Tries with a code per serial number or address: five at once, then one every 12 seconds. A code has 100 random bits,
/// so this only keeps noise down.
const TRIES: NonZeroU32 = NonZeroU32::new(5).expect("not zero");

/// What enrolment remembers between requests.
pub(crate) struct EstState {
    tries: RateLimiter<String, HashMapStateStore<String>, DefaultClock>,
}

impl Default for EstState {
    fn default() -> Self {
        Self { tries: RateLimiter::hashmap(Quota::per_minute(TRIES)) }
    }
}

impl EstState {
    fn may_try(&self, what: String) -> bool {
        if self.tries.len() > 10_000 {
            self.tries.retain_recent();
        }
        self.tries.check_key(&what).is_ok()
    }
}

/// A refusal as the client sees it: a status and one sentence of plain text.
#[derive(Debug)]
pub(super) enum Problem {
    /// Show a certificate or a code.
    Unauthorized,
    /// What came is not right.
    Bad(String),
    /// Not for this peer.
    Forbidden(String),
    /// More bytes than are read.
    TooLarge,
    /// A body of another kind.
    WrongType(String),
    /// No such label or operation.
    NotFound(String),
    /// A person must approve first; ask again after so many seconds.
    Waiting(u32),
    /// Too many wait for a person.
    Full,
    /// Too many tries.
    TooMany,
    /// The request took too long.
    Slow,
    /// The device that holds the authority's key is away.
    Away,
    /// Ours.
    Trouble,
}

impl Problem {
    /// The status, and the sentence for who asked.
    fn said(self) -> (StatusCode, String) {
        match self {
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "show a birth certificate, or the serial number and a one-time code as HTTP Basic credentials".into(),
            ),
            Self::Bad(why) => (StatusCode::BAD_REQUEST, why),
            Self::Forbidden(why) => (StatusCode::FORBIDDEN, why),
            Self::NotFound(why) => (StatusCode::NOT_FOUND, why),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the request is longer than {MAX_BODY} bytes; a certificate request has about 400"),
            ),
            Self::WrongType(is) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("the content type is {is}; send a certificate request as {PKCS10}"),
            ),
            Self::Waiting(_) => (
                StatusCode::ACCEPTED,
                "a person must approve this pump first; ask again with the same request (`wardline enrol approvals`)"
                    .into(),
            ),
            Self::Full => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too many pumps wait for a person to approve them; ask again later".into(),
            ),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too many tries; wait a minute".into()),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, "the request took too long".into()),
            Self::Away => (
                StatusCode::SERVICE_UNAVAILABLE,
                "no certificate can be issued now: the key of the certificate authority is in a device that does not \
                 answer; try again later"
                    .into(),
            ),
            Self::Trouble => (StatusCode::INTERNAL_SERVER_ERROR, "the hub is in trouble; try again later".into()),
        }
    }

    /// After how many seconds asking again makes sense.
    const fn retry_s(&self) -> Option<u32> {
        match self {
            Self::Waiting(seconds) => Some(*seconds),
            Self::TooMany | Self::Away => Some(60),
            Self::Full => Some(600),
            _ => None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let retry_s = self.retry_s();
        let (status, text) = self.said();
        let mut response = (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{text}\n")).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let realm = HeaderValue::from_static("Basic realm=\"pump enrolment\", charset=\"UTF-8\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, realm);
        }
        if let Some(seconds) = retry_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<wardline_pki::PkiError> for Problem {
    fn from(error: wardline_pki::PkiError) -> Self {
        tracing::error!(%error, "a certificate could not be made");
        match error {
            wardline_pki::PkiError::Elsewhere(_) => Self::Away,
            _ => Self::Trouble,
        }
    }
}

impl From<wardline_store::StoreError> for Problem {
    fn from(error: wardline_store::StoreError) -> Self {
        tracing::error!(%error, "enrolment could not use the database");
        Self::Trouble
    }
}

/// The routes of the enrolment listener.
pub fn router(hub: Arc<Hub>) -> Router {
    est_routes()
        .route("/wardline/v1/provision", get(provision::provision))
        .route("/wardline/v1/wipe/{pump}", get(wipe::order))
        .route("/wardline/v1/wipe-receipt", post(wipe::receipt))
        .with_state(hub)
}

/// The routes of the legacy listener: EST and nothing else, each request counted and noted.
pub(crate) fn legacy_router(hub: Arc<Hub>) -> Router {
    let note = middleware::from_fn_with_state(Arc::clone(&hub), legacy::note);
    est_routes().layer(note).with_state(hub)
}

fn est_routes() -> Router<Arc<Hub>> {
    let mut router = Router::new();
    for base in ["/.well-known/est", "/.well-known/est/{label}"] {
        router = router
            .route(&format!("{base}/cacerts"), get(cacerts))
            .route(&format!("{base}/csrattrs"), get(attributes::csrattrs))
            .route(&format!("{base}/simpleenroll"), post(enrol::simpleenroll))
            .route(&format!("{base}/simplereenroll"), post(enrol::simplereenroll))
            .route(&format!("{base}/serverkeygen"), any(serverkeygen))
            .route(&format!("{base}/fullcmc"), any(fullcmc));
    }
    router
}

/// RFC 7030 section 4.1.
async fn cacerts(State(hub): State<Arc<Hub>>, _label: Label, headers: HeaderMap) -> Result<Response, Problem> {
    let known = hub.trust.now().cacerts();
    certs_only_response(&known.iter().collect::<Vec<_>>(), layout_of(&headers))
}

/// How a client that sent no body wants base64: strongSwan's says nothing of what it accepts, and reads one line only.
fn layout_of(headers: &HeaderMap) -> Layout {
    if headers.contains_key(ACCEPT) { Layout::Lines } else { Layout::OneLine }
}

async fn serverkeygen() -> Problem {
    Problem::NotFound("serverkeygen is not offered: a pump makes its key itself, and it never leaves the pump".into())
}

async fn fullcmc() -> Problem {
    Problem::NotFound("fullcmc is not offered; use simpleenroll and simplereenroll".into())
}

fn certs_only_response(certs: &[&wardline_pki::Cert], layout: Layout) -> Result<Response, Problem> {
    Ok(([(CONTENT_TYPE, CERTS_ONLY)], encode_body(&certs_only(certs)?, layout)).into_response())
}

/// The whole body within the limit of size; the door watches over the time.
async fn body_of(body: Body) -> Result<Vec<u8>, Problem> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(whole) => Ok(whole.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::TooLarge),
        Err(error) if crate::patience::is_late(&*error) => Err(Problem::Slow),
        Err(_) => Err(Problem::Bad("the body ended before it was whole".into())),
    }
}
