//! A thousand pumps, and weeks in which something is broken on purpose, to see that the watcher finds it.

use wardline_model::covers;

use super::*;

fn holds(pumps: usize, weeks: u64, seed: u64) -> Summary {
    let summary = run(&Settings::new(pumps, weeks, seed), |_| {});
    println!("{summary}");
    if let Some(violation) = &summary.violation {
        panic!("{violation}; again: {}", summary.command);
    }
    summary
}

#[test]
fn a_thousand_pumps_move_to_a_new_root_and_none_is_lost() {
    covers!("N1", "N8", "N13");
    let summary = holds(1_000, 26, 7);
    assert!(summary.slept > 100 && summary.watched > 100_000, "{summary}");
    assert!(summary.proven >= 1_800 && summary.renewed > 4_000, "two sets on nearly every pump: {summary}");
    assert!(summary.enrolled > 10, "some slept past the end of their certificate: {summary}");
    assert!(summary.moved.is_some_and(|(_, left)| left > 0), "people did not wait for the last one: {summary}");
    // Who missed the window is listed, and a visit is needed by few.
    let visits = summary.missed.iter().filter(|one| one.way.contains("give it the new root")).count();
    assert!(visits > 0 && visits < 40, "{summary}");
}

#[test]
fn other_seeds_hold_too_and_the_same_seed_is_the_same() {
    for seed in 0..4 {
        holds(120, 16, seed);
    }
    assert_eq!(holds(60, 14, 9), holds(60, 14, 9));
}

#[test]
fn what_is_broken_on_purpose_is_found() {
    covers!("N8");
    let found = |wrong| {
        let summary = run(&Settings::new(150, 18, 3).with(wrong), |_| {});
        summary.violation.unwrap_or_else(|| panic!("{wrong:?} was not found"))
    };
    // Without the old root's word for the new one, a pump that sleeps through the move does not come back as it was told.
    assert!(found(Wrong::TouchesTherapy).contains("N8"));
    let without = run(&Settings::new(400, 20, 3).with(Wrong::NoCrossCertificate), |_| {});
    let with = run(&Settings::new(400, 20, 3), |_| {});
    let visits = |summary: &Summary| summary.missed.iter().filter(|one| one.left == "prove").count();
    assert!(visits(&without) > visits(&with), "without: {without}with: {with}");
}
