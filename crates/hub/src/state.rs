//! The one shared state of a hub process: store, registry, links, keys.
//!
//! Order of every decision about a pump: the store first (with its audit record, in one transaction), then the registry,
//! then the live link. Whoever asks after the store has answered gets the new truth; nobody is told of a decision that is
//! not durable (N11). Nothing here touches therapy: a cut link is all that a pump ever notices (N8).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use ed25519_dalek::SigningKey;
use wardline_fleet::lifecycle::{Act, By};
use wardline_model::{Digest, Lifecycle, PumpId, covers};
use wardline_pki::{Authority, Cert, PumpIdentity};
use wardline_store::{Decision, RegistryEntry, Store, StoreError};
use wardline_wire::link::CloseReason;

use crate::changes::Changes;
pub use crate::clock::now;
use crate::config::Config;
use crate::decide::{self, DecideError, Decided, Order};
use crate::link::Links;
use crate::trust::Trust;

/// What guards every handshake: each pump's state and certificates, in memory.
#[derive(Debug, Default)]
pub struct Registry {
    entries: RwLock<Entries>,
    changes: AtomicU64,
}

/// Every pump, and whose each certificate is that may be in use.
#[derive(Debug, Default)]
struct Entries {
    pumps: BTreeMap<PumpId, RegistryEntry>,
    certificates: BTreeMap<Digest, PumpId>,
}

impl Entries {
    /// False when a newer entry of that pump is here.
    fn put(&mut self, entry: RegistryEntry) -> bool {
        if let Some(old) = self.pumps.get(&entry.pump) {
            if old.as_of > entry.as_of {
                return false;
            }
            for fingerprint in [old.current, old.pending].into_iter().flatten() {
                self.certificates.remove(&fingerprint);
            }
        }
        let certificates = [entry.current, entry.pending].into_iter().flatten();
        self.certificates.extend(certificates.map(|fingerprint| (fingerprint, entry.pump)));
        self.pumps.insert(entry.pump, entry);
        true
    }
}

impl Registry {
    /// Holds these entries, as read from the store.
    #[must_use]
    pub fn new(entries: Vec<RegistryEntry>) -> Arc<Self> {
        let mut all = Entries::default();
        for entry in entries {
            all.put(entry);
        }
        Arc::new(Self { entries: RwLock::new(all), changes: AtomicU64::new(0) })
    }

    /// The entry of a pump.
    #[must_use]
    pub fn get(&self, pump: PumpId) -> Option<RegistryEntry> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).pumps.get(&pump).cloned()
    }

    /// Puts a changed entry in, unless a newer one is there: two decisions that were taken one after the other may
    /// arrive here in the other order, and the older one must not open the door again (N14).
    pub fn put(&self, entry: RegistryEntry) {
        covers!("N14");
        if !self.entries.write().unwrap_or_else(PoisonError::into_inner).put(entry) {
            return;
        }
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// The number of the newest audit record that a pump's entry knows of: whoever keeps something derived from the entry
    /// compares it.
    #[must_use]
    pub fn as_of(&self, pump: PumpId) -> Option<u64> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).pumps.get(&pump).map(|entry| entry.as_of)
    }

    /// How many entries were put in so far: whoever keeps something derived from the registry compares it.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Whether a pump may link with this certificate, asked in the handshake and again right after it.
    ///
    /// # Errors
    /// A short word for counting: why not.
    pub fn admit(&self, peer: &PumpIdentity) -> Result<(), &'static str> {
        covers!("N14");
        self.admit_fingerprint(peer.pump, &peer.fingerprint)
    }

    /// Whose certificate this is, by its fingerprint, when the registry admits it. `None` says nothing: read the
    /// certificate and ask [`Registry::admit`] why.
    #[must_use]
    pub fn admitted(&self, fingerprint: &Digest) -> Option<PumpId> {
        covers!("N14");
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let pump = *entries.certificates.get(fingerprint)?;
        entries.pumps.get(&pump).filter(|entry| entry.admits(fingerprint)).map(|_| pump)
    }

    /// The same by fingerprint.
    ///
    /// # Errors
    /// As [`Registry::admit`].
    pub fn admit_fingerprint(&self, pump: PumpId, fingerprint: &Digest) -> Result<(), &'static str> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.pumps.get(&pump).ok_or("unknown-pump")?;
        match entry.lifecycle {
            Lifecycle::Quarantined if !entry.may_link() => Err("quarantined"),
            Lifecycle::Lost => Err("lost"),
            Lifecycle::Retired => Err("retired"),
            // A certificate that this hub signed once and that another one has replaced: a copy of an old key.
            _ if !entry.admits(fingerprint) => Err(REPLACED),
            _ => Ok(()),
        }
    }
}

/// The word for a certificate of ours that is not the registry's current one.
pub(crate) const REPLACED: &str = "replaced-certificate";

/// The shared state.
pub struct Hub {
    /// What the operator set.
    pub config: Config,
    /// The database.
    pub store: Store,
    /// What guards the handshake.
    pub registry: Arc<Registry>,
    /// The live links.
    pub links: Arc<Links>,
    /// The certificate authorities, and the change from one to the next.
    pub trust: Arc<Trust>,
    /// Signs goals.
    pub goal_key: SigningKey,
    /// Signs checkpoints of the audit.
    pub audit_key: SigningKey,
    /// What pumps fetch, kept in memory.
    pub repo: crate::repo::Cache,
    pub(crate) est: crate::est::EstState,
    pub(crate) status: crate::status::StatusState,
    pub(crate) refusals: crate::refusals::Refusals,
    pub(crate) coa: crate::coa::Coa,
    pub(crate) makers: crate::tls::Makers,
    /// The ledger of certificates.
    pub ledger: Arc<crate::ca::ledger::Ledger>,
    /// What changed, for whoever looks.
    pub changes: Arc<Changes>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hub")
    }
}

/// What [`Hub`] is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) registry: Arc<Registry>,
    pub(crate) links: Arc<Links>,
    pub(crate) trust: Arc<Trust>,
    pub(crate) goal_key: SigningKey,
    pub(crate) audit_key: SigningKey,
    pub(crate) changes: Arc<Changes>,
    pub(crate) makers: crate::tls::Makers,
    pub(crate) coa: crate::coa::Coa,
}

impl Hub {
    /// The fleet's root certificate that new pumps are given.
    #[must_use]
    pub fn root(&self) -> Cert {
        self.trust.now().issues().root.clone()
    }

    /// What signs pumps' certificates now, the hub's own, and revocation lists.
    #[must_use]
    pub fn issuing(&self) -> Arc<Authority> {
        Arc::clone(&self.trust.now().issues().issuing)
    }

    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let Parts { config, store, registry, links, trust, goal_key, audit_key, changes, makers, coa } = parts;
        let est = crate::est::EstState::default();
        let status = crate::status::StatusState::default();
        let repo = crate::repo::Cache::default();
        let refusals = crate::refusals::Refusals::default();
        let ledger = Arc::new(crate::ca::ledger::Ledger::new(store.clone(), config.node.clone()));
        Arc::new(Self {
            config,
            store,
            registry,
            links,
            trust,
            goal_key,
            audit_key,
            repo,
            est,
            refusals,
            coa,
            ledger,
            status,
            changes,
            makers,
        })
    }

    /// Puts a changed entry into the registry and cuts the link that it forbids. Returns how many links were cut.
    pub fn apply(&self, entry: &RegistryEntry) -> usize {
        let before = self.registry.get(entry.pump);
        let cut = self.follow(entry);
        self.coa.moved(before.as_ref(), entry);
        cut
    }

    /// As [`Hub::apply`] for what another hub decided, which has sent the pump off the air itself.
    pub(crate) fn follow(&self, entry: &RegistryEntry) -> usize {
        covers!("N8", "N14");
        self.registry.put(entry.clone());
        let link = self.links.table().get(entry.pump);
        // Asked of the registry, which may know more than this entry by now.
        let is_forbidden = link.as_ref().is_some_and(|link| {
            self.registry.get(entry.pump).is_none_or(|entry| !entry.admits(&link.peer().fingerprint))
        });
        let cut = is_forbidden && self.links.table().cut(entry.pump, CloseReason::TakenDown);
        if let (false, Some(link), Some(newest)) = (is_forbidden, &link, self.registry.get(entry.pump)) {
            link.stands(newest.level, newest.why);
        }
        self.changes.decided(entry.pump);
        usize::from(cut)
    }

    /// Takes a decision about a pump; see [`decide::about_pump`].
    ///
    /// # Errors
    /// [`DecideError`], which says why and what can be done instead.
    pub async fn decide(&self, pump: PumpId, act: Act, by: By, why: &Decision) -> Result<Decided, DecideError> {
        decide::about_pump(&self.store, |entry| self.apply(entry), pump, act, by, why).await
    }

    /// Puts a pump at a level of quarantine, or gives it back; see [`decide::hold`].
    ///
    /// # Errors
    /// [`DecideError`], which says why and what can be done instead.
    pub async fn hold(&self, pump: PumpId, order: &Order, by: By, why: &Decision) -> Result<Decided, DecideError> {
        decide::hold(&self.store, |entry| self.apply(entry), pump, order, by, why).await
    }

    /// Revokes a pump's certificates for good, whatever its place in its life: it must enrol again.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn revoke(&self, pump: PumpId, why: &Decision) -> Result<RegistryEntry, StoreError> {
        let entry = self.store.revoke_certificates(pump, KEY_COMPROMISE, why).await?;
        self.apply(&entry);
        Ok(entry)
    }
}

/// CRL reason code keyCompromise (RFC 5280 section 5.3.1).
const KEY_COMPROMISE: u8 = 1;

#[cfg(test)]
mod tests;
