//! First goals, as stories about one release after the other.

use std::collections::BTreeSet;

use wardline_model::{
    CareArea, Digest, Generation, HoldSupport, Kind, PerKind, PumpId, ReleaseRef, Report, SlotReport, Span, Therapy,
    Time, Version, covers,
};

use super::{
    Book, BookError, First, Newcomer, Offers, Profile, ProfileName, Published, RolledOut, RolloutStanding, Wanted,
    first_goal,
};

const NOW: Time = Time::from_unix_s(1_800_000_000);

fn release(version: u64) -> ReleaseRef {
    let digest = Digest::from_bytes([u8::try_from(version).unwrap(); 32]);
    ReleaseRef { kind: Kind::DrugLibrary, version: Version(version), digest, length: 1_000 }
}

fn published(version: u64, ago: Span) -> Published {
    Published { release: release(version), at: NOW - ago }
}

fn rolled(version: u64, ago: Span, standing: RolloutStanding, settled: u64) -> RolledOut {
    let (kind, version) = (Kind::DrugLibrary, Version(version));
    RolledOut { kind, version, began: NOW - ago, standing, settled, wanted: 100 }
}

fn report(active: Option<u64>) -> Report {
    let pump = PumpId::from_bytes([7; 16]);
    let mut slots: PerKind<SlotReport> = PerKind::default();
    slots.drug_library.active = active.map(release);
    Report { pump, at: NOW, generation: Generation(0), therapy: Therapy::Unknown, hold: HoldSupport::Grants, slots }
}

fn profile(wanted: Wanted) -> Profile {
    Profile(PerKind { drug_library: wanted, ..PerKind::default() })
}

/// What becomes of the library of a pump that came half an hour ago.
fn story(wanted: Wanted, published: &[Published], rollouts: &[RolledOut], report: &Report) -> First {
    let offers = Offers::new(published, rollouts, &BTreeSet::new());
    let pump = Newcomer { id: report.pump, since: NOW - Span::from_min(30), report };
    let (goal, slots) = first_goal(&profile(wanted), &offers, &pump, NOW);
    assert_eq!(goal.is_some(), matches!(slots.drug_library, First::Given(_)));
    slots.drug_library
}

const HOUR: Span = Span::from_h(1);
const DAY: Span = Span::from_days(1);

#[test]
fn a_new_pump_starts_with_what_has_settled_and_not_with_what_is_still_being_tried() {
    covers!("N13");
    use RolloutStanding::{Finished, Open, Stopped};
    let both = [published(1, DAY), published(2, HOUR)];
    let check = |rollouts: &[RolledOut], expected| {
        assert_eq!(story(Wanted::Settled, &both, rollouts, &report(None)), expected, "{rollouts:?}");
    };
    check(&[], First::NoRelease);
    check(&[rolled(1, DAY, Open, 49)], First::NoRelease);
    check(&[rolled(1, DAY, Open, 50)], First::Given(release(1)));
    check(&[rolled(1, DAY, Finished, 100), rolled(2, HOUR, Open, 12)], First::Given(release(1)));
    check(&[rolled(1, DAY, Finished, 100), rolled(2, HOUR, Open, 60)], First::Given(release(2)));
    check(&[rolled(1, DAY, Finished, 100), rolled(2, HOUR, Stopped, 60)], First::Given(release(1)));
    check(&[rolled(1, DAY, Stopped, 100)], First::NoRelease);
    check(&[rolled(1, DAY + HOUR, Stopped, 9), rolled(1, DAY, Open, 80)], First::Given(release(1)));
}

#[test]
fn a_pump_that_was_here_before_the_release_waits_for_its_ring() {
    let rollout = rolled(2, Span::from_min(20), RolloutStanding::Open, 80);
    let here = report(Some(1));
    let both = [published(1, DAY), published(2, HOUR)];
    assert_eq!(story(Wanted::Settled, &both, &[rollout], &here), First::WaitsForRing(Version(2)));
    let fresh = [published(3, Span::from_min(10))];
    assert_eq!(story(Wanted::Newest, &fresh, &[], &here), First::WaitsForRing(Version(3)));
    assert_eq!(story(Wanted::Version(Version(3)), &fresh, &[], &here), First::WaitsForRing(Version(3)));
}

#[test]
fn newest_and_named_releases_need_no_rollout_but_nothing_that_failed_is_given() {
    let both = [published(1, DAY), published(2, HOUR)];
    let empty = report(None);
    assert_eq!(story(Wanted::Newest, &both, &[], &empty), First::Given(release(2)));
    assert_eq!(story(Wanted::Version(Version(1)), &both, &[], &empty), First::Given(release(1)));
    assert_eq!(story(Wanted::Version(Version(9)), &both, &[], &empty), First::NoRelease);
    assert_eq!(story(Wanted::Nothing, &both, &[], &empty), First::NotWanted);
    let stopped = [rolled(2, HOUR, RolloutStanding::Stopped, 3)];
    assert_eq!(story(Wanted::Newest, &both, &stopped, &empty), First::Given(release(1)));
    let offers = Offers::new(&both, &[], &[release(2).digest].into());
    assert_eq!(offers.get(Kind::DrugLibrary, Wanted::Newest).map(|offer| offer.release), Some(release(1)));
    assert_eq!(offers.get(Kind::DrugLibrary, Wanted::Version(Version(2))), None, "a pump has disproved it");
}

#[test]
fn a_first_goal_names_what_the_pump_runs_and_never_goes_below_it() {
    covers!("N13");
    let both = [published(1, DAY), published(2, HOUR)];
    assert_eq!(story(Wanted::Newest, &both, &[], &report(Some(7))), First::RunsNewer(Version(7)));
    let cannot = Report { hold: HoldSupport::Cannot, ..report(None) };
    assert_eq!(story(Wanted::Newest, &both, &[], &cannot), First::NoHold);
    let runs = Report { generation: Generation(4), ..report(Some(1)) };
    let offers = Offers::new(&both, &[], &BTreeSet::new());
    let pump = Newcomer { id: runs.pump, since: NOW, report: &runs };
    let (goal, _) = first_goal(&profile(Wanted::Newest), &offers, &pump, NOW);
    let goal = goal.unwrap();
    assert_eq!(goal.generation, Generation(5), "above what the pump knows, as after a restore of the hub");
    assert_eq!(goal.slots.drug_library.want, Some(release(2)));
    assert_eq!(goal.slots.drug_library.expect, Some(release(1).digest));
    assert_eq!(goal.slots.firmware, Default::default());
}

#[test]
fn a_pump_has_its_own_profile_or_its_care_areas_or_the_hospitals() {
    let name = |text: &str| ProfileName::new(text).unwrap();
    let area = |text: &str| CareArea::new(text).unwrap();
    let mut book = Book::default();
    book.profiles.insert(name("Loaners"), profile(Wanted::Newest));
    book.profiles.insert(name("ICU"), profile(Wanted::Version(Version(1))));
    book.care_areas.insert(area("Intensive care"), name("ICU"));
    assert_eq!(book.check(), Ok(()));
    let of = |own: Option<&str>, care: &str| {
        let own = own.map(name);
        book.of(own.as_ref(), &area(care)).map(|(name, _)| name.to_string())
    };
    assert_eq!(of(Some("Loaners"), "Intensive care").as_deref(), Some("Loaners"));
    assert_eq!(of(None, "Intensive care").as_deref(), Some("ICU"));
    assert_eq!(of(None, "Oncology").as_deref(), Some("Standard"));
    assert_eq!(of(Some("Gone"), "Oncology").as_deref(), Some("Standard"), "a name without a profile is no profile");
    let text = serde_json::to_string(&book).unwrap();
    assert!(text.contains("\"drug-library\":{\"version\":1}") && text.contains("\"firmware\":\"nothing\""), "{text}");
    assert_eq!(serde_json::from_str::<Book>(&text).unwrap(), book);
    book.otherwise = Some(name("Gone"));
    assert!(matches!(book.check(), Err(BookError::Unknown { .. })));
}
