//! The rules of RFC 5176 about authenticators, and answers that do not keep them.

use proptest::prelude::*;
use wardline_model::Time;

use super::{Answer, HEAD, Whom, hashed, keyed, put, read, request};

const SECRET: &[u8] = b"an-access-points-secret";

fn asked() -> Vec<u8> {
    let whom = Whom { user: "pump-7", station: "02-00-00-00-00-01", nas: "10.0.0.5" };
    request(9, &whom, SECRET, Time::from_unix_s(1_800_000_000))
}

/// An answer as a NAS makes it.
fn answer(code: u8, attributes: &[(u8, &[u8])], asked: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut packet = vec![code, asked[1], 0, 0];
    packet.extend(&asked[4..HEAD]);
    attributes.iter().for_each(|(kind, value)| put(&mut packet, *kind, value));
    let place = packet.len() + 2;
    put(&mut packet, 80, &[0; 16]);
    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
    packet[2..4].copy_from_slice(&length);
    let mac = keyed(secret, &packet);
    packet[place..place + 16].copy_from_slice(&mac);
    let head = hashed(&[&packet, secret]);
    packet[4..HEAD].copy_from_slice(&head);
    packet
}

#[test]
fn a_request_carries_who_and_both_authenticators_as_the_standard_computes_them() {
    let packet = asked();
    assert_eq!((packet[0], packet[1], usize::from(u16::from_be_bytes([packet[2], packet[3]]))), (40, 9, packet.len()));
    assert_eq!(packet[HEAD..HEAD + 8], *b"\x01\x08pump-7");
    assert!(packet.windows(19).any(|part| part == b"\x1f\x1302-00-00-00-00-01"));
    assert!(packet.windows(6).any(|part| part == [4, 6, 10, 0, 0, 5]));
    assert!(packet.windows(6).any(|part| part == [55, 6, 0x6b, 0x49, 0xd2, 0x00]));
    let mut zeroed = packet.clone();
    zeroed[4..HEAD].fill(0);
    assert_eq!(hashed(&[&zeroed, SECRET]), packet[4..HEAD], "RFC 5176 section 2.3");
    let place = packet.len() - 16;
    zeroed[place..].fill(0);
    assert_eq!(keyed(SECRET, &zeroed), packet[place..], "RFC 5176 section 3.4");
}

#[test]
fn an_answer_counts_only_when_it_authenticates_and_is_to_this_request() {
    let asked = asked();
    assert_eq!(read(&answer(41, &[], &asked, SECRET), &asked, SECRET), Some(Answer::Ack));
    let nak = answer(42, &[(101, &503u32.to_be_bytes())], &asked, SECRET);
    assert_eq!(read(&nak, &asked, SECRET), Some(Answer::Nak(Some(503))));
    assert_eq!(read(&answer(41, &[], &asked, b"another"), &asked, SECRET), None, "another secret");
    assert_eq!(read(&answer(44, &[], &asked, SECRET), &asked, SECRET), None, "another code");
    for at in 0..nak.len() {
        let mut bent = nak.clone();
        bent[at] ^= 1;
        assert_eq!(read(&bent, &asked, SECRET), None, "byte {at}");
    }
    let other = request(10, &Whom { user: "x", station: "", nas: "" }, SECRET, Time::default());
    assert_eq!(read(&nak, &other, SECRET), None, "an answer to another request");
}

proptest! {
    #[test]
    fn no_answer_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes, &asked(), SECRET);
    }

    #[test]
    fn no_name_makes_a_packet_that_is_not_one(user in ".{0,300}", station in ".{0,300}", nas in ".{0,300}") {
        let packet = request(1, &Whom { user: &user, station: &station, nas: &nas }, SECRET, Time::default());
        prop_assert_eq!(usize::from(u16::from_be_bytes([packet[2], packet[3]])), packet.len());
        prop_assert!(packet.len() <= super::LARGEST);
    }
}
