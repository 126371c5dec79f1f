//! The house's own tools: `check`, `test`, `trace`, `dist`, `fuzz`.
//!
//! `cargo xtask test` is the one command that passes the tests on a fresh machine; `.ci/run` calls it. What a suite
//! needs beyond cargo it installs itself where it may, and a suite that cannot run says so; under CI that is a failure.

mod check;
mod dist;
mod fuzz;
mod run;
mod test;
mod tools;
mod trace;
mod walls;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Wardline's own tools", long_about = None)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Format, lints, walls between crates, licences, documentation
    Check,
    /// Every test: installs what the suites need, then runs them all
    Test {
        /// Leave installing to you: only say what is missing
        #[arg(long)]
        no_install: bool,
        /// Only crates whose name contains this
        #[arg(long)]
        only: Option<String>,
    },
    /// Print the matrix of never events against code and tests; fail on orphans
    Trace,
    /// Build what is shipped: the hub, and the agent in its size profile, with their sizes
    Dist,
    /// Compile every fuzz target, or run one of them for a while (needs a nightly toolchain and cargo-fuzz)
    Fuzz {
        /// The target to run; without it all are only compiled
        target: Option<String>,
        /// How long to run it
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Check => check::run(),
        Command::Test { no_install, only } => {
            let install = if no_install { tools::Install::OnlySay } else { tools::Install::WhatIsMissing };
            test::run(install, only.as_deref())
        }
        Command::Trace => trace::run(),
        Command::Dist => dist::run(),
        Command::Fuzz { target, seconds } => fuzz::run(target.as_deref(), seconds),
    }
}
