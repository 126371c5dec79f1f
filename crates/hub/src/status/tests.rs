//! A hub asked by OpenSSL, as a RADIUS server would: before, during and after a quarantine, and after a renewal.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wardline_model::{AssetTag, CareArea, Lifecycle, Model, PumpId, Serial, covers};
use wardline_pki::profile::PumpNames;
use wardline_pki::{Cert, Csr, profile};
use wardline_store::{Actor, Decision, ExpectedPump, LifecycleChange, NewCertificate};

use crate::config::Config;
use crate::server::{self, Running};
use crate::state::now;

fn why(reason: &str) -> Decision {
    Decision { by: Actor::Operator("test".into()), reason: reason.into(), at: now() }
}

fn openssl(folder: &Path, args: &[&str]) -> (bool, String) {
    let out = Command::new("openssl").current_dir(folder).args(args).output().expect("openssl is installed");
    (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr))
}

/// A running hub with one pump, and a folder where OpenSSL works.
struct Place {
    running: Running,
    pump: PumpId,
    folder: tempfile::TempDir,
}

impl Place {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = Config {
            folder: folder.path().join("hub"),
            link: free,
            est: free,
            console: free,
            status: Some(free),
            status_public: Some("http://pki.example.org".into()),
            ..Config::default()
        };
        std::fs::create_dir(&config.folder).expect("a folder");
        let running = server::start(server::init(config).await.expect("prepared").config).await.expect("started");
        let expected = ExpectedPump {
            model: Model::new("Halcyon 3").expect("a name"),
            serial: Serial::new("H3-1").expect("a name"),
            asset_tag: AssetTag::new("TAG-1").expect("a name"),
            care_area: CareArea::new("Ward").expect("a name"),
        };
        let pump = running.hub.store.expect_pumps(&[expected], &why("a manifest")).await.expect("kept")[0];
        std::fs::write(folder.path().join("issuing"), running.hub.issuing().cert().to_pem()).expect("written");
        std::fs::write(folder.path().join("root"), running.hub.root().to_pem()).expect("written");
        Self { running, pump, folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Issues a certificate, lets the pump use it, and leaves it where OpenSSL finds it.
    async fn issue(&self, name: &str) -> Cert {
        let hub = &self.running.hub;
        let key = ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", "key"];
        let (good, said) = openssl(self.path(), &[&key[..], &["-subj", "/CN=a pump", "-out", "csr"]].concat());
        assert!(good, "{said}");
        let csr = Csr::parse(&std::fs::read(self.path().join("csr")).expect("made")).expect("a good request");
        let serial = Serial::new("H3-1").expect("a name");
        let names = PumpNames { pump: self.pump, serial, hospital: "St. Elsewhere".into(), hw_type: None };
        let content =
            profile::pump(&csr, &names).expect("approved").with_revocation(super::places(hub, profile::PUMP_LASTS));
        let cert = hub.issuing().sign(&content, &server::serial().expect("random"), now()).expect("signed");
        let row = NewCertificate {
            serial: cert.serial().to_string(),
            fingerprint: cert.fingerprint(),
            pump: self.pump,
            not_before: cert.not_before(),
            not_after: cert.not_after(),
            der: cert.der().to_vec(),
        };
        hub.apply(&hub.store.issue_certificate(&row, &why("enrolment")).await.expect("recorded"));
        hub.apply(&hub.store.certificate_used(self.pump, &row.fingerprint, now()).await.expect("used"));
        std::fs::write(self.path().join(name), cert.to_pem()).expect("written");
        cert
    }

    async fn moves(&self, from: Lifecycle, to: Lifecycle, reason: &str) {
        let hub = &self.running.hub;
        let change = LifecycleChange { pump: self.pump, from, to };
        hub.apply(&hub.store.decide_lifecycle(change, &why(reason)).await.expect("decided"));
    }

    fn address(&self) -> SocketAddr {
        self.running.status_addr.expect("it was asked for")
    }

    /// What OpenSSL says of a certificate after asking over HTTP, with or without a nonce.
    async fn ocsp(&self, name: &'static str, nonce: &'static str) -> String {
        let url = format!("http://{}/ocsp", self.address());
        let folder = self.path().to_owned();
        let asked = tokio::task::spawn_blocking(move || {
            let ask = ["ocsp", "-url", &url, "-issuer", "issuing", "-CAfile", "root", "-cert", name, nonce];
            openssl(&folder, &[&ask[..], &["-verify_other", "issuing"]].concat())
        });
        let (good, said) = asked.await.expect("it ran");
        assert!(good && said.contains("Response verify OK"), "{said}");
        said
    }

    /// Whether OpenSSL accepts a certificate with our list.
    async fn passes_the_list(&self, name: &str) -> (bool, String) {
        let list = self.get("/issuing.crl").await;
        std::fs::write(self.path().join("crl.der"), list).expect("written");
        let (good, said) = openssl(self.path(), &["crl", "-inform", "DER", "-in", "crl.der", "-out", "crl.pem"]);
        assert!(good, "{said}");
        let check = ["verify", "-crl_check", "-CRLfile", "crl.pem", "-CAfile", "root", "-untrusted", "issuing", name];
        openssl(self.path(), &check)
    }

    /// The body of an answer over plain HTTP.
    async fn get(&self, path: &str) -> Vec<u8> {
        let mut socket = TcpStream::connect(self.address()).await.expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: pki.example.org\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.expect("answered");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..end]));
        answer.split_off(end + 4)
    }
}

#[tokio::test]
async fn third_parties_see_a_quarantine_at_once_and_its_end_too() {
    covers!("N14");
    let place = Place::open().await;
    place.issue("pump").await;
    for nonce in ["-nonce", "-no_nonce"] {
        assert!(place.ocsp("pump", nonce).await.contains("pump: good"));
    }
    assert!(place.passes_the_list("pump").await.0);
    place.moves(Lifecycle::InService, Lifecycle::Quarantined, "beacons to an unknown host").await;
    for nonce in ["-nonce", "-no_nonce"] {
        let said = place.ocsp("pump", nonce).await;
        assert!(said.contains("pump: revoked") && said.contains("certificateHold"), "{said}");
    }
    let (good, said) = place.passes_the_list("pump").await;
    assert!(!good && said.contains("certificate revoked"), "{said}");
    place.moves(Lifecycle::Quarantined, Lifecycle::InService, "cleared").await;
    assert!(place.ocsp("pump", "-no_nonce").await.contains("pump: good"));
    assert!(place.passes_the_list("pump").await.0);
    place.running.stop().await;
}

#[tokio::test]
async fn a_replaced_key_and_a_lost_pump_stay_out_for_good() {
    covers!("N14");
    let place = Place::open().await;
    place.issue("old").await;
    assert!(place.ocsp("old", "-no_nonce").await.contains("old: good"));
    let new = place.issue("new").await;
    let said = place.ocsp("old", "-no_nonce").await;
    assert!(said.contains("old: revoked") && said.contains("superseded"), "{said}");
    assert!(place.ocsp("new", "-no_nonce").await.contains("new: good"));
    place.moves(Lifecycle::InService, Lifecycle::Lost, "not found in the stock-taking").await;
    let said = place.ocsp("new", "-no_nonce").await;
    assert!(said.contains("new: revoked") && said.contains("keyCompromise"), "{said}");
    for name in ["old", "new"] {
        assert!(!place.passes_the_list(name).await.0);
    }
    assert!(wardline_pki::PumpIdentity::of(&new).is_ok());
    place.running.stop().await;
}

#[tokio::test]
async fn a_request_may_stand_in_the_path_and_garbage_gets_the_standards_answer() {
    use base64::Engine as _;
    let place = Place::open().await;
    let cert = place.issue("pump").await;
    assert!(openssl(place.path(), &["ocsp", "-issuer", "issuing", "-cert", "pump", "-no_nonce", "-reqout", "req"]).0);
    let request = std::fs::read(place.path().join("req")).expect("made");
    let coded = base64::engine::general_purpose::STANDARD.encode(request);
    // RFC 6960 has it percent-encoded; some clients leave the slashes as they are.
    let forms = [coded.clone(), coded.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")];
    for form in forms {
        std::fs::write(place.path().join("resp"), place.get(&format!("/ocsp/{form}")).await).expect("written");
        let read = ["ocsp", "-respin", "resp", "-issuer", "issuing", "-CAfile", "root", "-cert", "pump", "-no_nonce"];
        let (good, said) = openssl(place.path(), &[&read[..], &["-verify_other", "issuing"]].concat());
        assert!(good && said.contains("pump: good"), "{said}");
    }
    assert_eq!(place.get("/ocsp/AAAA").await, wardline_pki::ocsp::malformed());
    assert_eq!(place.get("/issuing.cer").await, place.running.hub.issuing().cert().der());
    assert_eq!(place.get("/root.cer").await, place.running.hub.root().der());
    std::fs::write(place.path().join("pump.der"), cert.der()).expect("written");
    let (_, text) = openssl(place.path(), &["x509", "-in", "pump", "-noout", "-text"]);
    assert!(text.contains("URI:http://pki.example.org/ocsp"), "{text}");
    place.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_lived_certificate_says_that_there_is_nothing_to_ask() {
    let place = Place::open().await;
    let days = wardline_model::Span::from_days;
    let config = |short_lived| Config { short_lived, ..Config::default() };
    assert!(super::is_unasked(&config(true), days(9)));
    assert!(!super::is_unasked(&config(true), days(10)), "ten days are not short");
    assert!(!super::is_unasked(&config(false), days(9)), "nobody wanted it");
    assert!(matches!(super::places(&place.running.hub, days(9)), profile::RevocationInfo::At { .. }));
    place.issue("pump").await;
    let csr = Csr::parse(&std::fs::read(place.path().join("csr")).expect("made")).expect("a good request");
    let serial = Serial::new("H3-1").expect("a name");
    let names = PumpNames { pump: place.pump, serial, hospital: "St. Elsewhere".into(), hw_type: None };
    let content = profile::pump(&csr, &names).expect("approved").lasting(days(5));
    let content = content.with_revocation(profile::RevocationInfo::NotAvailable);
    let issuing = place.running.hub.issuing();
    let cert = crate::ca::sign(&issuing, content, now()).await.expect("signed");
    std::fs::write(place.path().join("short"), cert.to_pem()).expect("written");
    let (good, said) = openssl(place.path(), &["x509", "-in", "short", "-noout", "-text"]);
    assert!(good && (said.contains("2.5.29.56") || said.contains("No Revocation")), "{said}");
    assert!(!said.contains("CRL Distribution") && !said.contains("Authority Information"), "{said}");
    let args = ["verify", "-x509_strict", "-CAfile", "root", "-untrusted", "issuing", "-purpose", "sslclient", "short"];
    let (good, said) = openssl(place.path(), &args);
    assert!(good, "{said}");
    let chain = [&cert, issuing.cert(), &place.running.hub.root()];
    wardline_pki::strict::chain(&chain, wardline_pki::strict::Usage::Pump, now()).expect("passes the strict checks");
    place.running.stop().await;
}
