//! Curves with known answers, and who is listed first.

use wardline_model::{
    AssetTag, CareArea, Digest, Generation, Goal, HoldSupport, Kind, Lifecycle, Owner, PerKind, PumpId, ReleaseRef,
    Report, SlotReport, SlotState, Span, Therapy, Time, Version, Wait,
};

use super::{Candidate, Point, by_reason, curve, stragglers};
use crate::phase::Evidence;

const START: Time = Time::from_unix_s(1_790_000_000);

fn point(hours: u64, settled: u64) -> Point {
    Point { at: START + Span::from_h(hours), settled, staged: 0, wanted: 100 }
}

#[test]
fn milestones_are_reached_or_predicted() {
    let points = vec![point(0, 0), point(1, 30), point(2, 60), point(4, 80)];
    let curve = curve(START, points, START + Span::from_h(4));
    assert_eq!(curve.percent, 80);
    assert_eq!(curve.milestones[0].reached, Some(Span::from_h(2)));
    assert_eq!(curve.milestones[1].reached, Some(Span::from_h(4)));
    // From 30 to 80 in three hours; 19 more take 1.14 of them.
    let predicted = START + Span::from_h(4) + Span::from_ms(3 * 3_600_000 * 19 / 50);
    assert_eq!((curve.milestones[2].reached, curve.milestones[2].predicted), (None, Some(predicted)));
}

#[test]
fn nothing_is_predicted_from_a_standstill_or_from_nothing() {
    let points = vec![point(0, 0), point(1, 40)];
    assert_eq!(curve(START, points, START + Span::from_h(9)).milestones[1].predicted, None);
    assert!(curve(START, vec![], START).milestones.iter().all(|m| m.reached.is_none() && m.predicted.is_none()));
    let nobody = Point { at: START, settled: 0, staged: 0, wanted: 0 };
    assert_eq!(curve(START, vec![nobody], START).percent, 0);
}

#[test]
fn whoever_needs_a_person_is_listed_first_and_the_oldest_before_the_newer() {
    let release =
        ReleaseRef { kind: Kind::DrugLibrary, version: Version(2), digest: Digest::from_bytes([2; 32]), length: 10 };
    let now = START + Span::from_h(10);
    let pump = |n: u8| PumpId::from_bytes([n; 16]);
    let mut goal = Goal::empty(pump(0), Generation(1), START);
    goal.slots.drug_library.want = Some(release);
    let report = |slot: SlotReport| Report {
        pump: pump(0),
        at: now,
        generation: Generation(1),
        therapy: Therapy::Unknown,
        hold: HoldSupport::Grants,
        slots: PerKind { drug_library: slot, ..PerKind::default() },
    };
    let staged = |hours: u64, wait| {
        let staged_since = Some(now - Span::from_h(hours));
        report(SlotReport { state: SlotState::Cleared, wait: Some(wait), staged_since, ..SlotReport::default() })
    };
    let settled = SlotReport { active: Some(release), ..SlotReport::default() };
    let reports = [
        staged(1, Wait::TherapyRunning),
        staged(5, Wait::TherapyRunning),
        staged(2, Wait::TherapyUnknown),
        report(settled),
    ];
    let candidates: Vec<Candidate<'_>> = reports
        .iter()
        .enumerate()
        .map(|(n, report)| Candidate {
            pump: pump(n as u8),
            asset_tag: AssetTag::new(&format!("P-{n}")).unwrap(),
            care_area: CareArea::new("ICU").unwrap(),
            evidence: Evidence {
                lifecycle: Lifecycle::InService,
                lifecycle_since: START,
                goal: Some(&goal),
                report: Some(report),
                heard: Some(now),
                coming: None,
            },
            last_place: None,
        })
        .collect();
    let list = stragglers(&candidates, release, now);
    let order: Vec<&str> = list.iter().map(|straggler| straggler.asset_tag.as_str()).collect();
    assert_eq!(order, ["P-2", "P-1", "P-0"]);
    assert_eq!(
        by_reason(&list),
        [(Some(Wait::TherapyRunning), Owner::Nobody, 2), (Some(Wait::TherapyUnknown), Owner::Biomed, 1)]
    );
}
