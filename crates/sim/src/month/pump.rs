//! One pump of the month: what its storage holds whatever happens, and what is in memory while it has power.

use std::collections::VecDeque;

use wardline_model::{Decimal, Digest, Event, HoldSupport, Kind, PumpId, ReleaseRef, Sequence, Time, Version};
use wardline_pump::{
    Boot, Contents, Effect, Found, HoldId, Input, Journal, Machine, Queue, QueueLimits, Session, SessionTimes, Supports,
};

use super::settings::Settings;
use super::ward::Area;
use crate::controller::{self, CHANNELS_MOST, Controller, Pointer, Shelf};
use crate::dice::Dice;

/// How many acknowledged events make the store of events worth writing anew.
const WORTH_COMPACTING: u64 = 200;

/// A pump.
#[derive(Debug)]
pub(super) struct Pump {
    pub(super) id: PumpId,
    pub(super) area: &'static Area,
    pub(super) disk: Disk,
    pub(super) body: Option<Body>,
    pub(super) agent: Option<Agent>,
    /// Grows with each power-up.
    pub(super) life: u32,
    /// Grows with each start of the agent.
    pub(super) agents: u32,
    /// How far the agent's clock is ahead of the world's, in milliseconds.
    pub(super) clock: i64,
    /// The pump loses its power, or its agent, after this many more effects.
    pub(super) doom: Option<Doom>,
    /// No room on the agent's disk until then.
    pub(super) full_until: Time,
    /// No room on the controller's until then.
    pub(super) shelf_full_until: Time,
    /// Out of reach of the radio until then.
    pub(super) away_until: Time,
    /// How many events it can keep.
    pub(super) limits: QueueLimits,
    /// When its certificate ends, by the world's time.
    pub(super) certificate_ends: Time,
}

/// A death that is on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doom {
    pub(super) after: u32,
    pub(super) what: Death,
}

/// What dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// Everything: the power goes.
    Power,
    /// The agent's process.
    Agent,
}

/// What survives a loss of power.
#[derive(Debug)]
pub(super) struct Disk {
    /// The slot journal.
    pub(super) journal: Option<Box<Journal>>,
    /// The events, from `acked` on.
    pub(super) events: VecDeque<Event>,
    /// Everything up to here was acknowledged when the store was last written anew.
    pub(super) acked: Sequence,
    /// How many events were dropped and not counted, as far as it was written.
    pub(super) dropped: u64,
    /// What the controller keeps.
    pub(super) shelf: Shelf,
    /// Where therapy reads the library.
    pub(super) pointer: Pointer,
}

/// The therapy side, while it has power.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) controller: Controller,
    pub(super) writing: Option<ReleaseRef>,
    pub(super) alarm_at: Option<Time>,
}

/// The communication side, while its process lives.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) machine: Machine,
    pub(super) effects: VecDeque<Effect>,
    pub(super) inbox: VecDeque<Input>,
    pub(super) queue: Queue,
    /// Events that the disk has not taken.
    pub(super) unwritten: Vec<Event>,
    pub(super) session: Session,
    pub(super) transport: Transport,
    /// The link that the greeting was said over.
    pub(super) greeted: wardline_pump::LinkEpoch,
    pub(super) attempts: u64,
    pub(super) hold: Option<(HoldId, Time)>,
    pub(super) to_fetch: VecDeque<ReleaseRef>,
    pub(super) fetching: Option<ReleaseRef>,
    pub(super) fetched: Option<ReleaseRef>,
    pub(super) report_at: Option<Time>,
    pub(super) disk_again: Option<Time>,
    pub(super) alarm_at: Option<Time>,
    pub(super) session_at: Option<Time>,
    /// Nobody waits for the beats of its healthy link.
    pub(super) drowsy: bool,
}

/// The connection to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    None,
    Connecting(u64),
    Open(u64),
}

impl Pump {
    pub(super) fn new(number: usize, area: &'static Area) -> Self {
        let first = release(1);
        let shelf = Shelf { current: Some(first), previous: None, staged: None, floor: Some(first) };
        let disk = Disk {
            journal: None,
            events: VecDeque::new(),
            acked: Sequence(0),
            dropped: 0,
            shelf,
            pointer: Pointer::Whole(first),
        };
        // Every tenth pump is an old one with little room, so that queues run full.
        let limits = if number % 10 == 9 { QueueLimits { events: 300 } } else { QueueLimits::default() };
        Self {
            id: id(number),
            area,
            disk,
            body: None,
            agent: None,
            life: 0,
            agents: 0,
            clock: 0,
            doom: None,
            full_until: Time::default(),
            shelf_full_until: Time::default(),
            away_until: Time::default(),
            limits,
            certificate_ends: super::identity::first_ends(number),
        }
    }

    /// This moment by the agent's clock.
    pub(super) fn local(&self, now: Time) -> Time {
        Time::from_unix_ms(now.as_unix_ms().saturating_add_signed(self.clock))
    }

    /// The world's time when the agent's clock will show this.
    pub(super) fn world(&self, local: Time) -> Time {
        Time::from_unix_ms(local.as_unix_ms().saturating_add_signed(-self.clock))
    }

    pub(super) fn is_full(&self, now: Time) -> bool {
        self.full_until > now
    }

    pub(super) fn is_shelf_full(&self, now: Time) -> bool {
        self.shelf_full_until > now
    }

    /// What a read-back of the pointer shows.
    pub(super) fn found(&self, kind: Kind, reads_wrong: impl Fn(ReleaseRef) -> bool) -> Found {
        match self.disk.pointer {
            Pointer::Whole(of) if kind == of.kind => {
                let entries = Some(entries(of) + u64::from(reads_wrong(of)));
                Found::Whole(of, Contents { digest: of.digest, entries, sample: Some(sample(of)) })
            }
            Pointer::Torn if kind == Kind::DrugLibrary => Found::Torn,
            Pointer::Whole(_) | Pointer::Torn | Pointer::Empty => Found::Nothing,
        }
    }

    /// Starts the controller from what the storage holds.
    pub(super) fn power_up(&mut self, settings: &Settings, now: Time, fx: &mut Vec<controller::Effect>) {
        let channels = usize::from(self.area.channels).min(CHANNELS_MOST);
        let (shelf, pointer) = (self.disk.shelf, self.disk.pointer);
        let controller = Controller::power_up(settings.rules, HoldSupport::Grants, channels, shelf, pointer, now, fx);
        self.life += 1;
        self.body = Some(Body { controller, writing: None, alarm_at: None });
    }

    /// Starts the agent from what the disk holds; what it does first is in its list of effects.
    pub(super) fn start_agent(&mut self, settings: &Settings, now: Time, dice: &mut Dice) {
        let local = self.local(now);
        let Disk { events, acked, dropped, .. } = &self.disk;
        // The stored numbers have no gap: they were written in order.
        let queue = Queue::recover(self.limits, *acked, events.iter().cloned(), *dropped)
            .unwrap_or_else(|_| Queue::new(self.limits));
        let bytes = self.disk.journal.as_ref().map(|journal| journal.to_bytes());
        let journal = bytes.and_then(|bytes| Journal::from_bytes(self.id, &bytes).ok());
        let supports = Supports::only(&[Kind::DrugLibrary]);
        let mut fx = Vec::new();
        let machine =
            Machine::recover(Boot { pump: self.id, journal, supports, rules: settings.rules }, local, &mut fx);
        // The first link waits up to a second, so that a ward that powers up together does not knock as one.
        let first = Time::from_unix_ms(now.as_unix_ms() + dice.between(0, 1_000));
        self.agents += 1;
        self.agent = Some(Agent {
            greeted: machine.epoch(),
            machine,
            effects: fx.into(),
            inbox: VecDeque::new(),
            queue,
            unwritten: Vec::new(),
            session: Session::new(SessionTimes::default(), first),
            transport: Transport::None,
            attempts: 0,
            hold: None,
            to_fetch: VecDeque::new(),
            fetching: None,
            fetched: None,
            report_at: None,
            disk_again: None,
            alarm_at: None,
            session_at: None,
            drowsy: false,
        });
    }

    /// Forgets acknowledged events on the disk, now and then, as the store of events does.
    pub(super) fn compact(&mut self) {
        let Some(agent) = &self.agent else { return };
        if agent.queue.acked().0 < self.disk.acked.0 + WORTH_COMPACTING {
            return;
        }
        self.disk.acked = agent.queue.acked();
        self.disk.dropped = agent.queue.uncounted();
        while self.disk.events.front().is_some_and(|event| event.seq <= self.disk.acked) {
            self.disk.events.pop_front();
        }
    }
}

/// The pump with this number.
pub(super) fn id(number: usize) -> PumpId {
    let mut bytes = [0; 16];
    bytes[10..].copy_from_slice(&(number as u64).to_be_bytes()[2..]);
    PumpId::from_random(bytes)
}

/// The number of this pump.
pub(super) fn number(id: PumpId) -> usize {
    let mut bytes = [0; 8];
    bytes[2..].copy_from_slice(&id.as_bytes()[10..]);
    u64::from_be_bytes(bytes) as usize
}

/// The drug library with this version: its digest is made of it.
pub(super) fn release(version: u64) -> ReleaseRef {
    let mut bytes = [0xd1; 32];
    bytes[..8].copy_from_slice(&version.to_be_bytes());
    ReleaseRef { kind: Kind::DrugLibrary, version: Version(version), digest: Digest::from_bytes(bytes), length: 40_960 }
}

/// How many entries a library has, as its signed metadata says.
pub(super) const fn entries(of: ReleaseRef) -> u64 {
    400 + of.version.0
}

/// Its rendered sample.
pub(super) fn sample(of: ReleaseRef) -> String {
    format!("Example drug 1 mg/ml, up to {} ml/h", Decimal::from_int(100 + of.version.0 as i32))
}
