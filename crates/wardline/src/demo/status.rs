//! One line about the ward, as the hub's API sees it, and the bar while pumps enrol.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wardline_api::RouteId;
use wardline_api::types::{Attention, Enrolment, Overview, RolloutRow, RolloutState, Rollouts};

use crate::client::{Client, typed};

/// How often the line on a terminal is made anew.
pub const EVERY: Duration = Duration::from_secs(1);

/// How often a line is printed where there is no terminal, as in a log.
const EVERY_IN_A_LOG: Duration = Duration::from_secs(30);

/// The same while pumps start and enrol.
const PROGRESS_IN_A_LOG: Duration = Duration::from_secs(5);

/// What the hub says of the fleet at a moment.
pub struct Seen {
    /// At a glance.
    pub overview: Overview,
    /// Every rollout, newest first.
    pub rollouts: Vec<RolloutRow>,
}

/// Asks the hub.
pub fn look(client: &Client) -> anyhow::Result<Seen> {
    let overview = typed(client.get(RouteId::ApiOverview, &[], &[])?)?;
    let rollouts: Rollouts = typed(client.get(RouteId::ApiRollouts, &[], &[])?)?;
    Ok(Seen { overview, rollouts: rollouts.rollouts })
}

/// How many pumps are in service.
pub fn in_service(client: &Client) -> anyhow::Result<u64> {
    let state: Enrolment = typed(client.get(RouteId::ApiEnrolment, &[], &[])?)?;
    Ok(state.in_service)
}

impl Seen {
    /// The newest rollout that was not given up.
    pub fn rollout(&self) -> Option<&RolloutRow> {
        self.rollouts.first()
    }

    /// Whether the newest rollout has reached every pump that counts.
    pub fn is_everywhere(&self) -> bool {
        self.rollout().is_some_and(|row| row.pumps > 0 && row.adopted >= row.pumps)
    }

    /// `24 pumps · 24 linked · 11 in therapy · library 2 on 18 of 24 (75 %) · 1 needs a person`.
    pub fn line(&self) -> String {
        let overview = &self.overview;
        let mut parts = vec![
            format!("{} pumps", overview.pumps),
            format!("{} linked", overview.online),
            format!("{} in therapy", overview.busy),
        ];
        if let Some(row) = self.rollout() {
            parts.push(adoption(row));
        }
        let count = |attention| {
            overview
                .by_attention
                .iter()
                .filter(|count| count.attention == attention)
                .map(|count| count.pumps)
                .sum::<u64>()
        };
        match count(Attention::NeedsPerson) {
            0 => {}
            1 => parts.push("1 needs a person".into()),
            n => parts.push(format!("{n} need a person")),
        }
        match count(Attention::Danger) {
            0 => {}
            n => parts.push(format!("{n} taken down")),
        }
        parts.join(" · ")
    }
}

/// `library 2 on 18 of 24 (75 %)`.
pub fn adoption(row: &RolloutRow) -> String {
    let version = row.version;
    let state = match row.state {
        RolloutState::Running | RolloutState::Finished => String::new(),
        other => format!(", {other}"),
    };
    match (row.adopted * 100).checked_div(row.pumps) {
        Some(share) => format!("library {version} on {} of {} ({share} %{state})", row.adopted, row.pumps),
        // The planner has not counted yet.
        None => format!("the rollout of library {version} begins"),
    }
}

/// The line at the bottom of the terminal; in a log, a line now and then.
pub struct Line {
    bar: Option<ProgressBar>,
    printed: std::time::Instant,
    first: bool,
}

impl Line {
    /// A line that says nothing yet.
    pub fn new() -> Self {
        let bar = std::io::stdout().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_draw_target(ProgressDrawTarget::stdout());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise}  {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, printed: std::time::Instant::now(), first: true }
    }

    /// Says how it is now.
    pub fn say(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(text.to_owned());
                bar.tick();
            }
            None if self.first || self.printed.elapsed() >= EVERY_IN_A_LOG => {
                println!("{text}");
                self.printed = std::time::Instant::now();
                self.first = false;
            }
            None => {}
        }
    }

    /// Says something that stays.
    pub fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => println!("{text}"),
        }
    }

    /// Takes the line away.
    pub fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// How something that takes a while comes on: a bar on a terminal, a line now and then in a log.
pub struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    total: u64,
    printed: std::time::Instant,
}

impl Progress {
    /// Nothing is done yet of `what`.
    pub fn new(what: &'static str, total: u64) -> Self {
        let bar = std::io::stdout().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stdout());
            if let Ok(style) = ProgressStyle::with_template("{msg}  {bar:30} {pos} of {len} pumps  {elapsed}") {
                bar.set_style(style);
            }
            bar.set_message(what);
            bar
        });
        Self { what, bar, total, printed: std::time::Instant::now() }
    }

    /// So many pumps are through by now.
    pub fn done(&mut self, pumps: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(pumps),
            None if self.printed.elapsed() >= PROGRESS_IN_A_LOG => {
                println!("{}: {pumps} of {} pumps", self.what, self.total);
                self.printed = std::time::Instant::now();
            }
            None => {}
        }
    }

    /// Says how it ended, in the bar's place.
    pub fn end(self, text: &str) {
        drop(self);
        println!("{text}");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
