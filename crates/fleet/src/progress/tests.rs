//! One pump's way from its box into service, stage by stage, and what is said when it stands still.

use expect_test::{Expect, expect};
use wardline_model::{
    Digest, Generation, Goal, GoalSlot, HoldSupport, Kind, Lifecycle, Outcome, PerKind, PumpId, Refusal, ReleaseRef,
    Report, SlotReport, SlotState, Span, Therapy, Time, Version, Wait,
};

use super::{Evidence, NEW_FOR, Stage, TurnedAway, progress};
use crate::phase::{self, phases};
use crate::profile::First;

const NOW: Time = Time::from_unix_s(1_800_000_000);
const PUMP: PumpId = PumpId::from_bytes([7; 16]);

fn release(kind: Kind) -> ReleaseRef {
    ReleaseRef { kind, version: Version(4), digest: Digest::from_bytes([4; 32]), length: 1_000 }
}

/// A pump of these stories: linked two hours ago, unless a story says otherwise.
struct Story {
    lifecycle: Lifecycle,
    since: Time,
    code: Option<Time>,
    turned_away: Option<TurnedAway<'static>>,
    asking: Option<Time>,
    goal: Option<Goal>,
    report: Option<Report>,
    first: Option<PerKind<First>>,
}

impl Story {
    fn at(lifecycle: Lifecycle) -> Self {
        let (code, turned_away, asking, goal, report, first) = (None, None, None, None, None, None);
        Self { lifecycle, since: NOW - Span::from_h(2), code, turned_away, asking, goal, report, first }
    }

    /// In service, with a goal for these kinds, and a report on them.
    fn with(wants: &[Kind], slot: impl Fn(Kind) -> SlotReport) -> Self {
        let mut goal = Goal::empty(PUMP, Generation(1), NOW - Span::from_min(50));
        for kind in wants {
            *goal.slots.get_mut(*kind) = GoalSlot { want: Some(release(*kind)), expect: None };
        }
        let slots = PerKind::from_fn(slot);
        let (therapy, hold) = (Therapy::Unknown, HoldSupport::Grants);
        let report = Report { pump: PUMP, at: NOW, generation: Generation(1), therapy, hold, slots };
        Self { goal: Some(goal), report: Some(report), ..Self::at(Lifecycle::InService) }
    }

    fn check(&self, expect: Expect) {
        let seen = phase::Evidence {
            lifecycle: self.lifecycle,
            lifecycle_since: self.since,
            goal: self.goal.as_ref(),
            report: self.report.as_ref(),
            heard: self.report.as_ref().map(|_| NOW),
            coming: None,
        };
        let slots = phases(&seen, NOW);
        let evidence = Evidence {
            lifecycle: self.lifecycle,
            since: self.since,
            code: self.code,
            turned_away: self.turned_away,
            asking: self.asking,
            goal: self.goal.as_ref(),
            report: self.report.as_ref(),
            slots: &slots,
            first: self.first.as_ref(),
        };
        let said = match progress(&evidence, NOW) {
            None => "not new".into(),
            Some(p) => {
                let since = p.since.map_or_else(|| "-".into(), |since| NOW.since(since).to_string());
                let stuck = if p.stuck { ", stuck" } else { "" };
                format!("{} for {since}{stuck}; waits for {} ({})", p.stage.label(), p.waits_for, p.owner.label())
            }
        };
        expect.assert_eq(&said);
    }
}

fn settled(kind: Kind) -> SlotReport {
    SlotReport { active: Some(release(kind)), ..SlotReport::default() }
}

#[test]
fn before_the_first_certificate() {
    let ago = |h| NOW - Span::from_h(h);
    let expected = || Story::at(Lifecycle::Expected);
    expected().check(expect!["expected for 2 h; waits for the pump to be switched on within reach of the hub, or a one-time code for it (biomed)"]);
    Story { since: NOW - Span::from_days(31), ..expected() }.check(expect!["expected for 31 d, stuck; waits for the pump to be switched on within reach of the hub, or a one-time code for it (biomed)"]);
    Story { code: Some(ago(1)), ..expected() }
        .check(expect!["code issued for 1 h; waits for its code to be scanned at the pump (biomed)"]);
    let away = TurnedAway { at: NOW - Span::from_min(3), why: "its birth certificate to name a model" };
    let turned = || Story { turned_away: Some(away), ..expected() };
    turned().check(expect!["turned away for 3 min, stuck; waits for its birth certificate to name a model (biomed)"]);
    // A code that was made afterwards is the way on.
    Story { code: Some(NOW - Span::from_min(1)), ..turned() }
        .check(expect!["code issued for 1 min; waits for its code to be scanned at the pump (biomed)"]);
    Story { code: Some(ago(1)), ..turned() }
        .check(expect!["turned away for 3 min, stuck; waits for its birth certificate to name a model (biomed)"]);
    Story { asking: Some(NOW - Span::from_min(2)), ..turned() }
        .check(expect!["waits for approval for 2 min; waits for a person to approve it (biomed)"]);
}

#[test]
fn from_the_certificate_to_the_goal() {
    Story { since: NOW - Span::from_s(5), ..Story::at(Lifecycle::Enrolled) }
        .check(expect!["enrolled for 5 s; waits for its first link (IT)"]);
    Story::at(Lifecycle::Enrolled).check(expect!["enrolled for 2 h, stuck; waits for its first link (IT)"]);
    let linked = |first: Option<First>| {
        let first = first
            .map(|first| PerKind::from_fn(|kind| if kind == Kind::DrugLibrary { first } else { First::NoRelease }));
        Story { goal: None, first, since: NOW - Span::from_min(5), ..Story::with(&[], |_| SlotReport::default()) }
    };
    Story { report: None, ..linked(None) }.check(expect!["linked for 5 min; waits for its first report (nobody)"]);
    linked(None).check(expect![
        "linked for 5 min, stuck; waits for a profile for its care area, or a rollout that reaches it (biomed)"
    ]);
    linked(Some(First::NoRelease)).check(expect![
        "linked for 5 min, stuck; waits for a drug library: none was published, or none has settled yet (pharmacy)"
    ]);
    linked(Some(First::Given(release(Kind::DrugLibrary))))
        .check(expect!["linked for 5 min; waits for its first goal, which comes within seconds (nobody)"]);
    linked(Some(First::WaitsForRing(Version(4))))
        .check(expect!["linked for 5 min; waits for its ring in the rollout of drug library 4 (nobody)"]);
    linked(Some(First::NoHold)).check(expect!["linked for 5 min, stuck; waits for its maker: the controller grants no hold, so its drug library cannot be switched (pump maker)"]);
    linked(Some(First::NotWanted)).check(expect!["in service for 5 min; waits for  (nobody)"]);
}

#[test]
fn from_the_goal_into_service() {
    let library = |slot: SlotReport| {
        Story::with(
            &[Kind::DrugLibrary],
            move |kind| if kind == Kind::DrugLibrary { slot } else { SlotReport::default() },
        )
    };
    library(SlotReport { state: SlotState::Fetching, ..SlotReport::default() })
        .check(expect!["goal given for 50 min; waits for drug library 4: fetching in the background (nobody)"]);
    let staged = SlotReport { state: SlotState::Staged, wait: Some(Wait::TherapyRunning), ..SlotReport::default() };
    library(staged).check(expect!["goal given for 50 min; waits for drug library 4: therapy is running or a program is loaded; it will switch by itself afterwards (nobody)"]);
    let refused = SlotReport {
        state: SlotState::WentBack,
        last: Some(Outcome::Refused(Refusal::DoesNotFit)),
        ..SlotReport::default()
    };
    library(refused).check(expect![
        "goal given for 50 min, stuck; waits for drug library 4: the pump refused the release (pharmacy)"
    ]);
    library(settled(Kind::DrugLibrary)).check(expect!["in service for 2 h; waits for  (nobody)"]);
    let both = Story::with(&[Kind::DrugLibrary, Kind::WirelessProfile], |kind| match kind {
        Kind::DrugLibrary => settled(kind),
        _ => SlotReport { state: SlotState::Fetching, ..SlotReport::default() },
    });
    both.check(expect![
        "library current for 50 min; waits for wireless profile 4: fetching in the background (nobody)"
    ]);
}

#[test]
fn what_is_not_new_is_not_listed() {
    for lifecycle in [Lifecycle::Quarantined, Lifecycle::Lost, Lifecycle::Retired] {
        Story::at(lifecycle).check(expect!["not new"]);
    }
    let old = NOW - NEW_FOR - Span::from_s(1);
    Story { since: old, ..Story::with(&[Kind::DrugLibrary], settled) }.check(expect!["not new"]);
    Story { since: old, goal: None, ..Story::with(&[], |_| SlotReport::default()) }.check(expect!["not new"]);
    // A rollout to a pump that runs something is a rollout's matter; one that never ran anything is still on its way.
    let fetching = SlotReport { state: SlotState::Fetching, ..SlotReport::default() };
    let older = ReleaseRef { version: Version(3), digest: Digest::from_bytes([3; 32]), ..release(Kind::DrugLibrary) };
    let updating = SlotReport { active: Some(older), ..fetching };
    Story { since: old, ..Story::with(&[Kind::DrugLibrary], |_| updating) }.check(expect!["not new"]);
    Story { since: old, ..Story::with(&[Kind::DrugLibrary], |_| fetching) }
        .check(expect!["goal given for 50 min; waits for drug library 4: fetching in the background (nobody)"]);
}

#[test]
fn every_stage_has_its_word() {
    for stage in Stage::ALL {
        assert_eq!(stage.as_str().parse(), Ok(stage));
        assert_eq!(serde_json::to_value(stage).unwrap(), stage.as_str());
    }
    assert!("gone".parse::<Stage>().is_err());
}
