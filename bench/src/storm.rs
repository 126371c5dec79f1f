//! A reconnect storm: handshakes to session ready.

use std::time::Duration;

use anyhow::Result;

use crate::machine::print_limits;
use crate::peer;
use crate::ward::Ward;

pub fn run(pumps: usize, seconds: u64) -> Result<()> {
    print_limits()?;
    let ward = Ward::new(pumps)?;
    for (what, arguments, bar) in [("full", &[][..], 2_800), ("resumed", &["--resume"][..], 6_000)] {
        let (hub, place) = ward.hub()?;
        let storm = seconds.to_string();
        let mut all = vec!["--storm-s", &storm];
        all.extend(arguments);
        let mut drivers = ward.drivers(&place, 0, pumps, &all)?;
        drivers.expect("warm")?;
        let before = hub.cpu()?;
        let counts = drivers.expect("done")?;
        let used = hub.cpu()? - before;
        print(what, &counts, used, seconds, bar)?;
    }
    peer::storm(&ward, pumps, seconds)
}

fn print(what: &str, counts: &str, used: Duration, seconds: u64, bar: u32) -> Result<()> {
    let numbers: Vec<u64> = counts.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [done, resumed, failed] = numbers[..] else { return Err(anyhow::anyhow!("counts: {counts}")) };
    let per_cpu = done as f64 / used.as_secs_f64().max(0.01);
    println!(
        "storm, {what}: {:.0}/s, {per_cpu:.0} per CPU-second of the hub (bar {bar}); {resumed} of {done} resumed, {failed} failed",
        done as f64 / seconds as f64
    );
    Ok(())
}
