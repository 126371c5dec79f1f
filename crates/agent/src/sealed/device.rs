//! The device key: what every sealed file of this pump opens with, and what it is bound to.
//!
//! | chosen in the configuration | the file holds | the rest of the key |
//! |---|---|---|
//! | `software` | 32 random bytes | what tells this machine from others, such as `/etc/machine-id`: a state folder that was copied away opens nowhere else. Who takes the whole disk has both |
//! | `tpm2` | 32 random bytes | 32 random bytes in the TPM's own memory: the disk opens nowhere but here |
//! | (a file of exactly 32 bytes) | the whole key | nothing: a maker's own secure element put it there |
//!
//! Destroying it destroys everything that was ever sealed with it: in the TPM first, then on the disk.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::hkdf;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use wardline_release::wipe::Gone;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Disk, Flush, KEY, SealedError, Sealing};
use crate::config::Keys;
use crate::fault::Fault;
use crate::tpm::{Tpm, TpmError};

/// The largest file that is read as one that tells machines apart: an id, a serial number.
const LARGEST_BINDING: u64 = 4096;

/// Where machines are told apart when the configuration does not say: those of these that exist when the key is made. The
/// second is a device tree's, on embedded boards.
const BINDINGS: [&str; 2] = ["/etc/machine-id", "/proc/device-tree/serial-number"];

/// The only version that was ever written.
const VERSION: u32 = 1;

/// What the file holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    /// Base64. Secret.
    secret: String,
    bound_to: BoundTo,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum BoundTo {
    Machine(Vec<PathBuf>),
    Tpm2 { nv_index: u32 },
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// The device key's file and what belongs to it.
pub(crate) struct Device {
    path: PathBuf,
    keys: Keys,
    tpm: Option<Arc<Tpm>>,
    disk: Disk,
}

impl Device {
    pub(crate) fn new(path: &Path, keys: &Keys, flush: Flush, fault: Fault) -> Result<Self, SealedError> {
        let tpm = keys.tpm().map_err(SealedError::io("reading the TPM's password for", path))?;
        Ok(Self { path: path.to_owned(), keys: keys.clone(), tpm, disk: Disk { flush, fault } })
    }

    /// Reads the key, or makes it when there is none.
    pub(crate) fn open(&self) -> Result<Sealing, SealedError> {
        let key = match std::fs::read(&self.path).map(Zeroizing::new) {
            Ok(bytes) => self.whole(&bytes)?,
            Err(error) if error.kind() == ErrorKind::NotFound => self.make()?,
            Err(error) => return Err(SealedError::io("reading the key", &self.path)(error)),
        };
        Ok(Sealing { key: Arc::new(key), tpm: self.tpm.clone(), disk: self.disk.clone() })
    }

    fn make(&self) -> Result<Zeroizing<[u8; KEY]>, SealedError> {
        let secret = self.random()?;
        let bound_to = match &self.keys {
            Keys::Software { bind_to: Some(paths) } => BoundTo::Machine(paths.clone()),
            Keys::Software { bind_to: None } => {
                let there = BINDINGS.map(PathBuf::from).into_iter().filter(|path| binding(path).is_ok());
                BoundTo::Machine(there.collect())
            }
            Keys::Tpm2 { nv_index, .. } => BoundTo::Tpm2 { nv_index: nv_index.0 },
        };
        let stored = Stored { version: VERSION, secret: STANDARD.encode(&secret[..]), bound_to };
        let bytes = Zeroizing::new(serde_json::to_vec(&stored).expect("text and numbers only"));
        // On the disk first: when power goes now, the other half is made at the next start.
        self.disk.replace(&self.path, &bytes)?;
        self.derived(&secret, &stored.bound_to)
    }

    fn random(&self) -> Result<Zeroizing<[u8; KEY]>, SealedError> {
        let mut bytes = Zeroizing::new([0; KEY]);
        aws_lc_rs::rand::fill(&mut bytes[..]).map_err(|_| SealedError::Io {
            doing: "making the key of",
            path: self.path.clone(),
            source: std::io::Error::other("the system's random source failed"),
        })?;
        Ok(bytes)
    }

    /// The key from what its file holds.
    fn whole(&self, bytes: &[u8]) -> Result<Zeroizing<[u8; KEY]>, SealedError> {
        if let Ok(whole) = <[u8; KEY]>::try_from(bytes) {
            return Ok(Zeroizing::new(whole));
        }
        let (secret, bound_to) = stored(bytes).ok_or_else(|| SealedError::Forged { path: self.path.clone() })?;
        self.derived(&secret, &bound_to)
    }

    fn derived(&self, secret: &[u8; KEY], bound_to: &BoundTo) -> Result<Zeroizing<[u8; KEY]>, SealedError> {
        match (bound_to, &self.keys, &self.tpm) {
            (BoundTo::Machine(paths), Keys::Software { .. }, _) => {
                let mut parts = Zeroizing::new(Vec::new());
                for path in paths {
                    let told = binding(path).map_err(|source| SealedError::Elsewhere { path: path.clone(), source })?;
                    parts.extend_from_slice(&(told.len() as u64).to_be_bytes());
                    parts.extend_from_slice(&told);
                }
                Ok(mixed(secret, &parts, b"wardline device key 1 machine"))
            }
            (BoundTo::Tpm2 { nv_index }, Keys::Tpm2 { .. }, Some(tpm)) => {
                let password = mixed(secret, &[], b"wardline device key 1 index");
                let theirs = match tpm.secret(*nv_index, &password[..])? {
                    Some(theirs) => theirs,
                    // Nothing was ever sealed with this key yet: power was lost while it was made.
                    None if self.is_fresh() => {
                        let theirs = self.random()?;
                        self.disk.fault.effect()?;
                        tpm.keep_secret(*nv_index, &password[..], &theirs)?;
                        self.disk.fault.effect()?;
                        theirs
                    }
                    None => return Err(TpmError::NoSecret { index: *nv_index }.into()),
                };
                Ok(mixed(secret, &theirs[..], b"wardline device key 1 tpm2"))
            }
            (BoundTo::Machine(_) | BoundTo::Tpm2 { .. }, Keys::Software { .. } | Keys::Tpm2 { .. }, _) => {
                Err(SealedError::OtherKeys { path: self.path.clone() })
            }
        }
    }

    /// Whether nothing that this key sealed lies beside it.
    fn is_fresh(&self) -> bool {
        let Some(folder) = self.path.parent() else { return false };
        ["identity", "events", "slots", "trust"].iter().all(|name| !folder.join(name).exists())
    }

    /// Destroys the key for good: what the TPM holds, then the file, overwritten before it is unlinked. May be repeated
    /// after a power loss at any point. It needs neither a key that opens nor a file that is there.
    pub(crate) fn destroy(&self) -> Result<Gone, SealedError> {
        let bytes = match std::fs::read(&self.path).map(Zeroizing::new) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(SealedError::io("reading the key", &self.path)(error)),
        };
        let in_file = bytes.as_deref().and_then(|bytes| stored(bytes)).map(|(_, bound_to)| bound_to);
        let index = match (in_file, &self.keys) {
            (Some(BoundTo::Tpm2 { nv_index }), _) => Some(nv_index),
            (None, Keys::Tpm2 { nv_index, .. }) => Some(nv_index.0),
            (Some(BoundTo::Machine(_)) | None, _) => None,
        };
        self.disk.fault.effect()?;
        let mut in_tpm = false;
        if let (Some(index), Some(tpm)) = (index, &self.tpm) {
            tpm.forget_secret(index)?;
            in_tpm = !tpm.has_index(index)?;
        }
        self.disk.fault.effect()?;
        self.disk.shred(&self.path)?;
        Ok(if in_tpm { Gone::FromTpmAndDisk } else { Gone::FromDisk })
    }
}

fn stored(bytes: &[u8]) -> Option<(Zeroizing<[u8; KEY]>, BoundTo)> {
    let stored: Stored = serde_json::from_slice(bytes).ok()?;
    if stored.version != VERSION {
        return None;
    }
    let secret = Zeroizing::new(STANDARD.decode(&stored.secret).ok()?);
    Some((Zeroizing::new(secret.as_slice().try_into().ok()?), stored.bound_to.clone()))
}

/// What one file tells of this machine.
fn binding(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut told = Vec::new();
    let file = std::fs::File::open(path)?;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, LARGEST_BINDING), &mut told)?;
    if told.iter().all(u8::is_ascii_whitespace) {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(told)
}

/// HKDF-SHA256 (RFC 5869) of a secret with something else as salt.
fn mixed(secret: &[u8; KEY], with: &[u8], purpose: &[u8]) -> Zeroizing<[u8; KEY]> {
    let mut key = Zeroizing::new([0; KEY]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, with)
        .extract(secret)
        .expand(&[purpose], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key[..]))
        .expect("32 bytes are within what HKDF gives");
    key
}
