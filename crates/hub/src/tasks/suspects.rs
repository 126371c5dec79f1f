//! What follows from a sign of a clone or of misuse: it is kept and told to people, and the rule for it takes the pump
//! down, as far as the rule may.
//!
//! It decides by the rules that people set and by nothing else, in the order of every decision: store, registry, link. A
//! rule that holds as many pumps as it may does nothing more than tell (a thief with many keys must not be able to have
//! the hospital disconnected). No rule reaches therapy (N8).

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use wardline_fleet::lifecycle::By;
use wardline_fleet::posture::Cause;
use wardline_model::{PumpId, QuarantineLevel, Span, Time, covers};
use wardline_store::{Actor, Cap, CertificateState, Decision, Entry, NewSuspect, StoreError};

use crate::decide::{DecideError, Hold, Order};
use crate::link::{Sign, Suspicion};
use crate::state::Hub;

/// How long after the first use of a new certificate the old one may still be seen: a connection that was under way.
const GRACE: Span = Span::from_min(10);

/// How often a rule tries the same pump: what was refused once (by the cap) is not refused a hundred times in the audit.
const TRIES_EVERY: Span = Span::from_min(1);

/// How often the same sign about the same pump is counted: a clone that knocks all day is one write a second.
const COUNTED_EVERY: Span = Span::from_s(1);

/// Keeps signs and acts on them, until `stop` says true or its sender is gone.
pub async fn run(hub: Arc<Hub>, mut stop: watch::Receiver<bool>) {
    let mut keeper = Keeper { hub, counted: BTreeMap::new(), tried: BTreeMap::new() };
    loop {
        let hub = Arc::clone(&keeper.hub);
        let suspicion = tokio::select! {
            suspicion = hub.links.suspicions().next() => suspicion,
            stopped = stop.wait_for(|stop| *stop) => { drop(stopped); return; }
        };
        if let Err(error) = keeper.see(&suspicion).await {
            tracing::error!(pump = %suspicion.pump, %error, "the sign of a clone could not be kept");
        }
    }
}

struct Keeper {
    hub: Arc<Hub>,
    counted: BTreeMap<(PumpId, &'static str), Time>,
    tried: BTreeMap<(PumpId, &'static str), Time>,
}

impl Keeper {
    async fn see(&mut self, suspicion: &Suspicion) -> Result<(), StoreError> {
        covers!("N14");
        let Suspicion { pump, sign, at, .. } = suspicion;
        let key = (*pump, sign.word());
        if !is_due(&mut self.counted, key, *at, COUNTED_EVERY) {
            return Ok(());
        }
        let Some(detail) = self.detail(suspicion).await? else { return Ok(()) };
        let times = self
            .hub
            .store
            .note_suspect(&NewSuspect { pump: *pump, kind: sign.word(), detail: detail.clone(), at: *at })
            .await?;
        if times == 1 {
            let by = Decision { by: Actor::Hub("doorkeeper".into()), reason: detail.clone(), at: *at };
            self.hub.store.record(&by, &Entry::done("suspect.seen", Some(*pump), sign.word())).await?;
        }
        self.hub.changes.touch(*pump);
        if is_due(&mut self.tried, key, *at, TRIES_EVERY) {
            self.act(suspicion, &detail).await?;
        }
        Ok(())
    }

    /// What was seen, for people; nothing when it proves nothing.
    async fn detail(&self, suspicion: &Suspicion) -> Result<Option<String>, StoreError> {
        let Suspicion { pump, sign, place, at } = suspicion;
        Ok(Some(match sign {
            Sign::TwoStarts(returns) => format!(
                "two agents take turns with its key: it went back to an earlier start {returns} times within an hour, last \
                 from {place}"
            ),
            Sign::WrongPump(what) => format!("{what}, from {place}"),
            Sign::OldCertificate(fingerprint) => {
                let certificates = self.hub.store.certificates(*pump).await?;
                let used = certificates.into_iter().find(|certificate| certificate.fingerprint == *fingerprint);
                let Some(used) = used.filter(|used| used.state == CertificateState::Superseded) else {
                    return Ok(None);
                };
                let Some(replaced) = used.revocation.map(|revocation| at.since(revocation.at)) else { return Ok(None) };
                if replaced <= GRACE {
                    return Ok(None);
                }
                format!(
                    "certificate {} was used by somebody who holds its key {replaced} after a newer one took its place, \
                     from {place}",
                    used.serial
                )
            }
        }))
    }

    /// Does what the rule for it says.
    async fn act(&self, suspicion: &Suspicion, detail: &str) -> Result<(), StoreError> {
        let cause = match suspicion.sign {
            Sign::TwoStarts(_) | Sign::OldCertificate(_) => Cause::Clone,
            Sign::WrongPump(_) => Cause::Misuse,
        };
        let rules = self.hub.store.take_down_rules().await?;
        let Some(rule) = rules.of(cause).filter(|rule| rule.on) else { return Ok(()) };
        let held: Option<QuarantineLevel> = self.hub.registry.get(suspicion.pump).and_then(|entry| entry.level);
        if held >= Some(rule.level) {
            return Ok(());
        }
        let cap = Cap { pumps: rule.most_pumps.into(), percent: rule.most_percent.into() };
        let order = Order { hold: Hold::At(rule.level), cause, until: None, cap: Some(cap) };
        let by = Actor::Hub(format!("rule for {}", cause.as_str()));
        let why = Decision { by, reason: detail.to_owned(), at: suspicion.at };
        match self.hub.hold(suspicion.pump, &order, By::Hub, &why).await {
            Ok(_) => Ok(()),
            // Both are in the audit by now.
            Err(DecideError::Refused(_) | DecideError::Level(_)) => Ok(()),
            Err(DecideError::Store(StoreError::Refused { why, .. })) => {
                tracing::warn!(pump = %suspicion.pump, why, "a rule did not take a pump down");
                Ok(())
            }
            Err(DecideError::Store(error)) => Err(error),
        }
    }
}

fn is_due(
    lately: &mut BTreeMap<(PumpId, &'static str), Time>,
    key: (PumpId, &'static str),
    now: Time,
    every: Span,
) -> bool {
    lately.retain(|_, at| now.since(*at) < every);
    if lately.contains_key(&key) {
        return false;
    }
    lately.insert(key, now);
    true
}

#[cfg(test)]
#[path = "suspects_tests.rs"]
mod tests;
