//! The revocation list, signed again when a decision changed what it says.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use wardline_model::{Span, Time};

use super::Trouble;
use crate::state::{Hub, now};

/// How long a list is good: RADIUS servers fetch hourly or daily, and a hub that is down for a weekend must not shut the
/// pumps out of the Wi-Fi.
const LASTS: Span = Span::from_days(7);

/// A list is signed anew when it is older than this, decision or not, so that its dates never get old.
const KEPT: Span = Span::from_h(1);

/// A signed list, and the decisions that it knows of.
#[derive(Debug)]
pub(super) struct Kept {
    at: Time,
    changes: u64,
    der: Arc<[u8]>,
}

/// The list of the issuing CA in use, or of the one that a change leaves.
pub(super) async fn list(State(hub): State<Arc<Hub>>) -> Result<Response, Trouble> {
    let generation = hub.trust.now().old.generations.issuing;
    of(&hub, generation).await
}

/// The list of one issuing CA, DER (media type of RFC 2585). While authorities change, both lists hold the serial numbers of
/// both: they are random, so a number that is on the other CA's list too names nobody there.
pub(super) async fn of(hub: &Hub, generation: u64) -> Result<Response, Trouble> {
    let der = current(hub, generation).await?;
    let head = [(CONTENT_TYPE, "application/pkix-crl"), (CACHE_CONTROL, "max-age=1")];
    Ok((head, der.to_vec()).into_response())
}

async fn current(hub: &Hub, generation: u64) -> Result<Arc<[u8]>, Trouble> {
    let mut lists = hub.status.lists.lock().await;
    // Counted before the database is read: a decision in between makes the next list, it is never missed.
    let (at, changes) = (now(), hub.registry.changes());
    if let Some(kept) = lists.get(&generation).filter(|kept| kept.changes == changes && at.since(kept.at) < KEPT) {
        return Ok(Arc::clone(&kept.der));
    }
    let gone = || Trouble("this issuing authority is no longer in use".into());
    let ca = Arc::clone(hub.trust.now().issuing(generation).ok_or_else(gone)?);
    let revoked = hub.store.revoked(at).await?;
    let entry = |row: &wardline_store::RevokedRow| {
        Ok(wardline_pki::Revoked {
            serial: row.serial.parse()?,
            at: row.revocation.at,
            reason: wardline_pki::Reason::from_code(row.revocation.code),
        })
    };
    let entries = revoked.iter().map(entry).collect::<Result<Vec<_>, wardline_pki::PkiError>>()?;
    let number = hub.store.next_crl_number().await?;
    let der: Arc<[u8]> = crate::ca::sign_crl(&ca, number, entries, [at, at + LASTS]).await?.into();
    hub.ledger.list_signed(at + LASTS);
    lists.insert(generation, Kept { at, changes, der: Arc::clone(&der) });
    Ok(der)
}
