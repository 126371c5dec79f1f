//! Dynamic authorisation (RFC 5176): one message, Disconnect-Request, and its two answers. Bytes in, bytes out.
//!
//! | step of the standard | here |
//! |---|---|
//! | RFC 5176 section 2.3: code 40, 41 (ACK), 42 (NAK) | [`request`], [`Answer`] |
//! | section 3.4 and RFC 3579 section 3.2: Message-Authenticator is HMAC-MD5 over the packet with a Request Authenticator of 16 zero bytes | [`request`] |
//! | section 2.3: Request Authenticator is MD5 over the packet with 16 zero bytes in its place, and the secret | [`request`] |
//! | section 2.3: Response Authenticator is MD5 over code, id, length, *Request* Authenticator, attributes and the secret | [`read`] |
//! | section 6.3: Event-Timestamp against replay | [`request`] |
//!
//! MD5 is what the standard demands; nothing else here depends on it. What does not authenticate is no answer.

use hmac::{KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use wardline_model::Time;

/// Disconnect-Request.
const DISCONNECT: u8 = 40;
/// Disconnect-ACK.
const ACK: u8 = 41;
/// Disconnect-NAK.
const NAK: u8 = 42;

/// Bytes of code, identifier, length and authenticator.
const HEAD: usize = 20;
/// The largest RADIUS packet (RFC 2865 section 3).
pub(super) const LARGEST: usize = 4_096;
/// The longest value of an attribute (RFC 2865 section 5).
const LONGEST_VALUE: usize = 253;

const USER_NAME: u8 = 1;
const NAS_IP_ADDRESS: u8 = 4;
const CALLING_STATION_ID: u8 = 31;
const NAS_IDENTIFIER: u8 = 32;
const EVENT_TIMESTAMP: u8 = 55;
const MESSAGE_AUTHENTICATOR: u8 = 80;
const ERROR_CAUSE: u8 = 101;

/// Whom to send off the air.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Whom<'a> {
    pub(super) user: &'a str,
    pub(super) station: &'a str,
    pub(super) nas: &'a str,
}

/// What the other end said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The session is ended.
    Ack,
    /// It is not, and the Error-Cause says why (RFC 5176 section 3.5); 503 is "no such session".
    Nak(Option<u32>),
}

/// The request, ready to send.
pub(super) fn request(id: u8, whom: &Whom<'_>, secret: &[u8], now: Time) -> Vec<u8> {
    let mut packet = vec![DISCONNECT, id, 0, 0];
    packet.resize(HEAD, 0);
    put(&mut packet, USER_NAME, whom.user.as_bytes());
    put(&mut packet, CALLING_STATION_ID, whom.station.as_bytes());
    match whom.nas.parse::<std::net::Ipv4Addr>() {
        Ok(address) => put(&mut packet, NAS_IP_ADDRESS, &address.octets()),
        Err(_) => put(&mut packet, NAS_IDENTIFIER, whom.nas.as_bytes()),
    }
    put(&mut packet, EVENT_TIMESTAMP, &u32::try_from(now.as_unix_s()).unwrap_or(u32::MAX).to_be_bytes());
    let place = packet.len() + 2;
    put(&mut packet, MESSAGE_AUTHENTICATOR, &[0; 16]);
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX).to_be_bytes();
    packet[2..4].copy_from_slice(&length);
    let authenticator = keyed(secret, &packet);
    packet[place..place + 16].copy_from_slice(&authenticator);
    let head = hashed(&[&packet, secret]);
    packet[4..HEAD].copy_from_slice(&head);
    packet
}

/// Adds an attribute; an empty one is left out.
fn put(packet: &mut Vec<u8>, kind: u8, value: &[u8]) {
    let value = &value[..value.len().min(LONGEST_VALUE)];
    if let (false, Ok(length)) = (value.is_empty(), u8::try_from(value.len() + 2)) {
        packet.extend([kind, length]);
        packet.extend(value);
    }
}

/// Reads an answer to this request; nothing when it is not one, or does not authenticate.
pub(super) fn read(answer: &[u8], request: &[u8], secret: &[u8]) -> Option<Answer> {
    let length = usize::from(u16::from_be_bytes([*answer.get(2)?, *answer.get(3)?]));
    if answer[1] != *request.get(1)? || !(HEAD..=LARGEST).contains(&length) {
        return None;
    }
    let answer = answer.get(..length)?;
    let asked = request.get(4..HEAD)?;
    let expected = hashed(&[&answer[..4], asked, &answer[HEAD..], secret]);
    aws_lc_rs::constant_time::verify_slices_are_equal(&expected, &answer[4..HEAD]).ok()?;
    let (mut cause, mut at) = (None, HEAD);
    while at < length {
        let (kind, size) = (answer[at], usize::from(*answer.get(at + 1)?));
        let value = answer.get(at + 2..at + size.max(2)).filter(|_| size >= 2)?;
        match kind {
            ERROR_CAUSE => cause = Some(u32::from_be_bytes(value.try_into().ok()?)),
            MESSAGE_AUTHENTICATOR => {
                let mut zeroed = answer.to_vec();
                zeroed[4..HEAD].copy_from_slice(asked);
                zeroed.get_mut(at + 2..at + 18)?.fill(0);
                aws_lc_rs::constant_time::verify_slices_are_equal(&keyed(secret, &zeroed), value).ok()?;
            }
            _ => {}
        }
        at += size;
    }
    match answer[0] {
        ACK => Some(Answer::Ack),
        NAK => Some(Answer::Nak(cause)),
        _ => None,
    }
}

fn hashed(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

fn keyed(secret: &[u8], packet: &[u8]) -> [u8; 16] {
    // HMAC takes a key of any length (RFC 2104 section 2), so this cannot fail.
    let Ok(mut mac) = hmac::Hmac::<Md5>::new_from_slice(secret) else { return [0; 16] };
    mac.update(packet);
    mac.finalize().into_bytes().into()
}

#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_answer(data: &[u8]) {
    let whom = Whom { user: "pump", station: "02-00", nas: "ap" };
    let _ = read(data, &request(1, &whom, b"secret", Time::default()), b"secret");
}

#[cfg(test)]
mod tests;
