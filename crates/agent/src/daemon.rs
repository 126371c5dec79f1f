//! The one loop that owns the agent's state.
//!
//! It brings what happens (the controller speaks, the link comes and goes, a download ends, a time comes) to the pure
//! machine of crate `pump`, and carries out what the machine says, in order. It decides nothing about therapy. Nothing
//! the network does makes it stop listening to the controller, and the controller waits for none of it (N1, N5).
//!
//! | file | what it is |
//! |---|---|
//! | `daemon.rs` | start, loop, time |
//! | `life.rs` | from the lock on the state folder to the wipe |
//! | `carry.rs` | the machine's effects, carried out |
//! | `heard.rs` | what the controller and the hub say, as inputs of the machine |
//! | `who.rs` | identity, goal key, downloads |
//! | `status.rs` | what `wardline-agent status` shows |

mod carry;
mod heard;
mod life;
mod status;
#[cfg(test)]
mod tests;
mod who;

pub use status::{Status, read_status};
pub use who::Known;

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use wardline_model::{EventBody, HoldSupport, Kind, PumpId, ReleaseRef, Report, SlotState, Time};
use wardline_pump::{Boot, Effect, Expected, FetchProblem, Input, Journal, LinkEpoch, Machine, Rules, Supports};
use wardline_wire::link::{Posture, pump_frame};

use crate::clock::{self, now};
use crate::config::Config;
use crate::controller::{Bundle, Place, Port};
use crate::fault::{Fault, Killed};
use crate::identity::{Farewell, KeyHome};
use crate::outbox::Outbox;
use crate::sealed::{SealedError, Sealing};
use crate::session::Session;
use crate::trust::Trust;
use life::{Renewal, live};
use who::Who;

/// How long reports are gathered before one is sent: a nurse who titrates makes one report, not ten.
const REPORT_AFTER: Duration = Duration::from_millis(500);

/// How long after a failed write the next one is tried.
const DISK_AGAIN: Duration = Duration::from_secs(5);

/// Why an agent ended although nobody asked it to.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another agent works on the same state folder.
    #[error("another agent is running on {0}; two on the same folder would spoil it")]
    InUse(String),
    /// The state folder cannot be used.
    #[error("the state folder cannot be used: {0}")]
    State(#[from] SealedError),
    /// A test let the agent die.
    #[error(transparent)]
    Killed(#[from] Killed),
}

/// Runs one pump's agent until `stop` is done.
///
/// # Errors
/// [`DaemonError`] when it cannot start on its state folder. What goes wrong later is tried again, not given up.
pub async fn run(config: Config, controller: Place, stop: impl Future<Output = ()>) -> Result<(), DaemonError> {
    run_with(config, controller, Fault::none(), stop).await
}

/// As [`run`], and the certificate is renewed at once, whatever its age: for drills and tests.
///
/// # Errors
/// As [`run`].
pub async fn run_renewing(
    config: Config,
    controller: Place,
    stop: impl Future<Output = ()>,
) -> Result<(), DaemonError> {
    run_renewing_with(config, controller, Fault::none(), stop).await
}

/// As [`run_renewing`], with a fault that lets it die at one of its effects.
///
/// # Errors
/// As [`run_with`].
pub async fn run_renewing_with(
    config: Config,
    controller: Place,
    fault: Fault,
    stop: impl Future<Output = ()>,
) -> Result<(), DaemonError> {
    live(config, controller, fault, None, Renewal::AtOnce, stop).await
}

/// As [`run`], with a fault that lets it die at one of its effects.
///
/// # Errors
/// As [`run`], and [`DaemonError::Killed`].
pub async fn run_with(
    config: Config,
    controller: Place,
    fault: Fault,
    stop: impl Future<Output = ()>,
) -> Result<(), DaemonError> {
    match fault.observer().cloned() {
        None => live(config, controller, fault, None, Renewal::WhenDue, stop).await,
        // Boxed, so that an agent that nobody watches has no room for it.
        Some(watched) => {
            let watched_life = live(config, controller, fault, None, Renewal::WhenDue, stop);
            Box::pin(clock::WATCHED.scope(watched, watched_life)).await
        }
    }
}

/// As [`run_with`], as a pump whose identity is given: for simulated pumps that were enrolled in bulk, and for tests.
///
/// # Errors
/// As [`run_with`].
pub async fn run_as(
    known: Known,
    config: Config,
    controller: Place,
    fault: Fault,
    stop: impl Future<Output = ()>,
) -> Result<(), DaemonError> {
    live(config, controller, fault, Some(known), Renewal::WhenDue, stop).await
}

/// Why the loop ended without trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// It was asked to.
    Stopped,
    /// The hub ordered the pump wiped, and that is written down.
    Wiping,
}

type Fetching = std::pin::Pin<Box<dyn Future<Output = (ReleaseRef, Result<(Expected, Bundle), FetchProblem>)> + Send>>;

struct Daemon {
    config: Config,
    sealing: Sealing,
    /// The hub ordered this pump wiped.
    farewell: Option<Farewell>,
    wipe_again: Option<Instant>,
    outbox: Outbox,
    session: Session,
    port: Port,
    identity: Who,
    trust: Trust,
    machine: Option<Machine>,
    effects: VecDeque<Effect>,
    fetching: Option<Fetching>,
    to_fetch: VecDeque<ReleaseRef>,
    /// What was fetched and is being staged. At most one: a drug library may have 16 MiB.
    fetched: Option<(ReleaseRef, Bundle)>,
    hold: HoldOnPort,
    hold_support: HoldSupport,
    kinds: Vec<Kind>,
    boot: [u8; 16],
    link_epoch: LinkEpoch,
    report_at: Option<Instant>,
    /// The hub holds this pump at a level at which it takes no events: what its posture is to answer.
    held: Option<Vec<u8>>,
    disk_again: Option<Instant>,
    status: status::Writer,
}

/// The hold as the port knows it.
#[derive(Debug, Default)]
struct HoldOnPort {
    requests: u64,
    asked: Option<u64>,
    granted: Option<(u64, Instant)>,
}

impl Daemon {
    fn start(config: Config, controller: Place, sealing: Sealing, known: Option<Known>) -> Result<Self, DaemonError> {
        // The agent's own tests, which let it die at every effect, do not wait for the back-off either. Nobody else is let
        // off it: simulated pumps must not knock harder than real ones.
        let is_tested = cfg!(test) && sealing.fault().is_set();
        let mut outbox = Outbox::open(&config.state.join("events"), &sealing, config.queue_events)?;
        let started = EventBody::Started { agent: crate::VERSION.to_owned() };
        keep(outbox.record(now(), [started]))?;
        let mut boot = [0; 16];
        // A boot id of zeros only makes a restart look like a reconnect.
        let _ = aws_lc_rs::rand::fill(&mut boot);
        let trust = Trust::open(&config.state, &sealing);
        let identity = known.map_or_else(|| Who::begin(&config, &sealing, &trust), Who::given);
        let status = status::Writer::new(&config);
        let session = if is_tested { Session::new(|| 0) } else { Session::default() };
        let mut daemon = Self {
            config,
            session: session.with_slow_key(KeyHome::of(&sealing).is_slow()),
            sealing,
            outbox,
            port: Port::new(controller),
            identity,
            trust,
            machine: None,
            effects: VecDeque::new(),
            fetching: None,
            to_fetch: VecDeque::new(),
            fetched: None,
            hold: HoldOnPort::default(),
            hold_support: HoldSupport::Unknown,
            kinds: Vec::new(),
            boot,
            link_epoch: LinkEpoch::default(),
            report_at: None,
            held: None,
            disk_again: None,
            status,
            farewell: None,
            wipe_again: None,
        };
        daemon.known_identity();
        Ok(daemon)
    }

    /// Begins to work as the pump that the identity names: its slot machine recovers, and the link is tried.
    fn begin_as(&mut self, pump: PumpId) {
        if self.machine.is_some() {
            return;
        }
        let journal = match self.sealing.read(&self.slots_path()) {
            Ok(None) => None,
            Ok(Some(bytes)) => {
                Journal::from_bytes(pump, &bytes).inspect_err(|error| tracing::error!(%error, "the slot journal")).ok()
            }
            Err(error) => {
                tracing::error!(%error, "the slot journal; the pump starts from what it finds in its slots");
                None
            }
        };
        // A pump whose identity was given to it ready-made cannot change whom it believes.
        let kinds: &[Kind] =
            if self.identity.is_own() { &[Kind::TrustAnchors, Kind::DrugLibrary] } else { &[Kind::DrugLibrary] };
        let boot = Boot { pump, journal, supports: Supports::only(kinds), rules: Rules::all() };
        let mut fx = Vec::new();
        let mut machine = Machine::recover(boot, now(), &mut fx);
        if self.port.is_up() {
            // It greeted before the pump knew who it was.
            machine.step(Input::Controller(wardline_pump::Controller::Present(self.hold_support)), now(), &mut fx);
            self.port.ask(wardline_wire::Ask::Status);
        }
        self.machine = Some(machine);
        self.effects.extend(fx);
    }

    fn slots_path(&self) -> std::path::PathBuf {
        self.config.state.join("slots")
    }

    async fn work(&mut self, mut stop: Pin<&mut impl Future<Output = ()>>) -> Result<Ended, DaemonError> {
        loop {
            if self.begin_to_wipe()? {
                return Ok(Ended::Wiping);
            }
            self.carry_out()?;
            self.send_what_waits()?;
            let wake = self.next_wake();
            tokio::select! {
                biased;
                () = stop.as_mut() => {
                    self.session.stop();
                    return Ok(Ended::Stopped);
                }
                heard = self.port.next() => self.heard(heard)?,
                happened = self.session.next() => self.happened(happened)?,
                (release, result) = ready(&mut self.fetching) => self.fetch_ended(release, result),
                who = self.identity.next() => self.identity_changed(who)?,
                () = sleep_until(wake) => self.time_came(),
            }
        }
    }

    /// Brings one input to the machine.
    fn step(&mut self, input: Input) {
        if let Some(machine) = &mut self.machine {
            let mut fx = Vec::new();
            machine.step(input, now(), &mut fx);
            self.effects.extend(fx);
        }
    }

    fn next_wake(&self) -> Instant {
        let machine = self.machine.as_ref().and_then(Machine::wake).map(|(at, _)| instant(at));
        let hold = self.hold.granted.map(|(_, until)| until);
        let report = self.report_at.filter(|_| self.session.is_up());
        [machine, hold, report, self.disk_again, self.wipe_again].into_iter().flatten().min().unwrap_or_else(far_away)
    }

    fn time_came(&mut self) {
        let now = Instant::now();
        if let Some((hold, until)) = self.hold.granted
            && until <= now
        {
            self.hold.granted = None;
            self.step(Input::Controller(wardline_pump::Controller::HoldBroken(wardline_pump::HoldId(hold))));
        }
        for again in [&mut self.disk_again, &mut self.wipe_again] {
            again.take_if(|at| *at <= now);
        }
        self.step(Input::Timer);
    }

    /// Sends events and the report, as much as the link takes.
    fn send_what_waits(&mut self) -> Result<(), Killed> {
        if !self.session.is_up() {
            return Ok(());
        }
        while self.held.is_none()
            && self.session.has_room()
            && let Some(events) = self.outbox.next_frame()
        {
            self.sealing.fault().effect()?;
            self.session.send(pump_frame::Body::Events(events));
        }
        if self.session.has_room()
            && self.report_at.is_some_and(|at| at <= Instant::now())
            && let Some(machine) = &self.machine
        {
            self.sealing.fault().effect()?;
            let report = machine.report(now());
            if self.session.send(pump_frame::Body::Report((&report).into())) {
                self.report_at = None;
                self.say_posture(&report);
            }
            self.status.report(&report);
        }
        Ok(())
    }

    /// A pump that is held says what the hub may give it back on, beside each report.
    fn say_posture(&mut self, report: &Report) {
        let Some(nonce) = self.held.clone() else { return };
        let settled = Kind::ALL.into_iter().all(|kind| {
            let slot = report.slots.get(kind);
            slot.state == SlotState::Settled && slot.next.is_none()
        });
        let mut posture = Posture {
            nonce,
            at: report.at.as_unix_ms(),
            generation: report.generation.0,
            settled,
            agent: crate::VERSION.to_owned(),
            signature: Vec::new(),
        };
        // A pump without a key of its own, as some simulated ones, cannot prove anything.
        if let Some(signature) = self.identity.sign(&wardline_wire::posture::signed_bytes(report.pump, &posture)) {
            posture.signature = signature;
            self.session.send(pump_frame::Body::Posture(posture));
        }
    }

    fn report_soon(&mut self) {
        self.report_at.get_or_insert_with(|| Instant::now() + REPORT_AFTER);
    }
}

/// A full or failing disk does not end the agent: what could not be kept is counted and said later.
fn keep(result: Result<(), SealedError>) -> Result<(), Killed> {
    match result {
        Ok(()) => Ok(()),
        Err(SealedError::Killed(killed)) => Err(killed),
        Err(error) => {
            tracing::error!(%error, "an event could not be kept; it is counted as dropped");
            Ok(())
        }
    }
}

/// Ready when the future is there and done.
async fn ready<T>(future: &mut Option<std::pin::Pin<Box<dyn Future<Output = T> + Send>>>) -> T {
    match future {
        Some(running) => {
            let done = running.await;
            *future = None;
            done
        }
        None => std::future::pending().await,
    }
}

/// When this moment by the pump's clock will be, at most an hour from now: a clock that jumps must not make it sleep.
fn instant(at: Time) -> Instant {
    Instant::now() + Duration::from_millis(at.since(now()).as_ms()).min(Duration::from_secs(3_600))
}

fn far_away() -> Instant {
    Instant::now() + Duration::from_secs(86_400)
}
