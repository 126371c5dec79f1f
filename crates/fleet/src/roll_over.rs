//! A change of certificate authorities under a running fleet: what is left to do at each pump, and how the ones that are
//! behind come there.
//!
//! | what is left | when |
//! |---|---|
//! | prove | the pump has not reached its hub over the new root yet |
//! | renew | its certificate still comes from the old authority, and the hub issues from the new one |
//! | let go | it still believes the old root beside the new one, and the hub has moved |
//! | nothing | |
//!
//! A pump that sleeps is not lost: as long as the hub shows it the new root vouched for by the old one (NewWithOld), it
//! comes back by what it has. What it has ends: its certificate first, then the old root. Every pump that is behind is
//! named with its way back, so that nobody has to guess which ones to fetch.

use wardline_model::{Lifecycle, SlotState, Time};

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Root and issuing authority: pumps must come to believe the new root first.
    Root,
    /// The issuing authority alone, under the same root: pumps need to be told nothing.
    Issuing,
}

/// How far the hub is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The new authorities are there; nothing is issued from them but what proves them.
    Prepared,
    /// The hub's own certificates and new pump certificates come from the new authority; it accepts both.
    Moved,
    /// It accepts the new one only.
    Finished,
}

/// Which roots a pump believes, as far as it has proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Believes {
    /// Only the old one.
    Old,
    /// Both.
    Both,
    /// Only the new one.
    New,
}

/// Which authority issued something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Issuer {
    /// The old one.
    Old,
    /// The new one.
    New,
}

/// How a pump enrols when its certificate has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Enrols {
    /// By its maker's birth certificate, by itself.
    ByBirth,
    /// By a one-time code that a person brings.
    ByCode,
}

/// Whether a pump is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Linked {
    /// It is.
    Now,
    /// It is not, since then; `None` when it never was.
    Since(Option<Time>),
}

/// What is known of one pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where it is in its life.
    pub lifecycle: Lifecycle,
    /// Whether it is linked.
    pub linked: Linked,
    /// What it believes.
    pub believes: Believes,
    /// Where its slot of trust anchors is.
    pub slot: SlotState,
    /// Its certificate in use, and when that ends; `None` for none.
    pub certificate: Option<(Issuer, Time)>,
    /// How it would enrol again.
    pub enrols: Enrols,
}

/// The change as far as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is changed.
    pub what: What,
    /// How far the hub is.
    pub stage: Stage,
    /// When the old root ends: from then on it vouches for nobody.
    pub old_root_ends: Time,
}

/// What is left to do at a pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// Prove the new root.
    Prove,
    /// Renew its certificate from the new authority.
    Renew,
    /// Let go of the old root.
    LetGo,
    /// Nothing.
    Nothing,
}

/// How a pump that is behind comes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// It is linked and does it by itself.
    ByItself,
    /// It needs to be switched on within reach of the network; then it does it by itself.
    SwitchOn,
    /// The same; it enrols by its birth certificate first.
    Birth,
    /// A person must bring it a one-time code.
    Code,
    /// A person must give it the new root at its bedside: it believes nothing that the hub can still show.
    Visit,
}

impl Way {
    /// In words, for the person who reads the list.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::ByItself => "by itself",
            Self::SwitchOn => "switch it on near the network; it does the rest by itself",
            Self::Birth => "switch it on near the network; it enrols again by its birth certificate",
            Self::Code => "make it a one-time code (`wardline enrol codes`) and enter it at the pump",
            Self::Visit => "give it the new root at the pump, then let it enrol by birth certificate or one-time code",
        }
    }
}

/// What is left at a pump and how it comes there; `None` for a pump that does not count (only expected, retired).
#[must_use]
pub fn judge(change: &Change, pump: &Seen, now: Time) -> Option<(Left, Way)> {
    match pump.lifecycle {
        Lifecycle::Expected | Lifecycle::Retired => return None,
        Lifecycle::Enrolled | Lifecycle::InService | Lifecycle::Quarantined | Lifecycle::Lost => {}
    }
    let left = left(change, pump);
    Some((left, way(change, pump, left, now)))
}

fn left(change: &Change, pump: &Seen) -> Left {
    let has_moved = change.stage >= Stage::Moved;
    let is_new = pump.certificate.is_some_and(|(issuer, _)| issuer == Issuer::New);
    match (change.what, pump.believes) {
        (What::Root, Believes::Old) => Left::Prove,
        _ if has_moved && !is_new => Left::Renew,
        (What::Root, Believes::Both) if has_moved => Left::LetGo,
        (What::Root, Believes::Both | Believes::New) | (What::Issuing, _) => Left::Nothing,
    }
}

fn way(change: &Change, pump: &Seen, left: Left, now: Time) -> Way {
    let enrols = match pump.enrols {
        Enrols::ByBirth => Way::Birth,
        Enrols::ByCode => Way::Code,
    };
    let is_cut_off = change.stage == Stage::Finished || now > change.old_root_ends;
    if left == Left::Prove && is_cut_off {
        return Way::Visit;
    }
    match pump.certificate {
        Some((Issuer::Old, _)) if change.stage == Stage::Finished => enrols,
        Some((_, ends)) if ends > now => match pump.linked {
            Linked::Now => Way::ByItself,
            Linked::Since(_) => Way::SwitchOn,
        },
        Some(_) | None => enrols,
    }
}

/// Whether the hub may take the next step without leaving a pump behind: what still stands in the way of it.
#[must_use]
pub fn in_the_way(what: What, stage: Stage, left: Left) -> bool {
    match (what, stage, left) {
        (_, _, Left::Nothing) => false,
        // To move is safe once every pump has proven the new root; under the same root it always is.
        (What::Root, Stage::Prepared, Left::Prove) => true,
        (What::Root | What::Issuing, Stage::Prepared, _) => false,
        // To finish is safe once nothing is left anywhere.
        (_, Stage::Moved, Left::Prove | Left::Renew | Left::LetGo) => true,
        (_, Stage::Finished, _) => false,
    }
}

#[cfg(test)]
mod tests;
