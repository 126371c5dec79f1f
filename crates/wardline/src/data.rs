//! The data folder: what lies where, and that only one program works in it at a time.
//!
//! ```text
//! wardline-data/
//!   hub/      the hub's database, keys and configuration
//!   people/   demonstration only: the offline keys of two invented pharmacists, which the hub never reads
//!   pumps/    demonstration only: what the simulated pumps' agents keep
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Where `init`, `serve` and `demo` keep everything unless told otherwise.
pub const DEFAULT: &str = "wardline-data";

/// A data folder.
#[derive(Clone, Debug)]
pub struct DataFolder {
    root: PathBuf,
}

/// A held lock; dropping it gives the folder free.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl DataFolder {
    /// The folder at this path, whether or not it exists.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The hub's part.
    pub fn hub(&self) -> PathBuf {
        self.root.join("hub")
    }

    /// The demonstration's invented people.
    pub fn people(&self) -> PathBuf {
        self.root.join("people")
    }

    /// The demonstration's pumps.
    pub fn pumps(&self) -> PathBuf {
        self.root.join("pumps")
    }

    /// Makes the folder and its parts, readable by their owner only.
    pub fn create(&self) -> anyhow::Result<()> {
        for folder in [&self.root, &self.hub(), &self.people(), &self.pumps()] {
            private_folder(folder)?;
        }
        Ok(())
    }

    /// Takes the folder for this program alone.
    pub fn lock(&self) -> anyhow::Result<Lock> {
        let path = self.root.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => bail!(
                "{} is in use by another wardline: stop it first, or name another folder with --data",
                self.root.display()
            ),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
    }
}

/// Makes a folder that only its owner may enter; one that exists must be like that already.
pub fn private_folder(path: &Path) -> anyhow::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let mode = fs::metadata(path).with_context(|| format!("cannot look at {}", path.display()))?;
            if mode.permissions().mode() & 0o077 != 0 {
                bail!("{0} can be read by others: run `chmod 700 {0}`", path.display());
            }
            Ok(())
        }
        Err(error) => Err(error).with_context(|| format!("cannot make the folder {}", path.display())),
    }
}

/// Writes a file that only its owner may read, whole or not at all.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let doing = || format!("cannot write {}", path.display());
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).with_context(doing)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(doing)?;
    fs::rename(&beside, path).with_context(doing)
}
