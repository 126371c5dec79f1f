//! The table at the top of `lifecycle.rs`, read back from the code, and the words of its refusals.

use expect_test::expect;
use wardline_model::{Lifecycle, Role, covers};

use super::{Act, Before, By, Certificate, CertificateFate, LinkFate, Reason, ReasonError, consequence, decide};

fn allowed(act: Act) -> By {
    act.roles().last().map_or(By::Hub, |role| By::Person(*role))
}

#[test]
fn the_table_of_moves_is_the_one_that_is_documented() {
    let mut table = String::new();
    for lifecycle in Lifecycle::ALL {
        table.push_str(lifecycle.as_str());
        for act in Act::ALL {
            let before = Before { lifecycle, certificate: Certificate::Current };
            let after = decide(before, act, allowed(act)).map_or("-", |after| after.lifecycle.as_str());
            table.push_str(&format!(" {after}"));
        }
        table.push('\n');
    }
    expect![[r#"
        expected enrolled - quarantined - lost - retired - retired
        enrolled enrolled in-service quarantined - lost - retired expected retired
        in-service in-service in-service quarantined - lost - retired expected retired
        quarantined - - - enrolled lost - retired expected retired
        lost - - - - - expected retired - -
        retired - - - - - - - - -
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_pump_that_is_taken_down_loses_its_link_and_nothing_else() {
    covers!("N8");
    for act in [Act::Quarantine, Act::ReportLost, Act::Retire, Act::ReturnLoaner] {
        let before = Before { lifecycle: Lifecycle::InService, certificate: Certificate::Current };
        let after = decide(before, act, allowed(act)).unwrap();
        assert_eq!(after.link, LinkFate::Cut, "{act:?}");
        let kept = act == Act::Quarantine;
        assert_eq!(after.certificate == CertificateFate::Kept, kept, "{act:?}");
        assert!(consequence(act).contains("Therapy is not touched"), "{act:?}");
    }
}

#[test]
fn a_released_pump_without_a_certificate_is_expected_again() {
    let before = Before { lifecycle: Lifecycle::Quarantined, certificate: Certificate::None };
    assert_eq!(decide(before, Act::Release, By::Person(Role::Security)).unwrap().lifecycle, Lifecycle::Expected);
}

#[test]
fn who_may_do_what() {
    for act in Act::ALL {
        let before = match act {
            Act::Release => Lifecycle::Quarantined,
            Act::Find => Lifecycle::Lost,
            _ => Lifecycle::InService,
        };
        let before = Before { lifecycle: before, certificate: Certificate::Current };
        for role in Role::ALL {
            let may = decide(before, act, By::Person(role)).is_ok();
            assert_eq!(may, act.roles().contains(&role), "{role} {act:?}");
        }
        let hub_may = matches!(act, Act::Enrol | Act::Link | Act::Quarantine);
        assert_eq!(decide(before, act, By::Hub).is_ok(), hub_may, "hub {act:?}");
    }
}

#[test]
fn a_refusal_says_what_to_do_instead() {
    let ask = |lifecycle, act, by| {
        decide(Before { lifecycle, certificate: Certificate::Current }, act, by).unwrap_err().to_string()
    };
    let said = [
        ask(Lifecycle::Retired, Act::Release, By::Person(Role::Security)),
        ask(Lifecycle::Lost, Act::Quarantine, By::Person(Role::Security)),
        ask(Lifecycle::InService, Act::Release, By::Person(Role::Security)),
        ask(Lifecycle::InService, Act::Retire, By::Person(Role::Viewer)),
        ask(Lifecycle::Expected, Act::Enrol, By::Person(Role::Administrator)),
        ask(Lifecycle::InService, Act::Retire, By::Hub),
    ]
    .join("\n");
    expect![[r#"
        cannot release from quarantine a pump that is retired: retirement is final; put a pump that comes back on the list under a new serial
        cannot quarantine a pump that is lost: report it found first
        cannot release from quarantine a pump that is in-service: it is not in quarantine
        the role viewer may not retire: ask biomed or administrator
        nobody can enrol a pump by hand: it happens when the pump proves who it is
        only a person may retire a pump"#]]
    .assert_eq(&said);
}

#[test]
fn a_reason_is_needed_and_plain() {
    assert_eq!(Reason::new("  "), Err(ReasonError::Missing));
    assert_eq!(Reason::new(&"x".repeat(281)), Err(ReasonError::TooLong));
    assert_eq!(Reason::new("a\u{202e}b"), Err(ReasonError::ControlCharacter));
    assert_eq!(Reason::new(" odd traffic from bed 7 ").unwrap().as_str(), "odd traffic from bed 7");
}
