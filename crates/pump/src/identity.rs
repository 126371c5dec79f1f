//! What a pump does next about its own certificate: the decision alone, from what it holds and its clock.
//!
//! | it holds | it does |
//! |---|---|
//! | nothing, or what has ended by its own clock | enrol: by birth certificate or code, never by the ended certificate |
//! | a new certificate that has not been seen to work | prove it; the old one stays until then |
//! | a certificate past about two thirds of its life | renew |
//! | one that the hub refuses on the link | ask whether it still counts, and enrol again if it does not |
//!
//! Whatever comes of it, therapy is not asked and not told (N1, N8). A clock that jumps makes a pump ask too early or too
//! late, and never makes it give up what it holds: that goes only when its successor is there.

use wardline_model::{Span, Time, covers};

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentityStep {
    /// Get a certificate by birth certificate or code: there is none, or it has ended (a pump from the cupboard).
    Enrol,
    /// Ask what to pin.
    Provision,
    /// Show that a new certificate works, and use it from then on.
    Prove,
    /// Ask again for the release root, which nobody had published.
    AskRoot,
    /// Get the next certificate, for a new key.
    Renew,
    /// The hub refused the certificate on the link: ask whether it still counts, and enrol again if it does not.
    Check,
}

/// What the pump has been told of its hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pins {
    /// Nothing yet.
    None,
    /// The goal key, and no release root, because there was none.
    GoalKey,
    /// Both.
    All,
}

/// Whether a certificate waits to be seen to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Successor {
    /// None does.
    None,
    /// One does.
    Waits,
}

/// What the pump holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// The certificate in use is good from here,
    pub not_before: Time,
    /// until here.
    pub not_after: Time,
    /// A number that differs from certificate to certificate: spreads renewals.
    pub spread: u64,
    /// What it was told.
    pub pins: Pins,
    /// Whether there is a newer one.
    pub successor: Successor,
}

/// One of the rules of a pump's identity, named so that a proof can take one away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentityRule {
    /// A certificate is renewed long before it ends, so that a hub that cannot issue for days costs nobody anything.
    RenewBeforeEnd,
    /// A certificate that has ended is not shown again: the pump enrols.
    EnrolWhenEnded,
    /// A pump that the hub refuses asks whether its certificate still counts, and enrols again if it does not.
    AskWhenRefused,
    /// A new certificate takes the old one's place only when it has been seen to work.
    KeepUntilProven,
    /// What seems to have ended is kept until its successor is there: the clock may be wrong.
    KeepWhileEnded,
}

impl IdentityRule {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::RenewBeforeEnd, Self::EnrolWhenEnded, Self::AskWhenRefused, Self::KeepUntilProven, Self::KeepWhileEnded];
}

/// The rules that are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityRules {
    forgotten: Option<IdentityRule>,
}

impl IdentityRules {
    /// All of them: the only value that a program can make.
    #[must_use]
    pub const fn all() -> Self {
        covers!("N1", "N8");
        Self { forgotten: None }
    }

    /// All but one, for the proof that each is needed.
    #[cfg(any(test, feature = "mutants"))]
    #[must_use]
    pub const fn without(rule: IdentityRule) -> Self {
        Self { forgotten: Some(rule) }
    }

    /// Whether this rule is kept.
    #[must_use]
    pub fn keep(self, rule: IdentityRule) -> bool {
        self.forgotten != Some(rule)
    }
}

/// The next step, and when it is due if not now.
#[must_use]
pub fn next_step(held: Option<&Held>, now: Time, rules: IdentityRules) -> (IdentityStep, Option<Time>) {
    let Some(held) = held else { return (IdentityStep::Enrol, None) };
    if held.successor == Successor::Waits {
        return (IdentityStep::Prove, None);
    }
    let has_ended = held.not_after <= now;
    let renew =
        if rules.keep(IdentityRule::RenewBeforeEnd) { renew_at(held) } else { held.not_after + Span::from_s(1) };
    if has_ended && rules.keep(IdentityRule::EnrolWhenEnded) {
        (IdentityStep::Enrol, None)
    } else if held.pins == Pins::None {
        (IdentityStep::Provision, None)
    } else if renew <= now {
        (IdentityStep::Renew, None)
    } else if held.pins == Pins::GoalKey {
        (IdentityStep::AskRoot, None)
    } else {
        (IdentityStep::Renew, Some(renew))
    }
}

/// Whether a pump that is about to take this step first asks a hub that refused it whether its certificate still counts. One
/// that wants to renew does: a hub that took the certificate back renews it for nobody.
#[must_use]
pub fn asks_when_refused(step: IdentityStep, rules: IdentityRules) -> bool {
    let may = match step {
        IdentityStep::Renew | IdentityStep::AskRoot => true,
        IdentityStep::Enrol | IdentityStep::Provision | IdentityStep::Prove | IdentityStep::Check => false,
    };
    may && rules.keep(IdentityRule::AskWhenRefused)
}

/// When a certificate is to be renewed: at two thirds of its life, a fifteenth of it earlier or later.
#[must_use]
pub fn renew_at(held: &Held) -> Time {
    let life = held.not_after.since(held.not_before).as_ms();
    let spread = life / 15 * 2;
    let jitter = held.spread % (spread + 1);
    held.not_before + Span::from_ms(life / 5 * 3 + jitter)
}

#[cfg(test)]
mod tests;
