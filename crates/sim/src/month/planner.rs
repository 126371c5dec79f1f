//! The hub's planner turn: the real `plan` over what the database holds, verdicts first, then goals, saved all or none; and
//! the watcher's own count of what the planner promises.

use wardline_fleet::adoption::Point;
use wardline_fleet::plan::{GoalChange, Plan, PumpFacts, Rollout, Rules, Standing, Verdict, plan};
use wardline_model::{
    CareArea, HoldSupport, Kind, Lifecycle, Model, Outcome, ReleaseRef, SlotState, Span, Time, Wait, covers,
};

use super::agenda::{Down, Happens};
use super::hub::HubDeath;
use super::people::Ended;
use super::settings::Wrong;
use super::ward::{MINUTE, SECOND};
use super::watch::Check;
use super::world::World;

/// How soon after a change the planner takes its turn. The real one looks every two seconds; the month gathers changes a
/// little longer.
const SOON: u64 = 5 * SECOND;
/// How often it takes a turn when nothing changed: rests and patience end by the clock alone.
const AT_LEAST_EVERY: u64 = 10 * MINUTE;
/// How often it looks for links that fell silent.
const TICK: u64 = 30 * SECOND;

/// A rollout as the database holds it.
#[derive(Debug)]
pub(super) struct Rolling {
    pub(super) story: usize,
    pub(super) rules: Rules,
    pub(super) state: State,
    pub(super) points: Vec<Point>,
    pub(super) halted: Option<Time>,
}

/// Where a rollout stands. People of the month pause none; one that paused itself goes on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Running,
    PausedItself,
    Halted,
    Cancelled,
}

impl State {
    /// Whether the planner may do something about it.
    const fn may_move(self) -> bool {
        matches!(self, Self::Running | Self::PausedItself)
    }
}

impl World {
    /// The planner takes its next turn soon.
    pub(super) fn plan_soon(&mut self) {
        self.hub.changed = true;
        self.plan_at(SOON);
    }

    fn plan_at(&mut self, ms: u64) {
        let (at, life) = (self.then(ms), self.hub.life);
        if self.hub.up && self.hub.next_plan.is_none_or(|set| at < set) {
            self.hub.next_plan = Some(at);
            self.agenda.add(at, Happens::Plans { life });
        }
    }

    pub(super) fn plans(&mut self) {
        if self.hub.next_plan != Some(self.now) {
            return;
        }
        self.hub.next_plan = None;
        self.cut_silent();
        let due = self.now.since(self.hub.planned).as_ms() >= AT_LEAST_EVERY;
        let running = self.hub.rolling.iter().any(|rolling| rolling.state.may_move());
        if running && (self.hub.changed || due) {
            self.hub.changed = false;
            self.hub.planned = self.now;
            self.turn();
        }
        self.plan_at(TICK);
    }

    /// One turn, as the hub's planner takes it.
    fn turn(&mut self) {
        let now = self.hub.local(self.now);
        let mut facts = self.facts(now);
        if self.settings.wrong == Some(Wrong::ForgetsDisproofs) {
            forget_disproofs(&mut facts);
        }
        let running: Vec<usize> =
            (0..self.hub.rolling.len()).filter(|at| self.hub.rolling[*at].state.may_move()).collect();
        for at in running {
            self.counts.plans += 1;
            self.sample(at);
            let mut rules = self.hub.rolling[at].rules.clone();
            if self.settings.wrong == Some(Wrong::ForgetsTheCap) {
                rules.cap = usize::MAX;
            }
            let standing = match self.hub.rolling[at].state {
                State::PausedItself => Standing::PausedItself,
                State::Running | State::Halted | State::Cancelled => Standing::Running,
            };
            let rollout = Rollout { rules, standing };
            let Plan { verdict, mut changes, .. } = plan(&rollout, &facts, now);
            if self.unpauses(at, &verdict) {
                changes = plan(&Rollout { standing: Standing::Running, ..rollout }, &facts, now).changes;
            }
            if self.stops(at, &verdict) {
                continue;
            }
            // A second planner works on the same facts now and then: the database refuses what comes second.
            let twice = self.dice.trouble.percent(5);
            self.save_goals(at, &changes);
            if twice && self.hub.up {
                self.save_goals(at, &changes);
            }
        }
    }

    /// What the planner knows: the database, and who is linked.
    fn facts(&self, now: Time) -> Vec<PumpFacts> {
        let model = Model::new("Halcyon 3").ok();
        let rows = self.hub.rows.iter().enumerate();
        rows.filter_map(|(pump, row)| {
            let linked = self.hub.links.contains_key(&pump);
            Some(PumpFacts {
                id: row.id,
                lifecycle: row.lifecycle,
                care_area: CareArea::new(self.pumps[pump].area.name).ok()?,
                model: model.clone()?,
                goal: row.goal.as_ref().map(|(goal, _)| goal.clone()),
                report: row.report.clone(),
                heard: if linked { Some(now) } else { row.seen.max(row.report.as_ref().map(|_| row.received)) },
            })
        })
        .collect()
    }

    /// A rollout that paused itself goes on when those that tried again have proven the release.
    fn unpauses(&mut self, at: usize, verdict: &Verdict) -> bool {
        let proceeds = matches!(verdict, Verdict::Proceed | Verdict::OutsideWindow { .. } | Verdict::Everywhere);
        let goes_on = proceeds && self.hub.rolling[at].state == State::PausedItself;
        if goes_on {
            self.count("rollouts that went on by themselves");
            self.hub.rolling[at].state = State::Running;
        }
        goes_on
    }

    /// Stores that a rollout stopped itself.
    fn stops(&mut self, at: usize, verdict: &Verdict) -> bool {
        let (state, ended) = match verdict {
            Verdict::Halt { .. } => (State::Halted, Ended::Halted),
            // Those that were tried try again: the plan says which.
            Verdict::Pause { .. } if self.hub.rolling[at].state == State::PausedItself => return false,
            Verdict::Pause { .. } => {
                self.count("rollouts that paused themselves");
                (State::PausedItself, Ended::Running)
            }
            Verdict::Proceed
            | Verdict::OutsideWindow { .. }
            | Verdict::Everywhere
            | Verdict::Paused
            | Verdict::Halted => return false,
        };
        let story = self.hub.rolling[at].story;
        self.tell_all(|| format!("the rollout of story {story} stops itself: {verdict:?}"));
        self.hub.rolling[at].state = state;
        if state == State::Halted {
            self.hub.rolling[at].halted = Some(self.now);
            self.people.ended(story, ended, self.now);
        }
        true
    }

    /// Saves goals, all or none, and sends them.
    fn save_goals(&mut self, at: usize, changes: &[GoalChange]) {
        covers!("N11", "N13");
        if changes.is_empty() {
            return;
        }
        if self.hub.doom == Some(HubDeath::BeforeGoals) {
            return self.hub_dies("before it saved goals");
        }
        let number = |change: &GoalChange| super::pump::number(change.goal.pump);
        let stale = changes.iter().any(|change| change.goal.generation <= self.hub.rows[number(change)].generation());
        if stale {
            self.count("plans that came second");
            return;
        }
        for change in changes {
            let pump = number(change);
            let based_on = self.hub.rows[pump].generation();
            self.watch.check(Check::Plan, pump, change.based_on == based_on, || {
                format!("a goal made on generation {} replaced generation {based_on}", change.based_on)
            });
            let signed = self.hub.sign(&change.goal);
            self.hub.rows[pump].goal = Some((change.goal.clone(), signed));
            self.counts.goals += 1;
            self.tell(pump, || {
                format!("the hub gives goal {}: {:?}", change.goal.generation, change.goal.slots.drug_library)
            });
        }
        self.watch_promises(at, changes);
        if self.hub.doom == Some(HubDeath::AfterGoals) {
            return self.hub_dies("after it saved goals, before it sent them");
        }
        for change in changes {
            let pump = number(change);
            let signed = self.hub.rows[pump].goal.as_ref().map(|(_, signed)| signed.clone());
            if let (Some(link), Some(signed)) = (self.hub.links.get(&pump).copied(), signed) {
                self.send_down(link, Down::Goal(signed));
            }
        }
    }

    /// The planner's promises, counted anew from what the database holds.
    fn watch_promises(&mut self, at: usize, changes: &[GoalChange]) {
        let Rolling { rules, halted, .. } = &self.hub.rolling[at];
        let (release, cap, patience) = (rules.release, rules.cap, rules.patience);
        let halted = *halted;
        let known = self.known_disproof(release);
        let first = changes.first().map_or(0, |change| super::pump::number(change.goal.pump));
        self.watch.check(Check::Plan, first, halted.is_none() && known.is_none(), || {
            format!("version {} is given although pump {known:?} disproved it", release.version)
        });
        let now = self.hub.local(self.now);
        let outstanding: Vec<usize> =
            (0..self.hub.rows.len()).filter(|pump| self.is_outstanding(*pump, release, patience, now)).collect();
        // Those that run the release already and only get a goal that says so are no trial.
        let given =
            changes.iter().filter(|change| outstanding.contains(&super::pump::number(change.goal.pump))).count();
        self.watch.check(Check::Plan, first, outstanding.len() <= cap || given == 0, || {
            format!(
                "{} pumps may be on trial with version {}, and the cap is {cap}",
                outstanding.len(),
                release.version
            )
        });
        for change in changes {
            let pump = super::pump::number(change.goal.pump);
            let may = self.hub.rows[pump].lifecycle.may_link();
            self.watch.check(Check::N8, pump, may, || "a pump that was taken down got a goal".to_owned());
        }
    }

    /// A pump whose stored report says that it disproved this release.
    fn known_disproof(&self, release: ReleaseRef) -> Option<usize> {
        self.hub.rows.iter().position(|row| {
            let asked = row.goal.as_ref().and_then(|(goal, _)| goal.slots.get(release.kind).want);
            let slot = row.report.as_ref().map(|report| *report.slots.get(release.kind)).unwrap_or_default();
            let current = row.report.as_ref().is_some_and(|report| report.generation >= row.generation());
            row.lifecycle.may_link()
                && current
                && asked == Some(release)
                && slot.state == SlotState::WentBack
                && matches!(slot.last, Some(Outcome::Disproved(_)))
        })
    }

    /// Whether a pump was given this release, was heard of within the planner's patience, and has not ended with it.
    fn is_outstanding(&self, pump: usize, release: ReleaseRef, patience: Span, now: Time) -> bool {
        let row = &self.hub.rows[pump];
        let Some((goal, _)) = &row.goal else { return false };
        if goal.slots.get(release.kind).want != Some(release) || !row.lifecycle.may_link() {
            return false;
        }
        let linked = self.hub.links.contains_key(&pump);
        let heard = linked || row.seen.is_some_and(|seen| now.since(seen) <= patience);
        let Some(report) = &row.report else { return heard };
        let slot = report.slots.get(release.kind);
        let over = match slot.state {
            SlotState::Settled => slot.active == Some(release),
            SlotState::WentBack => report.generation >= goal.generation,
            SlotState::OutOfService => true,
            SlotState::Fetching | SlotState::Staged | SlotState::Cleared => {
                report.generation >= goal.generation && slot.wait == Some(Wait::Refused)
            }
            SlotState::Switching | SlotState::Trial => false,
        };
        heard && !over && report.hold != HoldSupport::Cannot
    }

    /// The sample of an adoption curve, as the hub's planner keeps it.
    fn sample(&mut self, at: usize) {
        // By the world's clock: the curve is for the reader of the summary, and the hub's own clock may have jumped.
        let now = self.now;
        let release = self.hub.rolling[at].rules.release;
        let (mut settled, mut staged, mut wanted) = (0, 0, 0);
        for row in self.hub.rows.iter().filter(|row| row.lifecycle == Lifecycle::InService) {
            wanted += 1;
            let Some(slot) = row.report.as_ref().map(|report| report.slots.get(Kind::DrugLibrary)) else { continue };
            if slot.active == Some(release) && !matches!(slot.state, SlotState::Trial | SlotState::Switching) {
                settled += 1;
            } else if slot.next == Some(release) && matches!(slot.state, SlotState::Staged | SlotState::Cleared) {
                staged += 1;
            }
        }
        let points = &mut self.hub.rolling[at].points;
        let same =
            points.last().is_some_and(|last| (last.settled, last.staged, last.wanted) == (settled, staged, wanted));
        if !same {
            points.push(Point { at: now, settled, staged, wanted });
        }
    }
}

/// What a hub would plan on that takes a disproof for bad luck.
fn forget_disproofs(facts: &mut [PumpFacts]) {
    for slot in facts.iter_mut().filter_map(|pump| pump.report.as_mut()).map(|report| &mut report.slots.drug_library) {
        if let Some(Outcome::Disproved(_)) = slot.last {
            slot.last = Some(Outcome::Unproven);
        }
    }
}
