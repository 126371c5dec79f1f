//! Where certificates and lists are signed: at once with a key in this process, on another thread with one in a device.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use wardline_model::Time;
use wardline_pki::{Approved, Authority, Cert, PkiError, Revoked};

/// The most threads that may wait for a device at a time. A network HSM answers in about 5 ms, so 8 make 1,600
/// signatures a second; a device that never answers holds no more threads than that.
const SEATS: usize = 8;

/// How long one signature may take, the wait for a seat included. A device that changes over to its twin takes a few
/// seconds; a pump waits for its certificate for 10.
const WITHIN: Duration = Duration::from_secs(8);

static DEVICE: Semaphore = Semaphore::const_new(SEATS);

/// Signs what a profile approved, under a fresh serial number.
///
/// # Errors
/// [`PkiError`]; [`PkiError::Elsewhere`] when the device that holds the key does not answer.
pub(crate) async fn sign(ca: &Arc<Authority>, approved: Approved, at: Time) -> Result<Cert, PkiError> {
    let serial = crate::server::serial()?;
    apart(ca, move |ca| ca.sign(&approved, &serial, at)).await
}

/// Signs a revocation list, as DER.
///
/// # Errors
/// As [`sign`].
pub(crate) async fn sign_crl(
    ca: &Arc<Authority>,
    number: u64,
    revoked: Vec<Revoked>,
    [at, next]: [Time; 2],
) -> Result<Vec<u8>, PkiError> {
    apart(ca, move |ca| ca.sign_crl(number, &revoked, at, next)).await
}

/// Whether the authority could sign now.
///
/// # Errors
/// [`PkiError::Elsewhere`] when the device does not answer.
pub(super) async fn check(ca: &Arc<Authority>) -> Result<(), PkiError> {
    apart(ca, |ca| ca.key().check()).await
}

async fn apart<T: Send + 'static>(
    ca: &Arc<Authority>,
    work: impl FnOnce(&Authority) -> Result<T, PkiError> + Send + 'static,
) -> Result<T, PkiError> {
    if !ca.key().is_elsewhere() {
        return work(ca);
    }
    let ca = Arc::clone(ca);
    let waiting = async move {
        let seat = DEVICE.acquire().await.map_err(|_| PkiError::Crypto("waiting for the device"))?;
        let done = tokio::task::spawn_blocking(move || {
            // Given back when the device has answered, however late: not when nobody waits any more.
            let _seat = seat;
            work(&ca)
        });
        done.await.map_err(|_| PkiError::Crypto("asking the device"))?
    };
    tokio::time::timeout(WITHIN, waiting).await.unwrap_or_else(|_| Err(PkiError::Elsewhere(SILENT.into())))
}

const SILENT: &str = "the device that holds the authority's key did not answer within 8 seconds; look at it with \
                      `wardline ca hsm check`";
