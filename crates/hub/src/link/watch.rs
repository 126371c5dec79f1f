//! One task that sees to time for all links, so that an idle link needs no timer of its own: peers that went silent or
//! stay in the middle of a frame are cut, and what is only counted reaches the store in batches.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use wardline_model::{Span, Time};
use wardline_store::LinkChange;
use wardline_wire::link::CloseReason;

use super::{Links, now};

/// How often links that came up or went down reach the store: people see a change within a second.
const PRESENCE_EVERY: Duration = Duration::from_millis(250);

/// How many presence ticks make a look at every link's time: two seconds, small beside the limits it watches over.
const LOOK_EVERY: u32 = 8;

/// How many presence ticks make a flush of who was heard and who was refused.
const FLUSH_EVERY: u32 = 40;

/// How many heartbeats may be missing before a link counts as dead.
const MISSING_HEARTBEATS: u64 = 3;

/// Watches until `stop` is done, then writes out what it still holds.
pub async fn watch(links: Arc<Links>, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    let mut ticks = interval_at(Instant::now() + PRESENCE_EVERY, PRESENCE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut flushed = now();
    for tick in 1u32.. {
        tokio::select! {
            _ = ticks.tick() => {}
            () = &mut stop => break,
        }
        flush_presence(&links).await;
        if tick % LOOK_EVERY == 0 {
            cut_late(&links, now());
        }
        if tick % FLUSH_EVERY == 0 {
            let until = now();
            flush_counts(&links, flushed).await;
            flushed = until;
        }
    }
    flush_presence(&links).await;
    flush_counts(&links, flushed).await;
}

/// Cuts every link that was silent for too long or has been in the middle of a frame for too long.
pub(super) fn cut_late(links: &Links, now: Time) {
    let silent = Span::from_ms(links.settings.heartbeat.as_ms().saturating_mul(MISSING_HEARTBEATS));
    for link in links.table.all() {
        let slow = link.busy_since().is_some_and(|since| now.since(since) > links.settings.frame_within);
        if slow || now.since(link.heard()) > silent {
            link.close(CloseReason::TooSlow);
        }
    }
}

async fn flush_presence(links: &Links) {
    let changes = std::mem::take(&mut *links.presence.lock().unwrap_or_else(PoisonError::into_inner));
    // Of each pump only the last change counts: a storm of reconnects costs one row for each pump and tick.
    let last: std::collections::BTreeMap<_, _> = changes.into_iter().map(|change| (change.pump(), change)).collect();
    let last: Vec<LinkChange> = last.into_values().collect();
    if last.is_empty() {
        return;
    }
    match links.store.links_changed(&links.node, &last).await {
        Ok(()) => last.iter().for_each(|change| (links.gate.touched)(change.pump())),
        Err(error) => {
            let pumps = last.len();
            tracing::error!(pumps, %error, "the store could not note links that changed; the screen may be wrong");
        }
    }
}

async fn flush_counts(links: &Links, since: Time) {
    let seen: Vec<_> = links
        .table
        .all()
        .iter()
        .filter(|link| link.heard() >= since)
        .map(|link| (link.peer().pump, link.heard(), link.clock_offset_ms()))
        .collect();
    if !seen.is_empty()
        && let Err(error) = links.store.pumps_seen(&seen).await
    {
        tracing::error!(%error, "the store could not note which pumps were heard");
    }
    let watched = links.watched.take();
    if !watched.is_empty()
        && let Err(error) = links.store.save_watched(&watched).await
    {
        tracing::error!(%error, "the store could not note what watched pumps did");
        links.watched.give_back(watched);
    }
    let sightings = links.strangers.take();
    if !sightings.is_empty()
        && let Err(error) = links.store.save_sightings(&sightings).await
    {
        tracing::error!(%error, "the store could not note refused peers");
        links.strangers.give_back(sightings);
    }
}
