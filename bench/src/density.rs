//! Memory per idle live link, at every server in turn.

use std::time::Duration;

use anyhow::Result;

use crate::machine::print_limits;
use crate::report::{Good, Table};
use crate::target::Target;
use crate::ward::Ward;

/// Links that are up before counting starts: what the first links cost once is not counted.
const WARM: usize = 200;

/// The most links of one process of pumps; files are limited to 20,000 per process.
const PER_PROCESS: usize = 9_000;

pub fn run(pumps: usize, rounds: usize) -> Result<()> {
    print_limits()?;
    let ward = Ward::new(pumps + WARM)?;
    let title = format!("density: KiB of resident memory per idle mutual TLS link, slope over {pumps} links");
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
    let mut warm = ward.drivers(&place, 0, WARM, &["--speak", target.speak()])?;
    warm.expect("linked")?;
    settle();
    let before = server.resident_kib()?;
    let mut all = Vec::new();
    for from in (0..pumps).step_by(PER_PROCESS) {
        let count = PER_PROCESS.min(pumps - from);
        let mut drivers = ward.drivers(&place, WARM + from, count, &["--speak", target.speak()])?;
        drivers.expect("linked")?;
        all.push(drivers);
    }
    settle();
    let after = server.resident_kib()?;
    let figure = after.saturating_sub(before) as f64 / pumps as f64;
    let note =
        format!("{:.1} MiB per 1,000; {before} KiB with {WARM}, {after} KiB with {}", figure / 1.024, pumps + WARM);
    Ok(Some((figure, note)))
}

/// Lets the batches that follow a link (presence, tickets) be written before memory is read.
fn settle() {
    std::thread::sleep(Duration::from_secs(3));
}
