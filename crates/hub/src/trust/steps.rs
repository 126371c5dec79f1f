//! The steps of a change of authorities: each durable with its audit record before anything follows from it.
//!
//! Only forward while it is safe: a step that would leave pumps behind is refused with their number and names, unless a
//! person says to go on without them. Back only before anything was issued from the new authority.

use std::sync::Arc;

use wardline_model::Time;
use wardline_pki::roll_over::Crosses;
use wardline_pki::{Authority, PkiError, profile};
use wardline_store::{
    Decision, Entry, Generations, NewRollOver, RollOverRow, RollOverStage, RollOverWhat, Store, StoreError,
};

use super::standing::{self, Standing};
use super::{Authorities, NEW_WITH_OLD, OLD_WITH_NEW, Trust, key_name};
use crate::keys::{KeyError, Keys};
use crate::server::serial;
use crate::state::Hub;
use crate::tls::TlsError;

/// Whether a step may leave pumps behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// It may not.
    Nobody,
    /// A person has seen the list and goes on.
    ThoseBehind,
}

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// It may not be, as things are; a person reads why and what to do.
    #[error("{0}")]
    Refused(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A certificate.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The folder of keys.
pub(super) fn keys(hub: &Hub) -> Result<Keys, KeyError> {
    Ok(Keys::open(&hub.config.folder.join("keys"))?.placed(&hub.config.ca_key))
}

/// Makes the new authorities.
pub(super) async fn start(hub: &Arc<Hub>, what: RollOverWhat, by: &Decision) -> Result<(), StepError> {
    let rows = hub.store.roll_overs().await?;
    if Store::authorities_of(&rows).1.is_some() {
        let why = "a change of authorities is under way; finish it, or abandon it if the hub has not moved yet";
        return Err(StepError::Refused(why.into()));
    }
    let to = Store::next_generations(&rows, what);
    let (made, at) = (Arc::clone(hub), by.at);
    let making = tokio::task::spawn_blocking(move || make(&made, what, to, at));
    let subject = making.await.map_err(|_| PkiError::Crypto("making the new authorities"))??;
    hub.store.begin_roll_over(&NewRollOver { what, to, subject }, by).await?;
    reload(hub).await
}

/// Makes keys and certificates and keeps them; nothing uses them until the database says so.
fn make(hub: &Hub, what: RollOverWhat, to: Generations, at: Time) -> Result<String, StepError> {
    let keys = keys(hub)?;
    let now = hub.trust.now().old.generations;
    let old_name = key_name("root", now.root);
    let hospital = &hub.config.hospital;
    if !keys.can_sign(&old_name)? {
        let why = "the root's key is not on this hub, and it must sign once: bring it back with `wardline keys root \
                   import` and export it again afterwards. Where the root is the hospital's own, its people change it";
        return Err(StepError::Refused(why.into()));
    }
    let old = keys.authority(&old_name)?;
    let new_root = match what {
        RollOverWhat::Root => {
            let key = keys.new_signer(&key_name("root", to.root))?;
            let content = profile::root(key.spki(), &format!("Wardline fleet root {}", to.root), hospital)?;
            let root = Authority::self_signed(&content, key, &serial()?, at)?;
            let crosses = Crosses::sign(&old, &root, [&serial()?, &serial()?], at)?;
            keys.keep_authority(&key_name("root", to.root), &root)?;
            keys.keep_cert(&key_name(OLD_WITH_NEW, to.root), &crosses.old_with_new)?;
            keys.keep_cert(&key_name(NEW_WITH_OLD, to.root), &crosses.new_with_old)?;
            Some(root)
        }
        RollOverWhat::Issuing => None,
    };
    let above = new_root.as_ref().unwrap_or(&old);
    let key = keys.new_signer(&key_name("issuing", to.issuing))?;
    let content = profile::issuing(key.spki(), &format!("Wardline issuing CA {}", to.issuing), hospital)?;
    let issuing = Authority::new(above.sign(&content, &serial()?, at)?, key)?;
    keys.keep_authority(&key_name("issuing", to.issuing), &issuing)?;
    Ok(match &new_root {
        Some(root) => {
            let (root, issuing) = (root.cert().fingerprint(), issuing.cert().fingerprint());
            format!("new root certificate {root}, new issuing certificate {issuing}")
        }
        None => format!("new issuing certificate {}", issuing.cert().fingerprint()),
    })
}

/// Issues from the new authority from now on.
pub(super) async fn advance(hub: &Arc<Hub>, without: Without, by: &Decision) -> Result<(), StepError> {
    let standing = gate(hub, RollOverStage::Prepared, without).await?;
    let subject = format!("the hub issues from the new authority; {}", standing.left_behind());
    let entry = Entry::done("ca.roll-over.move", None, subject);
    hub.store.step_roll_over(RollOverStage::Prepared, RollOverStage::Moved, by, &entry).await?;
    reload(hub).await
}

/// Accepts only the new authority from now on, and destroys the old keys.
pub(super) async fn finish(hub: &Arc<Hub>, without: Without, by: &Decision) -> Result<(), StepError> {
    let standing = gate(hub, RollOverStage::Moved, without).await?;
    let old = hub.trust.now().old.generations;
    let subject = format!("only the new authority counts; {}", standing.left_behind());
    let entry = Entry::done("ca.roll-over.finish", None, subject);
    hub.store.step_roll_over(RollOverStage::Moved, RollOverStage::Finished, by, &entry).await?;
    reload(hub).await?;
    let keys = keys(hub)?;
    let kept = hub.trust.now().old.generations;
    for (what, generation, is_gone) in
        [("root", old.root, old.root != kept.root), ("issuing", old.issuing, old.issuing != kept.issuing)]
    {
        let name = key_name(what, generation);
        if is_gone && keys.has(&name) {
            keys.remove(&name)?;
        }
    }
    Ok(())
}

/// Gives the change up. The new keys are destroyed; a pump that believes the new root already takes the next set of trust
/// anchors, in which it is not.
pub(super) async fn abandon(hub: &Arc<Hub>, by: &Decision) -> Result<(), StepError> {
    let next = hub.trust.now().next.clone();
    let Some(next) = next.filter(|next| next.stage == RollOverStage::Prepared) else {
        let why = "there is nothing to abandon: no change is under way, or the hub has moved and pumps hold certificates \
                   of the new authority. Go forward; the next change may lead wherever you want";
        return Err(StepError::Refused(why.into()));
    };
    let entry = Entry::done("ca.roll-over.abandon", None, "the new authorities are destroyed");
    hub.store.step_roll_over(RollOverStage::Prepared, RollOverStage::Abandoned, by, &entry).await?;
    reload(hub).await?;
    let keys = keys(hub)?;
    let to = next.side.generations;
    let root = next.crosses.is_some().then(|| key_name("root", to.root));
    for name in root.into_iter().chain([key_name("issuing", to.issuing)]) {
        if keys.has(&name) {
            keys.remove(&name)?;
        }
    }
    Ok(())
}

/// The step that begins at this stage may be taken, or those whom it would leave behind are named.
async fn gate(hub: &Arc<Hub>, from: RollOverStage, without: Without) -> Result<Standing, StepError> {
    let standing = standing::of(hub).await?;
    if standing.row.as_ref().is_none_or(|row| row.stage != from) {
        let why = match from {
            RollOverStage::Prepared => "nothing is prepared to move to: `wardline ca roll-over start` first",
            RollOverStage::Moved => "the hub has not moved yet: `wardline ca roll-over move` first",
            RollOverStage::Finished | RollOverStage::Abandoned => "that step does not exist",
        };
        return Err(StepError::Refused(why.into()));
    }
    let behind: Vec<_> = standing.in_the_way().map(|one| one.asset_tag.to_string()).collect();
    if !behind.is_empty() && without == Without::Nobody {
        let named = behind.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let more = if behind.len() > 5 { ", …" } else { "" };
        return Err(StepError::Refused(format!(
            "{} pump(s) are not ready for it: {named}{more}. `wardline ca roll-over status` lists them with how each comes \
             back; go on without them with --go-on",
            behind.len()
        )));
    }
    Ok(standing)
}

/// Works with what the database says now.
pub(super) async fn reload(hub: &Hub) -> Result<(), StepError> {
    let rows = hub.store.roll_overs().await?;
    apply(hub, &rows)
}

/// Works with what these rows say.
pub(super) fn apply(hub: &Hub, rows: &[RollOverRow]) -> Result<(), StepError> {
    let authorities = Authorities::load(&keys(hub)?, rows)?;
    Trust::replace(&hub.trust, authorities)?;
    hub.changes.note();
    Ok(())
}
