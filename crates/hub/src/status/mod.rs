//! What the hub tells third parties about certificates, over plain HTTP: a RADIUS server that admits pumps to the Wi-Fi,
//! an EMR gateway, `openssl`.
//!
//! | route | what |
//! |---|---|
//! | `GET /issuing.crl` | the full revocation list (RFC 5280), as new as the last decision |
//! | `POST /ocsp`, `GET /ocsp/<base64>` | the state of one certificate (RFC 6960, RFC 9919) |
//! | `GET /issuing.cer` | the issuing CA's certificate (caIssuers) |
//! | `GET /root.cer` | the fleet's root |
//!
//! Plain HTTP as RFC 5280 section 8 and RFC 6960 appendix A expect: everything here is signed, nothing is secret, and a
//! client that needed TLS to ask whether a certificate is good would have to ask first. Nothing can be changed here.

mod crl;
mod ocsp;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Mutex;
use wardline_pki::profile::RevocationInfo;
use wardline_pki::{Cert, PkiError};
use wardline_store::StoreError;

use crate::config::Config;
use crate::state::Hub;

/// What the door remembers between requests.
#[derive(Debug, Default)]
pub(crate) struct StatusState {
    list: Mutex<Option<crl::Kept>>,
    responder: Mutex<Option<Arc<ocsp::Desk>>>,
}

/// What a pump's certificate says about where to ask: nothing unless the operator named a public address.
pub(crate) fn places(config: &Config) -> RevocationInfo {
    config.status_public.as_ref().map_or(RevocationInfo::Silent, |base| RevocationInfo::At {
        crl: format!("{base}/issuing.crl"),
        ocsp: format!("{base}/ocsp"),
        issuer: format!("{base}/issuing.cer"),
    })
}

/// The routes.
pub fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/issuing.crl", get(crl::list))
        .route("/ocsp", post(ocsp::posted))
        .route("/ocsp/{*request}", get(ocsp::got))
        .route("/issuing.cer", get(async |State(hub): State<Arc<Hub>>| certificate(hub.issuing.cert())))
        .route("/root.cer", get(async |State(hub): State<Arc<Hub>>| certificate(&hub.root)))
        .layer(DefaultBodyLimit::max(wardline_pki::ocsp::MAX_REQUEST))
        .with_state(hub)
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
