//! One pump: what it believes, its certificate, its machines, and its bedside.

use wardline_fleet::roll_over::{Believes, Enrols, Issuer, Linked, Seen};
use wardline_model::{
    ChannelState, Decimal, EventBody, HoldSupport, Kind, Lifecycle, Outcome, PumpId, ReleaseRef, SlotState, Span, Time,
};
use wardline_pump::identity::{Held, IdentityRules, IdentityStep, Pins, Successor, next_step};
use wardline_pump::{Boot, Contents, Effect, Expected, Found, Input, Journal, Machine, Rules, Supports};

use super::hub::{BEGINS, Roots, lists, release};
use crate::bedside::Shelved;
use crate::controller::{self, Bedside, Controller, Pointer, Shelf};
use crate::dice::Dice;

/// How long a certificate lasts.
const LASTS: Span = Span::from_days(30);

/// One pump.
pub(super) struct Pump {
    pub(super) id: PumpId,
    pub(super) enrols: Enrols,
    /// It sleeps from the first to the second of these, over and over.
    pub(super) sleeps: Vec<(Time, Time)>,
    pub(super) machine: Machine,
    journal: Option<Box<Journal>>,
    /// The set that is active, the one before, and whether it is on trial.
    active: Option<ReleaseRef>,
    before: Option<ReleaseRef>,
    on_trial: bool,
    /// The root of enrolment: another one only after somebody brought it.
    first: Roots,
    pub(super) certificate: Option<(Issuer, Time, u64)>,
    pub(super) linked: bool,
    pub(super) last_seen: Option<Time>,
    pub(super) goal: u64,
    wants_link: bool,
    therapy: Controller,
    pub(super) counted: Counted,
}

/// What happened, counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) proven: u64,
    pub(super) taken_back: u64,
    pub(super) renewed: u64,
    pub(super) enrolled: u64,
    pub(super) watched: u64,
}

fn library() -> ReleaseRef {
    ReleaseRef { kind: Kind::DrugLibrary, ..release(1) }
}

impl Pump {
    pub(super) fn new(number: usize, dice: &mut Dice) -> Self {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&(number as u64).to_be_bytes());
        let id = PumpId::from_random(bytes);
        let shelf = Shelf { current: Some(library()), previous: None, staged: None, floor: Some(library()) };
        let mut fx = Vec::new();
        let therapy = Controller::power_up(
            Rules::all(),
            HoldSupport::Grants,
            1,
            shelf,
            Pointer::Whole(library()),
            BEGINS,
            &mut fx,
        );
        let issued = BEGINS - Span::from_h(dice.between(0, 20 * 24));
        let mut pump = Self {
            id,
            enrols: if dice.percent(90) { Enrols::ByBirth } else { Enrols::ByCode },
            sleeps: Vec::new(),
            machine: boot(id, None, BEGINS, &mut Vec::new()),
            journal: None,
            active: None,
            before: None,
            on_trial: false,
            first: [true, false],
            certificate: Some((Issuer::Old, issued + LASTS, dice.roll())),
            linked: false,
            last_seen: None,
            goal: 0,
            wants_link: true,
            therapy,
            counted: Counted::default(),
        };
        pump.restart(BEGINS);
        pump
    }

    pub(super) fn sleeps_at(&self, now: Time) -> bool {
        self.sleeps.iter().any(|(from, to)| *from <= now && now < *to)
    }

    /// What it believes now: on trial only what the set adds.
    pub(super) fn roots(&self) -> Roots {
        let of = |set: Option<ReleaseRef>| set.map_or(self.first, |set| lists(Some(set.version.0)));
        let (all, before) = (of(self.active), of(self.before));
        let added = [all[0] && !before[0], all[1] && !before[1]];
        if self.on_trial && added != [false, false] { added } else { all }
    }

    /// Power goes and comes: what was in memory is gone.
    pub(super) fn restart(&mut self, now: Time) {
        let mut fx = Vec::new();
        self.machine = boot(self.id, self.journal.as_deref().cloned(), now, &mut fx);
        self.linked = false;
        self.wants_link = true;
        self.carry_out(fx, now);
    }

    /// Brings one input to the slot machine and carries out what follows.
    pub(super) fn step(&mut self, input: Input, now: Time) {
        let mut fx = Vec::new();
        self.machine.step(input, now, &mut fx);
        self.carry_out(fx, now);
    }

    fn carry_out(&mut self, effects: Vec<Effect>, now: Time) {
        for effect in effects {
            match effect {
                Effect::Persist(journal) => self.journal = Some(journal),
                Effect::Fetch(of) => self.step(Input::Fetched { release: of, result: Ok(Expected::default()) }, now),
                Effect::Stage(of) => self.step(Input::Staged { release: of, result: Ok(()) }, now),
                Effect::Switch { to, .. } => {
                    (self.before, self.active, self.on_trial) = (self.active, Some(to), true);
                    self.step(Input::Switched { kind: Kind::TrustAnchors, to: Some(to), result: Ok(()) }, now);
                }
                Effect::GoBack { to, .. } => {
                    (self.active, self.before, self.on_trial) = (to, None, false);
                    self.counted.taken_back += 1;
                    self.step(Input::Switched { kind: Kind::TrustAnchors, to, result: Ok(()) }, now);
                }
                Effect::Keep(_) => (self.before, self.on_trial) = (None, false),
                Effect::Inspect(kind) => {
                    let contents = |of: ReleaseRef| Contents { digest: of.digest, entries: None, sample: None };
                    let found = self.active.map_or(Found::Nothing, |of| Found::Whole(of, contents(of)));
                    self.step(Input::Found { kind, found }, now);
                }
                Effect::Relink(_) => (self.linked, self.wants_link) = (false, true),
                Effect::Record(EventBody::Attempt { outcome: Outcome::Confirmed, .. }) => self.counted.proven += 1,
                Effect::Record(_)
                | Effect::AskHold(_)
                | Effect::ReleaseHold(_)
                | Effect::Report
                | Effect::Ready
                | Effect::Forget(_) => {}
            }
        }
    }

    /// The real decision about its certificate.
    pub(super) fn identity_step(&self, now: Time) -> Option<IdentityStep> {
        let held = self.certificate.map(|(_, not_after, spread)| Held {
            not_before: not_after - LASTS,
            not_after,
            spread,
            pins: Pins::All,
            successor: Successor::None,
        });
        let (step, due) = next_step(held.as_ref(), now, IdentityRules::all());
        due.is_none().then_some(step)
    }

    pub(super) fn issued(&mut self, by: Issuer, now: Time, spread: u64) {
        self.certificate = Some((by, now + LASTS, spread));
    }

    /// A person gives it the new root at its bedside: what it believed before is gone.
    pub(super) fn given_new_root(&mut self, now: Time) {
        (self.first, self.active, self.before, self.on_trial) = ([false, true], None, None, false);
        self.journal = None;
        self.certificate = None;
        self.goal = 0;
        self.restart(now);
    }

    /// What the hub knows of it.
    pub(super) fn seen(&self) -> Seen {
        let slot = self.machine.report(BEGINS).slots.trust_anchors;
        let proven = slot.active.filter(|_| !matches!(slot.state, SlotState::Trial | SlotState::Switching));
        let lists = proven.map_or(self.first, |set| lists(Some(set.version.0)));
        Seen {
            lifecycle: Lifecycle::InService,
            linked: if self.linked { Linked::Now } else { Linked::Since(self.last_seen) },
            believes: match lists {
                [true, true] => Believes::Both,
                [false, true] => Believes::New,
                [true | false, false] => Believes::Old,
            },
            slot: slot.state,
            certificate: self.certificate.map(|(issuer, ends, _)| (issuer, ends)),
            enrols: self.enrols,
        }
    }

    pub(super) const fn wants_link(&self) -> bool {
        self.wants_link
    }

    pub(super) fn link_came(&mut self, now: Time) {
        (self.linked, self.wants_link, self.last_seen) = (true, false, Some(now));
        let epoch = self.machine.epoch();
        self.step(Input::Hub(wardline_pump::Hub::Reached(epoch)), now);
    }

    pub(super) fn link_went(&mut self, now: Time) {
        if self.linked {
            (self.linked, self.wants_link) = (false, true);
            self.step(Input::Hub(wardline_pump::Hub::Lost), now);
        }
    }

    // ---- the bedside ------------------------------------------------------------------------------------------------

    /// A nurse comes by.
    pub(super) fn nurse(&mut self, now: Time, dice: &mut Dice) {
        let channel = 1;
        let act = match self.therapy.channels()[0].state {
            ChannelState::Idle => Bedside::Program { channel, entry: String::new(), rate: Decimal::from_int(5) },
            ChannelState::Programmed | ChannelState::Paused | ChannelState::KeepVeinOpen => Bedside::Start { channel },
            ChannelState::Infusing if dice.percent(30) => Bedside::Stop { channel },
            ChannelState::Infusing | ChannelState::Bolus | ChannelState::DelayedStart => return,
            ChannelState::Alarming => Bedside::Silence { channel },
        };
        self.bedside(act, now);
    }

    fn bedside(&mut self, act: Bedside, now: Time) {
        let mut fx = Vec::new();
        let shelved = Shelved(Pointer::Whole(library()));
        self.therapy.step(controller::Input::Bedside(act), now, &shelved, &mut fx);
    }

    /// What every channel does, to compare; counts when one is busy.
    pub(super) fn therapy(&mut self) -> Vec<controller::Channel> {
        let channels = self.therapy.channels().to_vec();
        self.counted.watched += u64::from(channels.iter().any(|channel| channel.state.is_busy()));
        channels
    }

    /// What a broken agent might do; for the test of the watcher.
    pub(super) fn stops_therapy(&mut self, now: Time) {
        self.bedside(Bedside::Stop { channel: 1 }, now);
    }
}

fn boot(pump: PumpId, journal: Option<Journal>, now: Time, fx: &mut Vec<Effect>) -> Machine {
    let supports = Supports::only(&[Kind::TrustAnchors]);
    Machine::recover(Boot { pump, journal, supports, rules: Rules::all() }, now, fx)
}
