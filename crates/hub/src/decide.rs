//! The one way to decide about a pump, whoever asks: the rules of `fleet`, one transaction of the store, the registry, the
//! live link.
//!
//! It refuses what the rules of a pump's life forbid, and records the refusal. The order is the rule that it keeps: a
//! decision is durable with its audit record before the registry knows it, and the registry knows it before a link is
//! cut; so nobody is told of a decision that a power cut could undo, and a pump that comes back at once is refused.
//! Nothing here reaches therapy: a cut link is all that a pump ever notices (N8).

use wardline_fleet::lifecycle::{Act, After, Before, By, Certificate, decide};
use wardline_model::{PumpId, covers};
use wardline_store::{Decision, Entry, LifecycleChange, RegistryEntry, Store, StoreError};

/// Why a decision about a pump was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The rules of a pump's life forbid it.
    #[error(transparent)]
    Refused(#[from] wardline_fleet::lifecycle::Refused),
    /// The store could not keep it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a decision did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What the guard of the handshake knows of the pump from now on.
    pub entry: RegistryEntry,
    /// How many live links were cut at this hub process.
    pub links_cut: usize,
}

/// Takes a decision about a pump. `moved` puts the changed entry into the registry, cuts the link that it forbids, and
/// says how many links that were.
///
/// # Errors
/// [`DecideError`], which says why and what can be done instead. A refusal by the rules is in the audit by then.
pub async fn about_pump(
    store: &Store,
    moved: impl Fn(&RegistryEntry) -> usize,
    pump: PumpId,
    act: Act,
    by: By,
    why: &Decision,
) -> Result<Decided, DecideError> {
    covers!("N8");
    let entry = store.registry_entry(pump).await?;
    let has = entry.current.is_some() || entry.pending.is_some();
    let certificate = if has { Certificate::Current } else { Certificate::None };
    let After { lifecycle: to, .. } = match decide(Before { lifecycle: entry.lifecycle, certificate }, act, by) {
        Ok(after) => after,
        Err(refused) => {
            let asked = Decision { reason: format!("{}; {refused}", why.reason), ..why.clone() };
            let subject =
                store.pump(pump).await?.map_or_else(|| entry.serial.to_string(), |row| row.asset_tag.to_string());
            store.record(&asked, &Entry::refused(audit_name(act), Some(pump), subject)).await?;
            return Err(refused.into());
        }
    };
    // What the new place in its life takes away of its certificates is part of the same transaction.
    let entry = store.decide_lifecycle(LifecycleChange { pump, from: entry.lifecycle, to }, why).await?;
    let links_cut = moved(&entry);
    Ok(Decided { entry, links_cut })
}

/// The act's name in the audit, as the table of routes spells it.
const fn audit_name(act: Act) -> &'static str {
    match act {
        Act::Quarantine => "pump.quarantine",
        Act::Release => "pump.release",
        Act::ReportLost => "pump.lost",
        Act::Find => "pump.found",
        Act::Retire => "pump.retire",
        Act::ReEnrol => "pump.re-enrol",
        Act::Enrol => "pump.enrol",
        Act::Link => "pump.link",
    }
}
