//! How many events per second the store acknowledges, durable, beside what the disk can do at this moment.
//!
//! Writers stand for pumps: each keeps a number of events in flight and sends the next ones when they are acknowledged.
//! Nothing is counted that was not on the disk.

use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use wardline_model::{AssetTag, CareArea, ChannelState, Event, EventBody, Model, PumpId, Sequence, Serial, Time};
use wardline_store::{Actor, Appended, Decision, ExpectedPump, Journal, MasterKey, Store, sqlite_url};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the SQLite database and the disk's own measurement go.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Also measure PostgreSQL, in this empty database.
    #[arg(long)]
    postgres: Option<String>,
    /// Seconds for each row.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

/// Pumps × events in flight, as in the table of the project's bars.
const LOADS: [(usize, u64); 3] = [(1, 1), (200, 1), (20, 100)];

/// Measures and prints a table.
///
/// # Errors
/// When a database cannot be used, or an acknowledgement was wrong.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let time = Duration::from_secs(args.seconds);
    let folder = tempfile::tempdir_in(&args.folder).context("making a folder for the measurement")?;
    println!("one write of 4 KiB and fdatasync: {:.0} per second", fdatasyncs(folder.path())?);
    println!(
        "{:<11} {:>9} {:>10} {:>12} {:>10} {:>10}",
        "engine", "pumps", "in flight", "events/s", "p50 ms", "p99 ms"
    );
    let mut engines = vec![("SQLite", sqlite_url(&folder.path().join("bench.db")))];
    engines.extend(args.postgres.clone().map(|url| ("PostgreSQL", url)));
    for (name, url) in engines {
        let store = Store::create(&url, &MasterKey::generate(), Time::from_unix_s(0)).await?;
        let pumps = pumps(&store).await?;
        for (n, (writers, flight)) in (1u64..).zip(LOADS) {
            let row = load(&store, Journal(n), &pumps[..writers], flight, time).await?;
            println!(
                "{name:<11} {writers:>9} {flight:>10} {:>12.0} {:>10.2} {:>10.2}",
                row.per_second, row.p50_ms, row.p99_ms
            );
        }
        store.close().await;
    }
    println!("one write of 4 KiB and fdatasync: {:.0} per second (again, afterwards)", fdatasyncs(folder.path())?);
    Ok(())
}

/// How many times per second this disk makes four kibibytes durable, one after the other.
fn fdatasyncs(folder: &Path) -> anyhow::Result<f64> {
    let mut file = std::fs::File::create(folder.join("fdatasync"))?;
    let block = [0x5a; 4096];
    file.write_all(&block.repeat(64))?;
    file.sync_all()?;
    let (start, mut count) = (Instant::now(), 0u32);
    while start.elapsed() < Duration::from_secs(1) {
        file.seek(std::io::SeekFrom::Start(u64::from(count % 64) * 4096))?;
        file.write_all(&block)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

async fn pumps(store: &Store) -> anyhow::Result<Vec<PumpId>> {
    let pumps = (0..200).map(|n| {
        Ok(ExpectedPump {
            model: Model::new("Bench")?,
            serial: Serial::new(&format!("B{n}"))?,
            asset_tag: AssetTag::new(&format!("B-{n}"))?,
            care_area: CareArea::new("Bench")?,
        })
    });
    let pumps = pumps.collect::<anyhow::Result<Vec<_>>>()?;
    let by = Decision { by: Actor::Operator("bench".into()), reason: String::new(), at: Time::from_unix_s(0) };
    Ok(store.expect_pumps(&pumps, &by).await?)
}

/// One row of the table.
struct Row {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

async fn load(store: &Store, journal: Journal, pumps: &[PumpId], flight: u64, time: Duration) -> anyhow::Result<Row> {
    let start = Instant::now();
    let writers: Vec<_> = pumps
        .iter()
        .map(|pump| {
            let (store, pump) = (store.clone(), *pump);
            // One task for each pump, as on the hub.
            tokio::spawn(async move {
                let (mut next, mut waits) = (1, Vec::new());
                while start.elapsed() < time {
                    let events = (next..next + flight).map(event).collect();
                    let sent = Instant::now();
                    let answer = store.append_events(pump, journal, events, Time::from_unix_s(1)).await?;
                    waits.push(sent.elapsed());
                    next += flight;
                    ensure!(answer == Appended::Durable(Sequence(next - 1)), "wrong acknowledgement: {answer:?}");
                }
                anyhow::Ok((next - 1, waits))
            })
        })
        .collect();
    let (mut events, mut waits) = (0, Vec::new());
    for writer in writers {
        let (sent, waited) = writer.await??;
        events += sent;
        waits.extend(waited);
    }
    let elapsed = start.elapsed().as_secs_f64();
    waits.sort_unstable();
    let at = |share: usize| waits.get(waits.len() * share / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    Ok(Row { per_second: events as f64 / elapsed, p50_ms: at(50), p99_ms: at(99) })
}

/// A typical event, with a sensitive detail that is sealed.
fn event(seq: u64) -> Event {
    let detail = "morphine 1 mg/ml, 2.5 ml/h".to_owned();
    let body = EventBody::TherapyChanged { channel: 1, state: ChannelState::Infusing, library: None, detail };
    Event { seq: Sequence(seq), at: Time::from_unix_s(seq), body }
}
