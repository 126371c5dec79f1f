//! Memory per idle live link.

use anyhow::Result;

use crate::machine::print_limits;
use crate::peer;
use crate::ward::Ward;

/// Links that are up before counting starts: what the first links cost once is not counted.
const WARM: usize = 200;

/// The most links of one process of pumps; files are limited to 20,000 per process.
const PER_PROCESS: usize = 9_000;

pub fn run(pumps: usize) -> Result<()> {
    print_limits()?;
    let ward = Ward::new(pumps + WARM)?;
    let (hub, place) = ward.hub()?;
    let mut warm = ward.drivers(&place, 0, WARM, &[])?;
    warm.expect("linked")?;
    settle();
    let before = hub.resident_kib()?;
    let mut all = Vec::new();
    for from in (0..pumps).step_by(PER_PROCESS) {
        let count = PER_PROCESS.min(pumps - from);
        let mut drivers = ward.drivers(&place, WARM + from, count, &[])?;
        drivers.expect("linked")?;
        all.push(drivers);
    }
    settle();
    let after = hub.resident_kib()?;
    let per_link = (after.saturating_sub(before)) as f64 / pumps as f64;
    println!("hub: {WARM} links {before} KiB, {} links {after} KiB", pumps + WARM);
    println!(
        "density: {per_link:.1} KiB per idle link, {:.1} MiB per 1,000 pumps (bar 14 KiB; bare rustls 10.7)",
        per_link * 1_000.0 / 1_024.0
    );
    drop(all);
    peer::density(&ward, pumps)
}

/// Lets the batches that follow a link (presence, tickets) be written before memory is read.
fn settle() {
    std::thread::sleep(std::time::Duration::from_secs(3));
}
