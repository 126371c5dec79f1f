//! What the therapy controller does with what the agent asks: holds, offers, and the pointer.
//!
//! The agent may be anybody. A request is granted by what is true here, never by what it says.

use wardline_model::{ChannelState, HoldSupport, Kind, Refusal, ReleaseRef, Time, covers};
use wardline_pump::{HoldId, Rule};

use super::machine::{Controller, HOLD_LASTS, Held, Moving, Scope, Used, scope, switches};
use super::words::{Ask, Deny, Effect, SwitchRefused, Word};

impl Controller {
    pub(super) fn port(&mut self, ask: Ask, now: Time, fx: &mut Vec<Effect>) {
        match ask {
            Ask::Hello => {
                fx.push(Effect::Say(Word::Hello(self.support)));
                fx.push(Effect::Say(Word::Status(self.therapy())));
            }
            Ask::Status => fx.push(Effect::Say(Word::Status(self.therapy()))),
            Ask::Hold(release) => self.ask_hold(release, now, fx),
            Ask::ReleaseHold(id) => self.release_hold(id),
            Ask::Offered(release) => self.offered(release, fx),
            Ask::MakeCurrent { hold, release } => self.make_current(hold, release, fx),
            Ask::ReadBack(kind) => {
                // In the middle of a write there is nothing to read: the answer comes after it.
                if self.moving.is_some() && switches(kind) {
                    self.read_after = Some(kind);
                } else {
                    self.read_back(kind, fx);
                }
            }
            // A silent agent holds nothing. Therapy never notices.
            Ask::Gone => self.end_hold(),
        }
    }

    pub(super) fn read_back(&self, kind: Kind, fx: &mut Vec<Effect>) {
        let current = if switches(kind) { self.shelf.current } else { None };
        fx.push(Effect::ReadBack { kind, current });
    }

    fn ask_hold(&mut self, release: ReleaseRef, now: Time, fx: &mut Vec<Effect>) {
        covers!("N2");
        let deny = |fx: &mut Vec<Effect>, why| fx.push(Effect::Say(Word::HoldDenied(why)));
        if self.support != HoldSupport::Grants {
            return deny(fx, Deny::Unsupported);
        }
        let scope = scope(release.kind);
        let delicate = |state: ChannelState| matches!(state, ChannelState::Alarming | ChannelState::Bolus);
        let busy = match scope {
            Scope::NoProgram => !self.is_idle() || self.moving.is_some(),
            Scope::Quiet => self.channels.iter().any(|channel| delicate(channel.state)),
        };
        if busy || self.hold.is_some() {
            return deny(fx, Deny::Busy);
        }
        if self.near_until.is_some_and(|until| until > now) && scope == Scope::NoProgram {
            return deny(fx, Deny::PersonNear);
        }
        let shelf = &self.shelf;
        let known = [shelf.staged, shelf.previous, shelf.current].contains(&Some(release));
        if switches(release.kind) && !known {
            return deny(fx, Deny::NotOffered);
        }
        let id = HoldId(self.next_hold);
        self.next_hold += 1;
        self.hold = Some(Held { id, until: now + HOLD_LASTS, scope, used: Used::No });
        fx.push(Effect::Say(Word::HoldGranted { id, lasts: HOLD_LASTS }));
    }

    fn release_hold(&mut self, id: HoldId) {
        if self.hold.is_some_and(|held| held.id == id) {
            self.end_hold();
        }
    }

    /// Ends the hold without a word: what waits for it is done at the next tick, which is now.
    fn end_hold(&mut self) {
        if let Some(held) = self.hold.as_mut() {
            held.used = Used::Over;
        }
    }

    fn offered(&mut self, release: ReleaseRef, fx: &mut Vec<Effect>) {
        if !switches(release.kind) {
            return fx.push(Effect::Say(Word::Verdict(release, Err(Refusal::UnsupportedKind))));
        }
        if self.shelf.staged == Some(release) {
            return fx.push(Effect::Say(Word::Verdict(release, Ok(()))));
        }
        if self.below_floor(release) {
            return fx.push(Effect::Say(Word::Verdict(release, Err(Refusal::BelowFloor))));
        }
        self.verifying = Some(release);
        fx.push(Effect::Verify(release));
    }

    /// At or below what this pump already ran.
    fn below_floor(&self, release: ReleaseRef) -> bool {
        covers!("N13");
        self.shelf.floor.is_some_and(|floor| release.version <= floor.version)
    }

    pub(super) fn verified(&mut self, release: ReleaseRef, result: Result<(), Refusal>, fx: &mut Vec<Effect>) {
        covers!("N4", "N13");
        if self.verifying != Some(release) {
            return;
        }
        self.verifying = None;
        if result.is_ok() {
            self.shelf.staged = Some(release);
            fx.push(Effect::Persist(self.shelf));
        }
        fx.push(Effect::Say(Word::Verdict(release, result)));
    }

    fn make_current(&mut self, hold: Option<HoldId>, release: ReleaseRef, fx: &mut Vec<Effect>) {
        covers!("N2", "N3", "N6");
        let refuse = |fx: &mut Vec<Effect>, why| fx.push(Effect::Say(Word::SwitchRefused(release, why)));
        if self.moving.is_some() {
            return refuse(fx, SwitchRefused::Busy);
        }
        if self.shelf.current == Some(release) {
            return fx.push(Effect::Say(Word::Switched(release)));
        }
        let held = self.hold.filter(|held| Some(held.id) == hold && held.used != Used::Over);
        let back = self.shelf.previous == Some(release) && self.shelf.staged != Some(release);
        let needed = if back { Rule::BackUnderHold } else { Rule::SwitchUnderHold };
        let needs =
            self.rules.keep(needed) && (self.rules.keep(Rule::UnknownMeansNo) || self.support == HoldSupport::Grants);
        if needs {
            let Some(held) = held.filter(|held| held.scope == Scope::NoProgram) else {
                return refuse(fx, SwitchRefused::NoHold);
            };
            if !self.channels.iter().all(|channel| !channel.state.is_busy()) {
                return refuse(fx, SwitchRefused::Busy);
            }
            if back && held.used != Used::Switched {
                return refuse(fx, SwitchRefused::BelowFloor);
            }
        }
        if !back && self.shelf.staged != Some(release) {
            return refuse(fx, SwitchRefused::NotVerified);
        }
        if !back && self.below_floor(release) {
            return refuse(fx, SwitchRefused::BelowFloor);
        }
        if let Some(held) = self.hold.as_mut() {
            held.used = if back { Used::Back } else { Used::Switched };
        }
        self.moving = Some(Moving::Switch(release));
        fx.push(Effect::MovePointer(Some(release)));
    }
}
