//! `wardline sim`: parts of the simulated hospital on their own, for makers of pumps and for trying an agent by hand.

mod month;
mod roll_over;
mod search;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use wardline_agent::sealed::Flush;
use wardline_model::{CareArea, HoldSupport, Model, Serial};
use wardline_sim::controller::reference::{Books, Clock, Reference, Setup, Trust};

use crate::data::private_folder;
use crate::release;

/// Parts of the simulated hospital on their own.
#[derive(Args)]
pub struct Sim {
    #[command(subcommand)]
    command: SimCommand,
}

#[derive(Subcommand)]
enum SimCommand {
    /// The reference therapy controller on a Unix socket, for an agent to speak with
    Controller(Controller),
    /// Search one pump exhaustively: nurse, power, network and bad releases, in every order
    Search(search::Search),
    /// Live through a month of a whole hospital in seconds, with everything that can go wrong
    Month(month::Month),
    /// Move a whole fleet from one root to another in seconds, with pumps that sleep through it
    RollOver(roll_over::RollOver),
}

/// Serves the reference therapy controller until Ctrl-C. It is what a maker's own controller is measured against: it
/// verifies every release from its own pinned root and switches only while it is idle. It moves no fluid.
///
/// Example:
///   wardline sim controller --socket controller.sock --state pump-1 --serial HX3-007001 --care-area "Intensive care" \
///       --root release-desk/metadata/1.root.json --library examples/drug-library.csv
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Controller {
    /// The socket to make; only your own user may open it
    #[arg(long, value_name = "FILE")]
    socket: PathBuf,
    /// Where it keeps what a pump keeps
    #[arg(long, value_name = "FOLDER")]
    state: PathBuf,
    /// The maker's name for this kind of pump
    #[arg(long, default_value = "Halcyon 3")]
    model: String,
    /// The serial number
    #[arg(long)]
    serial: String,
    /// The care area, whose part of the library therapy uses
    #[arg(long)]
    care_area: String,
    /// How many channels
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    channels: u8,
    /// The 1.root.json of those who sign releases; pinned at the first start and never replaced. Without it every release
    /// is refused
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// The drug library that it has before anything is rolled out: .xlsx, .csv or .json
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
}

impl Sim {
    /// Runs the part.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            SimCommand::Controller(controller) => controller.run(),
            SimCommand::Search(search) => search.run(),
            SimCommand::Month(month) => month.run(),
            SimCommand::RollOver(roll_over) => roll_over.run(),
        }
    }
}

impl Controller {
    fn run(self) -> anyhow::Result<()> {
        private_folder(&self.state)?;
        let root = self
            .root
            .as_ref()
            .map(|path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display())));
        let setup = Setup {
            folder: self.state.clone(),
            model: Model::new(&self.model)?,
            serial: Serial::new(&self.serial)?,
            care_area: CareArea::new(&self.care_area)?,
            channels: self.channels,
            support: HoldSupport::Grants,
            flush: Flush::Always,
            trust: Trust::Pinned,
            root: root.transpose()?,
            clock: Clock::running(1),
            books: Arc::new(Books::default()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let pump = Reference::power_up(setup).with_context(|| format!("{} cannot be used", self.state.display()))?;
        if let Some(path) = &self.library {
            let release = pump.commission(&release::read_library(path)?)?;
            println!("It runs drug library {}, SHA-256 {}.", release.version, release.digest);
        }
        println!("Serving the controller port on {}; Ctrl-C ends it.", self.socket.display());
        runtime.block_on(async {
            tokio::select! {
                served = pump.serve(&self.socket) => served.context("the controller port ended"),
                stopped = tokio::signal::ctrl_c() => stopped.context("Ctrl-C cannot be heard"),
            }
        })
    }
}
