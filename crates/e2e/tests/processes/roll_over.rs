//! A whole change of root and issuing authority with real processes: people at the command line and at the signing desk,
//! one pump that infuses all the while, one that sleeps through, and OpenSSL, which judges every chain.

use std::sync::Arc;

use serde_json::Value;
use wardline_agent::config::Config;
use wardline_agent::controller::Place;
use wardline_e2e::{Process, until};
use wardline_library::{DosingUnit, Program, demonstration};
use wardline_model::{CareArea, ChannelState, HoldSupport, Model, Serial, covers};
use wardline_sim::controller::reference::{Act, Change, Clock, Confirm, Reference, Setup, Trust};

use super::ward::Ward;

/// A therapy controller in this process, so that the test can stand at its bedside, and its socket for the agent.
fn bedside(ward: &Ward, runtime: &tokio::runtime::Runtime, serial: &str) -> Reference {
    let setup = Setup {
        folder: ward.path(&format!("{serial}-controller")),
        model: Model::new("Halcyon 3").expect("a model"),
        serial: Serial::new(serial).expect("a serial number"),
        care_area: CareArea::new("Intensive care").expect("a care area"),
        channels: 2,
        support: HoldSupport::Grants,
        flush: wardline_agent::sealed::Flush::Never,
        trust: Trust::DigestOnly,
        root: None,
        clock: Clock::running(1),
        books: Arc::default(),
    };
    std::fs::create_dir_all(&setup.folder).expect("a folder");
    let pump = Reference::power_up(setup).expect("a controller");
    pump.commission(&demonstration(1).expect("a library")).expect("commissioned");
    let (serving, socket) = (pump.clone(), ward.path(&format!("{serial}.sock")));
    let waited = socket.clone();
    runtime.spawn(async move { serving.serve(&socket).await });
    until("the controller's socket is there", || waited.exists().then_some(()));
    pump
}

/// Begins an infusion that lasts longer than the test.
fn infuse(pump: &Reference) {
    let book = pump.library().expect("a library");
    let area = book.library.care_area(&pump.care_area()).expect("its care area");
    let entry = area.entries.iter().find(|entry| entry.drug.as_str() == "Midazolam").expect("the drug").key();
    let decimal = |text: &str| text.parse().expect("a number");
    let unit = DosingUnit::MilligramPerHour;
    let program = Program { dose: decimal("3"), unit, weight_kg: None, duration_min: None, vtbi_ml: decimal("90") };
    pump.act(1, Act::Program { entry, program, confirm: Confirm::Yes }).expect("programmed");
    pump.act(1, Act::Start).expect("started");
    let _ = pump.changes();
}

impl Ward {
    fn standing(&self) -> Value {
        self.json(&["ca", "roll-over", "status"])
    }

    /// Signs a set of trust anchors at the desk, gives it to the hub, and rolls it out.
    fn sign_anchors(&self, which: &str, version: u64) {
        let file = format!("set-{version}.json");
        self.well(&["ca", "roll-over", "anchors", which, "--to", &file]);
        self.well(&["release", "draft", "--trust-anchors", &file, "--notes", "a change of roots"]);
        self.well(&["release", "sign", "--yes", "--key", "release-desk/keys/trust-eva-ito.key.json"]);
        assert!(self.well(&["release", "publish"]).contains("1 new release"));
        let version = version.to_string();
        // One ring for all: of two pumps, the first ring of the usual rules may be the one that sleeps.
        let create = ["rollout", "create", "trust-anchors", &version, "--care-area", "Intensive care"];
        self.well(&[&create[..], &["--cap", "10", "--reason", "a change of roots"]].concat());
    }

    /// Whether a client that believes this root, and says so, gets a chain from the enrolment listener that OpenSSL follows.
    fn is_followed(&self, root: &str, says: Option<&str>) -> bool {
        let place = self.place(1);
        let name = "hub.wardline.internal";
        let mut command = std::process::Command::new("openssl");
        command.current_dir(self.path("wardline-data/hub/keys"));
        command.args(["s_client", "-connect", &place, "-servername", name, "-verify_hostname", name, "-x509_strict"]);
        command.args(["-CAfile", root, "-verify_return_error", "-tls1_3"]);
        if let Some(says) = says {
            command.args(["-requestCAfile", says]);
        }
        let out = command.stdin(std::process::Stdio::null()).output().expect("openssl is installed (Debian: openssl)");
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        let is_good = said.contains("Verify return code: 0 (ok)");
        assert_ne!(is_good, said.contains("verify error"), "{said}");
        is_good
    }

    /// What is left at a pump: its word, or nothing.
    fn left(&self, tag: &str) -> Option<String> {
        let standing = self.standing();
        let behind = standing["behind"].as_array().expect("a list");
        let found = behind.iter().find(|pump| pump["asset_tag"] == tag)?;
        Some(found["left"].as_str().expect("a word").to_owned())
    }

    fn until_left(&self, tag: &str, left: Option<&str>) {
        until(&format!("at {tag} is left: {left:?}"), || (self.left(tag).as_deref() == left).then_some(()));
    }

    /// Runs a pump's agent in this process and renews its certificate at once, as weeks would.
    fn renew(&self, runtime: &tokio::runtime::Runtime, config: &std::path::Path, tag: &str) {
        let config = Config::read(config).expect("a configuration");
        let socket = config.controller.clone().expect("a controller");
        let renewed = async {
            while self.left(tag).as_deref() == Some("renew") {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
        };
        let life = wardline_agent::daemon::run_renewing(config, Place::Socket(socket), renewed);
        runtime
            .block_on(async { tokio::time::timeout(wardline_e2e::PATIENCE, life).await })
            .expect("in time")
            .expect("ran");
    }
}

#[test]
fn root_and_issuing_authority_are_replaced_under_a_running_infusion_and_a_sleeping_pump() {
    covers!("N1", "N8", "N13");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let ward = Ward::new();
    let hub = ward.open();
    ward.release();
    ward.well(&["release", "appoint", "--security", "Eva Ito"]);
    ward.well(&["release", "publish"]);

    let awake = bedside(&ward, &runtime, "HX3-1");
    let _sleeper = bedside(&ward, &runtime, "HX3-2");
    let configs = [ward.configure("P-1", "HX3-1"), ward.configure("P-2", "HX3-2")];
    let mut agents: Vec<Process> = configs.iter().map(|config| Ward::agent(config)).collect();
    ward.until_shown("P-1", "online");
    ward.until_shown("P-2", "online");
    infuse(&awake);
    agents[1].kill();

    // New authorities beside the old ones. Whoever says that it believes only the new root gets the new chain already.
    ward.well(&["ca", "roll-over", "start", "--reason", "the root is ten years old"]);
    assert!(ward.is_followed("root.pem", None) && ward.is_followed("root-2.pem", Some("root-2.pem")));
    assert!(!ward.is_followed("root-2.pem", None), "nobody is moved yet");
    let early = ward.run(&["ca", "roll-over", "move", "--reason", "too early"]);
    assert!(!early.status.success() && String::from_utf8_lossy(&early.stderr).contains("P-1"), "{early:?}");

    // The pump that is awake proves the new root, while it infuses.
    ward.sign_anchors("--both", 1);
    ward.until_left("P-1", None);
    let still = ward.run(&["ca", "roll-over", "move", "--reason", "P-2 sleeps"]);
    assert!(!still.status.success() && String::from_utf8_lossy(&still.stderr).contains("P-2"), "{still:?}");
    let named = ward.well(&["ca", "roll-over", "status"]);
    assert!(named.contains("P-2") && named.contains("switch it on near the network"), "{named}");

    // The hub moves without the one that sleeps. Both roots lead to its new certificate from now on.
    ward.well(&[
        "ca",
        "roll-over",
        "move",
        "--go-on",
        "--reason",
        "P-2 sleeps and will follow the old root to the new",
    ]);
    until("both roots lead to the new certificate", || {
        (ward.is_followed("root.pem", None) && ward.is_followed("root-2.pem", None)).then_some(())
    });
    let keys =
        |name: &str| std::fs::read_to_string(ward.path(&format!("wardline-data/hub/keys/{name}"))).expect("a file");
    std::fs::write(ward.path("both.pem"), keys("root.pem") + &keys("root-2.pem")).expect("written");
    let token = ward.well(&["token", "create", "second", "--role", "administrator"]);
    let url = format!("https://localhost:{}", ward.ports[2]);
    ward.well(&["login", "--hub", &url, "--ca", "both.pem", "--token", token.trim()]);

    // The sleeper wakes: it believes only the old root, follows it to the new one, and takes the set that waited for it.
    assert_eq!(ward.left("P-2").as_deref(), Some("prove"));
    agents[1] = Ward::agent(&configs[1]);
    ward.until_shown("P-2", "online");
    ward.until_left("P-2", Some("renew"));

    // Certificates from the new authority, then away with the old root.
    for (at, tag) in ["P-1", "P-2"].into_iter().enumerate() {
        agents[at].kill();
        ward.renew(&runtime, &configs[at], tag);
        ward.until_left(tag, Some("let-go"));
        agents[at] = Ward::agent(&configs[at]);
    }
    ward.sign_anchors("--new", 2);
    ward.until_left("P-1", None);
    ward.until_left("P-2", None);
    let end = ward.well(&["ca", "roll-over", "finish", "--reason", "everybody has moved"]);
    assert!(end.contains("FINISHED"), "{end}");
    until("the old root leads nowhere any more", || (!ward.is_followed("root.pem", None)).then_some(()));
    assert!(ward.is_followed("root-2.pem", None));
    assert!(!ward.path("wardline-data/hub/keys/root.sealed").exists(), "the old key is destroyed");

    // Over a restart of the hub too; and the bedside noticed nothing of all this.
    drop(hub);
    let _hub = ward.hub();
    ward.until_shown("P-1", "online");
    ward.until_shown("P-2", "online");
    let (changes, seen, _) = awake.changes();
    let moved: Vec<_> = changes.iter().filter(|change| matches!(change, Change::Channel { channel: 1, .. })).collect();
    assert!(moved.is_empty(), "the infusion was touched: {moved:?}");
    assert_eq!(seen[0].state, ChannelState::Infusing);
    assert!(ward.well(&["audit", "verify"]).contains("intact"));
    let audit = ward.well(&["audit", "list", "--action", "ca.roll-over.move"]);
    assert!(audit.contains("left behind by decision"), "{audit}");
}
