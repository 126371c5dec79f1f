//! The end of a pump's life on its page and in the API: the order to wipe it, and its receipt.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use wardline_api::types::{Wipe, WipeReceipt, WipeState};
use wardline_release::wipe::Receipt;
use wardline_store::WipeRow;

use super::app::Console;
use super::fault::Fault;
use super::pump::pump_id;

/// `GET /api/v1/pumps/{pump}/wipe`.
pub(super) async fn api(State(console): State<Arc<Console>>, Path(id): Path<String>) -> Result<Json<Wipe>, Fault> {
    let id = pump_id(&id)?;
    console.pump(id).await?;
    let row = console.store.wipe_of(id).await?;
    row.map(|row| Json(view(row))).ok_or_else(|| Fault::not_found("an order to wipe this pump"))
}

/// What the page of a pump shows of it, when there is anything.
pub(super) async fn of(console: &Console, pump: wardline_model::PumpId) -> Result<Option<Wipe>, Fault> {
    Ok(console.store.wipe_of(pump).await?.map(view))
}

fn view(row: WipeRow) -> Wipe {
    let state = match &row {
        WipeRow { received: Some(_), .. } => WipeState::Wiped,
        WipeRow { withdrawn: Some(_), .. } => WipeState::Withdrawn,
        WipeRow { fetched: Some(_), .. } => WipeState::Taken,
        WipeRow { .. } => WipeState::Ordered,
    };
    let WipeRow { nonce, pump, ending, decided, fetched, received, receipt, .. } = row;
    // Only what was proven when it came is kept.
    let receipt = receipt.and_then(|bytes| {
        let read = Receipt::as_kept(&bytes).ok()?;
        Some(told(&read, String::from_utf8(bytes).ok()?))
    });
    Wipe { pump, ending, state, nonce, decided, fetched, received, receipt }
}

fn told(receipt: &Receipt, signed: String) -> WipeReceipt {
    let Receipt { intent, done } = receipt;
    WipeReceipt {
        keys: intent.keys.as_str().into(),
        key_gone: done.key.as_str().into(),
        files: intent.files,
        bytes: intent.bytes,
        names: intent.names.clone(),
        left: done.left,
        events: intent.events,
        began: intent.at,
        done: done.at,
        certificate: intent.certificate.to_string(),
        signed,
    }
}

/// Why it was ordered, for people.
pub(super) const fn why(ending: &wardline_model::Ending) -> &'static str {
    match ending {
        wardline_model::Ending::Retired => "retired",
        wardline_model::Ending::Lost => "lost",
        wardline_model::Ending::LoanerReturn => "given back",
    }
}

/// Where it stands, for people.
pub(super) const fn state(state: &WipeState) -> &'static str {
    match state {
        WipeState::Ordered => "The pump has not asked yet: it is off or out of reach. It is told when it next comes.",
        WipeState::Taken => "The pump took the order. Its receipt has not come yet.",
        WipeState::Wiped => "The pump destroyed its keys and data, and signed for it.",
        WipeState::Withdrawn => "Taken back: the pump was found before it took the order.",
    }
}

/// How the device key went, for people.
pub(super) fn key_gone(word: &str) -> &'static str {
    if word == "tpm-and-disk" { "removed from its TPM and from its disk" } else { "overwritten on its disk" }
}
