//! The therapy controller as a pure machine: channels, holds, and the library that therapy reads.
//!
//! | a channel is | leaves it by |
//! |---|---|
//! | idle | a nurse who loads a program: its limits are copied from the current library, and stay (N3) |
//! | programmed, delayed start | start, stop |
//! | infusing | pause, bolus, the volume delivered, stop |
//! | bolus | its end |
//! | paused, keep vein open | start, stop |
//! | alarming | silence, back to what it was |
//!
//! | a hold is | leaves it by |
//! |---|---|
//! | none | a request while every channel is idle and nobody is near |
//! | held | its release, its time, a nurse who waited long enough, an alarm |
//! | moving (the pointer is being written) | the end of the write; a nurse waits for it, and it is milliseconds |
//!
//! It refuses everything that it did not verify itself, everything at or below what it already ran (but for taking a
//! switch back under the very hold that made it), and every command on a channel: the port has none. It never waits for
//! the agent (N1): every wait here is for its own storage or for a bounded time of its own clock.

use std::collections::VecDeque;

use wardline_model::{
    ChannelState, Decimal, HoldSupport, Kind, ReleaseRef, Span, Switch, SwitchWhen, Therapy, Time, covers,
};
use wardline_pump::{HoldId, Rule, Rules};

pub use super::words::{Ask, Bedside, Deny, Effect, Input, Pointer, Refused, SwitchRefused, Word};

/// How long a hold lasts at most.
pub const HOLD_LASTS: Span = Span::from_s(10);
/// How long a nurse's act waits for a hold before the hold is broken: short enough that a hand on the key does not notice.
pub const NURSE_WAITS: Span = Span::from_ms(500);
/// How long after a nurse's act no hold is granted: somebody stands at the pump.
pub const PERSON_NEAR: Span = Span::from_s(20);
/// The most channels on one pump.
pub const CHANNELS_MOST: usize = 8;

/// The drug library as the controller reads it: the one thing that it asks of the outside while it decides.
pub trait Formulary {
    /// The limits for this entry in this release, read from storage and checked against the release's digest.
    ///
    /// # Errors
    /// [`Unreadable`] when the entry is not in it, or what is stored is not that release.
    fn limits(&self, release: &ReleaseRef, entry: &str) -> Result<Limits, Unreadable>;
}

/// Why there are no limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unreadable {
    /// The release has no such entry.
    NoEntry,
    /// The stored bytes are not the release.
    NotWhole,
}

/// The hard limits of a rate, in the entry's own unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limits {
    /// The lowest rate.
    pub low: Decimal,
    /// The highest rate.
    pub high: Decimal,
}

/// A program, with the limits that govern it until it is stopped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Program {
    /// What is infused: an entry of the library.
    pub entry: String,
    /// The rate, in the entry's unit.
    pub rate: Decimal,
    /// The limits at the moment of programming.
    pub limits: Limits,
    /// The release that they came from.
    pub library: ReleaseRef,
}

/// One channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    /// What it does.
    pub state: ChannelState,
    /// What is loaded.
    pub program: Option<Program>,
    /// What an alarm interrupted.
    before_alarm: Option<ChannelState>,
}

/// What the controller keeps across power loss, replaced atomically.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shelf {
    /// The library that therapy reads.
    pub current: Option<ReleaseRef>,
    /// The one before: kept whole in case the current one cannot be read (N7).
    pub previous: Option<ReleaseRef>,
    /// Verified and kept whole beside them.
    pub staged: Option<ReleaseRef>,
    /// The newest that was ever kept past its hold (N13).
    pub floor: Option<ReleaseRef>,
}

/// A granted hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Held {
    pub(super) id: HoldId,
    pub(super) until: Time,
    pub(super) scope: Scope,
    /// Whether the pointer was moved under it, so that it may be moved back.
    pub(super) used: Used,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Scope {
    /// Keeps programs from being loaded.
    NoProgram,
    /// Only promises that the moment is not delicate: a nurse never waits for it.
    Quiet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Used {
    No,
    Switched,
    Back,
    /// It was given back: whatever waits for it goes first.
    Over,
}

/// Why the pointer is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Moving {
    /// At boot or after a failed self-check: back to a whole library.
    Repair(ReleaseRef),
    /// For the agent.
    Switch(ReleaseRef),
}

/// The therapy controller of one pump.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Controller {
    pub(super) rules: Rules,
    pub(super) support: HoldSupport,
    pub(super) shelf: Shelf,
    pub(super) channels: Vec<Channel>,
    pub(super) since: Time,
    pub(super) hold: Option<Held>,
    pub(super) next_hold: u64,
    pub(super) moving: Option<Moving>,
    /// Acts of nurses that wait for a hold, and until when at most.
    pub(super) waiting: VecDeque<Bedside>,
    pub(super) break_at: Option<Time>,
    pub(super) near_until: Option<Time>,
    /// How long a person is near after an act: [`PERSON_NEAR`], less where the bedside runs faster than real time.
    near: Span,
    pub(super) verifying: Option<ReleaseRef>,
    pub(super) told: Option<ChannelState>,
    /// A read-back that was asked for in the middle of a write.
    pub(super) read_after: Option<Kind>,
}

impl Controller {
    /// Power comes: what the storage holds is compared with the shelf, and made whole before therapy may start.
    #[must_use]
    pub fn power_up(
        rules: Rules,
        support: HoldSupport,
        channels: usize,
        shelf: Shelf,
        pointer: Pointer,
        now: Time,
        fx: &mut Vec<Effect>,
    ) -> Self {
        covers!("N6", "N7");
        let idle = Channel { state: ChannelState::Idle, program: None, before_alarm: None };
        let mut it = Self {
            rules,
            support,
            shelf,
            channels: vec![idle; channels.clamp(1, CHANNELS_MOST)],
            since: now,
            hold: None,
            next_hold: 1,
            moving: None,
            waiting: VecDeque::new(),
            break_at: None,
            near_until: None,
            near: PERSON_NEAR,
            verifying: None,
            told: None,
            read_after: None,
        };
        match pointer {
            Pointer::Whole(release) if Some(release) != it.shelf.current => {
                // Moved, but the result was not written before the power went.
                it.shelf.previous = it.shelf.current;
                it.shelf.current = Some(release);
                it.shelf.staged = it.shelf.staged.filter(|staged| *staged != release);
                fx.push(Effect::Persist(it.shelf));
            }
            Pointer::Torn if it.rules.keep(Rule::RecoverAtBoot) => {
                it.repair(it.shelf.current.or(it.shelf.previous), fx)
            }
            Pointer::Whole(_) | Pointer::Torn | Pointer::Empty => {}
        }
        it.raise_floor(fx);
        it
    }

    /// Lets the bedside run this much faster than real time: a person is near for as much less of it.
    pub fn hurry(&mut self, speed: u32) {
        // Whole seconds: what is below one is shorter than a nurse's look at the screen.
        self.near = Span::from_s(PERSON_NEAR.as_ms() / 1_000 / u64::from(speed.max(1)));
    }

    /// Takes one input at this time and says what to do, in order.
    pub fn step(&mut self, input: Input, now: Time, formulary: &dyn Formulary, fx: &mut Vec<Effect>) {
        match input {
            Input::Bedside(act) => self.bedside(act, now, formulary, fx),
            Input::Port(ask) => self.port(ask, now, fx),
            Input::Verified { release, result } => self.verified(release, result, fx),
            Input::Moved(result) => self.moved(result, formulary, fx),
            Input::Timer => {}
        }
        self.clock(now, formulary, fx);
        self.tell(now, fx);
    }

    /// When to call with [`Input::Timer`].
    #[must_use]
    pub fn wake(&self) -> Option<Time> {
        let held = self.hold.map(|held| held.until).filter(|_| self.moving.is_none());
        let waiting = self.break_at.filter(|_| self.moving.is_none());
        [held, waiting, self.near_until].into_iter().flatten().min()
    }

    /// The channels.
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// What is kept across power loss.
    #[must_use]
    pub const fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Whether a hold that keeps programs from being loaded is granted now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.hold.is_some_and(|held| held.scope == Scope::NoProgram)
    }

    /// Whether the pump may stop for a moment under this hold: it is the present one, it keeps programs from being loaded,
    /// and no channel is busy. A switch that restarts the pump asks this at the moment of the restart.
    #[must_use]
    pub fn may_stop_for(&self, hold: Option<HoldId>) -> bool {
        covers!("N2");
        let held = self.hold.filter(|held| Some(held.id) == hold && held.used != Used::Over);
        held.is_some_and(|held| held.scope == Scope::NoProgram)
            && self.moving.is_none()
            && self.channels.iter().all(|channel| !channel.state.is_busy())
    }

    /// Whether a nurse's act waits for a hold or a write.
    #[must_use]
    pub fn is_kept_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What therapy is doing: the busiest channel speaks for all.
    #[must_use]
    pub fn therapy(&self) -> Therapy {
        let state = self.channels.iter().map(|channel| channel.state).max().unwrap_or(ChannelState::Idle);
        Therapy::Known { state, since: self.since }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.channels.iter().all(|channel| !channel.state.is_busy()) && self.waiting.is_empty()
    }

    fn clock(&mut self, now: Time, formulary: &dyn Formulary, fx: &mut Vec<Effect>) {
        if self.near_until.is_some_and(|until| until <= now) {
            self.near_until = None;
        }
        if self.moving.is_some() {
            return;
        }
        if self.hold.is_some_and(|held| held.used == Used::Over) {
            self.hold = None;
            self.after_hold(formulary, fx);
        }
        if self.break_at.is_some_and(|at| at <= now) || self.hold.is_some_and(|held| held.until <= now) {
            self.break_hold(formulary, fx);
        }
    }

    fn tell(&mut self, now: Time, fx: &mut Vec<Effect>) {
        let state = self.therapy().state();
        if state != self.told {
            self.told = state;
            self.since = now;
            fx.push(Effect::Say(Word::Status(self.therapy())));
        }
    }

    // ---- the bedside ------------------------------------------------------------------------------------------------

    fn bedside(&mut self, act: Bedside, now: Time, formulary: &dyn Formulary, fx: &mut Vec<Effect>) {
        covers!("N1", "N5", "N12");
        if act.is_by_hand() {
            self.near_until = Some(now + self.near);
        }
        let blocked = self.moving.is_some() || self.hold.is_some_and(|held| held.scope == Scope::NoProgram);
        if blocked && act.loads_program() && self.waiting.len() < self.channels.len() {
            self.waiting.push_back(act);
            self.break_at = Some(self.break_at.unwrap_or(now + NURSE_WAITS));
            return;
        }
        let alarm = matches!(act, Bedside::Alarm { .. });
        self.act(act, formulary, fx);
        if alarm {
            self.break_hold(formulary, fx);
        }
    }

    fn act(&mut self, act: Bedside, formulary: &dyn Formulary, fx: &mut Vec<Effect>) {
        let number = act.channel();
        let Some(channel) = self.channels.get(usize::from(number).wrapping_sub(1)) else { return };
        let state = channel.state;
        let next = match (&act, state) {
            (Bedside::Program { entry, rate, .. }, ChannelState::Idle) => {
                return self.program(number, entry.clone(), *rate, formulary, fx);
            }
            (Bedside::Start { .. }, ChannelState::Programmed | ChannelState::Paused | ChannelState::KeepVeinOpen) => {
                ChannelState::Infusing
            }
            (Bedside::Start { .. } | Bedside::DelayOver { .. }, ChannelState::DelayedStart) => ChannelState::Infusing,
            (Bedside::Delay { .. }, ChannelState::Programmed) => ChannelState::DelayedStart,
            (Bedside::Pause { .. }, ChannelState::Infusing | ChannelState::Bolus) => ChannelState::Paused,
            (Bedside::Bolus { .. }, ChannelState::Infusing) => ChannelState::Bolus,
            (Bedside::BolusOver { .. }, ChannelState::Bolus) => ChannelState::Infusing,
            (Bedside::VolumeDone { .. }, ChannelState::Infusing) => ChannelState::KeepVeinOpen,
            (Bedside::Titrate { rate, .. }, ChannelState::Infusing | ChannelState::Paused) => {
                return self.titrate(number, *rate, fx);
            }
            (Bedside::Alarm { .. }, ChannelState::Alarming) => return,
            (Bedside::Alarm { .. }, _) => ChannelState::Alarming,
            (Bedside::Silence { .. }, ChannelState::Alarming) => {
                self.channels[usize::from(number) - 1].before_alarm.unwrap_or(ChannelState::Idle)
            }
            (Bedside::Stop { .. }, _) => ChannelState::Idle,
            // A key that does nothing in this state.
            (
                Bedside::Program { .. }
                | Bedside::Start { .. }
                | Bedside::DelayOver { .. }
                | Bedside::Delay { .. }
                | Bedside::Pause { .. }
                | Bedside::Bolus { .. }
                | Bedside::BolusOver { .. }
                | Bedside::VolumeDone { .. }
                | Bedside::Titrate { .. }
                | Bedside::Silence { .. },
                _,
            ) => return fx.push(Effect::Refuse { channel: number, why: Refused::NotNow }),
        };
        self.enter(number, next, fx);
    }

    fn enter(&mut self, number: u8, next: ChannelState, fx: &mut Vec<Effect>) {
        let channel = &mut self.channels[usize::from(number) - 1];
        if next == ChannelState::Alarming {
            channel.before_alarm = Some(channel.state);
        } else {
            channel.before_alarm = None;
        }
        if next == ChannelState::Idle {
            channel.program = None;
        }
        channel.state = next;
        let library = channel.program.as_ref().map(|program| program.library.version);
        fx.push(Effect::Show { channel: number, state: next, library });
    }

    /// Loads a program: the library is checked first, and its limits are copied.
    fn program(&mut self, number: u8, entry: String, rate: Decimal, formulary: &dyn Formulary, fx: &mut Vec<Effect>) {
        covers!("N3", "N6", "N7");
        let refuse = |fx: &mut Vec<Effect>, why| fx.push(Effect::Refuse { channel: number, why });
        let Some(library) = self.shelf.current else { return refuse(fx, Refused::NoLibrary) };
        match formulary.limits(&library, &entry) {
            Ok(limits) if rate < limits.low || rate > limits.high => refuse(fx, Refused::OutsideLimits),
            Ok(limits) => {
                self.channels[usize::from(number) - 1].program = Some(Program { entry, rate, limits, library });
                self.enter(number, ChannelState::Programmed, fx);
            }
            Err(Unreadable::NoEntry) => refuse(fx, Refused::NotInLibrary),
            Err(Unreadable::NotWhole) => {
                refuse(fx, Refused::NoLibrary);
                if self.rules.keep(Rule::RecoverAtBoot) {
                    self.repair(self.shelf.previous.or(self.shelf.current), fx);
                }
            }
        }
    }

    fn titrate(&mut self, number: u8, rate: Decimal, fx: &mut Vec<Effect>) {
        let channel = &mut self.channels[usize::from(number) - 1];
        match channel.program.as_mut() {
            Some(program) if rate >= program.limits.low && rate <= program.limits.high => {
                program.rate = rate;
                let library = Some(program.library.version);
                fx.push(Effect::Show { channel: number, state: channel.state, library });
            }
            Some(_) | None => fx.push(Effect::Refuse { channel: number, why: Refused::OutsideLimits }),
        }
    }

    // ---- the hold's end and the library -----------------------------------------------------------------------------

    /// Therapy always wins: the hold ends, and what waited for it is done.
    pub(super) fn break_hold(&mut self, formulary: &dyn Formulary, fx: &mut Vec<Effect>) {
        if let Some(held) = self.hold.take() {
            fx.push(Effect::Say(Word::HoldBroken(held.id)));
        }
        self.after_hold(formulary, fx);
    }

    pub(super) fn after_hold(&mut self, formulary: &dyn Formulary, fx: &mut Vec<Effect>) {
        if self.moving.is_some() {
            return;
        }
        self.raise_floor(fx);
        self.break_at = None;
        while let Some(act) = self.waiting.pop_front() {
            self.act(act, formulary, fx);
        }
    }

    /// What is current without a hold under which it could be taken back is what this pump has run.
    pub(super) fn raise_floor(&mut self, fx: &mut Vec<Effect>) {
        covers!("N13");
        let higher = match (self.shelf.floor, self.shelf.current) {
            (Some(floor), Some(current)) => current.version > floor.version,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if higher {
            self.shelf.floor = self.shelf.current;
            fx.push(Effect::Persist(self.shelf));
        }
    }

    fn repair(&mut self, to: Option<ReleaseRef>, fx: &mut Vec<Effect>) {
        if let (Some(to), None) = (to, self.moving) {
            self.moving = Some(Moving::Repair(to));
            fx.push(Effect::MovePointer(Some(to)));
        }
    }

    fn moved(&mut self, result: Result<(), Unreadable>, formulary: &dyn Formulary, fx: &mut Vec<Effect>) {
        let Some(moving) = self.moving.take() else { return };
        match (moving, result) {
            (Moving::Switch(to), Ok(())) => {
                self.shelf.previous = self.shelf.current;
                self.shelf.current = Some(to);
                self.shelf.staged = self.shelf.staged.filter(|staged| *staged != to);
                fx.push(Effect::Persist(self.shelf));
                fx.push(Effect::Say(Word::Switched(to)));
            }
            (Moving::Switch(to), Err(_)) => {
                fx.push(Effect::Say(Word::SwitchRefused(to, SwitchRefused::Storage)));
                self.repair(self.shelf.current, fx);
            }
            (Moving::Repair(to), Ok(())) => {
                if self.shelf.current != Some(to) {
                    self.shelf.previous = None;
                    self.shelf.current = Some(to);
                    fx.push(Effect::Persist(self.shelf));
                }
            }
            // The storage cannot be written at all: a nurse is told that there is no library.
            (Moving::Repair(_), Err(_)) => {}
        }
        if self.moving.is_none()
            && let Some(kind) = self.read_after.take()
        {
            self.read_back(kind, fx);
        }
        if self.hold.is_none() {
            self.after_hold(formulary, fx);
        }
    }
}

/// Whether this controller switches releases of this kind.
pub(super) const fn switches(kind: Kind) -> bool {
    match kind.row().switch {
        Switch::Pointer => true,
        Switch::Bank | Switch::Beside => false,
    }
}

/// What a hold for this kind promises.
pub(super) const fn scope(kind: Kind) -> Scope {
    match kind.row().when {
        SwitchWhen::HoldNoProgram => Scope::NoProgram,
        SwitchWhen::Hold | SwitchWhen::Alone => Scope::Quiet,
    }
}
