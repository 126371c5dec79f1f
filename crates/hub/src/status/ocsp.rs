//! Answers about one certificate. Those without a nonce are signed once for a certificate and its state, and given to
//! whoever asks the same, until a decision about *its* pump; with a nonce, only the signature is made anew. What the
//! database said of a certificate is remembered just as long: the registry knows of a decision before anybody is told of
//! it, so no answer outlives one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wardline_model::{PumpId, Span, Time, covers};
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

/// The responder with its certificate, and what it remembers.
#[derive(Debug)]
pub(super) struct Desk {
    responder: Responder,
    kept: Mutex<Kept>,
}

/// What is remembered, each as of a decision about a pump.
#[derive(Debug, Default)]
struct Kept {
    /// Signed answers by the exact bytes of the request.
    answers: HashMap<Vec<u8>, Signed>,
    /// What the database said, by serial number.
    standings: HashMap<String, (AsOf, Status)>,
}

/// A signed answer: as of which decision, since when, and its DER.
type Signed = (AsOf, Time, Arc<[u8]>);

/// A pump, and the newest decision about it that was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AsOf {
    pump: PumpId,
    number: u64,
}

impl AsOf {
    fn now(hub: &Hub, pump: PumpId) -> Option<Self> {
        hub.registry.as_of(pump).map(|number| Self { pump, number })
    }

    fn is_newest(self, hub: &Hub) -> bool {
        Self::now(hub, self.pump) == Some(self)
    }
}

impl Desk {
    /// A responder with a fresh key. The key lives in memory only.
    async fn open(hub: &Hub, ca: &Arc<Authority>, at: Time) -> Result<Self, Trouble> {
        let key = P256Key::generate()?;
        let content = profile::responder(key.spki(), "Wardline OCSP responder", &hub.config.hospital)?;
        let cert = crate::ca::sign(ca, content, at).await?;
        hub.ledger.keep(wardline_store::OwnKind::Responder, &cert, at).await?;
        let responder = Responder::new(ca.cert(), cert, key)?;
        Ok(Self { responder, kept: Mutex::default() })
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, hub: &Hub, request: &[u8], at: Time) -> Option<Arc<[u8]>> {
        let kept = self.kept();
        let (as_of, since, answer) = kept.answers.get(request)?;
        (at.since(*since) < KEPT && as_of.is_newest(hub)).then(|| Arc::clone(answer))
    }

    fn keep_answer(&self, request: &[u8], as_of: AsOf, at: Time, answer: &Arc<[u8]>) {
        let mut kept = self.kept();
        if kept.answers.len() >= MOST_KEPT {
            kept.answers.clear();
        }
        kept.answers.insert(request.to_vec(), (as_of, at, Arc::clone(answer)));
    }

    /// What is so of a certificate, and as of which decision; no decision for one that was never issued.
    async fn standing(&self, hub: &Hub, serial: &CertSerial) -> Result<(Option<AsOf>, Status), Trouble> {
        let text = serial.to_string();
        let known = self.kept().standings.get(&text).copied().filter(|(as_of, _)| as_of.is_newest(hub));
        if let Some((as_of, status)) = known {
            return Ok((Some(as_of), status));
        }
        let Some(certificate) = hub.store.certificate(&text).await? else { return Ok((None, Status::Unknown)) };
        // Before its standing is read: what a decision overtakes meanwhile is as of an older one, and read again.
        let as_of = AsOf::now(hub, certificate.pump);
        let status = match hub.store.certificate_standing(&text).await? {
            None => Status::Unknown,
            Some(None) => Status::Good,
            Some(Some(revocation)) => Status::Revoked { at: revocation.at, reason: Reason::from_code(revocation.code) },
        };
        if let Some(as_of) = as_of {
            let mut kept = self.kept();
            if kept.standings.len() >= MOST_KEPT {
                kept.standings.clear();
            }
            kept.standings.insert(text, (as_of, status));
        }
        Ok((as_of, status))
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
    let at = now();
    let desk = desk(hub, asked, at).await?;
    if let Some(answer) = desk.answer(hub, request, at) {
        return Ok(answer);
    }
    let (mut statuses, mut newest) = (Vec::new(), None);
    if desk.responder.is_ours(asked) {
        for serial in asked.serials() {
            let (as_of, status) = desk.standing(hub, &serial).await?;
            newest = as_of;
            statuses.push(status);
        }
    }
    let answer: Arc<[u8]> = desk.responder.answer(asked, &statuses, at, at + LASTS)?.into();
    if let (true, Some(as_of)) = (asked.is_repeatable(), newest) {
        desk.keep_answer(request, as_of, at, &answer);
    }
    Ok(answer)
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
