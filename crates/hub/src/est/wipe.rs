//! The end of a pump's life at the hub: `GET /wardline/v1/wipe/{pump}` gives a pump its wipe order, and
//! `POST /wardline/v1/wipe-receipt` takes its receipt.
//!
//! Nobody has to prove who they are to ask: the pump's certificate is revoked by then. An order is signed, names one pump
//! by its certificates and is worth nothing to anybody else; whoever asks must know the pump's id, which has 122 random
//! bits. A receipt proves itself: it is signed with the key of a certificate that this hub issued to that pump (N14).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt as _, Limited};
use wardline_model::{PumpId, covers};
use wardline_pki::Cert;
use wardline_release::Verified;
use wardline_release::key::{hex, unhex};
use wardline_release::limits::MAX_WIPE_RECEIPT_BYTES;
use wardline_release::wipe::{self, Intent, Receipt, WipeOrder};
use wardline_store::{Actor, Decision, WipeRow};

use super::Problem;
use crate::state::{Hub, now};

/// The order for this pump; an empty body when there is none, whether or not there is such a pump.
pub(super) async fn order(State(hub): State<Arc<Hub>>, Path(pump): Path<String>) -> Result<Response, Problem> {
    covers!("N8");
    let pump: PumpId = pump.parse().map_err(|error| Problem::Bad(format!("the pump's id is {error}")))?;
    if !hub.est.may_try(format!("wipe {pump}")) {
        return Err(Problem::TooMany);
    }
    let Some(row) = hub.store.wipe_of(pump).await?.filter(WipeRow::is_open) else {
        return Ok(json(Vec::new()));
    };
    let signed = wipe::sign(&order_of(&row)?, &hub.goal_key);
    hub.store.wipe_fetched(&row.nonce, now()).await?;
    Ok(json(signed))
}

fn order_of(row: &WipeRow) -> Result<WipeOrder, Problem> {
    let nonce = unhex(&row.nonce).and_then(|bytes| bytes.try_into().ok()).ok_or(Problem::Trouble)?;
    let WipeRow { pump, ending, ref certificates, decided, .. } = *row;
    Ok(WipeOrder { pump, ending, nonce, certificates: certificates.clone(), decided })
}

/// A receipt. The same one again is fine: the answer to the first may have been lost.
pub(super) async fn receipt(State(hub): State<Arc<Hub>>, body: Body) -> Result<Response, Problem> {
    covers!("N14");
    let limit = usize::try_from(MAX_WIPE_RECEIPT_BYTES).unwrap_or(usize::MAX);
    let body = Limited::new(body, limit).collect().await;
    let bytes = body.map_err(|_| Problem::Bad("the receipt is too long, or ended early".into()))?.to_bytes();
    let claimed = Intent::claimed(&bytes).map_err(|why| Problem::Bad(why.to_string()))?;
    if !hub.est.may_try(format!("wiped {}", claimed.pump)) {
        return Err(Problem::TooMany);
    }
    let unknown = || Problem::Forbidden("no such wipe was ordered".into());
    let row = hub.store.wipe_named(&hex(&claimed.nonce)).await?.ok_or_else(unknown)?;
    if row.pump != claimed.pump || row.ending != claimed.ending || !row.certificates.contains(&claimed.certificate) {
        return Err(unknown());
    }
    let der = hub.store.certificate_by_fingerprint(&claimed.certificate).await?.ok_or_else(unknown)?;
    let receipt = checked(&bytes, &der).map_err(Problem::Forbidden)?;
    let by = Decision {
        by: Actor::Pump(receipt.intent.pump),
        reason: format!("key gone from {}, {} files", receipt.done.key.as_str(), receipt.intent.files),
        at: now(),
    };
    if hub.store.keep_wipe_receipt(&row.nonce, &bytes, &by).await? {
        tracing::info!(pump = %row.pump, ending = %row.ending, "a pump is wiped");
    }
    Ok(json(Vec::new()))
}

/// A receipt that the key of this certificate signed.
fn checked(bytes: &[u8], certificate: &[u8]) -> Result<Verified<Receipt>, String> {
    let certificate = Cert::from_der(certificate).map_err(|error| error.to_string())?;
    wipe::proven(bytes, |_, signed, signature| certificate.verify_by_its_key(signed, signature).is_ok())
        .map_err(|why| why.to_string())
}

fn json(bytes: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, "application/json")], bytes).into_response()
}
