//! OCSP answers per CPU-second of the hub, over connections that stay open.

use anyhow::Result;

use crate::machine::print_limits;
use crate::report::{Good, OURS, Table};
use crate::ward::Ward;

pub fn run(askers: usize, seconds: u64, rounds: usize) -> Result<()> {
    print_limits()?;
    let ward = Ward::new(askers)?;
    let titles = [
        ("ocsp: answers that were signed before, per CPU-second of the hub", None),
        ("ocsp: answers with a nonce, each signed anew, per CPU-second of the hub", Some("--nonce")),
    ];
    for (title, nonce) in titles {
        let mut table = Table::new(title, Good::High, Some(5_000.0));
        for _ in 0..rounds {
            let (hub, _, _, doors) = ward.whole_hub()?;
            let lasts = seconds.to_string();
            let mut what = vec!["--ocsp-s", &lasts];
            what.extend(nonce);
            let mut drivers = ward.drivers(&doors.status, 0, askers, &what)?;
            drivers.expect("ready")?;
            let before = hub.cpu()?;
            let done: u64 = drivers.expect("done")?.parse()?;
            let used = hub.cpu()? - before;
            table.add(OURS, done as f64 / used.as_secs_f64().max(0.01), format!("{}/s", done / seconds.max(1)));
        }
        table.absent("FreeRADIUS", "283 EAP-TLS admissions/s per core: what must not wait for us");
        table.print();
    }
    Ok(())
}
