//! The hub's process: the real hub, spoken to in lines.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use wardline_fleet::lifecycle::{Act, By};
use wardline_hub::config::Config;
use wardline_hub::server::start;
use wardline_model::{PumpId, Time};
use wardline_store::{Actor, Decision};

use crate::machine::now_us;

#[derive(clap::Args)]
pub struct Options {
    /// The folder that holds the hub's.
    #[arg(long)]
    folder: PathBuf,
}

/// Runs the hub until its input ends. `quarantine <pump>` takes one down and prints when the decision began.
pub fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let config = Config { link: any, est: any, console: any, ..Config::read(&options.folder.join("hub"))? };
        let running = start(config).await?;
        println!("link {}", running.link_addr);
        let (lines, mut commands) = tokio::sync::mpsc::unbounded_channel();
        // Standard input can only be read by waiting, so a thread of its own does.
        std::thread::spawn(move || {
            std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
        });
        while let Some(line) = commands.recv().await {
            let pump: PumpId = line.strip_prefix("quarantine ").context("a command")?.parse()?;
            let began = now_us();
            let at = Time::from_unix_ms(began / 1_000);
            let why = Decision { by: Actor::Operator("bench".into()), reason: "a measurement".into(), at };
            running.hub.decide(pump, Act::Quarantine, By::Person(wardline_model::Role::Security), &why).await?;
            println!("quarantined {began}");
        }
        running.stop().await;
        Ok(())
    })
}
