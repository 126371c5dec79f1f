//! What another hub on the same database decided about the authorities: looked up every few seconds, because a change takes
//! weeks and its steps are few. The keys are not in the database: the folder of keys is copied to every hub after a start.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use wardline_store::{Generations, RollOverRow, RollOverStage, Store};

use super::steps;
use crate::door::until;
use crate::state::Hub;

/// How often the database is asked. One row that is nearly never there.
const EVERY: Duration = Duration::from_secs(5);

type Known = (Generations, Option<(Generations, RollOverStage)>);

fn known(rows: &[RollOverRow]) -> Known {
    let (now, open) = Store::authorities_of(rows);
    (now, open.map(|row| (row.to, row.stage)))
}

/// Follows until `stopped`.
pub(crate) async fn follow(hub: Arc<Hub>, stopped: watch::Receiver<bool>) {
    let mut stopped = std::pin::pin!(until(stopped));
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = &mut stopped => return,
        }
        let Ok(rows) = hub.store.roll_overs().await else { continue };
        let own = hub.trust.now();
        let works_with: Known =
            (own.old.generations, own.next.as_ref().map(|next| (next.side.generations, next.stage)));
        if known(&rows) == works_with {
            continue;
        }
        match steps::apply(&hub, &rows) {
            Ok(()) => tracing::info!("the certificate authorities changed at another hub, and here"),
            Err(error) => tracing::error!(
                %error,
                "the certificate authorities changed at another hub: copy its folder of keys to this one"
            ),
        }
    }
}
