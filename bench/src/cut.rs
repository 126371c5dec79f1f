//! From the decision to quarantine a pump to the end of its link.

use anyhow::{Context as _, Result};

use crate::machine::{percentile, print_limits};
use crate::ward::{Ward, passes};

pub fn run(pumps: usize, cuts: usize) -> Result<()> {
    print_limits()?;
    let ward = Ward::new(pumps)?;
    let (mut hub, place, _) = ward.hub()?;
    let mut drivers = ward.drivers(&place, 0, pumps, &[])?;
    drivers.expect("linked")?;
    let mut took = Vec::with_capacity(cuts);
    // Spread over the fleet, so that not one corner of a table is measured.
    let step = (pumps / cuts.max(1)).max(1);
    for pass in passes::read(ward.path(), passes::OWN, 0, pumps)?.iter().step_by(step).take(cuts) {
        hub.say(&format!("quarantine {}", pass.pump))?;
        let began: u64 = hub.expect("quarantined")?.parse()?;
        let down = drivers.expect("down")?;
        let (who, at) = down.split_once(' ').context("who and when")?;
        anyhow::ensure!(who == pass.pump.to_string(), "another pump noticed: {who}");
        took.push(at.parse::<u64>()?.saturating_sub(began));
    }
    took.sort_unstable();
    println!(
        "cut, {pumps} live, {} quarantined: p50 {:.1} ms, p99 {:.1} ms, worst {:.1} ms (bar p99 50 ms)",
        took.len(),
        percentile(&took, 50) as f64 / 1_000.0,
        percentile(&took, 99) as f64 / 1_000.0,
        percentile(&took, 100) as f64 / 1_000.0
    );
    Ok(())
}
