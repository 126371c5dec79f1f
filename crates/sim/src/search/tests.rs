//! The scenes, and for each of the nine rules the scene that breaks without it.

use std::collections::BTreeMap;

use wardline_model::{HoldSupport, Kind, covers};
use wardline_pump::{Rule, Rules};

use super::explore::explore;
use super::scene::{Agent, Flaw, Scene};
use super::world::World;

use Kind::{DrugLibrary, FirewallPolicy, TrustAnchors, WirelessProfile};

/// A scene with one sound library and no bad luck, to be changed.
fn scene(name: &'static str) -> Scene {
    Scene {
        name,
        rules: Rules::all(),
        support: HoldSupport::Grants,
        agent: Agent::Ours,
        kinds: &[DrugLibrary],
        flaws: BTreeMap::new(),
        goals: vec![vec![(DrugLibrary, 2)]],
        powers: 0,
        cuts: 0,
        acts: 0,
    }
}

/// Everything that may happen between a nurse, the power and one new library.
fn library() -> Scene {
    Scene { powers: 1, acts: 1, ..scene("a sound drug library") }
}

/// A longer script at the bedside, without power loss.
fn library_and_nurse() -> Scene {
    Scene { acts: 2, ..scene("a sound drug library and a busy nurse") }
}

fn library_and_next() -> Scene {
    let goals = vec![vec![(DrugLibrary, 2)], vec![(DrugLibrary, 3)]];
    Scene { goals, powers: 1, ..scene("two drug libraries, one after the other") }
}

fn library_lost_network() -> Scene {
    Scene { cuts: 1, acts: 1, ..scene("a drug library over a network that comes and goes") }
}

fn flawed(name: &'static str, kind: Kind, flaw: Flaw) -> Scene {
    Scene { flaws: BTreeMap::from([((kind, 2), flaw)]), ..scene(name) }
}

fn reads_wrong() -> Scene {
    Scene { acts: 2, ..flawed("a library that reads back wrong", DrugLibrary, Flaw::ReadsWrong) }
}

fn unsigned() -> Scene {
    let goals = vec![vec![(DrugLibrary, 2)], vec![(DrugLibrary, 3)]];
    Scene { goals, powers: 1, ..flawed("an unsigned library, then a good one", DrugLibrary, Flaw::Unsigned) }
}

fn fooled() -> Scene {
    let flaw = Flaw::OnlyAgentFooled;
    Scene { acts: 1, ..flawed("a library that only the agent believes", DrugLibrary, flaw) }
}

/// A thief of the hub asks for what the pump ran before.
fn downgrade() -> Scene {
    let goals = vec![vec![(DrugLibrary, 2)], vec![(DrugLibrary, 1)]];
    Scene { goals, powers: 1, ..scene("a stolen hub asks for an older library") }
}

fn no_holds() -> Scene {
    Scene { support: HoldSupport::Cannot, powers: 1, acts: 2, ..scene("a controller that grants no holds") }
}

/// Trust anchors need no hold, so that their scene is all about power and network.
fn trust() -> Scene {
    let goals = vec![vec![(TrustAnchors, 2)], vec![(TrustAnchors, 3)]];
    Scene { kinds: &[TrustAnchors], goals, powers: 1, cuts: 1, ..scene("two sound sets of trust anchors") }
}

fn trust_cuts_off() -> Scene {
    let goals = vec![vec![(TrustAnchors, 2)]];
    let kinds = &[TrustAnchors];
    Scene { kinds, goals, powers: 2, cuts: 1, ..flawed("trust anchors that cut off", TrustAnchors, Flaw::CutsOff) }
}

fn wireless_cuts_off() -> Scene {
    let goals = vec![vec![(WirelessProfile, 2)]];
    let name = "a wireless profile that cuts off";
    Scene { kinds: &[WirelessProfile], goals, ..flawed(name, WirelessProfile, Flaw::CutsOff) }
}

/// Two network slots are wanted at once, and the first one is bad.
fn network() -> Scene {
    let goals = vec![vec![(FirewallPolicy, 2), (TrustAnchors, 2)]];
    let kinds = &[FirewallPolicy, TrustAnchors];
    Scene { kinds, goals, powers: 1, ..flawed("two network slots, one bad", TrustAnchors, Flaw::CutsOff) }
}

/// A library and trust anchors at once.
fn both() -> Scene {
    let goals = vec![vec![(DrugLibrary, 2), (TrustAnchors, 2)]];
    Scene { kinds: &[DrugLibrary, TrustAnchors], goals, acts: 1, ..scene("a library and trust anchors") }
}

fn stolen() -> Scene {
    let flaws = BTreeMap::from([((DrugLibrary, 3), Flaw::OnlyAgentFooled)]);
    Scene {
        agent: Agent::Stolen,
        flaws,
        goals: vec![],
        powers: 1,
        acts: 2,
        ..scene("an agent in the hands of a thief")
    }
}

fn holds(scene: Scene) {
    let name = scene.name;
    let found = explore(World::new(scene));
    println!("{name}: {} states, {} moves", found.states, found.moves);
    if let Some(story) = found.story {
        panic!("{name} breaks:\n{story}");
    }
}

/// Without the rule the scene must break in the way that is expected, and with it the same scene must hold.
fn breaks(rule: Rule, scene: Scene, expect: &str) {
    let name = scene.name;
    let found = explore(World::new(Scene { rules: Rules::without(rule), ..scene }));
    let story = found.story.unwrap_or_else(|| panic!("{name} holds without {rule:?}: {} states", found.states));
    println!("{name} without {rule:?} ({} states):\n{story}\n", found.states);
    assert!(story.contains(expect), "{name} without {rule:?} breaks otherwise than by {expect:?}:\n{story}");
}

#[test]
fn a_sound_library_is_switched_between_patients_and_never_under_one() {
    covers!("N1", "N2", "N3", "N5", "N6", "N7", "N12", "N13");
    holds(library());
    holds(library_and_nurse());
}

#[test]
fn libraries_follow_each_other() {
    covers!("N2", "N6", "N7", "N12", "N13");
    holds(library_and_next());
}

#[test]
fn a_lost_network_stops_nothing() {
    covers!("N1", "N8", "N12");
    holds(library_lost_network());
}

#[test]
fn bad_libraries_never_become_what_therapy_reads() {
    covers!("N4", "N6", "N7", "N13");
    holds(reads_wrong());
    holds(unsigned());
    holds(fooled());
}

#[test]
fn a_stolen_hub_installs_nothing_older() {
    covers!("N13");
    holds(downgrade());
}

#[test]
fn a_controller_without_holds_gets_no_switch() {
    covers!("N2");
    holds(no_holds());
}

#[test]
fn network_kinds_are_proven_or_taken_back() {
    covers!("N1", "N6");
    holds(trust());
    holds(trust_cuts_off());
    holds(wireless_cuts_off());
}

#[test]
fn one_bad_network_slot_does_not_take_the_others_with_it() {
    covers!("N6");
    holds(network());
}

#[test]
fn a_library_and_trust_anchors_take_turns() {
    covers!("N2", "N6");
    holds(both());
}

#[test]
fn a_stolen_agent_harms_no_patient() {
    covers!("N1", "N2", "N3", "N6", "N7", "N13", "N14");
    holds(stolen());
}

#[test]
fn rule_1_without_a_hold_looking_for_idle_is_a_race() {
    breaks(Rule::SwitchUnderHold, library_and_nurse(), "N2");
}

#[test]
fn rule_2_without_an_intent_nobody_knows_what_was_touched() {
    breaks(Rule::IntentBefore, trust_cuts_off(), "N6");
}

#[test]
fn rule_3_without_a_result_what_was_confirmed_is_taken_back() {
    breaks(Rule::ResultAfter, trust(), "N13");
}

#[test]
fn rule_4_without_recovery_therapy_meets_half_a_library() {
    breaks(Rule::RecoverAtBoot, library(), "N7");
}

#[test]
fn rule_5_without_a_hold_going_back_is_a_switch_under_a_patient() {
    breaks(Rule::BackUnderHold, reads_wrong(), "N2");
}

#[test]
fn rule_6_without_its_own_timer_a_pump_is_cut_off_for_good() {
    breaks(Rule::OwnTimer, trust_cuts_off(), "no fair way");
}

#[test]
fn rule_7_with_two_trials_at_once_a_bad_one_stays() {
    breaks(Rule::OneTrial, network(), "no fair way");
}

#[test]
fn rule_8_without_unproven_a_sound_release_is_blamed_for_the_network() {
    breaks(Rule::UnprovenNotBlame, trust(), "blame");
}

#[test]
fn rule_9_without_a_hold_to_grant_a_switch_meets_a_patient() {
    breaks(Rule::UnknownMeansNo, no_holds(), "N2");
}
