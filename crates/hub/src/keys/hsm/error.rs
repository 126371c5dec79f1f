//! Why a key in a token cannot be used, each with what to do.

use std::path::PathBuf;

use cryptoki::error::{Error, RvError};

/// Why a key in a token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HsmError {
    /// The library.
    #[error("the PKCS#11 library {path} cannot be used: {why}. Give the path of the maker's library in ca_key")]
    Library {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        why: String,
    },
    /// The library does not start.
    #[error("the PKCS#11 library {path} does not start: {why}. Look at its own configuration and its own log")]
    Start {
        /// The file.
        path: PathBuf,
        /// What it said.
        why: String,
    },
    /// The token is not there.
    #[error(
        "no token with the label {token:?} is there; plug it in or look at the HSM's network and its client's logs"
    )]
    NoToken {
        /// Its label.
        token: String,
    },
    /// Two with one label.
    #[error("two tokens have the label {token:?}; give one of them another label")]
    TwoTokens {
        /// Their label.
        token: String,
    },
    /// No such key.
    #[error("the token holds no P-256 key with the label {key:?}; make it with `wardline ca hsm init`")]
    NoKey {
        /// Its label.
        key: String,
    },
    /// Two with one label.
    #[error("the token holds two keys with the label {key:?}; remove or rename one of them")]
    TwoKeys {
        /// Their label.
        key: String,
    },
    /// No public half.
    #[error("the token holds no public key beside the private key {key:?}")]
    NoPublic {
        /// Its label.
        key: String,
    },
    /// Not a P-256 key.
    #[error("the key {key:?} is not a P-256 key")]
    Curve {
        /// Its label.
        key: String,
    },
    /// The key is not the certificate's.
    #[error(
        "the key {key:?} is another one than the authority's certificate names; restore the right one into the token"
    )]
    AnotherKey {
        /// Its label.
        key: String,
    },
    /// It was outside once, or may be taken out.
    #[error(
        "the key {key:?} was not made in this token or may be taken out of it, so it may be in other hands; choose another \
         label and let Wardline make a new key"
    )]
    Extractable {
        /// Its label.
        key: String,
    },
    /// The PIN cannot be read.
    #[error("{0}")]
    Pin(String),
    /// The token refused the PIN.
    #[error(
        "the token refused its PIN. It is not tried again until it was changed, because the token would lock itself; \
         correct it where ca_key says that it is"
    )]
    PinRefused,
    /// Locked.
    #[error("the token is locked after too many wrong PINs; its security officer must unlock it")]
    Locked,
    /// A signature of another length.
    #[error("the token answered with a signature of another length than 64 bytes")]
    Length,
    /// What the token said.
    #[error("the token does not work: {0}")]
    Token(Error),
}

/// What a login says. Somebody else of this process being logged in is as good.
pub(super) fn logged_in(said: Result<(), Error>) -> Result<(), HsmError> {
    match said {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
            Err(HsmError::PinRefused)
        }
        Err(Error::Pkcs11(RvError::PinLocked, _)) => Err(HsmError::Locked),
        Err(error) => Err(HsmError::Token(error)),
    }
}
