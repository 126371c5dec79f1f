//! Who may enrol without a person: what is known of a pump at the door goes in, a verdict with its reason comes out.
//!
//! A hospital writes an ordered list of [`Rule`]s. The first one that fits decides; when none fits, a person is asked or
//! the pump is refused, as the hospital says. What no rule can do:
//!
//! * let in a pump that is not on the hospital's list, whatever it shows (N14);
//! * ask a person again about a pump that was approved before, or about one that a person made a one-time code for. Only a
//!   rule that refuses is asked then.
//!
//! Without any rules of its own a hospital has [`Policy::default`]: a pump on the list that shows a birth certificate of a
//! maker whose root the hub believes enrols by itself. (That the birth certificate is good is proven before this is asked.)

mod network;

use core::fmt;
use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use wardline_model::{CareArea, Digest, Model, Time, covers};

pub use network::{Network, NetworkError};

wardline_model::name!(
    /// A rule's name, as the hospital calls it: `Delivery of week 48`.
    RuleName,
    40
);

/// What a rule does with a pump that it fits, or what becomes of a pump that no rule fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// It enrols now.
    Approve,
    /// It waits until a person has said yes.
    Ask,
    /// It does not enrol.
    Refuse,
}

impl Then {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Approve, Self::Ask, Self::Refuse];

    /// The word in files, addresses and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Ask => "ask",
            Self::Refuse => "refuse",
        }
    }
}

impl fmt::Display for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::str::FromStr for Then {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|then| then.as_str() == text).ok_or("expected approve, ask or refuse")
    }
}

/// One rule. A part that is left out, or empty, fits every pump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// What people call it; unique.
    pub name: RuleName,
    /// What it does with a pump that it fits.
    pub then: Then,
    /// Only pumps whose birth certificate leads to one of these maker's roots (SHA-256 of the certificate).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub makers: BTreeSet<Digest>,
    /// Only pumps of these models.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub models: BTreeSet<Model>,
    /// Only pumps that the list says belong to these care areas.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub care_areas: BTreeSet<CareArea>,
    /// Only pumps that ask from one of these networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
    /// Not before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// Not at or after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// At most this many pumps, all together: what was on the delivery note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
}

impl Rule {
    /// A rule that fits every pump.
    #[must_use]
    pub fn for_all(name: RuleName, then: Then) -> Self {
        Self {
            name,
            then,
            makers: BTreeSet::new(),
            models: BTreeSet::new(),
            care_areas: BTreeSet::new(),
            networks: Vec::new(),
            from: None,
            until: None,
            most: None,
        }
    }
}

/// A hospital's rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// The rules, first one first.
    pub rules: Vec<Rule>,
    /// What becomes of a pump on the list that no rule fits.
    pub otherwise: Then,
}

impl Default for Policy {
    fn default() -> Self {
        let name = RuleName(String::from("Everyone on the list"));
        Self { rules: vec![Rule::for_all(name, Then::Approve)], otherwise: Then::Ask }
    }
}

/// What is wrong with a hospital's rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Too many.
    #[error("there are {0} rules: at most {most} are allowed, so that a person can still read them", most = Policy::MOST_RULES)]
    TooMany(usize),
    /// Two of one name.
    #[error("two rules are called {0:?}: give each a name of its own, because the audit names the rule")]
    SameName(RuleName),
    /// A time that never comes.
    #[error("the rule {0:?} ends before it begins")]
    NeverOpen(RuleName),
    /// A limit of nothing.
    #[error("the rule {0:?} lets in at most 0 pumps: leave the limit out, or say at least 1")]
    NoPumps(RuleName),
    /// More entries than anybody reads.
    #[error("the rule {0:?} names more than {most} {1}", most = Policy::MOST_NAMED)]
    TooManyNamed(RuleName, &'static str),
    /// A limit on a rule that lets nobody in.
    #[error("the rule {0:?} does not approve, so a limit on how many means nothing: leave it out")]
    LimitOfNothing(RuleName),
}

impl Policy {
    /// The most rules: what fits on a screen twice.
    pub const MOST_RULES: usize = 50;

    /// The most makers, models, care areas or networks of one rule.
    pub const MOST_NAMED: usize = 100;

    /// Looks the rules over.
    ///
    /// # Errors
    /// The first [`PolicyError`], which names the rule.
    pub fn check(&self) -> Result<(), PolicyError> {
        if self.rules.len() > Self::MOST_RULES {
            return Err(PolicyError::TooMany(self.rules.len()));
        }
        let mut names = BTreeSet::new();
        for rule in &self.rules {
            let name = || rule.name.clone();
            if !names.insert(rule.name.as_str().to_lowercase()) {
                return Err(PolicyError::SameName(name()));
            }
            if rule.from.zip(rule.until).is_some_and(|(from, until)| from >= until) {
                return Err(PolicyError::NeverOpen(name()));
            }
            match rule.most {
                Some(0) => return Err(PolicyError::NoPumps(name())),
                Some(_) if rule.then != Then::Approve => return Err(PolicyError::LimitOfNothing(name())),
                Some(_) | None => {}
            }
            let named = [
                (rule.makers.len(), "makers"),
                (rule.models.len(), "models"),
                (rule.care_areas.len(), "care areas"),
                (rule.networks.len(), "networks"),
            ];
            if let Some((_, what)) = named.into_iter().find(|(count, _)| *count > Self::MOST_NAMED) {
                return Err(PolicyError::TooManyNamed(name(), what));
            }
        }
        Ok(())
    }
}

/// How a pump at the door proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By its birth certificate, which leads to this maker's root (SHA-256 of the certificate).
    Birth {
        /// The root's digest, when the hub knows which root it was.
        root: Option<Digest>,
    },
    /// By a one-time code, which a person made for this pump.
    Code,
}

/// Whether a pump was let in before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Never, or its approval was taken back.
    Never,
    /// A person or a rule approved it, and nobody took that back.
    Approved,
}

/// What the hospital's list says of the pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed<'a> {
    /// Its model.
    pub model: &'a Model,
    /// Where it belongs.
    pub care_area: &'a CareArea,
    /// Whether it was let in before.
    pub before: Before,
}

/// Everything that a verdict is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Now.
    pub now: Time,
    /// From which network address it asks.
    pub from: IpAddr,
    /// How it proved who it is.
    pub proof: Proof,
    /// Its line on the hospital's list; `None` when it is not on it.
    pub listed: Option<Listed<'a>>,
    /// How many pumps each rule has let in so far.
    pub let_in: &'a BTreeMap<RuleName, u32>,
}

/// What becomes of a pump at the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What becomes of it.
    pub then: Then,
    /// The rule that decided, for the audit and for counting; `None` when it was no rule.
    pub rule: Option<RuleName>,
    /// Why, as a sentence without its full stop.
    pub why: String,
}

/// The most rules that are told to a person as "did not fit, because".
const MOST_TOLD: usize = 3;

/// Decides about a pump at the door.
#[must_use]
pub fn judge(policy: &Policy, asking: &Asking<'_>) -> Verdict {
    covers!("N14");
    let by_no_rule = |then, why: String| Verdict { then, rule: None, why };
    let Some(listed) = asking.listed else {
        let why = "the pump is not on the hospital's list; add it to the manifest first".into();
        return by_no_rule(Then::Refuse, why);
    };
    let is_settled = asking.proof == Proof::Code || listed.before == Before::Approved;
    let mut misfits = Vec::new();
    for rule in policy.rules.iter().filter(|rule| !is_settled || rule.then == Then::Refuse) {
        match misfit(rule, asking, &listed) {
            None => return Verdict { then: rule.then, rule: Some(rule.name.clone()), why: fits(rule) },
            Some(why) if rule.then == Then::Approve => misfits.push(format!("{:?} {why}", rule.name.as_str())),
            Some(_) => {}
        }
    }
    match (asking.proof, listed.before) {
        (Proof::Code, _) => by_no_rule(Then::Approve, "a person made a one-time code for it".into()),
        (Proof::Birth { .. }, Before::Approved) => by_no_rule(Then::Approve, "it was approved before".into()),
        (Proof::Birth { .. }, Before::Never) => {
            let more = misfits.len().saturating_sub(MOST_TOLD);
            misfits.truncate(MOST_TOLD);
            if more > 0 {
                misfits.push(format!("{more} more rules do not fit either"));
            }
            let told = if misfits.is_empty() { String::new() } else { format!(": {}", misfits.join("; ")) };
            by_no_rule(policy.otherwise, format!("no rule lets it in without a person{told}"))
        }
    }
}

fn fits(rule: &Rule) -> String {
    let name = rule.name.as_str();
    match rule.then {
        Then::Approve => format!("the rule {name:?} lets it in"),
        Then::Ask => format!("the rule {name:?} wants a person to look at it"),
        Then::Refuse => format!("the rule {name:?} keeps it out"),
    }
}

/// Why a rule does not fit, as the end of a sentence about the rule.
fn misfit(rule: &Rule, asking: &Asking<'_>, listed: &Listed<'_>) -> Option<String> {
    let root = match asking.proof {
        Proof::Birth { root } => root,
        Proof::Code => None,
    };
    let let_in = asking.let_in.get(&rule.name).copied().unwrap_or(0);
    if !rule.makers.is_empty() && !root.is_some_and(|root| rule.makers.contains(&root)) {
        Some("is for another maker".into())
    } else if !rule.models.is_empty() && !rule.models.contains(listed.model) {
        Some("is for other models".into())
    } else if !rule.care_areas.is_empty() && !rule.care_areas.contains(listed.care_area) {
        Some("is for other care areas".into())
    } else if !rule.networks.is_empty() && !rule.networks.iter().any(|network| network.contains(asking.from)) {
        Some(format!("is for other networks than that of {}", asking.from.to_canonical()))
    } else if let Some(from) = rule.from.filter(|from| asking.now < *from) {
        Some(format!("begins in {}", from.since(asking.now)))
    } else if let Some(until) = rule.until.filter(|until| asking.now >= *until) {
        Some(format!("ended {} ago", asking.now.since(until)))
    } else {
        rule.most.filter(|most| let_in >= *most).map(|most| format!("has let in its {most} pumps"))
    }
}

#[cfg(test)]
mod tests;
