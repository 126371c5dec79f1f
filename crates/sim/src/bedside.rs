//! The two machines of one pump side by side, without a socket between them: what one says as the other hears it, and what
//! must hold whenever the therapy controller takes a step.
//!
//! The exhaustive search and the month both stand on this, so that they judge by the same rules. It decides nothing: both
//! machines are the real ones.

use wardline_model::{Decimal, Kind, Refusal, ReleaseRef, Switch};
use wardline_pump::{Controller as Said, Effect, Input, SwitchProblem};

use crate::controller::{self, Ask, Channel, Formulary, Limits, Pointer, SwitchRefused, Unreadable, Word};

/// What the controller says, as the pump machine hears it.
#[must_use]
pub fn heard(word: Word) -> Input {
    match word {
        Word::Hello(support) => Input::Controller(Said::Present(support)),
        Word::Status(therapy) => Input::Controller(Said::Therapy(therapy)),
        Word::HoldGranted { id, .. } => Input::Controller(Said::HoldGranted(id)),
        Word::HoldDenied(_) => Input::Controller(Said::HoldDenied),
        Word::HoldBroken(id) => Input::Controller(Said::HoldBroken(id)),
        Word::Verdict(release, result) => Input::Staged { release, result },
        Word::Switched(release) => Input::Switched { kind: release.kind, to: Some(release), result: Ok(()) },
        Word::SwitchRefused(release, why) => Input::Switched {
            kind: release.kind,
            to: Some(release),
            result: Err(match why {
                SwitchRefused::NoHold | SwitchRefused::Busy => SwitchProblem::NoHold,
                SwitchRefused::NotVerified => SwitchProblem::NotStaged,
                SwitchRefused::BelowFloor => SwitchProblem::Refused(Refusal::BelowFloor),
                SwitchRefused::Storage => SwitchProblem::Storage,
            }),
        },
    }
}

/// The request that an effect of the pump machine is to the controller; `None` when it is none.
#[must_use]
pub fn asked(effect: &Effect) -> Option<Ask> {
    match effect {
        Effect::Stage(of) if by_controller(of.kind) => Some(Ask::Offered(*of)),
        Effect::AskHold(of) => Some(Ask::Hold(*of)),
        Effect::ReleaseHold(id) => Some(Ask::ReleaseHold(*id)),
        Effect::Switch { to, hold } if !is_beside(to.kind) => Some(Ask::MakeCurrent { hold: *hold, release: *to }),
        Effect::GoBack { kind, to: Some(to), hold } if !is_beside(*kind) => {
            Some(Ask::MakeCurrent { hold: *hold, release: *to })
        }
        Effect::Inspect(kind) if !is_beside(*kind) => Some(Ask::ReadBack(*kind)),
        Effect::Persist(_)
        | Effect::Fetch(_)
        | Effect::Stage(_)
        | Effect::Switch { .. }
        | Effect::GoBack { .. }
        | Effect::Inspect(_)
        | Effect::Relink(_)
        | Effect::Record(_)
        | Effect::Report
        | Effect::Ready
        | Effect::Keep(_)
        | Effect::Forget(_) => None,
    }
}

/// Whether the agent itself puts the new beside the old.
#[must_use]
pub fn is_beside(kind: Kind) -> bool {
    match kind.row().switch {
        Switch::Beside => true,
        Switch::Pointer | Switch::Bank => false,
    }
}

/// Whether the therapy controller keeps and switches this kind.
#[must_use]
pub fn by_controller(kind: Kind) -> bool {
    match kind.row().switch {
        Switch::Pointer => true,
        Switch::Bank | Switch::Beside => false,
    }
}

/// An invented library, as therapy reads it: every entry is in it, and its upper limit names the version, so that mixed
/// limits would show.
#[derive(Clone, Copy, Debug)]
pub struct Shelved(pub Pointer);

impl Formulary for Shelved {
    fn limits(&self, of: &ReleaseRef, _entry: &str) -> Result<Limits, Unreadable> {
        match self.0 {
            Pointer::Whole(stored) if stored == *of => Ok(limits(*of)),
            Pointer::Whole(_) | Pointer::Torn | Pointer::Empty => Err(Unreadable::NotWhole),
        }
    }
}

/// The limits in an invented release.
#[must_use]
pub fn limits(of: ReleaseRef) -> Limits {
    Limits { low: Decimal::ZERO, high: Decimal::from_int(100 + i32::try_from(of.version.0).unwrap_or(0)) }
}

/// Who brought a step about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A hand at the bedside, or the pump's own delivery.
    Bedside,
    /// The agent, the storage, a timer.
    Other,
}

impl Cause {
    /// Who brought this step about.
    #[must_use]
    pub const fn of(input: &controller::Input) -> Self {
        match input {
            controller::Input::Bedside(_) => Self::Bedside,
            controller::Input::Port(_)
            | controller::Input::Verified { .. }
            | controller::Input::Moved(_)
            | controller::Input::Timer => Self::Other,
        }
    }
}

/// A never event that a step of the controller broke: its id and what was seen.
pub type Broken = (&'static str, &'static str);

/// N1, N3 and N6 for one channel and one step, judged by what therapy does and not by what the machines say. Gives the
/// library that a newly loaded program relies on.
///
/// # Errors
/// What was broken.
pub fn judge(old: &Channel, new: &Channel, cause: Cause, stored: Pointer) -> Result<Option<ReleaseRef>, Broken> {
    if old.state.is_busy() && cause == Cause::Other && old != new {
        return Err(("N1", "therapy changed without the bedside"));
    }
    match (&old.program, &new.program) {
        (Some(a), Some(b)) if a.limits != b.limits || a.library != b.library => {
            Err(("N3", "limits changed under a loaded program"))
        }
        (None, Some(program)) => {
            if stored == Pointer::Whole(program.library) && program.limits == limits(program.library) {
                Ok(Some(program.library))
            } else {
                Err(("N6", "a program was loaded from something that is not one whole library"))
            }
        }
        (Some(_) | None, None) | (Some(_), Some(_)) => Ok(None),
    }
}
