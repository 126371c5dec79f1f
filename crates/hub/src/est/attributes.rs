//! `csrattrs` (RFC 7030 section 4.5, RFC 9908): what a client should put into its request. A pump that shows a certificate
//! and is on the list is told the names that it will get; anybody else, which parts of them to fill in. Nothing is decided
//! here, so nobody is refused: what a request may have is said when it comes.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use wardline_pki::csrattrs;
use wardline_pki::est::encode_body;
use wardline_pki::profile::PumpNames;

use super::label::Label;
use super::{Problem, layout_of};
use crate::door::HttpPeer;
use crate::state::Hub;
use crate::tls::Shown;

pub(super) async fn csrattrs(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<HttpPeer>,
    _label: Label,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let attributes = match names(&hub, &peer).await? {
        Some(names) => csrattrs::for_pump(&names)?,
        None => csrattrs::for_anybody(&hub.config.hospital)?,
    };
    let body = encode_body(&attributes, layout_of(&headers));
    Ok(([(CONTENT_TYPE, csrattrs::CONTENT_TYPE)], body).into_response())
}

/// What the certificate of this peer will name, when it is a pump on the list.
async fn names(hub: &Hub, peer: &HttpPeer) -> Result<Option<PumpNames>, Problem> {
    let hospital = hub.config.hospital.clone();
    match peer.shown.as_deref() {
        Some(Shown::Pump(pump, _)) => {
            let (serial, hw_type) = (pump.serial.clone(), Some(pump.hw_type));
            Ok(Some(PumpNames { pump: pump.pump, serial, hospital, hw_type }))
        }
        Some(Shown::Birth(birth, _)) => {
            let Some(model) = &birth.model else { return Ok(None) };
            let pump = hub.store.pump_by_serial(model, &birth.serial).await?;
            Ok(pump.map(|pump| PumpNames {
                pump: pump.id,
                serial: pump.serial,
                hospital,
                hw_type: Some(birth.hw_type),
            }))
        }
        None => Ok(None),
    }
}
