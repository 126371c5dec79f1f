//! What a hospital's authority may say above us: policies are no hindrance, and constraints that would shut pumps out are
//! found before anything is installed, with what to ask for.

use std::path::Path;
use std::process::Command;

use wardline_pki::subordinate::Subordinate;
use wardline_pki::{Authority, Cert, P256Key, Signer, request};

use super::rehearse;
use crate::config::Config;
use crate::state::now;

fn openssl(folder: &Path, args: &[&str]) {
    let out = Command::new("openssl").current_dir(folder).args(args).output().expect("openssl is installed");
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// What the rehearsal says when the certificate that the hospital gives us has these extensions beside the usual ones.
fn with(extra: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let usual = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n";
    let ext = format!("[root]\n{usual}[sub]\n{usual}authorityKeyIdentifier=keyid\n{extra}\n");
    std::fs::write(at.join("ext"), ext).unwrap();
    let ours: Signer = P256Key::generate().unwrap().into();
    std::fs::write(at.join("ours.csr"), request::issuing(&ours, "Ours", "St. Elsewhere").unwrap()).unwrap();
    openssl(at, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key"]);
    openssl(at, &["req", "-new", "-key", "key", "-subj", "/CN=Hospital root", "-out", "root.csr"]);
    let days = ["-days", "1000", "-extfile", "ext", "-extensions"];
    openssl(
        at,
        &[&["x509", "-req", "-in", "root.csr", "-signkey", "key", "-out", "root"], &days[..], &["root"]].concat(),
    );
    let sign = ["x509", "-req", "-in", "ours.csr", "-CA", "root", "-CAkey", "key", "-CAcreateserial", "-out", "ours"];
    openssl(at, &[&sign[..], &days[..], &["sub"]].concat());
    let cert = |name: &str| Cert::from_pem(&std::fs::read_to_string(at.join(name)).unwrap()).unwrap();
    let later = now() + wardline_model::Span::from_min(1);
    let found = Subordinate::check(cert("ours"), &[], cert("root"), ours.spki(), later).expect("well-formed");
    let ca = Authority::new(cert("ours"), ours).unwrap();
    let config = Config { status_public: Some("http://pki.example.org".into()), ..Config::default() };
    rehearse(&found, &ca, &config, later)
}

#[test]
fn policies_and_places_above_us_are_no_hindrance() {
    assert_eq!(with(""), Ok(()));
    assert_eq!(with("certificatePolicies=2.5.29.32.0"), Ok(()));
    assert_eq!(with("crlDistributionPoints=URI:http://pki.example.org/root.crl"), Ok(()));
    assert_eq!(with("authorityInfoAccess=OCSP;URI:http://pki.example.org"), Ok(()));
    let permits = "nameConstraints=critical,permitted;DNS:wardline.internal,permitted;DNS:localhost,\
                   permitted;IP:127.0.0.1/255.255.255.255";
    assert_eq!(with(permits), Ok(()), "constraints that permit the hub's names are no hindrance");
}

#[test]
fn constraints_that_would_shut_pumps_out_are_found_with_what_to_ask_for() {
    let said = with("nameConstraints=critical,permitted;DNS:st-elsewhere.example").unwrap_err();
    assert!(said.contains("hub.wardline.internal") && said.contains("hub_name"), "{said}");
    let said = with("extendedKeyUsage=serverAuth").unwrap_err();
    assert!(said.contains("a pump's certificate") && said.contains("clientAuth"), "{said}");
    let said = with("1.3.6.1.4.1.32473.9.9=critical,DER:0500").unwrap_err();
    assert!(said.contains("1.3.6.1.4.1.32473.9.9"), "{said}");
}
