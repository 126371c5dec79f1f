//! `wardline sim month`: a hospital for a month on virtual time, with everything that can go wrong.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wardline_sim::month::{DAYS, PUMPS, Settings, Summary, Weather, run};

use crate::fault::{Exit, Fault};
use crate::print;

/// Lives through a month of a hospital in seconds: pumps, nurses, a hub, new drug libraries, lost power, lost networks,
/// crashes, a bad release, a stolen hub. Every never event (docs/safety.md) is looked for after every step. Prints how fast
/// each library reached the pumps and what went wrong; or the first never event that happened, with the pump's story, the
/// seed that makes it happen again, and exit code 6.
///
/// Example:
///   wardline sim month --pumps 200 --days 30 --seed 7
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Month {
    /// How many pumps
    #[arg(long, default_value_t = 200, value_parser = number::<{ *PUMPS.start() as u64 }, { *PUMPS.end() as u64 }>)]
    pumps: u64,
    /// How many days
    #[arg(long, default_value_t = 30, value_parser = number::<{ *DAYS.start() }, { *DAYS.end() }>)]
    days: u64,
    /// The seed of all dice; without it, one that was never used
    #[arg(long)]
    seed: Option<u64>,
    /// Nothing goes wrong: the month that adoption is measured in
    #[arg(long)]
    fair: bool,
    /// Print JSON for scripts
    #[arg(long)]
    json: bool,
}

fn number<const LEAST: u64, const MOST: u64>(text: &str) -> Result<u64, String> {
    let number: u64 = text.parse().map_err(|_| format!("expected a whole number from {LEAST} to {MOST}"))?;
    if (LEAST..=MOST).contains(&number) {
        Ok(number)
    } else {
        Err(format!("expected a whole number from {LEAST} to {MOST}"))
    }
}

impl Month {
    /// Lives through it, prints, and fails when something happened that must never happen.
    pub fn run(self) -> anyhow::Result<()> {
        let weather = if self.fair { Weather::Fair } else { Weather::Foul };
        let settings = Settings::new(self.pumps as usize, self.days, self.seed.unwrap_or_else(any_seed), weather);
        let bar = self.bar();
        if !self.json {
            eprintln!("{}", settings.command());
        }
        let began = Instant::now();
        let summary = run(&settings, |day| bar.set_position(day));
        bar.finish_and_clear();
        if self.json {
            print::json(&serde_json::to_value(&summary)?)?;
        } else {
            print!("{summary}");
            println!("It took {:.1} s.", began.elapsed().as_secs_f32());
        }
        in_order(&summary)
    }

    fn bar(&self) -> ProgressBar {
        let shown = !self.json && std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("day {pos} of {len} {wide_bar} {elapsed}");
        let bar = ProgressBar::with_draw_target(Some(self.days), target);
        bar.enable_steady_tick(Duration::from_millis(200));
        style.map_or(bar.clone(), |style| bar.with_style(style))
    }
}

/// A seed that nobody asked for: it is printed, so that the month can be made again.
fn any_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

fn in_order(summary: &Summary) -> anyhow::Result<()> {
    match &summary.violation {
        None => Ok(()),
        Some(violation) => {
            let message = format!("{} was broken; `{}` makes it happen again", violation.id, summary.command);
            Err(Fault::ends(Exit::NotInOrder, message))
        }
    }
}
