//! The life of one agent on its state folder: lock it, finish a wipe that has begun, open it, work, and wipe it when the
//! hub orders that.

use std::fs::File;
use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::sleep;
use wardline_model::covers;

use super::{Daemon, DaemonError, Ended, Known, status};
use crate::aside::aside;
use crate::config::{Config, Keys};
use crate::controller::Place;
use crate::fault::Fault;
use crate::sealed::{SealedError, Sealing};
use crate::wipe;

/// How long after a TPM did not open the state folder it is asked again, at first …
const AGAIN: Duration = Duration::from_secs(2);

/// … and at most: a technician who has seen to it stands beside the pump.
const AGAIN_AT_MOST: Duration = Duration::from_secs(60);

/// Whether the certificate is renewed at its time or at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Renewal {
    WhenDue,
    AtOnce,
}

/// Lives until `stop`.
pub(super) async fn live(
    config: Config,
    controller: Place,
    fault: Fault,
    known: Option<Known>,
    renewal: Renewal,
    stop: impl Future<Output = ()>,
) -> Result<(), DaemonError> {
    let mut stop = pin!(stop);
    // Held for as long as the agent lives, so that no second one works on the same folder.
    let _lock = lock(&config)?;
    // What a pump whose identity was given to it would wipe is not its own.
    if wipe::begun(&config.state)?.is_none() {
        let Some(sealing) = opened(&config, &fault, stop.as_mut()).await? else { return Ok(()) };
        let mut daemon = Daemon::start(config.clone(), controller, sealing, known)?;
        if renewal == Renewal::AtOnce {
            daemon.identity.renew_now();
        }
        if daemon.work(stop.as_mut()).await? == Ended::Stopped {
            return Ok(());
        }
    }
    let tell = |sentence: &str| {
        tracing::warn!("{sentence}");
        status::Writer::new(&config).link(None, sentence);
    };
    match Box::pin(wipe::carry_out(&config, fault, stop, tell)).await {
        Err(SealedError::Killed(killed)) => Err(killed.into()),
        done => Ok(done?),
    }
}

/// Opens the state folder. A TPM that cannot be reached, or is locked, is asked again for as long as it takes: meanwhile
/// there is no link, and therapy does not know of any of this (N1).
async fn opened(
    config: &Config,
    fault: &Fault,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<Option<Sealing>, DaemonError> {
    covers!("N1");
    let is_slow = matches!(config.keys, Keys::Tpm2 { .. });
    let mut wait = AGAIN;
    loop {
        let (of, fault) = (config.clone(), fault.clone());
        match aside(is_slow, async move { Sealing::of(&of, fault) }).await {
            Ok(sealing) => return Ok(Some(sealing)),
            Err(error) if error.may_heal() => {
                tracing::error!(%error, again_in_s = wait.as_secs(), "the state folder does not open yet; there is no link");
                status::Writer::new(config).link(None, &error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
        tokio::select! {
            () = stop.as_mut() => return Ok(None),
            () = sleep(wait) => wait = (wait * 2).min(AGAIN_AT_MOST),
        }
    }
}

pub(super) fn lock(config: &Config) -> Result<File, DaemonError> {
    let io = |source| SealedError::Io { doing: "making", path: config.state.clone(), source };
    // Nobody else on the pump has business here.
    let mut folder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(folder.recursive(true), 0o700).create(&config.state).map_err(io)?;
    let lock = File::create(config.state.join("lock")).map_err(io)?;
    lock.try_lock().map_err(|_| DaemonError::InUse(config.state.display().to_string()))?;
    Ok(lock)
}
