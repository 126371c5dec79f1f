//! The folder of what was verified, one file a role, and of downloads that are not finished.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use wardline_model::Digest;
use wardline_release::client::Stored;

use super::FetchError;

/// The longest metadata file that is read back.
const LONGEST: u64 = wardline_release::limits::MAX_TARGETS_BYTES;

pub(super) struct Folder {
    path: PathBuf,
}

/// A download that may go on.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    have: u64,
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> FetchError + '_ {
    move |source| FetchError::Folder { path: path.to_owned(), source }
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    fn file(&self, role: &str) -> PathBuf {
        self.path.join(format!("{role}.json"))
    }

    /// The kept file of a role. Role names come from verified metadata, but a path separator in one gets nothing.
    pub(super) fn role(&self, role: &str) -> Option<Vec<u8>> {
        read(&self.file(plain(role)?))
    }

    /// Everything kept, by role.
    pub(super) fn all(&self) -> Stored {
        let Ok(entries) = fs::read_dir(&self.path) else { return Stored::new() };
        let role = |path: PathBuf| {
            let name = path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned();
            Some((name, read(&path)?))
        };
        entries.flatten().filter_map(|entry| role(entry.path())).collect()
    }

    /// Replaces a role's file as a whole: a power cut leaves the old or the new.
    pub(super) fn write(&self, role: &str, bytes: &[u8]) -> Result<(), FetchError> {
        let Some(role) = plain(role) else { return Ok(()) };
        fs::create_dir_all(&self.path).map_err(failed(&self.path))?;
        let (path, new) = (self.file(role), self.path.join(format!("{role}.new")));
        let mut file = File::create(&new).map_err(failed(&new))?;
        file.write_all(bytes).and_then(|()| file.sync_data()).map_err(failed(&new))?;
        fs::rename(&new, &path).map_err(failed(&path))
    }

    pub(super) fn remove(&self, role: &str) -> Result<(), FetchError> {
        let Some(role) = plain(role) else { return Ok(()) };
        let path = self.file(role);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&path)(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The unfinished download of an artifact; others are thrown away, because a pump fetches one at a time.
    pub(super) fn part(&self, digest: &Digest, length: u64) -> Result<Part, FetchError> {
        fs::create_dir_all(&self.path).map_err(failed(&self.path))?;
        let path = self.path.join(format!("{digest}.part"));
        for entry in fs::read_dir(&self.path).map_err(failed(&self.path))?.flatten() {
            let other = entry.path();
            if other.extension().is_some_and(|e| e == "part") && other != path {
                fs::remove_file(&other).map_err(failed(&other))?;
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed(&path))?;
        let have = file.metadata().map_err(failed(&path))?.len();
        if have > length {
            file.set_len(0).map_err(failed(&path))?;
        }
        Ok(Part { path, file, have: if have > length { 0 } else { have } })
    }
}

impl Part {
    /// How many bytes there are already.
    pub(super) const fn have(&self) -> u64 {
        self.have
    }

    /// Starts over: the server does not give ranges.
    pub(super) fn restart(&mut self) -> Result<(), FetchError> {
        self.file.set_len(0).map_err(failed(&self.path))?;
        self.have = 0;
        Ok(())
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        self.file.write_all(bytes).map_err(failed(&self.path))?;
        self.have += bytes.len() as u64;
        Ok(())
    }

    /// The whole artifact. The file goes: what was refused must not be resumed, and what was good is staged elsewhere.
    pub(super) fn finish(self) -> Result<Vec<u8>, FetchError> {
        let bytes = fs::read(&self.path).map_err(failed(&self.path))?;
        fs::remove_file(&self.path).map_err(failed(&self.path))?;
        Ok(bytes)
    }
}

fn plain(role: &str) -> Option<&str> {
    let is_plain = !role.is_empty()
        && role.len() <= 64
        && role.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !role.starts_with('.');
    is_plain.then_some(role)
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let file = File::open(path).ok()?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= LONGEST).then_some(bytes)
}
