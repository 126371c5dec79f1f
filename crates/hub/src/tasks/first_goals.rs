//! First goals: a pump that has linked and has no goal gets the one of its profile, in the planner's turn.
//!
//! `fleet::profile` decides what it gets; this loads and saves. It refuses nothing and overtakes no rollout: a pump that
//! was here before a release waits for its ring. Pumps are looked at a few at a time, round and round, so that those who
//! get nothing never keep the others waiting.

use std::collections::{BTreeMap, BTreeSet};

use wardline_fleet::profile::{Book, Newcomer, Offers, ProfileName, Published, RolledOut, RolloutStanding, first_goal};
use wardline_model::{Digest, Goal, Kind, Outcome, PumpId, ReleaseRef, Report, Time};
use wardline_store::{
    Actor, Decision, Entry, NewGoal, PumpRow, ReleaseState, RolloutRow, RolloutState, Setting, Store, StoreError,
};

use super::planner::Planner;

/// How many pumps are looked at in one turn: a delivery on a trolley, and one transaction.
const AT_ONCE: u32 = 200;

/// The hospital's profiles, and their revision in the store (0: nobody ever set any).
///
/// # Errors
/// Those of the store; profiles that this program cannot read are [`StoreError::Value`].
pub async fn book(store: &Store) -> Result<(Book, u64), StoreError> {
    let Some(row) = store.setting(Setting::Profiles).await? else { return Ok((Book::default(), 0)) };
    let unreadable = |error| StoreError::Value { what: format!("settings.profiles ({error})") };
    Ok((serde_json::from_str(&row.value).map_err(unreadable)?, row.revision))
}

/// What may be given to new pumps, as far as releases and rollouts say; what pumps have disproved comes on top.
///
/// # Errors
/// Those of the store.
pub async fn offers(store: &Store, disproved: &BTreeSet<Digest>) -> Result<Offers, StoreError> {
    offers_of(store, &store.rollouts().await?, disproved).await
}

async fn offers_of(store: &Store, rollouts: &[RolloutRow], disproved: &BTreeSet<Digest>) -> Result<Offers, StoreError> {
    let mut published = Vec::new();
    for kind in Kind::ALL {
        let releases = store.releases(kind).await?;
        published.extend(releases.into_iter().filter(|row| row.state == ReleaseState::Published).map(|row| {
            let wardline_store::NewRelease { kind, version, digest, length, .. } = row.release;
            Published { release: ReleaseRef { kind, version, digest, length }, at: row.published }
        }));
    }
    if published.is_empty() {
        return Ok(Offers::default());
    }
    let newest = store.newest_adoption().await?;
    let rolled: Vec<RolledOut> = rollouts
        .iter()
        .map(|row| {
            let (kind, version) = (row.rollout.kind, row.rollout.version);
            // A sample of an earlier rollout of the same version says nothing of this one.
            let sample = newest.get(&(kind, version)).filter(|sample| sample.at >= row.started);
            RolledOut {
                kind,
                version,
                began: row.started,
                standing: standing(row.state),
                settled: sample.map_or(0, |sample| sample.settled),
                wanted: sample.map_or(0, |sample| sample.wanted),
            }
        })
        .collect();
    Ok(Offers::new(&published, &rolled, disproved))
}

const fn standing(state: RolloutState) -> RolloutStanding {
    match state {
        RolloutState::Running | RolloutState::Paused => RolloutStanding::Open,
        RolloutState::Finished => RolloutStanding::Finished,
        RolloutState::Halted | RolloutState::Cancelled => RolloutStanding::Stopped,
    }
}

/// What any pump's proof has spoken against.
fn disproved(fleet: &[PumpRow]) -> BTreeSet<Digest> {
    let of = |report: &Report| -> Vec<Digest> {
        let slots = report.slots.iter();
        let bad = slots.filter(|(_, slot)| matches!(slot.last, Some(Outcome::Disproved(_))));
        bad.filter_map(|(_, slot)| Some(slot.next?.digest)).collect()
    };
    fleet.iter().filter_map(|row| row.report.as_ref()).flat_map(of).collect()
}

impl Planner {
    /// Gives first goals to the next few pumps that have none. Returns how many.
    ///
    /// # Errors
    /// Those of the store; what was saved before stays saved.
    pub(super) async fn first_goals(&mut self, rollouts: &[RolloutRow]) -> Result<usize, StoreError> {
        let newcomers = self.store.newcomers(self.newcomer, AT_ONCE).await?;
        // Behind the last one it begins anew in the next turn.
        self.newcomer = newcomers.last().filter(|_| newcomers.len() == AT_ONCE as usize).map(|row| row.id);
        if newcomers.is_empty() {
            return Ok(0);
        }
        let now = (self.wiring.now)();
        let (book, _) = book(&self.store).await?;
        let own = self.store.own_profiles().await?;
        let offers = offers_of(&self.store, rollouts, &BTreeSet::new()).await?;
        if wanted(&newcomers, &book, &own, &offers, now).is_empty() {
            return Ok(0);
        }
        // Only now is it worth reading the whole fleet: has any pump spoken against what would be given?
        let Some(_turn) = self.store.planners_turn().await? else { return Ok(0) };
        let disproved = disproved(&self.store.all_pumps().await?);
        let offers = offers_of(&self.store, rollouts, &disproved).await?;
        let mut made = 0;
        for (profile, goals) in wanted(&newcomers, &book, &own, &offers, now) {
            made += self.give_first(&profile, &goals, &newcomers, now).await?;
        }
        Ok(made)
    }

    async fn give_first(
        &self,
        profile: &ProfileName,
        goals: &[Goal],
        newcomers: &[PumpRow],
        now: Time,
    ) -> Result<usize, StoreError> {
        let by = Decision {
            by: Actor::Hub("planner".into()),
            reason: format!("first goal by the profile {profile}"),
            at: now,
        };
        let new: Vec<NewGoal> = goals
            .iter()
            .map(|goal| NewGoal { pump: goal.pump, generation: goal.generation, signed: (self.wiring.sign_goal)(goal) })
            .collect();
        let entry = match goals {
            [one] => {
                let row = newcomers.iter().find(|row| row.id == one.pump);
                let tag = row.map_or_else(|| one.pump.to_string(), |row| row.asset_tag.to_string());
                Entry::done("goal.first", Some(one.pump), tag)
            }
            many => Entry::done("goal.first", None, format!("{} pumps", many.len())),
        };
        match self.store.save_goals(&new, &by, &entry).await {
            Ok(()) => {}
            // Another planner was faster.
            Err(StoreError::StaleGoal { .. }) => return Ok(0),
            Err(error) => return Err(error),
        }
        for goal in &new {
            (self.wiring.goal_changed)(goal.pump, goal.generation, &goal.signed);
        }
        Ok(new.len())
    }
}

/// The first goals of these pumps, by profile.
fn wanted(
    newcomers: &[PumpRow],
    book: &Book,
    own: &BTreeMap<PumpId, String>,
    offers: &Offers,
    now: Time,
) -> BTreeMap<ProfileName, Vec<Goal>> {
    let mut goals: BTreeMap<ProfileName, Vec<Goal>> = BTreeMap::new();
    for row in newcomers {
        let own = own.get(&row.id).and_then(|name| ProfileName::new(name).ok());
        let Some((name, profile)) = book.of(own.as_ref(), &row.care_area) else { continue };
        let Some(report) = &row.report else { continue };
        let pump = Newcomer { id: row.id, since: row.standing.since, report };
        if let (Some(goal), _) = first_goal(profile, offers, &pump, now) {
            goals.entry(name.clone()).or_default().push(goal);
        }
    }
    goals
}
