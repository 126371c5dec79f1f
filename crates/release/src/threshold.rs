//! The one check of signatures that everything uses.
//!
//! A threshold counts different keys, twice over: the same key id may sign once, and the same public key under two ids
//! counts once. Otherwise one pharmacist with a copied key would be two.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::key::PublicKey;
use crate::refused::Why;
use wardline_model::covers;

/// A signature as metadata carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The id of the key that made it.
    pub key_id: String,
    /// 64 bytes of Ed25519, or nonsense.
    pub bytes: Vec<u8>,
}

/// Who may sign for a role, and how many of them must.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signers {
    /// The ids of the keys that count.
    pub key_ids: BTreeSet<String>,
    /// How many different keys must have signed; never zero.
    pub threshold: u32,
}

/// The keys that a role's ids speak of. Keys of kinds that this crate cannot check are absent, so they never count.
pub type Keys = BTreeMap<String, PublicKey>;

/// Checks that enough different keys signed exactly these bytes.
///
/// # Errors
/// [`Why::Signatures`] with how many there were and how many were needed.
pub fn check(signed: &[u8], signatures: &[Signature], signers: &Signers, keys: &Keys) -> Result<(), Why> {
    covers!("N13", "N4");
    let mut counted: BTreeSet<&[u8; 32]> = BTreeSet::new();
    for signature in signatures.iter().filter(|s| signers.key_ids.contains(&s.key_id)) {
        let Some(key) = keys.get(&signature.key_id) else { continue };
        if !counted.contains(key.as_bytes()) && key.verifies(signed, &signature.bytes) {
            counted.insert(key.as_bytes());
        }
    }
    let have = u32::try_from(counted.len()).unwrap_or(u32::MAX);
    if signers.threshold == 0 || have < signers.threshold {
        return Err(Why::Signatures { have, need: signers.threshold.max(1) });
    }
    Ok(())
}
