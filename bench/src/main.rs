//! Measurements: one command per row of the performance table.
//!
//! Machines are shared and noisy, so every command prints the physical limit of the moment beside its figure, measures
//! the server's own CPU time, and keeps server and drivers on different cores. A bar is a goal to beat, never a test.

mod agent;
mod bare;
mod cut;
mod density;
mod drivers;
mod enrol;
mod events;
mod machine;
mod ocsp;
mod report;
mod server;
mod speak;
mod stage;
mod storm;
mod takedown;
mod target;
mod ward;

use clap::{Parser, Subcommand};
use enrol::Way;

/// Measures Wardline on this machine, beside the peers that can run here.
#[derive(Parser)]
#[command(name = "wardline-bench")]
struct Arguments {
    #[command(subcommand)]
    row: Row,
}

#[derive(Subcommand)]
enum Row {
    /// Memory per idle live link, beside bare TLS and the peers.
    Density {
        /// How many pumps link.
        #[arg(long, default_value_t = 9_000)]
        pumps: usize,
        /// How many times; the middle is printed.
        #[arg(long, default_value_t = 1)]
        rounds: usize,
    },
    /// Full mutual handshakes to session ready per CPU-second of the server, and resumed ones, beside bare TLS and the peers.
    Storm {
        /// How many pumps take turns.
        #[arg(long, default_value_t = 400)]
        pumps: usize,
        /// For how long, in seconds.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// How many times; the middle is printed.
        #[arg(long, default_value_t = 1)]
        rounds: usize,
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
    /// OCSP answers per CPU-second of the hub: signed before, and with a nonce.
    Ocsp {
        /// How many certificates are asked about, each by a connection that stays open.
        #[arg(long, default_value_t = 32)]
        askers: usize,
        /// For how long, in seconds.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// How many times; the middle is printed.
        #[arg(long, default_value_t = 1)]
        rounds: usize,
    },
    /// From the decision to take a pump down to the first no at each place: link, CRL, OCSP, RADIUS admission.
    Takedown {
        /// How many pumps are live.
        #[arg(long, default_value_t = 5_000)]
        pumps: usize,
        /// How many of them are taken down, one after the other.
        #[arg(long, default_value_t = 200)]
        cuts: usize,
    },
    /// Durable acknowledged events per second, on SQLite and PostgreSQL, beside NATS JetStream.
    Events(events::Args),
    /// A new drug library staged on many pumps.
    Stage(stage::Args),
    /// First certificates per CPU-second of the hub.
    Enrol(Certificates),
    /// Renewed certificates per CPU-second of the hub.
    Reenrol(Certificates),
    /// The agent's size, memory and CPU time at rest.
    Agent(agent::Args),
    /// The hub's process. Started by the other commands.
    #[command(hide = true)]
    Server(server::Options),
    /// The yardstick's process. Started by the other commands.
    #[command(hide = true)]
    Bare(bare::Options),
    /// The therapy controller's process. Started by the other commands.
    #[command(hide = true)]
    Controller(agent::Controller),
    /// The pumps' process. Started by the other commands.
    #[command(hide = true)]
    Drivers(drivers::Options),
}

#[derive(clap::Args)]
struct Certificates {
    /// How many ask at once.
    #[arg(long, default_value_t = 32)]
    askers: usize,
    /// For how long, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many times; the middle is printed.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().row {
        Row::Density { pumps, rounds } => density::run(pumps, rounds),
        Row::Storm { pumps, seconds, rounds } => storm::run(pumps, seconds, rounds),
        Row::Cut { pumps, cuts } => cut::run(pumps, cuts),
        Row::Ocsp { askers, seconds, rounds } => ocsp::run(askers, seconds, rounds),
        Row::Takedown { pumps, cuts } => takedown::run(pumps, cuts),
        Row::Events(args) => events::run(&args),
        Row::Stage(args) => stage::run(&args),
        Row::Enrol(args) => enrol::run(Way::Enrol, args.askers, args.seconds, args.rounds),
        Row::Reenrol(args) => enrol::run(Way::Renew, args.askers, args.seconds, args.rounds),
        Row::Agent(args) => agent::run(&args),
        Row::Server(options) => server::run(&options),
        Row::Bare(options) => bare::run(&options),
        Row::Controller(options) => agent::controller(&options),
        Row::Drivers(options) => drivers::run(&options),
    }
}
