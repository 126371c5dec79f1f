//! Why something about a certificate failed, in words that name the thing.

use std::string::String;

use crate::strict::Fault;

/// A failure of this crate. `what` always names the thing in the reader's words, such as "certificate request".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PkiError {
    /// More bytes than the named limit allows.
    #[error("the {what} is {size} bytes long; at most {limit} are accepted")]
    TooLarge {
        /// The thing.
        what: &'static str,
        /// How long it was, bytes.
        size: usize,
        /// The limit, bytes.
        limit: usize,
    },
    /// The bytes are not what they should be.
    #[error("the {what} cannot be read: {why}")]
    Malformed {
        /// The thing.
        what: &'static str,
        /// What was wrong with it.
        why: String,
    },
    /// A signature that does not verify.
    #[error("the signature on the {0} does not verify")]
    Signature(&'static str),
    /// A certificate that a strict reader refuses.
    #[error(transparent)]
    Strict(#[from] Fault),
    /// The CA cannot issue what was asked.
    #[error("cannot issue: {0}")]
    Refused(&'static str),
    /// A key that is not here (in an HSM) cannot be used now.
    #[error("{0}")]
    Elsewhere(String),
    /// A signed certificate does not say what was approved: it is thrown away.
    #[error(
        "a new certificate does not say what was approved ({0}); it was thrown away. This is a fault of Wardline or of \
         the device that holds the authority's key"
    )]
    NotAsApproved(&'static str),
    /// The crypto library failed (out of memory, broken random source).
    #[error("the crypto library failed while {0}")]
    Crypto(&'static str),
}

impl PkiError {
    pub(crate) fn malformed(what: &'static str, why: impl core::fmt::Display) -> Self {
        Self::Malformed { what, why: why.to_string() }
    }
}
