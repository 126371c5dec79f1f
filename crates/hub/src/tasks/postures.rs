//! Gives pumps back that have proven their posture: at the end of a quarantine that a person gave one, or at once where the
//! hospital's rule says so.
//!
//! It gives back only what a person held at remediate, and only on a proof that is newer than the quarantine. A pump whose
//! key was copied or misused is never given back without a person, whatever it says (N14).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use wardline_fleet::lifecycle::By;
use wardline_model::{QuarantineLevel, covers};
use wardline_store::{Actor, Decision, StoreError};

use crate::decide::{DecideError, Hold, Order};
use crate::state::{Hub, now};

/// How often ends are looked for.
const EVERY: Duration = Duration::from_secs(30);

/// Looks whenever a pump has proven its posture and every [`EVERY`], until `stop` says true or its sender is gone.
pub async fn run(hub: Arc<Hub>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = hub.links.postures().more() => {}
            () = tokio::time::sleep(EVERY) => {}
            stopped = stop.wait_for(|stop| *stop) => { drop(stopped); return; }
        }
        if let Err(error) = look(&hub).await {
            tracing::warn!(%error, "pumps that are held could not be looked at; the next turn tries again");
        }
    }
}

async fn look(hub: &Hub) -> Result<(), StoreError> {
    covers!("N14");
    let (rules, now) = (hub.store.take_down_rules().await?, now());
    for held in hub.store.held_pumps().await? {
        let (pump, held) = (held.pump, held.quarantine);
        let is_over = held.until.is_some_and(|until| until <= now);
        let may = held.level == QuarantineLevel::Remediate && held.cause.may_be_given_back();
        let Some(proof) = hub.links.postures().since(pump, held.since).filter(|_| may && (is_over || rules.give_back))
        else {
            continue;
        };
        let order = Order::of_person(Hold::Proven(proof));
        let reason = if is_over { "its time is over and its posture is proven" } else { "its posture is proven" };
        let why = Decision { by: Actor::Hub("posture".into()), reason: reason.into(), at: now };
        match hub.hold(pump, &order, By::Hub, &why).await {
            Ok(_) | Err(DecideError::Refused(_) | DecideError::Level(_)) => {}
            // A person was faster.
            Err(DecideError::Store(StoreError::Moved { .. })) => {}
            Err(DecideError::Store(error)) => return Err(error),
        }
    }
    Ok(())
}
