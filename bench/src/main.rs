//! Measurements: one command per row of the performance table.
//!
//! Machines are shared and noisy, so every command prints the physical limit of the moment beside its figure, measures
//! the server's own CPU time, and keeps server and drivers on different cores. A bar is a goal to beat, never a test.

mod cut;
mod density;
mod drivers;
mod events;
mod machine;
mod peer;
mod server;
mod storm;
mod ward;

use clap::{Parser, Subcommand};

/// Measures Wardline on this machine, beside the peers that can run here.
#[derive(Parser)]
#[command(name = "wardline-bench")]
struct Arguments {
    #[command(subcommand)]
    row: Row,
}

#[derive(Subcommand)]
enum Row {
    /// Memory per 1,000 idle pumps.
    Density {
        /// How many pumps link.
        #[arg(long, default_value_t = 2_000)]
        pumps: usize,
    },
    /// Full mutual handshakes to session ready, per second and per CPU-second of the server; and resumed ones.
    Storm {
        /// How many pumps take turns.
        #[arg(long, default_value_t = 400)]
        pumps: usize,
        /// For how long, in seconds.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// From the decision to quarantine a pump to the end of its link, with many live.
    Cut {
        /// How many pumps are live.
        #[arg(long, default_value_t = 5_000)]
        pumps: usize,
        /// How many of them are quarantined, one after the other.
        #[arg(long, default_value_t = 300)]
        cuts: usize,
    },
    /// Durable acknowledged events per second, on SQLite and PostgreSQL.
    Events(events::Args),
    /// The hub's process. Started by the other commands.
    #[command(hide = true)]
    Server(server::Options),
    /// The pumps' process. Started by the other commands.
    #[command(hide = true)]
    Drivers(drivers::Options),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().row {
        Row::Density { pumps } => density::run(pumps),
        Row::Storm { pumps, seconds } => storm::run(pumps, seconds),
        Row::Cut { pumps, cuts } => cut::run(pumps, cuts),
        Row::Events(args) => tokio::runtime::Runtime::new()?.block_on(events::run(&args)),
        Row::Server(options) => server::run(&options),
        Row::Drivers(options) => drivers::run(&options),
    }
}
