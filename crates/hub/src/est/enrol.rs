//! `simpleenroll` and `simplereenroll`: who may have a certificate, and issuing it.
//!
//! The request gives a key. Everything else comes from the registry: a pump that asks for another pump's name gets its
//! own (N14). First comes what costs nothing (the peer, the request's form), then the rules of a pump's life, and only
//! then is a one-time code used up.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use base64::Engine as _;
use wardline_fleet::lifecycle::{Act, Before, By, Certificate, decide};
use wardline_model::{PumpId, Serial, covers};
use wardline_pki::name::UNKNOWN_HARDWARE;
use wardline_pki::profile::{self, PumpNames};
use wardline_pki::{BirthIdentity, Cert, Csr};
use wardline_store::{Actor, Decision, Entry, NewCertificate, PumpRow};

use crate::server::HttpPeer;
use crate::state::{Hub, now};
use crate::tls::Shown;

use super::{Problem, body_of, certs_only_response};

/// How a pump proved itself.
enum Proof {
    Birth(BirthIdentity),
    Code { serial: Serial, code: String },
}

/// RFC 7030 section 4.2.1.
pub(super) async fn simpleenroll(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<HttpPeer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    covers!("N14");
    let proof = proof(&hub, &peer, &headers)?;
    let csr = parse(&hub, &peer, body).await?;
    let (pump, how, hw_type) = match proof {
        Proof::Birth(birth) => {
            let pump = expected_by_birth(&hub, &peer, &birth).await?;
            (pump, "its birth certificate", birth.hw_type)
        }
        Proof::Code { serial, code } => {
            let pump = expected_by_code(&hub, &peer, &serial, &code).await?;
            (pump, "a one-time code", UNKNOWN_HARDWARE)
        }
    };
    let names = PumpNames {
        pump: pump.id,
        serial: pump.serial.clone(),
        hospital: hub.config.hospital.clone(),
        hw_type: Some(hw_type),
    };
    issue(&hub, &csr, &names, &format!("enrolled by {how}")).await
}

/// RFC 7030 section 4.2.2: the same names, authenticated by the certificate that is being renewed.
pub(super) async fn simplereenroll(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<HttpPeer>,
    body: Body,
) -> Result<Response, Problem> {
    let Some(Shown::Pump(pump, current)) = peer.shown.as_deref() else {
        return Err(refuse(&hub, &peer, None, "no-pump-certificate", "renew with the pump's own certificate").await);
    };
    if let Err(word) = hub.registry.admit(pump) {
        let why = format!("this certificate may not be renewed: {word}. Enrol again, or ask clinical engineering");
        return Err(refuse(&hub, &peer, Some(pump.pump), word, &why).await);
    }
    let csr = parse(&hub, &peer, body).await?;
    if !csr.names_match(current) {
        let why = "a renewal must name exactly what the current certificate names (RFC 7030 section 4.2.2)";
        return Err(refuse(&hub, &peer, Some(pump.pump), "other-names", why).await);
    }
    let names = PumpNames {
        pump: pump.pump,
        serial: pump.serial.clone(),
        hospital: hub.config.hospital.clone(),
        hw_type: Some(pump.hw_type),
    };
    issue(&hub, &csr, &names, "renewed by its own certificate").await
}

/// Who the peer says it is; the cheap part, before anything is read.
fn proof(hub: &Hub, peer: &HttpPeer, headers: &HeaderMap) -> Result<Proof, Problem> {
    if let Some(Shown::Birth(birth)) = peer.shown.as_deref() {
        return Ok(Proof::Birth(birth.clone()));
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
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, coded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(coded.trim()).ok()?).ok()?;
    let (serial, code) = text.split_once(':')?;
    Some((Serial::new(serial).ok()?, code.to_owned()))
}

async fn parse(hub: &Hub, peer: &HttpPeer, body: Body) -> Result<Csr, Problem> {
    let bytes = body_of(hub, body).await?;
    Csr::parse(&bytes).map_err(|error| {
        hub.links.strangers().note("", peer.place, "bad-request", now());
        Problem::Bad(error.to_string())
    })
}

async fn expected_by_birth(hub: &Hub, peer: &HttpPeer, birth: &BirthIdentity) -> Result<PumpRow, Problem> {
    let Some(model) = &birth.model else {
        return Err(refuse(hub, peer, None, "no-model", "the birth certificate names no model (OU)").await);
    };
    let Some(pump) = hub.store.pump_by_serial(model, &birth.serial).await? else {
        let why = format!("{model} with serial number {} is not expected here; add it to the manifest", birth.serial);
        return Err(refuse(hub, peer, None, "not-expected", &why).await);
    };
    may_enrol(hub, peer, &pump).await?;
    // A pump that has a good certificate renews with it. A copy of its birth certificate must not push it out.
    let is_good = pump.certificate.as_ref().is_some_and(|c| c.revocation.is_none() && c.not_after > now());
    if is_good && !hub.config.birth_again {
        let why = "this pump holds a good certificate already; give it up with `wardline pump re-enrol` first";
        return Err(refuse(hub, peer, Some(pump.id), "enrolled-already", why).await);
    }
    Ok(pump)
}

async fn expected_by_code(hub: &Hub, peer: &HttpPeer, serial: &Serial, code: &str) -> Result<PumpRow, Problem> {
    let wrong = "this code does not enrol this pump: it is unknown, used, expired, or another pump's";
    let Some(id) = hub.store.spend_enrolment_code(code, now()).await? else {
        return Err(refuse(hub, peer, None, "wrong-code", wrong).await);
    };
    let pump = hub.store.pump(id).await?.filter(|pump| pump.serial == *serial);
    let Some(pump) = pump else {
        return Err(refuse(hub, peer, Some(id), "code-of-another-pump", wrong).await);
    };
    may_enrol(hub, peer, &pump).await?;
    Ok(pump)
}

async fn may_enrol(hub: &Hub, peer: &HttpPeer, pump: &PumpRow) -> Result<(), Problem> {
    let certificate = if pump.certificate.is_some() { Certificate::Current } else { Certificate::None };
    match decide(Before { lifecycle: pump.standing.lifecycle, certificate }, Act::Enrol, By::Hub) {
        Ok(_) => Ok(()),
        Err(refused) => Err(refuse(hub, peer, Some(pump.id), "not-from-here", &refused.to_string()).await),
    }
}

/// Counts and records a refusal, and says it.
async fn refuse(hub: &Hub, peer: &HttpPeer, pump: Option<PumpId>, word: &'static str, why: &str) -> Problem {
    let at = now();
    let claim = match peer.shown.as_deref() {
        Some(Shown::Pump(pump, _)) => format!("pump {}", pump.pump),
        Some(Shown::Birth(birth)) => format!("serial {}", birth.serial),
        None => String::new(),
    };
    hub.links.strangers().note(&claim, peer.place, word, at);
    if hub.est.may_record() {
        let by = Decision { by: Actor::Stranger(peer.place.ip().to_string()), reason: why.to_owned(), at };
        let subject = if claim.is_empty() { word.to_owned() } else { format!("{word}: {claim}") };
        if let Err(error) = hub.store.record(&by, &Entry::refused("enrolment.refused", pump, subject)).await {
            tracing::error!(%error, "a refused enrolment could not be recorded");
        }
    }
    Problem::Forbidden(why.to_owned())
}

/// Signs, makes durable, updates the registry, answers: in this order.
async fn issue(hub: &Hub, csr: &Csr, names: &PumpNames, why: &str) -> Result<Response, Problem> {
    let at = now();
    let approved = profile::pump(csr, names)?.with_revocation(crate::status::places(&hub.config));
    let cert: Cert = hub.issuing.sign(&approved, &crate::server::serial()?, at)?;
    let row = NewCertificate {
        serial: cert.serial().to_string(),
        fingerprint: cert.fingerprint(),
        pump: names.pump,
        not_before: cert.not_before(),
        not_after: cert.not_after(),
        der: cert.der().to_vec(),
    };
    let by = Decision { by: Actor::Pump(names.pump), reason: why.to_owned(), at };
    match hub.store.issue_certificate(&row, &by).await {
        Ok(entry) => {
            hub.apply(&entry);
            certs_only_response(&[&cert])
        }
        Err(wardline_store::StoreError::Refused { why, .. }) => Err(Problem::Forbidden(why)),
        Err(error) => Err(error.into()),
    }
}
