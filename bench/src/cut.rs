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
    let (mut took, mut decided) = (Vec::with_capacity(cuts), Vec::with_capacity(cuts));
    // Spread over the fleet, so that not one corner of a table is measured.
    let step = (pumps / cuts.max(1)).max(1);
    for pass in passes::read(ward.path(), passes::OWN, 0, pumps)?.iter().step_by(step).take(cuts) {
        hub.say(&format!("quarantine {}", pass.pump))?;
        let said = hub.expect("quarantined")?;
        let (began, durable) = said.split_once(' ').context("two times")?;
        let (began, durable): (u64, u64) = (began.parse()?, durable.parse()?);
        decided.push(durable.saturating_sub(began));
        let down = drivers.expect("down")?;
        let (who, at) = down.split_once(' ').context("who and when")?;
        anyhow::ensure!(who == pass.pump.to_string(), "another pump noticed: {who}");
        took.push(at.parse::<u64>()?.saturating_sub(began));
    }
    took.sort_unstable();
    decided.sort_unstable();
    println!("cut: from the decision to the end of the link, {pumps} live, {} quarantined", took.len());
    for (what, times) in [("link ended", &took), ("of that, the commit", &decided)] {
        let ms = |percent| percentile(times, percent) as f64 / 1_000.0;
        println!("  {what:<22} p50 {:>7.1} ms  p99 {:>7.1} ms  worst {:>7.1} ms", ms(50), ms(99), ms(100));
    }
    println!("  bar: p99 50 ms; peers that poll a revocation list take minutes to hours");
    Ok(())
}
