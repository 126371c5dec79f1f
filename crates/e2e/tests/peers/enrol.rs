//! Enrolment and renewal by `curl`, with keys and requests by `openssl`.

use wardline_hub::config::LabelRule;
use wardline_model::{PumpId, covers};
use wardline_sim::hospital::Maker;

use super::ward::{Pass, Ward};

/// The serial number of the certificate in a file.
fn number(ward: &Ward, pass: &Pass) -> String {
    let file = pass.chain.to_str().expect("a plain path");
    ward.openssl(&["x509", "-in", file, "-noout", "-serial"]).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorities_come_as_the_standard_says() {
    let ward = Ward::set(|config| {
        config.enrolment.labels.insert("ward-3".into(), LabelRule::default());
    })
    .await;
    for path in ["/.well-known/est/cacerts", "/.well-known/est/ward-3/cacerts"] {
        let answer = ward.curl(path, None, &[]);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.said.contains("content-type: application/pkcs7-mime; smime-type=certs-only"), "{answer:?}");
        assert!(answer.body.lines().all(|line| line.len() <= 64), "lines of 64 characters: {answer:?}");
        std::fs::write(ward.path("ca.p7"), &answer.body).expect("written");
        ward.openssl(&["base64", "-d", "-in", "ca.p7", "-out", "ca.der"]);
        let pem = ward.openssl(&["pkcs7", "-inform", "DER", "-in", "ca.der", "-print_certs"]);
        let root = std::fs::read_to_string(&ward.root).expect("a root");
        let body = |pem: &str| pem.lines().skip(1).take(3).collect::<String>();
        assert!(pem.contains(&body(&root)[..60]), "the root is among them");
        assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), 2, "root and issuing CA");
    }
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_makers_guide_works_as_it_stands() {
    let ward = Ward::open().await;
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/maker/est.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let lines = guide.split_once("```sh\n").and_then(|(_, rest)| rest.split_once("```")).expect("its lines").0;
    let port = ward.running.est_addr.port();
    let script = lines.replace(":7444", &format!(":{port}"));
    std::fs::copy(&ward.root, ward.path("root.pem")).expect("the root");
    // The guide trusts the hospital's DNS.
    std::fs::write(ward.path(".curlrc"), format!("resolve = {}:{port}:127.0.0.1\n", super::ward::HUB))
        .expect("written");
    let code = ward.code(ward.pumps[0]).await;
    let mut bash = std::process::Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script]).current_dir(ward.folder.path());
    bash.env("CURL_HOME", ward.folder.path()).env("SERIAL", "H3-000001").env("CODE", code);
    let out = bash.output().expect("bash");
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    assert!(said.contains("pump.pem: OK") && said.contains("next.pem: OK"), "{said}");
    assert_eq!(ward.standing(ward.pumps[0]).await, (2, "enrolled".into()));
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_should_hold_is_told_and_openssl_reads_it() {
    let ward = Ward::open().await;
    let attributes = |pass: Option<&Pass>| {
        let answer = ward.curl("/.well-known/est/csrattrs", pass, &[]);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.said.contains("content-type: application/csrattrs"), "{answer:?}");
        assert!(answer.body.lines().all(|line| line.len() <= 64), "{answer:?}");
        std::fs::write(ward.path("attributes.b64"), &answer.body).expect("written");
        ward.openssl(&["base64", "-d", "-in", "attributes.b64", "-out", "attributes.der"]);
        ward.openssl(&["asn1parse", "-inform", "DER", "-in", "attributes.der", "-i"])
    };
    // Whoever asks is told the key and the hospital; the two object identifiers are those of RFC 9908.
    let anybody = attributes(None);
    for part in ["id-ecPublicKey", "prime256v1", "ecdsa-with-SHA256", "St. Elsewhere", "commonName"] {
        assert!(anybody.contains(part), "{part}: {anybody}");
    }
    assert!(
        anybody.contains("1.2.840.113549.1.9.16.2.61") && anybody.contains("1.2.840.113549.1.9.16.2.62"),
        "{anybody}"
    );
    // A pump on the list is told its names, one that nobody expects is not.
    let pump = ward.pumps[0].to_string();
    let expected = attributes(Some(&ward.birth("H3-000001")));
    assert!(expected.contains(&pump) && expected.contains("H3-000001"), "{expected}");
    assert!(!attributes(Some(&ward.birth("H3-999999"))).contains("H3-999999"));
    // What a pump in service is told is what its renewal must repeat.
    let pass = ward.enrolled("H3-000001", "one");
    assert!(attributes(Some(&pass)).contains(&pump));
    let unknown = ward.curl("/.well-known/est/nowhere/csrattrs", None, &[]);
    assert_eq!(unknown.status, 404, "{unknown:?}");
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_birth_certificate_brings_a_certificate_that_links_and_renews() {
    covers!("N14");
    let ward = Ward::open().await;
    let pump = ward.pumps[0];
    // The request asks for another pump's name, and gets its own.
    let csr = ward.request("first", &format!("/CN={}", ward.pumps[1]));
    let answer = ward.enrol("simpleenroll", &csr, Some(&ward.birth("H3-000001")), &[]);
    let first = ward.keep(&answer, "first");
    let file = first.chain.to_str().expect("a plain path");
    std::fs::write(ward.path("issuing.pem"), ward.issuing()).expect("written");
    let root = ward.root.to_str().expect("a plain path");
    let verify =
        ["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", root, "-untrusted", "issuing.pem", file];
    ward.openssl(&verify);
    let text = ward.openssl(&["x509", "-in", file, "-noout", "-text"]);
    assert!(text.contains(&format!("CN = {pump}")) && text.contains(&format!("URI:{}", pump.to_urn())), "{text}");
    assert!(text.contains("H3-000001") && !text.contains(&ward.pumps[1].to_string()), "{text}");

    ward.link(&ward.tls(&first), pump, 1).await.expect("it links");
    // The next certificate, for a new key and the same names.
    let subject = format!("/CN={pump}/serialNumber=H3-000001/O=St. Elsewhere");
    let renewed = |name: &str, pass: &Pass| {
        let csr = ward.request(name, &subject);
        ward.enrol("simplereenroll", &csr, Some(pass), &[])
    };
    let second = ward.keep(&renewed("second", &first), "second");
    assert_ne!(number(&ward, &first), number(&ward, &second));
    // Until the new one is used both are good: an answer that is lost costs the pump nothing.
    ward.link(&ward.tls(&first), pump, 1).await.expect("the old one still links");
    ward.link(&ward.tls(&second), pump, 1).await.expect("the new one links");
    // From then on the old one is a copy of a key that has had its day.
    let old = renewed("third", &first);
    assert_eq!(old.status, 403, "{old:?}");
    assert!(old.body.contains("replaced-certificate") && old.body.contains("Enrol again"), "{old:?}");
    ward.until_refused(&format!("enrolment.refused | replaced-certificate: pump {pump}")).await;
    assert!(ward.link(&ward.tls(&first), pump, 1).await.is_err());
    ward.until_refused(&format!("link.refused | replaced-certificate: pump {pump}")).await;
    // Nor may a renewal become somebody else.
    let csr = ward.request("other", &format!("/CN={}/serialNumber=H3-000002/O=St. Elsewhere", ward.pumps[1]));
    let other = ward.enrol("simplereenroll", &csr, Some(&second), &[]);
    assert_eq!(other.status, 403, "{other:?}");
    ward.until_refused("other-names").await;
    assert_eq!(ward.standing(ward.pumps[1]).await, (0, "expected".into()));
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_enrols_one_pump_once_and_a_refusal_does_not_use_it_up() {
    covers!("N14");
    let ward = Ward::open().await;
    let pump = ward.pumps[0];
    let code = ward.code(pump).await;
    let (right, wrong) = (format!("H3-000001:{code}"), format!("H3-000002:{code}"));
    let csr = ward.request("one", "/CN=H3-000001");
    // Each call from an address of its own, so that only what is tested limits it.
    let with = |csr: &std::path::Path, user: &str, from: &str| {
        ward.enrol("simpleenroll", csr, None, &["--user", user, "--interface", from])
    };
    let other = with(&csr, &wrong, "127.0.0.11");
    assert_eq!(other.status, 403, "{other:?}");
    assert!(other.body.contains("unknown, used, expired, or another pump's"), "{other:?}");
    ward.until_refused("enrolment.refused | code-of-another-pump: serial H3-000002").await;
    let unknown = with(&csr, "H3-000001:AAAAA-BBBBB-CCCCC-DDDDD", "127.0.0.12");
    assert_eq!((unknown.status, &unknown.body), (403, &other.body), "whatever is wrong, the answer is the same");
    ward.until_refused("wrong-code: serial H3-000001").await;
    assert_eq!(ward.standing(pump).await, (0, "expected".into()), "nothing was made by a refusal");

    let first = with(&csr, &right, "127.0.0.13");
    let pass = ward.keep(&first, "one");
    // The answer was lost on the way: the same code with the same key brings the same certificate.
    let again = with(&csr, &right, "127.0.0.14");
    assert_eq!((again.status, again.body), (200, first.body));
    let thief = ward.request("thief", "/CN=H3-000001");
    let twice = with(&thief, &right, "127.0.0.15");
    assert_eq!((twice.status, &twice.body), (403, &other.body));
    ward.until_refused("enrolment.refused | used-code: serial H3-000001").await;
    assert_eq!(ward.standing(pump).await, (1, "enrolled".into()));
    ward.link(&ward.tls(&pass), pump, 1).await.expect("it links");
    // Somebody who goes on guessing is asked to wait.
    let guess = || with(&thief, "H3-000001:AAAAA-BBBBB-CCCCC-DDDDD", "127.0.0.16");
    for _ in 0..4 {
        guess();
    }
    let last = guess();
    assert_eq!(last.status, 429, "{last:?}");
    assert!(last.said.contains("retry-after: 60"), "{last:?}");
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_question_without_credentials_keeps_the_connection_open() {
    let ward = Ward::open().await;
    let code = ward.code(ward.pumps[0]).await;
    let csr = ward.request("one", "/CN=H3-000001");
    // `--anyauth`: curl asks first without credentials, as libest does, and answers the challenge.
    let user = format!("H3-000001:{code}");
    let answer = ward.enrol("simpleenroll", &csr, None, &["--anyauth", "--user", &user]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.said.contains("HTTP/1.1 401"), "{answer:?}");
    assert!(answer.said.to_lowercase().contains("www-authenticate: basic realm="), "{answer:?}");
    assert_eq!(answer.said.matches("Connected to").count(), 1, "one connection for both: {answer:?}");
    assert!(answer.said.contains("Re-using existing connection"), "{answer:?}");
    let nobody = ward.enrol("simpleenroll", &csr, None, &[]);
    assert_eq!(nobody.status, 401, "{nobody:?}");
    assert!(nobody.body.contains("birth certificate, or the serial number and a one-time code"), "{nobody:?}");
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pumps_that_are_not_expected_or_not_wanted_get_nothing() {
    covers!("N14");
    let ward = Ward::open().await;
    let [first, second] = ward.pumps;
    let csr = ward.request("one", "/CN=H3-000001");
    let refused = |pass: &Pass, text: &str| {
        let answer = ward.enrol("simpleenroll", &csr, Some(pass), &[]);
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.body.contains(text), "{answer:?}");
    };
    refused(&ward.birth("H3-999999"), "Halcyon 3 with serial number H3-999999 is not expected here");
    ward.until_refused("enrolment.refused | not-expected: serial H3-999999").await;
    // An expected serial number, vouched for by a maker that the hub does not know.
    let stranger = Maker::open_or_invent(&ward.path("another-maker"), wardline_hub::state::now()).expect("a maker");
    std::fs::create_dir_all(ward.path("foreign")).expect("a folder");
    let foreign = stranger.birth(
        &ward.path("foreign"),
        &super::ward::model(),
        &wardline_model::Serial::new("H3-000001").expect("a number"),
        wardline_hub::state::now(),
    );
    let foreign = foreign.expect("a birth certificate");
    let foreign = Pass { chain: foreign.certificate, key: foreign.key };
    let answer = ward.enrol("simpleenroll", &csr, Some(&foreign), &[]);
    assert_eq!(answer.status, 0, "the handshake is refused: {answer:?}");
    ward.until_refused("enrolment.refused | bad-signature: serial H3-000001").await;
    // A pump that was taken down.
    let pass = ward.enrolled("H3-000001", "good");
    ward.link(&ward.tls(&pass), first, 1).await.expect("it links");
    refused(&ward.birth("H3-000001"), "holds a good certificate already");
    ward.until_refused("enrolled-already: serial H3-000001").await;
    ward.quarantine(first).await;
    refused(&ward.birth("H3-000001"), "quarantined");
    let subject = format!("/CN={first}/serialNumber=H3-000001/O=St. Elsewhere");
    let csr = ward.request("next", &subject);
    let answer = ward.enrol("simplereenroll", &csr, Some(&pass), &[]);
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.body.contains("quarantined"), "{answer:?}");
    ward.until_refused(&format!("enrolment.refused | quarantined: pump {first}")).await;
    assert_eq!(ward.standing(first).await, (1, "quarantined".into()), "no certificate was made");
    assert_eq!(ward.standing(second).await, (0, "expected".into()));
    // A code does not help it either, and stays as it was.
    let code = ward.code(first).await;
    let answer = ward.enrol("simpleenroll", &csr, None, &["--user", &format!("H3-000001:{code}")]);
    assert_eq!(answer.status, 403, "{answer:?}");
    let found = ward.running.hub.store.enrolment_code(&code, wardline_hub::state::now()).await.expect("readable");
    assert_eq!(found.map(|code| (code.pump, code.is_used)), Some((first, false)));
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_pump_is_told_where_the_hub_really_listens() {
    let ward = Ward::open().await;
    let pass = ward.enrolled("H3-000001", "one");
    let answer = ward.curl("/wardline/v1/provision", Some(&pass), &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    let told: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    // The configuration said port 0.
    assert_eq!(told["link"], ward.running.link_addr.to_string());
    assert_eq!(told["pump"].as_str().and_then(|id| id.parse::<PumpId>().ok()), Some(ward.pumps[0]));
    let nobody = ward.curl("/wardline/v1/provision", None, &[]);
    assert_eq!(nobody.status, 403, "{nobody:?}");
    ward.running.stop().await;
}
