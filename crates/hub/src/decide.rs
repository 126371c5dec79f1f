//! The one way to decide about a pump, whoever asks: the rules of `fleet`, one transaction of the store, the registry, the
//! live link.
//!
//! It refuses what the rules of a pump's life forbid, and records the refusal. The order is the rule that it keeps: a
//! decision is durable with its audit record before the registry knows it, and the registry knows it before a link is
//! cut; so nobody is told of a decision that a power cut could undo, and a pump that comes back at once is refused.
//! Nothing here reaches therapy: a cut link is all that a pump ever notices (N8).

use wardline_fleet::lifecycle::{Act, After, Before, By, Certificate, decide, ending};
use wardline_fleet::posture::{Cause, Proven};
use wardline_fleet::takedown;
use wardline_model::{PumpId, QuarantineLevel, Time, covers};
use wardline_store::{Cap, Decision, Entry, LifecycleChange, QuarantineChange, RegistryEntry, Store, StoreError};

/// Why a decision about a pump was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The rules of a pump's life forbid it.
    #[error(transparent)]
    Refused(#[from] wardline_fleet::lifecycle::Refused),
    /// The rules about levels of quarantine forbid it.
    #[error(transparent)]
    Level(takedown::Refused),
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

/// What to do about a quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Hold the pump at this level.
    At(QuarantineLevel),
    /// Give it back.
    GiveBack,
    /// Take the newest decision back: the level before it.
    Undo,
    /// Give it back without a person.
    Proven(Proven),
}

/// A decision about the level at which a pump is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What to do.
    pub hold: Hold,
    /// A person, or which rule.
    pub cause: Cause,
    /// When it ends.
    pub until: Option<Time>,
    /// How many pumps the rule may hold.
    pub cap: Option<Cap>,
}

impl Order {
    /// What a person wants, without an end.
    #[must_use]
    pub const fn of_person(hold: Hold) -> Self {
        Self { hold, cause: Cause::Person, until: None, cap: None }
    }
}

/// Puts a pump at a level of quarantine, or gives it back. `moved` as in [`about_pump`].
///
/// # Errors
/// [`DecideError`], which says why and what can be done instead. A refusal by the rules is in the audit by then.
pub async fn hold(
    store: &Store,
    moved: impl Fn(&RegistryEntry) -> usize,
    pump: PumpId,
    order: &Order,
    by: By,
    why: &Decision,
) -> Result<Decided, DecideError> {
    covers!("N8");
    let from = store.held(pump).await?;
    let (placed, action) = match &order.hold {
        Hold::At(level) => (takedown::place(from, *level, by), "pump.quarantine"),
        Hold::GiveBack => (takedown::give_back(from, by), "pump.release"),
        Hold::Undo => (takedown::undo(from, by), "pump.quarantine.undo"),
        Hold::Proven(proof) => (takedown::give_back_proven(from, proof), "pump.release"),
    };
    let to = match placed {
        Ok(to) => to,
        Err(refused) => {
            refuse(store, pump, action, &refused, why).await?;
            return Err(match refused {
                takedown::Refused::Life(refused) => refused.into(),
                refused => DecideError::Level(refused),
            });
        }
    };
    let (cause, until, cap) = (order.cause, order.until, order.cap);
    let change = QuarantineChange { pump, from, to, cause, until, action, cap };
    let entry = store.decide_quarantine(&change, why).await?;
    let links_cut = moved(&entry);
    Ok(Decided { entry, links_cut })
}

/// Records a refusal by the rules.
async fn refuse(
    store: &Store,
    pump: PumpId,
    action: &str,
    refused: &impl std::fmt::Display,
    why: &Decision,
) -> Result<(), StoreError> {
    let asked = Decision { reason: format!("{}; {refused}", why.reason), ..why.clone() };
    let subject = store.pump(pump).await?.map_or_else(|| pump.to_string(), |row| row.asset_tag.to_string());
    store.record(&asked, &Entry::refused(action, Some(pump), subject)).await.map(drop)
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
    match act {
        Act::Quarantine => {
            let order = Order::of_person(Hold::At(QuarantineLevel::Cut));
            return hold(store, moved, pump, &order, by, why).await;
        }
        Act::Release => return hold(store, moved, pump, &Order::of_person(Hold::GiveBack), by, why).await,
        Act::Enrol | Act::Link | Act::ReportLost | Act::Find | Act::Retire | Act::ReEnrol | Act::ReturnLoaner => {}
    }
    let entry = store.registry_entry(pump).await?;
    let has = entry.current.is_some() || entry.pending.is_some();
    let certificate = if has { Certificate::Current } else { Certificate::None };
    let After { lifecycle: to, .. } = match decide(Before { lifecycle: entry.lifecycle, certificate }, act, by) {
        Ok(after) => after,
        Err(refused) => {
            refuse(store, pump, audit_name(act), &refused, why).await?;
            return Err(refused.into());
        }
    };
    // What the new place in its life takes away of its certificates is part of the same transaction.
    let change = LifecycleChange { pump, from: entry.lifecycle, to };
    let entry = match ending(act) {
        Some(ending) => store.decide_lifecycle_ending(change, ending, why).await?,
        None => store.decide_lifecycle(change, why).await?,
    };
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
        Act::ReturnLoaner => "pump.loaner-return",
        Act::Enrol => "pump.enrol",
        Act::Link => "pump.link",
    }
}
