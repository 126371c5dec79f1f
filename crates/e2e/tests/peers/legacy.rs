//! Clients that speak only TLS 1.2, by `curl`, and strongSwan's own EST client: served at the listener for them, refused
//! everywhere else.

use std::path::Path;
use std::process::Command;

use wardline_model::covers;
use wardline_store::{AuditQuery, PageRequest};

use super::ward::{Answer, Pass, Ward};

async fn open() -> Ward {
    Ward::set(|config| config.legacy_est = Some("127.0.0.1:0".parse().expect("an address"))).await
}

/// Asks at the legacy listener, by this TLS.
fn ask(ward: &Ward, tls: &[&str], path: &str, pass: Option<&Pass>, args: &[&str]) -> Answer {
    let port = ward.running.legacy_est_addr.expect("it is open").port();
    ward.curl_at(port, tls, path, pass, args)
}

fn post(ward: &Ward, tls: &[&str], route: &str, csr: &Path, pass: Option<&Pass>, args: &[&str]) -> Answer {
    let data = format!("@{}", csr.display());
    let fixed = ["--header", "Content-Type: application/pkcs10", "--data-binary", data.as_str()];
    ask(ward, tls, &format!("/.well-known/est/{route}"), pass, &[&fixed[..], args].concat())
}

const OLD: &[&str] = &["--tls-max", "1.2"];

/// The audit's records of requests by TLS 1.2.
async fn noted(ward: &Ward) -> Vec<String> {
    let query = AuditQuery {
        action: Some("enrolment.old-tls".into()),
        page: PageRequest { page: 0, page_size: 50 },
        ..AuditQuery::default()
    };
    let page = ward.running.hub.store.audit(&query).await.expect("readable");
    page.rows.into_iter().map(|record| record.subject).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_listeners_speak_nothing_but_tls_1_3_and_the_legacy_one_is_off() {
    let closed = Ward::open().await;
    assert_eq!(closed.running.legacy_est_addr, None, "nobody asked for it");
    closed.running.stop().await;
    let ward = open().await;
    let running = &ward.running;
    for port in [running.link_addr, running.est_addr, running.console_addr].map(|address| address.port()) {
        let old = ward.curl_at(port, OLD, "/.well-known/est/cacerts", None, &[]);
        assert_eq!(old.status, 0, "port {port} spoke TLS 1.2: {old:?}");
        assert!(old.said.contains("alert protocol version"), "{old:?}");
    }
    assert_eq!(ward.curl("/.well-known/est/cacerts", None, &[]).status, 200);
    // The legacy listener speaks both, and nothing older.
    assert_eq!(ask(&ward, OLD, "/.well-known/est/cacerts", None, &[]).status, 200);
    assert_eq!(ask(&ward, &["--tlsv1.3"], "/.well-known/est/cacerts", None, &[]).status, 200);
    let older = &["--tls-max", "1.1", "--tlsv1.0", "--ciphers", "DEFAULT@SECLEVEL=0"];
    assert_eq!(ask(&ward, older, "/.well-known/est/cacerts", None, &[]).status, 0, "TLS 1.1");
    // In TLS 1.2 only with a fresh key exchange and an authenticated cipher.
    for suite in
        ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"]
    {
        let tls = ["--tls-max", "1.2", "--ciphers", suite];
        assert_eq!(ask(&ward, &tls, "/.well-known/est/cacerts", None, &[]).status, 0, "{suite}");
    }
    for suite in ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"] {
        let tls = ["--tls-max", "1.2", "--ciphers", suite];
        assert_eq!(ask(&ward, &tls, "/.well-known/est/cacerts", None, &[]).status, 200, "{suite}");
    }
    let header = |answer: &Answer| answer.said.to_lowercase().contains("content-transfer-encoding");
    assert!(header(&ask(&ward, OLD, "/.well-known/est/cacerts", None, &[])), "old clients need it");
    assert!(!header(&ward.curl("/.well-known/est/cacerts", None, &[])), "RFC 8951 took it back");
    // Nothing but EST is there.
    for path in ["/wardline/v1/provision", "/repo/metadata/timestamp.json", "/", "/api/v1/whoami"] {
        assert_eq!(ask(&ward, OLD, path, None, &[]).status, 404, "{path}");
    }
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_by_tls_1_2_enrols_by_code_and_renews_by_its_certificate_in_every_spelling() {
    covers!("N14");
    let ward = open().await;
    let pump = ward.pumps[0];
    let code = ward.code(pump).await;
    ward.request("one", "/CN=H3-000001");
    // The four spellings that clients send: wrapped and unwrapped base64, PEM, DER. The last two renew.
    ward.openssl(&["base64", "-A", "-in", "one.der", "-out", "one.flat"]);
    let user = format!("H3-000001:{code}");
    // Asked first without credentials, as libest does: a 401, and the connection stays.
    let asked = post(&ward, OLD, "simpleenroll", &ward.path("one.flat"), None, &["--anyauth", "--user", &user]);
    assert_eq!(asked.said.matches("Connected to").count(), 1, "{asked:?}");
    let first = ward.keep(&asked, "one");
    let wrapped = post(&ward, OLD, "simpleenroll", &ward.path("one.csr"), None, &["--user", &user]);
    assert_eq!(wrapped.body.replace('\n', ""), asked.body, "the same key, the same certificate");
    // Who sends lines gets lines, who sends one line gets one: libest reads only the first, strongSwan only the second.
    assert!(wrapped.body.lines().count() > 5 && wrapped.body.lines().all(|line| line.len() <= 64), "{wrapped:?}");
    assert_eq!(asked.body.lines().count(), 1, "{asked:?}");
    assert!(asked.said.contains("content-type: application/pkcs7-mime; smime-type=certs-only"), "{asked:?}");
    ward.link(&ward.tls(&first), pump, 1).await.expect("it links");

    let subject = format!("/CN={pump}/serialNumber=H3-000001/O=St. Elsewhere");
    ward.request("two", &subject);
    ward.openssl(&["req", "-inform", "DER", "-in", "two.der", "-out", "two.pem"]);
    // Expect: 100-continue and a chunked body, as old HTTP libraries send them.
    let odd = ["--header", "Expect: 100-continue", "--header", "Transfer-Encoding: chunked"];
    let answer = post(&ward, OLD, "simplereenroll", &ward.path("two.pem"), Some(&first), &odd);
    assert!(answer.said.contains("HTTP/1.1 100 Continue"), "{answer:?}");
    let second = ward.keep(&answer, "two");
    let (der, base64) = (ward.path("two.der"), ["--header", "Content-Transfer-Encoding: base64"]);
    let answer = post(&ward, OLD, "simplereenroll", &der, Some(&first), &base64);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(ward.keep(&answer, "two").chain, second.chain, "the same key again");
    ward.link(&ward.tls(&second), pump, 1).await.expect("it links with the new one, by TLS 1.3");
    // The same rules as at the other listener: an old certificate renews nothing.
    ward.request("three", &subject);
    let old = post(&ward, OLD, "simplereenroll", &ward.path("three.csr"), Some(&first), &[]);
    assert_eq!(old.status, 403, "{old:?}");
    // Whoever came by TLS 1.2 is in the audit, once a minute and by name.
    let notes = noted(&ward).await;
    for claim in ["TLS 1.2: somebody who claims nothing", "TLS 1.2: serial H3-000001", &format!("TLS 1.2: pump {pump}")]
    {
        assert_eq!(notes.iter().filter(|note| *note == claim).count(), 1, "{claim}: {notes:?}");
    }
    let issued = AuditQuery { action: Some("certificate.issue".into()), ..AuditQuery::default() };
    let issued = ward.running.hub.store.audit(&issued).await.expect("readable").rows;
    assert!(issued.iter().all(|record| record.reason.ends_with(", over TLS 1.2")), "{issued:?}");
    ward.running.stop().await;
}

/// Runs strongSwan's `pki` by this TLS, which must do well: by itself it speaks 1.2 and nothing newer.
fn pki(ward: &Ward, tls: &str, args: &[&str]) -> Vec<u8> {
    let settings = ward.path(&format!("strongswan-{tls}.conf"));
    std::fs::write(&settings, format!("pki {{\n  tls {{\n    version_max = {tls}\n  }}\n}}\n")).expect("written");
    let mut command = Command::new("pki");
    command.current_dir(ward.folder.path()).env("STRONGSWAN_CONF", &settings).args(args);
    let out = command.output().expect("pki is installed (Debian: strongswan-pki)");
    assert!(out.status.success(), "pki {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// Gets the authorities, enrols by a code and renews, all by strongSwan's client at one port.
async fn strongswan(ward: &Ward, tls: &str, port: u16, at: usize) {
    let (pump, number) = (ward.pumps[at], super::ward::NUMBERS[at]);
    let root = ward.root.to_str().expect("a plain path");
    let url = format!("https://localhost:{port}");
    let caout = format!("ca-{tls}");
    pki(ward, tls, &["--estca", "--url", &url, "--cacert", root, "--caout", &caout, "--outform", "pem"]);
    std::fs::write(ward.path("issuing.pem"), ward.issuing()).expect("written");
    let est = ["--est", "--url", &url, "--cacert", root, "--cacert", "issuing.pem", "--outform", "pem"];
    let kept = |pem: &[u8], name: &str| {
        let pass = Pass { chain: ward.path(&format!("{name}.pem")), key: ward.path(&format!("{name}.key")) };
        std::fs::write(&pass.chain, [pem, ward.issuing().as_bytes()].concat()).expect("written");
        pass
    };
    let (one, two) = (format!("one-{tls}"), format!("two-{tls}"));
    ward.request(&one, &format!("/CN={number}"));
    let user = format!("{number}:{}", ward.code(pump).await);
    let pem = pki(ward, tls, &[&est[..], &["--in", &format!("{one}.der"), "--userpass", &user]].concat());
    ward.link(&ward.tls(&kept(&pem, &one)), pump, 1).await.expect("it links");
    // The renewal, authenticated by the certificate.
    ward.request(&two, &format!("/CN={pump}/serialNumber={number}/O=St. Elsewhere"));
    let own = format!("own-{tls}.pem");
    std::fs::write(ward.path(&own), &pem).expect("written");
    let with = ["--in", &format!("{two}.der"), "--cert", &own, "--key", &format!("{one}.key")];
    let pem = pki(ward, tls, &[&est[..], &with].concat());
    ward.link(&ward.tls(&kept(&pem, &two)), pump, 1).await.expect("it links with the new one");
}

#[tokio::test(flavor = "multi_thread")]
async fn strongswans_client_gets_the_authorities_enrols_and_renews_by_either_tls() {
    covers!("N14");
    let ward = open().await;
    strongswan(&ward, "1.2", ward.running.legacy_est_addr.expect("it is open").port(), 0).await;
    strongswan(&ward, "1.3", ward.running.est_addr.port(), 1).await;
    ward.running.stop().await;
}
