//! The planner's turns: load the fleet, let `fleet::plan` decide, sign and save the goals, tell the links.
//!
//! It decides nothing itself. A goal is sent only after it is durable, and a goal that another planner was faster with is
//! refused by the store and simply planned again: planners take turns, and two at once would do no harm (N11). A halt or a pause is stored
//! before anything else is done in that turn.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use wardline_fleet::plan::{Plan, PumpFacts, Rollout, Rules, Standing, Verdict, plan};
use wardline_model::{Generation, Goal, Kind, Lifecycle, PumpId, QuarantineLevel, SlotState, Time, covers};
use wardline_store::{
    Actor, AdoptionSample, Decision, Entry, NewGoal, PumpRow, RolloutRow, RolloutState, Store, StoreError,
};

/// How long between two turns when little is to be computed.
const EVERY: Duration = Duration::from_secs(2);

/// A turn may take a twentieth of the time: 20,000 pumps are read and planned in a quarter of a second.
const REST: u32 = 20;

/// The longest rest: one turn that a busy disk held up must not leave a ward waiting for minutes.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// The most goals of one transaction, so that a big plan never holds the writer for long.
const GOALS_AT_ONCE: usize = 200;

/// Reads a stored goal of a pump; nothing when this hub did not sign it.
pub type ReadGoal = Box<dyn Fn(PumpId, &[u8]) -> Option<Goal> + Send + Sync>;
/// Signs a goal.
pub type SignGoal = Box<dyn Fn(&Goal) -> Vec<u8> + Send + Sync>;
/// Is told of a durable goal: pump, generation, signed bytes.
pub type GoalChanged = Box<dyn Fn(PumpId, Generation, &[u8]) + Send + Sync>;

/// How the planner reaches the rest of the hub.
pub struct Wiring {
    /// Reads a stored goal; `None` when it cannot be read.
    pub read_goal: ReadGoal,
    /// Signs a goal with the hub's goal key.
    pub sign_goal: SignGoal,
    /// A pump's new goal is durable: send it.
    pub goal_changed: GoalChanged,
    /// Something that people look at changed.
    pub changed: Box<dyn Fn() + Send + Sync>,
    /// The clock.
    pub now: fn() -> Time,
}

/// Gives pumps their turn. One per hub process.
pub struct Planner {
    pub(super) store: Store,
    pub(super) wiring: Wiring,
    /// The last pump that was looked at for a first goal; they are looked at a few at a time.
    pub(super) newcomer: Option<PumpId>,
    /// The newest sample of each release, so that an unchanged one is not offered to the store again.
    sampled: BTreeMap<u64, (u64, u64, u64)>,
}

impl std::fmt::Debug for Planner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Planner")
    }
}

impl Planner {
    /// A planner that has done nothing yet.
    #[must_use]
    pub const fn new(store: Store, wiring: Wiring) -> Self {
        Self { store, wiring, newcomer: None, sampled: BTreeMap::new() }
    }

    /// Takes turns until `stop` says true or its sender is gone. What cannot be done now is told to the log and tried
    /// again in the next turn.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            let began = Instant::now();
            if let Err(error) = self.turn().await {
                tracing::warn!(%error, "the planner's turn failed; the next one tries again");
            }
            let pause = EVERY.max((began.elapsed() * REST).min(LONGEST_REST));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                stopped = stop.wait_for(|stop| *stop) => { drop(stopped); return; }
            }
        }
    }

    /// One turn: first goals, then every running rollout in the order of its start. Returns how many goals were made. Of several hubs on
    /// one PostgreSQL only one plans at a time; the others rest.
    ///
    /// # Errors
    /// Those of the store; what was saved before stays saved.
    pub async fn turn(&mut self) -> Result<usize, StoreError> {
        let all = self.store.rollouts().await?;
        let first = self.first_goals(&all).await?;
        if first > 0 {
            (self.wiring.changed)();
        }
        let rollouts: Vec<RolloutRow> = all.into_iter().filter(may_move).collect();
        if rollouts.is_empty() {
            return Ok(first);
        }
        let Some(_turn) = self.store.planners_turn().await? else { return Ok(first) };
        let now = (self.wiring.now)();
        let mut facts: Vec<PumpFacts> =
            self.store.all_pumps().await?.into_iter().map(|row| self.facts(row, now)).collect();
        // Every verdict first: a goal for one slot must not be given on top of a disproof in another one's rollout.
        let mut running = Vec::new();
        for row in rollouts.iter().rev() {
            if let Some(rollout) = self.judge(row, &facts, now).await? {
                running.push((row, rollout));
            }
        }
        let mut made = 0;
        for (row, rollout) in running {
            let plan = plan(&rollout, &facts, now);
            made += self.give(row, &plan, &mut facts, now).await?;
        }
        if made > 0 {
            (self.wiring.changed)();
        }
        Ok(first + made)
    }

    fn facts(&self, row: PumpRow, now: Time) -> PumpFacts {
        let goal = row.goal.as_deref().and_then(|signed| (self.wiring.read_goal)(row.id, signed));
        PumpFacts {
            id: row.id,
            // What is to be mended is mended by releases, so it gets goals as a pump in service does.
            lifecycle: match row.quarantine.as_ref().map(|held| held.level) {
                Some(QuarantineLevel::Remediate) => Lifecycle::InService,
                _ => row.standing.lifecycle,
            },
            care_area: row.care_area,
            model: row.model,
            goal,
            // A live link misses three heartbeats at most: who is linked is in contact now.
            heard: if row.linked_since.is_some() { Some(now) } else { row.last_seen.max(row.report_received) },
            report: row.report,
        }
    }

    /// Stops a rollout that must not go on, lets one that paused itself go on when it may, and gives back whatever is to
    /// be planned now, with a sample of how far it is.
    async fn judge(&mut self, row: &RolloutRow, facts: &[PumpFacts], now: Time) -> Result<Option<Rollout>, StoreError> {
        let rules: Rules = match serde_json::from_str(&row.rollout.rules) {
            Ok(rules) => rules,
            Err(_) if row.state != RolloutState::Running => return Ok(None),
            Err(error) => {
                let why = format!("its rules cannot be read ({error}); start it again");
                return self.stop(row, RolloutState::Paused, why, now).await.map(|()| None);
            }
        };
        self.sample(row, rules.release.kind, facts, now).await?;
        let standing = match row.state {
            RolloutState::Paused => Standing::PausedItself,
            RolloutState::Running | RolloutState::Halted | RolloutState::Finished | RolloutState::Cancelled => {
                Standing::Running
            }
        };
        let rollout = Rollout { rules, standing };
        let (to, why) = match plan(&rollout, facts, now).verdict {
            Verdict::Halt { pump, outcome } => {
                (RolloutState::Halted, format!("pump {pump} {}", wardline_fleet::explain::outcome(outcome)))
            }
            // Those that were tried try again: the plan says which.
            Verdict::Pause { .. } if row.state == RolloutState::Paused => return Ok(Some(rollout)),
            Verdict::Pause { tally } => {
                let ended = tally.unproven + tally.proven;
                let why = format!(
                    "{} of {ended} attempts gave no proof; these pumps try again, and it goes on when they prove it",
                    tally.unproven
                );
                (RolloutState::Paused, why)
            }
            Verdict::Proceed | Verdict::OutsideWindow { .. } | Verdict::Everywhere
                if row.state == RolloutState::Paused =>
            {
                let why = "pumps that tried again have proven the release".to_owned();
                self.store.decide_rollout(row.id, RolloutState::Running, &decision(why, now)).await?;
                (self.wiring.changed)();
                return Ok(Some(Rollout { standing: Standing::Running, ..rollout }));
            }
            Verdict::Proceed
            | Verdict::OutsideWindow { .. }
            | Verdict::Everywhere
            | Verdict::Paused
            | Verdict::Halted => return Ok(Some(rollout)),
        };
        self.stop(row, to, why, now).await.map(|()| None)
    }

    /// Signs, saves and sends the goals of a plan.
    async fn give(
        &self,
        row: &RolloutRow,
        plan: &Plan,
        facts: &mut [PumpFacts],
        now: Time,
    ) -> Result<usize, StoreError> {
        covers!("N11");
        let by = decision(format!("rollout {} of {} {}", row.id, row.rollout.kind, row.rollout.version), now);
        let mut made = 0;
        let mut given: BTreeMap<PumpId, &Goal> = BTreeMap::new();
        for chunk in plan.changes.chunks(GOALS_AT_ONCE) {
            let goals: Vec<NewGoal> = chunk
                .iter()
                .map(|change| NewGoal {
                    pump: change.goal.pump,
                    generation: change.goal.generation,
                    signed: (self.wiring.sign_goal)(&change.goal),
                })
                .collect();
            let subject = format!("{} {} for {} pumps", row.rollout.kind, row.rollout.version, goals.len());
            match self.store.save_goals(&goals, &by, &Entry::done("goal.give", None, subject)).await {
                Ok(()) => {}
                // Another planner was faster: its goals are in the next turn's facts.
                Err(StoreError::StaleGoal { .. }) => continue,
                Err(error) => return Err(error),
            }
            for goal in &goals {
                (self.wiring.goal_changed)(goal.pump, goal.generation, &goal.signed);
            }
            given.extend(chunk.iter().map(|change| (change.goal.pump, &change.goal)));
            made += goals.len();
        }
        // The next rollout of this turn plans on what this one gave.
        for pump in facts {
            if let Some(goal) = given.get(&pump.id) {
                pump.goal = Some((*goal).clone());
            }
        }
        Ok(made)
    }

    async fn stop(&self, row: &RolloutRow, to: RolloutState, why: String, now: Time) -> Result<(), StoreError> {
        tracing::warn!(rollout = row.id, %why, "a rollout stopped itself");
        self.store.decide_rollout(row.id, to, &decision(why, now)).await?;
        (self.wiring.changed)();
        Ok(())
    }

    async fn sample(&mut self, row: &RolloutRow, kind: Kind, facts: &[PumpFacts], now: Time) -> Result<(), StoreError> {
        let (mut settled, mut staged, mut wanted) = (0, 0, 0);
        for pump in facts.iter().filter(|pump| pump.lifecycle == Lifecycle::InService) {
            wanted += 1;
            let Some(slot) = pump.report.as_ref().map(|report| report.slots.get(kind)) else { continue };
            let is_it = |release: Option<wardline_model::ReleaseRef>| {
                release.is_some_and(|release| release.version == row.rollout.version)
            };
            if is_it(slot.active) && !matches!(slot.state, SlotState::Trial | SlotState::Switching) {
                settled += 1;
            } else if is_it(slot.next) && matches!(slot.state, SlotState::Staged | SlotState::Cleared) {
                staged += 1;
            }
        }
        let counts = (settled, staged, wanted);
        if self.sampled.get(&row.id) == Some(&counts) {
            return Ok(());
        }
        let sample = AdoptionSample { at: now, settled, staged, wanted };
        self.store.sample_adoption(kind, row.rollout.version, sample).await?;
        self.sampled.insert(row.id, counts);
        (self.wiring.changed)();
        Ok(())
    }
}

/// Whether the planner may do something about a rollout: it runs, or the planner itself paused it. What a person paused
/// waits for a person.
fn may_move(row: &RolloutRow) -> bool {
    match row.state {
        RolloutState::Running => true,
        RolloutState::Paused => row.state_by == planner().to_string(),
        RolloutState::Halted | RolloutState::Finished | RolloutState::Cancelled => false,
    }
}

fn planner() -> Actor {
    Actor::Hub("planner".into())
}

fn decision(reason: String, at: Time) -> Decision {
    Decision { by: planner(), reason, at }
}
