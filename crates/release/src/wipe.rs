//! The order to forget everything that makes a pump a pump of this hospital, signed with the hub's goal key.
//!
//! An order is for one pump and for the certificates that it had when the order was given. A pump that has enrolled anew
//! since then has other certificates, so an old order that somebody kept and plays back does nothing; nor does one for
//! another pump (N14). What an order reaches is the pump's network side only: nothing that therapy uses (N8).
//!
//! The pump answers with a receipt (`receipt`).

mod receipt;
#[cfg(test)]
mod tests;

use alloc::string::ToString;
use alloc::vec::Vec;

use ed25519_dalek::SigningKey;
use wardline_model::{Digest, Ending, PumpId, Time, covers};

use crate::goal::{signed_by, signed_with};
use crate::json::{Value, int, object};
use crate::key::{PublicKey, hex, unhex};
use crate::limits::{MAX_WIPE_CERTIFICATES, MAX_WIPE_ORDER_BYTES};
use crate::refused::{Refused, Why};
use crate::verified::Verified;

pub use receipt::{Done, Gone, Intent, KeyPlace, Receipt, assemble, proven};

const TYPE: &str = "wardline-wipe";

/// A number that names one order: sixteen random bytes.
pub type Nonce = [u8; 16];

/// A wipe order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WipeOrder {
    /// Whom it is for.
    pub pump: PumpId,
    /// Why.
    pub ending: Ending,
    /// Its name.
    pub nonce: Nonce,
    /// SHA-256 of each certificate that the pump may hold.
    pub certificates: Vec<Digest>,
    /// When it was decided, by the hub's clock.
    pub decided: Time,
}

/// Signs an order with the hub's goal key. The same order gives the same bytes.
#[must_use]
pub fn sign(order: &WipeOrder, key: &SigningKey) -> Vec<u8> {
    let certificates = order.certificates.iter().map(|digest| digest.to_string().into()).collect();
    let signed = object([
        ("_type", TYPE.into()),
        ("certificates", Value::Array(certificates)),
        ("decided", int(order.decided.as_unix_ms())),
        ("ending", order.ending.as_str().into()),
        ("nonce", hex(&order.nonce).into()),
        ("pump", order.pump.to_string().into()),
    ]);
    signed_with(signed, key)
}

/// Checks an order: the pinned key signed it, it is for this pump, and for a certificate that the pump has.
///
/// # Errors
/// What was wrong with it.
pub fn verify(
    bytes: &[u8],
    goal_key: &PublicKey,
    pump: PumpId,
    certificates: &[Digest],
) -> Result<Verified<WipeOrder>, Refused> {
    covers!("N14", "N8");
    let checked = || {
        if bytes.len() as u64 > MAX_WIPE_ORDER_BYTES {
            return Err(Why::TooLarge { limit: MAX_WIPE_ORDER_BYTES });
        }
        let order = read(&signed_by(&Value::parse(bytes)?, goal_key)?)?;
        if order.pump != pump {
            return Err(Why::OtherPump(order.pump));
        }
        if !order.certificates.iter().any(|named| certificates.contains(named)) {
            return Err(Why::OtherLife);
        }
        Ok(Verified::proven(order))
    };
    checked().map_err(|why: Why| why.about("wipe order"))
}

fn read(signed: &Value) -> Result<WipeOrder, Why> {
    let text = |name: &'static str| signed.get(name).and_then(Value::as_str).ok_or(Why::Shape(name));
    if text("_type")? != TYPE {
        return Err(Why::Shape("_type"));
    }
    let listed = signed.get("certificates").and_then(Value::as_array).ok_or(Why::Shape("certificates"))?;
    if listed.is_empty() || listed.len() > MAX_WIPE_CERTIFICATES {
        return Err(Why::Shape("certificates"));
    }
    let digest = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).ok_or(Why::Shape("certificates"));
    Ok(WipeOrder {
        pump: text("pump")?.parse().map_err(|_| Why::Shape("pump"))?,
        ending: text("ending")?.parse().map_err(|_| Why::Shape("ending"))?,
        nonce: nonce(text("nonce")?)?,
        certificates: listed.iter().map(digest).collect::<Result<_, _>>()?,
        decided: signed.get("decided").and_then(Value::as_u64).map(Time::from_unix_ms).ok_or(Why::Shape("decided"))?,
    })
}

fn nonce(text: &str) -> Result<Nonce, Why> {
    unhex(text).and_then(|bytes| bytes.try_into().ok()).ok_or(Why::Shape("nonce"))
}
