//! A pump's identity from nothing to a live link: the real agent against the real hub, over TLS on loopback.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use wardline_agent::config::{Config as AgentConfig, Enrolment, HubPlace};
use wardline_agent::controller::Place;
use wardline_agent::daemon;
use wardline_agent::fault::Fault;
use wardline_agent::sealed::Flush;
use wardline_hub::config::Config as HubConfig;
use wardline_hub::server::{self, Running};
use wardline_model::{AssetTag, CareArea, Model, PumpId, Serial, Span, covers};
use wardline_sim::hospital::Maker;
use wardline_store::{Actor, Decision, ExpectedPump, PageRequest, PumpRow};

fn model() -> Model {
    Model::new("Halcyon 3").expect("a model")
}

fn serial(text: &str) -> Serial {
    Serial::new(text).expect("a serial number")
}

fn decision() -> Decision {
    Decision { by: Actor::Operator("test".into()), reason: "to test".into(), at: wardline_hub::state::now() }
}

/// A hub with one expected pump, `H3-000001`, and the maker whose birth certificates it believes.
struct Ward {
    folder: TempDir,
    hub: Running,
    root: PathBuf,
    maker: Maker,
    pump: PumpId,
}

impl Ward {
    async fn open() -> Self {
        Self::with(|_| {}).await
    }

    /// A ward whose hub is configured otherwise.
    async fn with(change: impl FnOnce(&mut HubConfig)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let maker_folder = folder.path().join("maker");
        let maker = Maker::open_or_invent(&maker_folder, wardline_hub::state::now()).expect("a maker");
        let any = "127.0.0.1:0".parse().expect("an address");
        let mut config = HubConfig {
            folder: folder.path().join("hub"),
            link: any,
            est: any,
            console: any,
            maker_roots: vec![maker_folder.join("root.pem")],
            ..HubConfig::default()
        };
        change(&mut config);
        std::fs::create_dir_all(&config.folder).expect("a folder");
        let made = server::init(config).await.expect("a new hub");
        let hub = server::start(made.config).await.expect("a running hub");
        let expected = ExpectedPump {
            model: model(),
            serial: serial("H3-000001"),
            asset_tag: AssetTag::new("P-1").expect("a tag"),
            care_area: CareArea::new("ICU").expect("an area"),
        };
        let pumps = hub.hub.store.expect_pumps(&[expected], &decision()).await.expect("an expected pump");
        Self { folder, hub, root: made.root_file, maker, pump: pumps[0] }
    }

    fn agent(&self, number: &str, enrolment: Enrolment) -> AgentConfig {
        AgentConfig {
            state: self.folder.path().join(number),
            device_key: None,
            keys: Default::default(),
            hub: HubPlace {
                link: self.hub.link_addr.to_string(),
                est: self.hub.est_addr.to_string(),
                name: self.hub.hub.config.hub_name.clone(),
            },
            controller: None,
            model: model(),
            serial: serial(number),
            enrolment,
            flush: Flush::Never,
            queue_events: 1_000,
        }
    }

    fn birth(&self, number: &str) -> Enrolment {
        let folder = self.folder.path().join(format!("born-{number}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let now = wardline_hub::state::now();
        let birth = self.maker.birth(&folder, &model(), &serial(number), now).expect("a birth certificate");
        Enrolment::Birth { root: self.root.clone(), certificate: birth.certificate, key: birth.key }
    }

    async fn row(&self) -> PumpRow {
        self.hub.hub.store.pump(self.pump).await.expect("a store").expect("the pump")
    }

    /// Runs an agent until the hub's view of the pump is as wanted.
    async fn run_until(&self, config: AgentConfig, enough: impl Fn(&PumpRow) -> bool) {
        let stop = async {
            while !enough(&self.row().await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let ended = tokio::time::timeout(wardline_e2e::PATIENCE, daemon::run(config, Place::Nowhere, stop)).await;
        ended.expect("the pump did not come to where it should").expect("the agent runs");
    }

    async fn has_event(&self, kind: &str) -> bool {
        let page = self.hub.hub.store.events(self.pump, PageRequest::default()).await.expect("a store");
        page.rows.iter().any(|row| format!("{:?}", row.event.body).to_lowercase().starts_with(kind))
    }

    /// Until the hub has turned somebody away for this reason.
    async fn until_noted(&self, reason: &str) {
        loop {
            let seen = self.hub.hub.links.strangers().take();
            let is_seen = seen.iter().any(|sighting| sighting.reason == reason);
            self.hub.hub.store.save_sightings(&seen).await.expect("a store");
            let kept = self.hub.hub.store.sightings(PageRequest::default()).await.expect("a store");
            if is_seen || kept.rows.iter().any(|row| row.reason == reason) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_unlinked(&self) {
        let gone = async {
            while self.row().await.linked_since.is_some() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(wardline_e2e::PATIENCE, gone).await.expect("the link ends with the agent");
    }
}

fn is_linked(pump: &PumpRow) -> bool {
    pump.linked_since.is_some() && pump.certificate.is_some()
}

fn identity_file(state: &Path) -> Vec<u8> {
    std::fs::read(state.join("identity")).expect("the sealed identity")
}

#[tokio::test]
async fn a_pump_enrols_by_its_birth_certificate_links_and_keeps_its_identity_over_a_restart() {
    covers!("N14");
    let ward = Ward::open().await;
    let config = ward.agent("H3-000001", ward.birth("H3-000001"));
    ward.run_until(config.clone(), is_linked).await;
    let first = ward.row().await.certificate.expect("a certificate");
    let sealed = identity_file(&config.state);
    assert!(!sealed.windows(4).any(|bytes| bytes == b"\"key"), "the key must not lie in the open");
    ward.until_unlinked().await;
    // Nothing that it enrolled with is needed again.
    let Enrolment::Birth { certificate, key, .. } = &config.enrolment else { unreachable!("made so") };
    std::fs::remove_file(certificate).expect("removed");
    std::fs::remove_file(key).expect("removed");
    ward.run_until(config.clone(), is_linked).await;
    assert_eq!(ward.row().await.certificate.expect("a certificate").serial, first.serial);
    ward.hub.stop().await;
}

#[tokio::test]
async fn a_pump_enrols_by_a_one_time_code_and_needs_it_only_once() {
    covers!("N14");
    let ward = Ward::open().await;
    let code = ward.hub.hub.store.new_enrolment_code(ward.pump, Span::from_h(1), &decision()).await.expect("a code");
    let config = ward.agent("H3-000001", Enrolment::Code { root: ward.root.clone(), code: code.code });
    ward.run_until(config.clone(), is_linked).await;
    ward.until_unlinked().await;
    ward.run_until(config, is_linked).await;
    ward.hub.stop().await;
}

#[tokio::test]
async fn a_renewal_brings_a_new_certificate_and_the_link_uses_it() {
    covers!("N14");
    let ward = Ward::open().await;
    let config = ward.agent("H3-000001", ward.birth("H3-000001"));
    ward.run_until(config.clone(), is_linked).await;
    let first = ward.row().await.certificate.expect("a certificate").serial;
    ward.until_unlinked().await;
    // The certificate becomes the one in use only when a link has been opened with it.
    let is_renewed = async {
        while ward.row().await.certificate.is_none_or(|now| now.serial == first) || !ward.has_event("renewed").await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let run = daemon::run_renewing(config.clone(), Place::Nowhere, is_renewed);
    tokio::time::timeout(wardline_e2e::PATIENCE, run).await.expect("renewed in time").expect("the agent runs");
    let second = ward.row().await.certificate.expect("a certificate").serial;
    ward.until_unlinked().await;
    ward.run_until(config, is_linked).await;
    assert_eq!(ward.row().await.certificate.expect("a certificate").serial, second, "the new one is kept");
    ward.hub.stop().await;
}

#[tokio::test]
async fn a_pump_whose_certificate_was_taken_back_enrols_again_by_its_birth_certificate() {
    covers!("N14");
    let ward = Ward::open().await;
    let config = ward.agent("H3-000001", ward.birth("H3-000001"));
    ward.run_until(config.clone(), is_linked).await;
    let first = ward.row().await.certificate.expect("a certificate").serial;
    ward.until_unlinked().await;
    ward.hub.hub.revoke(ward.pump, &decision()).await.expect("taken back");
    let is_new = move |pump: &PumpRow| is_linked(pump) && pump.certificate.as_ref().is_some_and(|c| c.serial != first);
    ward.run_until(config, is_new).await;
    ward.hub.stop().await;
}

#[tokio::test]
async fn a_serial_number_that_nobody_expects_gets_nothing_and_the_hub_keeps_the_try() {
    covers!("N14");
    let ward = Ward::open().await;
    let config = ward.agent("H3-999999", ward.birth("H3-999999"));
    let refused = ward.until_noted("not-expected");
    let ended =
        tokio::time::timeout(wardline_e2e::PATIENCE, daemon::run(config.clone(), Place::Nowhere, refused)).await;
    ended.expect("the refusal is noted").expect("the agent runs");
    assert!(!config.state.join("identity").exists(), "a refused pump must hold no identity");
    assert!(ward.row().await.certificate.is_none());
    ward.hub.stop().await;
}

#[tokio::test]
async fn a_pump_that_pins_another_root_gives_the_hub_nothing() {
    covers!("N14");
    let ward = Ward::open().await;
    let code = ward.hub.hub.store.new_enrolment_code(ward.pump, Span::from_h(1), &decision()).await.expect("a code");
    // The maker's root instead of the fleet's: to this pump the hub is an impostor.
    let root = ward.folder.path().join("maker/root.pem");
    let config = ward.agent("H3-000001", Enrolment::Code { root, code: code.code.clone() });
    let noted = ward.until_noted("peer-refused-us");
    let ended = tokio::time::timeout(wardline_e2e::PATIENCE, daemon::run(config, Place::Nowhere, noted)).await;
    ended.expect("the broken handshake is noted").expect("the agent runs");
    let found = ward.hub.hub.store.enrolment_code(&code.code, wardline_hub::state::now()).await.expect("a store");
    assert_eq!(found.map(|code| (code.pump, code.is_used)), Some((ward.pump, false)), "the code was given away");
    ward.hub.stop().await;
}

/// The hospital's rules: a person is asked about every pump.
async fn ask_about_everybody(ward: &Ward) {
    let policy = wardline_fleet::approval::Policy { rules: Vec::new(), otherwise: wardline_fleet::approval::Then::Ask };
    let text = serde_json::to_string(&policy).expect("text");
    let entry = wardline_store::Entry::done("enrolment.rules", None, "a person is asked");
    let store = &ward.hub.hub.store;
    store.save_setting(wardline_store::Setting::Approval, &text, 0, &decision(), &entry).await.expect("kept");
}

/// The number of the request that waits.
async fn the_request(ward: &Ward) -> wardline_store::EnrolmentRequestRow {
    loop {
        let mut rows = ward.hub.hub.store.approvals(wardline_hub::state::now()).await.expect("a store");
        rows.retain(|row| row.state == wardline_store::ApprovalState::Waiting);
        if let Some(row) = rows.pop() {
            return row;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_pump_that_must_be_approved_waits_over_a_restart_and_enrols_with_the_key_that_was_approved() {
    covers!("N14");
    let ward = Ward::with(|config| config.enrolment.retry_s = 1).await;
    ask_about_everybody(&ward).await;
    let config = ward.agent("H3-000001", ward.birth("H3-000001"));
    // It asks, and is stopped while it waits.
    let asked = tokio::time::timeout(wardline_e2e::PATIENCE, async {
        let request = std::sync::Mutex::new(None);
        let until = async { *request.lock().expect("one task") = Some(the_request(&ward).await) };
        daemon::run(config.clone(), Place::Nowhere, until).await.expect("the agent runs");
        request.into_inner().expect("one task").expect("it asked")
    });
    let asked = asked.await.expect("the pump asks in time");
    assert!(!config.state.join("identity").exists(), "nothing was given");
    assert_eq!(asked.ask.pump, ward.pump);
    // Started again it asks for the same key: what a person approves is what it collects.
    let approved = async {
        ward.hub.hub.store.approve_enrolment(&asked.id, &decision()).await.expect("approved");
        while !is_linked(&ward.row().await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let run = daemon::run(config, Place::Nowhere, approved);
    tokio::time::timeout(wardline_e2e::PATIENCE, run).await.expect("it links in time").expect("the agent runs");
    let rows = ward.hub.hub.store.approvals(wardline_hub::state::now()).await.expect("a store");
    assert_eq!(rows.len(), 1, "it asked once: {rows:?}");
    assert_eq!(rows[0].state, wardline_store::ApprovalState::Used);
    ward.hub.stop().await;
}

/// How many effects the longer of the two stories has, and a few more: the last ones must end by themselves.
const EFFECTS: u64 = 120;

/// A ward with a pump for every effect, each with its birth certificate.
async fn ward_of_pumps_that_die() -> (Ward, Vec<(PumpId, AgentConfig)>) {
    let ward = Ward::open().await;
    let store = &ward.hub.hub.store;
    let name = |n: u64| format!("H3-1{n:05}");
    let expected: Vec<ExpectedPump> = (0..EFFECTS)
        .map(|n| ExpectedPump {
            model: model(),
            serial: serial(&name(n)),
            asset_tag: AssetTag::new(&name(n)).expect("a tag"),
            care_area: CareArea::new("ICU").expect("an area"),
        })
        .collect();
    let pumps = store.expect_pumps(&expected, &decision()).await.expect("expected pumps");
    let mut all = Vec::new();
    for (n, pump) in (0..).zip(pumps) {
        let config = ward.agent(&name(n), ward.birth(&name(n)));
        all.push((pump, config));
    }
    (ward, all)
}

/// Until the pump holds a link with a certificate in use.
async fn until_linked(ward: &Ward, pump: PumpId) {
    loop {
        let row = ward.hub.hub.store.pump(pump).await.expect("a store").expect("the pump");
        if is_linked(&row) && ward.hub.hub.links.table().get(pump).is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Runs every pump until it dies at its effect or comes to its end, then again without a fault until it links. Gives how
/// many died.
async fn all_die_and_come_back(ward: &Ward, pumps: &[(PumpId, AgentConfig)], is_renewal: bool) -> u64 {
    let one = async |n: u64, pump: PumpId, config: &AgentConfig| {
        let first = ward.hub.hub.store.pump(pump).await.expect("a store").and_then(|row| row.certificate);
        let enough = async {
            until_linked(ward, pump).await;
            let serial_of = async || {
                let row = ward.hub.hub.store.pump(pump).await.expect("a store").expect("the pump");
                row.certificate.map(|certificate| certificate.serial)
            };
            let before = first.as_ref().map(|certificate| certificate.serial.clone());
            while serial_of().await == before && is_renewal {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let fault = Fault::after(n);
        let ended = if is_renewal {
            daemon::run_renewing_with(config.clone(), Place::Nowhere, fault, enough).await
        } else {
            daemon::run_with(config.clone(), Place::Nowhere, fault, enough).await
        };
        let died = matches!(ended, Err(daemon::DaemonError::Killed(_)))
            || matches!(ended, Err(daemon::DaemonError::State(wardline_agent::sealed::SealedError::Killed(_))));
        assert!(died || ended.is_ok(), "killed at effect {n}: {ended:?}");
        let again = daemon::run(config.clone(), Place::Nowhere, until_linked(ward, pump));
        let again = tokio::time::timeout(wardline_e2e::PATIENCE, again).await;
        again.unwrap_or_else(|_| panic!("killed at effect {n}, the pump has no identity that works")).expect("it runs");
        u64::from(died)
    };
    let all = (0..).zip(pumps).map(|(n, (pump, config))| one(n, *pump, config));
    futures_util::future::join_all(all).await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pump_killed_at_any_effect_of_enrolment_or_renewal_has_an_identity_that_works() {
    covers!("N14");
    let (ward, pumps) = ward_of_pumps_that_die().await;
    let died = all_die_and_come_back(&ward, &pumps, false).await;
    assert!(
        (10..EFFECTS - 2).contains(&died),
        "{died} of {EFFECTS} died while enrolling: not every effect was reached"
    );
    let died = all_die_and_come_back(&ward, &pumps, true).await;
    assert!((8..EFFECTS - 2).contains(&died), "{died} of {EFFECTS} died while renewing: not every effect was reached");
    ward.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_does_not_cost_the_code() {
    covers!("N14");
    let ward = Ward::open().await;
    let code = ward.hub.hub.store.new_enrolment_code(ward.pump, Span::from_h(1), &decision()).await.expect("a code");
    let config = ward.agent("H3-000001", Enrolment::Code { root: ward.root.clone(), code: code.code.clone() });
    // Dies at one effect after another until the hub has used the code up.
    let mut n = 0;
    loop {
        let used = async {
            let found = ward.hub.hub.store.enrolment_code(&code.code, wardline_hub::state::now()).await;
            found.expect("a store").expect("the code").is_used
        };
        if used.await {
            break;
        }
        let run = daemon::run_with(config.clone(), Place::Nowhere, Fault::after(n), std::future::pending());
        let ended = tokio::time::timeout(wardline_e2e::PATIENCE, run).await;
        assert!(ended.unwrap_or_else(|_| panic!("effect {n} was never reached")).is_err(), "effect {n}");
        n += 1;
    }
    assert!(!config.state.join("identity").exists(), "the pump died before it kept its certificate, at effect {n}");
    ward.run_until(config.clone(), is_linked).await;
    assert!(!config.state.join("enrolment-key").exists(), "the key is in the identity now, and nowhere else");
    let issued = ward.hub.hub.store.certificates(ward.pump).await.expect("a store").len();
    assert_eq!(issued, 1, "the same certificate was given again");
    ward.hub.stop().await;
}
