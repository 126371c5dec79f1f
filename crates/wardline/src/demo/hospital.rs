//! The simulated hospital beside the hub: every pump is the real agent over real TLS, with its own therapy controller and
//! nurses. What came of it is told at the end, broken promises first.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;
use wardline_agent::config::HubPlace;
use wardline_agent::sealed::Flush;
use wardline_fleet::manifest::Line;
use wardline_library::Library;
use wardline_sim::controller::reference::Trust;
pub use wardline_sim::hospital::Faults;
use wardline_sim::hospital::{self, HospitalConfig, Maker, Nurses, PumpPlace, Summary, Witness};

use super::hub::Hub;
use super::status::Progress;
use crate::data::DataFolder;
use crate::print;

/// From the start of one pump to the next: 200 pumps are up in ten seconds.
const RAMP: Duration = Duration::from_millis(50);

/// A running hospital.
pub struct Hospital {
    running: hospital::Hospital,
    pumps: u64,
}

/// The invented maker of the pumps, whose root the hub is told to believe.
pub fn maker(folder: &DataFolder) -> anyhow::Result<Maker> {
    Ok(Maker::open_or_invent(&folder.pumps().join("maker"), print::now())?)
}

/// What a hospital is opened with.
pub struct Opening<'a> {
    /// The hub that the pumps dial.
    pub hub: &'a Hub,
    /// Where they keep what they keep.
    pub folder: &'a DataFolder,
    /// Who made them.
    pub maker: Maker,
    /// Which pumps.
    pub list: &'a [Line],
    /// The library that they come with.
    pub library: Library,
    /// The first TUF root, which their therapy controllers pin.
    pub release_root: Option<Vec<u8>>,
    /// Whether things go wrong.
    pub faults: Faults,
    /// How much faster than real time the bedside runs.
    pub speed: u32,
    /// What nurses and faults are drawn from.
    pub seed: u64,
}

impl Hospital {
    /// Gives every pump power and its agent.
    pub fn start(runtime: &Runtime, opening: Opening<'_>) -> anyhow::Result<Self> {
        let Opening { hub, folder, maker, list, library, release_root, faults, speed, seed } = opening;
        let (link, est) = hub.places();
        let starting = Mutex::new(Progress::new("Starting", list.len() as u64));
        let config = HospitalConfig {
            folder: folder.pumps(),
            pumps: list.iter().map(PumpPlace::from).collect(),
            hub: HubPlace { link: link.to_string(), est: est.to_string(), name: wardline_hub::config::HUB_NAME.into() },
            hub_root: hub.root_file().to_owned(),
            maker,
            library,
            release_root,
            trust: Trust::Pinned,
            seed,
            speed,
            nurses: Nurses::AtWork,
            faults,
            ramp: RAMP,
            flush: Flush::Never,
            progress: Some(Box::new(move |now| {
                starting.lock().unwrap_or_else(PoisonError::into_inner).done(now.started as u64);
            })),
        };
        let running = runtime.block_on(hospital::Hospital::start(config))?;
        Ok(Self { running, pumps: list.len() as u64 })
    }

    /// How many pumps there are.
    pub const fn pumps(&self) -> u64 {
        self.pumps
    }

    /// What the ward itself sees, for the line: `212 infusions so far, no promise broken`.
    pub fn line(&self) -> String {
        let summary = self.running.summary();
        let broken = match summary.violations.total() {
            0 => "no promise broken".to_owned(),
            n => format!("{n} PROMISES BROKEN"),
        };
        format!("{} infusions so far, {broken}", summary.nurses.infusions)
    }

    /// What each pump's agent keeps, to be compared with the hub.
    pub fn witnesses(&self) -> Vec<Witness> {
        self.running.witnesses()
    }

    /// Ends every pump in order.
    pub fn stop(self, runtime: &Runtime) -> Summary {
        runtime.block_on(self.running.stop())
    }
}
