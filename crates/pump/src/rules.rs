//! The nine rules that keep a switch safe, named so that a proof can take one away.
//!
//! A program always keeps all nine: the only constructor outside of tests is [`Rules::all`]. With the feature `mutants`
//! the search builds a machine that forgets one rule and must then find a never event that happens.

use wardline_model::covers;

/// One of the nine rules of the house (see the state table of the slot machine).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A switch happens only under a hold that the therapy controller granted: looking for idle and then switching is
    /// a race.
    SwitchUnderHold,
    /// What is about to be done is written before it is done.
    IntentBefore,
    /// What came of it is written after it is done.
    ResultAfter,
    /// At boot the pump finds out what is really active, and makes it whole, before therapy may start.
    RecoverAtBoot,
    /// Going back needs the same hold as going forward.
    BackUnderHold,
    /// A kind that is proven by reaching the hub goes back by the pump's own timer.
    OwnTimer,
    /// One slot on trial at a time, so that a proof speaks of one release.
    OneTrial,
    /// A pump that cannot reach the hub reports `unproven`, never blame.
    UnprovenNotBlame,
    /// Unknown therapy means no, and a controller that cannot hold gets no switch.
    UnknownMeansNo,
}

impl Rule {
    /// All nine.
    pub const ALL: [Self; 9] = [
        Self::SwitchUnderHold,
        Self::IntentBefore,
        Self::ResultAfter,
        Self::RecoverAtBoot,
        Self::BackUnderHold,
        Self::OwnTimer,
        Self::OneTrial,
        Self::UnprovenNotBlame,
        Self::UnknownMeansNo,
    ];
}

/// The rules that a machine keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rules {
    forgotten: Option<Rule>,
}

impl Rules {
    /// All nine: the only value that a program can make.
    #[must_use]
    pub const fn all() -> Self {
        covers!("N2", "N6", "N7");
        Self { forgotten: None }
    }

    /// All but one, for the proof that each is needed.
    #[cfg(any(test, feature = "mutants"))]
    #[must_use]
    pub const fn without(rule: Rule) -> Self {
        Self { forgotten: Some(rule) }
    }

    /// Whether this rule is kept.
    #[must_use]
    pub fn keep(self, rule: Rule) -> bool {
        self.forgotten != Some(rule)
    }
}
