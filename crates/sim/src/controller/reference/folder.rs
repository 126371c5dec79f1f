//! What the controller keeps on its disk, whole after a power loss at any write.
//!
//! | file | what it is |
//! |---|---|
//! | `kept.json` | one record: the pinned root, the floors, and which library is current, previous and staged |
//! | `pointer.json` | the library that therapy reads; moving it is the switch |
//! | `releases/<digest>` | verified artifacts |
//!
//! Every file is written beside its place, flushed and renamed, so that a reader sees the old or the new and never a
//! mixture (N6). Root and floors lie in one record, so that neither can be newer than the other; and they are written
//! before the verdict on an offer is said, so that the pointer never reads what was accepted under forgotten floors (N13).

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wardline_agent::sealed::Flush;
use wardline_library::{MAX_ARTIFACT_BYTES, digest_of};
use wardline_model::{Kind, ReleaseRef, covers};
use wardline_release::therapy::Floors;

use super::super::machine::{Pointer, Shelf};

/// The largest small file that is read: the longest root (512,000 bytes), written as text in JSON, and some.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

/// The record as it lies on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    root: Pinned,
    floors: Floors,
    shelf: OnShelf,
}

/// What became of the root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Pinned {
    /// None was pinned yet.
    #[default]
    Never,
    /// This one, as it was signed.
    Root(String),
    /// There was a record that could not be read. Nothing is believed until a person commissions the pump again: a root
    /// that was pinned now might be an old one, and the floors are gone.
    Lost,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnShelf {
    current: Option<ReleaseRef>,
    previous: Option<ReleaseRef>,
    staged: Option<ReleaseRef>,
    floor: Option<ReleaseRef>,
}

/// What offers are measured against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// The pinned root.
    pub root: Option<Vec<u8>>,
    /// What is too old.
    pub floors: Floors,
}

/// The folder of one controller.
#[derive(Clone, Debug)]
pub struct Folder {
    place: PathBuf,
    flush: Flush,
    room: Cell<Room>,
}

/// Whether there is room on the disk: a simulated disk can be full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Room {
    /// As much as is needed.
    #[default]
    Enough,
    /// For this many writes; the one after them is cut in the middle. It stands for power that goes, too, when whoever
    /// tests it forgets the pump then.
    For(u32),
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
        Ok(Self { place: place.to_owned(), flush, room: Cell::new(Room::Enough) })
    }

    /// Fills the disk, or makes room.
    pub const fn set_room(&mut self, room: Room) {
        self.room = Cell::new(room);
    }

    /// The pinned root and the floors.
    #[must_use]
    pub fn trusted(&self) -> Trusted {
        let Kept { root, floors, .. } = self.kept();
        let root = match root {
            Pinned::Root(text) => Some(text.into_bytes()),
            Pinned::Never | Pinned::Lost => None,
        };
        Trusted { root, floors }
    }

    /// Pins a first root. Where one is pinned already, or was lost, nothing changes.
    ///
    /// # Errors
    /// What the system said.
    pub fn pin_first(&self, root: &[u8]) -> io::Result<()> {
        match self.kept() {
            kept @ Kept { root: Pinned::Never, .. } => self.keep(&Kept { root: text(root)?, ..kept }),
            Kept { root: Pinned::Root(_) | Pinned::Lost, .. } => Ok(()),
        }
    }

    /// Keeps what an accepted offer leads to: floors, and with a newer root that too.
    ///
    /// # Errors
    /// What the system said; the old ones stay then, and the offer must not be accepted.
    pub fn keep_trusted(&self, new_root: Option<&[u8]>, floors: &Floors) -> io::Result<()> {
        covers!("N13");
        let kept = self.kept();
        let root = new_root.map_or(Ok(kept.root), text)?;
        self.keep(&Kept { root, floors: floors.clone(), shelf: kept.shelf })
    }

    /// The shelf. One that cannot be read is an empty one: the pointer still says what is current.
    #[must_use]
    pub fn shelf(&self) -> Shelf {
        let OnShelf { current, previous, staged, floor } = self.kept().shelf;
        Shelf { current, previous, staged, floor }
    }

    /// Replaces the shelf, and throws away artifacts that nothing on it names.
    ///
    /// # Errors
    /// What the system said; the old shelf stays then.
    pub fn keep_shelf(&self, shelf: Shelf) -> io::Result<()> {
        let Shelf { current, previous, staged, floor } = shelf;
        let mut kept = Kept { shelf: OnShelf { current, previous, staged, floor }, ..self.kept() };
        kept.floors.release = kept.floors.release.max(floor.map(|floor| floor.version).unwrap_or_default());
        self.keep(&kept)?;
        self.throw_away([current, previous, staged, floor, self.pointed()]);
        Ok(())
    }

    fn kept(&self) -> Kept {
        let path = self.place.join("kept.json");
        // Whether it is there decides: a file that cannot be looked at is one that cannot be read.
        if matches!(path.try_exists(), Ok(false)) {
            return Kept::default();
        }
        let read = self.small("kept.json").and_then(|bytes| serde_json::from_slice(&bytes).ok());
        read.unwrap_or_else(|| Kept { root: Pinned::Lost, ..Kept::default() })
    }

    fn keep(&self, kept: &Kept) -> io::Result<()> {
        let bytes = serde_json::to_vec(kept).map_err(io::Error::other)?;
        self.replace(&self.place.join("kept.json"), &bytes)
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
        let beside = path.with_extension("new");
        match self.room.get() {
            Room::Enough => {}
            Room::For(0) => {
                self.room.set(Room::None);
                fs::write(&beside, &bytes[..bytes.len() / 2])?;
                return Err(io::ErrorKind::StorageFull.into());
            }
            Room::For(writes) => self.room.set(Room::For(writes - 1)),
            Room::None => return Err(io::ErrorKind::StorageFull.into()),
        }
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

/// Signed metadata is JSON, so it is text.
fn text(root: &[u8]) -> io::Result<Pinned> {
    String::from_utf8(root.to_vec()).map(Pinned::Root).map_err(io::Error::other)
}
