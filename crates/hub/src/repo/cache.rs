//! What thousands of pumps ask for in the same minute, kept in memory.
//!
//! Versioned metadata and artifacts never change under their name, so a copy is good until it is pushed out. Only
//! `timestamp.json` and the question whether a next root exists are asked of the database each time, because they change.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hyper::body::Bytes;
use wardline_model::Digest;
use wardline_store::{Store, StoreError};

/// The most bytes kept: a handful of the largest drug libraries.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The longest metadata name looked up; ours are under 40 characters.
const LONGEST_NAME: usize = 96;

/// The cache.
#[derive(Debug, Default)]
pub struct Cache {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    files: BTreeMap<String, Bytes>,
    bytes: usize,
}

impl Kept {
    /// Drops everything when it is full: the next minute brings back what is really asked for.
    fn keep(&mut self, name: String, bytes: &Bytes) {
        if bytes.len() > MOST_BYTES {
            return;
        }
        if self.bytes + bytes.len() > MOST_BYTES {
            self.files.clear();
            self.bytes = 0;
        }
        self.bytes += bytes.len();
        self.files.insert(name, bytes.clone());
    }
}

impl Cache {
    fn get(&self, name: &str) -> Option<Bytes> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).files.get(name).cloned()
    }

    fn put(&self, name: String, bytes: &Bytes) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).keep(name, bytes);
    }

    /// A metadata file by its exact name.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn metadata(&self, store: &Store, name: &str) -> Result<Option<Bytes>, StoreError> {
        if name.len() > LONGEST_NAME {
            return Ok(None);
        }
        if let Some(bytes) = self.get(name) {
            return Ok(Some(bytes));
        }
        let found = store.metadata(name).await?.map(Bytes::from);
        if let Some(bytes) = found.as_ref().filter(|_| name != "timestamp.json") {
            self.put(name.to_owned(), bytes);
        }
        Ok(found)
    }

    /// An artifact by its digest.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn artifact(&self, store: &Store, digest: &Digest) -> Result<Option<Bytes>, StoreError> {
        let name = digest.to_string();
        if let Some(bytes) = self.get(&name) {
            return Ok(Some(bytes));
        }
        let found = store.artifact(digest).await?.map(Bytes::from);
        if let Some(bytes) = &found {
            self.put(name, bytes);
        }
        Ok(found)
    }
}
