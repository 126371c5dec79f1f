//! `wardline ca`: the certificate authorities.

pub mod roll_over;

use clap::{Args, Subcommand};

use crate::cli::Access;

/// The hospital's certificate authorities: the ones that pumps believe and get their certificates from.
#[derive(Args)]
pub struct Ca {
    #[command(subcommand)]
    command: CaCommand,
}

#[derive(Subcommand)]
enum CaCommand {
    /// Move the running fleet from one set of certificate authorities to the next
    RollOver(roll_over::RollOver),
}

impl Ca {
    /// Does it.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        match self.command {
            CaCommand::RollOver(roll_over) => roll_over.run(access),
        }
    }
}
