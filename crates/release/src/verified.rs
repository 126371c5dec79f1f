//! The proof that something was verified, as a type that only this crate can make.

use core::ops::Deref;

/// A `T` whose signatures, thresholds and digests were checked. Only the verifiers of this crate can build one, so a
/// function that takes it cannot be handed something unchecked. It is not serialisable on purpose: bytes that come back
/// from a disk are verified again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub(crate) const fn proven(value: T) -> Self {
        Self(value)
    }

    /// The value, without its proof.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}
