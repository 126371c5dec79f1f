//! One pump: its power, its controller, its agent, its network.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use wardline_agent::config::{Config, Enrolment, HubPlace};
use wardline_agent::controller::Place;
use wardline_agent::daemon::{DaemonError, run_with};
use wardline_agent::fault::{Fault, Watched};
use wardline_model::{HoldSupport, Serial, Time};

use crate::controller::reference::{Books, Clock, Reference, Setup};
use crate::dice::Dice;
use crate::nurse::Station;

use super::network::Network;
use super::{Faults, HospitalConfig, HospitalError, Mishaps, Mood, Nurses, PumpPlace, Witness, pause};

/// Channels of one simulated pump.
const CHANNELS: u8 = 2;
/// Events that a simulated pump keeps: the fewest that an agent accepts.
const QUEUE: u32 = 1_000;
/// What travels between agent and controller at once.
const PIPE: usize = 64 * 1024;
/// How soon a dead agent is started again.
const AGAIN: Duration = Duration::from_secs(2);

/// One pump.
pub(super) struct Life {
    pub(super) station: Arc<Station>,
    setup: Setup,
    config: Config,
    faults: Faults,
    dice: AtomicU64,
    /// One for all lives of the agent, while nurses and a watcher are there.
    watched: Option<Arc<Watched>>,
    power: watch::Sender<bool>,
    networks: Vec<Network>,
}

impl Life {
    pub(super) async fn set_up(
        config: &HospitalConfig,
        place: &PumpPlace,
        clock: &Clock,
        books: &Arc<Books>,
    ) -> Result<Arc<Self>, HospitalError> {
        let serial = place.serial.clone();
        let failed = |source| HospitalError::Pump { serial: serial.clone(), source };
        let folder = config.folder.join(folder_name(&serial));
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let birth = config
            .maker
            .birth(&folder, &place.model, &serial, now())
            .map_err(|source| HospitalError::Birth { serial: serial.clone(), source })?;
        let setup = Setup {
            folder: folder.join("controller"),
            model: place.model.clone(),
            serial: serial.clone(),
            care_area: place.care_area.clone(),
            channels: CHANNELS,
            support: HoldSupport::Grants,
            flush: config.flush,
            trust: config.trust,
            root: config.release_root.clone(),
            clock: clock.clone(),
            books: Arc::clone(books),
        };
        let pump = Reference::power_up(setup.clone()).map_err(failed)?;
        pump.commission(&config.library).map_err(failed)?;
        let mut hub = config.hub.clone();
        let networks = between(&mut hub, config.faults).await.map_err(failed)?;
        let enrolment =
            Enrolment::Birth { root: config.hub_root.clone(), certificate: birth.certificate, key: birth.key };
        let config_of_agent = Config {
            state: folder.join("agent"),
            device_key: None,
            keys: Default::default(),
            hub,
            controller: None,
            model: place.model.clone(),
            serial,
            enrolment,
            flush: config.flush,
            queue_events: QUEUE,
        };
        let seed = config.seed ^ setup.serial.as_str().bytes().fold(0, |sum: u64, byte| sum * 31 + u64::from(byte));
        Ok(Arc::new(Self {
            station: Arc::new(Station::new(pump)),
            setup,
            config: config_of_agent,
            faults: config.faults,
            dice: AtomicU64::new(seed),
            watched: (config.nurses == Nurses::AtWork).then(Arc::default),
            power: watch::channel(true).0,
            networks,
        }))
    }

    pub(super) const fn serial(&self) -> &Serial {
        &self.setup.serial
    }

    /// Lives until the hospital stops: the agent is started whenever there is power, and again whenever it died.
    pub(super) async fn live(&self, mishaps: &Mishaps, mut stop: watch::Receiver<bool>) {
        let mut power = self.power.subscribe();
        loop {
            tokio::select! {
                on = power.wait_for(|on| *on) => if on.is_err() { return },
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let Ok(pump) = self.station.pump() else {
                if pause(AGAIN, &mut stop).await {
                    return;
                }
                continue;
            };
            let mut stopping = stop.clone();
            tokio::select! {
                // Power loss drops the agent where it is.
                _ = power.wait_for(|on| !*on) => {}
                ended = self.agent(pump, stop.clone()) => match ended {
                    Ok(()) => {}
                    Err(DaemonError::Killed(_)) => {
                        mishaps.killed.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) => tracing::error!(serial = %self.setup.serial, %error, "an agent ended"),
                },
            }
            if *stopping.borrow_and_update() || pause(AGAIN, &mut stop).await {
                return;
            }
        }
    }

    async fn agent(&self, pump: Reference, mut stop: watch::Receiver<bool>) -> Result<(), DaemonError> {
        let (near, far) = tokio::io::duplex(PIPE);
        let fault = match self.faults {
            Faults::None => Fault::none(),
            Faults::Injected => Fault::after(Dice::new(self.dice.fetch_add(1, Ordering::Relaxed)).between(20, 800)),
        };
        let fault = match &self.watched {
            Some(watched) => fault.watched(Arc::clone(watched)),
            None => fault,
        };
        let stopped = async move {
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let agent = Box::pin(run_with(self.config.clone(), Place::Stream(Box::new(near)), fault, stopped));
        tokio::select! {
            ended = agent => ended,
            // The controller closes the port only when the agent broke the contract; therapy goes on alone.
            broken = pump.converse(far) => {
                if let Err(error) = broken {
                    tracing::error!(serial = %self.setup.serial, %error, "the controller closed its port");
                }
                Ok(())
            }
        }
    }

    /// How this pump's network is from now on.
    pub(super) fn network(&self, mood: Mood) {
        for network in &self.networks {
            network.set(mood);
        }
    }

    /// The pump's clock is this many milliseconds ahead from now on, as the agent reads it.
    pub(super) fn clock_ahead(&self, ms: i64) {
        if let Some(watched) = &self.watched {
            watched.clock_ahead_ms.store(ms, Ordering::Relaxed);
        }
    }

    /// What the agent keeps over all its lives.
    pub(super) fn witness(&self) -> Witness {
        let watched = self.watched.clone().unwrap_or_default();
        Witness { serial: self.setup.serial.clone(), watched, agent: self.config.clone() }
    }

    /// The pump loses its power; its infusions end at the bedside.
    pub(super) fn power_off(&self) {
        self.station.cut_power();
        self.power.send_replace(false);
    }

    /// Power comes back: the controller makes its folder whole before anything else.
    pub(super) fn power_on(&self) {
        match Reference::power_up(self.setup.clone()) {
            Ok(pump) => {
                self.station.power(pump);
                self.power.send_replace(true);
            }
            Err(error) => tracing::error!(serial = %self.setup.serial, %error, "a controller did not power up"),
        }
    }

    /// The controller's disk is full, or has room again.
    pub(super) fn disk(&self, room: crate::controller::reference::Room) {
        if let Ok(pump) = self.station.pump() {
            pump.disk(room);
        }
    }
}

/// With faults, the pump dials proxies of its own.
async fn between(hub: &mut HubPlace, faults: Faults) -> std::io::Result<Vec<Network>> {
    let mut networks = Vec::new();
    if faults == Faults::Injected {
        for place in [&mut hub.link, &mut hub.est] {
            let network = Network::to(place).await?;
            network.place().clone_into(place);
            networks.push(network);
        }
    }
    Ok(networks)
}

/// A serial number is data; a folder's name is letters, digits and dashes.
fn folder_name(serial: &Serial) -> PathBuf {
    serial
        .as_str()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .collect::<String>()
        .into()
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
