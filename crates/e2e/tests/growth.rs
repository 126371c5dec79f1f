//! Several hubs on one PostgreSQL: any pump links to any of them, and what one decides, all of them follow at once.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use wardline_agent::config::{Config as AgentConfig, Enrolment, HubPlace};
use wardline_agent::controller::Place;
use wardline_agent::daemon;
use wardline_agent::sealed::Flush;
use wardline_e2e::postgres::Postgres;
use wardline_fleet::lifecycle::{Act, By};
use wardline_hub::config::Config as HubConfig;
use wardline_hub::server::{self, Running};
use wardline_model::{AssetTag, CareArea, Generation, Goal, Model, PumpId, Role, Serial, Span, covers};
use wardline_store::{Actor, Decision, Entry, ExpectedPump, NewGoal, PumpRow};

fn decision(reason: &str) -> Decision {
    Decision { by: Actor::Person("sam".into()), reason: reason.into(), at: wardline_hub::state::now() }
}

/// Two hubs with the same keys on one database, and one expected pump.
struct Twins {
    folder: TempDir,
    a: Running,
    b: Option<Running>,
    root: PathBuf,
    pump: PumpId,
    database: String,
    _server: Postgres,
}

fn config(folder: PathBuf, node: &str, database: &str) -> HubConfig {
    let any = "127.0.0.1:0".parse().expect("an address");
    HubConfig {
        folder,
        node: node.into(),
        link: any,
        est: any,
        console: any,
        database: Some(database.into()),
        ..HubConfig::default()
    }
}

impl Twins {
    async fn open() -> Option<Self> {
        let server = Postgres::start(&std::env::temp_dir(), &["fsync=off"])?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (first, second) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::create_dir(&first).expect("a folder");
        std::fs::create_dir_all(second.join("keys")).expect("a folder");
        let database = server.database();
        let made = server::init(config(first.clone(), "a", &database)).await.expect("a new hub");
        // As the manual says: the second hub gets a copy of the keys, and a name of its own.
        for file in std::fs::read_dir(first.join("keys")).expect("keys").flatten() {
            std::fs::copy(file.path(), second.join("keys").join(file.file_name())).expect("a copy");
        }
        let a = server::start(made.config).await.expect("the first hub");
        let b = server::start(config(second, "b", &database)).await.expect("the second hub");
        let expected = ExpectedPump {
            model: Model::new("Halcyon 3").expect("a model"),
            serial: Serial::new("H3-000001").expect("a serial number"),
            asset_tag: AssetTag::new("P-1").expect("a tag"),
            care_area: CareArea::new("ICU").expect("an area"),
        };
        let pumps = a.hub.store.expect_pumps(&[expected], &decision("new")).await.expect("an expected pump");
        Some(Self { folder, a, b: Some(b), root: made.root_file, pump: pumps[0], database, _server: server })
    }

    fn b(&self) -> &Running {
        self.b.as_ref().expect("the second hub runs")
    }

    fn agent(&self, hub: &Running, enrolment: Enrolment) -> AgentConfig {
        AgentConfig {
            state: self.folder.path().join("pump"),
            device_key: None,
            keys: Default::default(),
            hub: HubPlace {
                link: hub.link_addr.to_string(),
                est: hub.est_addr.to_string(),
                name: hub.hub.config.hub_name.clone(),
            },
            controller: None,
            model: Model::new("Halcyon 3").expect("a model"),
            serial: Serial::new("H3-000001").expect("a serial number"),
            enrolment,
            flush: Flush::Never,
            queue_events: 1_000,
        }
    }

    async fn row(&self) -> PumpRow {
        self.a.hub.store.pump(self.pump).await.expect("a store").expect("the pump")
    }
}

async fn until(story: &str, is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(wardline_e2e::PATIENCE, wait).await.is_ok(), "not within patience: {story}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_hub_decides_the_hub_that_holds_the_link_does_at_once_and_a_dead_hub_costs_a_reconnect() {
    covers!("N8", "N11", "N14");
    let Some(mut twins) = Twins::open().await else {
        assert!(std::env::var("CI").is_err(), "CI needs PostgreSQL");
        eprintln!("skipped: PostgreSQL is not installed");
        return;
    };
    let (a, pump) = (std::sync::Arc::clone(&twins.a.hub), twins.pump);
    let code = a.store.new_enrolment_code(pump, Span::from_h(1), &decision("new")).await.expect("a code").code;
    let enrolment = Enrolment::Code { root: twins.root.clone(), code };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let agent = daemon::run(twins.agent(twins.b(), enrolment.clone()), Place::Nowhere, async { drop(stopped.await) });
    let agent = tokio::spawn(agent);

    // It enrols and links at B; A hears of its certificate.
    until("a link at b", async || twins.row().await.link_node.as_deref() == Some("b")).await;
    let fingerprint = twins.row().await.certificate.expect("a certificate").fingerprint;
    until("a knows the certificate", async || a.registry.admit_fingerprint(pump, &fingerprint).is_ok()).await;
    let b = std::sync::Arc::clone(&twins.b().hub);

    // A goal that A saves reaches the pump over the link at B.
    let goal = Goal::empty(pump, Generation(1), wardline_hub::state::now());
    let signed = wardline_release::goal::sign(&goal, &a.goal_key);
    let goals = [NewGoal { pump, generation: Generation(1), signed }];
    a.store.save_goals(&goals, &decision("test"), &Entry::done("goal.give", Some(pump), "P-1")).await.expect("saved");
    let has_goal = async || twins.row().await.report.is_some_and(|report| report.generation == Generation(1));
    until("the pump reports the goal", has_goal).await;

    // A quarantines it: B cuts its link and refuses its next handshakes.
    let taken_down = a.decide(pump, Act::Quarantine, By::Person(Role::Security), &decision("beacons")).await;
    assert_eq!(taken_down.expect("a decision").links_cut, 0, "the link is not at A");
    until("b cuts", async || b.links.table().get(pump).is_none()).await;
    assert_eq!(b.registry.admit_fingerprint(pump, &fingerprint), Err("quarantined"));
    let refused = async || b.links.strangers().take().iter().any(|seen| seen.reason == "quarantined");
    until("b refuses the next handshake", refused).await;

    // B releases it: it comes back by itself, and A admits it too.
    b.decide(pump, Act::Release, By::Person(Role::Security), &decision("cleared")).await.expect("a decision");
    until("linked again", async || b.links.table().get(pump).is_some()).await;
    until("a admits it", async || a.registry.admit_fingerprint(pump, &fingerprint).is_ok()).await;

    // B dies without a word; the pump, told of A, is linked there with the same identity.
    drop(b);
    drop(twins.b.take());
    drop(stop);
    let ended = tokio::time::timeout(wardline_e2e::PATIENCE, agent).await.expect("the agent ends");
    ended.expect("a task").expect("the agent");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let agent = daemon::run(twins.agent(&twins.a, enrolment), Place::Nowhere, async { drop(stopped.await) });
    let agent = tokio::spawn(agent);
    until("a link at a", async || twins.row().await.link_node.as_deref() == Some("a")).await;
    assert_eq!(twins.row().await.certificate.expect("a certificate").fingerprint, fingerprint);
    drop(stop);
    agent.await.expect("a task").expect("the agent");
    twins.a.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hubs_of_one_name_do_not_run_on_one_database() {
    let Some(twins) = Twins::open().await else {
        eprintln!("skipped: PostgreSQL is not installed");
        return;
    };
    let again = config(twins.folder.path().join("b"), "a", &twins.database);
    let refused = server::start(again).await.expect_err("the name is taken").to_string();
    assert!(refused.contains("\"a\"") && refused.contains("config.json"), "{refused}");
    twins.a.stop().await;
    if let Some(b) = twins.b {
        b.stop().await;
    }
}
