//! The live link's server side.
//!
//! A pump that got through the handshake is served by one task that does everything in turn: mail from the rest of the
//! hub first (so that a quarantine cuts at once, whatever the pump sends), then frames. Every peer is limited in size,
//! number and time. What a pump sends is acknowledged only when the store has made it durable (N11). A link that ends,
//! for whatever reason, changes nothing at any other link and nothing about therapy (N8).
//!
//! | module | what it is |
//! |---|---|
//! | `table` | which pumps hold a link, and a mailbox for each |
//! | `session` | one link from Hello to its end |
//! | `stream` | frames over a stream |
//! | `watch` | one task that sees to time for all links |
//! | `strangers` | who was refused, counted |
//! | `suspicion` | signs that a key is in two hands |
//! | `postures` | which pumps have proven that they are in order |
//! | `service` | what goes over a link at which level of quarantine |
//! | `watched` | what watched pumps did |

mod postures;
mod service;
mod session;
mod strangers;
mod stream;
mod suspicion;
mod table;
#[cfg(test)]
mod tests;
mod watch;
mod watched;

pub use postures::Postures;
pub use session::{Ended, serve};
pub use strangers::Strangers;
pub use suspicion::{Sign, Suspicion, Suspicions};
pub use table::{LinkTable, LiveLink, Peer};
pub use watch::watch;
pub use watched::WatchedPumps;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use wardline_fleet::correlate::{Shows, Starts};
use wardline_model::{Generation, PumpId, Sequence, Span, Time};
use wardline_store::{Actor, Decision, Entry, Journal, LinkChange, RegistryEntry, Store, StoreError};

use crate::clock::now;

/// What an operator may set about links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSettings {
    /// How often a pump is asked to send a heartbeat. 30 s: a dead link is known within a minute and a half, and 20,000
    /// pumps cost 670 small frames a second.
    pub heartbeat: Span,
    /// How long a pump may take from the end of the handshake to its Hello. 10 s: a pump on bad Wi-Fi needs one.
    pub hello_within: Span,
    /// How long one frame may be under way. 20 s: 128 KiB at 50 kbit/s.
    pub frame_within: Span,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self { heartbeat: Span::from_s(30), hello_within: Span::from_s(10), frame_within: Span::from_s(20) }
    }
}

/// What the registry says of a pump, and how it is told that a pump used a new certificate.
pub struct Gate {
    /// The registry's entry of a pump at this moment.
    pub entry: Box<dyn Fn(PumpId) -> Option<RegistryEntry> + Send + Sync>,
    /// Puts a changed entry into the registry.
    pub update: Box<dyn Fn(RegistryEntry) + Send + Sync>,
    /// Tells whoever looks that something about a pump changed in the store.
    pub touched: Box<dyn Fn(PumpId) + Send + Sync>,
}

impl Gate {
    fn admits(&self, peer: &Peer) -> bool {
        (self.entry)(peer.pump).is_some_and(|entry| entry.admits(&peer.fingerprint))
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

/// What a link needs of the hub. One per hub process.
#[derive(Debug)]
pub struct Links {
    store: Store,
    node: String,
    gate: Gate,
    settings: LinkSettings,
    table: LinkTable,
    strangers: Strangers,
    watched: WatchedPumps,
    suspicions: Suspicions,
    postures: Postures,
    /// The starts of each pump's agent, as far as they were seen here.
    starts: Mutex<BTreeMap<PumpId, Starts>>,
    /// What is known of a pump from its last link here, so that a storm of reconnects asks the database little.
    known: Mutex<BTreeMap<PumpId, Known>>,
    /// Links that came up or went down and are not in the store yet.
    presence: Mutex<Vec<LinkChange>>,
    /// When something was last recorded about a pump for a reason, so that one pump cannot fill the audit.
    recorded: Mutex<BTreeMap<(PumpId, &'static str), Time>>,
}

/// What is known of a pump from its last link at this hub process. All of it may be old: another hub process may have
/// taken events since (the store skips what it has), and goals are sent when they change.
#[derive(Clone, Debug)]
struct Known {
    journal: Journal,
    durable: Sequence,
    goal: Option<(Generation, Arc<[u8]>)>,
}

impl Links {
    /// The links of one hub process, none yet. `node` names the process in the database.
    #[must_use]
    pub fn new(store: Store, node: impl Into<String>, gate: Gate, settings: LinkSettings) -> Arc<Self> {
        Arc::new(Self {
            store,
            node: node.into(),
            gate,
            settings,
            table: LinkTable::default(),
            strangers: Strangers::default(),
            watched: WatchedPumps::default(),
            suspicions: Suspicions::default(),
            postures: Postures::default(),
            starts: Mutex::default(),
            known: Mutex::default(),
            presence: Mutex::default(),
            recorded: Mutex::default(),
        })
    }

    /// Which pumps hold a link here.
    #[must_use]
    pub const fn table(&self) -> &LinkTable {
        &self.table
    }

    /// Who was refused, counted.
    #[must_use]
    pub const fn strangers(&self) -> &Strangers {
        &self.strangers
    }

    /// What watched pumps did.
    #[must_use]
    pub const fn watched(&self) -> &WatchedPumps {
        &self.watched
    }

    /// Signs that a key is in two hands or is misused, for whoever acts on them.
    #[must_use]
    pub const fn suspicions(&self) -> &Suspicions {
        &self.suspicions
    }

    /// Which pumps have proven their posture over the link that they hold.
    #[must_use]
    pub const fn postures(&self) -> &Postures {
        &self.postures
    }

    /// A pump greeted, having proven its key. Two agents that take turns with one key are a clone.
    fn greeted(&self, peer: &Peer, start: [u8; 16]) {
        let at = now();
        let shows =
            self.starts.lock().unwrap_or_else(PoisonError::into_inner).entry(peer.pump).or_default().note(start, at);
        match shows {
            Shows::Nothing => {}
            Shows::Return => self.strangers.note(&peer.pump.to_string(), peer.place, "earlier-start", at),
            Shows::Clone { returns } => self.suspect(peer, Sign::TwoStarts(returns)),
        }
    }

    /// Passes a sign on.
    fn suspect(&self, peer: &Peer, sign: Sign) {
        self.suspicions.push(Suspicion { pump: peer.pump, sign, place: peer.place.ip().to_string(), at: now() });
    }

    /// Sends a pump its new goal, if it holds a link here. Called after the goal is in the store.
    pub fn goal_changed(&self, pump: PumpId, generation: Generation, signed: &[u8]) {
        let signed: Arc<[u8]> = signed.into();
        if let Some(known) = self.known().get_mut(&pump) {
            if known.goal.as_ref().is_some_and(|(known, _)| *known >= generation) {
                return;
            }
            known.goal = Some((generation, Arc::clone(&signed)));
        }
        if let Some(link) = self.table.get(pump) {
            link.send_goal(signed);
        }
    }

    /// Forgets what is remembered of pumps that hold no link here: another hub may have changed it meanwhile.
    pub fn forget_absent(&self) {
        self.known().retain(|pump, _| self.table.get(*pump).is_some());
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<PumpId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_presence(&self, presence: LinkChange) {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner).push(presence);
    }

    /// What is durable in this journal and which goal the pump should hold: from memory when it linked here before, else
    /// from the store.
    async fn known_of(&self, pump: PumpId, journal: Journal) -> Result<Known, StoreError> {
        let remembered = self.known().get(&pump).filter(|known| known.journal == journal).cloned();
        if let Some(known) = remembered {
            return Ok(known);
        }
        let durable = self.store.durable_up_to(pump, journal).await?;
        let goal = self.store.goal(pump).await?.map(|goal| (goal.generation, goal.signed.into()));
        let mut all = self.known();
        // A goal that was decided while we were reading is newer than what we read.
        let newer = all.get(&pump).and_then(|known| known.goal.clone());
        let goal = match (goal, newer) {
            (Some(read), Some(newer)) if newer.0 > read.0 => Some(newer),
            (read, newer) => read.or(newer),
        };
        let known = Known { journal, durable, goal };
        all.insert(pump, known.clone());
        Ok(known)
    }

    /// Notes what became durable, so that a reconnect need not ask for it.
    fn note_durable(&self, pump: PumpId, journal: Journal, durable: Sequence) {
        if let Some(known) = self.known().get_mut(&pump).filter(|known| known.journal == journal) {
            known.durable = known.durable.max(durable);
        }
    }

    /// Records in the audit that a pump was refused, at most once a minute for the same pump and reason.
    async fn record_refusal(&self, peer: &Peer, reason: &'static str, detail: &str, now: Time) {
        self.strangers.note(&peer.pump.to_string(), peer.place, reason, now);
        {
            let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
            recorded.retain(|_, at| now.since(*at) < AUDIT_EVERY);
            if recorded.insert((peer.pump, reason), now).is_some() {
                return;
            }
        }
        let by = Decision { by: Actor::Pump(peer.pump), reason: detail.to_owned(), at: now };
        let entry = Entry::refused("link.refused", Some(peer.pump), format!("{reason} from {}", peer.place.ip()));
        if let Err(error) = self.store.record(&by, &entry).await {
            tracing::error!(pump = %peer.pump, reason, %error, "a refused link could not be recorded in the audit");
        }
    }
}

/// How often the same refusal of the same pump goes into the audit; every one is counted among the sightings.
const AUDIT_EVERY: Span = Span::from_min(1);
