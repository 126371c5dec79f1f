//! A hub with expected pumps and the maker whose birth certificates it believes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use wardline_agent::config::{Config as AgentConfig, Enrolment, HubPlace, Keys};
use wardline_agent::controller::Place;
use wardline_agent::daemon;
use wardline_agent::sealed::Flush;
use wardline_fleet::lifecycle::{Act, By};
use wardline_hub::config::Config as HubConfig;
use wardline_hub::server::{self, Running};
use wardline_model::{AssetTag, CareArea, Model, PumpId, Role, Serial};
use wardline_sim::controller::reference::Trust;
use wardline_sim::hospital::{Faults, HospitalConfig, Maker, Nurses, PumpPlace};
use wardline_store::{Actor, Decision, ExpectedPump, PumpRow, WipeRow};

pub fn model() -> Model {
    Model::new("Halcyon 3").expect("a model")
}

pub fn serial(text: &str) -> Serial {
    Serial::new(text).expect("a serial number")
}

pub fn decision() -> Decision {
    Decision { by: Actor::Operator("test".into()), reason: "to test".into(), at: wardline_hub::state::now() }
}

pub struct Ward {
    pub folder: TempDir,
    pub hub: Running,
    pub root: PathBuf,
    pub maker: Maker,
    pub pumps: Vec<PumpId>,
}

impl Ward {
    /// With pumps `H3-0`, `H3-1` and so on.
    pub async fn open(pumps: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let maker_folder = folder.path().join("maker");
        let maker = Maker::open_or_invent(&maker_folder, wardline_hub::state::now()).expect("a maker");
        let any = "127.0.0.1:0".parse().expect("an address");
        let config = HubConfig {
            folder: folder.path().join("hub"),
            link: any,
            est: any,
            console: any,
            maker_roots: vec![maker_folder.join("root.pem")],
            ..HubConfig::default()
        };
        std::fs::create_dir_all(&config.folder).expect("a folder");
        let made = server::init(config).await.expect("a new hub");
        let hub = server::start(made.config).await.expect("a running hub");
        let expected = |n: usize| ExpectedPump {
            model: model(),
            serial: serial(&format!("H3-{n}")),
            asset_tag: AssetTag::new(&format!("P-{n}")).expect("a tag"),
            care_area: CareArea::new("ICU").expect("an area"),
        };
        let expected: Vec<_> = (0..pumps).map(expected).collect();
        let pumps = hub.hub.store.expect_pumps(&expected, &decision()).await.expect("expected pumps");
        Self { folder, hub, root: made.root_file, maker, pumps }
    }

    pub fn agent(&self, n: usize, state: &Path, enrolment: Enrolment, keys: Keys) -> AgentConfig {
        AgentConfig {
            state: state.to_owned(),
            device_key: None,
            keys,
            hub: HubPlace {
                link: self.hub.link_addr.to_string(),
                est: self.hub.est_addr.to_string(),
                name: self.hub.hub.config.hub_name.clone(),
            },
            controller: None,
            model: model(),
            serial: serial(&format!("H3-{n}")),
            enrolment,
            flush: Flush::Always,
            queue_events: 1_000,
        }
    }

    pub fn birth(&self, n: usize) -> Enrolment {
        let folder = self.folder.path().join(format!("born-{n}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let now = wardline_hub::state::now();
        let birth = self.maker.birth(&folder, &model(), &serial(&format!("H3-{n}")), now).expect("born");
        Enrolment::Birth { root: self.root.clone(), certificate: birth.certificate, key: birth.key }
    }

    /// A hospital of its one pump, with nurses, five hundred times as fast as real.
    pub fn hospital(&self) -> HospitalConfig {
        let hub = self.agent(0, Path::new(""), self.birth(0), Keys::default()).hub;
        HospitalConfig {
            folder: self.folder.path().join("pumps"),
            pumps: vec![PumpPlace {
                model: model(),
                serial: serial("H3-0"),
                care_area: CareArea::new("Intensive care").expect("an area"),
            }],
            hub,
            hub_root: self.root.clone(),
            maker: Maker::open_or_invent(&self.folder.path().join("maker"), wardline_hub::state::now())
                .expect("a maker"),
            library: wardline_library::demonstration(1).expect("a library"),
            release_root: None,
            trust: Trust::Pinned,
            seed: 8,
            speed: 500,
            nurses: Nurses::AtWork,
            faults: Faults::None,
            ramp: Duration::ZERO,
            flush: Flush::Never,
            progress: None,
        }
    }

    pub async fn row(&self, n: usize) -> PumpRow {
        self.hub.hub.store.pump(self.pumps[n]).await.expect("a store").expect("the pump")
    }

    pub async fn wipe(&self, n: usize) -> Option<WipeRow> {
        self.hub.hub.store.wipe_of(self.pumps[n]).await.expect("a store")
    }

    pub async fn decide(&self, n: usize, act: Act) {
        let by = By::Person(Role::Administrator);
        self.hub.hub.decide(self.pumps[n], act, by, &decision()).await.expect("allowed");
    }

    /// Until the pump holds a link with a certificate in use.
    pub async fn until_linked(&self, n: usize) {
        until(async || {
            let row = self.row(n).await;
            row.certificate.is_some() && self.hub.hub.links.table().get(self.pumps[n]).is_some()
        })
        .await;
    }

    /// Until the hub has the receipt and the pump knows it.
    pub async fn until_received(&self, n: usize, pump: &AgentConfig) {
        let knows =
            || std::fs::read_to_string(pump.state.join("wipe")).is_ok_and(|notes| notes.contains("\"received\""));
        until(async || self.wipe(n).await.is_some_and(|wipe| wipe.received.is_some()) && knows()).await;
    }

    pub async fn until_unlinked(&self, n: usize) {
        until(async || self.hub.hub.links.table().get(self.pumps[n]).is_none()).await;
    }

    /// What curl says to a request at the enrolment listener (`est`) or the console: the status.
    pub async fn curl(&self, address: std::net::SocketAddr, path: &str, more: &[&str]) -> String {
        let mut curl = Command::new("curl");
        curl.args(["-sk", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "30"]).args(more);
        curl.arg(format!("https://{address}{path}")).stderr(Stdio::null());
        let out = tokio::task::spawn_blocking(move || curl.output()).await.expect("it ran").expect("curl is there");
        String::from_utf8(out.stdout).expect("digits")
    }
}

/// Waits for a condition, with a limit against hanging.
pub async fn until(enough: impl AsyncFn() -> bool) {
    let wait = async {
        while !enough().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(wardline_e2e::PATIENCE, wait).await.expect("it did not come to pass");
}

/// Runs an agent until then.
pub async fn run_until(config: &AgentConfig, then: impl Future<Output = ()>) {
    let run = daemon::run(config.clone(), Place::Nowhere, then);
    tokio::time::timeout(wardline_e2e::PATIENCE, run).await.expect("in time").expect("the agent runs");
}
