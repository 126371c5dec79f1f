//! Certificates, requests and lists, judged by OpenSSL as the independent program and by our own strict checks.

use std::path::Path;
use std::process::Command;

use const_oid::ObjectIdentifier;
use proptest::prelude::*;
use wardline_model::{Model, PumpId, Serial, Span, Time, covers};

use crate::crl::{self, Reason, Revoked};
use crate::profile::{self, PumpNames};
use crate::strict::{self, Usage};
use crate::{Authority, BirthIdentity, Cert, CertSerial, Csr, P256Key, PumpIdentity, est};

pub(crate) const NOW: Time = Time::from_unix_s(1_800_000_000);

pub(crate) fn serial(n: u8) -> CertSerial {
    CertSerial::from_random([n; 16])
}

pub(crate) struct Pki {
    pub(crate) root: Authority,
    pub(crate) issuing: Authority,
}

pub(crate) fn pki() -> Pki {
    let key = P256Key::generate().unwrap();
    let content = profile::root(key.spki(), "Test root", "St. Elsewhere").unwrap();
    let root = Authority::self_signed(&content, key, &serial(1), NOW).unwrap();
    let key = P256Key::generate().unwrap();
    let content = profile::issuing(key.spki(), "Test issuing", "St. Elsewhere").unwrap();
    let issuing = Authority::new(root.sign(&content, &serial(2), NOW).unwrap(), key).unwrap();
    Pki { root, issuing }
}

/// A signature over a digest as a device gives it: `r` and `s`, by OpenSSL.
pub(crate) fn sign_raw(key: &P256Key, digest: &[u8; 32]) -> [u8; 64] {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), &*key.to_pkcs8().unwrap()).unwrap();
    std::fs::write(folder.path().join("digest"), digest).unwrap();
    let sign = ["pkeyutl", "-sign", "-keyform", "DER", "-inkey", "key", "-in", "digest", "-out", "signature"];
    let (good, said) = openssl(folder.path(), &sign);
    assert!(good, "{said}");
    let der = std::fs::read(folder.path().join("signature")).unwrap();
    // SEQUENCE of two INTEGERs, each shorter than 128 bytes.
    let (mut raw, mut at) = ([0; 64], 2);
    for half in [0, 32] {
        let length = usize::from(der[at + 1]);
        let integer = &der[at + 2..at + 2 + length];
        let digits = &integer[length.saturating_sub(32)..];
        raw[half + 32 - digits.len()..half + 32].copy_from_slice(digits);
        at += 2 + length;
    }
    raw
}

pub(crate) fn openssl(folder: &Path, args: &[&str]) -> (bool, String) {
    let out = Command::new("openssl").current_dir(folder).args(args).output().expect("openssl is installed");
    (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr))
}

/// A request as another program makes it, PEM.
pub(crate) fn request(folder: &Path, algorithm: &[&str]) -> Vec<u8> {
    let new: Vec<&str> = [&["genpkey", "-out", "key.pem"][..], algorithm].concat();
    assert!(openssl(folder, &new).0);
    assert!(openssl(folder, &["req", "-new", "-key", "key.pem", "-subj", "/CN=anything at all", "-out", "csr.pem"]).0);
    std::fs::read(folder.join("csr.pem")).unwrap()
}

const P256: [&str; 4] = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];

pub(crate) fn names() -> PumpNames {
    PumpNames {
        pump: PumpId::from_bytes([9; 16]),
        serial: Serial::new("HX3-1").unwrap(),
        hospital: "St. Elsewhere".into(),
        hw_type: None,
    }
}

fn pump_cert(pki: &Pki, folder: &Path) -> Cert {
    let csr = Csr::parse(&request(folder, &P256)).unwrap();
    pki.issuing.sign(&profile::pump(&csr, &names()).unwrap(), &serial(3), NOW).unwrap()
}

#[test]
fn a_pumps_certificate_says_what_the_registry_says_and_openssl_agrees() {
    covers!("N14");
    let (pki, folder) = (pki(), tempfile::tempdir().unwrap());
    let cert = pump_cert(&pki, folder.path());
    let identity = PumpIdentity::of(&cert).unwrap();
    assert_eq!(
        (identity.pump, identity.serial.as_str()),
        (names().pump, "HX3-1"),
        "the request's own CN counts nothing"
    );
    let chain = [&cert, pki.issuing.cert(), pki.root.cert()];
    strict::chain(&chain, Usage::Pump, NOW).unwrap();
    assert!(strict::leaf(&cert, Usage::Server, NOW).is_err(), "a pump is no server");
    assert!(strict::leaf(&cert, Usage::Pump, NOW + Span::from_days(31)).is_err(), "expired");
    assert!(strict::leaf(&cert, Usage::Pump, NOW - Span::from_days(2)).is_err(), "not yet valid");
    assert!(strict::authority(&cert, NOW).is_err(), "a leaf is no authority");
    cert.verify_issued_by(pki.issuing.cert()).unwrap();
    assert!(cert.verify_issued_by(pki.root.cert()).is_err());
    for (name, cert) in [("pump", &cert), ("issuing", pki.issuing.cert()), ("root", pki.root.cert())] {
        std::fs::write(folder.path().join(name), cert.to_pem()).unwrap();
        assert_eq!(Cert::from_pem(&cert.to_pem()).unwrap().der(), cert.der());
    }
    let at = NOW.as_unix_s().to_string();
    let verify = ["verify", "-x509_strict", "-attime", &at, "-purpose", "sslclient", "-CAfile", "root"];
    let (good, said) = openssl(folder.path(), &[&verify[..], &["-untrusted", "issuing", "pump"]].concat());
    assert!(good, "{said}");
    let (_, text) = openssl(folder.path(), &["x509", "-in", "pump", "-noout", "-text"]);
    assert!(text.contains(&format!("URI:{}", names().pump.to_urn())) && text.contains("TLS Web Client Authentication"));
    assert!(!text.contains("TLS Web Server Authentication"), "{text}");
}

#[test]
fn requests_come_in_every_usual_form_and_bad_ones_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let pem = request(folder.path(), &P256);
    let (good, _) = openssl(folder.path(), &["req", "-in", "csr.pem", "-outform", "DER", "-out", "csr.der"]);
    assert!(good);
    let der = std::fs::read(folder.path().join("csr.der")).unwrap();
    let wrapped = est::encode_body(&der, est::Layout::Lines);
    assert!(wrapped.lines().all(|line| line.len() <= 64));
    for body in [pem.as_slice(), der.as_slice(), wrapped.as_bytes(), wrapped.replace('\n', "").as_bytes()] {
        assert!(Csr::parse(body).is_ok());
    }
    let mut broken = der.clone();
    let last = broken.len() - 1;
    broken[last] ^= 1;
    assert!(Csr::parse(&broken).is_err(), "its signature proves that the key is there");
    assert!(Csr::parse(&der[..der.len() - 1]).is_err());
    assert!(Csr::parse(&vec![b'A'; 1 << 20]).is_err());
    let rsa = request(folder.path(), &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    assert!(Csr::parse(&rsa).is_err(), "only P-256");
}

#[test]
fn a_birth_certificate_never_ends_and_names_the_pump() {
    let key = P256Key::generate().unwrap();
    let content = profile::maker_root(key.spki(), "Maker root", "Halcyon").unwrap();
    let maker = Authority::self_signed(&content, key, &serial(1), NOW).unwrap();
    let key = P256Key::generate().unwrap();
    let (model, number) = (Model::new("Halcyon 3").unwrap(), Serial::new("HX3-1").unwrap());
    let content =
        profile::birth(key.spki(), "Halcyon", &model, &number, ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1"));
    let cert = maker.sign(&content.unwrap(), &serial(2), NOW).unwrap();
    let birth = BirthIdentity::of(&cert).unwrap();
    assert_eq!((birth.serial, birth.model), (number, Some(model)));
    assert_eq!(cert.not_after().as_unix_s(), 253_402_300_799, "99991231235959Z, IEEE 802.1AR");
    strict::chain(&[&cert, maker.cert()], Usage::Birth, NOW + Span::from_days(36_500 / 4)).unwrap();
    assert!(PumpIdentity::of(&cert).is_err(), "a birth certificate is not a hospital's");
}

#[test]
fn a_revocation_list_has_its_number_and_reasons_and_openssl_reads_it() {
    covers!("N14");
    let (pki, folder) = (pki(), tempfile::tempdir().unwrap());
    let revoked = [(3, Reason::KeyCompromise), (4, Reason::CertificateHold)].map(|(n, reason)| Revoked {
        serial: serial(n),
        at: NOW,
        reason,
    });
    let der = pki.issuing.sign_crl(7, &revoked, NOW, NOW + Span::from_days(1)).unwrap();
    let list = crl::parse(&der, pki.issuing.cert(), NOW).unwrap();
    assert_eq!((list.number, list.serials.len()), (7, 2));
    assert!(crl::parse(&der, pki.root.cert(), NOW).is_err(), "another issuer");
    assert!(crl::parse(&der, pki.issuing.cert(), NOW + Span::from_days(2)).is_err(), "stale");
    std::fs::write(folder.path().join("crl"), &der).unwrap();
    std::fs::write(folder.path().join("issuing"), pki.issuing.cert().to_pem()).unwrap();
    let args = ["crl", "-inform", "DER", "-in", "crl", "-CAfile", "issuing", "-noout", "-text"];
    let (good, text) = openssl(folder.path(), &args);
    assert!(good && text.contains("verify OK"), "{text}");
    assert!(text.contains("Key Compromise") && text.contains("Certificate Hold"), "{text}");
}

#[test]
fn an_enrolment_answer_is_certs_only_and_openssl_reads_it() {
    let (pki, folder) = (pki(), tempfile::tempdir().unwrap());
    let answer = est::certs_only(&[pki.issuing.cert(), pki.root.cert()]).unwrap();
    let back: Vec<_> = est::parse_certs_only(&answer).unwrap().iter().map(Cert::fingerprint).collect();
    assert!(back.contains(&pki.root.cert().fingerprint()) && back.len() == 2);
    std::fs::write(folder.path().join("p7"), &answer).unwrap();
    let (good, text) = openssl(folder.path(), &["pkcs7", "-inform", "DER", "-in", "p7", "-print_certs", "-noout"]);
    assert!(good && text.contains("Test root") && text.contains("Test issuing"), "{text}");
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Csr::parse(&bytes);
        let _ = Cert::from_der(&bytes);
        let _ = est::parse_certs_only(&bytes);
        let _ = est::decode_body("body", &bytes, 300);
    }
}
