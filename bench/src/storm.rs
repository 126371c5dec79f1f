//! A reconnect storm: handshakes to session ready, at every server in turn.

use std::time::Duration;

use anyhow::Result;

use crate::machine::print_limits;
use crate::report::{Good, Table};
use crate::target::Target;
use crate::ward::Ward;

pub fn run(pumps: usize, seconds: u64, rounds: usize) -> Result<()> {
    print_limits()?;
    let ward = Ward::new(pumps)?;
    for (what, arguments, bar) in [("full", &[][..], 2_800.0), ("resumed", &["--resume"][..], 6_000.0)] {
        let title = format!("storm: {what} mutual TLS 1.3 handshakes to session ready, per CPU-second of the server");
        let mut table = Table::new(title, Good::High, Some(bar));
        for _ in 0..rounds {
            for target in Target::ALL {
                match one(&ward, target, pumps, seconds, arguments)? {
                    Some((figure, note)) => table.add(target.name(), figure, note),
                    None => table.absent(target.name(), "peer not installed"),
                }
            }
        }
        table.print();
    }
    Ok(())
}

fn one(ward: &Ward, target: Target, pumps: usize, seconds: u64, more: &[&str]) -> Result<Option<(f64, String)>> {
    let Some((server, place)) = target.start(ward)? else { return Ok(None) };
    let storm = seconds.to_string();
    let mut arguments = vec!["--speak", target.speak(), "--storm-s", &storm];
    arguments.extend(more);
    let mut drivers = ward.drivers(&place, 0, pumps, &arguments)?;
    drivers.expect("warm")?;
    let before = server.cpu()?;
    let counts = drivers.expect("done")?;
    let used = server.cpu()? - before;
    Ok(Some(figure(&counts, used, seconds)?))
}

fn figure(counts: &str, used: Duration, seconds: u64) -> Result<(f64, String)> {
    let numbers: Vec<u64> = counts.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [done, resumed, failed] = numbers[..] else { return Err(anyhow::anyhow!("counts: {counts}")) };
    let note = format!("{}/s, {resumed} of {done} resumed, {failed} failed", done / seconds.max(1));
    Ok((done as f64 / used.as_secs_f64().max(0.01), note))
}
