//! The planner against a small hospital: properties over random histories, and the cases people ask about.

use std::collections::BTreeSet;

use proptest::prelude::*;
use wardline_model::{
    CareArea, Digest, Disproof, Generation, HoldSupport, Kind, Lifecycle, Model, Outcome, PerKind, PumpId, Refusal,
    ReleaseRef, Report, SlotReport, SlotState, Span, Therapy, Time, Version, covers,
};

use super::{
    Day, GoalChange, Plan, PumpFacts, Ring, RingMembers, Rollout, RuleError, Rules, Schedule, Standing, Turn, Verdict,
    Window, plan,
};

/// Thursday, 2026-09-24 00:26:40 UTC is not on a full hour on purpose.
const START: Time = Time::from_unix_s(1_790_209_600);

fn library(version: u64) -> ReleaseRef {
    let digest = Digest::from_bytes([version as u8; 32]);
    ReleaseRef { kind: Kind::DrugLibrary, version: Version(version), digest, length: 1_000 }
}

fn pump(number: u8) -> PumpFacts {
    let id = PumpId::from_random([number; 16]);
    let slot = SlotReport { active: Some(library(1)), ..SlotReport::default() };
    PumpFacts {
        id,
        lifecycle: Lifecycle::InService,
        care_area: CareArea::new(["ICU", "Ward", "Oncology"][usize::from(number) % 3]).unwrap(),
        model: Model::new("Halcyon 3").unwrap(),
        goal: None,
        report: Some(Report {
            pump: id,
            at: START,
            generation: Generation(0),
            therapy: Therapy::Unknown,
            hold: HoldSupport::Grants,
            slots: PerKind { drug_library: slot, ..PerKind::default() },
        }),
        heard: Some(START),
    }
}

fn fleet(size: u8) -> Vec<PumpFacts> {
    (0..size).map(pump).collect()
}

fn rollout(size: usize) -> Rollout {
    Rollout { rules: Rules::gentle(library(2), size), standing: Standing::Running }
}

/// What the store does with changes: it takes them only when they were planned on the goal that it holds.
fn store(fleet: &mut [PumpFacts], changes: &[GoalChange]) -> usize {
    let mut stored = 0;
    for change in changes {
        let pump = fleet.iter_mut().find(|pump| pump.id == change.goal.pump).unwrap();
        let held = pump.goal.as_ref().map_or(Generation(0), |goal| goal.generation);
        if held == change.based_on {
            assert!(change.goal.generation > held, "generations only grow");
            pump.goal = Some(change.goal.clone());
            stored += 1;
        }
    }
    stored
}

/// The pump takes its goal up and ends its attempt like this.
fn attempt(pump: &mut PumpFacts, outcome: Outcome, now: Time) {
    let (Some(goal), Some(report)) = (&pump.goal, &mut pump.report) else { return };
    report.generation = goal.generation;
    report.at = now;
    pump.heard = Some(now);
    let slot = &mut report.slots.drug_library;
    let Some(want) = goal.slots.drug_library.want else { return };
    if slot.active.map(|active| active.digest) == Some(want.digest) {
        return;
    }
    slot.last = Some(outcome);
    if outcome == Outcome::Confirmed {
        slot.active = Some(want);
        slot.state = SlotState::Settled;
    } else {
        slot.state = SlotState::WentBack;
    }
}

fn given(plan: &Plan) -> usize {
    plan.turns.values().filter(|turn| **turn == Turn::Given).count()
}

#[test]
fn a_rollout_goes_ring_by_ring_until_it_is_everywhere() {
    let mut fleet = fleet(20);
    let mut rollout = rollout(20);
    rollout.rules.cap = 5;
    let mut now = START;
    let mut given_per_step = Vec::new();
    loop {
        let plan = plan(&rollout, &fleet, now);
        if plan.verdict == Verdict::Everywhere {
            break;
        }
        assert!(!plan.changes.is_empty(), "stuck after {given_per_step:?}: {:?}", plan.turns);
        given_per_step.push(given(&plan));
        store(&mut fleet, &plan.changes);
        now = now + Span::from_min(1);
        for pump in &mut fleet {
            attempt(pump, Outcome::Confirmed, now);
            pump.heard = Some(now);
        }
    }
    // A tenth, then half of ten in cap-sized bites, then the rest.
    assert_eq!(given_per_step, [2, 5, 5, 5, 3]);
}

#[test]
fn the_first_disproof_is_a_halt() {
    covers!("N4");
    let mut fleet = fleet(20);
    let mut rollout = rollout(20);
    let first = plan(&rollout, &fleet, START);
    store(&mut fleet, &first.changes);
    let victim = first.changes[0].goal.pump;
    let index = fleet.iter().position(|pump| pump.id == victim).unwrap();
    attempt(&mut fleet[index], Outcome::Disproved(Disproof::ReadBack), START);
    let halted = plan(&rollout, &fleet, START);
    let outcome = Outcome::Disproved(Disproof::ReadBack);
    assert_eq!(halted.verdict, Verdict::Halt { pump: victim, outcome });
    assert!(halted.changes.is_empty());
    rollout.standing = Standing::Halted;
    let later = plan(&rollout, &fleet, START + Span::from_days(3));
    assert_eq!((later.verdict, later.changes.len()), (Verdict::Halted, 0));
}

#[test]
fn one_unproven_pump_is_nobodys_fault_and_a_fifth_of_them_is_a_pause() {
    let mut fleet = fleet(40);
    let mut rollout = rollout(40);
    rollout.rules.rings[0].settled_percent = 80;
    let first = plan(&rollout, &fleet, START);
    assert_eq!(first.changes.len(), 4);
    store(&mut fleet, &first.changes);
    let ids: Vec<PumpId> = first.changes.iter().map(|change| change.goal.pump).collect();
    for (i, id) in ids.iter().enumerate() {
        let index = fleet.iter().position(|pump| pump.id == *id).unwrap();
        attempt(&mut fleet[index], if i == 0 { Outcome::Unproven } else { Outcome::Confirmed }, START);
    }
    // One of four: too few to judge, and three quarters do not open the next ring yet.
    let judged = plan(&rollout, &fleet, START);
    assert_eq!(judged.verdict, Verdict::Proceed);
    assert_eq!(judged.turns[&ids[0]], Turn::Resting { outcome: Outcome::Unproven });
    // After its rest it gets another try.
    let later = START + Span::from_h(1);
    for pump in &mut fleet {
        pump.heard = Some(later);
    }
    let retry = plan(&rollout, &fleet, later);
    assert_eq!(retry.turns[&ids[0]], Turn::Given);
    store(&mut fleet, &retry.changes);
    let mut all: Vec<PumpFacts> = fleet.clone();
    for (i, pump) in all.iter_mut().enumerate() {
        pump.goal = Some(retry.changes[0].goal.clone());
        attempt(pump, if i % 4 == 0 { Outcome::Unproven } else { Outcome::Confirmed }, later);
    }
    let paused = plan(&rollout, &all, later);
    assert!(matches!(paused.verdict, Verdict::Pause { .. }));
    assert!(paused.changes.is_empty(), "everybody rests");
}

#[test]
fn a_paused_rollout_goes_on_by_itself_when_pumps_prove_it_after_all() {
    let mut fleet = fleet(40);
    let mut rollout = rollout(40);
    rollout.rules.cap = 10;
    let everybody_hears = |fleet: &mut Vec<PumpFacts>, now| fleet.iter_mut().for_each(|pump| pump.heard = Some(now));
    // The first ring proves it; in the next one the network goes while three of ten pumps are on trial.
    let mut now = START;
    for ring in 0..2 {
        let made = plan(&rollout, &fleet, now);
        store(&mut fleet, &made.changes);
        now = now + Span::from_min(1);
        everybody_hears(&mut fleet, now);
        for (i, change) in made.changes.iter().enumerate() {
            let pump = fleet.iter_mut().find(|pump| pump.id == change.goal.pump).unwrap();
            attempt(pump, if ring == 1 && i < 3 { Outcome::Unproven } else { Outcome::Confirmed }, now);
        }
    }
    let paused = plan(&rollout, &fleet, now);
    assert!(matches!(paused.verdict, Verdict::Pause { .. }), "{:?}", paused.verdict);
    assert!(paused.changes.is_empty());
    rollout.standing = Standing::PausedItself;
    // After their rest just these three try again, and nobody else gets a turn.
    now = now + Span::from_h(1);
    everybody_hears(&mut fleet, now);
    let again = plan(&rollout, &fleet, now);
    assert!(matches!(again.verdict, Verdict::Pause { .. }));
    assert_eq!((given(&again), again.changes.len()), (3, 3));
    assert_eq!(again.turns.values().filter(|turn| **turn == Turn::Stopped).count(), 26, "{:?}", again.turns);
    store(&mut fleet, &again.changes);
    // As long as they are on their way, nothing else moves.
    let waits = plan(&rollout, &fleet, now);
    assert!(matches!(waits.verdict, Verdict::Pause { .. }) && waits.changes.is_empty(), "{:?}", waits.verdict);
    for change in &again.changes {
        let pump = fleet.iter_mut().find(|pump| pump.id == change.goal.pump).unwrap();
        attempt(pump, Outcome::Confirmed, now);
    }
    let goes_on = plan(&rollout, &fleet, now);
    assert_eq!(goes_on.verdict, Verdict::Proceed);
    assert!(given(&goes_on) > 0, "{:?}", goes_on.turns);
}

#[test]
fn one_pump_of_a_small_ward_never_stops_it() {
    let mut fleet = fleet(10);
    let mut rollout = rollout(10);
    rollout.rules.pause_after = 1;
    rollout.rules.pause_percent = 1;
    let made = plan(&rollout, &fleet, START);
    store(&mut fleet, &made.changes);
    for pump in &mut fleet {
        attempt(pump, Outcome::Refused(Refusal::Controller), START);
    }
    assert_eq!(plan(&rollout, &fleet, START).verdict, Verdict::Proceed);
}

#[test]
fn a_stale_plan_is_made_anew_and_blames_nobody() {
    let mut fleet = fleet(1);
    let rollout = rollout(1);
    let made = plan(&rollout, &fleet, START);
    store(&mut fleet, &made.changes);
    assert_eq!(fleet[0].goal.as_ref().unwrap().slots.drug_library.expect, Some(library(1).digest));
    // Somebody at the bedside gave the pump an older library meanwhile.
    attempt(&mut fleet[0], Outcome::Refused(Refusal::UnexpectedActive), START);
    fleet[0].report.as_mut().unwrap().slots.drug_library.active =
        Some(ReleaseRef { version: Version(0), ..library(9) });
    let again = plan(&rollout, &fleet, START);
    assert_eq!(again.changes.len(), 1);
    assert_eq!(again.changes[0].goal.slots.drug_library.expect, Some(library(9).digest));
    assert_eq!(again.changes[0].goal.generation, Generation(2));
}

#[test]
fn a_new_goal_for_one_slot_never_brings_back_what_another_slot_disproved() {
    covers!("N4");
    let mut fleet = fleet(1);
    let firmware = ReleaseRef { kind: Kind::Firmware, ..library(5) };
    let mut goal = wardline_model::Goal::empty(fleet[0].id, Generation(1), START);
    goal.slots.firmware.want = Some(firmware);
    fleet[0].goal = Some(goal);
    let report = fleet[0].report.as_mut().unwrap();
    report.generation = Generation(1);
    report.slots.firmware = SlotReport {
        state: SlotState::WentBack,
        last: Some(Outcome::Disproved(Disproof::SelfTest)),
        ..SlotReport::default()
    };
    let made = plan(&rollout(1), &fleet, START);
    assert_eq!(made.changes[0].goal.slots.drug_library.want, Some(library(2)));
    assert_eq!(made.changes[0].goal.slots.firmware.want, None);
}

#[test]
fn a_restored_hub_goes_on_above_the_numbers_that_its_pumps_hold() {
    covers!("N13");
    let mut fleet = fleet(1);
    fleet[0].report.as_mut().unwrap().generation = Generation(41);
    let plan = plan(&rollout(1), &fleet, START);
    assert_eq!(plan.changes[0].goal.generation, Generation(42));
    assert_eq!(plan.changes[0].based_on, Generation(0));
}

#[test]
fn pumps_that_cannot_or_must_not_get_no_goal() {
    covers!("N8", "N13");
    let mut fleet = fleet(5);
    fleet[0].lifecycle = Lifecycle::Quarantined;
    fleet[1].heard = None;
    fleet[2].report.as_mut().unwrap().hold = HoldSupport::Cannot;
    fleet[3].report.as_mut().unwrap().slots.drug_library.active = Some(library(7));
    fleet[4].report.as_mut().unwrap().slots.drug_library.state = SlotState::OutOfService;
    let plan = plan(&rollout(5), &fleet, START);
    assert!(plan.changes.is_empty());
    let turns: Vec<Turn> = fleet.iter().map(|pump| plan.turns[&pump.id]).collect();
    assert_eq!(turns, [Turn::NotInService, Turn::NotHeard, Turn::NoHold, Turn::RunsNewer, Turn::OutOfService]);
}

#[test]
fn goals_are_given_only_in_the_schedules_windows() {
    // 22:00 to 02:00 on Wednesdays, where the clocks are two hours ahead of UTC: START is 02:26 there on Thursday.
    let window = Window { days: vec![Day::Wednesday], from_minute: 22 * 60, to_minute: 2 * 60 };
    let schedule = Schedule { utc_offset_minutes: 120, windows: vec![window] };
    schedule.check().unwrap();
    assert_eq!(schedule.opens(START - Span::from_min(27)), None);
    let opens = schedule.opens(START).unwrap();
    assert_eq!(opens.since(START), Span::from_days(6) + Span::from_s(19 * 3_600 + 33 * 60 + 20));
    assert_eq!(schedule.opens(opens), None);
    let mut rollout = rollout(4);
    rollout.rules.schedule = schedule;
    let plan = plan(&rollout, &fleet(4), START);
    assert_eq!((plan.verdict, plan.changes.len()), (Verdict::OutsideWindow { opens }, 0));
}

#[test]
fn a_ring_of_care_areas_comes_before_everyone() {
    let fleet = fleet(9);
    let mut rollout = rollout(9);
    let areas = BTreeSet::from([CareArea::new("Oncology").unwrap()]);
    rollout.rules.rings = vec![
        Ring { name: "Oncology".into(), members: RingMembers::CareAreas(areas), settled_percent: 100 },
        Ring { name: "Everyone".into(), members: RingMembers::Everyone, settled_percent: 100 },
    ];
    rollout.rules.cap = 100;
    let plan = plan(&rollout, &fleet, START);
    let chosen: BTreeSet<PumpId> = plan.changes.iter().map(|change| change.goal.pump).collect();
    let oncology: BTreeSet<PumpId> =
        fleet.iter().filter(|pump| pump.care_area.as_str() == "Oncology").map(|pump| pump.id).collect();
    assert_eq!(chosen, oncology);
}

#[test]
fn rules_are_checked_before_they_are_stored() {
    let good = Rules::gentle(library(2), 24);
    assert_eq!(good.check(), Ok(()));
    let json = serde_json::to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<Rules>(&json).unwrap(), good);
    assert_eq!(Rules { rings: vec![], ..good.clone() }.check(), Err(RuleError::NoRing));
    assert_eq!(Rules { cap: 0, ..good.clone() }.check(), Err(RuleError::Cap));
    let rest = Span::from_min(1);
    assert_eq!(
        Rules { rest, ..good }.check().unwrap_err().to_string(),
        "the rest between two attempts must be at least 20 min and at most 30 d"
    );
}

/// Something that happens in a hospital between two plans.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Attempt(u8, Outcome),
    Report(u8),
    Fetching(u8),
    Quarantine(u8),
    Release(u8),
    Silence(u8),
    Later(u16),
    TwoPlanners,
}

fn happens() -> impl Strategy<Value = Happens> {
    let outcome = prop_oneof![
        6 => Just(Outcome::Confirmed),
        1 => Just(Outcome::Unproven),
        1 => Just(Outcome::Interrupted),
        1 => Just(Outcome::Refused(Refusal::Stale)),
        1 => Just(Outcome::Refused(Refusal::UnexpectedActive)),
        1 => Just(Outcome::Disproved(Disproof::ReadBack)),
    ];
    prop_oneof![
        8 => (any::<u8>(), outcome).prop_map(|(pump, outcome)| Happens::Attempt(pump, outcome)),
        2 => any::<u8>().prop_map(Happens::Report),
        2 => any::<u8>().prop_map(Happens::Fetching),
        1 => any::<u8>().prop_map(Happens::Quarantine),
        1 => any::<u8>().prop_map(Happens::Release),
        1 => any::<u8>().prop_map(Happens::Silence),
        2 => (1u16..2_000).prop_map(Happens::Later),
        2 => Just(Happens::TwoPlanners),
    ]
}

/// Counted apart from the planner: pumps that hold the goal and have neither settled nor ended, and are not forgotten.
fn on_trial(fleet: &[PumpFacts], rules: &Rules, now: Time) -> usize {
    fleet
        .iter()
        .filter(|pump| {
            let (Some(goal), Some(report)) = (&pump.goal, &pump.report) else { return false };
            let slot = &report.slots.drug_library;
            let asked = goal.slots.drug_library.want.is_some_and(|want| want.digest == rules.release.digest);
            let runs = slot.active.is_some_and(|active| active.digest == rules.release.digest);
            let ended = report.generation >= goal.generation && slot.state == SlotState::WentBack;
            let remembered = pump.heard.is_some_and(|heard| now.since(heard) <= rules.patience);
            pump.lifecycle.may_link() && asked && !runs && !ended && remembered
        })
        .count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_happens_the_planner_keeps_its_rules(
        size in 1u8..24,
        cap in 1usize..6,
        story in prop::collection::vec(happens(), 1..60),
    ) {
        covers!("N8", "N11", "N13");
        let mut fleet = fleet(size);
        let mut rollout = rollout(usize::from(size));
        rollout.rules.cap = cap;
        rollout.rules.pause_after = 2;
        let mut now = START;
        let at = |fleet: &mut Vec<PumpFacts>, pump: u8| usize::from(pump) % fleet.len();
        for happening in story {
            let mut planners = 1;
            match happening {
                Happens::Attempt(pump, outcome) => {
                    let i = at(&mut fleet, pump);
                    if fleet[i].lifecycle.may_link() { attempt(&mut fleet[i], outcome, now); }
                }
                Happens::Report(pump) => { let i = at(&mut fleet, pump); fleet[i].heard = Some(now); }
                Happens::Fetching(pump) => {
                    let i = at(&mut fleet, pump);
                    let generation = fleet[i].goal.as_ref().map_or(Generation(0), |goal| goal.generation);
                    let report = fleet[i].report.as_mut().unwrap();
                    report.generation = generation;
                    if report.slots.drug_library.state != SlotState::Settled {
                        report.slots.drug_library.state = SlotState::Fetching;
                    }
                    fleet[i].heard = Some(now);
                }
                Happens::Quarantine(pump) => { let i = at(&mut fleet, pump); fleet[i].lifecycle = Lifecycle::Quarantined; }
                Happens::Release(pump) => { let i = at(&mut fleet, pump); fleet[i].lifecycle = Lifecycle::InService; }
                Happens::Silence(pump) => { let i = at(&mut fleet, pump); fleet[i].heard = None; }
                Happens::Later(minutes) => now = now + Span::from_min(u64::from(minutes)),
                Happens::TwoPlanners => planners = 2,
            }
            let before = on_trial(&fleet, &rollout.rules, now);
            let stopped = rollout.standing == Standing::Halted;
            let made = plan(&rollout, &fleet, now);
            prop_assert!(!stopped || made.changes.is_empty(), "a change after the halt");
            if let Verdict::Halt { .. } = made.verdict {
                prop_assert!(made.changes.is_empty(), "a change at the halt");
                rollout.standing = Standing::Halted;
            }
            for change in &made.changes {
                let pump = fleet.iter().find(|pump| pump.id == change.goal.pump).unwrap();
                let report = pump.report.as_ref().unwrap();
                prop_assert!(pump.lifecycle.may_link(), "a goal for a pump that is taken down");
                prop_assert!(change.goal.generation > report.generation, "a generation that the pump holds already");
                prop_assert_eq!(change.goal.slots.drug_library.expect, report.slots.drug_library.active.map(|a| a.digest));
            }
            // A second planner that saw the same facts finds its changes refused by the store.
            for planner in 0..planners {
                let stored = store(&mut fleet, &made.changes);
                prop_assert!(planner == 0 || stored == 0, "a change stored twice");
            }
            let after = on_trial(&fleet, &rollout.rules, now);
            prop_assert!(after <= cap.max(before), "{after} on trial with a cap of {cap}, {before} before");
            let again = plan(&rollout, &fleet, now);
            prop_assert!(again.changes.is_empty(), "a second plan on the stored goals changes {:?}", again.changes);
            prop_assert_eq!(again.turns.len(), fleet.len());
            // What the hub makes of the verdict.
            if rollout.standing != Standing::Halted {
                rollout.standing = match made.verdict {
                    Verdict::Pause { .. } => Standing::PausedItself,
                    _ => Standing::Running,
                };
            }
        }
    }

    #[test]
    fn the_order_of_the_facts_does_not_matter(size in 1u8..24, turn in 0usize..24) {
        let fleet = fleet(size);
        let mut turned = fleet.clone();
        turned.rotate_left(turn % usize::from(size));
        let rollout = rollout(usize::from(size));
        prop_assert_eq!(plan(&rollout, &fleet, START), plan(&rollout, &turned, START));
    }
}
