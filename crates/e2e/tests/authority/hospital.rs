//! An issuing authority below a hospital's own: an RSA root, a P-384 policy authority, and ours, all signed by OpenSSL.
//! A real agent pins the hospital's root and links through the chain.

use wardline_e2e::Process;
use wardline_model::covers;

use crate::desk::{asked_about_the_second_pump, second_pump, well};
use crate::ward::Ward;

const EXTENSIONS: &str = "\
[root]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n\
[policy]\nbasicConstraints=critical,CA:TRUE,pathlen:1\nkeyUsage=critical,keyCertSign,cRLSign\n\
subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\ncertificatePolicies=2.5.29.32.0\n\
[sub]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,digitalSignature,keyCertSign,cRLSign\n\
subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\ncertificatePolicies=2.5.29.32.0\n\
crlDistributionPoints=URI:http://pki.example.org/policy.crl\nauthorityInfoAccess=OCSP;URI:http://pki.example.org\n\
[narrow]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n\
subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nnameConstraints=critical,permitted;DNS:example.org\n";

/// Makes the hospital's root and policy authority in the ward's folder.
fn hospital(ward: &Ward) {
    std::fs::write(ward.path("ext"), EXTENSIONS).expect("written");
    well(ward, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072", "-out", "root.key"]);
    well(ward, &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", "policy.key"]);
    for (name, subject) in [("root", "/O=St. Elsewhere/CN=Hospital root"), ("policy", "/O=St. Elsewhere/CN=Policy CA")]
    {
        let (key, csr) = (format!("{name}.key"), format!("{name}.csr"));
        well(ward, &["req", "-new", "-key", &key, "-subj", subject, "-out", &csr]);
    }
    let sign = ["x509", "-req", "-in", "root.csr", "-signkey", "root.key", "-out", "root.crt"];
    well(ward, &[&sign[..], &["-days", "7300", "-extfile", "ext", "-extensions", "root"]].concat());
    signs(ward, "root", "policy.csr", "policy", "policy.crt");
}

/// The hospital's PKI team answers a request.
fn signs(ward: &Ward, by: &str, csr: &str, extensions: &str, out: &str) {
    let (cert, key) = (format!("{by}.crt"), format!("{by}.key"));
    let sign = ["x509", "-req", "-in", csr, "-CA", &cert, "-CAkey", &key, "-CAcreateserial", "-out", out];
    well(ward, &[&sign[..], &["-days", "3650", "-extfile", "ext", "-extensions", extensions]].concat());
}

/// `wardline ca install`, and what it said when it refused.
fn install(ward: &Ward, cert: &str, chain: &[&str], root: &str) -> Result<String, String> {
    let args = [&["ca", "install", cert][..], chain, &["--root", root, "--reason", "answer of the PKI team"]].concat();
    let out = ward.run(&args);
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    if out.status.success() { Ok(said) } else { Err(said) }
}

#[test]
fn pumps_pin_the_hospitals_root_and_link_through_its_chain() {
    covers!("N14");
    let ward = Ward::new();
    hospital(&ward);
    let port = wardline_e2e::free_port();
    let (bind, url) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"));
    ward.init(&["--subordinate", "issuing.csr", "--status", &bind, "--status-url", &url]);
    let mut waiting = Process::start("a hub without its certificate", ward.command().arg("serve"));
    assert!(!waiting.wait().success());
    assert!(waiting.printed().contains("wardline ca install"), "{}", waiting.printed());
    well(&ward, &["req", "-in", "issuing.csr", "-noout", "-verify"]);

    // Answers that would not do: a certificate that may not name the hub, a broken chain, a root that is none.
    signs(&ward, "policy", "issuing.csr", "narrow", "narrow.crt");
    let said = install(&ward, "narrow.crt", &["policy.crt"], "root.crt").unwrap_err();
    assert!(said.contains("hub.wardline.internal") && said.contains("name constraints"), "{said}");
    signs(&ward, "policy", "issuing.csr", "sub", "issuing.crt");
    let said = install(&ward, "issuing.crt", &[], "root.crt").unwrap_err();
    assert!(said.contains("Policy CA") && said.contains("chain breaks"), "{said}");
    let said = install(&ward, "issuing.crt", &["policy.crt"], "policy.crt").unwrap_err();
    assert!(said.contains("does not sign itself"), "{said}");
    let said = install(&ward, "policy.crt", &[], "root.crt").unwrap_err();
    assert!(said.contains("another key"), "{said}");

    let said = install(&ward, "issuing.crt", &["policy.crt"], "root.crt").unwrap();
    assert!(said.contains("Hospital root") && said.contains("/sign-in/once?token="), "{said}");
    let mut hub = ward.start();
    ward.release();
    let _controller = ward.controller("HX3-1");
    let config = ward.configure("P-1", "HX3-1");
    let _agent = Ward::agent(&config);
    ward.until_shown("P-1", "online");
    second_pump(&ward);
    let said = asked_about_the_second_pump(&ward, &url);
    assert!(said.contains("pump.pem: OK") && said.contains("pump.pem: good"), "{said}");
    let status = ward.well(&["ca", "status"]);
    for words in ["Hospital root", "Policy CA", "Wardline issuing CA"] {
        assert!(status.contains(words), "{words} is missing in {status}");
    }

    // Years later: the same key, a new certificate. Pumps notice nothing.
    hub.kill();
    signs(&ward, "policy", "issuing.csr", "sub", "renewed.crt");
    install(&ward, "renewed.crt", &["policy.crt"], "root.crt").unwrap();
    let mut hub = ward.hub();
    ward.until_shown("P-1", "online");
    let pass = ["--cert", "pass.pem", "--key", "pump.key"];
    assert_eq!(crate::desk::enrol(&ward, "next", "simplereenroll", &pass).status, 200);

    // Another root under a fleet is a roll-over, not an installation.
    hub.kill();
    ward.well(&["ca", "request", "--out", "other.csr", "--reason", "another key"]);
    signs(&ward, "policy", "other.csr", "sub", "other.crt");
    let said = install(&ward, "other.crt", &["policy.crt"], "root.crt").unwrap_err();
    assert!(said.contains("2 pumps") && said.contains("roll-over"), "{said}");
    let mut hub = ward.hub();
    ward.until_shown("P-1", "online");
    let audit = ward.json(&["audit", "list"]).to_string();
    assert!(audit.contains("ca.request") && audit.contains("ca.install"), "{audit}");
    hub.kill();
}

#[test]
fn the_roots_key_off_the_hub_leaves_everything_working() {
    let ward = Ward::new();
    ward.init(&[]);
    ward.well(&["keys", "root", "export", "--to", "root.key", "--reason", "into the safe"]);
    assert!(!ward.path("wardline-data/hub/keys/root.sealed").exists());
    let mut hub = ward.start();
    second_pump(&ward);
    let pass = ["--cert", "pass.pem", "--key", "pump.key"];
    assert_eq!(crate::desk::enrol(&ward, "next", "simplereenroll", &pass).status, 200);
    assert!(ward.well(&["ca", "status"]).contains("issuing"));
    hub.kill();
}
