//! Memory per idle live link, at every server in turn.

use std::time::Duration;

use anyhow::Result;

use crate::machine::print_limits;
use crate::report::{Good, Table};
use crate::target::Target;
use crate::ward::Ward;

/// The share of the links that are up before counting starts: what the first links cost once (the database's caches, the
/// allocator's arenas) is not counted.
const WARM_SHARE: usize = 3;

/// The most links of one process of pumps; files are limited to 20,000 per process.
const PER_PROCESS: usize = 9_000;

pub fn run(pumps: usize, rounds: usize) -> Result<()> {
    print_limits()?;
    let ward = Ward::new(pumps)?;
    let warm = pumps / WARM_SHARE;
    let title = format!("density: KiB of resident memory per idle mutual TLS link, slope from {warm} to {pumps} links");
    let mut table = Table::new(title, Good::Low, Some(14.0));
    for _ in 0..rounds {
        for target in Target::ALL {
            match one(&ward, target, pumps)? {
                Some((figure, note)) => table.add(target.name(), figure, note),
                None => table.absent(target.name(), "peer not installed"),
            }
        }
    }
    table.print();
    Ok(())
}

fn one(ward: &Ward, target: Target, pumps: usize) -> Result<Option<(f64, String)>> {
    let Some((server, place)) = target.start(ward)? else { return Ok(None) };
    let warm = pumps / WARM_SHARE;
    let mut all = Vec::new();
    let mut up = |from: usize, to: usize| -> Result<u64> {
        for first in (from..to).step_by(PER_PROCESS) {
            let count = PER_PROCESS.min(to - first);
            let mut drivers = ward.drivers(&place, first, count, &["--speak", target.speak()])?;
            drivers.expect("linked")?;
            all.push(drivers);
        }
        settle();
        server.resident_kib()
    };
    let (before, after) = (up(0, warm)?, up(warm, pumps)?);
    let figure = after.saturating_sub(before) as f64 / (pumps - warm) as f64;
    let note = format!("{:.1} MiB per 1,000; {before} KiB with {warm}, {after} KiB with {pumps}", figure / 1.024);
    Ok(Some((figure, note)))
}

/// Lets the batches that follow a link (presence, tickets) be written before memory is read.
fn settle() {
    std::thread::sleep(Duration::from_secs(3));
}
