//! Parsed drug libraries, shared by all controllers of one process.
//!
//! A real pump parses its own; thousands of simulated ones with the same library need it in memory once. The bytes are
//! still read and hashed by each controller from its own disk; only the result of parsing equal bytes is shared.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use wardline_library::Library;
use wardline_model::Digest;

/// A library and its rendered sample.
#[derive(Debug)]
pub struct Book {
    /// The library.
    pub library: Library,
    /// The artifact's digest.
    pub digest: Digest,
    /// The rendered sample, its digest as the seed.
    pub sample: String,
}

/// All books that somebody holds.
#[derive(Debug, Default)]
pub struct Books {
    open: Mutex<BTreeMap<Digest, Weak<Book>>>,
}

impl Books {
    /// The library in these bytes, whose digest the caller computed. `None` when they are no library.
    pub fn open(&self, digest: Digest, bytes: &[u8]) -> Option<Arc<Book>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(book) = open.get(&digest).and_then(Weak::upgrade) {
            return Some(book);
        }
        let library = Library::from_canonical_bytes(bytes).ok()?;
        let sample = library.sample_text(&digest);
        let book = Arc::new(Book { library, digest, sample });
        open.retain(|_, book| book.strong_count() > 0);
        open.insert(digest, Arc::downgrade(&book));
        Some(book)
    }
}
