//! An append-only file of sealed records.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `WLJ1` |
//! | 16 | the file's random id: its key is derived from it, so a file made anew never repeats a key |
//! | then, per record: 4 | length of the sealed record, big-endian |
//! | 8 | its number, big-endian, counting from 0 without gaps |
//! | 12 | nonce |
//! | length | AES-256-GCM over the record, tag at the end; the number and the length are authenticated with it |
//!
//! A record is there when it is whole and opens; the first one that does not ends the journal, and the file is cut
//! there, because what was torn by a power loss was never reported as written. Nonces are random and not the number: a
//! torn record's number is used again, and a nonce must never be. No file is held open between two calls, so that
//! thousands of pumps fit into one process.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

use super::{SealedError, Sealing, TAG};

const MAGIC: &[u8; 4] = b"WLJ1";
const ID: usize = 16;
const HEADER: usize = MAGIC.len() + ID;
const RECORD_HEADER: usize = 4 + 8 + NONCE_LEN;

/// The longest record: an event is below 1 KiB, a slot's journal entry likewise, with room to spare.
pub const LONGEST_RECORD: usize = 64 * 1024;

/// A journal that is open for appending.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    sealing: Sealing,
    id: [u8; ID],
    next: u64,
    end: u64,
}

/// What was found when a journal was opened.
#[derive(Debug)]
pub struct Opened {
    /// The journal, ready to append.
    pub journal: Journal,
    /// Every whole record, oldest first.
    pub records: Vec<Vec<u8>>,
    /// How many bytes after the last whole record were cut off; not zero after a power loss in the middle of a write.
    pub torn_bytes: u64,
}

impl Journal {
    /// Opens the journal at `path`, or makes an empty one.
    ///
    /// # Errors
    /// [`SealedError::Forged`] when the file is longer than its header and its first record does not open although it
    /// is whole: that is another device's journal, not a torn one. [`SealedError::Io`], [`SealedError::Full`].
    pub fn open(path: &Path, sealing: &Sealing) -> Result<Opened, SealedError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(SealedError::io("reading", path)(error)),
        };
        if bytes.len() < HEADER || &bytes[..MAGIC.len()] != MAGIC {
            // Only a power loss during the very first creation leaves less than a header, and only where the file
            // system renames before it writes; nothing was ever reported as written then.
            if bytes.len() >= HEADER {
                return Err(SealedError::Forged { path: path.to_owned() });
            }
            let journal = Self::made_anew(path, sealing, &[])?;
            return Ok(Opened { journal, records: Vec::new(), torn_bytes: bytes.len() as u64 });
        }
        let mut journal = Self {
            path: path.to_owned(),
            sealing: sealing.clone(),
            id: bytes[MAGIC.len()..HEADER].try_into().expect("sixteen bytes"),
            next: 0,
            end: HEADER as u64,
        };
        let records = journal.read_records(&bytes);
        if journal.next == 0 && first_record_is_whole(&bytes) {
            return Err(SealedError::Forged { path: path.to_owned() });
        }
        let torn_bytes = bytes.len() as u64 - journal.end;
        if torn_bytes > 0 {
            journal.cut()?;
        }
        Ok(Opened { journal, records, torn_bytes })
    }

    /// How long the file is, in bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.end
    }

    /// Appends records. When this returns, all of them are on the disk; when it fails, none of them is there.
    ///
    /// # Errors
    /// [`SealedError::Full`], [`SealedError::Io`].
    pub fn append<'a>(&mut self, records: impl IntoIterator<Item = &'a [u8]>) -> Result<(), SealedError> {
        let key = self.key();
        let mut bytes = Vec::new();
        let mut next = self.next;
        for record in records {
            seal(&key, &self.id, next, record, &mut bytes).map_err(|()| self.too_long())?;
            next += 1;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.write(&bytes) {
            if !matches!(error, SealedError::Killed(_)) {
                // If even this fails, the next `write` cuts before it writes.
                let _ = self.cut();
            }
            return Err(error);
        }
        self.end += bytes.len() as u64;
        self.next = next;
        Ok(())
    }

    /// Puts a journal that holds just these records in its place, at once: how a journal forgets.
    ///
    /// # Errors
    /// [`SealedError::Full`], [`SealedError::Io`]; the journal is as it was then.
    pub fn replace<'a>(&mut self, records: impl IntoIterator<Item = &'a [u8]>) -> Result<(), SealedError> {
        let records: Vec<&[u8]> = records.into_iter().collect();
        *self = Self::made_anew(&self.path, &self.sealing, &records)?;
        Ok(())
    }

    fn made_anew(path: &Path, sealing: &Sealing, records: &[&[u8]]) -> Result<Self, SealedError> {
        let mut id = [0u8; ID];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| SealedError::Io {
            doing: "making",
            path: path.to_owned(),
            source: std::io::Error::other("the system's random source failed"),
        })?;
        let mut journal = Self { path: path.to_owned(), sealing: sealing.clone(), id, next: 0, end: 0 };
        let key = journal.key();
        let mut bytes = [&MAGIC[..], &id[..]].concat();
        for record in records {
            seal(&key, &id, journal.next, record, &mut bytes).map_err(|()| journal.too_long())?;
            journal.next += 1;
        }
        sealing.disk.replace(path, &bytes)?;
        journal.end = bytes.len() as u64;
        Ok(journal)
    }

    /// Reads every whole record after the header and moves `next` and `end` behind the last one.
    fn read_records(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let key = self.key();
        let mut records = Vec::new();
        let mut rest = &bytes[HEADER..];
        while let Some((record, length)) = unseal(&key, &self.id, self.next, rest) {
            records.push(record);
            rest = &rest[length..];
            self.next += 1;
            self.end += length as u64;
        }
        records
    }

    fn write(&self, bytes: &[u8]) -> Result<(), SealedError> {
        self.sealing.disk.fault.effect()?;
        let mut file = self.open_file()?;
        let length = file.metadata().map_err(SealedError::io("looking at", &self.path))?.len();
        if length > self.end {
            file.set_len(self.end).map_err(SealedError::io("cutting", &self.path))?;
        }
        file.seek(SeekFrom::Start(self.end)).map_err(SealedError::io("seeking in", &self.path))?;
        self.sealing.disk.write_in_halves(&mut file, &self.path, bytes)?;
        Ok(self.sealing.disk.fault.effect()?)
    }

    /// Cuts off what is behind the last whole record.
    fn cut(&self) -> Result<(), SealedError> {
        let file = self.open_file()?;
        file.set_len(self.end).and_then(|()| file.sync_data()).map_err(SealedError::io("cutting", &self.path))
    }

    fn open_file(&self) -> Result<File, SealedError> {
        OpenOptions::new().write(true).open(&self.path).map_err(SealedError::io("opening", &self.path))
    }

    fn key(&self) -> RandomizedNonceKey {
        self.sealing.derived(&self.id)
    }

    fn too_long(&self) -> SealedError {
        SealedError::Io {
            doing: "appending to",
            path: self.path.clone(),
            source: std::io::Error::other(format!("a record is longer than {LONGEST_RECORD} bytes")),
        }
    }
}

fn authenticated(id: &[u8; ID], number: u64, length: u32) -> [u8; ID + 12] {
    let mut all = [0; ID + 12];
    all[..ID].copy_from_slice(id);
    all[ID..ID + 8].copy_from_slice(&number.to_be_bytes());
    all[ID + 8..].copy_from_slice(&length.to_be_bytes());
    all
}

fn seal(key: &RandomizedNonceKey, id: &[u8; ID], number: u64, record: &[u8], to: &mut Vec<u8>) -> Result<(), ()> {
    if record.len() > LONGEST_RECORD {
        return Err(());
    }
    let length = (record.len() + TAG) as u32;
    let mut sealed = record.to_vec();
    let nonce =
        key.seal_in_place_append_tag(Aad::from(authenticated(id, number, length)), &mut sealed).map_err(|_| ())?;
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(&number.to_be_bytes());
    to.extend_from_slice(nonce.as_ref());
    to.append(&mut sealed);
    Ok(())
}

/// The record at the front of `bytes` and how many bytes it takes, if it is whole, opens, and has this number.
fn unseal(key: &RandomizedNonceKey, id: &[u8; ID], number: u64, bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let header = bytes.get(..RECORD_HEADER)?;
    let length = u32::from_be_bytes(header[..4].try_into().ok()?);
    let sealed = bytes.get(RECORD_HEADER..RECORD_HEADER.checked_add(length as usize)?)?;
    let nonce = Nonce::try_assume_unique_for_key(&header[12..]).ok()?;
    let mut record = sealed.to_vec();
    let plain = key.open_in_place(nonce, Aad::from(authenticated(id, number, length)), &mut record).ok()?.len();
    record.truncate(plain);
    Some((record, RECORD_HEADER + length as usize))
}

/// Whether the first record has all the bytes that it announces and more follow: such a record was not torn, so it must
/// open.
fn first_record_is_whole(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(HEADER..HEADER + RECORD_HEADER) else { return false };
    let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
    let whole = (TAG..=LONGEST_RECORD + TAG).contains(&length);
    let followed = bytes.len() > HEADER + RECORD_HEADER + length;
    whole && followed && header[4..12] == [0; 8]
}
