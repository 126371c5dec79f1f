//! A hub with two expected pumps, and `openssl` and `curl` beside it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use wardline_agent::link::{Link, client_config, connect};
use wardline_hub::config::{Config, Limits};
use wardline_hub::server::{self, Running};
use wardline_model::{AssetTag, CareArea, Generation, Model, PumpId, Role, Sequence, Serial, Span};
use wardline_sim::hospital::Maker;
use wardline_store::{Actor, AuditQuery, Decision, ExpectedPump, PageRequest};
use wardline_wire::Greeting;
use wardline_wire::link::{Heartbeat, HubFrame, PumpFrame, hub_frame, pump_frame};

/// The name that the hub's certificate carries.
pub const HUB: &str = "hub.wardline.internal";

/// The serial numbers of the two pumps that are expected.
pub const NUMBERS: [&str; 2] = ["H3-000001", "H3-000002"];

pub fn model() -> Model {
    Model::new("Halcyon 3").expect("a model")
}

pub fn decision(reason: &str) -> Decision {
    Decision { by: Actor::Operator("test".into()), reason: reason.to_owned(), at: wardline_hub::state::now() }
}

/// A key and the chain for it, as PEM files.
#[derive(Clone, Debug)]
pub struct Pass {
    pub chain: PathBuf,
    pub key: PathBuf,
}

/// What `curl` got.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status; 0 when there was no answer.
    pub status: u16,
    /// The body, of a certificate still in base64.
    pub body: String,
    /// What `curl -v` said.
    pub said: String,
}

pub struct Ward {
    pub folder: TempDir,
    pub running: Running,
    pub root: PathBuf,
    pub maker: Maker,
    pub pumps: [PumpId; 2],
}

impl Ward {
    pub async fn open() -> Self {
        Self::with(Limits::default()).await
    }

    pub async fn with(limits: Limits) -> Self {
        Self::set(|config| config.limits = limits).await
    }

    /// A hub whose configuration is changed before it is made.
    pub async fn set(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let maker_folder = folder.path().join("maker");
        let maker = Maker::open_or_invent(&maker_folder, wardline_hub::state::now()).expect("a maker");
        let any = "127.0.0.1:0".parse().expect("an address");
        let mut config = Config {
            folder: folder.path().join("hub"),
            hospital: "St. Elsewhere".into(),
            link: any,
            est: any,
            console: any,
            status: Some(any),
            maker_roots: vec![maker_folder.join("root.pem")],
            ..Config::default()
        };
        change(&mut config);
        std::fs::create_dir_all(&config.folder).expect("a folder");
        let made = server::init(config).await.expect("a new hub");
        let running = started(made.config).await;
        let expected = NUMBERS.map(|number| ExpectedPump {
            model: model(),
            serial: Serial::new(number).expect("a serial number"),
            asset_tag: AssetTag::new(number).expect("a tag"),
            care_area: CareArea::new("ICU").expect("an area"),
        });
        let pumps = running.hub.store.expect_pumps(&expected, &decision("expected")).await.expect("expected");
        let pumps = pumps.try_into().expect("two pumps");
        Self { folder, running, root: made.root_file, maker, pumps }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `openssl`, which must do well; gives what it printed.
    pub fn openssl(&self, args: &[&str]) -> String {
        let out = Command::new("openssl").current_dir(self.folder.path()).args(args).output();
        let out = out.expect("openssl is installed (Debian: openssl)");
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "openssl {args:?}: {said}");
        said
    }

    /// A new P-256 key in `<name>.key`.
    pub fn key(&self, name: &str) -> PathBuf {
        let file = format!("{name}.key");
        self.openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &file]);
        self.path(&file)
    }

    /// A request with a new key: `<name>.key`, and `<name>.csr` as base64 of DER.
    pub fn request(&self, name: &str, subject: &str) -> PathBuf {
        self.key(name);
        let (key, der, csr) = (format!("{name}.key"), format!("{name}.der"), format!("{name}.csr"));
        self.openssl(&["req", "-new", "-key", &key, "-subj", subject, "-outform", "DER", "-out", &der]);
        self.openssl(&["base64", "-in", &der, "-out", &csr]);
        self.path(&csr)
    }

    /// Runs `curl` against the enrolment listener. `path` is below the host.
    pub fn curl(&self, path: &str, pass: Option<&Pass>, args: &[&str]) -> Answer {
        self.curl_at(self.running.est_addr.port(), &["--tlsv1.3"], path, pass, args)
    }

    /// The same against any port, by any TLS.
    pub fn curl_at(&self, port: u16, tls: &[&str], path: &str, pass: Option<&Pass>, args: &[&str]) -> Answer {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--verbose", "--max-time", "60"]).args(tls);
        command.arg("--cacert").arg(&self.root).arg("--resolve").arg(format!("{HUB}:{port}:127.0.0.1"));
        if let Some(pass) = pass {
            command.arg("--cert").arg(&pass.chain).arg("--key").arg(&pass.key);
        }
        command.args(["--write-out", "\n%{http_code}"]).args(args).arg(format!("https://{HUB}:{port}{path}"));
        let out = command.output().expect("curl is installed (Debian: curl)");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').expect("curl writes the status in a line of its own");
        Answer {
            status: status.parse().expect("a status"),
            body: body.to_owned(),
            said: String::from_utf8_lossy(&out.stderr).into_owned(),
        }
    }

    /// Sends a request to an enrolment route.
    pub fn enrol(&self, route: &str, csr: &Path, pass: Option<&Pass>, args: &[&str]) -> Answer {
        let data = format!("@{}", csr.display());
        let fixed = ["--header", "Content-Type: application/pkcs10", "--data-binary", data.as_str()];
        self.curl(&format!("/.well-known/est/{route}"), pass, &[&fixed[..], args].concat())
    }

    /// The birth certificate of a pump with this serial number, by the maker that the hub knows.
    pub fn birth(&self, number: &str) -> Pass {
        self.born(&self.maker, number)
    }

    pub fn born(&self, maker: &Maker, number: &str) -> Pass {
        let folder = self.path(&format!("born-{}-{number}", maker.root_pem().len()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let (number, now) = (Serial::new(number).expect("a serial number"), wardline_hub::state::now());
        let birth = maker.birth(&folder, &model(), &number, now).expect("a birth certificate");
        Pass { chain: birth.certificate, key: birth.key }
    }

    /// Writes the certificate of an answer, and its issuer behind it, to `<name>.pem`.
    pub fn keep(&self, answer: &Answer, name: &str) -> Pass {
        assert_eq!(answer.status, 200, "{answer:?}");
        let (p7, der) = (format!("{name}.p7"), format!("{name}.p7.der"));
        // One line or many: the client's layout.
        std::fs::write(self.path(&p7), answer.body.replace('\n', "")).expect("written");
        self.openssl(&["base64", "-d", "-A", "-in", &p7, "-out", &der]);
        let pem = self.openssl(&["pkcs7", "-inform", "DER", "-in", &der, "-print_certs"]);
        let chain = self.path(&format!("{name}.pem"));
        std::fs::write(&chain, pem + &self.issuing()).expect("written");
        Pass { chain, key: self.path(&format!("{name}.key")) }
    }

    /// Enrols a pump by its birth certificate with a new key.
    pub fn enrolled(&self, number: &str, name: &str) -> Pass {
        let csr = self.request(name, &format!("/CN={number}"));
        let answer = self.enrol("simpleenroll", &csr, Some(&self.birth(number)), &[]);
        self.keep(&answer, name)
    }

    /// The issuing CA, PEM.
    pub fn issuing(&self) -> String {
        self.running.hub.issuing().cert().to_pem()
    }

    /// What a pump with this pass shows and believes.
    pub fn tls(&self, pass: &Pass) -> Arc<ClientConfig> {
        let chain = CertificateDer::pem_file_iter(&pass.chain).expect("a file").collect::<Result<Vec<_>, _>>();
        let key = PrivateKeyDer::from_pem_file(&pass.key).expect("a key");
        let root = CertificateDer::from_pem_file(&self.root).expect("a root");
        client_config(&[root], chain.expect("certificates"), key).expect("a pump's TLS")
    }

    /// Links and says Hello; the frames that come first, until the hub says Welcome or ends it.
    pub async fn link(&self, tls: &Arc<ClientConfig>, pump: PumpId, next: u64) -> Result<(Link, u64), String> {
        let place = self.running.link_addr.to_string();
        let mut link = connect(&place, HUB, Arc::clone(tls)).await.map_err(|error| error.to_string())?;
        let kind = link.io().get_ref().1.handshake_kind();
        link.push(&say(pump_frame::Body::Hello(greeting(pump, next).into()))).map_err(|error| error.to_string())?;
        match hear(&mut link).await {
            Ok(Some(hub_frame::Body::Welcome(welcome))) => Ok((link, welcome.acked)),
            other => Err(format!("{kind:?}: {other:?}")),
        }
    }

    /// The audit's refusals, oldest first: action, subject, reason.
    pub async fn refusals(&self) -> Vec<String> {
        let query = AuditQuery { page: PageRequest { page: 0, page_size: 200 }, ..AuditQuery::default() };
        let page = self.running.hub.store.audit(&query).await.expect("readable");
        let refused = page.rows.into_iter().filter(|record| record.verdict == "refused").rev();
        refused.map(|record| format!("{} | {} | {}", record.action, record.subject, record.reason)).collect()
    }

    /// Waits until the audit has a refusal that contains this text.
    pub async fn until_refused(&self, text: &str) {
        self.until(text, async || self.refusals().await.iter().any(|refusal| refusal.contains(text))).await;
    }

    /// Waits until somebody was turned away for this reason.
    pub async fn until_noted(&self, reason: &str) {
        let noted = async || {
            let store = &self.running.hub.store;
            store.save_sightings(&self.running.hub.links.strangers().take()).await.expect("kept");
            let page = store.sightings(PageRequest { page: 0, page_size: 200 }).await.expect("readable");
            page.rows.iter().any(|row| row.reason == reason)
        };
        self.until(reason, noted).await;
    }

    /// Waits until the question is answered with yes.
    pub async fn until(&self, what: &str, mut question: impl AsyncFnMut() -> bool) {
        let asked = async {
            while !question().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(wardline_e2e::PATIENCE, asked).await.is_err() {
            panic!("waited in vain for {what:?}; refusals: {:#?}", self.refusals().await);
        }
    }

    /// How many certificates a pump has, and whether it is still only expected.
    pub async fn standing(&self, pump: PumpId) -> (usize, String) {
        let store = &self.running.hub.store;
        let certificates = store.certificates(pump).await.expect("readable").len();
        let row = store.pump(pump).await.expect("readable").expect("there");
        (certificates, row.standing.lifecycle.to_string())
    }

    pub async fn quarantine(&self, pump: PumpId) {
        self.decide(pump, wardline_fleet::lifecycle::Act::Quarantine).await;
    }

    pub async fn release(&self, pump: PumpId) {
        self.decide(pump, wardline_fleet::lifecycle::Act::Release).await;
    }

    async fn decide(&self, pump: PumpId, act: wardline_fleet::lifecycle::Act) {
        let by = wardline_fleet::lifecycle::By::Person(Role::Security);
        self.running.hub.decide(pump, act, by, &decision("drill")).await.expect("allowed");
    }

    pub async fn code(&self, pump: PumpId) -> String {
        let why = decision("no birth certificate");
        self.running.hub.store.new_enrolment_code(pump, Span::from_h(1), &why).await.expect("a code").code
    }
}

/// Starts the hub. A child process that another test forks at this moment holds copies of our files, the database's lock
/// among them, until it becomes `openssl`: that is waited for.
async fn started(config: Config) -> Running {
    let begun = std::time::Instant::now();
    loop {
        match server::start(config.clone()).await {
            Ok(running) => return running,
            Err(server::StartError::Store(wardline_store::StoreError::InUse { .. }))
                if begun.elapsed() < wardline_e2e::PATIENCE =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("no hub: {error}"),
        }
    }
}

pub const fn say(body: pump_frame::Body) -> PumpFrame {
    PumpFrame { body: Some(body) }
}

/// The hub's next word, or nothing when it ended the connection.
pub async fn hear(link: &mut Link) -> Result<Option<hub_frame::Body>, String> {
    let next =
        tokio::time::timeout(wardline_e2e::PATIENCE, link.next()).await.expect("the hub says something or ends it");
    let frame: Option<HubFrame> = next.map_err(|error| error.to_string())?;
    Ok(frame.and_then(|frame| frame.body))
}

/// Whether the link answers a heartbeat.
pub async fn is_alive(link: &mut Link) -> bool {
    let beat = Heartbeat { number: 7 };
    link.push(&say(pump_frame::Body::Heartbeat(beat))).is_ok()
        && hear(link).await == Ok(Some(hub_frame::Body::Heartbeat(beat)))
}

pub fn greeting(pump: PumpId, next: u64) -> Greeting {
    Greeting {
        versions: vec![1],
        pump,
        agent: "test".into(),
        boot: [9; 16],
        oldest_event: Sequence(1),
        next_event: Sequence(next),
        generation: Generation(0),
        model: model(),
        journal: 5,
    }
}
