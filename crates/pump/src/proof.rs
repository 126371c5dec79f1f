//! The proof that a goal's signature was checked.

/// A `T` that a verifier passed. The agent makes one only from the signed bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// To be called by the code that checked the signature, and by nobody else.
    pub const fn from_verifier(value: T) -> Self {
        Self(value)
    }

    /// The value, without its proof.
    pub fn into_inner(self) -> T {
        self.0
    }
}
