//! An offer on its way in: parts in order, never more bytes than were announced, nothing believed yet.

use wardline_model::ReleaseRef;
use wardline_wire::{Part, limits};

/// Everything that is needed to verify a release alone.
#[derive(Debug)]
pub struct Offer {
    /// The release that it claims to be.
    pub release: ReleaseRef,
    parts: Vec<(Part, u64, Vec<u8>)>,
    at: usize,
}

/// Why an offer's bytes do not fit what was announced. The connection is closed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an offer's parts do not come as announced")]
pub struct Astray;

impl Offer {
    /// An announced offer, no bytes yet.
    ///
    /// # Errors
    /// [`Astray`] when a part is announced longer than its kind may be.
    pub fn begin(release: ReleaseRef, parts: Vec<(Part, u64)>) -> Result<Self, Astray> {
        if parts.len() > limits::OFFER_ROOTS + 3 || parts.iter().any(|(part, length)| *length > part.longest()) {
            return Err(Astray);
        }
        let parts = parts.into_iter().map(|(part, length)| (part, length, Vec::new())).collect();
        Ok(Self { release, parts, at: 0 })
    }

    /// The next bytes.
    ///
    /// # Errors
    /// [`Astray`] when they are out of order or more than announced.
    pub fn take(&mut self, index: u32, bytes: &[u8]) -> Result<(), Astray> {
        let index = index as usize;
        while self.at < index && self.is_full(self.at) {
            self.at += 1;
        }
        if self.at != index {
            return Err(Astray);
        }
        let (_, length, have) = self.parts.get_mut(index).ok_or(Astray)?;
        if (have.len() + bytes.len()) as u64 > *length {
            return Err(Astray);
        }
        have.extend_from_slice(bytes);
        Ok(())
    }

    /// Whether every part is whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        (0..self.parts.len()).all(|at| self.is_full(at))
    }

    /// The roots, oldest first.
    pub fn roots(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().filter(|(part, _, _)| *part == Part::Root).map(|(_, _, bytes)| bytes.as_slice())
    }

    /// The one part of this kind; `None` when it is missing or there twice.
    #[must_use]
    pub fn only(&self, wanted: Part) -> Option<&[u8]> {
        let mut found = self.parts.iter().filter(|(part, _, _)| *part == wanted);
        match (found.next(), found.next()) {
            (Some((_, _, bytes)), None) => Some(bytes),
            (Some(_), Some(_)) | (None, _) => None,
        }
    }

    fn is_full(&self, at: usize) -> bool {
        self.parts.get(at).is_some_and(|(_, length, have)| have.len() as u64 == *length)
    }
}
