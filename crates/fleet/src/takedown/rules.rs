//! The rules by which the hub takes a pump down without a person, and the cap that keeps a rule from taking a ward down.
//!
//! A rule acts only on what a pump has proven with its key (see [`crate::correlate`]), so that nobody can have a pump taken
//! down by showing a certificate whose key he does not hold. And whoever does hold many keys still cannot have the hospital
//! disconnected: a rule holds at most so many pumps at one time; beyond that it tells people and does nothing.

use serde::{Deserialize, Serialize};
use wardline_model::QuarantineLevel;

use crate::posture::Cause;

/// What the hub does by itself when it sees one kind of sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Whether it acts; people are told either way.
    pub on: bool,
    /// At which level it holds a pump.
    pub level: QuarantineLevel,
    /// The most pumps that it may hold at one time without a person.
    pub most_pumps: u32,
    /// And at most this share of the fleet, in percent, but always one pump.
    pub most_percent: u32,
}

/// All of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// A copied key: two agents with one key, or an old certificate used after the new one proved itself.
    pub clone: Rule,
    /// A certificate used for what is not its own: it names another pump in its Hello or in a report.
    pub misuse: Rule,
    /// Whether a pump that a person holds at remediate is given back when it has proven its posture.
    pub give_back: bool,
}

/// The most pumps that a rule may be allowed: more than that at once is a decision for people.
const MOST_PUMPS: u32 = 100;
/// The largest share that a rule may be allowed, in percent.
const MOST_PERCENT: u32 = 20;

impl Default for Rules {
    /// A copied key is cut: whoever holds it must not have the link for a minute longer. A misused one is held where it can
    /// still be looked into and mended. Three pumps or 2 % at one time: a thief with one pump, not a mistake of ours.
    fn default() -> Self {
        let rule = |level| Rule { on: true, level, most_pumps: 3, most_percent: 2 };
        Self { clone: rule(QuarantineLevel::Cut), misuse: rule(QuarantineLevel::Remediate), give_back: false }
    }
}

impl Rules {
    /// The rule for a cause; people need none.
    #[must_use]
    pub const fn of(&self, cause: Cause) -> Option<&Rule> {
        match cause {
            Cause::Person => None,
            Cause::Clone => Some(&self.clone),
            Cause::Misuse => Some(&self.misuse),
        }
    }

    /// Looks the values over.
    ///
    /// # Errors
    /// A sentence that names the rule and what was expected.
    pub fn check(&self) -> Result<(), String> {
        for (name, rule) in [("clone", &self.clone), ("misuse", &self.misuse)] {
            if !(1..=MOST_PUMPS).contains(&rule.most_pumps) {
                return Err(format!(
                    "{name}: a rule may hold 1 to {MOST_PUMPS} pumps at one time, not {}",
                    rule.most_pumps
                ));
            }
            if !(1..=MOST_PERCENT).contains(&rule.most_percent) {
                let is = rule.most_percent;
                return Err(format!(
                    "{name}: a rule may hold 1 to {MOST_PERCENT} % of the fleet at one time, not {is} %"
                ));
            }
        }
        Ok(())
    }
}
