//! Two slots that are wanted at once, and everything done or said twice.

use wardline_model::{Kind, Outcome, SlotState, Wait, covers};

use super::edge::{Each, HubIs, Pump, goal, release, signed};
use crate::input::{Hub, Input};
use crate::machine::Why;

use Kind::{DrugLibrary, FirewallPolicy, TrustAnchors};

#[test]
fn two_wanted_slots_are_tried_one_after_the_other() {
    covers!("N6");
    let mut pump = Pump::settled(&[FirewallPolicy, TrustAnchors]);
    pump.hub = HubIs::Away;
    pump.take(signed(&goal(1, &[(FirewallPolicy, 2), (TrustAnchors, 2)])));
    pump.run();
    // The first is on trial and cannot be proven yet; the second is ready and waits for it.
    assert_eq!(pump.switches(), [TrustAnchors]);
    let report = pump.machine.report(pump.now);
    assert_eq!(report.slots.get(TrustAnchors).state, SlotState::Trial);
    let second = report.slots.get(FirewallPolicy);
    assert_eq!((second.state, second.wait), (SlotState::Staged, Some(Wait::OtherTrial)));
    // The proof of the first lets the second begin, and only then.
    pump.hub = HubIs::Up;
    pump.take(Input::Hub(Hub::Reached(pump.machine.epoch())));
    pump.run();
    assert_eq!(pump.switches(), [TrustAnchors, FirewallPolicy]);
    assert_eq!(pump.outcomes(), [(TrustAnchors, Outcome::Confirmed), (FirewallPolicy, Outcome::Confirmed)]);
}

#[test]
fn the_second_slot_waits_until_the_first_has_gone_back() {
    covers!("N6");
    let mut pump = Pump::settled(&[FirewallPolicy, TrustAnchors]);
    pump.hub = HubIs::Away;
    pump.take(signed(&goal(1, &[(FirewallPolicy, 2), (TrustAnchors, 2)])));
    pump.run();
    assert_eq!(pump.wait(), Why::TrialEnds(TrustAnchors));
    assert_eq!(pump.outcomes(), [(TrustAnchors, Outcome::Unproven)]);
    assert_eq!(pump.active(TrustAnchors), Some(release(TrustAnchors, 1)));
    assert_eq!(pump.switches(), [TrustAnchors, FirewallPolicy]);
    assert_eq!(pump.machine.report(pump.now).slots.get(FirewallPolicy).state, SlotState::Trial);
}

#[test]
fn everything_done_and_said_twice_comes_to_the_same() {
    covers!("N6", "N11");
    let wanted = [(FirewallPolicy, 2), (TrustAnchors, 2), (DrugLibrary, 2)];
    let run = |each| {
        let mut pump = Pump::settled(&[FirewallPolicy, TrustAnchors, DrugLibrary]);
        pump.each = each;
        pump.done.clear();
        pump.take(signed(&goal(1, &wanted)));
        pump.run();
        pump
    };
    let (once, twice) = (run(Each::Once), run(Each::Twice));
    assert_eq!(once.outcomes().len(), 3);
    assert_eq!(twice.outcomes(), once.outcomes());
    assert_eq!(twice.machine.journal(), once.machine.journal());
    assert_eq!(twice.stored, once.stored);
}
