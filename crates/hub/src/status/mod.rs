//! What the hub tells third parties about certificates, over plain HTTP: a RADIUS server that admits pumps to the Wi-Fi,
//! an EMR gateway, `openssl`.
//!
//! | route | what |
//! |---|---|
//! | `GET /issuing.crl` | the full revocation list (RFC 5280), as new as the last decision |
//! | `POST /ocsp`, `GET /ocsp/<base64>` | the state of one certificate (RFC 6960, RFC 9919) |
//! | `GET /issuing.cer` | the issuing CA's certificate (caIssuers) |
//! | `GET /root.cer` | the fleet's root |
//! | `GET /ca/all.pem` | every authority that counts, for a RADIUS server |
//! | `GET /ca/issuing-2.crl`, `/ca/issuing-2.cer` | the same of a later issuing CA: while authorities change both are told of |
//!
//! Plain HTTP as RFC 5280 section 8 and RFC 6960 appendix A expect: everything here is signed, nothing is secret, and a
//! client that needed TLS to ask whether a certificate is good would have to ask first. Nothing can be changed here.

mod crl;
mod ocsp;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Mutex;
use wardline_model::Span;
use wardline_pki::profile::RevocationInfo;
use wardline_pki::{Cert, PkiError};
use wardline_store::StoreError;

use crate::config::Config;
use crate::state::Hub;

/// What the door remembers between requests, for each issuing CA by its generation.
#[derive(Debug, Default)]
pub(crate) struct StatusState {
    lists: Mutex<BTreeMap<u64, crl::Kept>>,
    responders: Mutex<BTreeMap<u64, Arc<ocsp::Desk>>>,
}

/// A certificate that lasts less than this counts as short-lived: the bound of the CA/Browser Forum, 10 days.
const SHORT: Span = Span::from_days(10);

/// What a pump's certificate that lasts so long says about where to ask: nothing unless the operator named a public
/// address; and that there is nothing to ask (noRevAvail, RFC 9608) when it is short-lived and the operator wants that. The
/// two never stand together.
pub(crate) fn places(hub: &Hub, lasts: Span) -> RevocationInfo {
    if is_unasked(&hub.config, lasts) {
        return RevocationInfo::NotAvailable;
    }
    let file = match hub.trust.now().issues().generations.issuing {
        1 => "issuing".to_owned(),
        later => format!("ca/issuing-{later}"),
    };
    hub.config.status_public.as_ref().map_or(RevocationInfo::Silent, |base| RevocationInfo::At {
        crl: format!("{base}/{file}.crl"),
        ocsp: format!("{base}/ocsp"),
        issuer: format!("{base}/{file}.cer"),
    })
}

/// Whether nobody is to ask about a certificate that lasts so long.
fn is_unasked(config: &Config, lasts: Span) -> bool {
    config.short_lived && lasts < SHORT
}

/// The routes.
pub fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/issuing.crl", get(crl::list))
        .route("/ocsp", post(ocsp::posted))
        .route("/ocsp/{*request}", get(ocsp::got))
        .route("/issuing.cer", get(async |State(hub): State<Arc<Hub>>| certificate(hub.trust.now().old.issuing.cert())))
        .route("/root.cer", get(async |State(hub): State<Arc<Hub>>| certificate(&hub.trust.now().old.root)))
        .route("/ca/{file}", get(of_a_generation))
        .layer(DefaultBodyLimit::max(wardline_pki::ocsp::MAX_REQUEST))
        .with_state(hub)
}

/// `issuing-2.crl` or `issuing-2.cer`: of an issuing CA whose certificates may be in use.
async fn of_a_generation(State(hub): State<Arc<Hub>>, Path(file): Path<String>) -> Result<Response, Trouble> {
    if file == "all.pem" {
        let text: String = hub.trust.now().cacerts().iter().map(Cert::to_pem).collect();
        return Ok(([(CONTENT_TYPE, "application/x-pem-file")], text).into_response());
    }
    let asked = file.strip_prefix("issuing-").and_then(|rest| rest.split_once('.'));
    let asked = asked.and_then(|(generation, kind)| Some((generation.parse::<u64>().ok()?, kind)));
    let Some((generation, kind)) = asked.filter(|(generation, _)| hub.trust.now().issuing(*generation).is_some())
    else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    match (kind, hub.trust.now().issuing(generation)) {
        ("crl", _) => crl::of(&hub, generation).await,
        ("cer", Some(issuing)) => Ok(certificate(issuing.cert())),
        (_, _) => Ok(StatusCode::NOT_FOUND.into_response()),
    }
}

/// RFC 2585 section 3.
fn certificate(cert: &Cert) -> Response {
    ([(CONTENT_TYPE, "application/pkix-cert")], cert.der().to_vec()).into_response()
}

/// Our own trouble; the client asks again.
struct Trouble(String);

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<PkiError> for Trouble {
    fn from(error: PkiError) -> Self {
        Self(error.to_string())
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        tracing::error!(error = self.0, "the state of certificates could not be told");
        (StatusCode::SERVICE_UNAVAILABLE, "the hub is in trouble; try again later\n").into_response()
    }
}

#[cfg(test)]
mod tests;
