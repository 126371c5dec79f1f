//! Makers' PKCS#11 libraries, each loaded and initialized once per process and never unloaded: several of them leave
//! threads and exit functions behind that must not lose their code.
//!
//! PKCS#11 allows many threads at once, but nobody may be inside while the library is taken down to look for tokens
//! again. So users hold the lock for reading and that holds it for writing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};

use super::HsmError;

/// How often a library looks for tokens at most. A network HSM's library takes a second for it and is not to be asked by
/// every pump that waits.
const EVERY: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Loaded {
    library: Pkcs11,
    looked: Instant,
}

static LOADED: RwLock<BTreeMap<PathBuf, Loaded>> = RwLock::new(BTreeMap::new());

/// Does something with a library, loading it first if nobody did.
pub(super) fn using<T>(path: &Path, work: impl FnOnce(&Pkcs11) -> Result<T, HsmError>) -> Result<T, HsmError> {
    loop {
        if let Some(loaded) = LOADED.read().unwrap_or_else(PoisonError::into_inner).get(path) {
            return work(&loaded.library);
        }
        let mut all = LOADED.write().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(path) {
            let wrong = |error: Error| HsmError::Library { path: path.to_owned(), why: error.to_string() };
            let library = Pkcs11::new(path).map_err(wrong)?;
            initialize(&library).map_err(|error| does_not_start(path, &error))?;
            all.insert(path.to_owned(), Loaded { library, looked: Instant::now() });
        }
    }
}

/// Lets a library look for tokens again, unless it did so a moment ago. Every session of it is gone afterwards. Says
/// whether it looked.
pub(super) fn look_again(path: &Path) -> Result<bool, HsmError> {
    let mut all = LOADED.write().unwrap_or_else(PoisonError::into_inner);
    let Some(loaded) = all.get_mut(path) else { return Ok(true) };
    if loaded.looked.elapsed() < EVERY {
        return Ok(false);
    }
    loaded.looked = Instant::now();
    match loaded.library.clone().finalize() {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiNotInitialized, _)) => {}
        Err(error) => return Err(does_not_start(path, &error)),
    }
    initialize(&loaded.library).map_err(|error| does_not_start(path, &error))?;
    Ok(true)
}

fn does_not_start(path: &Path, error: &Error) -> HsmError {
    HsmError::Start { path: path.to_owned(), why: error.to_string() }
}

fn initialize(library: &Pkcs11) -> Result<(), Error> {
    match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        Err(error) => Err(error),
    }
}
