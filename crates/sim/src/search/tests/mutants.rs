//! What happens without each of the nine rules: forgotten by both machines, by the pump alone, by the controller alone.
//!
//! | rule | by both | by the pump alone | by the controller alone |
//! |---|---|---|---|
//! | 1 switch under a hold | N2 | stuck: the controller refuses for ever | N2: the nurse broke the hold a moment ago |
//! | 2 intent before | as the pump alone | N6 | not its rule |
//! | 3 result after | as the pump alone | N13 | not its rule |
//! | 4 recover at boot, drug library | N7 | **holds**: the controller makes its own library whole | N7 |
//! | 4 recover at boot, network kinds | N6 | N6 | **holds**: they are the pump's |
//! | 5 back under a hold | N2 | stuck: the controller refuses for ever | N2 |
//! | 6 own timer | as the pump alone | stuck | not its rule |
//! | 7 one trial | as the pump alone | stuck | not its rule |
//! | 8 unproven, not blame | as the pump alone | blame | not its rule |
//! | 9 unknown means no | N2 | stuck: the controller refuses for ever | **holds**: the pump never asks |
//! | 9, and the agent is stolen | N2 | **holds**: the thief keeps no rules anyway | N2 |
//!
//! Of the pump's own certificate, whatever is forgotten is never seen at the bedside:
//!
//! | rule | without it |
//! |---|---|
//! | renew before the end | stuck: a pump whose code is used ends for good |
//! | enrol when ended | **holds**: the hub refuses what has ended, and the pump asks |
//! | ask when refused | stuck: a certificate that was taken back is shown until it ends |
//! | keep until proven | stuck: a hub that forgot the new one, and the old one is given up |
//! | keep while ended | stuck: a clock ten years ahead makes it give up what is good |
//!
//! *Stuck* is never harm: every world that can be reached was visited and none breaks a never event of therapy, but the
//! pump does not come to rest by itself. So whatever the communication side forgets or a thief makes it do, the therapy
//! side keeps the patient safe; what the therapy side forgets, a sound communication side makes up for in part only.

use wardline_model::covers;
use wardline_pump::identity::{IdentityRule, IdentityRules};
use wardline_pump::{Rule, Rules};

use super::{Keeps, Verdict, run, scene, told};

use Expect::{Breaks, Holds, Stuck};
use Without::{Both, Controller, Pump};

/// Which side forgets the rule.
#[derive(Clone, Copy, Debug)]
enum Without {
    Both,
    Pump,
    Controller,
}

/// What must come of it.
#[derive(Clone, Copy, Debug)]
enum Expect {
    /// The other side alone keeps the promise.
    Holds,
    /// This is broken.
    Breaks(&'static str),
    /// Nothing is broken in any world, but there is no way to rest.
    Stuck,
}

fn without(rule: Rule, name: &str, side: Without, expect: Expect) {
    let forgets = Rules::without(rule);
    let keeps = match side {
        Both => Keeps { pump: forgets, controller: forgets, ..Keeps::all() },
        Pump => Keeps { pump: forgets, ..Keeps::all() },
        Controller => Keeps { controller: forgets, ..Keeps::all() },
    };
    expected(&format!("{rule:?} ({side:?})"), name, keeps, expect);
}

/// Without this rule of the pump's certificate.
fn without_identity(rule: IdentityRule, name: &str, expect: Expect) {
    let keeps = Keeps { identity: IdentityRules::without(rule), ..Keeps::all() };
    expected(&format!("{rule:?}"), name, keeps, expect);
}

fn expected(without: &str, name: &str, keeps: Keeps, expect: Expect) {
    let scene = scene(name);
    let found = run(&scene, keeps);
    let told = told(&scene, &found);
    let as_expected = match (&found.verdict, expect) {
        (Verdict::Holds, Holds) => true,
        (Verdict::Broken { what, .. }, Breaks(expected)) => what.starts_with(expected),
        (Verdict::Broken { what, .. }, Stuck) => what.contains("no fair way"),
        (Verdict::Holds | Verdict::Broken { .. } | Verdict::TooLarge, _) => false,
    };
    assert!(as_expected, "without {without} {expect:?} was expected of {told}");
}

#[test]
fn rule_1_without_a_hold_looking_for_idle_is_a_race() {
    covers!("N2");
    without(Rule::SwitchUnderHold, "library-nurse", Both, Breaks("N2"));
    without(Rule::SwitchUnderHold, "library-nurse", Pump, Stuck);
    without(Rule::SwitchUnderHold, "library-nurse", Controller, Breaks("N2"));
}

#[test]
fn rule_2_without_an_intent_nobody_knows_what_was_touched() {
    covers!("N6");
    without(Rule::IntentBefore, "trust-cuts-off", Pump, Breaks("N6"));
}

#[test]
fn rule_3_without_a_result_what_was_confirmed_is_taken_back() {
    covers!("N13");
    without(Rule::ResultAfter, "trust", Pump, Breaks("N13"));
}

#[test]
fn rule_4_without_recovery_therapy_meets_half_a_library() {
    covers!("N6", "N7");
    without(Rule::RecoverAtBoot, "library", Both, Breaks("N7"));
    without(Rule::RecoverAtBoot, "library", Controller, Breaks("N7"));
    without(Rule::RecoverAtBoot, "trust-cuts-off", Both, Breaks("N6"));
    without(Rule::RecoverAtBoot, "trust-cuts-off", Pump, Breaks("N6"));
}

#[test]
fn rule_4_each_side_makes_whole_what_it_switches() {
    covers!("N6", "N7");
    without(Rule::RecoverAtBoot, "library", Pump, Holds);
    without(Rule::RecoverAtBoot, "trust-cuts-off", Controller, Holds);
}

#[test]
fn rule_5_without_a_hold_going_back_is_a_switch_under_a_patient() {
    covers!("N2");
    without(Rule::BackUnderHold, "library-reads-wrong", Both, Breaks("N2"));
    without(Rule::BackUnderHold, "library-reads-wrong", Pump, Stuck);
    without(Rule::BackUnderHold, "library-reads-wrong", Controller, Breaks("N2"));
}

#[test]
fn rule_6_without_its_own_timer_a_pump_is_cut_off_for_good() {
    without(Rule::OwnTimer, "trust-cuts-off", Pump, Stuck);
}

#[test]
fn rule_7_with_two_trials_at_once_a_bad_one_stays() {
    without(Rule::OneTrial, "network", Pump, Stuck);
}

#[test]
fn rule_8_without_unproven_a_sound_release_is_blamed_for_the_network() {
    without(Rule::UnprovenNotBlame, "trust", Pump, Breaks("blame"));
}

#[test]
fn rule_9_without_a_hold_to_grant_a_switch_meets_a_patient() {
    covers!("N2");
    without(Rule::UnknownMeansNo, "no-holds", Both, Breaks("N2"));
    without(Rule::UnknownMeansNo, "no-holds", Pump, Stuck);
    without(Rule::UnknownMeansNo, "no-holds", Controller, Holds);
}

#[test]
fn rule_9_the_controller_alone_keeps_it_against_a_thief() {
    covers!("N2", "N13");
    without(Rule::UnknownMeansNo, "stolen-agent-no-holds", Both, Breaks("N2"));
    without(Rule::UnknownMeansNo, "stolen-agent-no-holds", Pump, Holds);
    without(Rule::UnknownMeansNo, "stolen-agent-no-holds", Controller, Breaks("N2"));
}

#[test]
fn without_a_rule_of_its_certificate_a_pump_does_not_come_back_and_no_patient_is_harmed() {
    covers!("N1", "N8");
    without_identity(IdentityRule::RenewBeforeEnd, "identity-code", Stuck);
    without_identity(IdentityRule::EnrolWhenEnded, "identity", Holds);
    without_identity(IdentityRule::AskWhenRefused, "identity", Stuck);
    without_identity(IdentityRule::KeepUntilProven, "identity-code", Stuck);
    without_identity(IdentityRule::KeepWhileEnded, "identity-code", Stuck);
}

#[test]
fn every_rule_has_a_mutant() {
    let source = include_str!("mutants.rs");
    for rule in IdentityRule::ALL {
        assert!(source.contains(&format!("without_identity(IdentityRule::{rule:?}, ")), "{rule:?} has no mutant");
    }
    for rule in Rule::ALL {
        assert!(source.contains(&format!("without(Rule::{rule:?}, ")), "{rule:?} has no mutant");
    }
}
