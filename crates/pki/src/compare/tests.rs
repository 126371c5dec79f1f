//! Each thing that a certificate says, changed on its own after the approval, is seen.

use der::asn1::Ia5String;
use wardline_model::Span;
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::ext::pkix::name::GeneralName;

use super::says_what_was_approved;
use crate::authority::Issued;
use crate::profile::{self, Approved, PathLength, RevocationInfo};
use crate::tests::{NOW, Pki, names, pki, request, serial};
use crate::{Cert, Csr, P256Key, PkiError};

fn approved(folder: &std::path::Path) -> Approved {
    let csr = request(folder, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let places =
        RevocationInfo::At { crl: "http://a/crl".into(), ocsp: "http://a/o".into(), issuer: "http://a/i".into() };
    profile::pump(&Csr::parse(&csr).unwrap(), &names()).unwrap().with_revocation(places)
}

fn compare(pki: &Pki, cert: &Cert, content: &Approved) -> Result<(), PkiError> {
    let tbs = &cert.parsed().tbs_certificate;
    let issuer = &pki.issuing.cert().parsed().tbs_certificate.subject;
    let (serial, key_id) = (serial(3), pki.issuing.key_id());
    let by = Issued { serial: &serial, issuer, validity: tbs.validity, key: pki.issuing.key(), key_id };
    says_what_was_approved(cert, content, &by)
}

type Change = fn(&mut Approved);

const CHANGES: [(&str, Change); 9] = [
    ("subject", |a| a.subject = profile::root(&a.spki, "Somebody else", "x").unwrap().subject),
    ("public key", |a| a.spki = P256Key::generate().unwrap().spki().clone()),
    ("key usage", |a| a.usages |= KeyUsages::KeyCertSign),
    ("extended key usage", |a| a.extended = Some(const_oid::db::rfc5280::ID_KP_SERVER_AUTH)),
    ("list of extensions", |a| a.extended = None),
    ("alternative names", |a| a.alternative.push(GeneralName::DnsName(Ia5String::new("hub").unwrap()))),
    ("whether it is an authority", |a| a.authority = Some(PathLength::Any)),
    ("where to ask whether it was revoked", |a| {
        a.revocation =
            RevocationInfo::At { crl: "http://b/crl".into(), ocsp: "http://a/o".into(), issuer: "http://a/i".into() };
    }),
    ("list of extensions", |a| a.revocation = RevocationInfo::NotAvailable),
];

#[test]
fn what_was_signed_is_compared_with_what_was_approved_field_by_field() {
    let (folder, pki) = (tempfile::tempdir().unwrap(), pki());
    let content = approved(folder.path());
    let cert = pki.issuing.sign(&content, &serial(3), NOW).unwrap();
    compare(&pki, &cert, &content).expect("as approved");
    for (what, change) in CHANGES {
        let mut other = content.clone();
        change(&mut other);
        assert_eq!(compare(&pki, &cert, &other), Err(PkiError::NotAsApproved(what)), "{what}");
    }
}

#[test]
fn what_the_authority_adds_is_compared_too() {
    let (folder, pki) = (tempfile::tempdir().unwrap(), pki());
    let content = approved(folder.path());
    let cert = pki.issuing.sign(&content, &serial(3), NOW).unwrap();
    let another = pki.issuing.sign(&content, &serial(4), NOW).unwrap();
    assert_eq!(compare(&pki, &another, &content), Err(PkiError::NotAsApproved("serial number")));
    let elsewhere = pki.root.sign(&content, &serial(3), NOW).unwrap();
    assert_eq!(compare(&pki, &elsewhere, &content), Err(PkiError::NotAsApproved("issuer")));
    let tbs = &cert.parsed().tbs_certificate;
    let later = pki.issuing.sign(&content, &serial(3), NOW + Span::from_h(1)).unwrap();
    let (serial, key) = (serial(3), pki.issuing.key());
    let by = |key_id| Issued { serial: &serial, issuer: &tbs.issuer, validity: tbs.validity, key, key_id };
    let judged = says_what_was_approved(&later, &content, &by(pki.issuing.key_id()));
    assert_eq!(judged, Err(PkiError::NotAsApproved("dates")));
    let judged = says_what_was_approved(&cert, &content, &by(pki.root.key_id()));
    assert_eq!(judged, Err(PkiError::NotAsApproved("authority key identifier")));
}

#[test]
fn bytes_that_changed_after_signing_do_not_leave() {
    let (folder, pki) = (tempfile::tempdir().unwrap(), pki());
    let content = approved(folder.path());
    let cert = pki.issuing.sign(&content, &serial(3), NOW).unwrap();
    let mut der = cert.der().to_vec();
    // The last byte of the signature's second integer.
    *der.last_mut().unwrap() ^= 1;
    let changed = Cert::from_der(&der).unwrap();
    assert_eq!(compare(&pki, &changed, &content), Err(PkiError::Signature("new certificate")));
}
