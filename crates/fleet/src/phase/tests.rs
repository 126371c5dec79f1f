//! Each phase from the evidence that makes it, with the sentence that a person reads.

use expect_test::{Expect, expect};
use wardline_model::{
    Digest, Disproof, Generation, Goal, HoldSupport, Kind, Lifecycle, Outcome, PerKind, PumpId, Refusal, ReleaseRef,
    Report, SlotReport, SlotState, Span, Therapy, Time, Version, Wait, covers,
};

use super::{Evidence, HEARD_WITHIN, Phase, phase};
use crate::explain;

const PUMP: PumpId = PumpId::from_bytes([7; 16]);
const START: Time = Time::from_unix_s(1_790_000_000);

fn library(version: u64) -> ReleaseRef {
    let digest = Digest::from_bytes([version as u8; 32]);
    ReleaseRef { kind: Kind::DrugLibrary, version: Version(version), digest, length: 1_000 }
}

struct Story {
    lifecycle: Lifecycle,
    goal: Option<Goal>,
    report: Option<Report>,
    coming: PerKind<Option<ReleaseRef>>,
    heard_ago: Span,
}

fn story(want: Option<u64>, slot: SlotReport) -> Story {
    let mut goal = Goal::empty(PUMP, Generation(4), START);
    goal.slots.drug_library.want = want.map(library);
    let report = Report {
        pump: PUMP,
        at: START + Span::from_h(5),
        generation: Generation(4),
        therapy: Therapy::Unknown,
        hold: HoldSupport::Grants,
        slots: PerKind { drug_library: slot, ..PerKind::default() },
    };
    Story {
        lifecycle: Lifecycle::InService,
        goal: Some(goal),
        report: Some(report),
        coming: PerKind::default(),
        heard_ago: Span::from_s(20),
    }
}

/// Five hours and a bit after the goal.
const NOW: Time = Time::from_unix_s(1_790_000_000 + 5 * 3_600 + 20);

fn check(story: &Story, want: Phase, sentence: Expect) {
    let evidence = Evidence {
        lifecycle: story.lifecycle,
        lifecycle_since: START,
        goal: story.goal.as_ref(),
        report: story.report.as_ref(),
        heard: story.report.as_ref().map(|_| NOW - story.heard_ago),
        coming: Some(&story.coming),
    };
    let slot = phase(&evidence, Kind::DrugLibrary, NOW);
    assert_eq!(slot.phase, want);
    sentence.assert_eq(&format!("{} | {}", explain::slot(&slot), slot.next));
}

fn on(state: SlotState, active: u64) -> SlotReport {
    SlotReport { state, active: Some(library(active)), ..SlotReport::default() }
}

#[test]
fn every_phase_has_its_sentence() {
    check(
        &story(None, on(SlotState::Settled, 1)),
        Phase::Unasked,
        expect!["runs version 1; nothing else is wanted | Nothing to do."],
    );
    check(
        &story(Some(2), on(SlotState::Settled, 2)),
        Phase::Settled,
        expect!["runs version 2, as it should | Nothing to do: it runs what it should."],
    );
    check(
        &story(Some(2), SlotReport { wait: Some(Wait::FetchFailed), ..on(SlotState::Fetching, 1) }),
        Phase::Fetching,
        expect![
            "runs version 1; version 2, set 5 h ago, waiting: the download failed and will be tried again (owner: IT) | The pump tries again by itself; look at the network if it lasts."
        ],
    );
    let staged_since = Some(START + Span::from_h(2));
    check(
        &story(Some(2), SlotReport { wait: Some(Wait::TherapyRunning), staged_since, ..on(SlotState::Cleared, 1) }),
        Phase::Staged,
        expect![
            "runs version 1; version 2 staged 3 h ago, waiting: therapy is running or a program is loaded; it will switch by itself afterwards (nobody needs to do anything) | It switches by itself when therapy has ended and no program is loaded."
        ],
    );
    check(
        &story(Some(2), on(SlotState::Trial, 2)),
        Phase::Trial,
        expect![
            "version 2 on trial, waiting: switched, waiting for its proof (nobody needs to do anything) | It settles or goes back by itself before its deadline."
        ],
    );
    let disproved = Some(Outcome::Disproved(Disproof::ReadBack));
    check(
        &story(Some(2), SlotReport { last: disproved, ..on(SlotState::WentBack, 1) }),
        Phase::WentBack,
        expect![
            "runs version 1; version 2 disproved: the controller read back something else than was approved (owner: pharmacy) | The rollout stopped itself. Look at what the pump read back before going on."
        ],
    );
    let refused = Some(Outcome::Refused(Refusal::BelowFloor));
    check(
        &story(Some(2), SlotReport { last: refused, ..on(SlotState::WentBack, 3) }),
        Phase::Refused,
        expect![
            "runs version 3; version 2 refused because the pump already ran a newer one (owner: pharmacy) | The pump already ran something newer: make a new release with a higher version."
        ],
    );
    check(
        &story(Some(2), SlotReport { active: None, ..on(SlotState::OutOfService, 1) }),
        Phase::OutOfService,
        expect![
            "out of service for 5 h: nothing whole is in the slot (owner: biomed) | Take the pump out of use and bring it to biomed."
        ],
    );
}

#[test]
fn an_old_report_is_never_painted_as_good() {
    let mut story = story(Some(2), on(SlotState::Settled, 2));
    story.heard_ago = HEARD_WITHIN + Span::from_min(1);
    check(
        &story,
        Phase::Unknown,
        expect![
            "unknown: not heard of for 11 min; last known to run version 2 (owner: IT) | Find the pump at its last place and switch it on; it continues by itself."
        ],
    );
    story.report = None;
    check(
        &story,
        Phase::Unknown,
        expect![
            "unknown: never heard of (owner: IT) | Find the pump at its last place and switch it on; it continues by itself."
        ],
    );
}

#[test]
fn a_pump_that_is_taken_down_waits_for_a_person() {
    covers!("N8");
    for lifecycle in [Lifecycle::Quarantined, Lifecycle::Lost, Lifecycle::Retired] {
        let mut story = story(Some(2), on(SlotState::Fetching, 1));
        story.lifecycle = lifecycle;
        check(
            &story,
            Phase::TakenDown,
            expect![
                "taken down for 5 h; last known to run version 1 (owner: IT security) | Nothing is sent to it until a person releases it."
            ],
        );
    }
}

#[test]
fn a_goal_that_the_pump_has_not_taken_up_is_only_sent() {
    let mut story = story(Some(2), SlotReport { last: Some(Outcome::Unproven), ..on(SlotState::WentBack, 1) });
    story.report.as_mut().unwrap().generation = Generation(3);
    check(
        &story,
        Phase::Sent,
        expect![
            "runs version 1; its goal, version 2, was set 5 h ago and has not been taken up yet (owner: IT) | The pump takes the goal up with its next heartbeat."
        ],
    );
}

#[test]
fn a_pump_whose_turn_has_not_come_says_so() {
    let mut story = story(Some(2), on(SlotState::Settled, 2));
    story.coming.drug_library = Some(library(3));
    check(
        &story,
        Phase::NotItsTurn,
        expect![
            "runs version 2; version 3 comes when its ring is given its turn | It gets its goal when its ring is opened."
        ],
    );
}
