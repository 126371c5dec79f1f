//! Whether a pump at the door may enrol without a person: the hospital's rules out of the store, `fleet`'s verdict on them.
//!
//! The rules are read for every pump that asks, so that a change counts at once at every hub of a database. A rule with a
//! limit counts its pump in one transaction before anything is signed; when another pump was the last one, the verdict is
//! made anew.

use std::collections::BTreeMap;
use std::net::IpAddr;

use wardline_fleet::approval::{Asking, Before, Listed, Policy, Proof, RuleName, Then, Verdict, judge};
use wardline_model::{Lifecycle, Time, covers};
use wardline_store::{Actor, Decision, PumpRow, Setting, Store, StoreError};

/// The most times that a verdict is made anew because a rule's last place went to another pump: once per rule is enough.
const TRIES: usize = Policy::MOST_RULES + 1;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct AtTheDoor<'a> {
    /// Its line on the hospital's list.
    pub pump: &'a PumpRow,
    /// From which network address it asks.
    pub from: IpAddr,
    /// How it proved who it is.
    pub proof: Proof,
    /// Whether a person approved it.
    pub approved: Before,
}

/// The hospital's rules, and the revision that they have in the store (0: nobody ever set any).
///
/// # Errors
/// Those of the store; rules that this program cannot read are [`StoreError::Value`], and nobody enrols by them.
pub async fn policy(store: &Store) -> Result<(Policy, u64), StoreError> {
    let Some(row) = store.setting(Setting::Approval).await? else { return Ok((Policy::default(), 0)) };
    let unreadable = |error| StoreError::Value { what: format!("settings.approval ({error})") };
    Ok((serde_json::from_str(&row.value).map_err(unreadable)?, row.revision))
}

/// How many pumps each rule with a limit has let in.
///
/// # Errors
/// Those of the store.
pub async fn let_in(store: &Store) -> Result<BTreeMap<RuleName, u32>, StoreError> {
    let counts = store.let_in_by_rule().await?;
    let known = counts
        .into_iter()
        .filter_map(|(rule, pumps)| Some((RuleName::new(&rule).ok()?, u32::try_from(pumps).unwrap_or(u32::MAX))));
    Ok(known.collect())
}

/// Decides about a pump that is on the list. An approval by a rule with a limit is durable when this returns.
///
/// # Errors
/// Those of the store.
pub async fn decide(store: &Store, door: AtTheDoor<'_>, now: Time) -> Result<Verdict, StoreError> {
    covers!("N14");
    let (policy, _) = policy(store).await?;
    let AtTheDoor { pump, from, proof, approved } = door;
    let has_enrolled = matches!(pump.standing.lifecycle, Lifecycle::Enrolled | Lifecycle::InService);
    let mut before = if has_enrolled { Before::Approved } else { approved };
    let has_limits = policy.rules.iter().any(|rule| rule.most.is_some());
    if has_limits && store.approved_by_rule(pump.id).await?.is_some() {
        before = Before::Approved;
    }
    let listed = Some(Listed { model: &pump.model, care_area: &pump.care_area, before });
    for _ in 0..TRIES {
        let let_in = if has_limits { let_in(store).await? } else { BTreeMap::new() };
        let verdict = judge(&policy, &Asking { now, from, proof, listed, let_in: &let_in });
        let by =
            policy.rules.iter().find(|rule| verdict.then == Then::Approve && Some(&rule.name) == verdict.rule.as_ref());
        let Some((rule, most)) = by.and_then(|rule| Some((rule, rule.most?))) else { return Ok(verdict) };
        let why = Decision { by: Actor::Hub("approval".into()), reason: verdict.why.clone(), at: now };
        if store.approve_by_rule(pump.id, rule.name.as_str(), most, &why).await? {
            return Ok(verdict);
        }
    }
    let why = "the rules changed while the pump was asking; it asks again by itself".to_owned();
    Ok(Verdict { then: Then::Ask, rule: None, why })
}

#[cfg(test)]
mod tests;
