//! The pump side as its own process.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use wardline_agent::config::Config;
use wardline_agent::controller::Place;
use wardline_agent::daemon;

/// The Wardline agent: the communication side of one infusion pump.
///
/// It enrols the pump at the hospital's hub, holds one outbound connection to it, keeps what happened on the pump until
/// the hub has it, and fetches releases in the background. It never listens on a network, and it switches nothing
/// itself: the therapy controller on the other side of a local socket does, when it grants a hold.
#[derive(Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
A first configuration:

  {
    \"state\": \"/var/lib/wardline-agent\",
    \"hub\": { \"link\": \"hub.example.org:7443\", \"est\": \"hub.example.org:7444\" },
    \"controller\": \"/run/therapy/port.sock\",
    \"model\": \"Halcyon 3\", \"serial\": \"H3-000001\",
    \"enrolment\": { \"code\": { \"root\": \"/etc/wardline/root.pem\", \"code\": \"the one-time code\" } }
  }

A pump whose label was scanned needs no hub and no root there: \"enrolment\": { \"scanned\": { \"scan\": \"WARDLINE:1/…\" } }.
What the therapy controller must do is in docs/maker/controller-port.md.
Logs go to standard error; WARDLINE_LOG=debug shows more.";

#[derive(Subcommand)]
enum Command {
    /// Work until stopped (SIGTERM or Ctrl-C). Therapy does not depend on this process.
    Run {
        /// The configuration file (JSON).
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Show what a running agent says of itself.
    Status {
        /// The configuration file that the agent was started with.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Print JSON for scripts.
        #[arg(long)]
        json: bool,
    },
    /// Let a pump that was wiped begin again, as a new one.
    ///
    /// A pump that was retired, lost or given back destroyed its keys and belongs to nobody. After this it enrols like one
    /// that comes out of its box, where its configuration says.
    BeginAgain {
        /// The configuration file (JSON).
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check a configuration file and start nothing.
    Check {
        /// The configuration file (JSON).
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("WARDLINE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match act(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wardline-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn act(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run { config } => run(Config::read(&config)?),
        Command::BeginAgain { config } => {
            wardline_agent::wipe::begin_again(&Config::read(&config)?.state).map_err(anyhow::Error::msg)?;
            println!("the pump may enrol anew");
            Ok(())
        }
        Command::Check { config } => {
            Config::read(&config)?;
            println!("{} is good", config.display());
            Ok(())
        }
        Command::Status { config, json } => {
            let status = daemon::read_status(&Config::read(&config)?.state).map_err(anyhow::Error::msg)?;
            if json {
                println!("{}", serde_json::to_string_pretty(&status)?);
            } else {
                print_status(&status);
            }
            Ok(())
        }
    }
}

fn run(config: Config) -> anyhow::Result<()> {
    // One thread: an agent waits nearly all of its life.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let controller = config.controller.clone().map_or(Place::Nowhere, Place::Socket);
    runtime.block_on(async {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let stop = async {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        };
        Ok(daemon::run(config, controller, stop).await?)
    })
}

fn print_status(status: &daemon::Status) {
    println!("agent       {}", status.agent);
    match status.linked_since {
        Some(since) => println!("link        up for {}", status.at.since(since)),
        None if status.link_problem.is_empty() => println!("link        not up yet"),
        None => println!("link        down: {}", status.link_problem),
    }
    println!("controller  {}", if status.controller { "there" } else { "not there: nothing will be switched" });
    let Some(report) = &status.report else { return };
    println!("pump        {}", report.pump);
    for (kind, slot) in report.slots.iter() {
        let active = slot.active.map_or_else(|| "nothing".to_owned(), |release| format!("version {}", release.version));
        let wait = slot.wait.map_or("", |wait| wait.sentence());
        println!("{:<18}{active:<14}{wait}", kind.label());
    }
}
