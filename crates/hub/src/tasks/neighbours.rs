//! What other hubs on the same PostgreSQL decide, followed here at once: registry, live links, goals, screens.
//!
//! It decides nothing and trusts no notice: a notice says where to look, the database says what is so. After a time
//! without hearing, everything is read anew, and every link that is not allowed any more is cut. A pump may link to any
//! hub; which one holds its link matters to nobody (N8, N14).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use wardline_model::covers;
use wardline_store::{Heard, Neighbours, Notice, StoreError};

use crate::state::Hub;

/// How long to wait when the database cannot be reached.
const AGAIN: Duration = Duration::from_millis(500);

/// Listens until `stop` says true or its sender is gone.
pub async fn listen(hub: Arc<Hub>, mut neighbours: Neighbours, mut stop: watch::Receiver<bool>) {
    let mut missed = false;
    loop {
        let turn = async {
            let heard = if missed { Heard::Missed } else { neighbours.next().await? };
            follow(&hub, &heard).await
        };
        let done = tokio::select! {
            done = turn => done,
            stopped = stop.wait_for(|stop| *stop) => { drop(stopped); return; }
        };
        match done {
            Ok(()) => missed = false,
            Err(error) => {
                if !missed {
                    tracing::warn!(%error, "the other hubs cannot be heard; everything is read anew when they can");
                }
                missed = true;
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

async fn follow(hub: &Hub, heard: &Heard) -> Result<(), StoreError> {
    covers!("N14");
    match heard {
        Heard::Notice(Notice::Pumps(pumps)) => {
            for pump in pumps {
                hub.follow(&hub.store.registry_entry(*pump).await?);
            }
        }
        Heard::Notice(Notice::Goals(pumps)) => {
            for pump in pumps {
                if let Some(goal) = hub.store.goal(*pump).await? {
                    hub.links.goal_changed(*pump, goal.generation, &goal.signed);
                    hub.changes.touch(*pump);
                }
            }
        }
        Heard::Notice(Notice::List) => hub.changes.touch_all(),
        Heard::Missed => {
            for entry in hub.store.registry().await? {
                hub.follow(&entry);
            }
            for link in hub.links.table().all() {
                let pump = link.peer().pump;
                if let Some(goal) = hub.store.goal(pump).await? {
                    hub.links.goal_changed(pump, goal.generation, &goal.signed);
                }
            }
            hub.links.forget_absent();
            hub.changes.touch_all();
        }
    }
    Ok(())
}
