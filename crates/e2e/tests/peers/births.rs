//! Birth certificates (IDevID, IEEE 802.1AR) as makers write them, made by `openssl`: which the hub believes, and what it
//! says of the others.

use std::path::Path;
use std::process::Command;

use wardline_hub::config::Demand;
use wardline_model::covers;

use super::ward::{Pass, Ward};

/// The date that means "never" (RFC 5280 section 4.1.2.5).
const NEVER: &str = "99991231235959Z";

const SUBJECT: &str = "/O=Invented Pumps/OU=Halcyon 3/serialNumber=H3-000001";
const MODULE: &str = "subjectAltName=otherName:1.3.6.1.5.5.7.8.4;SEQUENCE:hw";
const USUAL: &str =
    "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nauthorityKeyIdentifier=keyid";

fn openssl(folder: &Path, args: &[&str]) {
    let out = Command::new("openssl").current_dir(folder).args(args).output().expect("openssl is installed");
    assert!(out.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// A maker's root in `maker.pem` and `maker.key`.
fn maker(folder: &Path) {
    openssl(folder, &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "maker.key"]);
    let root = ["req", "-x509", "-new", "-key", "maker.key", "-days", "7300", "-out", "maker.pem"];
    let says =
        ["-subj", "/O=Invented Pumps/CN=Invented Pumps root", "-addext", "keyUsage=critical,keyCertSign,cRLSign"];
    openssl(folder, &[&root[..], &says].concat());
}

/// A birth certificate with this subject, these extensions and this end.
fn born(folder: &Path, name: &str, subject: &str, says: &str, ends: &str) -> Pass {
    let write = |file: String, text: &str| std::fs::write(folder.join(file), text).expect("written");
    let own = folder.display();
    write(
        format!("{name}.cnf"),
        &format!(
            "[ca]\ndefault_ca=a\n[a]\ndatabase={own}/{name}.db\nnew_certs_dir={own}\nrand_serial=yes\n\
             certificate={own}/maker.pem\nprivate_key={own}/maker.key\ndefault_md=sha256\npolicy=p\n\
             unique_subject=no\n[p]\norganizationName=optional\norganizationalUnitName=optional\n\
             serialNumber=optional\ncommonName=optional\n[leaf]\n{says}\n\
             [hw]\na=OID:1.3.6.1.4.1.99999.1\nb=FORMAT:ASCII,OCTETSTRING:H3-000001\n"
        ),
    );
    write(format!("{name}.db"), "");
    let (key, csr, pem, config) =
        (format!("{name}.key"), format!("{name}.req"), format!("{name}.pem"), format!("{name}.cnf"));
    openssl(folder, &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key]);
    openssl(folder, &["req", "-new", "-key", &key, "-subj", subject, "-out", &csr]);
    let ca = ["ca", "-batch", "-notext", "-preserveDN", "-config", &config, "-extensions", "leaf"];
    let dates = ["-startdate", "20200101000000Z", "-enddate", ends, "-in", &csr, "-out", &pem];
    openssl(folder, &[&ca[..], &dates].concat());
    Pass { chain: folder.join(pem), key: folder.join(key) }
}

/// What the hub answers to each kind: 0 when the handshake is refused.
async fn answers(module: Demand) -> Vec<(&'static str, u16)> {
    let folder = tempfile::tempdir().expect("a folder");
    maker(folder.path());
    let root = folder.path().join("maker.pem");
    let ward = Ward::set(|config| {
        config.maker_roots = vec![root];
        config.enrolment.hardware_module_name = module;
    })
    .await;
    let with = |more: &str| format!("{USUAL}\n{MODULE}\n{more}");
    let without = |what: &str, instead: &str| format!("{USUAL}\n{MODULE}\n").replace(what, instead);
    let other = "/O=Invented Pumps/OU=Halcyon 3/serialNumber=H3-000002";
    let cases = [
        ("never ends", SUBJECT, with(""), NEVER),
        ("ends in 2049", SUBJECT, with(""), "20490101000000Z"),
        ("for client and server", SUBJECT, with("extendedKeyUsage=clientAuth,serverAuth"), NEVER),
        ("without key usage", SUBJECT, without("keyUsage=critical,digitalSignature\n", ""), NEVER),
        ("without a module name", SUBJECT, USUAL.to_owned(), NEVER),
        ("another number in the module name", other, with(""), NEVER),
        ("for servers only", SUBJECT, with("extendedKeyUsage=serverAuth"), NEVER),
        ("may sign certificates", SUBJECT, without("digitalSignature", "digitalSignature,keyCertSign"), NEVER),
        ("an authority", SUBJECT, without("CA:FALSE", "CA:TRUE"), NEVER),
        (
            "without its issuer's key",
            SUBJECT,
            without("authorityKeyIdentifier=keyid", "authorityKeyIdentifier=none"),
            NEVER,
        ),
        ("ended", SUBJECT, with(""), "20210101000000Z"),
        ("no model", "/O=Invented Pumps/serialNumber=H3-000001", with(""), NEVER),
        ("no number", "/O=Invented Pumps/OU=Halcyon 3", with(""), NEVER),
        (
            "a pump id of its own",
            SUBJECT,
            with("").replace("otherName", &format!("URI:{},otherName", ward.pumps[0].to_urn())),
            NEVER,
        ),
    ];
    let mut seen = Vec::new();
    for (at, (what, subject, says, ends)) in cases.into_iter().enumerate() {
        let pass = born(folder.path(), &format!("birth-{at}"), subject, &says, ends);
        let csr = ward.request(&format!("key-{at}"), "/CN=H3-000001");
        let answer = ward.enrol("simpleenroll", &csr, Some(&pass), &[]);
        seen.push((what, answer.status));
    }
    ward.running.stop().await;
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn birth_certificates_as_makers_write_them_are_believed_and_others_are_not() {
    covers!("N14");
    let expected = [
        ("never ends", 200),
        ("ends in 2049", 200),
        ("for client and server", 200),
        ("without key usage", 200),
        ("without a module name", 0),
        ("another number in the module name", 0),
        ("for servers only", 0),
        ("may sign certificates", 0),
        ("an authority", 0),
        ("without its issuer's key", 0),
        ("ended", 0),
        ("no model", 403),
        ("no number", 0),
        ("a pump id of its own", 0),
    ];
    assert_eq!(answers(Demand::Required).await, expected);
    // A hospital may believe the older ones: by the serial number alone.
    let optional = expected.map(|(what, status)| (what, if what == "without a module name" { 200 } else { status }));
    assert_eq!(answers(Demand::Optional).await, optional);
}
