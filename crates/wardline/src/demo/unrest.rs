//! What goes wrong at the demonstration's hub on purpose: it crashes, it is restarted, its clock is wrong for a while.

use std::fmt;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use wardline_sim::dice::Dice;

use super::hub::{End, Hub};

/// From one mishap of the hub to the next, in seconds: several in a demonstration of five minutes.
const BETWEEN_S: (u64, u64) = (25, 75);

/// How wrong the hub's clock may be: a drift, and most of the hour by which certificates are made older than they are.
const WRONG_BY_MS: [i64; 4] = [-45 * 60_000, -90_000, 90_000, 45 * 60_000];

/// Mishaps of the hub, seeded.
pub struct Unrest {
    dice: Dice,
    next: Instant,
    clock_until: Option<Instant>,
    /// What was done so far.
    pub counts: Counts,
}

/// How often each was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    crashes: u64,
    restarts: u64,
    wrong_clocks: u64,
}

impl Unrest {
    /// Nothing has happened yet.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x4b0b);
        let next = Instant::now() + between(&mut dice);
        Self { dice, next, clock_until: None, counts: Counts::default() }
    }

    /// Does what is due, and says what it did.
    pub fn turn(&mut self, runtime: &Runtime, hub: &mut Hub) -> anyhow::Result<Option<&'static str>> {
        let now = Instant::now();
        if self.clock_until.is_some_and(|until| until <= now) {
            self.clock_until = None;
            wardline_hub::clock::set_ahead(0);
        }
        if now < self.next {
            return Ok(None);
        }
        self.next = now + between(&mut self.dice);
        match self.dice.between(0, 2) {
            0 => {
                hub.restart(runtime, End::Crash)?;
                self.counts.crashes += 1;
                Ok(Some("The hub crashed and was started again; every pump finds it by itself."))
            }
            1 => {
                hub.restart(runtime, End::InOrder)?;
                self.counts.restarts += 1;
                Ok(Some("The hub was stopped and started again; every pump finds it by itself."))
            }
            _ => {
                wardline_hub::clock::set_ahead(self.dice.pick(&WRONG_BY_MS).copied().unwrap_or_default());
                self.clock_until = Some(now + Duration::from_secs(self.dice.between(5, 20)));
                self.counts.wrong_clocks += 1;
                Ok(Some("The hub's clock is wrong for some seconds."))
            }
        }
    }
}

impl Drop for Unrest {
    fn drop(&mut self) {
        wardline_hub::clock::set_ahead(0);
    }
}

fn between(dice: &mut Dice) -> Duration {
    Duration::from_secs(dice.between(BETWEEN_S.0, BETWEEN_S.1))
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { crashes, restarts, wrong_clocks } = self;
        write!(f, "at the hub: {crashes} crashes, {restarts} restarts, {wrong_clocks} times a wrong clock")
    }
}
