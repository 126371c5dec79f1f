//! How bytes come to the disk and leave it: whole after a power loss at any moment, with a place to die before each step.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{Flush, SealedError};
use crate::fault::Fault;

/// How the disk is treated. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) flush: Flush,
    pub(crate) fault: Fault,
}

impl Disk {
    /// Puts a file in place of another at once: beside it, flushed, renamed over it, folder flushed.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), SealedError> {
        let beside = beside(path);
        self.fault.effect()?;
        let written = self.write_beside(&beside, bytes);
        if let Err(error) = written {
            if !matches!(error, SealedError::Killed(_)) {
                let _ = std::fs::remove_file(&beside);
            }
            return Err(error);
        }
        self.fault.effect()?;
        std::fs::rename(&beside, path).map_err(SealedError::io("putting in place", path))?;
        self.fault.effect()?;
        self.flush_folder(path)
    }

    fn write_beside(&self, beside: &Path, bytes: &[u8]) -> Result<(), SealedError> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(beside)
            .map_err(SealedError::io("making", beside))?;
        self.write_in_halves(&mut file, beside, bytes)
    }

    /// Writes and flushes, with a place to die in the middle.
    pub(super) fn write_in_halves(&self, file: &mut File, path: &Path, bytes: &[u8]) -> Result<(), SealedError> {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        file.write_all(first).map_err(SealedError::io("writing", path))?;
        self.fault.effect()?;
        file.write_all(second).map_err(SealedError::io("writing", path))?;
        self.fault.effect()?;
        match self.flush {
            Flush::Always => file.sync_data().map_err(SealedError::io("flushing", path)),
            Flush::Never => Ok(()),
        }
    }

    pub(super) fn flush_folder(&self, path: &Path) -> Result<(), SealedError> {
        let Some(folder) = path.parent().filter(|_| self.flush == Flush::Always) else { return Ok(()) };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(SealedError::io("flushing the folder of", path))
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), SealedError> {
        self.fault.effect()?;
        match std::fs::remove_file(path) {
            Ok(()) => self.flush_folder(path),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(SealedError::io("removing", path)(error)),
        }
    }

    /// Overwrites a file, and what a torn [`Disk::replace`] may have left beside it, with random bytes, has them written to
    /// the disk, and unlinks it. A flash disk may keep the old blocks until it reuses them; that is why everything that
    /// matters is sealed, and why a TPM is better.
    pub(crate) fn shred(&self, path: &Path) -> Result<(), SealedError> {
        for path in [&beside(path), path] {
            let mut file = match OpenOptions::new().write(true).open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(SealedError::io("opening", path)(error)),
            };
            let length = file.metadata().map_err(SealedError::io("looking at", path))?.len();
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX).min(LARGEST_SECRET)];
            // Without randomness zeros do as well.
            let _ = aws_lc_rs::rand::fill(&mut bytes);
            self.write_in_halves(&mut file, path, &bytes)?;
            self.remove(path)?;
        }
        Ok(())
    }
}

/// The largest secret that is overwritten: keys and codes are far smaller.
const LARGEST_SECRET: usize = 64 * 1024;

/// Where a file is written before it takes another's place.
fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    PathBuf::from(beside)
}
