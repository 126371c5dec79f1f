//! pkilint, an independent linter, on everything that the authorities sign. No finding but those on the list below, each
//! for one value only, with the sentence of the standard by which it stands.

use std::path::{Path, PathBuf};
use std::process::Command;

use wardline_e2e::{free_port, skip};

use crate::desk::{asked_about_the_second_pump, second_pump, well};
use crate::ward::Ward;

/// What stands: the finding, the value that it is about, and why. Both come from pkilint 0.13 knowing fewer names than the
/// standard allows.
const STAND: &[(&str, &str, &str)] = &[
    (
        "pkix.invalid_domain_name_syntax",
        "\"localhost\"",
        "RFC 5280 section 4.2.1.6 asks for the syntax of RFC 1034 section 3.5, in which one label is a name; RFC 6761 section \
         6.3 keeps this one for the machine itself, and people open the console under it",
    ),
    (
        "pkix.invalid_uri_syntax",
        "\"urn:uuid:",
        "RFC 5280 section 4.2.1.6 asks for a URI with a scheme and a part that is specific to it, which a URN is (RFC 3986 \
         section 1.1.3, RFC 9562 section 4); pkilint knows those with a host only",
    ),
];

/// Where pkilint's programs are.
fn tools() -> Option<PathBuf> {
    let named = std::env::var_os("WARDLINE_PY").map(PathBuf::from);
    let python =
        named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/python/bin/python"));
    let bin = python.parent()?.to_owned();
    if bin.join("lint_pkix_cert").is_file() {
        return Some(bin);
    }
    skip("certificates judged by pkilint", "no Python environment with pkilint; run `cargo xtask test`");
    None
}

/// Runs one of its programs; the findings that may not stand.
fn lint(bin: &Path, program: &str, options: &[&str], file: &Path) -> Vec<String> {
    let out = Command::new(bin.join(program))
        .arg("lint")
        .args(options)
        .args(["-s", "NOTICE", "-f", "TEXT"])
        .arg(file)
        .output();
    let out = out.expect("pkilint starts");
    let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(wrong.is_empty(), "{program} {}: {wrong}", file.display());
    let stands = |line: &str| STAND.iter().any(|(code, value, _)| line.contains(code) && line.contains(value));
    let is_finding = |line: &&str| ["NOTICE", "WARNING", "ERROR", "FATAL"].iter().any(|word| line.contains(word));
    said.lines()
        .filter(is_finding)
        .filter(|line| !stands(line))
        .map(|line| format!("{}: {line}", file.display()))
        .collect()
}

/// The certificate that an OCSP answer carries.
fn responder(ward: &Ward, said: &str) {
    let begin = said.rfind("-----BEGIN CERTIFICATE-----").expect("the answer carries its certificate");
    std::fs::write(ward.path("printed"), &said[begin..]).expect("written");
    well(ward, &["x509", "-in", "printed", "-out", "responder.pem"]);
}

#[test]
fn everything_that_is_signed_is_clean() {
    let Some(bin) = tools() else { return };
    let ward = Ward::new();
    let port = free_port();
    let (bind, url) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"));
    let mut hub = ward.open_with(&["--status", &bind, "--status-url", &url]);
    second_pump(&ward);
    let said = asked_about_the_second_pump(&ward, &url);
    responder(&ward, &said);
    let keys = "wardline-data/hub/keys";
    let mut found = Vec::new();
    for file in [
        &format!("{keys}/root.pem"),
        &format!("{keys}/issuing.pem"),
        &format!("{keys}/server.pem"),
        "pump.pem",
        "responder.pem",
    ] {
        found.extend(lint(&bin, "lint_pkix_cert", &[], &ward.path(file)));
    }
    // Once without an entry and once with one.
    found.extend(lint(&bin, "lint_crl", &["-t", "CRL", "-p", "PKIX"], &ward.path("list.der")));
    found.extend(lint(&bin, "lint_ocsp_response", &[], &ward.path("answer.der")));
    ward.well(&["quarantine", "P-2", "--reason", "lint"]);
    let said = asked_about_the_second_pump(&ward, &url);
    assert!(said.contains("certificate revoked") && said.contains("pump.pem: revoked"), "{said}");
    found.extend(lint(&bin, "lint_crl", &["-t", "CRL", "-p", "PKIX"], &ward.path("list.der")));
    found.extend(lint(&bin, "lint_ocsp_response", &[], &ward.path("answer.der")));
    assert!(found.is_empty(), "pkilint finds:\n{}", found.join("\n"));
    // The linter itself can fail: a pump's certificate is no revocation list.
    let nonsense = Command::new(bin.join("lint_crl"))
        .args(["lint", "-t", "CRL", "-p", "PKIX"])
        .arg(ward.path("pump.pem"))
        .output();
    assert!(!nonsense.expect("it starts").status.success());
    hub.kill();
}
