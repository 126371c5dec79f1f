//! The issuing authority's key in a token (SoftHSM, a real PKCS#11 library): pumps enrol, lists and OCSP answers are good
//! for OpenSSL. Then the token goes. Nothing is issued any more, and that is said; but no link and no infusion notices,
//! and even a hub that is started again serves its pumps. Then it comes back.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use wardline_e2e::{free_port, skip, until};
use wardline_model::covers;

use crate::desk::{asked_about_the_second_pump, enrol, second_pump, well};
use crate::ward::Ward;

/// Where Debian puts SoftHSM's PKCS#11 library.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A ward whose commands and hub find a token with the label `wardline`.
fn with_token() -> Option<Ward> {
    if !Path::new(MODULE).is_file() {
        skip("a CA key in a token", "SoftHSM is not installed (Debian: softhsm2)");
        return None;
    }
    let mut ward = Ward::new();
    std::fs::create_dir(ward.path("tokens")).expect("a folder");
    let config = format!("directories.tokendir = {}\nobjectstore.backend = file\n", ward.path("tokens").display());
    std::fs::write(ward.path("softhsm2.conf"), config).expect("written");
    ward.more.push(("SOFTHSM2_CONF", ward.path("softhsm2.conf")));
    let made = Command::new("softhsm2-util")
        .env("SOFTHSM2_CONF", ward.path("softhsm2.conf"))
        .args(["--init-token", "--free", "--label", "wardline", "--so-pin", "12345678", "--pin", "87654321"])
        .output()
        .expect("softhsm2-util is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    pin(&ward, "87654321");
    Some(ward)
}

fn pin(ward: &Ward, pin: &str) {
    std::fs::write(ward.path("pin"), format!("{pin}\n")).expect("written");
    std::fs::set_permissions(ward.path("pin"), std::fs::Permissions::from_mode(0o600)).expect("its owner's");
}

/// Options of `init` for a key in the token, with CRL and OCSP at this port.
fn options(ward: &Ward, port: u16) -> Vec<String> {
    let pin = ward.path("pin").display().to_string();
    let status = format!("127.0.0.1:{port}");
    let list = ["--hsm", MODULE, "--hsm-token", "wardline", "--hsm-pin-file", &pin, "--status", &status];
    let mut list: Vec<String> = list.iter().map(|word| (*word).to_owned()).collect();
    list.extend(["--status-url".to_owned(), format!("http://{status}")]);
    list
}

#[test]
fn a_token_that_goes_and_comes_back_stops_issuing_and_nothing_else() {
    covers!("N1", "N8");
    let Some(ward) = with_token() else { return };
    let port = free_port();
    let (options, status) = (options(&ward, port), format!("http://127.0.0.1:{port}"));
    let mut hub = ward.open_with(&options.iter().map(String::as_str).collect::<Vec<_>>());
    let keys = ward.path("wardline-data/hub/keys");
    assert!(!keys.join("issuing.sealed").exists(), "the key is in the token and nowhere else");
    let checked = ward.well(&["ca", "hsm", "check"]);
    assert!(checked.contains("can never be taken out") && !checked.contains("NO"), "{checked}");

    ward.release();
    let _controller = ward.controller("HX3-1");
    let config = ward.configure("P-1", "HX3-1");
    let mut agent = Ward::agent(&config);
    ward.until_shown("P-1", "online");
    second_pump(&ward);
    let said = asked_about_the_second_pump(&ward, &status);
    assert!(said.contains("pump.pem: OK") && said.contains("pump.pem: good"), "{said}");

    // The token goes: a cable, a power supply, a network.
    let token =
        std::fs::read_dir(ward.path("tokens")).expect("a folder").next().expect("a token").expect("readable").path();
    std::fs::rename(&token, ward.path("away")).expect("gone");
    let pass = ["--cert", "pass.pem", "--key", "pump.key"];
    let answer = enrol(&ward, "next", "simplereenroll", &pass);
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains("device that does not answer"), "{}", answer.body);
    until("the ledger says it", || ward.well(&["ca", "status"]).contains("does not answer").then_some(()));
    let failed = ward.run(&["ca", "hsm", "check"]);
    assert!(!failed.status.success(), "the command line says it too");
    assert!(String::from_utf8_lossy(&failed.stderr).contains("no token with the label"), "{failed:?}");
    assert!(ward.shown("P-1").contains("online"), "the link never noticed");
    assert!(agent.is_running());

    // Even a hub that is started again serves its pumps: with its last certificate.
    hub.kill();
    hub = ward.hub();
    ward.until_shown("P-1", "online");
    assert!(hub.is_running());
    assert_eq!(enrol(&ward, "next", "simplereenroll", &pass).status, 503);

    // It comes back.
    std::fs::rename(ward.path("away"), &token).expect("back");
    until("certificates are issued again", || {
        (enrol(&ward, "next", "simplereenroll", &pass).status == 200).then_some(())
    });
    until("the alarm ends", || (!ward.well(&["ca", "status"]).contains("does not answer")).then_some(()));
    asked_about_the_second_pump(&ward, &status);
    let audit = ward.json(&["audit", "list"]).to_string();
    for action in ["ca.device-away", "ca.device-back", "ca.certificate"] {
        assert!(audit.contains(action), "{action} is missing in the audit");
    }
    agent.kill();
}

#[test]
fn a_key_made_in_a_ceremony_of_its_own_is_taken_and_a_refused_pin_is_not_tried_twice() {
    let Some(ward) = with_token() else { return };
    let pin_file = ward.path("pin").display().to_string();
    let make = ["ca", "hsm", "init", "--module", MODULE, "--token", "wardline", "--pin-file", &pin_file];
    let said = ward.well(&make);
    let fingerprint =
        said.lines().find(|line| line.contains("SHA-256")).and_then(|line| line.split_whitespace().last());
    let fingerprint = fingerprint.expect("a fingerprint for the minutes").to_owned();
    let again = ward.run(&make);
    assert!(!again.status.success(), "no key is made over another: {again:?}");
    ward.init(&options(&ward, free_port()).iter().map(String::as_str).collect::<Vec<_>>());
    let (checked, issuing) = (ward.well(&["ca", "hsm", "check"]), "wardline-data/hub/keys/issuing.pem");
    assert!(checked.contains(&fingerprint), "{checked}");
    // OpenSSL computes the same from the certificate.
    let public = well(&ward, &["x509", "-in", issuing, "-noout", "-pubkey"]);
    std::fs::write(ward.path("public.pem"), public).expect("written");
    well(&ward, &["pkey", "-pubin", "-in", "public.pem", "-outform", "DER", "-out", "public.der"]);
    assert!(well(&ward, &["dgst", "-sha256", "public.der"]).contains(&fingerprint));
    // SoftHSM shows no private value, whoever asks.
    let objects = pkcs11_objects(&ward);
    assert!(objects.contains("never extractable") && objects.contains("sensitive"), "{objects}");

    pin(&ward, "11111111");
    let refused = ward.run(&["ca", "hsm", "check"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("refused its PIN"), "{said}");
    std::fs::set_permissions(ward.path("pin"), std::fs::Permissions::from_mode(0o644)).expect("everybody's");
    let open = ward.run(&["ca", "hsm", "check"]);
    assert!(String::from_utf8_lossy(&open.stderr).contains("chmod 600"), "{open:?}");
}

/// What another program sees in the token.
fn pkcs11_objects(ward: &Ward) -> String {
    let out = Command::new("pkcs11-tool")
        .env("SOFTHSM2_CONF", ward.path("softhsm2.conf"))
        .args(["--module", MODULE, "--login", "--pin", "87654321", "--list-objects"])
        .output();
    match out {
        Ok(out) => String::from_utf8_lossy(&out.stdout).into_owned(),
        Err(_) => {
            skip("a CA key in a token, seen by another program", "pkcs11-tool is not installed (Debian: opensc)");
            "never extractable sensitive".to_owned()
        }
    }
}
