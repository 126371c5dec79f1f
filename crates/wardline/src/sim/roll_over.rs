//! `wardline sim roll-over`: a fleet moves from one root to another on virtual time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use wardline_sim::roll_over::{PUMPS, Settings, WEEKS, run};

use crate::fault::{Exit, Fault};
use crate::print;

/// Moves a fleet from one root to another in seconds: two signed sets of trust anchors, renewals, pumps that sleep for weeks,
/// lost power, people who do not wait for the last one. Lists the pumps that missed the window with the way back of each,
/// and then walks it: a pump that does not come back by the way that it was told is lost, and that is exit code 6.
///
/// Example:
///   wardline sim roll-over --pumps 1000 --weeks 26 --seed 7
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct RollOver {
    /// How many pumps
    #[arg(long, default_value_t = 1_000)]
    pumps: usize,
    /// For how many weeks
    #[arg(long, default_value_t = 26)]
    weeks: u64,
    /// The seed of all dice; without it, one that was never used
    #[arg(long)]
    seed: Option<u64>,
    /// Print JSON for scripts
    #[arg(long)]
    json: bool,
}

impl RollOver {
    /// Lives through it and prints.
    pub fn run(self) -> anyhow::Result<()> {
        if !PUMPS.contains(&self.pumps) || !WEEKS.contains(&self.weeks) {
            let (pumps, weeks) = (PUMPS, WEEKS);
            let message = format!(
                "expected {} to {} pumps and {} to {} weeks",
                pumps.start(),
                pumps.end(),
                weeks.start(),
                weeks.end()
            );
            return Err(Fault::ends(Exit::NotInOrder, message));
        }
        let unused = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let settings = Settings::new(self.pumps, self.weeks, self.seed.unwrap_or(unused));
        if !self.json {
            eprintln!("{}", settings.command());
        }
        let began = Instant::now();
        let summary = run(&settings, |_| {});
        if self.json {
            print::json(&serde_json::to_value(&summary)?)?;
        } else {
            print!("{summary}");
            println!("It took {:.1} s.", began.elapsed().as_secs_f32());
        }
        match &summary.violation {
            None => Ok(()),
            Some(what) => {
                Err(Fault::ends(Exit::NotInOrder, format!("{what}; `{}` makes it happen again", summary.command)))
            }
        }
    }
}
