//! Timing of renewal and tries, what is kept, and what a pump does not believe.

use std::time::Duration;

use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use wardline_model::{Serial, Span, Time, covers};
use x509_cert::Certificate;
use x509_cert::request::CertReq;
use {der::Decode as _, der::Encode as _};

use super::est::Provision;
use super::kept::{Credential, Pinned};
use super::key::{KeyHome, PumpKey};
use super::request;
use super::steps::pin;
use super::{Kept, Pace, Step, next_step};
use crate::fault::Fault;
use crate::sealed::{Flush, Sealing};

const PUMP: &str = "6f1c2a34-0000-4000-8000-000000000001";

fn serial() -> Serial {
    Serial::new("H3-000001").expect("a serial number")
}

/// A root, and a pump's certificate that lasts 30 days from the year 2020.
fn made(number: &str) -> (Vec<u8>, Credential) {
    let ca_key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, "A root");
    let root = params.self_signed(&ca_key).expect("signed").der().to_vec();
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 1, 31);
    params.distinguished_name.push(DnType::CommonName, number);
    let urn = format!("urn:uuid:{PUMP}").as_str().try_into().expect("ASCII");
    params.subject_alt_names.push(SanType::URI(urn));
    let leaf = params.signed_by(&key, &issuer).expect("signed").der().to_vec();
    (root, Credential::new(stored(&key), &[leaf]))
}

const HOME: KeyHome = KeyHome::Software;

/// As this agent has always kept a key in software.
fn stored(key: &KeyPair) -> super::key::StoredKey {
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key.serialize_der());
    serde_json::from_value(text.into()).expect("a key")
}

fn kept() -> Kept {
    let (root, current) = made("one");
    Kept::first(&root, current)
}

/// A new key, and the same for the certificates of tests.
fn fresh() -> (PumpKey, KeyPair) {
    let pair = KeyPair::generate().expect("a key");
    (HOME.open(&stored(&pair)).expect("a key"), pair)
}

fn goal_key(byte: u8) -> wardline_release::key::PublicKey {
    ed25519_dalek::SigningKey::from_bytes(&[byte; 32]).verifying_key().into()
}

fn start() -> Time {
    Time::from_unix_s(1_577_836_800)
}

#[test]
fn what_is_kept_opens_again_and_for_no_other_device() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sealing = |name: &str| Sealing::from_key_file(&folder.path().join(name), Flush::Never, Fault::none());
    let (mine, other) = (sealing("mine").expect("a key"), sealing("other").expect("a key"));
    let path = folder.path().join(super::FILE);
    let mut kept = kept();
    kept.pinned = Some(Pinned::new(&goal_key(1), Some("{}".into())));
    mine.write(&path, &kept.to_bytes()).expect("written");
    let read = mine.read(&path).expect("opens").expect("is there");
    assert_eq!(Kept::from_bytes(&read, &HOME).expect("good"), kept);
    assert!(other.read(&path).is_err());
    assert!(!format!("{kept:?}").contains("key"));
}

#[test]
fn a_kept_identity_that_was_spoilt_is_refused_and_not_used_in_part() {
    let text = String::from_utf8(kept().to_bytes().to_vec()).expect("JSON");
    assert!(Kept::from_bytes(text.as_bytes(), &HOME).is_ok());
    for (from, to) in
        [("\"version\":1", "\"version\":2"), ("\"root\":\"M", "\"root\":\"N"), ("\"chain\":[\"M", "\"chain\":[\"N")]
    {
        let spoilt = text.replace(from, to);
        assert_ne!(spoilt, text, "{from}");
        assert!(Kept::from_bytes(spoilt.as_bytes(), &HOME).is_err(), "{from}");
    }
}

#[test]
fn the_next_step_follows_from_what_is_kept_and_the_clock() {
    let day = |days| start() + Span::from_days(days);
    assert_eq!(next_step(None, day(1)), (Step::Enrol, None));
    let mut kept = kept();
    assert_eq!(next_step(Some(&kept), day(1)), (Step::Provision, None));
    kept.pinned = Some(Pinned::new(&goal_key(1), None));
    assert_eq!(next_step(Some(&kept), day(1)), (Step::AskRoot, None));
    // Without a release root the pump still renews.
    assert_eq!(next_step(Some(&kept), day(29)), (Step::Renew, None));
    kept.pinned = Some(Pinned::new(&goal_key(1), Some("{}".into())));
    let (step, due) = next_step(Some(&kept), day(1));
    assert_eq!((step, due.is_some_and(|due| due >= day(18) && due <= day(22))), (Step::Renew, true));
    assert_eq!(next_step(Some(&kept), day(23)), (Step::Renew, None));
    // From the cupboard.
    assert_eq!(next_step(Some(&kept), day(31)), (Step::Enrol, None));
    kept.next = Some(made("two").1);
    assert_eq!(next_step(Some(&kept), day(31)), (Step::Prove, None));
}

#[test]
fn a_request_repeats_the_subject_and_is_for_a_key_of_its_own() {
    let leaf = made("one").1.leaf().expect("reads");
    let read = |text: String| {
        let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).expect("base64");
        CertReq::from_der(&der).expect("a request").info
    };
    let ask = || read(request::request(&HOME.make().expect("a key"), leaf.subject.clone()).expect("a request"));
    let (one, two) = (ask(), ask());
    assert_eq!(one.subject, leaf.subject);
    assert_ne!(one.public_key, two.public_key, "a renewal brings a new key");
    // A serial number is a name, whatever it holds.
    let odd = Serial::new("A,CN=x+é").expect("a serial number");
    let subject = request::first_subject(&odd).expect("a name");
    assert_eq!(subject.0.len(), 1);
    assert_eq!(subject.0[0].0.len(), 1);
}

#[test]
fn a_certificate_for_another_key_or_another_pump_is_refused() {
    covers!("N14");
    let (key, pair) = fresh();
    let certificate = |pair: &KeyPair, number: &str| {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        // serialNumber, RFC 4519 section 2.31.
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), number);
        Certificate::from_der(params.self_signed(pair).expect("signed").der()).expect("a certificate")
    };
    let ours = certificate(&pair, "H3-000001");
    let others_key = certificate(&KeyPair::generate().expect("a key"), "H3-000001");
    let others_name = certificate(&pair, "H3-000002");
    let taken =
        |came: &[Certificate]| request::certificate(&key, came, &serial()).cloned().map_err(|failed| failed.why);
    assert_eq!(taken(&[others_key.clone(), ours.clone()]), Ok(ours.clone()));
    assert!(taken(&[others_key]).expect_err("not ours").contains("no certificate for the key"));
    assert!(taken(&[others_name]).expect_err("not ours").contains("H3-000002"));
    // Nor does a chain that leads elsewhere count.
    let (root, _) = made("one");
    assert!(request::chain(&ours, &[], &[root]).is_err());
}

#[test]
fn what_is_pinned_stays_whatever_the_hub_says_later() {
    covers!("N13");
    let told = |key: u8, root: Option<&str>| Provision {
        pump: PUMP.parse().expect("written right"),
        goal_key: goal_key(key),
        tuf_root: root.map(str::to_owned),
    };
    let first = pin(None, told(1, None)).expect("pinned");
    assert_eq!(first.goal_key().expect("a key"), goal_key(1));
    // A hub with another goal key adds nothing, not even a release root.
    let stolen = pin(Some(first.clone()), told(2, Some("evil"))).expect("pinned");
    assert_eq!(stolen, first);
    let rooted = pin(Some(first), told(1, Some("first"))).expect("pinned");
    assert_eq!(rooted.tuf_root.as_deref(), Some("first"));
    let later = pin(Some(rooted.clone()), told(1, Some("second"))).expect("pinned");
    assert_eq!(later, rooted);
}

#[test]
fn a_chain_in_a_circle_ends() {
    let pair = fresh().1;
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, "its own issuer");
    let round = Certificate::from_der(params.self_signed(&pair).expect("signed").der()).expect("a certificate");
    assert!(request::chain(&round, std::slice::from_ref(&round), &[made("one").0]).is_err());
    assert!(round.to_der().is_ok());
}

#[test]
fn the_hub_may_ask_a_pump_to_wait_but_not_for_ever() {
    let mut pace = Pace::begin();
    assert!(pace.wait(u64::MAX) <= Duration::from_secs(1));
    assert_eq!(Pace::default().wait(7), Duration::ZERO);
    pace.failed(Some(600));
    assert!(pace.wait(0) >= Duration::from_secs(600));
    pace.failed(Some(u64::MAX));
    assert!(pace.wait(u64::MAX) <= Duration::from_secs(86_400 * 11 / 10));
}

#[test]
fn a_pump_that_waits_for_a_person_asks_again_when_it_was_told_to_and_does_not_slow_down() {
    let mut pace = Pace::default();
    for _ in 0..500 {
        pace.waits(Some(60));
        let wait = pace.wait(u64::MAX);
        assert!((60..=66).contains(&wait.as_secs()), "{wait:?}");
    }
    pace.waits(None);
    assert!((60..=66).contains(&pace.wait(0).as_secs()), "a hub that does not say");
}

proptest! {
    #[test]
    fn tries_slow_down_and_never_stop(tries in 1u32..2_000, draw: u64) {
        let mut pace = Pace::default();
        for _ in 0..tries {
            pace.failed(None);
        }
        let wait = pace.wait(draw);
        prop_assert!(wait >= Duration::from_secs(1) && wait <= Duration::from_secs(300), "{wait:?}");
        prop_assert!(tries < 10 || wait >= Duration::from_secs(150), "{wait:?}");
    }

    #[test]
    fn no_answer_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..600), coded: bool) {
        let body = if coded { base64::Engine::encode(&base64::engine::general_purpose::STANDARD, body).into_bytes() } else { body };
        prop_assert!(request::certs_only(&body).is_err());
    }
}
