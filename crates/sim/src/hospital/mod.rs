//! A whole hospital on real time and real sockets.
//!
//! Every pump is a real agent that dials a real hub over TLS, with its own therapy controller on the other side of the
//! port, and nurses who use it. Faults can be injected while a watcher compares every pump with what people did to it.
//!
//! | module | what it is |
//! |---|---|
//! | `maker` | an invented pump maker with a CA for birth certificates |
//! | `life` | one pump from power-up to power-down, its agent restarted whenever it dies |
//! | `network` | a proxy that cuts, delays, stalls and spoils a connection |
//! | `faults` | what goes wrong, when, seeded |
//!
//! There is no thread per pump: a pump without nurses costs its agent's task and its controller's.

mod faults;
mod life;
mod maker;
mod network;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use wardline_agent::config::HubPlace;
use wardline_agent::fault::{Fault, Watched};
use wardline_agent::ledger::{Place, Written};
use wardline_agent::outbox::Outbox;
use wardline_agent::sealed::{Flush, SealedError, Sealing};
use wardline_library::Library;
use wardline_model::{CareArea, Model, Serial};

use crate::controller::reference::{Books, Clock, Trust};
use crate::nurse::{Counts, Rounds, Violations, look};

use life::Life;
pub use maker::{Maker, MakerError};
pub use network::{Mood, Network};

/// How often the watcher looks at every pump.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often nurses see whether something is due: a nurse is not more punctual.
const VISIT_EVERY: Duration = Duration::from_millis(250);

/// One pump of the hospital, as its list of pumps says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PumpPlace {
    /// The maker's name for the kind of pump.
    pub model: Model,
    /// The serial number.
    pub serial: Serial,
    /// The care area.
    pub care_area: CareArea,
}

impl From<&wardline_fleet::manifest::Line> for PumpPlace {
    fn from(line: &wardline_fleet::manifest::Line) -> Self {
        Self { model: line.model.clone(), serial: line.serial.clone(), care_area: line.care_area.clone() }
    }
}

/// Whether people use the pumps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nurses {
    /// They do.
    #[default]
    AtWork,
    /// Nobody does: for load tests.
    Away,
}

/// Whether things go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Faults {
    /// Only what goes wrong by itself.
    #[default]
    None,
    /// Agents die at random effects, networks fail, pumps lose power, disks are full, clocks are wrong.
    Injected,
}

/// How far the hospital is with starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Pumps that have power and an agent that runs.
    pub started: usize,
    /// All pumps.
    pub pumps: usize,
}

/// What a hospital is made of.
pub struct HospitalConfig {
    /// Where all pumps keep their state, a folder each by serial number.
    pub folder: PathBuf,
    /// The pumps.
    pub pumps: Vec<PumpPlace>,
    /// Where the hub is.
    pub hub: HubPlace,
    /// The file with the hospital's root certificate, PEM, that every pump believes at its first enrolment.
    pub hub_root: PathBuf,
    /// The maker of the pumps.
    pub maker: Maker,
    /// The library that every pump has when it comes from the maker or biomed.
    pub library: Library,
    /// The first TUF root, pinned in every therapy controller.
    pub release_root: Option<Vec<u8>>,
    /// What therapy controllers measure a release against.
    pub trust: Trust,
    /// The seed of nurses and faults.
    pub seed: u64,
    /// How much faster the bedside runs than real time. 20 is a good pace to watch.
    pub speed: u32,
    /// Whether people use the pumps.
    pub nurses: Nurses,
    /// Whether things go wrong.
    pub faults: Faults,
    /// How long from the start of one pump to the next.
    pub ramp: Duration,
    /// Whether writes wait for the disk.
    pub flush: Flush,
    /// Called whenever another pump has started.
    pub progress: Option<Box<dyn Fn(Progress) + Send + Sync>>,
}

/// Why a hospital did not start.
#[derive(Debug, thiserror::Error)]
pub enum HospitalError {
    /// A pump's folder or socket could not be made.
    #[error("pump {serial} could not be set up: {source}")]
    Pump {
        /// Which.
        serial: Serial,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its birth certificate could not be made.
    #[error("pump {serial} got no birth certificate: {source}")]
    Birth {
        /// Which.
        serial: Serial,
        /// What was wrong.
        source: MakerError,
    },
}

/// What went wrong on purpose, counted.
#[derive(Debug, Default)]
pub(crate) struct Mishaps {
    pub(crate) killed: AtomicU64,
    pub(crate) networks: AtomicU64,
    pub(crate) resets: AtomicU64,
    pub(crate) outages: AtomicU64,
    pub(crate) full_disks: AtomicU64,
    pub(crate) wrong_clocks: AtomicU64,
}

/// What came of it all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many pumps.
    pub pumps: usize,
    /// How many have power now.
    pub powered: usize,
    /// What nurses did.
    pub nurses: Counts,
    /// What must never happen.
    pub violations: Violations,
    /// Agents that died at one of their effects and were started again.
    pub agents_killed: u64,
    /// Networks of single pumps that failed for a while.
    pub networks_failed: u64,
    /// Times at which every connection to the hub was cut at once.
    pub links_reset: u64,
    /// Pumps that lost their power.
    pub outages: u64,
    /// Disks that were full for a while.
    pub full_disks: u64,
    /// Pumps whose clock was wrong for a while.
    pub wrong_clocks: u64,
}

/// What one pump's agent kept over all its lives, to be compared with what the hub holds (N11).
#[derive(Clone, Debug)]
pub struct Witness {
    /// The pump.
    pub serial: Serial,
    watched: Arc<Watched>,
    agent: wardline_agent::config::Config,
}

impl Witness {
    /// What the agent kept and what was acknowledged to it.
    #[must_use]
    pub fn written(&self) -> Written {
        self.watched.ledger.read()
    }

    /// What still waits on the pump, once its agent has ended: which events, by their places.
    ///
    /// # Errors
    /// Those of the pump's folder.
    pub fn waiting(&self) -> Result<BTreeSet<Place>, SealedError> {
        let sealing = Sealing::of(&self.agent, Fault::none())?;
        let outbox = Outbox::open(&self.agent.state.join("events"), &sealing, self.agent.queue_events)?;
        Ok(outbox.waiting().map(|event| (outbox.journal_id(), event.seq.0)).collect())
    }
}

struct Shared {
    lives: Mutex<Vec<Arc<Life>>>,
    rounds: Mutex<Rounds>,
    violations: Mutex<Violations>,
    mishaps: Mishaps,
    clock: Clock,
}

/// A running hospital. Dropping it ends every pump at once; [`Hospital::stop`] ends them in order.
pub struct Hospital {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Hospital {
    /// Starts every pump, one after the other, and comes back when the last has started.
    ///
    /// # Errors
    /// [`HospitalError`] for the first pump that could not be set up; those before it are ended.
    pub async fn start(config: HospitalConfig) -> Result<Self, HospitalError> {
        let (stop, stopped) = watch::channel(false);
        let clock = Clock::running(config.speed);
        let shared = Arc::new(Shared {
            lives: Mutex::default(),
            rounds: Mutex::new(Rounds::new(config.seed)),
            violations: Mutex::default(),
            mishaps: Mishaps::default(),
            clock: clock.clone(),
        });
        let mut hospital = Self { shared: Arc::clone(&shared), stop, tasks: Vec::new() };
        hospital.people(&config, &stopped);
        let books: Arc<Books> = Arc::default();
        for (number, place) in (1..).zip(&config.pumps) {
            let life = Life::set_up(&config, place, &clock, &books).await?;
            if config.nurses == Nurses::AtWork {
                lock(&shared.rounds).add(Arc::clone(&life.station), clock.bedside_ms());
            }
            lock(&shared.lives).push(Arc::clone(&life));
            // A task each: a pump lives by itself.
            let (shared, stopped) = (Arc::clone(&shared), stopped.clone());
            hospital.tasks.push(tokio::spawn(async move { life.live(&shared.mishaps, stopped).await }));
            if let Some(progress) = &config.progress {
                progress(Progress { started: number, pumps: config.pumps.len() });
            }
            if !config.ramp.is_zero() {
                tokio::time::sleep(config.ramp).await;
            }
        }
        if config.faults == Faults::Injected {
            let (shared, stopped) = (Arc::clone(&shared), stopped.clone());
            let seed = config.seed;
            hospital.tasks.push(tokio::spawn(async move { faults::inject(&shared, seed, stopped).await }));
        }
        Ok(hospital)
    }

    /// What came of it until now.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let lives = lock(&self.shared.lives).clone();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mishaps = &self.shared.mishaps;
        Summary {
            pumps: lives.len(),
            powered: lives.iter().filter(|life| life.station.pump().is_ok()).count(),
            nurses: lock(&self.shared.rounds).counts,
            violations: lock(&self.shared.violations).clone(),
            agents_killed: count(&mishaps.killed),
            networks_failed: count(&mishaps.networks),
            links_reset: count(&mishaps.resets),
            outages: count(&mishaps.outages),
            full_disks: count(&mishaps.full_disks),
            wrong_clocks: count(&mishaps.wrong_clocks),
        }
    }

    /// What each agent keeps, for whoever compares it with the hub. It stays readable after [`Hospital::stop`].
    #[must_use]
    pub fn witnesses(&self) -> Vec<Witness> {
        lock(&self.shared.lives).iter().map(|life| life.witness()).collect()
    }

    /// The therapy side's library version of each pump that has power, by serial number.
    #[must_use]
    pub fn libraries(&self) -> Vec<(Serial, Option<wardline_model::Version>)> {
        let lives = lock(&self.shared.lives).clone();
        let version = |life: &Life| life.station.pump().ok()?.current().map(|release| release.version);
        lives.iter().map(|life| (life.serial().clone(), version(life))).collect()
    }

    /// Ends every pump and gives what came of it all.
    pub async fn stop(mut self) -> Summary {
        let _ = self.stop.send(true);
        for task in std::mem::take(&mut self.tasks) {
            // A task that ended by itself has nothing to say.
            let _ = task.await;
        }
        self.summary()
    }

    /// Nurses and watcher: two tasks for the whole hospital, which end by themselves.
    fn people(&mut self, config: &HospitalConfig, stopped: &watch::Receiver<bool>) {
        if config.nurses == Nurses::Away {
            return;
        }
        let (shared, mut stop) = (Arc::clone(&self.shared), stopped.clone());
        self.tasks.push(tokio::spawn(async move {
            while !pause(VISIT_EVERY, &mut stop).await {
                lock(&shared.rounds).visit(shared.clock.bedside_ms());
            }
        }));
        let (shared, mut stop) = (Arc::clone(&self.shared), stopped.clone());
        self.tasks.push(tokio::spawn(async move {
            while !pause(LOOK_EVERY, &mut stop).await {
                let lives = lock(&shared.lives).clone();
                for life in lives {
                    let found = look(life.serial().as_str(), &life.station);
                    lock(&shared.violations).add(found);
                }
            }
        }));
    }
}

impl Drop for Hospital {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Waits; true when the hospital is to stop.
pub(crate) async fn pause(span: Duration, stop: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = tokio::time::sleep(span) => false,
        _ = stop.wait_for(|stop| *stop) => true,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for Summary {
    /// A few lines for the end of a demonstration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { infusions, acts, alarms, refused, waited } = self.nurses;
        writeln!(f, "{} pumps, {} with power", self.pumps, self.powered)?;
        writeln!(
            f,
            "nurses: {infusions} infusions, {acts} acts, {alarms} alarms, {refused} doses stopped by a hard limit"
        )?;
        writeln!(f, "{waited} programs waited a moment for a library switch")?;
        writeln!(
            f,
            "on purpose: {} agents killed, {} networks failed, {} times every link cut, {} power losses, {} full disks, \
             {} wrong clocks on pumps",
            self.agents_killed,
            self.networks_failed,
            self.links_reset,
            self.outages,
            self.full_disks,
            self.wrong_clocks
        )?;
        write!(f, "{} looks at a bedside, {} never events", self.violations.looks, self.violations.total())?;
        for (id, count) in &self.violations.count {
            write!(f, "\n  {id}: {count}")?;
        }
        for found in &self.violations.stories {
            write!(f, "\n  {} {}", found.id, found.story)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
