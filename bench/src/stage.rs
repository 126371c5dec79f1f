//! How long it takes until every pump has a new drug library staged, and what that costs the hub.
//!
//! The goal arrives on the live link; the pump fetches metadata and artifact from the hub's release listener with the
//! agent's own code, which checks signatures, threshold, length and digest; the pump reports it staged, and it counts when
//! that report is on the hub's disk. The yardstick gives the same number of bytes to as many connections, with the same TLS.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::machine::{Process, median, now_us, percentile, print_limits};
use crate::target::Target;
use crate::ward::{Ward, Wish};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many pumps.
    #[arg(long, default_value_t = 5_000)]
    pumps: usize,
    /// The library's size in bytes.
    #[arg(long, default_value_t = 1024 * 1024)]
    bytes: u32,
    /// How many fetch at once.
    #[arg(long, default_value_t = 64)]
    at_once: usize,
    /// How many times.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Where the pumps' folders are: in memory, because this machine's one disk is not 5,000 pumps' flash.
    #[arg(long, default_value = "/dev/shm")]
    flash: PathBuf,
}

/// What one run cost.
struct Cost {
    wall_s: f64,
    cpu_s: f64,
    peak_mib: f64,
    p50_s: f64,
    p99_s: f64,
}

pub fn run(args: &Args) -> Result<()> {
    print_limits()?;
    let mut all = [("wardline hub", Vec::new()), ("bytes over bare TLS", Vec::new())];
    for _ in 0..args.rounds {
        all[0].1.push(hub(args)?);
        all[1].1.push(bare(args)?);
    }
    println!(
        "stage: a library of {} bytes on {} pumps, {} at once (middle of {})",
        args.bytes, args.pumps, args.at_once, args.rounds
    );
    println!(
        "  {:<22} {:>8} {:>9} {:>10} {:>9} {:>8} {:>8}",
        "", "wall s", "MiB/s", "CPU s", "peak MiB", "p50 s", "p99 s"
    );
    let mebibytes = args.pumps as f64 * f64::from(args.bytes) / 1024.0 / 1024.0;
    for (who, costs) in &all {
        let middle = |of: fn(&Cost) -> f64| median(&costs.iter().map(of).collect::<Vec<_>>());
        let wall = middle(|c| c.wall_s);
        println!(
            "  {who:<22} {wall:>8.1} {:>9.0} {:>10.2} {:>9.0} {:>8.2} {:>8.2}",
            mebibytes / wall,
            middle(|c| c.cpu_s),
            middle(|c| c.peak_mib),
            middle(|c| c.p50_s),
            middle(|c| c.p99_s)
        );
    }
    println!(
        "  CPU s and peak MiB are the server's; p50 and p99 count from the goal's arrival at a pump, waiting for its turn included"
    );
    println!("  peer: none here does this; goosebit comes with the update protocols of other makers");
    Ok(())
}

fn hub(args: &Args) -> Result<Cost> {
    let flash = tempfile::tempdir_in(&args.flash).context("a folder for the pumps (--flash)")?;
    let wish = Wish { library: Some(args.bytes as usize), ..Wish::default() };
    let ward = Ward::with(args.pumps, &wish)?;
    let (mut hub, link, est) = ward.hub()?;
    let (folder, at_once) = (flash.path().display().to_string(), args.at_once.to_string());
    let more = ["--stage", &folder, "--at-once", &at_once, "--est", &est];
    let mut drivers = ward.drivers(&link, 0, args.pumps, &more)?;
    drivers.expect("linked")?;
    let before = hub.cpu()?;
    hub.say("goals")?;
    let began: u64 = hub.expect("began")?.parse()?;
    let spans = drivers.expect("staged")?;
    let mut waits = Vec::new();
    let mut last = began;
    for span in spans.split(' ') {
        let (from, to) = span.split_once('-').context("a span")?;
        let (from, to): (u64, u64) = (from.parse()?, to.parse()?);
        waits.push(to.saturating_sub(from));
        last = last.max(to);
    }
    cost(began, last, waits, &hub, before)
}

fn bare(args: &Args) -> Result<Cost> {
    let ward = Ward::new(args.pumps)?;
    let (server, place) = Target::Bare.start(&ward)?.context("the yardstick is built in")?;
    let (bytes, at_once) = (args.bytes.to_string(), args.at_once.to_string());
    let mut drivers = ward.drivers(&place, 0, args.pumps, &["--pull", &bytes, "--at-once", &at_once])?;
    drivers.expect("ready")?;
    let before = server.cpu()?;
    let began = now_us();
    drivers.say("go")?;
    let ends: Vec<u64> = drivers.expect("done")?.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let last = ends.iter().copied().max().unwrap_or(began);
    cost(began, last, ends.iter().map(|end| end.saturating_sub(began)).collect(), &server, before)
}

fn cost(began: u64, last: u64, mut waits: Vec<u64>, server: &Process, before: Duration) -> Result<Cost> {
    waits.sort_unstable();
    let seconds = |us: u64| us as f64 / 1e6;
    Ok(Cost {
        wall_s: seconds(last - began),
        cpu_s: (server.cpu()? - before).as_secs_f64(),
        peak_mib: server.peak_kib()? as f64 / 1024.0,
        p50_s: seconds(percentile(&waits, 50)),
        p99_s: seconds(percentile(&waits, 99)),
    })
}
