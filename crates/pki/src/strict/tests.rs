//! One certificate or list for every fault: good in every other way, so that only its own check can refuse it.

use const_oid::AssociatedOid;
use der::asn1::{BitString, OctetString};
use der::flagset::FlagSet;
use der::{Decode as _, Encode as _};
use wardline_model::{PumpId, Serial, Span};
use x509_cert::TbsCertificate;
use x509_cert::crl::CertificateList;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{CrlNumber, KeyUsages};
use x509_cert::serial_number::SerialNumber;

use super::*;
use crate::profile::{self, PumpNames};
use crate::{Authority, CertSerial, P256Key, PkiError, crl};

const NOW: Time = Time::from_unix_s(1_800_000_000);

fn root() -> Authority {
    let key = P256Key::generate().unwrap();
    let content = profile::root(key.spki(), "Root", "St. Elsewhere").unwrap();
    Authority::self_signed(&content, key, &CertSerial::from_random([1; 16]), NOW).unwrap()
}

/// A good pump certificate by this authority.
fn pump(root: &Authority) -> Cert {
    let key = P256Key::generate().unwrap();
    let names = PumpNames {
        pump: PumpId::from_bytes([9; 16]),
        serial: Serial::new("H3-1").unwrap(),
        hospital: "St. Elsewhere".into(),
        hw_type: None,
    };
    let mut content = profile::server(key.spki(), &["x"], &[]).unwrap();
    content.subject = profile::pump_subject(&names).unwrap();
    content.extended = Some(ID_KP_CLIENT_AUTH);
    root.sign(&content, &CertSerial::from_random([2; 16]), NOW).unwrap()
}

/// The certificate with a change. Its signature no longer fits, which is not looked at here.
fn changed(cert: &Cert, change: impl FnOnce(&mut TbsCertificate)) -> Cert {
    let mut parsed = cert.parsed().clone();
    change(&mut parsed.tbs_certificate);
    Cert::from_der(&parsed.to_der().unwrap()).unwrap()
}

fn without<T: AssociatedOid>(tbs: &mut TbsCertificate) {
    tbs.extensions.as_mut().unwrap().retain(|extension| extension.extn_id != T::OID);
}

fn with<T: AssociatedOid + der::Encode>(tbs: &mut TbsCertificate, value: &T) {
    without::<T>(tbs);
    raw::<T>(tbs, &value.to_der().unwrap());
}

fn raw<T: AssociatedOid>(tbs: &mut TbsCertificate, der: &[u8]) {
    let extn_value = OctetString::new(der).unwrap();
    tbs.extensions.as_mut().unwrap().push(Extension { extn_id: T::OID, critical: false, extn_value });
}

fn usage(usages: impl Into<FlagSet<KeyUsages>>) -> KeyUsage {
    KeyUsage(usages.into())
}

#[test]
fn every_fault_of_an_end_certificate_is_found() {
    let root = root();
    let good = pump(&root);
    assert_eq!(leaf(&good, Usage::Pump, NOW), Ok(()));
    let is = |fault: Fault, change: &dyn Fn(&mut TbsCertificate)| {
        assert_eq!(leaf(&changed(&good, change), Usage::Pump, NOW), Err(fault), "{fault:?}");
    };
    is(Fault::NotVersion3, &|tbs| tbs.version = Version::V2);
    is(Fault::SerialNotPositive, &|tbs| tbs.serial_number = SerialNumber::new(&[0]).unwrap());
    is(Fault::Extension, &|tbs| raw::<KeyUsage>(tbs, &usage(KeyUsages::DigitalSignature).to_der().unwrap()));
    is(Fault::Extension, &|tbs| {
        without::<KeyUsage>(tbs);
        raw::<KeyUsage>(tbs, &[0x30, 0]);
    });
    is(Fault::LeafIsAuthority, &|tbs| with(tbs, &BasicConstraints { ca: true, path_len_constraint: None }));
    is(Fault::LeafMaySign, &|tbs| with(tbs, &usage(KeyUsages::DigitalSignature | KeyUsages::KeyCertSign)));
    is(Fault::LeafMaySign, &|tbs| with(tbs, &usage(KeyUsages::DigitalSignature | KeyUsages::CRLSign)));
    is(Fault::NoDigitalSignature, &|tbs| with(tbs, &usage(KeyUsages::KeyAgreement)));
    is(Fault::NoDigitalSignature, &without::<KeyUsage>);
    is(Fault::ExtendedUsage, &without::<ExtendedKeyUsage>);
    is(Fault::ExtendedUsage, &|tbs| with(tbs, &ExtendedKeyUsage(vec![ID_KP_SERVER_AUTH])));
    is(Fault::ExtendedUsage, &|tbs| with(tbs, &ExtendedKeyUsage(vec![ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH])));
    is(Fault::NoAuthorityKeyId, &without::<AuthorityKeyIdentifier>);
    assert_eq!(leaf(&good, Usage::Pump, good.not_before() - Span::from_s(1)), Err(Fault::NotYetValid));
    assert_eq!(leaf(&good, Usage::Pump, good.not_before()), Ok(()));
    assert_eq!(leaf(&good, Usage::Pump, good.not_after()), Ok(()));
    assert_eq!(leaf(&good, Usage::Pump, good.not_after() + Span::from_s(1)), Err(Fault::Expired));
}

#[test]
fn every_fault_of_an_authority_is_found() {
    let root = root();
    let (good, own) = (pump(&root), root.cert());
    assert_eq!(chain(&[&good, own], Usage::Pump, NOW), Ok(()));
    let is = |fault: Fault, change: &dyn Fn(&mut TbsCertificate)| {
        assert_eq!(chain(&[&good, &changed(own, change)], Usage::Pump, NOW), Err(fault), "{fault:?}");
    };
    is(Fault::NotAnAuthority, &without::<BasicConstraints>);
    is(Fault::NotAnAuthority, &|tbs| with(tbs, &BasicConstraints { ca: false, path_len_constraint: None }));
    is(Fault::NoCertSign, &|tbs| with(tbs, &usage(KeyUsages::CRLSign)));
    is(Fault::NoCertSign, &without::<KeyUsage>);
    is(Fault::NoSubjectKeyId, &without::<SubjectKeyIdentifier>);
    let other = SubjectKeyIdentifier(OctetString::new([7; 20]).unwrap());
    is(Fault::WrongAuthorityKeyId, &|tbs| with(tbs, &other));
    // webpki does not look at an anchor's dates at all.
    let anchor = changed(own, |tbs| tbs.validity.not_after = tbs.validity.not_before);
    assert_eq!(chain(&[&good, &anchor], Usage::Pump, NOW), Err(Fault::Expired));
    assert_eq!(chain(&[], Usage::Pump, NOW), Err(Fault::NotAnAuthority));
    assert_eq!(crl_issuer(own), Ok(()));
    assert_eq!(crl_issuer(&changed(own, |tbs| with(tbs, &usage(KeyUsages::KeyCertSign)))), Err(Fault::NoCrlSign));
}

#[test]
fn every_fault_of_a_revocation_list_is_found() {
    let root = root();
    let good = root.sign_crl(7, &[], NOW, NOW + Span::from_days(1)).unwrap();
    assert!(crl::parse(&good, root.cert(), NOW).is_ok());
    let signed_again = |change: &dyn Fn(&mut CertificateList)| {
        let mut list = CertificateList::from_der(&good).unwrap();
        change(&mut list);
        let message = list.tbs_cert_list.to_der().unwrap();
        list.signature = BitString::from_bytes(&root.key().sign(&message).unwrap()).unwrap();
        crl::parse(&list.to_der().unwrap(), root.cert(), NOW).map(|_| ())
    };
    let drop = |id: ObjectIdentifier| {
        signed_again(&|list| list.tbs_cert_list.crl_extensions.as_mut().unwrap().retain(|e| e.extn_id != id))
    };
    assert_eq!(signed_again(&|_| ()), Ok(()));
    assert_eq!(drop(CrlNumber::OID), Err(PkiError::Strict(Fault::CrlWithoutNumber)));
    assert_eq!(drop(AuthorityKeyIdentifier::OID), Err(PkiError::Strict(Fault::NoAuthorityKeyId)));
    assert_eq!(signed_again(&|list| list.tbs_cert_list.next_update = None), Err(PkiError::Strict(Fault::CrlStale)));
    let late = crl::parse(&good, root.cert(), NOW + Span::from_days(2)).map(|_| ());
    assert_eq!(late, Err(PkiError::Strict(Fault::CrlStale)));
}
