//! The slot machine: from a goal to a proven release, one slot at a time.
//!
//! | a slot is | when | leaves it by |
//! |---|---|---|
//! | settled | it holds what the goal wants, or nothing is wanted | a newer goal |
//! | fetching | the wanted release is not stored whole and checked | `Fetched` and `Staged`, or a refusal |
//! | staged | stored and checked, but not its turn: another trial, no controller, no hold to be had | the condition |
//! | cleared | every condition but the moment is met | a hold that the controller grants |
//! | switching | the intent is written, the result is not (forward or back) | `Switched`, or recovery |
//! | trial | switched, not proven | the proof, a disproof, or the pump's own timer |
//! | went back | the last attempt ended without the new release, or it was refused | a newer goal |
//! | out of service | nothing whole is left | a newer goal, or a person |
//!
//! It refuses goals of another pump or an older generation, releases at or below what the slot already ran, plans that
//! expected something else to be active, and kinds that this pump cannot switch. It never matches on a kind by name:
//! what differs is a row of `Kind::row`. The nine rules are named in [`Rule`].

mod attempt;
mod hold;
mod recover;
#[cfg(feature = "search")]
mod retime;
mod said;
mod slot;

use alloc::boxed::Box;
use wardline_model::{
    ChannelState, Goal, HoldSupport, Kind, PerKind, PumpId, Report, Span, Switch, SwitchWhen, Therapy, Time, covers,
};

use crate::effect::{Effect, Effects, LinkEpoch};
use crate::input::{Controller, Expected, Found, HoldId, Hub, Input};
use crate::journal::{Attempt, Journal};
use crate::rules::{Rule, Rules};

/// How long the controller may take to answer a request for a hold before the pump takes silence for no.
const HOLD_ANSWER: Span = Span::from_s(10);
/// How long after a denied, lost or unused hold the pump asks again, unless therapy changes before: long enough not to
/// pester, short against the minutes between two infusions.
const HOLD_RETRY: Span = Span::from_s(30);
/// The wait after a failed fetch; it doubles up to [`FETCH_RETRY_LONGEST`].
const FETCH_RETRY: Span = Span::from_s(30);
/// The longest wait between two fetches.
const FETCH_RETRY_LONGEST: Span = Span::from_h(1);
/// How often in a row power may go in the middle of the same attempt before the pump leaves it to the planner: a release
/// that takes the power with it looks just like that.
const INTERRUPTED_MOST: u8 = 3;

/// Which kinds this pump has a switch for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Supports(PerKind<Supported>);

/// Whether there is a switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Supported {
    #[default]
    No,
    Yes,
}

impl Supports {
    /// These kinds and no other.
    #[must_use]
    pub fn only(kinds: &[Kind]) -> Self {
        Self(PerKind::from_fn(|kind| if kinds.contains(&kind) { Supported::Yes } else { Supported::No }))
    }

    /// Whether this pump can switch this kind.
    #[must_use]
    pub fn has(&self, kind: Kind) -> bool {
        *self.0.get(kind) == Supported::Yes
    }
}

/// What the machine is started with.
#[derive(Clone, Debug)]
pub struct Boot {
    /// The pump.
    pub pump: PumpId,
    /// The journal that was found; `None` for none, or one that cannot be used.
    pub journal: Option<Journal>,
    /// What this pump can switch.
    pub supports: Supports,
    /// The rules: [`Rules::all`] in every program.
    pub rules: Rules,
}

/// Why the machine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// The trial of this slot ends.
    TrialEnds(Kind),
    /// A fetch is due again.
    FetchDue(Kind),
    /// The controller's answer is overdue, or a hold may be asked for again.
    HoldDue,
}

/// The slot machine of one pump.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Machine {
    rules: Rules,
    supports: Supports,
    journal: Journal,
    /// Everything below is lost with the power.
    therapy: Therapy,
    hold_support: HoldSupport,
    hold: Hold,
    going: attempt::Going,
    /// When a hold may be asked for again.
    hold_after: Option<Time>,
    link: Link,
    epoch: LinkEpoch,
    truth: PerKind<Truth>,
    getting: PerKind<Getting>,
    /// How many fetches of a slot failed in a row.
    failures: PerKind<u8>,
    ready: Ready,
    storage: Storage,
    told: Option<Box<Report>>,
}

/// The hold, as far as this machine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Hold {
    None,
    Asked { kind: Kind, until: Time },
    Granted { id: HoldId },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Link {
    Lost,
    Reached,
}

/// Whether this machine knows what is active in a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Truth {
    /// Not asked, or whoever knows is not there.
    #[default]
    Unknown,
    /// Found out since boot.
    Known,
}

/// Where the next release of a slot is on its way to being staged.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Getting {
    #[default]
    Idle,
    Fetching(wardline_model::ReleaseRef),
    Staging(wardline_model::ReleaseRef, Expected),
    /// Failed; again at this time (the epoch: it is due).
    Later(Time),
}

/// Whether the switch that is on its way could be written where it is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Storage {
    Works,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Ready {
    No,
    Said,
}

impl Machine {
    /// Takes one input at this time and says what to do, in order.
    pub fn step(&mut self, input: Input, now: Time, fx: &mut Effects) {
        match input {
            Input::Goal(goal) => self.goal((*goal).into_inner(), fx),
            Input::Fetched { release, result } => self.fetched(release, result, now, fx),
            Input::Staged { release, result } => self.staged(release, result, now, fx),
            Input::Switched { kind, to, result } => self.switched(kind, to, result, now, fx),
            Input::Found { kind, found } => self.found(kind, found, now, fx),
            Input::Controller(says) => self.controller(says, now, fx),
            Input::Hub(hub) => self.hub(hub, fx),
            Input::Timer => self.timer(now, fx),
        }
        self.advance(now, fx);
        self.tell(now, fx);
    }

    /// The goal's generation only grows, and a goal is for one pump. An attempt on its way is brought to its end first.
    fn goal(&mut self, goal: Goal, fx: &mut Effects) {
        covers!("N13", "N14");
        if goal.pump != self.journal.pump || goal.generation <= self.journal.generation() {
            return;
        }
        self.journal.goal = Some(goal);
        for kind in Kind::ALL {
            if let Getting::Later(_) = self.getting.get(kind) {
                *self.getting.get_mut(kind) = Getting::Idle;
            }
        }
        self.persist(fx);
    }

    fn controller(&mut self, says: Controller, now: Time, fx: &mut Effects) {
        match says {
            Controller::Present(support) => {
                self.hold_support = support;
                self.therapy = Therapy::Unknown;
                self.lose_hold();
                for kind in Kind::ALL.into_iter().filter(|kind| by_controller(*kind)) {
                    self.ask_truth(kind, fx);
                    if let Getting::Staging(..) = self.getting.get(kind) {
                        *self.getting.get_mut(kind) = Getting::Idle;
                    }
                }
            }
            Controller::Silent => {
                self.hold_support = HoldSupport::Unknown;
                self.therapy = Therapy::Unknown;
                self.lose_hold();
                for kind in Kind::ALL.into_iter().filter(|kind| by_controller(*kind)) {
                    *self.truth.get_mut(kind) = Truth::Unknown;
                }
            }
            Controller::Therapy(therapy) => {
                if therapy.state() != self.therapy.state() {
                    self.hold_after = None;
                }
                self.therapy = therapy;
            }
            Controller::HoldGranted(id) => self.granted(id, now, fx),
            Controller::HoldDenied => self.denied(now),
            Controller::HoldBroken(id) => self.broken(id, now),
        }
    }

    fn hub(&mut self, hub: Hub, fx: &mut Effects) {
        match hub {
            Hub::Reached(epoch) if epoch == self.epoch => {
                self.link = Link::Reached;
                for kind in Kind::ALL {
                    if let Getting::Later(_) = self.getting.get(kind) {
                        *self.getting.get_mut(kind) = Getting::Idle;
                    }
                }
                self.proven_by_hub(fx);
            }
            // An older link than the newest proves nothing.
            Hub::Reached(_) => {}
            Hub::Lost => self.link = Link::Lost,
        }
    }

    fn timer(&mut self, now: Time, fx: &mut Effects) {
        for kind in Kind::ALL {
            if matches!(self.getting.get(kind), Getting::Later(at) if *at <= now) {
                *self.getting.get_mut(kind) = Getting::Later(Time::default());
            }
        }
        if self.hold_after.is_some_and(|at| at <= now) {
            self.hold_after = None;
        }
        if matches!(self.hold, Hold::Asked { until, .. } if until <= now) {
            self.hold = Hold::None;
            self.hold_after = Some(now + HOLD_RETRY);
        }
        self.trial_timer(now, fx);
    }

    /// Whatever can be done now is done; nothing here waits.
    fn advance(&mut self, now: Time, fx: &mut Effects) {
        self.say_ready(fx);
        for kind in Kind::ALL {
            self.advance_slot(kind, now, fx);
        }
        self.seek_switch(now, fx);
        self.drop_unused_hold(fx);
    }

    /// When to call with [`Input::Timer`], and why.
    #[must_use]
    pub fn wake(&self) -> Option<(Time, Why)> {
        let trial =
            self.journal.attempt.as_ref().and_then(|attempt| Some((attempt.until()?, Why::TrialEnds(attempt.kind()))));
        let fetch = Kind::ALL.into_iter().filter_map(|kind| match self.getting.get(kind) {
            Getting::Later(at) if *at > Time::default() => Some((*at, Why::FetchDue(kind))),
            Getting::Later(_) | Getting::Idle | Getting::Fetching(_) | Getting::Staging(..) => None,
        });
        let asked = match self.hold {
            Hold::Asked { until, .. } => Some((until, Why::HoldDue)),
            Hold::None | Hold::Granted { .. } => None,
        };
        let again = self.hold_after.map(|at| (at, Why::HoldDue));
        fetch.chain(trial).chain(asked).chain(again).min()
    }

    /// The stored state.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The link that counts; the edge links with it after boot and after each [`Effect::Relink`].
    #[must_use]
    pub const fn epoch(&self) -> LinkEpoch {
        self.epoch
    }

    fn persist(&self, fx: &mut Effects) {
        fx.push(Effect::Persist(Box::new(self.journal.clone())));
    }

    fn attempt(&self) -> Option<&Attempt> {
        self.journal.attempt.as_ref()
    }

    fn keeps(&self, rule: Rule) -> bool {
        self.rules.keep(rule)
    }
}

/// Whether the therapy controller carries out this kind's switch (and so knows what is active).
fn by_controller(kind: Kind) -> bool {
    match kind.row().switch {
        Switch::Pointer => true,
        Switch::Bank | Switch::Beside => false,
    }
}

/// Whether this kind switches only under a hold.
fn needs_hold(kind: Kind) -> bool {
    match kind.row().when {
        SwitchWhen::HoldNoProgram | SwitchWhen::Hold => true,
        SwitchWhen::Alone => false,
    }
}

/// Whether therapy lets this kind ask for a hold at all. The controller decides; this only avoids pestering it.
fn therapy_lets(kind: Kind, state: ChannelState) -> bool {
    match kind.row().when {
        SwitchWhen::HoldNoProgram => !state.is_busy(),
        SwitchWhen::Hold | SwitchWhen::Alone => true,
    }
}

/// What a found release is: whole only when the bytes are the ones that its name says.
fn whole(found: &Found) -> Option<wardline_model::ReleaseRef> {
    match found {
        Found::Whole(release, contents) if contents.digest == release.digest => Some(*release),
        Found::Whole(..) | Found::Nothing | Found::Torn => None,
    }
}

#[cfg(test)]
mod tests;
