//! Power that goes at any effect, journals that cannot be read, and time that passed in the dark.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use wardline_model::{Generation, Kind, Outcome, PumpId, SlotState, Span, covers};

use super::edge::{HubIs, PUMP, Pump, Stored, at, goal, release, signed};
use crate::input::{Controller, Found, Input};
use crate::journal::{Journal, JournalError, Phase};
use crate::machine::Why;
use crate::{Effect, HoldId};

use Kind::{DrugLibrary, Firmware, TrustAnchors, WirelessProfile};

/// A pump in the middle of a trial of trust anchors 2, with the hub away.
fn on_trial() -> Pump {
    let mut pump = Pump::settled(&[TrustAnchors]);
    pump.hub = HubIs::Away;
    pump.take(signed(&goal(1, &[(TrustAnchors, 2)])));
    pump.run();
    assert!(matches!(pump.machine.journal().attempt.as_ref().unwrap().phase, Phase::Trial { .. }));
    pump
}

fn says_ready(fx: &[Effect]) -> bool {
    fx.contains(&Effect::Ready)
}

#[test]
fn nothing_but_looking_is_done_before_every_slot_is_known() {
    covers!("N6", "N7");
    let mut pump = on_trial();
    let fx = pump.start();
    assert_eq!(fx, [Effect::Inspect(TrustAnchors), Effect::Report]);
    let fx = pump.hear(Input::Found { kind: TrustAnchors, found: super::edge::whole(release(TrustAnchors, 2)) });
    assert!(says_ready(&fx), "{fx:?}");
}

#[test]
fn a_torn_slot_is_made_whole_before_therapy_may_start() {
    covers!("N6", "N7");
    let mut pump = on_trial();
    pump.start();
    let fx = pump.hear(Input::Found { kind: TrustAnchors, found: Found::Torn });
    let back = Effect::GoBack { kind: TrustAnchors, to: Some(release(TrustAnchors, 1)), hold: None };
    assert!(fx.contains(&back), "{fx:?}");
    assert!(!says_ready(&fx), "it says that it is whole while it is not");
    let back = Input::Switched { kind: TrustAnchors, to: Some(release(TrustAnchors, 1)), result: Ok(()) };
    let fx = pump.hear(back);
    assert!(says_ready(&fx), "{fx:?}");
    assert_eq!(pump.active(TrustAnchors), Some(release(TrustAnchors, 1)));
}

#[test]
fn readiness_waits_for_every_slot_of_the_communication_side_and_for_no_controller() {
    covers!("N1", "N6");
    let mut pump = Pump::off(&[TrustAnchors, WirelessProfile, Firmware, DrugLibrary]);
    let looks: Vec<Effect> = pump.start().into_iter().filter(|effect| *effect != Effect::Report).collect();
    assert_eq!(looks, [TrustAnchors, WirelessProfile, Firmware].map(Effect::Inspect));
    for kind in [WirelessProfile, Firmware, TrustAnchors] {
        let fx = pump.hear(Input::Found { kind, found: super::edge::whole(release(kind, 1)) });
        assert_eq!(says_ready(&fx), kind == TrustAnchors, "after {kind}: {fx:?}");
    }
}

/// Runs a goal for each kind with power lost after effect number `cut`, then brings everything back and, before anything
/// else is heard, everything that was said before the loss.
fn cut_and_replayed(cut: usize) -> Option<Pump> {
    let mut pump = Pump::settled(&[TrustAnchors, WirelessProfile, DrugLibrary]);
    let wanted = [(TrustAnchors, 2), (WirelessProfile, 2), (DrugLibrary, 2)];
    pump.done.clear();
    pump.inbox.push_back(signed(&goal(1, &wanted)));
    let mut left = cut;
    while let Some(input) = pump.inbox.pop_front() {
        for effect in pump.hear(input) {
            if left == 0 {
                let said = core::mem::take(&mut pump.heard);
                pump.power_on();
                // A grant and a look answer a question of this run: the edge drops those of before.
                let answers = |input: &Input| {
                    matches!(input, Input::Controller(Controller::HoldGranted(_)) | Input::Found { .. })
                };
                for late in said.into_iter().filter(|input| !answers(input)) {
                    // A goal is signed and may come again at any time; the rest speaks of what is over.
                    let fx = pump.hear(late.clone());
                    let risky = |effect: &&Effect| matches!(effect, Effect::Switch { hold: Some(_), .. });
                    assert_eq!(fx.iter().find(risky), None, "cut {cut}: {late:?} of before led to a switch");
                    fx.into_iter().for_each(|effect| pump.carry(effect));
                }
                pump.run();
                return Some(pump);
            }
            left -= 1;
            pump.carry(effect);
        }
    }
    None
}

#[test]
fn power_lost_after_any_effect_and_every_word_replayed_does_no_harm() {
    covers!("N6", "N7", "N11");
    let mut cuts = 0;
    for cut in 0..200 {
        let Some(mut pump) = cut_and_replayed(cut) else { break };
        cuts += 1;
        // A stale grant may have used up the machine's patience for a moment.
        for _ in 0..20 {
            if pump.machine.journal().attempt.is_none() && pump.machine.wake().is_none() {
                break;
            }
            pump.wait();
        }
        for kind in [TrustAnchors, WirelessProfile, DrugLibrary] {
            let Stored::Whole(stored) = *pump.stored.get(kind) else { panic!("cut {cut}: {kind} is torn") };
            assert_eq!(pump.active(kind), Some(stored), "cut {cut}: the pump says otherwise than what is there");
            // The goal may never have reached the disk, when power went before the first effect.
            let taken = pump.machine.journal().generation() == Generation(1);
            assert_eq!(stored, release(kind, if taken { 2 } else { 1 }), "cut {cut}: {kind}: {:?}", pump.outcomes());
        }
    }
    assert!(cuts > 30, "only {cuts} effects were cut");
}

#[test]
fn a_hold_that_nobody_asked_for_is_given_back_and_nothing_is_done_under_it() {
    covers!("N2", "N12");
    let mut pump = Pump::settled(&[DrugLibrary]);
    pump.inbox.push_back(signed(&goal(1, &[(DrugLibrary, 2)])));
    while pump.switches().is_empty() {
        let input = pump.inbox.pop_front().expect("it switches");
        pump.take(input);
    }
    pump.start();
    assert_eq!(pump.hear(Input::Controller(Controller::HoldGranted(HoldId(1)))), [Effect::ReleaseHold(HoldId(1))]);
    assert_eq!(pump.hear(Input::Controller(Controller::HoldBroken(HoldId(1)))), []);
}

#[test]
fn a_deadline_that_passed_in_the_dark_ends_the_trial_at_once() {
    covers!("N12");
    let mut pump = on_trial();
    pump.now = pump.now + Span::from_h(5);
    pump.power_on();
    pump.run();
    let (due, why) = pump.machine.wake().unwrap();
    assert!(due <= pump.now, "the trial goes on until {due:?} although its time passed");
    assert_eq!(why, Why::TrialEnds(TrustAnchors));
    pump.wait();
    assert_eq!(pump.outcomes(), [(TrustAnchors, Outcome::Unproven)], "never blame");
    assert_eq!(pump.stored.trust_anchors, Stored::Whole(release(TrustAnchors, 1)));
}

#[test]
fn a_clock_that_was_wrong_makes_no_trial_longer() {
    let mut pump = on_trial();
    // The pump believed in a year far away; now it knows better.
    pump.now = at(0);
    let Phase::Trial { until } = &mut journal_of(&pump).attempt.unwrap().phase else { panic!("no trial") };
    let far = *until + Span::from_h(100_000);
    let mut journal = journal_of(&pump);
    journal.attempt.as_mut().unwrap().phase = Phase::Trial { until: far };
    pump.disk = Some(journal.to_bytes());
    pump.start();
    let (due, _) = pump.machine.wake().unwrap();
    assert!(due <= pump.now + TrustAnchors.row().deadline);
}

fn journal_of(pump: &Pump) -> Journal {
    Journal::from_bytes(PUMP, pump.disk.as_ref().unwrap()).unwrap()
}

#[test]
fn a_journal_that_was_cut_is_refused_at_every_length() {
    covers!("N6");
    let bytes = on_trial().disk.unwrap();
    assert!(Journal::from_bytes(PUMP, &bytes).is_ok());
    for length in 0..bytes.len() {
        assert_eq!(Journal::from_bytes(PUMP, &bytes[..length]), Err(JournalError::Unreadable), "{length} bytes");
    }
    let other = PumpId::from_bytes([8; 16]);
    assert_eq!(Journal::from_bytes(other, &bytes), Err(JournalError::WrongPump));
    let mut newer = Journal::from_bytes(PUMP, &bytes).unwrap();
    newer.format += 1;
    assert_eq!(Journal::from_bytes(PUMP, &newer.to_bytes()), Err(JournalError::Unreadable));
}

#[test]
fn without_its_journal_a_pump_starts_from_what_it_finds() {
    covers!("N6", "N7", "N13");
    let mut pump = on_trial();
    pump.disk = Some(vec![b'{'; 40]);
    pump.hub = HubIs::Up;
    pump.power_on();
    pump.run();
    assert_eq!(pump.active(TrustAnchors), Some(release(TrustAnchors, 2)));
    let journal = pump.machine.journal();
    assert_eq!((journal.generation(), journal.attempt.as_ref()), (Generation(0), None));
    // What runs is the floor: nobody takes the pump below it because its memory was lost.
    assert_eq!(journal.slots.trust_anchors.floor, Some(release(TrustAnchors, 2)));
    // A slot that nothing is known of and that holds nothing whole is said to need a person.
    pump.disk = None;
    pump.stored.trust_anchors = Stored::Torn;
    pump.power_on();
    pump.run();
    assert_eq!(pump.machine.report(pump.now).slots.get(TrustAnchors).state, SlotState::OutOfService);
    assert_eq!(pump.active(TrustAnchors), None);
}

proptest! {
    #[test]
    fn no_bytes_make_the_journal_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Journal::from_bytes(PUMP, &bytes);
    }

    #[test]
    fn a_flipped_bit_is_refused_or_still_this_pumps(position in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut bytes = on_trial().disk.unwrap();
        let position = position.index(bytes.len());
        bytes[position] ^= 1 << bit;
        if let Ok(journal) = Journal::from_bytes(PUMP, &bytes) {
            prop_assert_eq!((journal.pump, journal.format), (PUMP, Journal::FORMAT));
            // Whatever it says, the machine starts, looks first, and touches nothing before it has looked.
            let mut pump = on_trial();
            pump.disk = Some(bytes);
            let fx = pump.start();
            let acts = |effect: &Effect| matches!(effect, Effect::Switch { .. } | Effect::GoBack { .. } | Effect::Ready);
            prop_assert!(!fx.iter().any(acts), "{:?}", fx);
        }
    }
}
