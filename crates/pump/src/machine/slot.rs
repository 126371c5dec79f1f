//! One slot on its way to being staged: fetch, check, store; never touching what is active.

use wardline_model::{EventBody, GoalSlot, Kind, Outcome, Refusal, ReleaseRef, Span, Time, covers};

use super::{FETCH_RETRY, FETCH_RETRY_LONGEST, Getting, INTERRUPTED_MOST, Link, Machine, Truth};
use crate::effect::{Effect, Effects};
use crate::input::{Expected, FetchProblem};
use crate::journal::{Broken, Closed, Staged};

impl Machine {
    /// What the goal says of this slot.
    pub(super) fn wanted(&self, kind: Kind) -> Option<(ReleaseRef, GoalSlot)> {
        let slot = *self.journal.goal.as_ref()?.slots.get(kind);
        slot.want.map(|want| (want, slot))
    }

    /// The release that this slot still has to reach; `None` when it is there, or when the attempt under this goal is over.
    pub(super) fn open_want(&self, kind: Kind) -> Option<(ReleaseRef, GoalSlot)> {
        let (want, slot) = self.wanted(kind)?;
        let record = self.journal.slots.get(kind);
        let there = record.active == Some(want) && record.torn == Broken::Whole;
        (!there && self.final_end(kind, want).is_none()).then_some((want, slot))
    }

    /// How the last attempt at this release under this goal ended, when it is over for good.
    pub(super) fn final_end(&self, kind: Kind, want: ReleaseRef) -> Option<Outcome> {
        let last = self.journal.slots.get(kind).last?;
        let same = last.release == want && last.generation == self.journal.generation();
        let over = match last.outcome {
            Outcome::Interrupted => last.interrupted >= INTERRUPTED_MOST,
            // These pass by themselves: fresher metadata, room made. The pump tries again under the same goal.
            Outcome::Refused(Refusal::Stale | Refusal::StorageFull) => false,
            Outcome::Refused(_)
            | Outcome::Disproved(_)
            | Outcome::Unproven
            | Outcome::Unknown
            | Outcome::OutOfService
            | Outcome::Confirmed => true,
        };
        (same && over).then_some(last.outcome)
    }

    /// Why this pump will not take this release, from what it knows of itself alone.
    fn refusal(&self, kind: Kind, want: ReleaseRef, slot: GoalSlot) -> Option<Refusal> {
        covers!("N13");
        if want.kind != kind {
            return Some(Refusal::DoesNotFit);
        }
        if !self.supports.has(kind) {
            return Some(Refusal::UnsupportedKind);
        }
        let record = self.journal.slots.get(kind);
        if record.floor.is_some_and(|floor| want.version <= floor.version && want != floor) {
            return Some(Refusal::BelowFloor);
        }
        let active = if record.torn == Broken::Whole { record.active.map(|release| release.digest) } else { None };
        (record.torn == Broken::Whole && slot.expect != active).then_some(Refusal::UnexpectedActive)
    }

    pub(super) fn advance_slot(&mut self, kind: Kind, now: Time, fx: &mut Effects) {
        let Some((want, slot)) = self.open_want(kind) else { return };
        if self.attempt().is_some_and(|attempt| attempt.kind() == kind) {
            return;
        }
        // What is active decides over floor and plan, so it must be known first (a kind without a switch never is).
        if *self.truth.get(kind) == Truth::Unknown && self.supports.has(kind) {
            return;
        }
        if let Some(refusal) = self.refusal(kind, want, slot) {
            return self.refuse(kind, want, refusal, fx);
        }
        if self.journal.slots.get(kind).staged.as_ref().is_some_and(|staged| staged.release == want) {
            return;
        }
        self.fetch(kind, want, now, fx);
    }

    fn fetch(&mut self, kind: Kind, want: ReleaseRef, now: Time, fx: &mut Effects) {
        let due = match self.getting.get(kind) {
            Getting::Idle => true,
            Getting::Fetching(release) | Getting::Staging(release, _) => *release != want,
            Getting::Later(at) => *at <= now,
        };
        if due && self.link == Link::Reached {
            *self.getting.get_mut(kind) = Getting::Fetching(want);
            fx.push(Effect::Fetch(want));
        }
    }

    pub(super) fn fetched(
        &mut self,
        release: ReleaseRef,
        result: Result<Expected, FetchProblem>,
        now: Time,
        fx: &mut Effects,
    ) {
        let kind = release.kind;
        if *self.getting.get(kind) != Getting::Fetching(release) {
            return;
        }
        match result {
            Ok(expected) => {
                *self.getting.get_mut(kind) = Getting::Staging(release, expected);
                fx.push(Effect::Stage(release));
            }
            Err(FetchProblem::Unreachable) => self.fetch_later(kind, now),
            Err(FetchProblem::Refused(refusal)) => {
                self.fetch_later(kind, now);
                self.refuse(kind, release, refusal, fx);
            }
        }
    }

    pub(super) fn staged(&mut self, release: ReleaseRef, result: Result<(), Refusal>, now: Time, fx: &mut Effects) {
        let kind = release.kind;
        let Getting::Staging(of, expected) = self.getting.get(kind) else { return };
        if *of != release {
            return;
        }
        let expected = expected.clone();
        *self.getting.get_mut(kind) = Getting::Idle;
        match result {
            Ok(()) => {
                *self.failures.get_mut(kind) = 0;
                self.journal.slots.get_mut(kind).staged = Some(Staged { release, expected, since: now });
                self.persist(fx);
            }
            Err(refusal) => {
                self.fetch_later(kind, now);
                self.refuse(kind, release, refusal, fx);
            }
        }
    }

    fn fetch_later(&mut self, kind: Kind, now: Time) {
        let failures = self.failures.get_mut(kind);
        let factor = 1u64 << (*failures).min(7);
        *failures = failures.saturating_add(1);
        let wait = Span::from_ms((FETCH_RETRY.as_ms() * factor).min(FETCH_RETRY_LONGEST.as_ms()));
        *self.getting.get_mut(kind) = Getting::Later(now + wait);
    }

    /// Ends the way of this release under this goal, once.
    fn refuse(&mut self, kind: Kind, release: ReleaseRef, refusal: Refusal, fx: &mut Effects) {
        let outcome = Outcome::Refused(refusal);
        let generation = self.journal.generation();
        let closed = Closed { release, generation, outcome, interrupted: 0 };
        let record = self.journal.slots.get_mut(kind);
        if record.last == Some(closed) {
            return;
        }
        record.last = Some(closed);
        if record.staged.as_ref().is_some_and(|staged| staged.release == release) {
            record.staged = None;
        }
        self.persist(fx);
        fx.push(Effect::Record(EventBody::Attempt { kind, release, outcome }));
    }
}
