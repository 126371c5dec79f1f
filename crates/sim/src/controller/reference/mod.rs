//! The reference therapy controller: what every pump maker may compare with.
//!
//! It carries out the effects of the pure controller machine on a folder and a socket, and runs channels with believable
//! delivery. People act on it through [`Reference::act`], the agent through [`Reference::converse`]; the two meet only in
//! the machine. Therapy never waits for the port: an act takes the lock, decides, and is done.
//!
//! | module | what it is |
//! |---|---|
//! | `acts` | what a person can do at the bedside, and what comes of it |
//! | `bed` | one channel: program, limits, alarm, delivery |
//! | `books` | parsed libraries |
//! | `carry` | the effects of the machine, carried out |
//! | `clock` | the pump's own clock |
//! | `delivery` | volumes in whole numbers |
//! | `folder` | what is kept on the disk |
//! | `offer`, `trust` | what the agent hands over, and whether it is believed |
//! | `talk` | the socket |

mod acts;
mod bed;
mod books;
mod carry;
mod clock;
mod delivery;
mod folder;
mod offer;
mod talk;
mod trust;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use wardline_agent::sealed::Flush;
use wardline_library::{Library, Program, Snapshot, digest_of};
use wardline_model::{CareArea, ChannelState, HoldSupport, Kind, Model, ReleaseRef, Serial, Time};
use wardline_wire::Say;

use super::machine::{Controller, Effect, Input};
pub use acts::{Act, Confirm, NotDone};
pub use books::Books;
pub use clock::Clock;
pub use delivery::{Delivery, Flow};
pub use folder::Room;
pub use talk::{PortBroken, serve};
pub use trust::Trust;

use bed::Bed;
use folder::Folder;
use offer::Offer;

/// Words that may wait for an agent; older ones are dropped, because a new status says more than an old one.
const MOST_WORDS: usize = 64;
/// Changes that are remembered for a watcher.
const MOST_CHANGES: usize = 1_024;

/// One alarm, by its word on the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmKind {
    /// The line is blocked; delivery stops.
    Occlusion,
    /// A bubble in the line; delivery stops.
    AirInLine,
    /// The battery is nearly empty.
    LowBattery,
}

impl AlarmKind {
    /// The word on the port.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Occlusion => "occlusion",
            Self::AirInLine => "air-in-line",
            Self::LowBattery => "low-battery",
        }
    }
}

/// How one controller is set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where it keeps its state.
    pub folder: PathBuf,
    /// The maker's name for this kind of pump.
    pub model: Model,
    /// The pump's serial number.
    pub serial: Serial,
    /// The care area of the pump, whose part of the library therapy uses.
    pub care_area: CareArea,
    /// How many channels.
    pub channels: u8,
    /// Whether it grants holds.
    pub support: HoldSupport,
    /// Whether writes wait for the disk.
    pub flush: Flush,
    /// What it measures releases against.
    pub trust: Trust,
    /// The root that the maker or hospital pinned; kept at the first start and never replaced by a later setup.
    pub root: Option<Vec<u8>>,
    /// Its clock.
    pub clock: Clock,
    /// Libraries that are already parsed.
    pub books: Arc<Books>,
}

/// One change, for a watcher that believes nothing and looks for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A channel does something else.
    Channel {
        /// From 1.
        channel: u8,
        /// What it does now.
        state: ChannelState,
    },
    /// Therapy reads another library.
    Pointer {
        /// Which.
        to: ReleaseRef,
    },
}

/// What a watcher sees of one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// From 1.
    pub channel: u8,
    /// What it does.
    pub state: ChannelState,
    /// What it has delivered in this infusion, in microlitres.
    pub given_ul: Option<u64>,
    /// The limits that govern it.
    pub limits: Option<Snapshot>,
    /// What is programmed.
    pub program: Option<Program>,
    /// The alarm that sounds.
    pub alarm: Option<AlarmKind>,
}

/// One simulated pump's therapy side. Cheap to clone; all clones are the same pump.
#[derive(Clone)]
pub struct Reference {
    inner: Arc<Mutex<Inner>>,
    /// Rings when there is something to say to the agent or the machine wants to be woken earlier.
    news: Arc<Notify>,
    clock: Clock,
}

struct Inner {
    setup: Setup,
    folder: Folder,
    machine: Controller,
    beds: Vec<Bed>,
    /// What waits for the agent.
    words: VecDeque<Say>,
    /// Which connection is the present one; a newer one replaces an older.
    connection: u64,
    /// The agent's number for the hold that it asks for.
    request: u64,
    incoming: Option<Offer>,
    offered: Option<Offer>,
    /// Why the last offer was refused, in a sentence for the agent's log.
    sentence: String,
    /// Why the last key did nothing.
    refused: Option<super::words::Refused>,
    changes: VecDeque<Change>,
    news: Arc<Notify>,
    /// The bedside time of what is being done now. Read from the clock once for each thing that is done, so that a
    /// moment is one moment for machine, delivery and whoever looks.
    at_ms: u64,
}

impl Reference {
    /// Power comes: the folder is made whole before therapy may start.
    ///
    /// # Errors
    /// What the system said about the folder.
    pub fn power_up(setup: Setup) -> io::Result<Self> {
        let folder = Folder::open(&setup.folder, setup.flush)?;
        setup.root.as_deref().map_or(Ok(()), |root| folder.pin_first(root))?;
        let shelf = folder.shelf();
        let clock = setup.clock.clone();
        let mut fx: Vec<Effect> = Vec::new();
        let mut machine = Controller::power_up(
            wardline_pump::Rules::all(),
            setup.support,
            usize::from(setup.channels),
            shelf,
            folder.pointer(),
            clock.now(),
            &mut fx,
        );
        machine.hurry(clock.speed());
        let beds = machine.channels().iter().map(|_| Bed::empty(clock.now())).collect();
        let news: Arc<Notify> = Arc::default();
        let mut inner = Inner {
            setup,
            folder,
            machine,
            beds,
            words: VecDeque::new(),
            connection: 0,
            request: 0,
            incoming: None,
            offered: None,
            sentence: String::new(),
            refused: None,
            changes: VecDeque::new(),
            news: Arc::clone(&news),
            at_ms: clock.bedside_ms(),
        };
        inner.carry_out(fx);
        Ok(Self { inner: Arc::new(Mutex::new(inner)), news, clock })
    }

    /// Puts a first library into a controller that has none, as the maker or biomed does before a pump is used.
    ///
    /// # Errors
    /// What the system said. A controller that has a library keeps it.
    pub fn commission(&self, library: &Library) -> io::Result<ReleaseRef> {
        let artifact = library.to_canonical_bytes();
        let release = ReleaseRef {
            kind: Kind::DrugLibrary,
            version: library.version(),
            digest: digest_of(&artifact),
            length: artifact.len() as u64,
        };
        let mut inner = self.lock();
        if let Some(current) = inner.machine.shelf().current {
            return Ok(current);
        }
        inner.folder.keep_release(&release, &artifact)?;
        inner.folder.move_pointer(&release)?;
        let mut fx: Vec<Effect> = Vec::new();
        let (shelf, now) = (*inner.machine.shelf(), self.clock.now());
        let (support, channels) = (inner.setup.support, usize::from(inner.setup.channels));
        let pointer = inner.folder.pointer();
        inner.machine =
            Controller::power_up(wardline_pump::Rules::all(), support, channels, shelf, pointer, now, &mut fx);
        inner.machine.hurry(self.clock.speed());
        inner.carry_out(fx);
        let shelf = *inner.machine.shelf();
        inner.folder.keep_shelf(shelf)?;
        Ok(release)
    }

    /// The pump's own clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The library that therapy reads, parsed, after the same self-check that comes before every infusion.
    #[must_use]
    pub fn library(&self) -> Option<Arc<books::Book>> {
        let inner = self.lock();
        inner.book(&inner.machine.shelf().current?)
    }

    /// The release that therapy reads.
    #[must_use]
    pub fn current(&self) -> Option<ReleaseRef> {
        self.lock().machine.shelf().current
    }

    /// The care area of the pump.
    #[must_use]
    pub fn care_area(&self) -> CareArea {
        self.lock().setup.care_area.clone()
    }

    /// What each channel does now.
    #[must_use]
    pub fn look(&self) -> Vec<Seen> {
        let mut inner = self.lock();
        inner.let_time_pass();
        inner.seen()
    }

    /// The changes since the last call, oldest first, and what each channel does now, at one moment.
    #[must_use]
    pub fn changes(&self) -> (Vec<Change>, Vec<Seen>, u64) {
        let mut inner = self.lock();
        inner.let_time_pass();
        let changes = inner.changes.drain(..).collect();
        (changes, inner.seen(), inner.at_ms)
    }

    /// Whether anything is loaded or running.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.lock().machine.channels().iter().any(|channel| channel.state.is_busy())
    }

    /// Fills this pump's disk, or makes room: for the simulation of faults.
    pub fn disk(&self, room: Room) {
        self.lock().folder.set_room(room);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere must not stop a pump.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn now(&self) -> Time {
        self.setup.clock.now()
    }

    fn seen(&self) -> Vec<Seen> {
        let states = self.machine.channels().iter().map(|channel| channel.state);
        (1u8..)
            .zip(states.zip(&self.beds))
            .map(|(channel, (state, bed))| Seen {
                channel,
                state,
                given_ul: bed.run.as_ref().map(|run| run.delivery.given_ul()),
                limits: bed.run.as_ref().map(|run| run.limits.clone()),
                program: bed.run.as_ref().map(|run| run.program),
                alarm: bed.alarm,
            })
            .collect()
    }

    /// What the pump does by itself as time passes: ends of boluses and of volumes.
    fn let_time_pass(&mut self) {
        self.at_ms = self.at_ms.max(self.setup.clock.bedside_ms());
        let at = self.at_ms;
        self.advance_beds(at);
        for channel in 1..=self.setup.channels {
            for act in self.due(channel) {
                self.feed(Input::Bedside(act));
            }
        }
        self.feed(Input::Timer);
    }

    fn advance_beds(&mut self, at_ms: u64) {
        for bed in &mut self.beds {
            if let Some(run) = &mut bed.run {
                run.delivery.advance(at_ms);
            }
        }
    }
}

#[cfg(test)]
mod tests;
