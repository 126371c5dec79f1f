//! Every scene holds, and puts to the test what it is there for.

mod mutants;

use wardline_model::covers;

use super::{Found, Keeps, Never, Scene, Verdict, run, scenes};

use Never::{N1, N2, N3, N4, N5, N6, N7, N8, N12, N13};

fn scene(name: &str) -> Scene {
    scenes().into_iter().find(|scene| scene.name == name).unwrap_or_else(|| panic!("no scene is named {name}"))
}

/// What a search found, as a sentence that replays it.
fn told(scene: &Scene, found: &Found) -> String {
    let Found { states, moves, depth, .. } = found;
    let head = format!("{}: {states} states, {moves} moves, depth {depth}", scene.name);
    match &found.verdict {
        Verdict::Holds => head,
        Verdict::Broken { what, story } => format!("{head}\n  {}\nbroken: {what}", story.join("\n  ")),
        Verdict::TooLarge => format!("{head}: too large"),
    }
}

/// The scene must hold, and must have put these never events to the test.
fn holds(name: &str, tests: &[Never]) {
    let scene = scene(name);
    let found = run(&scene, Keeps::all());
    let told = told(&scene, &found);
    println!("{told}");
    assert_eq!(found.verdict, Verdict::Holds, "{told}");
    for never in tests {
        assert!(found.tested.times(*never) > 0, "{name} claims {never} and never tests it");
    }
}

#[test]
fn a_sound_library_is_switched_between_patients_and_never_under_one() {
    covers!("N1", "N2", "N3", "N5", "N6", "N7", "N12", "N13");
    holds("library", &[N1, N2, N3, N4, N5, N6, N7, N12, N13]);
}

#[test]
fn a_busy_nurse_is_never_kept_waiting() {
    covers!("N1", "N2", "N3", "N5", "N12");
    holds("library-nurse", &[N1, N2, N3, N5, N12]);
}

#[test]
fn libraries_follow_each_other() {
    covers!("N2", "N6", "N7", "N12", "N13");
    holds("library-next", &[N2, N4, N6, N12, N13]);
}

#[test]
fn a_lost_network_stops_nothing() {
    covers!("N1", "N8", "N12");
    holds("library-network", &[N1, N2, N3, N12]);
}

#[test]
fn power_and_network_lost_together_leave_one_whole_library() {
    covers!("N2", "N6", "N7", "N12");
    holds("library-power-network", &[N2, N6, N7, N12]);
}

#[test]
fn bad_libraries_never_become_what_therapy_reads() {
    covers!("N4", "N6", "N7", "N13");
    holds("library-reads-wrong", &[N2, N3, N6, N7, N13]);
    holds("library-unsigned", &[N2, N4, N6, N7]);
    holds("library-agent-fooled", &[N7, N13]);
}

#[test]
fn a_stolen_hub_installs_nothing_older() {
    covers!("N13");
    holds("library-older", &[N7, N13]);
}

#[test]
fn a_controller_without_holds_gets_no_switch() {
    covers!("N2");
    holds("no-holds", &[N1, N3, N7, N12]);
}

#[test]
fn network_kinds_are_proven_or_taken_back() {
    covers!("N1", "N6");
    holds("trust", &[N4, N6, N12, N13]);
    holds("trust-cuts-off", &[N6, N7, N12]);
    holds("wireless-cuts-off", &[N6, N7, N12]);
}

#[test]
fn a_wireless_profile_never_touches_the_nurse_beside_it() {
    covers!("N1", "N3", "N12");
    holds("wireless", &[N1, N3, N4, N5, N12]);
}

#[test]
fn one_bad_network_slot_does_not_take_the_others_with_it() {
    covers!("N6");
    holds("network", &[N4, N6, N7, N12]);
}

#[test]
fn firmware_restarts_the_pump_between_patients_and_stays_once_it_is_confirmed() {
    covers!("N1", "N2", "N3", "N6", "N7", "N12", "N13");
    holds("firmware", &[N1, N2, N3, N4, N6, N12, N13]);
    holds("firmware-power-network", &[N2, N4, N6, N7, N12, N13]);
}

#[test]
fn bad_firmware_goes_back_by_the_boot_loader_or_by_the_pumps_own_timer() {
    covers!("N2", "N6", "N7", "N12");
    holds("firmware-cuts-off", &[N1, N2, N6, N7, N12]);
    holds("firmware-does-not-start", &[N1, N2, N6, N7, N12]);
}

#[test]
fn a_library_and_trust_anchors_take_turns() {
    covers!("N2", "N6");
    holds("library-and-trust", &[N2, N4, N6, N13]);
}

#[test]
fn a_stolen_agent_harms_no_patient() {
    covers!("N1", "N2", "N3", "N6", "N7", "N13", "N14");
    holds("stolen-agent", &[N1, N2, N3, N5, N6, N7, N12, N13]);
    // It gets no switch at all, so that N2 is kept by there being nothing to judge.
    holds("stolen-agent-no-holds", &[N1, N3, N5, N7, N12]);
}

#[test]
fn certificates_clocks_and_authorities_are_never_seen_at_the_bedside_and_every_pump_comes_back() {
    covers!("N1", "N8", "N12");
    holds("identity", &[N1, N3, N5, N8, N12]);
    holds("identity-code", &[N1, N3, N5, N8, N12]);
}

#[test]
fn a_library_and_a_certificate_do_not_stand_in_each_others_way() {
    covers!("N1", "N2", "N8");
    holds("identity-library", &[N1, N2, N3, N4, N8, N12]);
}

#[test]
fn a_search_is_the_same_each_time() {
    let scene = scene("library-agent-fooled");
    assert_eq!(run(&scene, Keeps::all()), run(&scene, Keeps::all()));
}

#[test]
fn names_of_scenes_are_their_own() {
    let names: std::collections::BTreeSet<_> = scenes().iter().map(|scene| scene.name).collect();
    assert_eq!(names.len(), scenes().len());
}
