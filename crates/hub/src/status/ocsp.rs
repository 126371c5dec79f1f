//! Answers about one certificate. Those without a nonce are signed once and given to whoever asks the same, until a
//! decision about any pump.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wardline_model::{Span, Time, covers};
use wardline_pki::ocsp::{self, Asked, MAX_REQUEST, Responder, Status};
use wardline_pki::{Authority, CertSerial, P256Key, Reason, profile};

use super::Trouble;
use crate::state::{Hub, now};

/// How long an answer is good for a client that keeps it. The client that wants the newest asks again: see `max-age`.
const LASTS: Span = Span::from_h(1);

/// A kept answer is given out for half of that.
const KEPT: Span = Span::from_min(30);

/// The most answers that are kept: one for every pump of a large hospital. About 1 KiB each.
const MOST_KEPT: usize = 20_000;

/// The responder's certificate is replaced when less than this is left: a third of its 14 days.
const CERT_LEFT: Span = Span::from_days(5);

/// The responder with its certificate, and what it has signed.
#[derive(Debug)]
pub(super) struct Desk {
    responder: Responder,
    signed: Mutex<Signed>,
}

/// Answers by the exact bytes of the request, all as of the same count of decisions.
#[derive(Debug, Default)]
struct Signed {
    changes: u64,
    answers: HashMap<Vec<u8>, (Time, Arc<[u8]>)>,
}

impl Desk {
    /// A responder with a fresh key. The key lives in memory only.
    async fn open(hub: &Hub, ca: &Arc<Authority>, at: Time) -> Result<Self, Trouble> {
        let key = P256Key::generate()?;
        let content = profile::responder(key.spki(), "Wardline OCSP responder", &hub.config.hospital)?;
        let cert = crate::ca::sign(ca, content, at).await?;
        let responder = Responder::new(ca.cert(), cert, key)?;
        Ok(Self { responder, signed: Mutex::default() })
    }

    fn kept(&self, request: &[u8], changes: u64, at: Time) -> Option<Arc<[u8]>> {
        let signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, answer) = signed.answers.get(request).filter(|_| signed.changes == changes)?;
        (at.since(*since) < KEPT).then(|| Arc::clone(answer))
    }

    fn keep(&self, request: &[u8], changes: u64, at: Time, answer: &Arc<[u8]>) {
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if signed.changes != changes || signed.answers.len() >= MOST_KEPT {
            *signed = Signed { changes, answers: HashMap::new() };
        }
        signed.answers.insert(request.to_vec(), (at, Arc::clone(answer)));
    }
}

/// RFC 6960 appendix A.1: the request is the body.
pub(super) async fn posted(State(hub): State<Arc<Hub>>, body: Bytes) -> Response {
    respond(&hub, &body).await
}

/// RFC 6960 appendix A.1: the request is the rest of the path, in base64.
pub(super) async fn got(State(hub): State<Arc<Hub>>, Path(coded): Path<String>) -> Response {
    let bytes = (coded.len() <= MAX_REQUEST * 4 / 3 + 4).then(|| STANDARD.decode(coded.trim_start_matches('/')).ok());
    match bytes.flatten() {
        Some(bytes) => respond(&hub, &bytes).await,
        None => plain(ocsp::malformed()),
    }
}

fn plain(der: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, "application/ocsp-response")], der).into_response()
}

async fn respond(hub: &Hub, request: &[u8]) -> Response {
    let Ok(asked) = Asked::from_der(request) else {
        return plain(ocsp::malformed());
    };
    match answer(hub, request, &asked).await {
        // Caches on the way must not outlive a decision by more than a second.
        Ok(der) => ([(CACHE_CONTROL, "max-age=1")], plain(der.to_vec())).into_response(),
        Err(Trouble(error)) => {
            tracing::error!(error, "the state of a certificate could not be told");
            plain(ocsp::try_later())
        }
    }
}

async fn answer(hub: &Hub, request: &[u8], asked: &Asked) -> Result<Arc<[u8]>, Trouble> {
    covers!("N14");
    // Counted before the database is read: an answer that a decision overtakes is not kept.
    let (at, changes) = (now(), hub.registry.changes());
    let desk = desk(hub, asked, at).await?;
    if let Some(answer) = desk.kept(request, changes, at) {
        return Ok(answer);
    }
    let mut statuses = Vec::new();
    if desk.responder.is_ours(asked) {
        for serial in asked.serials() {
            statuses.push(status(hub, &serial).await?);
        }
    }
    let answer: Arc<[u8]> = desk.responder.answer(asked, &statuses, at, at + LASTS)?.into();
    if asked.is_repeatable() {
        desk.keep(request, changes, at, &answer);
    }
    Ok(answer)
}

async fn status(hub: &Hub, serial: &CertSerial) -> Result<Status, Trouble> {
    Ok(match hub.store.certificate_standing(&serial.to_string()).await? {
        None => Status::Unknown,
        Some(None) => Status::Good,
        Some(Some(revocation)) => Status::Revoked { at: revocation.at, reason: Reason::from_code(revocation.code) },
    })
}

/// The responder of the issuing CA that is asked about, made at the first question and made anew long before its
/// certificate ends. A question about no CA of ours is refused by the one in use.
async fn desk(hub: &Hub, asked: &Asked, at: Time) -> Result<Arc<Desk>, Trouble> {
    let authorities = hub.trust.now();
    let mut kept = hub.status.responders.lock().await;
    let mut first = None;
    for side in authorities.sides() {
        let generation = side.generations.issuing;
        let fresh = kept.get(&generation).filter(|desk| at + CERT_LEFT < desk.responder.cert().not_after());
        let desk = match fresh {
            Some(desk) => Arc::clone(desk),
            None => {
                let desk = Arc::new(Desk::open(hub, &side.issuing, at).await?);
                kept.insert(generation, Arc::clone(&desk));
                desk
            }
        };
        if desk.responder.is_ours(asked) {
            return Ok(desk);
        }
        first.get_or_insert(desk);
    }
    first.ok_or_else(|| Trouble("there is no issuing authority".into()))
}
