//! The pump's disk as a thief sees it: a raw image that is searched byte by byte.
//!
//! Where the test may mount (it is root), the state folder lies on an ext4 file system of its own in a file, and what is
//! searched is that file while it is not mounted: every block, those of removed files included. Elsewhere it is only the
//! files that are left, one after the other, and the test says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How large the file system is. A pump's state takes less than one of them.
const SIZE: u64 = 16 * 1024 * 1024;

/// A disk with one folder on it.
pub struct Disk {
    folder: PathBuf,
    image: Option<PathBuf>,
}

fn is_done(program: &str, arguments: &[&Path]) -> bool {
    let command = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    command.is_ok_and(|status| status.success())
}

impl Disk {
    /// An empty disk in this folder, mounted.
    pub fn new(within: &Path) -> Self {
        let (folder, image) = (within.join("disk"), within.join("disk.ext4"));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::File::create(&image).expect("room").set_len(SIZE).expect("room");
        let quiet = Path::new("-q");
        let is_made = ["mkfs.ext4", "/usr/sbin/mkfs.ext4"].iter().any(|mkfs| is_done(mkfs, &[quiet, &image]));
        let mut this = Self { folder, image: Some(image) };
        if !is_made || !this.mount() {
            eprintln!("no file system can be mounted here: the files that are left are searched, not their old blocks");
            this.image = None;
        }
        this
    }

    fn mount(&self) -> bool {
        let Some(image) = &self.image else { return true };
        is_done("mount", &[Path::new("-o"), Path::new("loop"), image, &self.folder])
    }

    fn unmount(&self) {
        if self.image.is_some() {
            assert!(is_done("umount", &[&self.folder]), "the pump's disk is still in use");
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every byte of it, after everything was written out. Nobody may use it meanwhile.
    pub fn bytes(&self) -> Vec<u8> {
        let Some(image) = &self.image else { return files(&self.folder) };
        self.unmount();
        let bytes = std::fs::read(image).expect("the image");
        assert!(self.mount(), "mounted again");
        bytes
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.image.is_some() {
            let _ = is_done("umount", &[&self.folder]);
        }
    }
}

fn files(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        bytes.extend_from_slice(path.to_string_lossy().as_bytes());
        bytes.extend(if path.is_dir() { files(&path) } else { std::fs::read(&path).expect("a file") });
    }
    bytes
}

/// Copies a folder, as a thief does who comes back later.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (path, copied) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &copied);
        } else {
            std::fs::copy(&path, &copied).expect("copied");
        }
    }
}
