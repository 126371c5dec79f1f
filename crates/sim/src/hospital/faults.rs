//! What goes wrong, when: seeded, every few seconds, and put right again after a while.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;

use crate::controller::reference::Room;
use crate::dice::Dice;

use super::life::Life;
use super::{Mood, Shared, lock, pause};

/// The longest that one fault lasts: several heartbeats of the link.
const LONGEST_S: u64 = 60;

/// How wrong a pump's clock may be: a drift, a time zone, a dead battery that begins in the past, a typing error.
const WRONG_BY_MS: [i64; 6] = [-90_000, 90_000, -7_200_000, 7_200_000, -40 * 86_400_000, 3 * 86_400_000];

/// Injects faults until the hospital stops.
pub(super) async fn inject(shared: &Arc<Shared>, seed: u64, mut stop: watch::Receiver<bool>) {
    let mut dice = Dice::new(seed ^ 0xfa17);
    loop {
        if pause(Duration::from_secs(dice.between(2, 12)), &mut stop).await {
            return;
        }
        let lives = lock(&shared.lives).clone();
        let Some(life) = dice.pick(&lives).cloned() else { continue };
        let lasts = Duration::from_secs(dice.between(2, LONGEST_S));
        let counts = &shared.mishaps;
        match dice.between(0, 11) {
            0..=4 => {
                counts.networks.fetch_add(1, Ordering::Relaxed);
                let delay = Duration::from_millis(dice.between(50, 2_000));
                let moods = [Mood::Cut, Mood::HalfOpen, Mood::Garbage, Mood::Slow(delay)];
                life.network(dice.pick(&moods).copied().unwrap_or(Mood::Cut));
                later(lasts, stop.clone(), move || life.network(Mood::Clear));
            }
            5..=6 => {
                counts.outages.fetch_add(1, Ordering::Relaxed);
                life.power_off();
                later(lasts / 4, stop.clone(), move || life.power_on());
            }
            7..=8 => {
                counts.full_disks.fetch_add(1, Ordering::Relaxed);
                life.disk(Room::None);
                later(lasts, stop.clone(), move || life.disk(Room::Enough));
            }
            9..=10 => {
                counts.wrong_clocks.fetch_add(1, Ordering::Relaxed);
                life.clock_ahead(dice.pick(&WRONG_BY_MS).copied().unwrap_or_default());
                later(lasts, stop.clone(), move || life.clock_ahead(0));
            }
            _ => {
                counts.resets.fetch_add(1, Ordering::Relaxed);
                all(&lives, Mood::Cut);
                later(Duration::from_secs(1), stop.clone(), move || all(&lives, Mood::Clear));
            }
        }
    }
}

fn all(lives: &[Arc<Life>], mood: Mood) {
    for life in lives {
        life.network(mood);
    }
}

/// Puts it right after a while, in a task of its own so that faults overlap.
fn later(after: Duration, mut stop: watch::Receiver<bool>, mend: impl FnOnce() + Send + 'static) {
    tokio::spawn(async move {
        let _ = pause(after, &mut stop).await;
        mend();
    });
}
