//! An order binds one pump in one life; a receipt is two statements that belong together.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;
use wardline_model::{Digest, Ending, PumpId, Time, covers};

use super::{Done, Gone, Intent, KeyPlace, WipeOrder, assemble, proven, sign, verify};
use crate::refused::Why;

fn pump(last: u8) -> PumpId {
    PumpId::from_random([last; 16])
}

fn order() -> WipeOrder {
    WipeOrder {
        pump: pump(1),
        ending: Ending::LoanerReturn,
        nonce: [7; 16],
        certificates: vec![Digest::from_bytes([1; 32]), Digest::from_bytes([2; 32])],
        decided: Time::from_unix_s(1_800_000_000),
    }
}

fn key(which: u8) -> SigningKey {
    SigningKey::from_bytes(&[which; 32])
}

#[test]
fn an_order_is_obeyed_by_one_pump_in_one_life() {
    covers!("N14", "N8");
    let bytes = sign(&order(), &key(1));
    let hub = key(1).verifying_key().into();
    let mine = [Digest::from_bytes([2; 32])];
    assert_eq!(verify(&bytes, &hub, pump(1), &mine).expect("an order").into_inner(), order());
    let why =
        |bytes: &[u8], hub, pump, mine: &[Digest]| verify(bytes, &hub, pump, mine).expect_err("not to be obeyed").why;
    assert_eq!(why(&bytes, hub.clone(), pump(2), &mine), Why::OtherPump(pump(1)));
    // It enrolled anew since.
    assert_eq!(why(&bytes, hub.clone(), pump(1), &[Digest::from_bytes([3; 32])]), Why::OtherLife);
    assert_eq!(why(&bytes, hub.clone(), pump(1), &[]), Why::OtherLife);
    let stranger = key(2).verifying_key().into();
    assert!(matches!(why(&bytes, stranger, pump(1), &mine), Why::Signatures { have: 0, .. }));
    let text = String::from_utf8(bytes.clone()).expect("JSON");
    let lost = text.replace("loaner-return", "lost");
    assert_ne!(lost, text);
    assert!(matches!(why(lost.as_bytes(), hub.clone(), pump(1), &mine), Why::Signatures { have: 0, .. }));
    // A goal is not an order, and an order is not a goal, although one key signs both.
    let goal = wardline_model::Goal::empty(pump(1), wardline_model::Generation(1), Time::from_unix_s(1));
    assert!(verify(&crate::goal::sign(&goal, &key(1)), &hub, pump(1), &mine).is_err());
    assert!(crate::goal::verify(&bytes, &hub, pump(1)).is_err());
    assert!(verify(&vec![b' '; 9_000], &hub, pump(1), &mine).is_err());
}

fn intent() -> Intent {
    Intent {
        pump: pump(1),
        nonce: [7; 16],
        ending: Ending::Retired,
        certificate: Digest::from_bytes([2; 32]),
        keys: KeyPlace::Software,
        files: 3,
        bytes: 40_000,
        names: vec!["identity".to_string(), "events".to_string()],
        events: 2,
        witness: key(9).verifying_key().into(),
        at: Time::from_unix_s(1_800_000_100),
    }
}

fn done() -> Done {
    Done { key: Gone::FromDisk, left: 0, at: Time::from_unix_s(1_800_000_101) }
}

/// With signatures of this pump's key, here a word, and of this witness.
fn receipt(intent: &Intent, word: &[u8], done: &Done, witness: &SigningKey) -> Vec<u8> {
    assemble(intent, word, done, &witness.sign(&done.to_canonical(intent)).to_bytes())
}

#[test]
fn a_receipt_holds_when_pump_and_witness_signed_what_belongs_together() {
    covers!("N14");
    let good = receipt(&intent(), b"pump", &done(), &key(9));
    let check = |bytes: &[u8]| proven(bytes, |_, signed, signature| signature == b"pump" && !signed.is_empty());
    let read = check(&good).expect("a receipt");
    assert_eq!((&read.intent, &read.done), (&intent(), &done()));
    let why = |bytes: &[u8]| check(bytes).expect_err("not a receipt").why;
    assert_eq!(why(&receipt(&intent(), b"else", &done(), &key(9))), Why::Signatures { have: 0, need: 2 });
    assert_eq!(why(&receipt(&intent(), b"pump", &done(), &key(8))), Why::Signatures { have: 1, need: 2 });
    // Done for another intent, and a TPM that was never there.
    let text = String::from_utf8(good).expect("JSON");
    assert_eq!(why(text.replace("\"events\":2", "\"events\":0").as_bytes()), Why::Shape("intent"));
    let tpm = Done { key: Gone::FromTpmAndDisk, ..done() };
    assert_eq!(why(&receipt(&intent(), b"pump", &tpm, &key(9))), Why::Shape("key"));
    assert!(check(&vec![b' '; 20_000]).is_err());
    // A name that could deceive a screen does not come through.
    let odd = Intent { names: vec!["\u{202e}x\n".to_string()], ..intent() };
    let read = check(&receipt(&odd, b"pump", &done(), &key(9))).expect("a receipt");
    assert_eq!(read.intent.names, ["?x?"]);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0usize..900, byte: u8) {
        let hub = key(1).verifying_key().into();
        prop_assert!(verify(&bytes, &hub, pump(1), &[]).is_err());
        prop_assert!(proven(&bytes, |_, _, _| true).is_err());
        let mut spoilt = receipt(&intent(), b"pump", &done(), &key(9));
        if let Some(place) = spoilt.get_mut(at) {
            *place = byte;
        }
        let _ = proven(&spoilt, |_, _, _| true);
    }
}
