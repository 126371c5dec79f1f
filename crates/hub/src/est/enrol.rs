//! `simpleenroll` and `simplereenroll`: who asks, and whether it may have a certificate.
//!
//! The request gives a key. Everything else comes from the registry: a pump that asks for another pump's name gets its
//! own (N14). First comes what costs nothing (the peer, the request's form), then the rules of a pump's life. The rest,
//! from a request that may have a certificate to the certificate, is in `issue`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use base64::Engine as _;
use wardline_fleet::lifecycle::{Act, Before, By, Certificate, decide};
use wardline_model::{Digest, PumpId, Serial, covers};
use wardline_pki::est::Layout;
use wardline_pki::name::UNKNOWN_HARDWARE;
use wardline_pki::profile::PumpNames;
use wardline_pki::{BirthIdentity, Csr};
use wardline_store::{Actor, Decision, Entry, PumpRow};

use crate::door::HttpPeer;
use crate::state::{Hub, now};
use crate::tls::Shown;

use super::approval::may_have;
use super::issue::{Order, Right, Spends, again, issue, unused};
use super::label::Label;
use super::{PKCS10, Problem, body_of};

/// Who asks, and who it says it is.
pub(super) struct Asker {
    pub(super) peer: HttpPeer,
    claim: String,
}

impl Asker {
    pub(super) fn new(peer: HttpPeer, headers: &HeaderMap) -> Self {
        let claim = match peer.shown.as_deref() {
            Some(Shown::Pump(pump, _)) => format!("pump {}", pump.pump),
            Some(Shown::Birth(birth, _)) => format!("serial {}", birth.serial),
            None => basic(headers).map_or_else(String::new, |(serial, _)| format!("serial {serial}")),
        };
        Self { peer, claim }
    }

    pub(super) fn claim(&self) -> &str {
        &self.claim
    }

    pub(super) fn pump(&self) -> Option<PumpId> {
        match self.peer.shown.as_deref() {
            Some(Shown::Pump(pump, _)) => Some(pump.pump),
            Some(Shown::Birth(..)) | None => None,
        }
    }
}

/// How a pump proved itself.
enum Proof {
    Birth(BirthIdentity, Option<Digest>),
    Code { serial: Serial, code: String },
}

/// RFC 7030 section 4.2.1.
pub(super) async fn simpleenroll(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<HttpPeer>,
    label: Label,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    covers!("N14");
    let asker = Asker::new(peer, &headers);
    let proof = proof(&hub, &asker, &headers)?;
    let (csr, layout) = parse(&hub, &asker, &headers, body).await?;
    let (pump, hw_type, right, why) = match &proof {
        Proof::Birth(birth, maker) => {
            let pump = expected_by_birth(&hub, &asker, birth).await?;
            (pump, birth.hw_type, Right::Birth(birth, *maker), "enrolled by its birth certificate")
        }
        Proof::Code { serial, code } => {
            let (pump, is_used) = expected_by_code(&hub, &asker, serial, code).await?;
            if is_used {
                return again(&hub, &asker, &pump, &csr, layout).await;
            }
            (pump, UNKNOWN_HARDWARE, Right::Code(code), "enrolled by a one-time code")
        }
    };
    let hospital = hub.config.hospital.clone();
    let names = PumpNames { pump: pump.id, serial: pump.serial.clone(), hospital, hw_type: Some(hw_type) };
    let rules = hub.config.enrolment.of(&pump.model, label.as_deref());
    let order = Order { csr, layout, names, rules, label, right, why };
    if let Some(lost) = unused(&hub, &asker, &order).await? {
        return Ok(lost);
    }
    let spends = may_have(&hub, &asker, &order, &pump).await?;
    issue(&hub, &asker, &order, spends).await
}

/// RFC 7030 section 4.2.2: the same names, authenticated by the certificate that is being renewed.
pub(super) async fn simplereenroll(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<HttpPeer>,
    label: Label,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let asker = Asker::new(peer, &headers);
    let Some(Shown::Pump(pump, current)) = asker.peer.shown.as_deref() else {
        return Err(refuse(&hub, &asker, None, "no-pump-certificate", "renew with the pump's own certificate").await);
    };
    let admitted = hub.registry.admit(pump).and_then(|()| hub.registry.get(pump.pump).ok_or("unknown-pump"));
    let entry = match admitted {
        Ok(entry) => entry,
        Err(word) => {
            let why = format!("this certificate may not be renewed: {word}. Enrol again, or ask clinical engineering");
            return Err(refuse(&hub, &asker, Some(pump.pump), word, &why).await);
        }
    };
    let (csr, layout) = parse(&hub, &asker, &headers, body).await?;
    if !csr.names_match(current) {
        let why = "a renewal must name exactly what the current certificate names (RFC 7030 section 4.2.2)";
        return Err(refuse(&hub, &asker, Some(pump.pump), "other-names", why).await);
    }
    let hospital = hub.config.hospital.clone();
    let names = PumpNames { pump: pump.pump, serial: pump.serial.clone(), hospital, hw_type: Some(pump.hw_type) };
    let why = "renewed by its own certificate";
    let rules = hub.config.enrolment.of(&entry.model, label.as_deref());
    let order = Order { csr, layout, names, rules, label, right: Right::Own(current), why };
    match unused(&hub, &asker, &order).await? {
        Some(lost) => Ok(lost),
        None => issue(&hub, &asker, &order, Spends::Nothing).await,
    }
}

/// Who the peer says it is; the cheap part, before anything is read.
fn proof(hub: &Hub, asker: &Asker, headers: &HeaderMap) -> Result<Proof, Problem> {
    let peer = &asker.peer;
    if let Some(Shown::Birth(birth, maker)) = peer.shown.as_deref() {
        return Ok(Proof::Birth(birth.clone(), *maker));
    }
    let (serial, code) = basic(headers).ok_or(Problem::Unauthorized)?;
    let is_allowed = hub.est.may_try(format!("serial {serial}")) && hub.est.may_try(format!("at {}", peer.place.ip()));
    if !is_allowed {
        hub.links.strangers().note(&format!("serial {serial}"), peer.place, "too-many-codes", now());
        return Err(Problem::TooMany);
    }
    Ok(Proof::Code { serial, code })
}

/// HTTP Basic (RFC 7617): serial number and code.
fn basic(headers: &HeaderMap) -> Option<(Serial, String)> {
    credentials(headers.get(AUTHORIZATION)?)
}

pub(crate) fn credentials(value: &HeaderValue) -> Option<(Serial, String)> {
    let value = value.to_str().ok()?;
    let (scheme, coded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(coded.trim()).ok()?).ok()?;
    let (serial, code) = text.split_once(':')?;
    Some((Serial::new(serial).ok()?, code.to_owned()))
}

/// The request inside the body. What is wrong with it is said to the sender and kept in the audit.
async fn parse(hub: &Hub, asker: &Asker, headers: &HeaderMap, body: Body) -> Result<(Csr, Layout), Problem> {
    let read = async {
        is_request(headers)?;
        let bytes = body_of(body).await?;
        let csr = Csr::parse(&bytes).map_err(|error| Problem::Bad(error.to_string()))?;
        Ok((csr, Layout::of(&bytes)))
    };
    match read.await {
        Ok(request) => Ok(request),
        Err(problem) => {
            let (word, why) = match &problem {
                Problem::Bad(why) => ("bad-request", why.as_str()),
                Problem::TooLarge => ("too-large", "the request is too long"),
                Problem::WrongType(why) => ("wrong-content-type", why.as_str()),
                Problem::Slow => ("slow-request", "the request did not come in time"),
                Problem::Unauthorized
                | Problem::Forbidden(_)
                | Problem::NotFound(_)
                | Problem::Waiting(_)
                | Problem::Full
                | Problem::TooMany
                | Problem::Away
                | Problem::Trouble => return Err(problem),
            };
            refuse(hub, asker, asker.pump(), word, why).await;
            Err(problem)
        }
    }
}

/// Whether the body says that it is a certificate request. Clients that say nothing are believed; the transfer encoding
/// is ignored, as RFC 8951 demands.
fn is_request(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(is) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let is = is.to_str().unwrap_or("not text");
    let kind = is.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case(PKCS10) {
        return Ok(());
    }
    Err(Problem::WrongType(wardline_wire::text::clean(is, 64)))
}

async fn expected_by_birth(hub: &Hub, asker: &Asker, birth: &BirthIdentity) -> Result<PumpRow, Problem> {
    let Some(model) = &birth.model else {
        return Err(refuse(hub, asker, None, "no-model", "the birth certificate names no model (OU)").await);
    };
    let Some(pump) = hub.store.pump_by_serial(model, &birth.serial).await? else {
        let why = format!("{model} with serial number {} is not expected here; add it to the manifest", birth.serial);
        return Err(refuse(hub, asker, None, "not-expected", &why).await);
    };
    may_enrol(hub, asker, &pump).await?;
    // A pump that has a good certificate renews with it. A copy of its birth certificate must not push it out.
    let is_good = pump.certificate.as_ref().is_some_and(|c| c.revocation.is_none() && c.not_after > now());
    if is_good && !hub.config.birth_again {
        let why = "this pump holds a good certificate already; give it up with `wardline pump re-enrol` first";
        return Err(refuse(hub, asker, Some(pump.id), "enrolled-already", why).await);
    }
    Ok(pump)
}

/// The pump that the code is for, and whether the code was used.
async fn expected_by_code(hub: &Hub, asker: &Asker, serial: &Serial, code: &str) -> Result<(PumpRow, bool), Problem> {
    let Some(found) = hub.store.enrolment_code(code, now()).await? else {
        return Err(refuse(hub, asker, None, "wrong-code", WRONG_CODE).await);
    };
    let pump = hub.store.pump(found.pump).await?.filter(|pump| pump.serial == *serial);
    let Some(pump) = pump else {
        return Err(refuse(hub, asker, Some(found.pump), "code-of-another-pump", WRONG_CODE).await);
    };
    may_enrol(hub, asker, &pump).await?;
    Ok((pump, found.is_used))
}

/// What somebody with a wrong code is told, whatever is wrong with it.
pub(super) const WRONG_CODE: &str =
    "this code does not enrol this pump: it is unknown, used, expired, or another pump's";

async fn may_enrol(hub: &Hub, asker: &Asker, pump: &PumpRow) -> Result<(), Problem> {
    let certificate = if pump.certificate.is_some() { Certificate::Current } else { Certificate::None };
    match decide(Before { lifecycle: pump.standing.lifecycle, certificate }, Act::Enrol, By::Hub) {
        Ok(_) => Ok(()),
        Err(refused) => Err(refuse(hub, asker, Some(pump.id), "not-from-here", &refused.to_string()).await),
    }
}

/// Counts and records a refusal, and says it.
pub(super) async fn refuse(hub: &Hub, asker: &Asker, pump: Option<PumpId>, word: &'static str, why: &str) -> Problem {
    let (at, Asker { peer, claim }) = (now(), asker);
    hub.links.strangers().note(claim, peer.place, word, at);
    if hub.refusals.may_record() {
        let by = Decision { by: Actor::Stranger(peer.place.ip().to_string()), reason: why.to_owned(), at };
        let subject = if claim.is_empty() { word.to_owned() } else { format!("{word}: {claim}") };
        if let Err(error) = hub.store.record(&by, &Entry::refused("enrolment.refused", pump, subject)).await {
            tracing::error!(%error, "a refused enrolment could not be recorded");
        }
    }
    Problem::Forbidden(why.to_owned())
}
