//! Which goals a pump takes.

use alloc::vec;
use alloc::vec::Vec;

use wardline_model::{Digest, Generation, Goal, Kind, Outcome, PumpId, Refusal, SlotState, Wait, covers};

use super::edge::{PUMP, Pump, at, goal, release, signed};
use crate::Effect;

use Kind::{DrugLibrary, Firmware, TrustAnchors};

#[test]
fn a_goal_of_the_same_or_an_older_generation_changes_nothing() {
    covers!("N13");
    let mut pump = Pump::settled(&[DrugLibrary]);
    pump.take(signed(&goal(5, &[(DrugLibrary, 2)])));
    pump.run();
    let before = pump.machine.journal().clone();
    assert_eq!(before.generation(), Generation(5));
    for generation in [5, 4, 1, 0] {
        let mut older = goal(generation, &[(DrugLibrary, 3)]);
        older.slots.drug_library.expect = Some(release(DrugLibrary, 2).digest);
        assert_eq!(pump.hear(signed(&older)), [], "generation {generation}");
    }
    assert_eq!(*pump.machine.journal(), before);
}

#[test]
fn a_goal_for_another_pump_changes_nothing() {
    covers!("N14");
    let mut pump = Pump::settled(&[DrugLibrary]);
    let other = Goal { pump: PumpId::from_bytes([8; 16]), ..goal(9, &[(DrugLibrary, 2)]) };
    let before = pump.machine.journal().clone();
    // Signed by the very hub, and sound: but not for this pump.
    assert_eq!(pump.hear(signed(&other)), []);
    assert_eq!(*pump.machine.journal(), before);
    assert_eq!(before.pump, PUMP);
}

#[test]
fn a_goal_that_expected_something_else_to_be_active_does_nothing_and_says_so() {
    covers!("N13");
    let mut pump = Pump::settled(&[DrugLibrary]);
    for expect in [None, Some(Digest::from_bytes([9; 32])), Some(release(DrugLibrary, 2).digest)] {
        let mut pump = pump.clone();
        let mut stale = goal(1, &[(DrugLibrary, 2)]);
        stale.slots.drug_library.expect = expect;
        pump.done.clear();
        pump.take(signed(&stale));
        pump.run();
        assert_eq!(pump.outcomes(), [(DrugLibrary, Outcome::Refused(Refusal::UnexpectedActive))], "{expect:?}");
        assert!(!pump.done.iter().any(touches_a_slot), "{:?}", pump.done);
        let slot = *pump.machine.report(at(0)).slots.get(DrugLibrary);
        assert_eq!((slot.state, slot.wait), (SlotState::WentBack, Some(Wait::Refused)));
        assert_eq!(slot.active, Some(release(DrugLibrary, 1)));
        // Refused once and for all under this goal: a timer does not bring it up again.
        assert_eq!(pump.machine.wake(), None);
    }
    pump.take(signed(&goal(1, &[(DrugLibrary, 2)])));
    pump.run();
    assert_eq!(pump.active(DrugLibrary), Some(release(DrugLibrary, 2)), "the right expectation is taken");
}

#[test]
fn what_is_older_than_the_floor_or_has_no_switch_here_is_refused() {
    covers!("N13");
    let mut pump = Pump::settled(&[TrustAnchors]);
    pump.take(signed(&goal(1, &[(TrustAnchors, 3)])));
    pump.run();
    assert_eq!(pump.active(TrustAnchors), Some(release(TrustAnchors, 3)));
    pump.done.clear();
    let mut older = goal(2, &[(TrustAnchors, 2), (Firmware, 2)]);
    older.slots.trust_anchors.expect = Some(release(TrustAnchors, 3).digest);
    pump.take(signed(&older));
    pump.run();
    let refused = |kind, refusal| (kind, Outcome::Refused(refusal));
    let expected: Vec<_> =
        vec![refused(TrustAnchors, Refusal::BelowFloor), refused(Firmware, Refusal::UnsupportedKind)];
    assert_eq!(pump.outcomes(), expected);
    assert!(!pump.done.iter().any(touches_a_slot), "{:?}", pump.done);
}

fn touches_a_slot(effect: &Effect) -> bool {
    matches!(effect, Effect::Fetch(_) | Effect::Stage(_) | Effect::AskHold(_))
        || matches!(effect, Effect::Switch { .. } | Effect::GoBack { .. })
}
