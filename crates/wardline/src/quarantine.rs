//! `wardline quarantine`: several pumps at once, and back.

use clap::Args;
use wardline_api::RouteId;
use wardline_api::types::{ChosenPumps, Decided, Reason};
use wardline_fleet::lifecycle::Act;

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::{print, pump, target};

/// Cuts pumps off the network at once: their links are closed and their next handshakes refused. Therapy is not touched
/// and the other pumps notice nothing.
///
/// Examples:
///   wardline quarantine P-0007 --reason "scans the network"
///   wardline quarantine P-0007 --undo --reason "re-imaged, clean"
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Quarantine {
    /// Asset tags, serial numbers or ids
    #[arg(required = true)]
    pumps: Vec<String>,
    /// Why: it is kept in the audit trail and shown to the next shift
    #[arg(long, short)]
    reason: String,
    /// Give them back instead
    #[arg(long)]
    undo: bool,
}

impl Quarantine {
    /// Takes down, or gives back. All names are looked up before anything is done.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        let client = Client::open(access)?;
        let pumps = target::find_all(&client, &self.pumps)?;
        if !self.undo {
            let chosen = ChosenPumps { pumps, reason: self.reason };
            let answer = client.send(RouteId::ApiPumpsQuarantine, &[], &chosen)?;
            if access.json {
                return print::json(&answer);
            }
            return pump::decided(&typed(answer)?, Act::Quarantine);
        }
        let mut answers = Vec::new();
        for id in pumps {
            let reason = Reason { reason: self.reason.clone() };
            answers.push(client.send(RouteId::ApiPumpRelease, &[&id.to_string()], &reason)?);
        }
        if access.json {
            return print::json(&answers.into());
        }
        for answer in answers {
            pump::decided(&typed::<Decided>(answer)?, Act::Release)?;
        }
        Ok(())
    }
}
