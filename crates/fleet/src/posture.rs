//! Posture: what a pump must say of itself, freshly and signed, before a rule may give it back.
//!
//! The hub asks with a nonce that it drew for this link; the pump answers with what it is and signs both with the key of
//! its certificate. The rule it keeps: whoever lies by an old answer, another pump's answer, an older goal, or a slot that
//! is not at its goal, is not given back. It proves what the agent says, not that the agent is honest: a pump whose key was
//! copied or misused is never given back by posture, whatever it says ([`Cause::may_be_given_back`]).

use wardline_model::{Generation, PumpId, Span, Time, covers};

/// Why a pump is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A person decided it.
    Person,
    /// The rule for clones.
    Clone,
    /// The rule for misused certificates.
    Misuse,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 3] = [Self::Person, Self::Clone, Self::Misuse];

    /// The word in the database and in the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Clone => "clone",
            Self::Misuse => "misuse",
        }
    }

    /// Whether proven posture is enough to end it. A key that somebody else holds, or that was used for something that is
    /// not its own, needs a person and a new key.
    #[must_use]
    pub const fn may_be_given_back(self) -> bool {
        matches!(self, Self::Person)
    }
}

impl core::str::FromStr for Cause {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == text).ok_or("expected person, clone or misuse")
    }
}

/// How far a pump's clock may be off: more than this and its certificates and releases are judged by a wrong time.
pub const CLOCK_OFF: Span = Span::from_min(5);

/// What the pump said, after its signature was checked with the key of its current certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Who says it.
    pub pump: PumpId,
    /// The nonce that it answers.
    pub nonce: [u8; 32],
    /// When, by its clock.
    pub at: Time,
    /// The generation of the goal that it holds.
    pub generation: Generation,
    /// Whether every slot that the goal asks for is settled at it.
    pub settled: bool,
}

/// What the hub knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Whose link it is.
    pub pump: PumpId,
    /// The nonce that this link was asked with.
    pub nonce: [u8; 32],
    /// The newest goal for this pump; zero for none.
    pub generation: Generation,
}

/// Posture that was judged good. Only [`judge`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    pump: PumpId,
}

impl Proven {
    /// Whose.
    #[must_use]
    pub const fn pump(&self) -> PumpId {
        self.pump
    }
}

/// Why posture is not proven. It prints as a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// Another pump's.
    #[error("it speaks of another pump")]
    OtherPump,
    /// An answer to another question.
    #[error("it answers an older question")]
    Stale,
    /// The pump does not hold the newest goal.
    #[error("it holds an older goal than the newest")]
    OldGoal,
    /// A slot is not at its goal.
    #[error("a slot is not settled at its goal")]
    Unsettled,
    /// The clock is wrong.
    #[error("its clock is more than 5 minutes off")]
    Clock,
}

/// Judges what a pump said.
///
/// # Errors
/// [`Unproven`]: the first thing that is wrong.
pub fn judge(said: &Said, known: &Known, now: Time) -> Result<Proven, Unproven> {
    covers!("N14");
    if said.pump != known.pump {
        return Err(Unproven::OtherPump);
    }
    if said.nonce != known.nonce {
        return Err(Unproven::Stale);
    }
    if said.generation != known.generation {
        return Err(Unproven::OldGoal);
    }
    if !said.settled {
        return Err(Unproven::Unsettled);
    }
    if said.at.since(now).max(now.since(said.at)) > CLOCK_OFF {
        return Err(Unproven::Clock);
    }
    Ok(Proven { pump: said.pump })
}

#[cfg(test)]
mod tests;
