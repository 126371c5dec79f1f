//! Events per second that are acknowledged and on the disk: in the store alone, over the live link, and at a peer, beside
//! what the disk can do at this moment.
//!
//! Writers stand for pumps: each keeps a number of events in flight and sends the next ones when those are acknowledged.
//! Nothing is counted that was not on the disk.

mod store;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use wardline_e2e::postgres::Postgres;
use wardline_model::{ChannelState, Event, EventBody, Sequence, Time};

use crate::machine::{fdatasyncs, median, print_limits};
use crate::target::Target;
use crate::ward::{Ward, Wish};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the databases go; the disk that is measured.
    #[arg(long, default_value = "/tmp")]
    folder: PathBuf,
    /// Seconds for each row.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many times.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

/// Pumps × events in flight, as in the table of the project's bars.
pub const LOADS: [(usize, u64); 3] = [(1, 1), (20, 100), (200, 1)];

/// What one load gave.
pub struct Row {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// Measures and prints a table.
///
/// # Errors
/// When a database cannot be used, or an acknowledgement was wrong.
pub fn run(args: &Args) -> Result<()> {
    print_limits()?;
    let folder = tempfile::tempdir_in(&args.folder).context("making a folder for the measurement")?;
    println!("this disk: {} fdatasync/s", fdatasyncs(folder.path())?);
    // PostgreSQL runs as a user of its own where we are root, and must be able to enter.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))?;
    let postgres = Postgres::start(folder.path(), &["max_connections=200"]);
    let mut lines: Vec<(String, Vec<Vec<Row>>)> = Vec::new();
    for _ in 0..args.rounds {
        for (name, rows) in round(args, folder.path(), postgres.as_ref())? {
            match lines.iter_mut().find(|(known, _)| *known == name) {
                Some((_, all)) => all.push(rows),
                None => lines.push((name, vec![rows])),
            }
        }
    }
    println!("events acknowledged after they are on the disk, per second (middle of {})", args.rounds);
    println!("  {:<26} {:>6} {:>9} {:>10} {:>8} {:>8}", "", "pumps", "in flight", "events/s", "p50 ms", "p99 ms");
    for (name, all) in &lines {
        if all.iter().all(Vec::is_empty) {
            println!("  {name:<26} not installed");
        }
        for (load, (pumps, flight)) in LOADS.iter().enumerate() {
            let of = |what: fn(&Row) -> f64| {
                median(&all.iter().filter_map(|rows| rows.get(load)).map(what).collect::<Vec<_>>())
            };
            if all.iter().any(|rows| rows.len() > load) {
                let (rate, p50, p99) = (of(|r| r.per_second), of(|r| r.p50_ms), of(|r| r.p99_ms));
                println!("  {name:<26} {pumps:>6} {flight:>9} {rate:>10.0} {p50:>8.2} {p99:>8.2}");
            }
        }
    }
    println!("this disk: {} fdatasync/s (again, afterwards)", fdatasyncs(folder.path())?);
    println!("bar: 20,000 at 200 × 1 with p99 under 50 ms, the same order on PostgreSQL");
    Ok(())
}

fn round(args: &Args, folder: &std::path::Path, postgres: Option<&Postgres>) -> Result<Vec<(String, Vec<Row>)>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let place = tempfile::tempdir_in(folder)?;
    let mut lines = Vec::new();
    let sqlite = wardline_store::sqlite_url(&place.path().join("bench.db"));
    lines.push(("store, SQLite".to_owned(), runtime.block_on(store::rows(&sqlite, args.seconds))?));
    let rows = match postgres {
        Some(server) => runtime.block_on(store::rows(&server.database(), args.seconds))?,
        None => Vec::new(),
    };
    lines.push(("store, PostgreSQL".to_owned(), rows));
    lines.push(("hub over TLS, SQLite".to_owned(), served(args, Target::Hub, &Wish::default())?));
    let rows = match postgres {
        Some(server) => served(args, Target::Hub, &Wish { database: Some(server.database()), ..Wish::default() })?,
        None => Vec::new(),
    };
    lines.push(("hub over TLS, PostgreSQL".to_owned(), rows));
    lines.push(("NATS JetStream over TLS".to_owned(), served(args, Target::Nats, &Wish::default())?));
    Ok(lines)
}

/// The same over the wire, from processes of pumps.
fn served(args: &Args, target: Target, wish: &Wish) -> Result<Vec<Row>> {
    let ward = Ward::with(LOADS.iter().map(|(pumps, _)| pumps).sum(), wish)?;
    let Some((_server, place)) = target.start(&ward)? else { return Ok(Vec::new()) };
    let (mut rows, mut from) = (Vec::new(), 0);
    for (pumps, flight) in LOADS {
        let (seconds, flight) = (args.seconds.to_string(), flight.to_string());
        let more = ["--speak", target.speak(), "--events-s", &seconds, "--flight", &flight];
        let mut drivers = ward.drivers(&place, from, pumps, &more)?;
        drivers.expect("ready")?;
        let done = drivers.expect("done")?;
        let numbers: Vec<f64> = done.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [events, took_us, p50_us, p99_us] = numbers[..] else { anyhow::bail!("counts: {done}") };
        rows.push(Row { per_second: events / took_us * 1e6, p50_ms: p50_us / 1e3, p99_ms: p99_us / 1e3 });
        from += pumps;
    }
    Ok(rows)
}

/// A typical event, with a sensitive detail that is sealed.
pub fn event(seq: u64) -> Event {
    let detail = "morphine 1 mg/ml, 2.5 ml/h".to_owned();
    let body = EventBody::TherapyChanged { channel: 1, state: ChannelState::Infusing, library: None, detail };
    Event { seq: Sequence(seq), at: Time::from_unix_s(seq), body }
}
