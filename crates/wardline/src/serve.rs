//! `wardline serve`: the hub, until it is told to stop.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use wardline_hub::server;

use crate::data;
use crate::init::{console_place, read_config};
use crate::logs;

/// Runs the hub that `wardline init` prepared, until Ctrl-C or SIGTERM.
///
/// Its log goes to standard error; WARDLINE_LOG says how much, such as `debug` or `info,wardline_hub::link=debug`.
#[derive(Args)]
pub struct Serve {
    /// The data folder
    #[arg(long, default_value = data::DEFAULT, value_name = "FOLDER")]
    data: PathBuf,
}

impl Serve {
    /// Serves.
    pub fn run(self) -> anyhow::Result<()> {
        let (folder, config) = read_config(&self.data)?;
        let _lock = folder.lock()?;
        logs::to_standard_error();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
            let place = console_place(&config);
            let running = server::start(config).await?;
            println!("live link   {}", running.link_addr);
            println!("enrolment   {}", running.est_addr);
            if let Some(address) = running.legacy_est_addr {
                println!("TLS 1.2     {address} (enrolment only, for old clients)");
            }
            if let Some(address) = running.status_addr {
                println!("CRL, OCSP   http://{address}");
            }
            println!("console     https://{place}");
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            // Whoever read our output may be gone: an orderly stop matters more.
            let _ = writeln!(std::io::stdout(), "Stopping: pumps keep infusing and come back when the hub does.");
            running.stop().await;
            anyhow::Ok(())
        })
    }
}
