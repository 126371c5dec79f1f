//! Certificates per CPU-second of the hub, each with its record on the disk before it is given out.

use anyhow::Result;

use crate::machine::print_limits;
use crate::report::{Good, OURS, Table};
use crate::ward::{Ward, Wish};

/// Which way of getting a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// First ones, by birth certificate, on connections that stay open.
    Enrol,
    /// Renewals, each on a new mutual TLS connection.
    Renew,
}

pub fn run(way: Way, askers: usize, seconds: u64, rounds: usize) -> Result<()> {
    print_limits()?;
    let ward = Ward::with(askers, &Wish { births: way == Way::Enrol, ..Wish::default() })?;
    let (title, option, bar, seen) = match way {
        Way::Enrol => (
            "enrol: EST first certificates on connections that stay open, per CPU-second of the hub, durable",
            "--enrol-s",
            3_000.0,
            "globalsign/est 3,175 (stores nothing), step-ca 940, libest 45 (seen elsewhere; not installed)",
        ),
        Way::Renew => (
            "reenrol: EST renewals, each on a new mutual TLS connection, per CPU-second of the hub, durable",
            "--renew-s",
            1_500.0,
            "globalsign/est 1,200 (stores nothing), step-ca 766, libest 77 (seen elsewhere; not installed)",
        ),
    };
    let mut table = Table::new(title, Good::High, Some(bar));
    for _ in 0..rounds {
        let (hub, link, est) = ward.hub()?;
        let lasts = seconds.to_string();
        let mut drivers = ward.drivers(&link, 0, askers, &["--est", &est, option, &lasts])?;
        drivers.expect("ready")?;
        let before = hub.cpu()?;
        let done: u64 = drivers.expect("done")?.parse()?;
        let used = hub.cpu()? - before;
        let note = format!("{}/s", done / seconds.max(1));
        table.add(OURS, done as f64 / used.as_secs_f64().max(0.01), note);
    }
    table.absent("peers", seen);
    table.print();
    Ok(())
}
