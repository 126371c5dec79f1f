//! Worlds by fingerprint, so that a search keeps 16 bytes of each instead of the whole.
//!
//! A fingerprint is the first half of SHA-256 over everything that two worlds can differ in. Two of `n` different worlds
//! share one with a chance of about n² / 2¹²⁹: with the two million worlds that a search may visit at most, 6 in 10²⁷.
//! A shared one would hide a world, never invent a broken invariant.

use std::hash::{Hash, Hasher};

/// 128 bits that stand for one world.
pub type Fingerprint = u128;

/// Collects what is hashed, so that a real digest can be taken of it.
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        // Never asked: the digest is taken of the bytes.
        0
    }
}

/// The fingerprint of a value: equal values have equal ones.
pub fn of(value: &impl Hash) -> Fingerprint {
    let mut bytes = Bytes(Vec::with_capacity(4_096));
    value.hash(&mut bytes);
    let digest = wardline_release::sha256(&bytes.0);
    let mut half = [0; 16];
    half.copy_from_slice(&digest.as_bytes()[..16]);
    u128::from_be_bytes(half)
}
