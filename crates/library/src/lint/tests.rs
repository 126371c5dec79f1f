//! Each rule finds what it is for, and plausible entries are left alone.

use std::collections::BTreeSet;

use super::*;
use crate::tests::demo;
use crate::{VERSION_1_CSV, import};

fn with(from: &str, to: &str) -> Vec<Finding> {
    assert!(VERSION_1_CSV.contains(from), "{from}");
    let text = VERSION_1_CSV.replacen(from, to, 1);
    lint(&import::import(import::Format::Csv, text.as_bytes()).unwrap().library)
}

#[test]
fn each_rule_finds_its_trap() {
    let known: BTreeSet<String> = lint(&demo(1)).iter().map(ToString::to_string).collect();
    let last = "Neonatal intensive care,Dextrose 10%,,,,,mL/h,,0.5,20,40,,,,,,,,,no,\n";
    let add = |rows: &str| format!("{last}{rows}");
    let cases = [
        (Rule::NoHardMax, "mcg/kg/min,,5,50,100,mg", "mcg/kg/min,,5,50,,mg".to_owned()),
        (Rule::NoSoftMax, "Furosemide,,100,mg,100,mg/h,,1,20,40", "Furosemide,,100,mg,100,mg/h,,1,,40".to_owned()),
        (Rule::SoftEqualsHard, "mg/h,,1,20,40", "mg/h,,1,40,40".to_owned()),
        (Rule::WideHardMax, "mg/h,,1,20,40", "mg/h,,1,4,40".to_owned()),
        (Rule::BeyondDevice, "mg/h,,1,20,40", "mg/h,,1,20,4000".to_owned()),
        (Rule::TooSlowToDeliver, "mg/h,,1,20,40", "mg/h,,0.05,20,40".to_owned()),
        (Rule::TrailingZero, "mg/h,,1,20,40", "mg/h,,1.0,20,40".to_owned()),
        (Rule::ErrorProneText, "Check the protocol", "Give 5 U first".to_owned()),
        (Rule::NotMarkedHighAlert, "yes,Central line preferred", "no,Central line preferred".to_owned()),
        (Rule::DurationEqualsInitial, "20,25,40,60,no", "20,40,40,60,no".to_owned()),
        (Rule::DurationImpliesRate, "20,25,40,60,no", "5,6,40,60,no".to_owned()),
        (Rule::MixedUnits, last, add("Neonatal intensive care,Morphine,,2.5,mg,50,mg/kg/h,,,1,2,,,,,,,,,yes,\n")),
        (
            Rule::SameConcentrationTwice,
            last,
            add("Neonatal intensive care,Dopamine,,80,mg,100,mcg/kg/min,,1,15,25,,,,,,,,,yes,\n"),
        ),
        (
            Rule::ThousandfoldConcentration,
            last,
            add("Neonatal intensive care,Dopamine,,40,mcg,50,mcg/kg/min,,1,15,25,,,,,,,,,yes,\n"),
        ),
        (
            Rule::LookAlikeName,
            last,
            add("Neonatal intensive care,dopamine,,20,mg,50,mcg/kg/min,,1,15,25,,,,,,,,,yes,\n"),
        ),
        (Rule::BandGap, "Weight >= 2 kg", "Weight >= 3 kg".to_owned()),
        (Rule::BandOverlap, "Weight >= 2 kg", "Weight >= 1.5 kg".to_owned()),
        (
            Rule::AreasDisagree,
            "Furosemide,,100,mg,100,mg/h,,1,20,40",
            "Furosemide,,100,mg,100,mg/h,,1,20,200".to_owned(),
        ),
    ];
    let tested: BTreeSet<Rule> = cases.iter().map(|case| case.0).collect();
    assert_eq!(tested, Rule::ALL.into_iter().collect(), "a rule without a case");
    for (rule, from, to) in cases {
        let found = with(from, &to);
        let new: Vec<_> = found.iter().filter(|found| !known.contains(&found.to_string())).collect();
        assert!(new.iter().any(|found| found.rule == rule), "{rule} did not speak for {to:?}: {new:#?}");
    }
}

#[test]
fn a_missing_hard_maximum_of_a_high_alert_drug_comes_first() {
    let found = with("mcg/kg/min,,5,50,100,mg", "mcg/kg/min,,5,50,,mg");
    assert_eq!((found[0].rule, found[0].severity), (Rule::NoHardMax, Severity::Danger));
}

#[test]
fn bands_that_meet_exactly_are_left_alone() {
    for (from, to) in [("Weight < 2 kg", "Weight <= 2 kg"), ("Weight < 2 kg", "0-2 kg"), ("Weight < 2 kg", "0 to 2kg")]
    {
        let upper = if to.contains("<=") { "Weight > 2 kg" } else { "Weight ≥ 2 kg" };
        let text = VERSION_1_CSV.replacen(from, to, 1).replacen("Weight >= 2 kg", upper, 1);
        let found = lint(&import::import(import::Format::Csv, text.as_bytes()).unwrap().library);
        assert!(!found.iter().any(|found| matches!(found.rule, Rule::BandGap | Rule::BandOverlap)), "{to}: {found:#?}");
    }
}

/// Concentrations and units as published for adults (for plausibility only): none may look like a wrong unit.
#[test]
fn published_concentrations_raise_no_alarm() {
    let rows = [
        ("alteplase", "50,mg,50", "mg/h"),
        ("bumetanide", "10,mg,100", "mg/h"),
        ("bumetanide", "10,mg,40", "mg/h"),
        ("dobutamine", "500,mg,250", "mcg/kg/min"),
        ("dobutamine", "1000,mg,250", "mcg/kg/min"),
        ("hydromorphone", "20,mg,100", "mg/h"),
        ("hydromorphone", "100,mg,100", "mg/h"),
        ("hydromorphone", "500,mg,100", "mg/h"),
        ("insulin regular", "100,units,100", "units/h"),
        ("insulin regular", "1600,units,100", "units/h"),
        ("norepinephrine", "4,mg,250", "mcg/kg/min"),
        ("norepinephrine", "8,mg,250", "mcg/kg/min"),
        ("norepinephrine", "16,mg,250", "mcg/kg/min"),
        ("oxytocin", "30,units,500", "milliunits/min"),
        ("vasopressin", "20,units,100", "units/min"),
    ];
    let head: String = VERSION_1_CSV.lines().take(13).fold(String::new(), |text, line| text + line + "\n");
    let body: String = rows
        .iter()
        .map(|(drug, bag, unit)| format!("Intensive care,{drug},,{bag},{unit},,,5,9,,,,,,,,,yes,\n"))
        .collect();
    let others =
        "Medical surgical,Water,,,,,mL/h,,,5,9,,,,,,,,,no,\nNeonatal intensive care,Water,,,,,mL/h,,,5,9,,,,,,,,,no,\n";
    let library = import::import(import::Format::Csv, format!("{head}{body}{others}").as_bytes()).unwrap().library;
    let found = lint(&library);
    let suspicious = [Rule::ThousandfoldConcentration, Rule::MixedUnits, Rule::SameConcentrationTwice];
    assert!(!found.iter().any(|found| suspicious.contains(&found.rule)), "{found:#?}");
}
