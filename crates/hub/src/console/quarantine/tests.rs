//! What a preview counts, and when it must be seen.

use wardline_api::types::{Attention, LinkState, PumpRow};
use wardline_fleet::lifecycle::By;
use wardline_model::{
    AssetTag, CareArea, ChannelState, Kind, Lifecycle, Model, Owner, PumpId, QuarantineLevel, Role, Serial, Therapy,
    Time, covers,
};

use super::{Preview, weigh};

fn row(n: u8, area: &str, lifecycle: Lifecycle, therapy: Therapy) -> PumpRow {
    PumpRow {
        id: PumpId::from_bytes([n; 16]),
        asset_tag: AssetTag::new(&format!("P-{n}")).unwrap(),
        serial: Serial::new(&format!("S-{n}")).unwrap(),
        model: Model::new("Halcyon 3").unwrap(),
        care_area: CareArea::new(area).unwrap(),
        lifecycle,
        level: None,
        link: LinkState::Online,
        last_place: None,
        last_seen: None,
        therapy,
        drug_library: None,
        slot: Kind::DrugLibrary,
        phase: "settled".into(),
        attention: Attention::Good,
        why: String::new(),
        owner: Owner::Nobody,
        age_ms: None,
        certificate_expires: None,
        certificate_overdue: false,
    }
}

fn ward() -> Vec<PumpRow> {
    let infusing = Therapy::Known { state: ChannelState::Infusing, since: Time::default() };
    let idle = Therapy::Known { state: ChannelState::Idle, since: Time::default() };
    let mut rows: Vec<PumpRow> = (0..12).map(|n| row(n, "Oncology", Lifecycle::InService, idle)).collect();
    rows.push(row(20, "ICU", Lifecycle::InService, infusing));
    rows.push(row(21, "ICU", Lifecycle::InService, Therapy::Unknown));
    rows.push(row(22, "ICU", Lifecycle::InService, idle));
    rows.push(row(23, "ICU", Lifecycle::Retired, Therapy::Unknown));
    rows
}

fn of(chosen: &[u8], level: QuarantineLevel) -> Preview {
    let chosen = chosen.iter().map(|n| PumpId::from_bytes([*n; 16])).collect();
    weigh(ward().iter(), &chosen, level, By::Person(Role::Security))
}

#[test]
fn a_preview_counts_what_infuses_what_is_not_known_and_what_is_left_of_each_care_area() {
    covers!("N8");
    let preview = of(&[20, 21, 23, 0, 99], QuarantineLevel::Cut);
    assert_eq!((preview.pumps, preview.linked, preview.infusing, preview.unknown), (3, 3, 1, 1));
    let areas: Vec<_> =
        preview.areas.iter().map(|a| (a.care_area.as_str(), a.chosen, a.infusing, a.in_service, a.left)).collect();
    assert_eq!(areas, [("ICU", 2, 1, 3, 1), ("Oncology", 1, 0, 12, 11)]);
    let refused: Vec<_> = preview.refused.iter().map(|refused| refused.why.as_str()).collect();
    assert!(matches!(refused[..], [retired, "no such pump"] if retired.contains("retirement is final")), "{refused:?}");
}

#[test]
fn a_preview_must_be_seen_for_a_large_set_or_an_emptied_care_area_but_not_for_watching() {
    let ten: Vec<u8> = (0..6).collect();
    assert_eq!(of(&ten, QuarantineLevel::Cut).demanded, None, "half of the ward stays");
    assert!(of(&[20, 21], QuarantineLevel::Remediate).demanded.unwrap().contains("ICU with 1 of 3"));
    assert_eq!(of(&[20], QuarantineLevel::Cut).demanded, None, "one pump at a time never waits");
    let eleven: Vec<u8> = (0..11).collect();
    assert!(of(&eleven, QuarantineLevel::Cut).demanded.unwrap().contains("11 pumps"));
    assert_eq!(of(&eleven, QuarantineLevel::Watch).demanded, None);
}

#[test]
fn what_was_seen_names_the_set_and_the_level() {
    let seen = of(&[1, 2], QuarantineLevel::Cut).seen;
    assert_eq!(of(&[2, 1], QuarantineLevel::Cut).seen, seen);
    assert_ne!(of(&[1, 3], QuarantineLevel::Cut).seen, seen);
    assert_ne!(of(&[1, 2], QuarantineLevel::Remediate).seen, seen);
}
