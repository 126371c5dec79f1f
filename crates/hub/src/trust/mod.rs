//! Which certificate authorities this hub works with, and the change from one set of them to the next under a running fleet.
//!
//! | stage | the hub issues from | it accepts | what pumps are doing |
//! |---|---|---|---|
//! | (none) | the one there is | that one | |
//! | prepared | the old one | both | a signed set of trust anchors brings the new root beside the old, and each proves it |
//! | moved | the new one | both | they renew; a second set takes the old root away |
//! | finished | the new one | the new one | |
//!
//! Whom a pump believes is never this hub's word: sets of trust anchors are releases, signed offline by people (N13). All
//! that a change does here is to show each pump a chain that it can follow. No link is cut and no therapy touched by it
//! (N1, N8).
//!
//! | file | what it is |
//! |---|---|
//! | `steps` | start, move, finish, abandon |
//! | `standing` | every pump: what is left to do there, and how it comes there |
//! | `serving` | the hub's own certificates, one for each root that pumps believe |
//! | `follow` | what another hub on the same database decided |
//! | `door` | all of this as the console and the API ask for it |

mod door;
mod follow;
pub(crate) mod serving;
mod standing;
mod steps;

pub use door::{TrustAsk, TrustDoor, TrustFault};
pub use steps::Without;

pub(crate) use door::door;
pub(crate) use follow::follow;

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;
use wardline_pki::roll_over::Crosses;
use wardline_pki::{Authority, Cert};
use wardline_store::{Generations, RollOverRow, RollOverStage, Store};

use crate::keys::{KeyError, Keys};
use crate::tls::{FleetAnchors, TlsError};

/// One root with its issuing authority.
#[derive(Clone, Debug)]
pub struct Side {
    /// The root.
    pub root: Cert,
    /// What issues under it.
    pub issuing: Arc<Authority>,
    /// The authorities between the two, the nearest to the issuing one first; none below our own root.
    pub between: Vec<Cert>,
    /// Which generation each is.
    pub generations: Generations,
}

/// The authorities that the fleet moves to.
#[derive(Clone, Debug)]
pub struct Next {
    /// The authorities.
    pub side: Side,
    /// How the two roots vouch for each other; nothing when the root stays.
    pub crosses: Option<Crosses>,
    /// How far the change is: prepared or moved.
    pub stage: RollOverStage,
}

/// The authorities that this hub works with.
#[derive(Clone, Debug)]
pub struct Authorities {
    /// Those in use, or those that a change leaves.
    pub old: Side,
    /// Those that a change goes to, while one is under way.
    pub next: Option<Next>,
}

/// The name under which a generation's key and certificate lie in the folder of keys.
#[must_use]
pub fn key_name(what: &str, generation: u64) -> String {
    if generation == 1 { what.to_owned() } else { format!("{what}-{generation}") }
}

/// The two names of the authorities in use, root first, as they lie in the folder of keys.
///
/// # Errors
/// Those of the database.
pub async fn names_in_use(store: &Store) -> Result<[String; 2], wardline_store::StoreError> {
    let rows = store.roll_overs().await?;
    let (now, _) = Store::authorities_of(&rows);
    Ok([key_name("root", now.root), key_name("issuing", now.issuing)])
}

impl Side {
    fn load(keys: &Keys, generations: Generations) -> Result<Self, KeyError> {
        let root = keys.cert(&key_name("root", generations.root))?;
        let issuing = Arc::new(keys.authority(&key_name("issuing", generations.issuing))?);
        let between = keys.chain(&key_name("chain", generations.issuing))?;
        Ok(Self { root, issuing, between, generations })
    }

    /// The authorities that lead to the root, without it: the issuing one first.
    pub fn chain(&self) -> impl Iterator<Item = &Cert> {
        [self.issuing.cert()].into_iter().chain(&self.between)
    }
}

impl Authorities {
    /// What the database says is in use, from the folder of keys.
    ///
    /// # Errors
    /// [`KeyError`] naming the file that is missing: with several hubs the folder of keys is copied to each of them.
    pub fn load(keys: &Keys, rows: &[RollOverRow]) -> Result<Self, KeyError> {
        let (now, open) = Store::authorities_of(rows);
        let old = Side::load(keys, now)?;
        let Some(open) = open else { return Ok(Self { old, next: None }) };
        let side = Side::load(keys, open.to)?;
        let cross = |what: &str| keys.cert(&key_name(what, open.to.root));
        let crosses = if open.to.root == now.root {
            None
        } else {
            Some(Crosses { old_with_new: cross(OLD_WITH_NEW)?, new_with_old: cross(NEW_WITH_OLD)? })
        };
        Ok(Self { old, next: Some(Next { side, crosses, stage: open.stage }) })
    }

    /// The side that issues now.
    #[must_use]
    pub fn issues(&self) -> &Side {
        match &self.next {
            Some(next) if next.stage == RollOverStage::Moved => &next.side,
            Some(_) | None => &self.old,
        }
    }

    /// Both sides, the old one first.
    pub fn sides(&self) -> impl Iterator<Item = &Side> {
        [&self.old].into_iter().chain(self.next.as_ref().map(|next| &next.side))
    }

    /// Every root that counts, once.
    #[must_use]
    pub fn roots(&self) -> Vec<Cert> {
        let mut roots = vec![self.old.root.clone()];
        roots.extend(self.next.iter().filter(|next| next.crosses.is_some()).map(|next| next.side.root.clone()));
        roots
    }

    /// Every authority below a root that counts, once.
    #[must_use]
    pub fn issuers(&self) -> Vec<Cert> {
        let mut list = Vec::new();
        for cert in self.sides().flat_map(Side::chain) {
            if !list.contains(cert) {
                list.push(cert.clone());
            }
        }
        list
    }

    /// What RFC 7030 section 4.1.3 has an enrolling client learn: the authorities, and while roots change the two
    /// certificates by which they vouch for each other.
    #[must_use]
    pub fn cacerts(&self) -> Vec<Cert> {
        let crosses = self.next.iter().filter_map(|next| next.crosses.as_ref());
        let crosses = crosses.flat_map(|both| [both.old_with_new.clone(), both.new_with_old.clone()]);
        self.roots().into_iter().chain(self.issuers()).chain(crosses).collect()
    }

    /// The issuing authority of this generation, while its certificates may be in use.
    #[must_use]
    pub fn issuing(&self, generation: u64) -> Option<&Arc<Authority>> {
        self.sides().find(|side| side.generations.issuing == generation).map(|side| &side.issuing)
    }
}

/// The file of the old root, signed by the new one.
const OLD_WITH_NEW: &str = "old-with-new";
/// The file of the new root, signed by the old one.
const NEW_WITH_OLD: &str = "new-with-old";

/// The authorities of a running hub.
#[derive(Debug)]
pub struct Trust {
    now: RwLock<Arc<Authorities>>,
    anchors: Arc<FleetAnchors>,
    changed: watch::Sender<u64>,
}

impl Trust {
    /// A hub that works with these.
    ///
    /// # Errors
    /// [`TlsError`] when they do not belong together.
    pub fn new(authorities: Authorities) -> Result<Arc<Self>, TlsError> {
        let anchors = FleetAnchors::new(&authorities.roots(), &authorities.issuers())?;
        Ok(Arc::new(Self { now: RwLock::new(Arc::new(authorities)), anchors, changed: watch::channel(0).0 }))
    }

    /// The authorities as of now.
    #[must_use]
    pub fn now(&self) -> Arc<Authorities> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whom the doors let in, always as of now.
    #[must_use]
    pub const fn anchors(&self) -> &Arc<FleetAnchors> {
        &self.anchors
    }

    /// Works with these from now on. Open links stay.
    ///
    /// # Errors
    /// [`TlsError`]; then nothing was changed.
    pub(crate) fn replace(&self, authorities: Authorities) -> Result<(), TlsError> {
        self.anchors.replace(&authorities.roots(), &authorities.issuers())?;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(authorities);
        self.changed.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Says when the authorities change.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
