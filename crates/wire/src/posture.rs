//! What is signed when a pump states its posture.

use wardline_model::PumpId;

use crate::link::Posture;

/// Tells these bytes from everything else that the key may sign.
const DOMAIN: &[u8] = b"wardline posture 1\n";

/// The bytes that the signature of a [`Posture`] is over: the domain, the pump's 16 bytes, the nonce with its length in one
/// byte, moment and generation in eight bytes each (big endian), one byte for settled, and the agent's version.
#[must_use]
pub fn signed_bytes(pump: PumpId, posture: &Posture) -> Vec<u8> {
    let length = u8::try_from(posture.nonce.len()).unwrap_or(u8::MAX);
    let mut bytes = DOMAIN.to_vec();
    bytes.extend(pump.as_bytes());
    bytes.push(length);
    bytes.extend(posture.nonce.iter().take(usize::from(length)));
    bytes.extend(posture.at.to_be_bytes());
    bytes.extend(posture.generation.to_be_bytes());
    bytes.push(u8::from(posture.settled));
    bytes.extend(posture.agent.as_bytes());
    bytes
}
