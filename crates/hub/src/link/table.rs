//! Which pumps hold a live link here, and a mailbox for each: how the rest of the hub reaches a link without waiting.
//!
//! A mailbox keeps only the newest of each kind of mail, so it never grows. There is one link per pump: the newest wins.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use wardline_model::{Digest, PumpId, QuarantineLevel, Time};
use wardline_wire::link::CloseReason;

/// Who is at the other end, as the handshake proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The pump that the certificate names.
    pub pump: PumpId,
    /// SHA-256 of the certificate.
    pub fingerprint: Digest,
    /// From where it came.
    pub place: SocketAddr,
}

/// Mail for a link; the newest of each kind.
#[derive(Debug, Default)]
pub(super) struct Mail {
    /// End the link for this reason. Nothing that comes later counts.
    pub(super) close: Option<CloseReason>,
    /// A new goal, as signed.
    pub(super) goal: Option<Arc<[u8]>>,
    /// The version of new timestamp metadata.
    pub(super) metadata: Option<u64>,
    /// The level at which the pump is held from now on, and why.
    pub(super) standing: Option<(Option<QuarantineLevel>, Option<String>)>,
}

impl Mail {
    const fn is_empty(&self) -> bool {
        self.close.is_none() && self.goal.is_none() && self.metadata.is_none() && self.standing.is_none()
    }
}

/// One live link, as the rest of the hub sees it.
#[derive(Debug)]
pub struct LiveLink {
    peer: Peer,
    since: Time,
    mail: Mutex<(Mail, Option<Waker>)>,
    /// When anything was last heard, in milliseconds since 1970.
    heard: AtomicU64,
    /// Since when a frame has been under way without getting whole; 0 when none is.
    busy_since: AtomicU64,
    /// The pump's clock minus ours, when last compared; `i64::MIN` before that.
    clock_offset_ms: AtomicI64,
}

impl LiveLink {
    pub(super) fn new(peer: Peer, now: Time) -> Arc<Self> {
        Arc::new(Self {
            peer,
            since: now,
            mail: Mutex::default(),
            heard: AtomicU64::new(now.as_unix_ms()),
            busy_since: AtomicU64::new(0),
            clock_offset_ms: AtomicI64::new(i64::MIN),
        })
    }

    /// Who is at the other end.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Since when the link has been up.
    #[must_use]
    pub const fn since(&self) -> Time {
        self.since
    }

    /// When anything was last heard of the pump.
    #[must_use]
    pub fn heard(&self) -> Time {
        Time::from_unix_ms(self.heard.load(Ordering::Relaxed))
    }

    /// The pump's clock minus ours in milliseconds, once compared.
    #[must_use]
    pub fn clock_offset_ms(&self) -> Option<i64> {
        Some(self.clock_offset_ms.load(Ordering::Relaxed)).filter(|offset| *offset != i64::MIN)
    }

    /// Ends the link. It is cut at the link's next turn, whatever it was doing; the first reason counts.
    pub fn close(&self, reason: CloseReason) {
        self.deliver(|mail| {
            mail.close.get_or_insert(reason);
        });
    }

    /// Hands the link a new signed goal.
    pub fn send_goal(&self, signed: Arc<[u8]>) {
        self.deliver(|mail| mail.goal = Some(signed));
    }

    /// Tells the link at which level its pump is held from now on, and why.
    pub fn stands(&self, level: Option<QuarantineLevel>, why: Option<String>) {
        self.deliver(|mail| mail.standing = Some((level, why)));
    }

    /// Hints that there is new release metadata.
    pub fn hint_metadata(&self, timestamp: u64) {
        self.deliver(|mail| mail.metadata = Some(timestamp));
    }

    pub(super) fn note_heard(&self, now: Time) {
        self.heard.store(now.as_unix_ms(), Ordering::Relaxed);
    }

    pub(super) fn note_clock(&self, pump: Time, now: Time) {
        let offset = i64::try_from(i128::from(pump.as_unix_ms()) - i128::from(now.as_unix_ms())).unwrap_or(i64::MAX);
        self.clock_offset_ms.store(offset, Ordering::Relaxed);
    }

    /// Notes whether a frame is under way; a whole frame starts the time anew.
    pub(super) fn note_busy(&self, since: Option<Time>) {
        self.busy_since.store(since.map_or(0, Time::as_unix_ms), Ordering::Relaxed);
    }

    pub(super) fn busy_since(&self) -> Option<Time> {
        Some(self.busy_since.load(Ordering::Relaxed)).filter(|ms| *ms != 0).map(Time::from_unix_ms)
    }

    /// Ready with the mail when there is some.
    pub(super) fn poll_mail(&self, cx: &mut Context<'_>) -> Poll<Mail> {
        let mut mail = lock(&self.mail);
        if !mail.0.is_empty() {
            return Poll::Ready(std::mem::take(&mut mail.0));
        }
        match &mut mail.1 {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            place => *place = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Ready when the link is to be ended; other mail stays.
    pub(super) fn poll_close(&self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let mut mail = lock(&self.mail);
        if let Some(reason) = mail.0.close {
            return Poll::Ready(reason);
        }
        mail.1 = Some(cx.waker().clone());
        Poll::Pending
    }

    fn deliver(&self, put: impl FnOnce(&mut Mail)) {
        let waker = {
            let mut mail = lock(&self.mail);
            put(&mut mail.0);
            mail.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A lock is poisoned only by a panic while it is held, and nothing under these locks can panic half way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every live link of this hub process.
#[derive(Debug, Default)]
pub struct LinkTable {
    links: Mutex<BTreeMap<PumpId, Arc<LiveLink>>>,
}

impl LinkTable {
    /// The live link of a pump, if it holds one here.
    #[must_use]
    pub fn get(&self, pump: PumpId) -> Option<Arc<LiveLink>> {
        lock(&self.links).get(&pump).cloned()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.links).len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, by pump.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<LiveLink>> {
        lock(&self.links).values().cloned().collect()
    }

    /// Ends the link of a pump, if it holds one; true when it did. Called right after the registry changed.
    pub fn cut(&self, pump: PumpId, reason: CloseReason) -> bool {
        let link = self.get(pump);
        if let Some(link) = &link {
            link.close(reason);
        }
        link.is_some()
    }

    /// Ends every link, as when the hub stops.
    pub fn cut_all(&self, reason: CloseReason) {
        self.all().iter().for_each(|link| link.close(reason));
    }

    /// Hints to every pump that there is new release metadata.
    pub fn hint_metadata(&self, timestamp: u64) {
        self.all().iter().for_each(|link| link.hint_metadata(timestamp));
    }

    /// Puts a link in; gives back the one that it replaces.
    pub(super) fn insert(&self, link: &Arc<LiveLink>) -> Option<Arc<LiveLink>> {
        lock(&self.links).insert(link.peer.pump, Arc::clone(link))
    }

    /// Takes a link out, unless a newer one stands in its place; true when it was there.
    pub(super) fn remove(&self, link: &Arc<LiveLink>) -> bool {
        let mut links = lock(&self.links);
        let is_there = links.get(&link.peer.pump).is_some_and(|there| Arc::ptr_eq(there, link));
        if is_there {
            links.remove(&link.peer.pump);
        }
        is_there
    }
}
