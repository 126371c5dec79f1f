//! What the controller keeps on its disk, whole after a power loss at any write.
//!
//! | file | what it is |
//! |---|---|
//! | `root.json` | the newest root that the controller pins |
//! | `shelf.json` | which library is current, previous and staged, and the floor |
//! | `pointer.json` | the library that therapy reads; moving it is the switch |
//! | `releases/<digest>` | verified artifacts |
//!
//! Every file is written beside its place, flushed and renamed, so that a reader sees the old or the new and never a
//! mixture (N6).

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wardline_agent::sealed::Flush;
use wardline_library::{MAX_ARTIFACT_BYTES, digest_of};
use wardline_model::{Kind, ReleaseRef, covers};

use super::super::machine::{Pointer, Shelf};

/// The largest small file that is read: a root with many keys is far below it.
const LARGEST_FILE: u64 = 1024 * 1024;

/// The shelf as it lies on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    current: Option<ReleaseRef>,
    previous: Option<ReleaseRef>,
    staged: Option<ReleaseRef>,
    floor: Option<ReleaseRef>,
}

/// The folder of one controller.
#[derive(Clone, Debug)]
pub struct Folder {
    place: PathBuf,
    flush: Flush,
    room: Room,
}

/// Whether there is room on the disk: a simulated disk can be full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Room {
    /// As much as is needed.
    #[default]
    Enough,
    /// None: every write fails.
    None,
}

impl Folder {
    /// Opens or makes the folder.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(place: &Path, flush: Flush) -> io::Result<Self> {
        fs::create_dir_all(place.join("releases"))?;
        Ok(Self { place: place.to_owned(), flush, room: Room::Enough })
    }

    /// Fills the disk, or makes room.
    pub const fn set_room(&mut self, room: Room) {
        self.room = room;
    }

    /// The pinned root's bytes.
    #[must_use]
    pub fn root(&self) -> Option<Vec<u8>> {
        self.small("root.json")
    }

    /// Pins a root.
    ///
    /// # Errors
    /// What the system said; the old root stays then.
    pub fn pin_root(&self, root: &[u8]) -> io::Result<()> {
        self.replace(&self.place.join("root.json"), root)
    }

    /// The shelf. A shelf that cannot be read is an empty one: the
    /// pointer still says what is current.
    #[must_use]
    pub fn shelf(&self) -> Shelf {
        let kept: Kept =
            self.small("shelf.json").and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let Kept { current, previous, staged, floor } = kept;
        Shelf { current, previous, staged, floor }
    }

    /// Replaces the shelf, and throws away artifacts that nothing on it names.
    ///
    /// # Errors
    /// What the system said; the old shelf stays then.
    pub fn keep_shelf(&self, shelf: Shelf) -> io::Result<()> {
        let Shelf { current, previous, staged, floor } = shelf;
        let kept = Kept { current, previous, staged, floor };
        let bytes = serde_json::to_vec(&kept).map_err(io::Error::other)?;
        self.replace(&self.place.join("shelf.json"), &bytes)?;
        self.throw_away([current, previous, staged, floor, self.pointed()]);
        Ok(())
    }

    /// What lies where therapy reads its library, its digest computed again.
    #[must_use]
    pub fn pointer(&self) -> Pointer {
        covers!("N4", "N6");
        if !self.place.join("pointer.json").exists() {
            return Pointer::Empty;
        }
        match self.pointed() {
            Some(release) if self.release(&release).is_some() => Pointer::Whole(release),
            Some(_) | None => Pointer::Torn,
        }
    }

    /// Makes therapy read this release. The artifact must be here, whole.
    ///
    /// # Errors
    /// What the system said, or that the artifact is not here; the old pointer stays then.
    pub fn move_pointer(&self, to: &ReleaseRef) -> io::Result<()> {
        covers!("N6");
        if self.release(to).is_none() {
            return Err(io::Error::other("the release is not kept here whole"));
        }
        let bytes = serde_json::to_vec(to).map_err(io::Error::other)?;
        self.replace(&self.place.join("pointer.json"), &bytes)
    }

    /// Keeps a verified artifact.
    ///
    /// # Errors
    /// What the system said.
    pub fn keep_release(&self, release: &ReleaseRef, artifact: &[u8]) -> io::Result<()> {
        self.replace(&self.artifact(release), artifact)
    }

    /// The artifact's bytes, if they are exactly this release.
    #[must_use]
    pub fn release(&self, release: &ReleaseRef) -> Option<Vec<u8>> {
        covers!("N4");
        if release.kind != Kind::DrugLibrary || release.length > MAX_ARTIFACT_BYTES as u64 {
            return None;
        }
        let path = self.artifact(release);
        if fs::metadata(&path).ok()?.len() != release.length {
            return None;
        }
        fs::read(path).ok().filter(|bytes| digest_of(bytes) == release.digest)
    }

    fn pointed(&self) -> Option<ReleaseRef> {
        self.small("pointer.json").and_then(|bytes| serde_json::from_slice(&bytes).ok())
    }

    fn artifact(&self, release: &ReleaseRef) -> PathBuf {
        self.place.join("releases").join(release.digest.to_string())
    }

    fn small(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.place.join(name);
        if fs::metadata(&path).ok()?.len() > LARGEST_FILE {
            return None;
        }
        fs::read(path).ok()
    }

    fn throw_away(&self, wanted: [Option<ReleaseRef>; 5]) {
        let names: Vec<String> = wanted.iter().flatten().map(|release| release.digest.to_string()).collect();
        let Ok(files) = fs::read_dir(self.place.join("releases")) else { return };
        for file in files.flatten() {
            if !names.iter().any(|name| file.file_name().to_string_lossy() == name.as_str()) {
                // A file that cannot be removed only takes room; the next time will try again.
                let _ = fs::remove_file(file.path());
            }
        }
    }

    /// Writes beside, flushes, renames.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if self.room == Room::None {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let beside = path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        if self.flush == Flush::Always {
            file.sync_all()?;
        }
        drop(file);
        fs::rename(&beside, path)?;
        if self.flush == Flush::Always
            && let Some(folder) = path.parent()
        {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}
