//! Encrypted files and the append-only journal, whole after a power loss at any byte.
//!
//! Everything that the agent keeps is sealed with AES-256-GCM under the device key, bound to the name that it is kept
//! under, so that neither reading, changing nor swapping files helps a thief, and destroying the key wipes the pump (A28).
//! What a call reported as done is on the disk (`fdatasync`), and a file is either the one before or the one after.
//!
//! What sealing cannot see: somebody who puts back an older copy of a whole file. What matters after such a rollback is
//! guarded elsewhere: the therapy controller keeps its own floor (N13), and the hub skips events that it has already.

mod device;
mod disk;
mod journal;
#[cfg(test)]
mod tests;

pub(crate) use device::Device;
pub(crate) use disk::Disk;
pub use journal::{Journal, Opened};

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey, UnboundKey};
use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

use crate::config::{Config, Keys};
use crate::fault::{Fault, Killed};
use crate::tpm::{Tpm, TpmError};

/// Bytes of the device key: AES-256.
const KEY: usize = 32;

/// Bytes of the GCM tag.
const TAG: usize = 16;

/// The largest whole file that is read back: a drug library of 16 MiB and what sealing adds.
const LARGEST_FILE: u64 = 17 * 1024 * 1024;

/// Why something could not be kept or read back.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// The disk is full. What was there before is still there.
    #[error("no room to write {path}: nothing was changed; it will be tried again")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Reading or writing failed.
    #[error("{doing} {path}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The content does not open under this device's key and name.
    #[error("{path} does not open with this device's key: it was changed, or it belongs to another device")]
    Forged {
        /// The file.
        path: PathBuf,
    },
    /// The key is bound to a machine, and this is another one.
    #[error(
        "{path}, which tells this machine from others, cannot be read ({source}): the state folder belongs to the machine \
         where it was made, and opens only there"
    )]
    Elsewhere {
        /// What it is bound to.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The key was made in the other way.
    #[error(
        "{path} was made with the other choice of \"keys\" (software or tpm2) than the configuration now says: choose as \
         before, or empty the state folder and enrol the pump anew"
    )]
    OtherKeys {
        /// The device key's file.
        path: PathBuf,
    },
    /// The TPM did not do it.
    #[error(transparent)]
    Tpm(#[from] TpmError),
    /// A test let the agent die here.
    #[error(transparent)]
    Killed(#[from] Killed),
}

impl SealedError {
    /// Whether trying again later may help without anybody's hand: a TPM that cannot be reached, or is locked or busy.
    #[must_use]
    pub const fn may_heal(&self) -> bool {
        matches!(self, Self::Tpm(TpmError::Gone { .. } | TpmError::Refused { .. } | TpmError::Garbled { .. }))
    }

    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Io { doing, path, source },
        }
    }
}

/// Whether a call waits until the bytes are on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flush {
    /// It does. The only choice for a pump.
    #[default]
    Always,
    /// It does not. Only for simulated pumps, of which thousands share one disk.
    Never,
}

/// The device's own key, and how the disk is treated. Cheap to clone.
#[derive(Clone)]
pub struct Sealing {
    key: Arc<Zeroizing<[u8; KEY]>>,
    tpm: Option<Arc<Tpm>>,
    disk: Disk,
}

impl std::fmt::Debug for Sealing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealing").field("disk", &self.disk).finish_non_exhaustive()
    }
}

impl Sealing {
    /// Opens the device key that a configuration names, or makes it when there is none. With a TPM this waits for the TPM.
    ///
    /// # Errors
    /// [`SealedError`], which says what to do; [`SealedError::may_heal`] tells whether it is worth trying again.
    pub fn of(config: &Config, fault: Fault) -> Result<Self, SealedError> {
        Device::new(&config.device_key_path(), &config.keys, config.flush, fault)?.open()
    }

    /// The same with a key in software: reads it from its file, or makes the key and the file (readable by its owner only)
    /// when there is none.
    ///
    /// # Errors
    /// As [`Sealing::of`].
    pub fn from_key_file(path: &Path, flush: Flush, fault: Fault) -> Result<Self, SealedError> {
        Device::new(path, &Keys::default(), flush, fault)?.open()
    }

    /// How the disk is treated.
    pub(crate) const fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The TPM that the key is bound to, if it is.
    pub(crate) const fn tpm(&self) -> Option<&Arc<Tpm>> {
        self.tpm.as_ref()
    }

    /// A password that comes from this key, for a purpose.
    pub(crate) fn password(&self, purpose: &[u8]) -> Zeroizing<[u8; KEY]> {
        let mut key = Zeroizing::new([0u8; KEY]);
        hkdf::Salt::new(hkdf::HKDF_SHA256, purpose)
            .extract(&self.key[..])
            .expand(&[b"wardline agent password 1"], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut key[..]))
            .expect("32 bytes are within what HKDF gives");
        key
    }

    /// The fault that a test set.
    #[must_use]
    pub const fn fault(&self) -> &Fault {
        &self.disk.fault
    }

    /// Keeps `content` at `path`: afterwards the file is whole and new, or as it was.
    ///
    /// # Errors
    /// [`SealedError::Full`] and [`SealedError::Io`]; what was there before is still there.
    pub fn write(&self, path: &Path, content: &[u8]) -> Result<(), SealedError> {
        let name = name_of(path);
        let mut bytes = content.to_vec();
        let nonce = self
            .key_for(&name)
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut bytes)
            .map_err(|_| SealedError::Forged { path: path.to_owned() })?;
        let mut file = Vec::with_capacity(NONCE_LEN + bytes.len());
        file.extend_from_slice(nonce.as_ref());
        file.append(&mut bytes);
        self.disk.replace(path, &file)
    }

    /// What was kept at `path`, or `None` when nothing was.
    ///
    /// # Errors
    /// [`SealedError::Forged`] when it does not open, [`SealedError::Io`].
    pub fn read(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, SealedError> {
        let forged = || SealedError::Forged { path: path.to_owned() };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SealedError::io("opening", path)(error)),
        };
        let mut bytes = Vec::new();
        file.take(LARGEST_FILE).read_to_end(&mut bytes).map_err(SealedError::io("reading", path))?;
        if bytes.len() < NONCE_LEN + TAG {
            return Err(forged());
        }
        let name = name_of(path);
        let nonce = Nonce::try_assume_unique_for_key(&bytes[..NONCE_LEN]).map_err(|_| forged())?;
        let mut sealed = bytes.split_off(NONCE_LEN);
        let length = self
            .key_for(&name)
            .open_in_place(nonce, Aad::from(name.as_bytes()), &mut sealed)
            .map_err(|_| forged())?
            .len();
        sealed.truncate(length);
        Ok(Some(Zeroizing::new(sealed)))
    }

    /// Removes what was kept at `path`, if anything.
    ///
    /// # Errors
    /// [`SealedError::Io`].
    pub fn remove(&self, path: &Path) -> Result<(), SealedError> {
        self.disk.remove(path)
    }

    /// A key of its own for every name: nonces drawn for one file say nothing about another.
    fn key_for(&self, name: &str) -> RandomizedNonceKey {
        self.derived(name.as_bytes())
    }

    fn derived(&self, salt: &[u8]) -> RandomizedNonceKey {
        let mut key = Zeroizing::new([0u8; KEY]);
        hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
            .extract(&self.key[..])
            .expand(&[b"wardline agent sealed 1"], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut key[..]))
            .expect("32 bytes are within what HKDF gives");
        debug_assert!(UnboundKey::new(&AES_256_GCM, &key[..]).is_ok());
        RandomizedNonceKey::new(&AES_256_GCM, &key[..]).expect("the key has 32 bytes")
    }
}

/// The name that a file is bound to: its own, without the folder, so that a whole state folder may move.
fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
