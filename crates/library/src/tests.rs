//! The library keeps its numbers, its bytes and its word.

use proptest::prelude::*;
use wardline_model::{CareArea, Decimal, Version, covers};

use crate::*;

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn demo(version: u64) -> Library {
    demonstration(version).unwrap()
}

fn find<'a>(library: &'a Library, area: &str, drug: &str) -> &'a Entry {
    let area = library.care_area(&CareArea::new(area).unwrap()).unwrap();
    area.entries.iter().find(|entry| entry.drug.as_str() == drug).unwrap()
}

fn snapshot(area: &str, drug: &str) -> Snapshot {
    let library = demo(1);
    let key = find(&library, area, drug).key();
    library.snapshot(digest_of(b""), &CareArea::new(area).unwrap(), &key).unwrap()
}

#[test]
fn every_dosing_unit_is_made_of_known_parts() {
    covers!("N10");
    for unit in DosingUnit::ALL {
        assert_eq!(unit.as_str().parse(), Ok(*unit));
        let mut printed = unit.amount().to_string();
        if unit.body() == Body::PerKg {
            printed.push_str("/kg");
        }
        printed.push_str(match unit.time() {
            TimeBase::Once => "",
            TimeBase::Minute => "/min",
            TimeBase::Hour => "/h",
        });
        assert_eq!(printed, unit.as_str());
        assert!(DosingUnit::LIST.contains(unit.as_str()), "{unit} is not in the list for people");
    }
    for bad in ["MG/H", "µg/h", "mcg/kg/hr", "U/h", "IU/h", "mg / h", "", "mg/h "] {
        assert!(bad.parse::<DosingUnit>().is_err(), "{bad:?}");
    }
}

#[test]
fn the_demonstration_library_is_sound_marked_and_survives_its_bytes() {
    covers!("N4", "N10");
    for version in 1..=3 {
        let library = demo(version);
        assert_eq!(library.version(), Version(version));
        assert!(library.not_for_clinical_use());
        assert_eq!(library.care_areas().len(), 3);
        assert!(library.entry_count() >= 20, "{}", library.entry_count());
        let bytes = library.to_canonical_bytes();
        assert_eq!(Library::from_canonical_bytes(&bytes).unwrap(), library);
        let serious: Vec<_> = lint(&library).into_iter().filter(|found| found.severity > Severity::Warning).collect();
        assert_eq!(serious, [], "version {version}");
    }
}

#[test]
fn bytes_that_say_the_same_otherwise_are_refused() {
    covers!("N4");
    let text = String::from_utf8(demo(1).to_canonical_bytes()).unwrap();
    let refused = [
        text.replacen('{', "{ ", 1),
        format!("{text}\n"),
        text.replacen("\"schema\":1", "\"schema\":1,\"schema\":1", 1),
        text.replacen("\"schema\":1,", "", 1),
        text.replacen("\"schema\":1", "\"schema\":2", 1),
        text.replacen("Demonstration library", "\\u0044emonstration library", 1),
        text.replacen("\"250\"", "\"0250\"", 1),
        text.replacen("\"250\"", "250", 1),
        text.replacen("\"mcg/kg/min\"", "\"mcg/kg/minute\"", 1),
        text.replacen("\"high_alert\":true", "\"high_alert\":true,\"colour\":\"red\"", 1),
        text.replacen("Norepinephrine", "Norepinephrine ", 1),
        text.replacen("Norepinephrine", "Norepi\u{200b}nephrine", 1),
        text[..text.len() - 1].to_owned(),
    ];
    for (at, bad) in refused.iter().enumerate() {
        assert_ne!(*bad, text, "case {at} changes nothing");
        assert!(Library::from_canonical_bytes(bad.as_bytes()).is_err(), "case {at} was read");
    }
}

#[test]
fn order_of_rows_does_not_change_the_bytes() {
    covers!("N4");
    let library = demo(1);
    let mut draft = library.clone().into_draft();
    draft.care_areas.reverse();
    for area in &mut draft.care_areas {
        area.entries.reverse();
    }
    assert_eq!(Library::new(draft).unwrap().to_canonical_bytes(), library.to_canonical_bytes());
}

#[test]
fn a_draft_that_breaks_a_rule_is_no_library() {
    let break_it = |change: &dyn Fn(&mut Draft)| {
        let mut draft = demo(1).into_draft();
        change(&mut draft);
        Library::new(draft).expect_err("the rule was not kept").remove(0)
    };
    let entry = |draft: &mut Draft| -> Entry { draft.care_areas[0].entries[0].clone() };
    let problem = break_it(&|draft| draft.care_areas[0].entries[0].limits.soft_max = Some(decimal("500")));
    assert_eq!(problem.column, "hard max");
    let problem = break_it(&|draft| draft.care_areas[0].entries[0].limits.soft_min = Some(decimal("-1")));
    assert_eq!(problem.column, "soft min");
    let problem = break_it(&|draft| draft.care_areas[0].entries[0].concentration = None);
    assert_eq!(problem.column, "amount");
    let problem = break_it(&|draft| {
        let twin = entry(draft);
        draft.care_areas[0].entries.push(twin);
    });
    assert_eq!(problem.column, "drug");
    let problem = break_it(&|draft| draft.care_areas[0].entries[0].dosing_unit = DosingUnit::UnitPerHour);
    assert_eq!(problem.column, "dosing unit");
    let problem = break_it(&|draft| draft.care_areas[0].entries[0].limits = Limits::default());
    assert_eq!(problem.column, "hard max");
    let problem = break_it(&|draft| draft.care_areas.clear());
    assert_eq!(problem.column, "care area");
    let problem = break_it(&|draft| draft.care_areas[0].device.max_rate_ml_h = Decimal::ZERO);
    assert_eq!(problem.column, "max rate mL/h");
    let problem = break_it(&|draft| draft.version = Version(0));
    assert_eq!(problem.column, "library version");
}

#[test]
fn the_sample_is_chosen_by_the_digest_and_shows_every_field() {
    covers!("N4");
    let library = demo(1);
    let digest = digest_of(&library.to_canonical_bytes());
    let sample = library.sample(&digest);
    assert_eq!(sample, Library::from_canonical_bytes(&library.to_canonical_bytes()).unwrap().sample(&digest));
    assert_eq!(sample.len(), SAMPLE_ENTRIES + library.care_areas().len());
    assert_ne!(sample, library.sample(&digest_of(b"another seed")));
    let rendered = find(&library, "Intensive care", "Propofol").render();
    expect_test::expect![[r#"Propofol (Sedation) | 1000 mg/100 mL | mcg/kg/min | hard min - | soft min 5 | soft max 50 | hard max 100 | bolus mg, soft max 50, hard max 100, up to 500 mL/h | no duration | HIGH ALERT | Change the line every 12 hours"#]]
    .assert_eq(&rendered);
}

#[test]
fn two_libraries_that_differ_render_differently() {
    covers!("N4");
    let (one, two) = (demo(1), demo(2));
    let lines = |library: &Library| library.render_all().into_iter().map(|line| line.text).collect::<Vec<_>>();
    assert_ne!(lines(&one), lines(&two));
    let mut draft = one.clone().into_draft();
    let seed = digest_of(b"any");
    let limits = &mut draft.care_areas[0].entries[0].limits;
    limits.hard_max = limits.hard_max.map(|max| max.checked_add(decimal("0.001")).unwrap());
    let changed = Library::new(draft).unwrap();
    assert_ne!(changed.sample_text(&seed), one.sample_text(&seed), "every entry is in the last line's digest");
}

fn program(dose: &str, unit: DosingUnit, weight: Option<&str>) -> Program {
    Program { dose: decimal(dose), unit, weight_kg: weight.map(decimal), duration_min: None, vtbi_ml: decimal("50") }
}

#[test]
fn programs_are_checked_against_soft_and_hard_limits() {
    covers!("N3");
    let norepinephrine = snapshot("Intensive care", "Norepinephrine");
    let unit = DosingUnit::MicrogramPerKgMinute;
    let check = |dose, weight| norepinephrine.check(&program(dose, unit, weight));
    assert_eq!(check("0.1", Some("70")), Checked::Within);
    assert_eq!(check("0.5", Some("70")), Checked::Within);
    assert!(matches!(check("0.500000001", Some("70")), Checked::SoftLimit(why) if why.len() == 1));
    assert!(matches!(check("0.01", Some("70")), Checked::SoftLimit(_)));
    assert!(matches!(check("2.1", Some("70")), Checked::HardLimit(_)));
    assert!(matches!(check("0.1", None), Checked::HardLimit(_)), "no weight");
    assert!(matches!(check("0.1", Some("300")), Checked::HardLimit(_)), "heavier than the care area allows");
    assert!(matches!(check("0", Some("70")), Checked::HardLimit(_)));
    assert!(matches!(check("-0.1", Some("70")), Checked::HardLimit(_)));
    let other = norepinephrine.check(&program("0.1", DosingUnit::MilligramPerKgMinute, Some("70")));
    assert!(matches!(other, Checked::HardLimit(_)), "a thousandfold unit");
}

#[test]
fn a_rate_beyond_the_pump_is_a_hard_limit_and_rates_are_exact() {
    covers!("N10");
    let sodium = snapshot("Medical surgical", "Sodium chloride 0.9%");
    let mut fluid = program("500", DosingUnit::MillilitrePerHour, None);
    assert!(matches!(sodium.check(&fluid), Checked::SoftLimit(_)));
    fluid.dose = decimal("500.001");
    assert!(matches!(sodium.check(&fluid), Checked::HardLimit(_)));
    // 0.1 mcg/kg/min × 70 kg × 60 min/h ÷ (4 mg/250 mL = 16 mcg/mL) = 26.25 mL/h.
    let library = demo(1);
    let entry = find(&library, "Intensive care", "Norepinephrine");
    let rate = rate_ul_per_h(entry, &program("0.1", DosingUnit::MicrogramPerKgMinute, Some("70")));
    assert_eq!(rate, Some(26_250));
    // 2000 mg of 1000 mg/250 mL over 90 min = 500 mL in 1.5 h.
    let vancomycin = find(&library, "Intensive care", "Vancomycin");
    let mut dose = program("2000", DosingUnit::Milligram, None);
    assert_eq!(rate_ul_per_h(vancomycin, &dose), None, "no duration, no rate");
    dose.duration_min = Some(decimal("90"));
    assert_eq!(rate_ul_per_h(vancomycin, &dose), Some(333_333));
}

#[test]
fn intermittent_doses_and_boluses_have_their_own_limits() {
    let vancomycin = snapshot("Intensive care", "Vancomycin");
    let mut dose = program("1000", DosingUnit::Milligram, None);
    dose.duration_min = Some(decimal("90"));
    assert_eq!(vancomycin.check(&dose), Checked::Within);
    dose.duration_min = Some(decimal("45"));
    assert!(matches!(vancomycin.check(&dose), Checked::SoftLimit(_)));
    dose.duration_min = Some(decimal("29"));
    assert!(matches!(vancomycin.check(&dose), Checked::HardLimit(_)));
    let midazolam = snapshot("Intensive care", "Midazolam");
    let bolus = |dose, rate| {
        let unit = DosingUnit::Milligram;
        midazolam.check_bolus(&BolusProgram { dose: decimal(dose), unit, weight_kg: None, rate_ml_h: decimal(rate) })
    };
    assert_eq!(bolus("2", "100"), Checked::Within);
    assert!(matches!(bolus("5", "100"), Checked::SoftLimit(_)));
    assert!(matches!(bolus("11", "100"), Checked::HardLimit(_)));
    assert!(matches!(bolus("2", "301"), Checked::HardLimit(_)));
    let unit = DosingUnit::Milligram;
    let asked = BolusProgram { dose: decimal("1"), unit, weight_kg: None, rate_ml_h: decimal("1") };
    assert_eq!(vancomycin.check_bolus(&asked), Checked::HardLimit(vec![Reason::NoBolus]));
}

#[test]
fn a_difference_is_told_in_words() {
    let said: Vec<String> = diff(&demo(1), &demo(2)).iter().map(ToString::to_string).collect();
    expect_test::expect![[r#"
        library: version changed from 1 to 2
        Intensive care: Propofol (Sedation) 1000 mg/100 mL: hard max changed from 100 to 80 mcg/kg/min (narrower)
        Medical surgical: Morphine 100 mg/100 mL: soft max changed from 5 to 4 mg/h (narrower)
        Medical surgical: Morphine 100 mg/100 mL: hard max changed from 15 to 10 mg/h (narrower)
        Medical surgical: Pantoprazole 80 mg/100 mL: removed
        Neonatal intensive care: Milrinone 10 mg/50 mL: added"#]]
    .assert_eq(&said.join("\n"));
    assert_eq!(diff(&demo(1), &demo(1)), []);
}

#[test]
fn a_changed_dosing_unit_is_said_as_such() {
    covers!("N10");
    let old = demo(1);
    let mut draft = old.clone().into_draft();
    let entry = draft.care_areas[0].entries.iter_mut().find(|entry| entry.drug.as_str() == "Furosemide").unwrap();
    entry.dosing_unit = DosingUnit::MicrogramPerHour;
    let changes = diff(&old, &Library::new(draft).unwrap());
    let units = (DosingUnit::MilligramPerHour, DosingUnit::MicrogramPerHour);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].kind, ChangeKind::UnitChanged { from: units.0, to: units.1 });
}

/// Any sound library: names that try to break CSV, decimals of any shape, every unit.
pub(crate) fn libraries() -> impl Strategy<Value = Library> {
    let name = "[=+@'#A-Za-z0-9%\",;µ -]{0,10}[A-Za-z]";
    let number = (1i64..1_000_000, 0u8..=6).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale).unwrap());
    let entry = (
        name,
        proptest::option::of(name),
        0..DosingUnit::ALL.len(),
        0usize..8,
        proptest::collection::vec(number, 10),
        any::<[bool; 6]>(),
    )
        .prop_map(|(drug, therapy, unit, amount, mut numbers, on)| {
            entry_of(&drug, therapy, unit, amount, &mut numbers, on)
        });
    let area = ("[A-Za-z=][A-Za-z ,]{0,10}[A-Za-z]", proptest::collection::vec(entry, 1..6));
    (proptest::collection::vec(area, 1..4), 1u64..1_000, any::<bool>()).prop_filter_map(
        "two alike",
        |(areas, version, marker)| {
            let device = demo(1).care_areas()[0].device;
            let care_areas = areas
                .into_iter()
                .map(|(name, entries)| CareAreaLibrary { name: CareArea::new(&name).unwrap(), device, entries })
                .collect();
            Library::new(Draft {
                schema: SCHEMA,
                name: LibraryName::new("=cmd|' /C calc'!A0").unwrap(),
                hospital: Hospital::new("St. \"Any\", ward; 1").unwrap(),
                id: LibraryId::new("any").unwrap(),
                version: Version(version),
                not_for_clinical_use: marker,
                care_areas,
            })
            .ok()
        },
    )
}

fn entry_of(
    drug: &str,
    therapy: Option<String>,
    unit: usize,
    amount: usize,
    numbers: &mut [Decimal],
    on: [bool; 6],
) -> Entry {
    numbers[..4].sort();
    numbers[4..7].sort();
    let dosing_unit = DosingUnit::ALL[unit];
    let dimension = dosing_unit.amount().dimension();
    let amounts: Vec<_> = AmountUnit::ALL.iter().filter(|unit| unit.dimension() == dimension).collect();
    let concentration = (dimension != Dimension::Volume).then(|| Concentration {
        amount: numbers[7],
        unit: *amounts[amount % amounts.len()],
        volume_ml: numbers[8],
    });
    let once = dosing_unit.time() == TimeBase::Once;
    let bolus_unit =
        DosingUnit::ALL.iter().find(|unit| unit.time() == TimeBase::Once && unit.amount().dimension() == dimension);
    let pick = |on: bool, value: Decimal| on.then_some(value);
    Entry {
        drug: Drug::new(drug).unwrap(),
        therapy: therapy.map(|text| TherapyName::new(&text).unwrap()),
        concentration,
        dosing_unit,
        limits: Limits {
            hard_min: pick(on[0], numbers[0]),
            soft_min: pick(on[1], numbers[1]),
            soft_max: pick(on[2], numbers[2]),
            hard_max: Some(numbers[3]),
        },
        bolus: (on[3] && !once).then(|| Bolus {
            unit: *bolus_unit.unwrap(),
            soft_max: pick(on[4], numbers[4]),
            hard_max: numbers[5],
            max_rate_ml_h: numbers[9],
        }),
        duration: once.then_some(DurationLimits {
            hard_min: numbers[4],
            soft_min: None,
            initial: numbers[5],
            soft_max: pick(on[4], numbers[6]),
        }),
        high_alert: on[5],
        advisory: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn compiling_and_reading_back_changes_nothing(library in libraries()) {
        covers!("N4", "N10");
        let bytes = library.to_canonical_bytes();
        let again = Library::from_canonical_bytes(&bytes).unwrap();
        prop_assert_eq!(again.to_canonical_bytes(), bytes);
        prop_assert_eq!(again.render_all(), library.render_all());
    }

    #[test]
    fn a_changed_byte_never_reads_as_the_same_library(library in libraries(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        covers!("N4");
        let mut bytes = library.to_canonical_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        if let Ok(other) = Library::from_canonical_bytes(&bytes) {
            prop_assert_eq!(other.to_canonical_bytes(), bytes);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Library::from_canonical_bytes(&bytes);
    }

    #[test]
    fn linting_sampling_and_comparing_never_panic(one in libraries(), other in libraries()) {
        let _ = lint(&one);
        let changes = diff(&one, &other);
        prop_assert_eq!(changes.is_empty(), one == other);
        prop_assert!(one.sample_text(&digest_of(b"x")).len() <= SAMPLE_BYTES);
        prop_assert!(one.sample(&digest_of(b"x")).len() <= SAMPLE_ENTRIES + MAX_CARE_AREAS);
    }

    #[test]
    fn whatever_a_person_programs_is_judged(library in libraries(), dose in -999_999_999_999_999_999i64..=999_999_999_999_999_999, scale in 0u8..=9, weight in proptest::option::of(-5i64..500)) {
        covers!("N10");
        for (area, entry) in library.entries() {
            let snapshot = library.snapshot(digest_of(b""), &area.name, &entry.key()).unwrap();
            let program = Program {
                dose: Decimal::new(dose, scale).unwrap(),
                unit: entry.dosing_unit,
                weight_kg: weight.map(|kg| Decimal::new(kg, 0).unwrap()),
                duration_min: entry.duration.map(|duration| duration.initial),
                vtbi_ml: Decimal::from_int(50),
            };
            let beyond = entry.limits.hard_max.is_some_and(|max| program.dose > max);
            let verdict = snapshot.check(&program);
            prop_assert!(!beyond || matches!(verdict, Checked::HardLimit(_)));
            prop_assert!(program.dose.is_positive() || matches!(verdict, Checked::HardLimit(_)));
        }
    }
}
