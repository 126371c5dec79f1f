//! Whom the door believes: the hub's own issuing CA is known, and nobody takes its place.

use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, UnixTime};
use wardline_model::{PumpId, Serial, Time};
use wardline_pki::profile::{self, PumpNames};
use wardline_pki::strict::Usage;
use wardline_pki::{Authority, Cert, Csr, P256Key};

use super::{Anchors, FleetAnchors, OwnCert, Serves, TlsError, name_of};
use crate::server::serial;

const NOW: Time = Time::from_unix_s(1_800_000_000);

fn root(name: &str) -> Authority {
    let key = P256Key::generate().unwrap();
    let content = profile::root(key.spki(), name, "Test").unwrap();
    Authority::self_signed(&content, key, &serial().unwrap(), NOW).unwrap()
}

fn issuing(root: &Authority) -> Authority {
    let key = P256Key::generate().unwrap();
    let content = profile::issuing(key.spki(), "Issuing", "Test").unwrap();
    Authority::new(root.sign(&content, &serial().unwrap(), NOW).unwrap(), key).unwrap()
}

fn pump(issuing: &Authority) -> Cert {
    let key = KeyPair::generate().unwrap();
    let request = Csr::parse(CertificateParams::default().serialize_request(&key).unwrap().der()).unwrap();
    let id = PumpId::from_bytes([7; 16]);
    let names = PumpNames { pump: id, serial: Serial::new("H3-1").unwrap(), hospital: "Test".into(), hw_type: None };
    issuing.sign(&profile::pump(&request, &names).unwrap(), &serial().unwrap(), NOW).unwrap()
}

/// What the door says of a pump that sends these issuers.
fn check(anchors: &Anchors, pump: &Cert, sent: &[&Cert], at: Time) -> Result<(), &'static str> {
    let der = |cert: &Cert| CertificateDer::from(cert.der().to_vec());
    let sent: Vec<_> = sent.iter().map(|cert| der(cert)).collect();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at.as_unix_s()));
    anchors.check(pump, &der(pump), &sent, Usage::Pump, at)
}

#[test]
fn a_pump_of_the_known_issuing_ca_is_believed_whatever_else_it_sends() {
    let (root, other) = (root("Root"), root("Other"));
    let (own, impostor) = (issuing(&root), issuing(&other));
    let anchors = Anchors::new(std::slice::from_ref(root.cert()), std::slice::from_ref(own.cert())).unwrap();
    let good = pump(&own);
    for sent in [&[own.cert()][..], &[], &[impostor.cert()], &[impostor.cert(), own.cert()]] {
        assert_eq!(check(&anchors, &good, sent, NOW), Ok(()));
    }
    let bad = pump(&impostor);
    for sent in [&[impostor.cert()][..], &[], &[own.cert()], &[impostor.cert(), other.cert()]] {
        assert!(check(&anchors, &bad, sent, NOW).is_err(), "another CA of the same name");
    }
}

#[test]
fn an_issuing_ca_that_is_not_known_is_followed_to_the_root_as_ever() {
    let (root, other) = (root("Root"), root("Other"));
    let (known, second, stranger) = (issuing(&root), issuing(&root), issuing(&other));
    let anchors = Anchors::new(std::slice::from_ref(root.cert()), &[]).unwrap();
    for (issuer, fine) in [(&known, true), (&second, true), (&stranger, false)] {
        assert_eq!(check(&anchors, &pump(issuer), &[issuer.cert()], NOW).is_ok(), fine);
    }
    assert!(check(&anchors, &pump(&known), &[], NOW).is_err(), "nothing leads to the root");
}

#[test]
fn the_dates_of_the_issuing_ca_count_at_every_handshake() {
    let root = root("Root");
    let own = issuing(&root);
    let anchors = Anchors::new(std::slice::from_ref(root.cert()), std::slice::from_ref(own.cert())).unwrap();
    let late = own.cert().not_after() + wardline_model::Span::from_s(1);
    // A pump's certificate never outlives its issuer, so its dates are looked at alone here.
    let chain = anchors.chain(own.cert(), &[]).unwrap();
    assert!(wardline_pki::strict::authority(chain[0], late).is_err());
    assert!(check(&anchors, &pump(&own), &[], late).is_err());
}

#[test]
fn an_issuing_ca_of_another_root_is_refused_at_the_start() {
    let (root, other) = (root("Root"), root("Other"));
    let foreign = issuing(&other);
    let made = Anchors::new(std::slice::from_ref(root.cert()), std::slice::from_ref(foreign.cert()));
    assert!(matches!(made, Err(TlsError::Pki(_))), "{made:?}");
}

#[test]
fn while_roots_change_each_client_is_shown_the_chain_that_it_can_follow() {
    let (old, new) = (root("Root"), root("Root 2"));
    let serves = |root: &Authority| {
        let (issuing, key) = (issuing(root), P256Key::generate().unwrap());
        let content = profile::server(key.spki(), &["hub.wardline.internal"], &[]).unwrap();
        let cert = issuing.sign(&content, &serial().unwrap(), NOW).unwrap();
        (Serves::new(&cert, &key, &[issuing.cert()]).unwrap(), cert)
    };
    let (usual, usual_cert) = serves(&old);
    let (narrow, narrow_cert) = serves(&new);
    let narrow = narrow.for_who_believes(new.cert(), old.cert()).unwrap();
    let own = OwnCert::new(vec![usual.clone(), narrow]);
    let (says_old, says_new) = (|| name_of(old.cert()).unwrap(), || name_of(new.cert()).unwrap());
    let shown = |believed: Option<&[_]>| own.choose(believed).unwrap().cert[0].to_vec();
    assert_eq!(shown(None), usual_cert.der(), "a client that says nothing");
    assert_eq!(shown(Some(&[says_old()])), usual_cert.der());
    assert_eq!(shown(Some(&[says_old(), says_new()])), usual_cert.der(), "both will do");
    assert_eq!(shown(Some(&[says_new()])), narrow_cert.der(), "a pump that proves the new root");
    own.replace(vec![usual]);
    assert_eq!(shown(Some(&[says_new()])), usual_cert.der());
}

#[test]
fn the_door_lets_in_whom_it_is_told_to_from_the_next_handshake_on() {
    let (old, new) = (root("Root"), root("Root 2"));
    let (old_ca, new_ca) = (issuing(&old), issuing(&new));
    let fleet = FleetAnchors::new(&[old.cert().clone()], &[old_ca.cert().clone()]).unwrap();
    let lets_in = |ca: &Authority| check(&fleet.now(), &pump(ca), &[], NOW).is_ok();
    assert_eq!((lets_in(&old_ca), lets_in(&new_ca)), (true, false));
    // What does not belong together changes nothing.
    assert!(fleet.replace(&[old.cert().clone()], &[new_ca.cert().clone()]).is_err());
    assert_eq!((lets_in(&old_ca), lets_in(&new_ca)), (true, false));
    fleet.replace(&[new.cert().clone()], &[new_ca.cert().clone()]).unwrap();
    assert_eq!((lets_in(&old_ca), lets_in(&new_ca)), (false, true));
}
