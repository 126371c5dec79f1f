//! Answers, judged by OpenSSL as the independent client.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use wardline_model::{Span, covers};

use super::{Asked, MAX_NONCE, Responder, Status};
use crate::crl::Reason;
use crate::profile::{self, RevocationInfo};
use crate::strict::{self, Usage};
use crate::tests::{NOW, Pki, names, openssl, pki, request, serial};
use crate::{Cert, Csr, P256Key};

/// Files of a CA, a responder, and two certificates that say where to ask.
struct Desk {
    pki: Pki,
    responder: Responder,
    good: Cert,
    held: Cert,
    folder: tempfile::TempDir,
}

fn desk() -> Desk {
    let (pki, folder) = (pki(), tempfile::tempdir().unwrap());
    let key = P256Key::generate().unwrap();
    let content = profile::responder(key.spki(), "Test OCSP", "St. Elsewhere").unwrap();
    let cert = pki.issuing.sign(&content, &serial(9), NOW).unwrap();
    let responder = Responder::new(pki.issuing.cert(), cert, key).unwrap();
    let csr =
        Csr::parse(&request(folder.path(), &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])).unwrap();
    let places = RevocationInfo::At {
        crl: "http://127.0.0.1:7446/issuing.crl".into(),
        ocsp: "http://127.0.0.1:7446/ocsp".into(),
        issuer: "http://127.0.0.1:7446/issuing.cer".into(),
    };
    let pump = |n| {
        let content = profile::pump(&csr, &names()).unwrap().with_revocation(places.clone());
        pki.issuing.sign(&content, &serial(n), NOW).unwrap()
    };
    let (good, held) = (pump(3), pump(4));
    let files = [("good", &good), ("held", &held), ("issuing", pki.issuing.cert()), ("root", pki.root.cert())];
    for (name, cert) in files {
        fs::write(folder.path().join(name), cert.to_pem()).unwrap();
    }
    Desk { pki, responder, good, held, folder }
}

impl Desk {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A request as OpenSSL makes it.
    fn ask(&self, args: &[&str]) -> Vec<u8> {
        let all = [&["ocsp", "-issuer", "issuing", "-reqout", "req"], args].concat();
        let (good, said) = openssl(self.path(), &all);
        assert!(good, "{said}");
        fs::read(self.path().join("req")).unwrap()
    }

    fn answer(&self, request: &[u8]) -> Vec<u8> {
        let asked = Asked::from_der(request).unwrap();
        let held = Status::Revoked { at: NOW, reason: Reason::CertificateHold };
        let status = |serial| match serial {
            s if s == self.good.serial() => Status::Good,
            s if s == self.held.serial() => held,
            _ => Status::Unknown,
        };
        let statuses: Vec<_> = asked.serials().map(status).collect();
        self.responder.answer(&asked, &statuses, NOW, NOW + Span::from_h(1)).unwrap()
    }

    /// What OpenSSL reads in an answer to `req`, with every check on.
    fn judged(&self, answer: &[u8], args: &[&str]) -> (bool, String) {
        fs::write(self.path().join("resp"), answer).unwrap();
        let at = NOW.as_unix_s().to_string();
        let judge = ["ocsp", "-respin", "resp", "-issuer", "issuing", "-CAfile", "root", "-attime", &at, "-no_nonce"];
        // With certificates named, OpenSSL prints their states; without, it compares the nonce with the request's.
        // OpenSSL compares thisUpdate with its own clock unless the allowed distance is wide.
        openssl(
            self.path(),
            &[&judge[..], &["-verify_other", "issuing", "-validity_period", "999999999"], args].concat(),
        )
    }
}

#[test]
fn openssl_accepts_our_answers_by_either_hash_and_sees_the_hold() {
    covers!("N14");
    let desk = desk();
    for hash in ["-sha1", "-sha256"] {
        let answer = desk.answer(&desk.ask(&[hash, "-cert", "good", "-cert", "held"]));
        let (good, said) = desk.judged(&answer, &[hash, "-cert", "good", "-cert", "held"]);
        assert!(good && said.contains("Response verify OK"), "{said}");
        assert!(said.contains("good: good") && said.contains("held: revoked"), "{said}");
        assert!(said.contains("Reason: certificateHold"), "{said}");
        let (good, said) = desk.judged(&answer, &["-reqin", "req"]);
        assert!(good && !said.contains("WARNING: no nonce"), "the nonce came back: {said}");
        let mut other = Asked::from_der(&desk.ask(&[hash, "-cert", "good"])).unwrap();
        other.nonce = Some(vec![7; 16]);
        let answer = desk.responder.answer(&other, &[Status::Good], NOW, NOW + Span::from_h(1)).unwrap();
        let (good, said) = desk.judged(&answer, &["-reqin", "req"]);
        assert!(!good && said.contains("Nonce Verify error"), "another's nonce is noticed: {said}");
    }
    let answer = desk.answer(&desk.ask(&["-no_nonce", "-serial", "0x0123456789"]));
    let (_, said) = desk.judged(&answer, &["-serial", "0x0123456789"]);
    assert!(said.contains("0x0123456789: unknown"), "never issued is never good: {said}");
}

#[test]
fn another_cas_certificate_and_garbage_get_the_standards_refusals() {
    let desk = desk();
    fs::write(desk.path().join("issuing"), desk.pki.root.cert().to_pem()).unwrap();
    let answer = desk.answer(&desk.ask(&["-cert", "good"]));
    let (_, said) = desk.judged(&answer, &["-cert", "good"]);
    assert!(said.contains("unauthorized (6)"), "{said}");
    let (_, said) = desk.judged(&super::malformed(), &[]);
    assert!(said.contains("malformedrequest (1)"), "{said}");
    let (_, said) = desk.judged(&super::try_later(), &[]);
    assert!(said.contains("trylater (3)"), "{said}");
}

#[test]
fn nonces_have_one_to_128_bytes() {
    let desk = desk();
    let request = desk.ask(&["-cert", "good"]);
    let asked = Asked::from_der(&request).unwrap();
    assert!(!asked.is_repeatable());
    assert!(Asked::from_der(&desk.ask(&["-no_nonce", "-cert", "good"])).unwrap().is_repeatable());
    let with = |length: usize| {
        use der::{Decode, Encode};
        let mut request = x509_ocsp::OcspRequest::from_der(&request).unwrap();
        let value = der::asn1::OctetString::new(vec![7; length]).unwrap().to_der().unwrap();
        let extensions = request.tbs_request.request_extensions.as_mut().unwrap();
        extensions[0].extn_value = der::asn1::OctetString::new(value).unwrap();
        Asked::from_der(&request.to_der().unwrap())
    };
    assert!(with(1).is_ok() && with(MAX_NONCE).is_ok());
    assert!(with(0).is_err() && with(MAX_NONCE + 1).is_err());
    assert!(Asked::from_der(&vec![0x30; super::MAX_REQUEST + 1]).is_err());
}

#[test]
fn a_responder_answers_and_does_nothing_else() {
    let desk = desk();
    let cert = desk.responder.cert();
    strict::leaf(cert, Usage::Responder, NOW).unwrap();
    for usage in [Usage::Pump, Usage::Server] {
        assert!(strict::leaf(cert, usage, NOW).is_err());
    }
    let key = P256Key::generate().unwrap();
    let content = profile::root(key.spki(), "Other", "Other").unwrap();
    let other = crate::Authority::self_signed(&content, key, &serial(1), NOW).unwrap();
    let key = P256Key::generate().unwrap();
    let content = profile::responder(key.spki(), "Test OCSP", "St. Elsewhere").unwrap();
    let cert = other.sign(&content, &serial(9), NOW).unwrap();
    assert!(Responder::new(desk.pki.issuing.cert(), cert.clone(), key).is_err(), "another CA's");
    assert!(Responder::new(other.cert(), cert, P256Key::generate().unwrap()).is_err(), "another key");
    fs::write(desk.path().join("responder"), desk.responder.cert().to_pem()).unwrap();
    let (_, text) = openssl(desk.path(), &["x509", "-in", "responder", "-noout", "-text"]);
    assert!(text.contains("OCSP No Check") && text.contains("OCSP Signing"), "{text}");
    let (_, text) = openssl(desk.path(), &["x509", "-in", "good", "-noout", "-text"]);
    assert!(text.contains("OCSP - URI:http://") && text.contains("CA Issuers - URI:http://"), "{text}");
    assert!(text.contains("X509v3 CRL Distribution Points"), "{text}");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Asked::from_der(&bytes);
    }
}
