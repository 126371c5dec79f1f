//! Wi-Fi admission by a real FreeRADIUS and a real supplicant (`eapol_test` of wpa_supplicant): what `wardline radius
//! config` wrote admits pumps to their VLAN, refuses or sets apart one that is taken down, and the others never notice.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use wardline_e2e::{Process, program, skip};
use wardline_fleet::lifecycle::By;
use wardline_hub::coa::secret_name;
use wardline_hub::config::{CoaTarget, Config};
use wardline_hub::decide::{Hold, Order};
use wardline_hub::keys::Keys;
use wardline_hub::server::{self, Running};
use wardline_model::{AssetTag, CareArea, Lifecycle, Model, PumpId, QuarantineLevel, Role, Serial, Span, covers};
use wardline_store::{Actor, AuditQuery, Decision, ExpectedPump, LifecycleChange};

/// The shared secret of the access point that the test plays.
const SECRET: &str = "an-access-points-secret";

fn why(reason: &str) -> Decision {
    Decision { by: Actor::Operator("test".into()), reason: reason.into(), at: wardline_hub::state::now() }
}

fn run(folder: &Path, program: &Path, args: &[&str]) -> (bool, String) {
    let out = Command::new(program).current_dir(folder).args(args).output();
    let out = out.unwrap_or_else(|error| panic!("{} cannot run: {error}", program.display()));
    (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr))
}

fn openssl(folder: &Path, args: &[&str]) {
    let (good, said) = run(folder, Path::new("openssl"), args);
    assert!(good, "openssl {args:?}: {said}");
}

fn has(program: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/usr/local/bin"].iter().any(|folder| Path::new(folder).join(program).is_file())
}

/// A hub, its pumps' keys and certificates as files, and the folder where FreeRADIUS finds everything.
struct Hospital {
    folder: TempDir,
    hub: Running,
    pumps: Vec<PumpId>,
    /// Where the access point hears Disconnect-Requests.
    coa: SocketAddr,
}

/// What the supplicant was told.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Admitted { vlan: String },
    Refused,
}

impl Hospital {
    /// Two pumps, `pump-0` and `pump-1`, in service with certificates that they enrolled for.
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        // The address stands in certificates, so it is chosen before the hub starts.
        let status = std::net::TcpListener::bind(any).and_then(|socket| socket.local_addr()).expect("a free port");
        let coa = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
        let config = Config {
            coa: vec![CoaTarget { name: "ap".into(), address: coa, nas: Vec::new() }],
            folder: folder.path().join("hub"),
            link: any,
            est: any,
            console: any,
            status: Some(status),
            status_public: Some(format!("http://{status}")),
            ..Config::default()
        };
        fs::create_dir(&config.folder).expect("a folder");
        let made = server::init(config).await.expect("prepared");
        fs::copy(&made.root_file, folder.path().join("root.pem")).expect("copied");
        let keys = Keys::open(&made.config.folder.join("keys")).expect("the hub's keys");
        keys.seal(&secret_name("ap"), SECRET.as_bytes()).expect("sealed");
        let hub = server::start(made.config).await.expect("started");
        let expected = |n: u8| ExpectedPump {
            model: Model::new("Halcyon 3").expect("a name"),
            serial: Serial::new(&format!("H3-{n}")).expect("a name"),
            asset_tag: AssetTag::new(&format!("TAG-{n}")).expect("a name"),
            care_area: CareArea::new("Ward").expect("a name"),
        };
        let pumps = hub.hub.store.expect_pumps(&[0, 1].map(expected), &why("a manifest")).await.expect("kept");
        let mut hospital = Self { folder, hub, pumps, coa };
        for n in 0..2 {
            hospital.enrol(n).await;
        }
        let radius = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "30"];
        let names = ["-subj", "/CN=radius.test", "-keyout", "server.key", "-out", "server.pem"];
        openssl(hospital.path(), &[&radius[..], &names].concat());
        let by = why("a test");
        let token = hospital.hub.hub.store.create_token("test", Role::Administrator, Span::from_h(1), &by).await;
        let login = serde_json::json!({
            "hub": format!("https://localhost:{}", hospital.hub.console_addr.port()),
            "ca": fs::read_to_string(hospital.path().join("root.pem")).expect("a root"),
            "token": token.expect("a token").secret,
        });
        let file = hospital.path().join("login.json");
        fs::write(&file, login.to_string()).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("private, as the program demands");
        hospital
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Enrols over EST with curl and OpenSSL, and lets the pump use its certificate.
    async fn enrol(&mut self, n: usize) {
        let (hub, pump) = (&self.hub.hub, self.pumps[n]);
        let code = hub.store.new_enrolment_code(pump, Span::from_h(1), &why("a test")).await.expect("a code");
        let (key, csr) = (format!("pump-{n}.key"), format!("pump-{n}.csr"));
        let new = ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-outform", "DER"];
        openssl(self.path(), &[&new[..], &["-subj", "/CN=a pump", "-keyout", &key, "-out", "csr.der"]].concat());
        openssl(self.path(), &["base64", "-in", "csr.der", "-out", &csr]);
        let url = format!("https://localhost:{}/.well-known/est/simpleenroll", self.hub.est_addr.port());
        let (folder, user) = (self.path().to_owned(), format!("H3-{n}:{}", code.code));
        let asked = tokio::task::spawn_blocking(move || {
            let head = ["-sS", "--fail-with-body", "--cacert", "root.pem", "-u", &user, "-H"];
            let body = ["Content-Type: application/pkcs10", "--data-binary", &format!("@{csr}"), "-o", "p7.b64", &url];
            run(&folder, Path::new("curl"), &[&head[..], &body].concat())
        });
        let (good, said) = asked.await.expect("it ran");
        assert!(good, "{said}");
        openssl(self.path(), &["base64", "-d", "-in", "p7.b64", "-out", "p7.der"]);
        let pem = format!("pump-{n}.pem");
        openssl(self.path(), &["pkcs7", "-inform", "DER", "-in", "p7.der", "-print_certs", "-out", &pem]);
        let pending =
            hub.registry.get(pump).and_then(|entry| entry.pending).expect("a certificate that is not used yet");
        hub.apply(&hub.store.certificate_used(pump, &pending, wardline_hub::state::now()).await.expect("used"));
    }

    async fn moves(&self, n: usize, from: Lifecycle, to: Lifecycle) {
        let change = LifecycleChange { pump: self.pumps[n], from, to };
        let entry = self.hub.hub.store.decide_lifecycle(change, &why("it scans the network")).await;
        self.hub.hub.apply(&entry.expect("decided"));
    }

    /// The newest audit record of this kind, once there is one.
    async fn until(&self, action: &str) -> String {
        for _ in 0..600 {
            let query = AuditQuery { action: Some(action.into()), ..AuditQuery::default() };
            let page = self.hub.hub.store.audit(&query).await.expect("readable");
            if let Some(record) = page.rows.first() {
                return format!("{} | {}", record.subject, record.reason);
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("no audit record {action}");
    }

    async fn holds(&self, n: usize, level: QuarantineLevel) {
        let order = Order::of_person(Hold::At(level));
        let by = By::Person(Role::Security);
        self.hub.hub.hold(self.pumps[n], &order, by, &why("it scans the network")).await.expect("decided");
    }

    /// Writes FreeRADIUS's pieces with the real program, and starts a FreeRADIUS that has nothing else.
    async fn radius(&self, name: &str, options: &[&str]) -> Radius {
        let listen = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
        let (folder, out) = (self.path().to_owned(), self.path().join(name));
        let mut command = Command::new(program("wardline"));
        command.current_dir(&folder).env("WARDLINE_LOGIN", folder.join("login.json"));
        command.args(["radius", "config", "--vlan", "20", "--listen", &listen.to_string()]).arg("--out").arg(&out);
        command.arg("--status").arg(format!("http://{}", self.hub.status_addr.expect("it listens")));
        command.arg("--server-cert").arg(folder.join("server.pem")).arg("--server-key").arg(folder.join("server.key"));
        command.args(options);
        let said = tokio::task::spawn_blocking(move || command.output().expect("it runs")).await.expect("it ran");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        fs::write(out.join("radiusd.conf"), main_file(&out, self.coa)).expect("written");
        let mut process = Process::start(
            "FreeRADIUS",
            Command::new("/usr/sbin/freeradius")
                .arg("-d")
                .arg(&out)
                .args(["-n", "radiusd", "-f", "-x", "-l", "stdout"]),
        );
        process.wait_for("Ready to process requests");
        Radius { process, listen, folder }
    }
}

/// The least around our pieces: no other module, and beside our site one that plays the access point's part: it ends the
/// session that a Disconnect-Request names.
fn main_file(out: &Path, coa: SocketAddr) -> String {
    let (out, coa_ip, coa_port) = (out.display(), coa.ip(), coa.port());
    format!(
        "name = radiusd\nconfdir = {out}\nrun_dir = {out}\ndb_dir = {out}\nlogdir = {out}\nlibdir = /usr/lib/freeradius\n\
         prefix = /usr\nexec_prefix = /usr\nsysconfdir = /etc\nlocalstatedir = {out}\npidfile = {out}/radiusd.pid\n\
         correct_escapes = true\nmax_request_time = 30\nmax_requests = 1024\nhostname_lookups = no\n\
         log {{\n destination = stdout\n}}\nsecurity {{\n allow_core_dumps = no\n reject_delay = 0\n status_server = no\n}}\n\
         thread pool {{\n start_servers = 2\n max_servers = 4\n min_spare_servers = 1\n max_spare_servers = 2\n}}\n\
         client access-point {{\n ipaddr = 127.0.0.1\n secret = {SECRET}\n}}\n\
         modules {{\n always reject {{\n  rcode = reject\n }}\n always ok {{\n  rcode = ok\n }}\n $INCLUDE mods-enabled/\n}}\n$INCLUDE sites-enabled/\n\
         server coa {{\n listen {{\n  type = coa\n  ipaddr = {coa_ip}\n  port = {coa_port}\n }}\n recv-coa {{\n  ok\n }}\n \
         send-coa {{\n  ok\n }}\n}}\n"
    )
}

/// A running FreeRADIUS.
struct Radius {
    process: Process,
    listen: SocketAddr,
    folder: PathBuf,
}

impl Radius {
    /// What a pump is told when it comes onto the air.
    async fn admits(&mut self, n: usize) -> Told {
        let file = self.folder.join(format!("eapol-{n}.conf"));
        let folder = self.folder.display();
        fs::write(
            &file,
            format!(
                "network={{\n ssid=\"ward\"\n key_mgmt=WPA-EAP\n eap=TLS\n identity=\"pump-{n}\"\n \
                 ca_cert=\"{folder}/server.pem\"\n client_cert=\"{folder}/pump-{n}.pem\"\n \
                 private_key=\"{folder}/pump-{n}.key\"\n}}\n"
            ),
        )
        .expect("written");
        let (folder, listen) = (self.folder.clone(), self.listen);
        let asked = tokio::task::spawn_blocking(move || {
            let (ip, port) = (listen.ip().to_string(), listen.port().to_string());
            let config = file.display().to_string();
            let args = ["-c", &config, "-a", &ip, "-p", &port, "-s", SECRET, "-t", "60"];
            run(&folder, Path::new("eapol_test"), &args)
        });
        let (_, said) = asked.await.expect("it ran");
        match said.lines().last() {
            Some("SUCCESS") => Told::Admitted { vlan: vlan(&said) },
            Some("FAILURE") if said.contains("Access-Reject") => Told::Refused,
            _ => panic!("no answer:\n{said}\nFreeRADIUS:\n{}", self.process.printed()),
        }
    }
}

/// The VLAN in what `eapol_test` prints of the answer: the attribute's value in hexadecimal, on the next line.
fn vlan(said: &str) -> String {
    let mut lines = said.lines().skip_while(|line| !line.contains("Tunnel-Private-Group-Id"));
    let value = lines.nth(1).and_then(|line| line.trim().strip_prefix("Value: ")).expect("a VLAN");
    let bytes =
        value.as_bytes().chunks(2).filter_map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
    bytes.map(char::from).filter(char::is_ascii_digit).collect()
}

fn ready() -> bool {
    let missing: Vec<_> = ["freeradius", "eapol_test"].into_iter().filter(|name| !has(name)).collect();
    if !missing.is_empty() {
        skip("Wi-Fi admission", &format!("{} not installed", missing.join(" and ")));
    }
    missing.is_empty()
}

fn on(vlan: &str) -> Told {
    Told::Admitted { vlan: vlan.into() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pump_that_is_taken_down_loses_the_wifi_and_the_others_do_not() {
    covers!("N14");
    if !ready() {
        return;
    }
    let mut hospital = Hospital::open().await;
    let mut radius = hospital.radius("radius", &["--when-silent", "refuse"]).await;
    assert_eq!([radius.admits(0).await, radius.admits(1).await], [on("20"), on("20")]);
    hospital.holds(0, QuarantineLevel::Cut).await;
    assert_eq!([radius.admits(0).await, radius.admits(1).await], [Told::Refused, on("20")]);
    // The pump that was on the air is sent off it: FreeRADIUS checks both authenticators before it prints this.
    radius.process.wait_for("Received Disconnect-Request");
    let said = hospital.until("radius.disconnect").await;
    assert!(said.contains("ap ended its session") && said.contains("on the air as pump-0"), "{said}");
    let printed = radius.process.printed();
    let request = printed.split("Received Disconnect-Request").nth(1).expect("it was printed");
    for attribute in [
        "User-Name = \"pump-0\"",
        "Calling-Station-Id = \"02-00-00-00-00-01\"",
        "NAS-IP-Address = 127.0.0.1",
        "Message-Authenticator",
        "Event-Timestamp",
    ] {
        assert!(request.contains(attribute), "{attribute} is missing:\n{request}");
    }
    hospital.moves(0, Lifecycle::Quarantined, Lifecycle::InService).await;
    assert_eq!(radius.admits(0).await, on("20"));
    let copy = |from: &str, to: &str| {
        for end in ["key", "pem"] {
            let file = |name: &str| hospital.path().join(format!("{name}.{end}"));
            fs::copy(file(from), file(to)).expect("copied");
        }
    };
    copy("pump-1", "pump-9");
    hospital.moves(1, Lifecycle::InService, Lifecycle::Lost).await;
    assert_eq!(radius.admits(1).await, Told::Refused, "lost");
    hospital.moves(1, Lifecycle::Lost, Lifecycle::Expected).await;
    hospital.enrol(1).await;
    assert_eq!(radius.admits(1).await, on("20"), "found and enrolled anew");
    assert_eq!(radius.admits(9).await, Told::Refused, "whoever copied its old key stays out");
    hospital.hub.stop().await;
    assert_eq!(radius.admits(0).await, Told::Refused, "the hub does not answer, and the hospital chose to refuse then");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hospital_may_give_quarantine_a_network_of_its_own_and_live_through_a_silent_hub() {
    if !ready() {
        return;
    }
    let hospital = Hospital::open().await;
    let mut radius = hospital.radius("radius", &["--quarantine-vlan", "99", "--remediation-vlan", "98"]).await;
    assert_eq!([radius.admits(0).await, radius.admits(1).await], [on("20"), on("20")]);
    hospital.moves(0, Lifecycle::InService, Lifecycle::Quarantined).await;
    assert_eq!([radius.admits(0).await, radius.admits(1).await], [on("99"), on("20")]);
    hospital.holds(0, QuarantineLevel::Remediate).await;
    assert_eq!([radius.admits(0).await, radius.admits(1).await], [on("98"), on("20")], "where it is mended");
    hospital.holds(0, QuarantineLevel::Watch).await;
    assert_eq!(radius.admits(0).await, on("20"), "full service");
    hospital.holds(0, QuarantineLevel::Cut).await;
    assert_eq!(radius.admits(0).await, on("99"));
    hospital.moves(0, Lifecycle::Quarantined, Lifecycle::Lost).await;
    assert_eq!(radius.admits(0).await, Told::Refused);
    hospital.hub.stop().await;
    assert_eq!(radius.admits(1).await, on("20"), "the fleet stays reachable while the hub is down");
}
