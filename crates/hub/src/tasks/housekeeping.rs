//! What keeps the house in order by the clock: the audit is pinned, what expired is removed, renewals that did not come
//! are told. Sightings are written out by the link's own watch.
//!
//! It decides nothing about any pump. A step that fails is told to the log, and the next turn tries again.

use std::collections::BTreeSet;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use tokio::sync::watch;
use wardline_fleet::renewal::{OVERDUE, is_overdue};
use wardline_model::{PumpId, Span, Time};
use wardline_store::{Actor, AuditQuery, Decision, Entry, Store, StoreError};

/// How often. A minute is the most of the audit that could be cut off without a trace.
const EVERY: Duration = Duration::from_secs(60);

/// Keeps the house in order. One per hub process.
pub struct Housekeeping {
    store: Store,
    audit_key: SigningKey,
    node: String,
    now: fn() -> Time,
    /// Pumps whose overdue renewal was told, so that each is told once.
    told: BTreeSet<PumpId>,
}

impl std::fmt::Debug for Housekeeping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Housekeeping")
    }
}

impl Housekeeping {
    /// One that has done nothing yet, of the hub process with this name.
    #[must_use]
    pub const fn new(store: Store, audit_key: SigningKey, node: String, now: fn() -> Time) -> Self {
        Self { store, audit_key, node, now, told: BTreeSet::new() }
    }

    /// Takes turns until `stop` says true or its sender is gone; pins the audit a last time then.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            self.turn().await;
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                stopped = stop.wait_for(|stop| *stop) => { drop(stopped); break; }
            }
        }
        let pinned = self.store.sign_checkpoint(&self.audit_key, (self.now)()).await;
        tell("pinning the audit", pinned);
    }

    /// One turn: every step, whatever became of the one before.
    pub async fn turn(&mut self) {
        let now = (self.now)();
        tell("reading the data keys", self.store.refresh_keys().await);
        tell("removing what has expired", self.store.sweep(now).await);
        tell("removing enrolment requests that have run out", self.store.expire_approvals(now).await);
        tell("forgetting links of hubs that are gone", self.store.forget_dead_hubs(&self.node).await);
        tell("looking for quarantines at their end", self.tell_ended(now).await);
        let overdue = self.tell_overdue(now).await;
        tell("telling of overdue renewals", overdue);
        tell("pinning the audit", self.store.sign_checkpoint(&self.audit_key, now).await);
    }

    /// Records each quarantine that reached its end, once. The end gives nothing back by itself: only a pump that has
    /// proven its posture is given back, and the others wait for a person.
    ///
    /// # Errors
    /// Those of the store.
    async fn tell_ended(&self, now: Time) -> Result<(), StoreError> {
        for held in self.store.held_pumps().await? {
            let Some(until) = held.quarantine.until.filter(|until| *until + Span::from_min(2) <= now) else { continue };
            let action = "pump.quarantine.expired";
            let about = AuditQuery { pump: Some(held.pump), action: Some(action.into()), ..AuditQuery::default() };
            if self.store.audit(&about).await?.rows.iter().any(|record| record.at >= until) {
                continue;
            }
            let reason = "its posture is not proven, so it stays until it is or a person decides".to_owned();
            let by = Decision { by: Actor::Hub("housekeeping".to_owned()), reason, at: now };
            self.store.record(&by, &Entry::done(action, Some(held.pump), held.asset_tag.to_string())).await?;
        }
        Ok(())
    }

    /// Records each pump in contact with the hub whose renewal did not come. Returns how many are new.
    ///
    /// # Errors
    /// Those of the store.
    async fn tell_overdue(&mut self, now: Time) -> Result<usize, StoreError> {
        let mut ending = self.store.certificates_ending(now + OVERDUE).await?;
        ending.retain(|certificate| is_overdue(certificate.not_before, certificate.not_after, now));
        let overdue: BTreeSet<PumpId> = ending.iter().map(|certificate| certificate.pump).collect();
        // A pump that renewed may be told again another time.
        self.told.retain(|pump| overdue.contains(pump));
        let mut told = 0;
        for certificate in ending.iter().filter(|certificate| !self.told.contains(&certificate.pump)) {
            let reason = format!("certificate {} should have been renewed by now", certificate.serial);
            // Another hub, or this one before it was started again, may have told it already.
            let about = AuditQuery {
                pump: Some(certificate.pump),
                action: Some("certificate.overdue".to_owned()),
                ..AuditQuery::default()
            };
            if self.store.audit(&about).await?.rows.iter().any(|record| record.reason == reason) {
                continue;
            }
            let by = Decision { by: Actor::Hub("housekeeping".to_owned()), reason, at: now };
            let left = format!("{} left", certificate.not_after.since(now));
            self.store.record(&by, &Entry::done("certificate.overdue", Some(certificate.pump), left)).await?;
            told += 1;
        }
        self.told = overdue;
        Ok(told)
    }
}

/// Tells the log of a failure.
fn tell<T>(doing: &str, result: Result<T, StoreError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "{doing} failed; the next turn tries again");
    }
}

#[cfg(test)]
#[path = "housekeeping_tests.rs"]
mod tests;
