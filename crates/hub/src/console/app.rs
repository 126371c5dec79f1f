//! What every handler of the console shares.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter, clock::DefaultClock, state::keyed::HashMapStateStore};
use tokio::sync::watch;
use wardline_model::{Digest, PumpId, Span, Time};
use wardline_store::{Actor, Decision, RegistryEntry, Store, StoreError};

use super::fleet::Fleet;
use crate::changes::Changes;

/// The network address of the client, put into the request's extensions by whoever accepted the connection.
#[derive(Clone, Copy, Debug)]
pub struct PeerAddress(pub IpAddr);

/// What an operator may set about the console.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a session lives at the longest: a shift.
    pub session: Span,
    /// How long a session lives without a request. A page that is open and live asks for itself, so a screen on a wall
    /// stays signed in until [`Settings::session`] ends.
    pub idle: Span,
    /// How long a one-time sign-in link lives.
    pub link: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self { session: Span::from_h(12), idle: Span::from_min(60), link: Span::from_h(24) }
    }
}

/// Takes an uploaded file in: the answer says what it means, or why it was refused.
pub type Uploads = Box<
    dyn Fn(Vec<u8>, Decision) -> futures_util::future::BoxFuture<'static, Result<wardline_api::types::Uploaded, String>>
        + Send
        + Sync,
>;

/// Counts somebody who was refused: what was claimed, from where, and why as a word.
pub type Strangers = Box<dyn Fn(&str, &str, &'static str) + Send + Sync>;
/// Where new pumps find this hub, and how they know it: the same on every label.
pub struct LabelPlace {
    /// Host and port of enrolment, as pumps reach it.
    pub est: String,
    /// Host and port of the live link, as pumps reach it.
    pub link: String,
    /// The name in the hub's certificate.
    pub name: String,
    /// SHA-256 of the fleet's root certificate, which pumps must come to believe.
    pub root: Box<dyn Fn() -> Digest + Send + Sync>,
}

/// How the console reaches the rest of the hub.
pub struct Wiring {
    /// A pump's entry changed: put it into the registry and cut the links that it forbids. Returns how many were cut.
    pub moved: Box<dyn Fn(&RegistryEntry) -> usize + Send + Sync>,
    /// Uploads of signed metadata and artifacts.
    pub upload: Uploads,
    /// The change of certificate authorities.
    pub trust: crate::trust::TrustDoor,
    /// Counts somebody whom a RADIUS server was told to refuse: what was claimed, from where, and why.
    pub stranger: Strangers,
    /// Passes on a sign that a key is in two hands.
    pub suspect: Box<dyn Fn(crate::link::Suspicion) + Send + Sync>,
    /// What a new pump's label says of this hub.
    pub place: LabelPlace,
    /// The key that signs checkpoints of the audit trail.
    pub audit_key: SigningKey,
    /// What changed, told by whoever writes about a pump.
    pub changes: Arc<Changes>,
    /// The ledger of certificates.
    pub ledger: Arc<crate::ca::ledger::Ledger>,
    /// The clock.
    pub now: fn() -> Time,
}

type Keyed = RateLimiter<String, HashMapStateStore<String>, DefaultClock>;

/// The console's state. One per hub process.
pub struct Console {
    pub(super) store: Store,
    pub(super) wiring: Wiring,
    pub(super) settings: Settings,
    pub(super) fleet: Fleet,
    /// Tries to sign in, per account and per address.
    tries: Keyed,
    /// Refusals of strangers that go into the audit: a flood must not fill it.
    recorded: DefaultDirectRateLimiter,
}

/// Tries to sign in per account or address: ten at once, then one every six seconds. A guess costs a day for 14,400.
const TRIES: NonZeroU32 = NonZeroU32::new(10).expect("not zero");

/// Refusals of strangers recorded per minute.
const RECORDED: NonZeroU32 = NonZeroU32::new(30).expect("not zero");

impl Console {
    /// The console of a hub.
    #[must_use]
    pub fn new(store: Store, wiring: Wiring, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            fleet: Fleet::new(store.clone(), Arc::clone(&wiring.changes)),
            store,
            wiring,
            settings,
            tries: RateLimiter::hashmap(Quota::per_minute(TRIES)),
            recorded: RateLimiter::direct(Quota::per_minute(RECORDED)),
        })
    }

    /// Tells everybody who looks that the list of pumps changed, or what a rollout wants of all of them.
    pub(super) fn changed(&self) {
        self.wiring.changes.touch_all();
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.wiring.changes.watch()
    }

    pub(super) fn now(&self) -> Time {
        (self.wiring.now)()
    }

    /// Whether this account or address may try to sign in now.
    pub(super) fn may_try(&self, what: &str) -> bool {
        if self.tries.len() > 10_000 {
            self.tries.retain_recent();
        }
        self.tries.check_key(&what.to_owned()).is_ok()
    }

    /// Whether one more refusal of a stranger may be recorded.
    pub(super) fn may_record(&self) -> bool {
        self.recorded.check().is_ok()
    }

    pub(super) fn decision(&self, by: Actor, reason: &str) -> Decision {
        Decision { by, reason: reason.to_owned(), at: self.now() }
    }

    /// What follows a decision about a pump: registry, link, screens.
    pub(super) fn after_move(&self, entry: &RegistryEntry) -> usize {
        let cut = (self.wiring.moved)(entry);
        self.wiring.changes.touch(entry.pump);
        cut
    }

    /// A pump, or that it does not exist.
    pub(super) async fn pump(&self, id: PumpId) -> Result<wardline_store::PumpRow, StoreError> {
        self.store.pump(id).await?.ok_or_else(|| StoreError::NotFound { what: format!("pump {id}") })
    }
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Console")
    }
}
