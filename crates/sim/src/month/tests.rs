//! Months, whole and short.

use super::*;

fn month(pumps: usize, days: u64, seed: u64, weather: Weather) -> Summary {
    let summary = run(&Settings::new(pumps, days, seed, weather), |_| {});
    println!("{summary}");
    summary
}

#[test]
fn a_short_foul_month() {
    assert_eq!(month(40, 8, 1, Weather::Foul).violation, None);
}

#[test]
fn a_fair_month() {
    assert_eq!(month(200, 30, 1, Weather::Fair).violation, None);
}

#[test]
fn a_foul_month() {
    assert_eq!(month(200, 30, 1, Weather::Foul).violation, None);
}
