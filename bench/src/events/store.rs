//! The store alone, in this process: what the database costs, without TLS and frames.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use wardline_model::{PumpId, Sequence, Time};
use wardline_store::{Appended, Journal, MasterKey, Store};

use super::{LOADS, Row, event};
use crate::machine::percentile;
use crate::ward::{expected, why};

pub async fn rows(url: &str, seconds: u64) -> Result<Vec<Row>> {
    let start = Time::from_unix_s(0);
    let store = Store::create(url, &MasterKey::generate(), start).await?;
    let pumps = (1..=200).map(expected).collect::<Result<Vec<_>>>()?;
    let pumps = store.expect_pumps(&pumps, &why(start)).await?;
    let mut rows = Vec::new();
    for (journal, (writers, flight)) in (1u64..).zip(LOADS) {
        rows.push(load(&store, Journal(journal), &pumps[..writers], flight, Duration::from_secs(seconds)).await?);
    }
    store.close().await;
    Ok(rows)
}

async fn load(store: &Store, journal: Journal, pumps: &[PumpId], flight: u64, time: Duration) -> Result<Row> {
    let start = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for pump in pumps {
        let (store, pump) = (store.clone(), *pump);
        // One task for each pump, as on the hub.
        writers.spawn(async move {
            let (mut next, mut waits) = (1, Vec::new());
            while start.elapsed() < time {
                let events = (next..next + flight).map(event).collect();
                let sent = Instant::now();
                let answer = store.append_events(pump, journal, events, Time::from_unix_s(1)).await?;
                waits.push(sent.elapsed().as_micros() as u64);
                next += flight;
                ensure!(answer == Appended::Durable(Sequence(next - 1)), "wrong acknowledgement: {answer:?}");
            }
            anyhow::Ok((next - 1, waits))
        });
    }
    let (mut events, mut waits) = (0, Vec::new());
    while let Some(writer) = writers.join_next().await {
        let (sent, waited) = writer??;
        events += sent;
        waits.extend(waited);
    }
    let elapsed = start.elapsed().as_secs_f64();
    waits.sort_unstable();
    let at = |percent| percentile(&waits, percent) as f64 / 1e3;
    Ok(Row { per_second: events as f64 / elapsed, p50_ms: at(50), p99_ms: at(99) })
}
