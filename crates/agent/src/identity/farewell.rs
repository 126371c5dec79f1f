//! The end of a pump's life, as far as it is a conversation: asking the hub whether this pump is to be wiped, and handing
//! in the receipt.
//!
//! Both are done without a certificate, because the pump's own is revoked by then. The hub still has to prove itself under
//! the roots that the pump believes, and the order is obeyed for its signature only.

use wardline_release::wipe::{self, Intent, KeyPlace, WipeOrder};
use wardline_release::{Verified, sha256};

use super::est::{self, Est};
use super::kept::Kept;
use super::steps::Settings;
use super::{Failed, KeyHome};

/// An order that the pump will obey, and who signs for it.
pub(crate) struct Farewell {
    /// The order, proven.
    pub(crate) order: Verified<WipeOrder>,
    /// Whom the pump believes, for the receipt.
    pub(crate) roots: Vec<Vec<u8>>,
}

/// Asks whether there is an order for this pump. An order that is not for it, or not signed, is said and forgotten.
pub(crate) async fn ask(settings: &Settings, kept: &Kept, roots: &[Vec<u8>]) -> Result<Option<Farewell>, Failed> {
    let Some(pinned) = &kept.pinned else { return Ok(None) };
    let pump = kept.current.leaf()?.pump;
    let talk = async {
        let mut est = Est::open(settings.est(), settings.name(), est::stranger(roots)?).await?;
        est.wipe_order(pump).await
    };
    let bytes = est::in_time(talk).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let certificates = certificates(kept)?;
    match wipe::verify(&bytes, &pinned.goal_key()?, pump, &certificates) {
        Ok(order) => Ok(Some(Farewell { order, roots: roots.to_vec() })),
        Err(why) => {
            tracing::error!(%why, "a wipe order was refused");
            Ok(None)
        }
    }
}

/// Hands in a receipt.
pub(crate) async fn hand_in(place: &str, name: &str, roots: &[Vec<u8>], receipt: Vec<u8>) -> Result<(), Failed> {
    est::in_time(async {
        let mut est = Est::open(place, name, est::stranger(roots)?).await?;
        est.wipe_receipt(receipt).await
    })
    .await
}

/// SHA-256 of what the pump may show.
fn certificates(kept: &Kept) -> Result<Vec<wardline_model::Digest>, Failed> {
    std::iter::once(&kept.current).chain(&kept.next).map(|credential| Ok(sha256(&credential.der()?))).collect()
}

/// The pump's own signature over what it is about to do, made with the key of the certificate that the order names.
pub(crate) fn sign(kept: &Kept, home: &KeyHome, order: &WipeOrder, intent: &mut Intent) -> Result<Vec<u8>, Failed> {
    for credential in std::iter::once(&kept.current).chain(&kept.next) {
        let certificate = sha256(&credential.der()?);
        if order.certificates.contains(&certificate) {
            intent.certificate = certificate;
            intent.keys = if home.is_slow() { KeyPlace::Tpm2 } else { KeyPlace::Software };
            return credential.key(home)?.sign(&intent.to_canonical());
        }
    }
    Err(Failed::new("the order names none of the pump's certificates"))
}
