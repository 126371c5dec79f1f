//! Every kind of pump at every stage, and what is said of it.

use expect_test::expect;
use wardline_model::{Lifecycle, SlotState, Span, Time};

use super::*;

const NOW: Time = Time::from_unix_s(1_800_000_000);

fn change(what: What, stage: Stage) -> Change {
    Change { what, stage, old_root_ends: NOW + Span::from_days(3_000) }
}

/// An in-service pump that is linked, believes the old root and has twenty days left.
fn pump() -> Seen {
    Seen {
        lifecycle: Lifecycle::InService,
        linked: Linked::Now,
        believes: Believes::Old,
        slot: SlotState::Settled,
        certificate: Some((Issuer::Old, NOW + Span::from_days(20))),
        enrols: Enrols::ByBirth,
    }
}

#[test]
fn what_is_left_follows_stage_belief_and_certificate() {
    let mut table = String::new();
    for what in [What::Root, What::Issuing] {
        for stage in [Stage::Prepared, Stage::Moved, Stage::Finished] {
            for believes in [Believes::Old, Believes::Both, Believes::New] {
                for issuer in [Issuer::Old, Issuer::New] {
                    if what == What::Issuing && believes != Believes::Old {
                        continue;
                    }
                    let ends = NOW + Span::from_days(20);
                    let seen = Seen { believes, certificate: Some((issuer, ends)), ..pump() };
                    let (left, way) = judge(&change(what, stage), &seen, NOW).unwrap();
                    let blocks = in_the_way(what, stage, left);
                    table += &format!(
                        "{what:?} {stage:?} believes {believes:?} cert {issuer:?}: {left:?} {way:?} {blocks}\n"
                    );
                }
            }
        }
    }
    expect![[r#"
        Root Prepared believes Old cert Old: Prove ByItself true
        Root Prepared believes Old cert New: Prove ByItself true
        Root Prepared believes Both cert Old: Nothing ByItself false
        Root Prepared believes Both cert New: Nothing ByItself false
        Root Prepared believes New cert Old: Nothing ByItself false
        Root Prepared believes New cert New: Nothing ByItself false
        Root Moved believes Old cert Old: Prove ByItself true
        Root Moved believes Old cert New: Prove ByItself true
        Root Moved believes Both cert Old: Renew ByItself true
        Root Moved believes Both cert New: LetGo ByItself true
        Root Moved believes New cert Old: Renew ByItself true
        Root Moved believes New cert New: Nothing ByItself false
        Root Finished believes Old cert Old: Prove Visit false
        Root Finished believes Old cert New: Prove Visit false
        Root Finished believes Both cert Old: Renew Birth false
        Root Finished believes Both cert New: LetGo ByItself false
        Root Finished believes New cert Old: Renew Birth false
        Root Finished believes New cert New: Nothing ByItself false
        Issuing Prepared believes Old cert Old: Nothing ByItself false
        Issuing Prepared believes Old cert New: Nothing ByItself false
        Issuing Moved believes Old cert Old: Renew ByItself true
        Issuing Moved believes Old cert New: Nothing ByItself false
        Issuing Finished believes Old cert Old: Renew Birth false
        Issuing Finished believes Old cert New: Nothing ByItself false
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_pump_that_sleeps_comes_back_by_what_it_still_has() {
    let asleep = Seen { linked: Linked::Since(None), ..pump() };
    let moved = change(What::Root, Stage::Moved);
    let way = |seen: &Seen, at: Time| judge(&moved, seen, at).unwrap().1;
    assert_eq!(way(&asleep, NOW), Way::SwitchOn);
    // Its certificate has ended.
    let late = NOW + Span::from_days(21);
    assert_eq!(way(&asleep, late), Way::Birth);
    assert_eq!(way(&Seen { enrols: Enrols::ByCode, ..asleep }, late), Way::Code);
    // The old root has ended.
    assert_eq!(way(&asleep, NOW + Span::from_days(3_001)), Way::Visit);
    // And a pump that already believes the new root needs no visit, whatever happened.
    let both = Seen { believes: Believes::Both, ..asleep };
    assert_eq!(way(&both, NOW + Span::from_days(3_001)), Way::Birth);
}

#[test]
fn pumps_that_were_never_here_or_are_gone_stand_in_nobodys_way() {
    for (lifecycle, counts) in [
        (Lifecycle::Expected, false),
        (Lifecycle::Enrolled, true),
        (Lifecycle::InService, true),
        (Lifecycle::Quarantined, true),
        (Lifecycle::Lost, true),
        (Lifecycle::Retired, false),
    ] {
        let seen = Seen { lifecycle, ..pump() };
        assert_eq!(judge(&change(What::Root, Stage::Prepared), &seen, NOW).is_some(), counts, "{lifecycle}");
    }
}
