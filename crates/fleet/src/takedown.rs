//! Take-down by level: which level a pump may be put at, by whom, and how it comes back.
//!
//! | from \ to | watch | remediate | cut | given back |
//! |---|---|---|---|---|
//! | expected, enrolled, in service | stays there | quarantined | quarantined | – |
//! | the same, watched | – | quarantined | quarantined | stays there |
//! | quarantined, remediate | where it was | – | quarantined | where it was |
//! | quarantined, cut | where it was | quarantined | – | where it was |
//! | lost, retired | – | – | – | – |
//!
//! "Where it was" is its place in life before the quarantine, and expected when it has no certificate any more. People
//! move a pump either way. A rule of the hub only makes a quarantine harder, never milder, and gives nothing back without
//! [`Proven`]. Nothing here reaches therapy (N8).

pub mod rules;

use wardline_model::{Lifecycle, QuarantineLevel, covers};

use crate::lifecycle::{self, Act, By, Certificate};
use crate::posture::Proven;

/// Where a pump is before the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its place in its life.
    pub lifecycle: Lifecycle,
    /// Whether it has a certificate.
    pub certificate: Certificate,
    /// The level at which it is held, if it is.
    pub level: Option<QuarantineLevel>,
    /// Its place in life before the quarantine, while it is quarantined.
    pub former: Option<Lifecycle>,
    /// The level before the newest decision: what undoing it restores.
    pub before: Option<QuarantineLevel>,
}

/// Where a decision puts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its place in its life.
    pub lifecycle: Lifecycle,
    /// The level at which it is held from now on.
    pub level: Option<QuarantineLevel>,
    /// Its place in life before the quarantine.
    pub former: Option<Lifecycle>,
    /// The level before this decision.
    pub before: Option<QuarantineLevel>,
}

/// Why a pump is not moved. It prints as a sentence for the person who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The rules of a pump's life forbid it.
    #[error(transparent)]
    Life(#[from] lifecycle::Refused),
    /// It is there already.
    #[error("the pump is at the level {0} already: choose another level, or give it back")]
    Already(QuarantineLevel),
    /// A rule wanted less.
    #[error("a rule never makes a quarantine milder: the pump is at {is}, the rule says {rule}; a person may lower it")]
    Milder {
        /// Where the pump is.
        is: QuarantineLevel,
        /// What the rule says.
        rule: QuarantineLevel,
    },
}

/// Puts a pump at this level.
///
/// # Errors
/// [`Refused`], which prints the reason and the next step.
pub fn place(held: Held, to: QuarantineLevel, by: By) -> Result<Placed, Refused> {
    covers!("N8");
    may(held, Act::Quarantine, by)?;
    if let Some(is) = held.level {
        if is == to {
            return Err(Refused::Already(is));
        }
        if by == By::Hub && to < is {
            return Err(Refused::Milder { is, rule: to });
        }
    }
    let free = before_quarantine(held);
    Ok(match to {
        QuarantineLevel::Watch => Placed { lifecycle: free, level: Some(to), former: None, before: held.level },
        QuarantineLevel::Remediate | QuarantineLevel::Cut => Placed {
            lifecycle: Lifecycle::Quarantined,
            level: Some(to),
            former: Some(held.former.unwrap_or(free)),
            before: held.level,
        },
    })
}

/// Gives a pump back to where it was.
///
/// # Errors
/// [`Refused`]; a rule needs [`give_back_proven`].
pub fn give_back(held: Held, by: By) -> Result<Placed, Refused> {
    may(held, Act::Release, by)?;
    if held.level.is_none() {
        return Err(lifecycle::Refused::NotFromHere { act: Act::Release, from: held.lifecycle }.into());
    }
    Ok(Placed { lifecycle: before_quarantine(held), level: None, former: None, before: None })
}

/// Takes the newest decision back: the level before it, or no quarantine at all.
///
/// # Errors
/// As [`give_back`].
pub fn undo(held: Held, by: By) -> Result<Placed, Refused> {
    match held.before {
        None => give_back(held, by),
        Some(level) => {
            may(held, Act::Release, by)?;
            Ok(Placed { before: None, ..place(held, level, by)? })
        }
    }
}

/// Gives a pump back without a person, because it has proven that it is in order.
///
/// # Errors
/// [`Refused`] when it is not held.
pub fn give_back_proven(held: Held, _proof: &Proven) -> Result<Placed, Refused> {
    match (held.lifecycle, held.level) {
        (Lifecycle::Lost | Lifecycle::Retired, _) | (_, None) => {
            Err(lifecycle::Refused::NotFromHere { act: Act::Release, from: held.lifecycle }.into())
        }
        (_, Some(_)) => Ok(Placed { lifecycle: before_quarantine(held), level: None, former: None, before: None }),
    }
}

/// Its place in life without the quarantine.
fn before_quarantine(held: Held) -> Lifecycle {
    let was = match held.lifecycle {
        Lifecycle::Quarantined => held.former.unwrap_or(Lifecycle::Enrolled),
        other => other,
    };
    match held.certificate {
        Certificate::Current => was,
        Certificate::None => Lifecycle::Expected,
    }
}

fn may(held: Held, act: Act, by: By) -> Result<(), lifecycle::Refused> {
    match by {
        By::Person(role) if !act.roles().contains(&role) => return Err(lifecycle::Refused::NotByYou { act, role }),
        By::Hub if act != Act::Quarantine => return Err(lifecycle::Refused::NotByHub { act }),
        By::Person(_) | By::Hub => {}
    }
    match held.lifecycle {
        Lifecycle::Lost | Lifecycle::Retired => Err(lifecycle::Refused::NotFromHere { act, from: held.lifecycle }),
        Lifecycle::Expected | Lifecycle::Enrolled | Lifecycle::InService | Lifecycle::Quarantined => Ok(()),
    }
}

/// The sentence that a person reads before the decision.
#[must_use]
pub const fn consequence(level: QuarantineLevel) -> &'static str {
    match level {
        QuarantineLevel::Watch => {
            "It works on as before, and everything that it does with the hub is recorded for people. Therapy is not \
             touched. It can be undone."
        }
        QuarantineLevel::Remediate => {
            "Its link stays for goals, releases and posture; nothing else goes over it, and its Wi-Fi becomes the one for \
             pumps to be mended. Events wait on the pump. Therapy is not touched. Other pumps notice nothing. It can be \
             undone."
        }
        QuarantineLevel::Cut => lifecycle::consequence(Act::Quarantine),
    }
}

#[cfg(test)]
mod tests;
