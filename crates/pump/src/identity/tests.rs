//! Every row of the table, and what happens without each rule.

use proptest::prelude::*;

use super::*;

const START: Time = Time::from_unix_s(1_577_836_800);

fn day(days: u64) -> Time {
    START + Span::from_days(days)
}

fn held() -> Held {
    Held { not_before: START, not_after: day(30), spread: 7, pins: Pins::All, successor: Successor::None }
}

fn next(held: Held, at: Time) -> (IdentityStep, Option<Time>) {
    next_step(Some(&held), at, IdentityRules::all())
}

#[test]
fn the_next_step_follows_from_what_is_held_and_the_clock() {
    assert_eq!(next_step(None, day(1), IdentityRules::all()), (IdentityStep::Enrol, None));
    let (step, due) = next(held(), day(1));
    assert_eq!((step, due.is_some_and(|due| due >= day(18) && due <= day(22))), (IdentityStep::Renew, true));
    assert_eq!(next(held(), day(23)), (IdentityStep::Renew, None));
    assert_eq!(next(held(), day(31)), (IdentityStep::Enrol, None), "from the cupboard");
    assert_eq!(next(Held { successor: Successor::Waits, ..held() }, day(31)), (IdentityStep::Prove, None));
    assert_eq!(next(Held { pins: Pins::None, ..held() }, day(1)), (IdentityStep::Provision, None));
    assert_eq!(next(Held { pins: Pins::GoalKey, ..held() }, day(1)), (IdentityStep::AskRoot, None));
    // Without a release root the pump still renews.
    assert_eq!(next(Held { pins: Pins::GoalKey, ..held() }, day(29)), (IdentityStep::Renew, None));
}

#[test]
fn a_clock_that_jumps_ten_years_makes_it_ask_or_wait_and_nothing_else() {
    covers!("N1", "N8");
    assert_eq!(next(held(), day(3_660)), (IdentityStep::Enrol, None), "ahead: it asks, and keeps what it holds");
    let behind = Time::from_unix_s(START.as_unix_s() - 10 * 365 * 86_400);
    assert!(matches!(next(held(), behind), (IdentityStep::Renew, Some(due)) if due > START), "behind: it waits");
}

#[test]
fn a_pump_that_wants_to_renew_asks_first_when_it_is_refused() {
    // Found by the search: a certificate that was taken back in its last third was shown for ten days.
    assert!(asks_when_refused(IdentityStep::Renew, IdentityRules::all()));
    assert!(!asks_when_refused(IdentityStep::Enrol, IdentityRules::all()));
}

#[test]
fn a_forgotten_rule_asks_for_the_wrong_thing() {
    let without = |rule, at| next_step(Some(&held()), at, IdentityRules::without(rule)).0;
    assert_eq!(without(IdentityRule::EnrolWhenEnded, day(31)), IdentityStep::Renew);
    let (_, due) = next_step(Some(&held()), day(25), IdentityRules::without(IdentityRule::RenewBeforeEnd));
    assert!(due.is_some_and(|due| due > day(30)), "after it has ended");
}

proptest! {
    #[test]
    fn renewal_lies_around_two_thirds_of_any_life(days in 1u64..3_650, spread: u64) {
        let held = Held { spread, not_after: START + Span::from_days(days), ..held() };
        let at = renew_at(&held).since(START).as_ms();
        let life = Span::from_days(days).as_ms();
        prop_assert!(at >= life * 3 / 5 && at <= life * 11 / 15 + 1);
    }
}
