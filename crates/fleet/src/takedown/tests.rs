//! The table at the top of `takedown.rs`, read back from the code.

use expect_test::expect;
use wardline_model::{Lifecycle, QuarantineLevel, Role, covers};

use super::{Held, Placed, Refused, consequence, give_back, place, undo};
use crate::lifecycle::{By, Certificate};

const PERSON: By = By::Person(Role::Security);

fn free(lifecycle: Lifecycle) -> Held {
    Held { lifecycle, certificate: Certificate::Current, level: None, former: None, before: None }
}

/// The pump after a decision, as the next one finds it.
fn then(held: Held, placed: Placed) -> Held {
    let Placed { lifecycle, level, former, before } = placed;
    Held { lifecycle, level, former, before, ..held }
}

fn said(placed: Result<Placed, Refused>) -> String {
    placed.map_or("-".into(), |placed| placed.lifecycle.to_string())
}

#[test]
fn the_table_of_levels_is_the_one_that_is_documented() {
    let mut table = String::new();
    let mut row = |name: &str, held: Held| {
        let to = QuarantineLevel::ALL.map(|level| said(place(held, level, PERSON)));
        table.push_str(&format!("{name}: {} {}\n", to.join(" "), said(give_back(held, PERSON))));
    };
    for lifecycle in Lifecycle::ALL.into_iter().filter(|lifecycle| *lifecycle != Lifecycle::Quarantined) {
        row(lifecycle.as_str(), free(lifecycle));
    }
    for level in QuarantineLevel::ALL {
        let held = free(Lifecycle::InService);
        row(level.as_str(), then(held, place(held, level, PERSON).unwrap()));
    }
    expect![[r#"
        expected: expected quarantined quarantined -
        enrolled: enrolled quarantined quarantined -
        in-service: in-service quarantined quarantined -
        lost: - - - -
        retired: - - - -
        watch: - quarantined quarantined in-service
        remediate: in-service - quarantined in-service
        cut: in-service quarantined - in-service
    "#]]
    .assert_eq(&table);
}

#[test]
fn undo_restores_the_state_before_the_newest_decision() {
    covers!("N8");
    let start = free(Lifecycle::InService);
    let watched = then(start, place(start, QuarantineLevel::Watch, PERSON).unwrap());
    let cut = then(watched, place(watched, QuarantineLevel::Cut, PERSON).unwrap());
    let back = then(cut, undo(cut, PERSON).unwrap());
    assert_eq!(back, Held { before: None, ..watched });
    assert_eq!(then(back, undo(back, PERSON).unwrap()), start);
    let bare = Held { certificate: Certificate::None, ..cut };
    assert_eq!(give_back(bare, PERSON).unwrap().lifecycle, Lifecycle::Expected, "it must enrol again");
}

#[test]
fn a_rule_makes_it_harder_and_never_milder_and_gives_nothing_back() {
    let start = free(Lifecycle::InService);
    let cut = then(start, place(start, QuarantineLevel::Cut, By::Hub).unwrap());
    assert!(matches!(place(cut, QuarantineLevel::Watch, By::Hub), Err(Refused::Milder { .. })));
    assert!(give_back(cut, By::Hub).is_err() && undo(cut, By::Hub).is_err());
    let viewer = By::Person(Role::Viewer);
    assert!(place(start, QuarantineLevel::Watch, viewer).is_err() && undo(cut, viewer).is_err());
}

#[test]
fn every_level_says_that_therapy_is_not_touched() {
    assert!(QuarantineLevel::ALL.into_iter().all(|level| consequence(level).contains("Therapy is not touched")));
}
