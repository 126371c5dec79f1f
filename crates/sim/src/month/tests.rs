//! Months: a fair one that adoption is measured in, foul ones of several seeds, and months in which something is broken on
//! purpose, to see that the watcher finds it.

use wardline_model::covers;
use wardline_pump::{Rule, Rules};

use super::settings::Wrong;
use super::*;

/// A month that must hold.
fn holds(pumps: usize, days: u64, seed: u64, weather: Weather) -> Summary {
    let summary = run(&Settings::new(pumps, days, seed, weather), |_| {});
    println!("{summary}");
    if let Some(violation) = &summary.violation {
        panic!("{violation}again: {}", summary.command);
    }
    summary
}

/// A small month with something wrong in it must be found out, in the way that is expected, and tell its story.
fn finds(broken: impl Fn(&mut Settings), expect: &str) {
    finds_within(10, broken, expect);
}

fn finds_within(days: u64, broken: impl Fn(&mut Settings), expect: &str) {
    let mut settings = Settings::new(60, days, 11, Weather::Foul);
    broken(&mut settings);
    let summary = run(&settings, |_| {});
    let Some(violation) = summary.violation else { panic!("nothing was found:\n{summary}") };
    println!("{violation}");
    assert!(violation.id.contains(expect), "{expect} was expected:\n{violation}");
    assert!(!violation.story.is_empty(), "it tells a story");
}

fn wrong(wrong: Wrong) -> impl Fn(&mut Settings) {
    move |settings| settings.wrong = Some(wrong)
}

fn without(rule: Rule) -> impl Fn(&mut Settings) {
    move |settings| settings.rules = Rules::without(rule)
}

#[test]
fn a_fair_month_reaches_its_pumps_in_time() {
    covers!("N2", "N12");
    let month = holds(200, 30, 1, Weather::Fair);
    assert!(month.measured().count() >= 8, "libraries that had their two days: {}", month.measured().count());
    let mut halves: Vec<Option<Span>> = month.measured().map(|release| release.half).collect();
    halves.sort_unstable();
    // Published at ten in the morning, when the wards are busiest: now and then a first ring waits for its patients.
    let within = halves.iter().flatten().filter(|took| **took <= Span::from_h(2)).count();
    assert!(within * 8 >= halves.len() * 7 && halves.last() <= Some(&Some(Span::from_h(3))), "half: {halves:?}");
    for release in month.measured() {
        let version = release.version;
        assert!(release.half.is_some());
        assert!(release.eighty.is_some_and(|took| took <= Span::from_h(12)), "80 % of {version}: {:?}", release.eighty);
        let in_use = release.in_use_per_mille_48_h.unwrap_or(0);
        assert!(release.in_use >= 100 && in_use >= 990, "{in_use} per mille of {} in use: {version}", release.in_use);
    }
}

#[test]
fn certificates_clocks_and_a_lost_authority_are_never_seen_at_the_bedside() {
    covers!("N1", "N8");
    let month = holds(80, 40, 5, Weather::Foul);
    let times =
        |what: &str| month.troubles.iter().find(|(word, _)| word.as_str() == what).map_or(0, |(_, count)| *count);
    for what in [
        "certificates renewed",
        "pumps that enrolled again",
        "pump clocks that jumped ten years",
        "days-long losses of the authority",
        "pumps put into a cupboard",
    ] {
        assert!(times(what) > 0, "{what} never happened in this month");
    }
    finds_within(40, wrong(Wrong::EndStopsTherapy), "N8");
    finds_within(40, wrong(Wrong::NeverEnrolsAgain), "N11");
}

#[test]
fn a_foul_month_breaks_no_never_event() {
    covers!("N1", "N2", "N3", "N4", "N5", "N6", "N7", "N8", "N11", "N12", "N13");
    let month = holds(200, 30, 7, Weather::Foul);
    // The month is only a proof of what it met.
    assert_eq!(month.checks.len(), 11, "{:?}", month.checks);
    for trouble in TROUBLES {
        assert!(month.troubles.get(trouble).is_some_and(|count| *count > 0), "{trouble} never happened");
    }
    assert!(month.waited > 0, "no nurse ever met a switch");
    assert!(month.releases.iter().any(|release| release.sort == "bad" && release.ended == "halted itself"));
    // Whatever goes wrong, a good release runs on all but a hundredth of the pumps in use within two days.
    for release in month.measured() {
        assert!(release.in_use_per_mille_48_h >= Some(990), "{release:?}");
    }
}

/// Everything that the adversary does, and what the summary calls it.
const TROUBLES: [&str; 30] = [
    "agents killed",
    "attempts disproved",
    "attempts interrupted",
    "care areas cut off",
    "commits that were slow",
    "connections reset",
    "connections torn",
    "deaths in the middle of a switch",
    "disks full",
    "events that came again",
    "hub clock jumps",
    "hub crashes",
    "journal writes that found the disk full",
    "links that met an older one",
    "networks cut off",
    "nurses who came in the middle of a switch",
    "offers that found the disk full",
    "plans that came second",
    "ports broken",
    "power cuts",
    "pump clocks that jumped",
    "pumps lost",
    "pumps out of reach",
    "pumps put away",
    "pumps taken down",
    "pumps taken down in the middle of a switch",
    "releases refused",
    "releases withdrawn",
    "reports received after the hub's clock was set back",
    "thefts of the hub",
];

#[test]
fn shorter_months_of_other_seeds_hold_too() {
    covers!("N2", "N6", "N7", "N11");
    for seed in 100..104 {
        holds(50, 10, seed, Weather::Foul);
    }
}

#[test]
fn the_same_seed_is_the_same_month() {
    let month = || run(&Settings::new(20, 6, 3, Weather::Foul), |_| {});
    assert_eq!(month(), month());
    let other = run(&Settings::new(20, 6, 4, Weather::Foul), |_| {});
    assert_ne!(month().steps, other.steps);
}

#[test]
fn an_acknowledgement_before_the_commit_is_found() {
    covers!("N11");
    finds(wrong(Wrong::AcksBeforeCommit), "N11");
}

#[test]
fn an_event_that_is_stored_twice_is_found() {
    covers!("N11");
    finds(wrong(Wrong::StoresTwice), "N11");
}

#[test]
fn an_event_that_is_sent_before_it_is_kept_is_found() {
    covers!("N11");
    finds(wrong(Wrong::SendsBeforeKeeping), "N11");
}

#[test]
fn a_planner_without_its_cap_is_found() {
    finds(wrong(Wrong::ForgetsTheCap), "planner");
}

#[test]
fn a_disproof_that_is_taken_for_bad_luck_is_found() {
    finds(wrong(Wrong::ForgetsDisproofs), "planner");
}

#[test]
fn a_read_back_that_nobody_compares_is_found() {
    covers!("N4");
    finds(wrong(Wrong::ComparesNothing), "N4");
}

#[test]
fn an_alarm_that_waits_is_found() {
    covers!("N5");
    finds(wrong(Wrong::DelaysAlarms), "N5");
}

#[test]
fn a_link_of_a_pump_that_was_taken_down_is_found() {
    covers!("N8");
    finds(wrong(Wrong::LinksTheQuarantined), "N8");
}

#[test]
fn what_nobody_signed_is_found() {
    covers!("N13");
    finds(wrong(Wrong::BelievesAnybody), "N13");
}

#[test]
fn a_switch_without_a_hold_is_found() {
    covers!("N2");
    finds(without(Rule::SwitchUnderHold), "N2");
}

#[test]
fn a_boot_without_recovery_is_found() {
    covers!("N7");
    finds(without(Rule::RecoverAtBoot), "N7");
}
