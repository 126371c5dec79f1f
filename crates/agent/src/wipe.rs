//! The end of a pump's life, on the pump: destroy the key first, then everything else, and say so.
//!
//! | step, as written down before it begins | what is done then |
//! |---|---|
//! | begun | the device key is destroyed: its half in the TPM, then its file, overwritten |
//! | key destroyed | every other file of the state folder is removed, and a one-time code that is still there |
//! | files gone | the witness signs that it is done, and is forgotten |
//! | told | the receipt is handed to the hub until the hub has it |
//! | received | nothing. The pump belongs to nobody until a person says `wardline-agent begin-again` |
//!
//! Power may be lost at any moment: at the next start the agent goes on where it was, before anything else. A step that
//! was half done is done again.
//!
//! It never touches therapy (N8). Nothing is asked of the therapy controller and nothing of it is removed: the infusion
//! goes on with the library that the controller holds, as it would if the network were gone. So a wipe does not wait for an
//! infusion to end. From then on nobody sits at the agent's end of the controller's port, which the controller never
//! waits for (N1).

mod notes;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use tokio::time::sleep;
use wardline_model::{Digest, Time, covers};
use wardline_release::key::PublicKey;
use wardline_release::wipe::{Done, Intent, KeyPlace, assemble};
use zeroize::Zeroizing;

use crate::aside::aside;
use crate::clock::now;
use crate::config::{Config, Enrolment, Keys};
use crate::fault::{Fault, Killed};
use crate::identity::{Failed, Farewell, Kept, KeyHome, Pace, hand_in, sign_farewell};
use crate::sealed::{Device, Disk, SealedError};

pub(crate) use notes::{FILE, Notes, Stage};

/// Names that are not removed: the lock is held, and the notes are what the wipe goes on from.
const STAY: [&str; 2] = ["lock", FILE];

/// The most files that are looked at: far more than an agent keeps, so that a strange folder costs no more than this.
const MOST_FILES: usize = 10_000;

/// Writes down that the wipe has begun. From then on it goes on to its end, whatever happens.
pub(crate) fn begin(
    config: &Config,
    disk: &Disk,
    kept: &Kept,
    home: &KeyHome,
    farewell: &Farewell,
    events: u64,
) -> Result<(), Failed> {
    covers!("N14");
    let text = |error: SealedError| Failed::new(error.to_string());
    let no_witness = || Failed::new("no witness key could be made: the system's random source failed");
    let witness = Ed25519KeyPair::generate().map_err(|_| no_witness())?;
    let secret = witness.to_pkcs8v1().map_err(|_| no_witness())?;
    let public = witness.public_key().as_ref().try_into().ok();
    let files = files(&config.state).map_err(text)?;
    let mut intent = Intent {
        pump: farewell.order.pump,
        nonce: farewell.order.nonce,
        ending: farewell.order.ending,
        certificate: Digest::from_bytes([0; 32]),
        keys: KeyPlace::Software,
        files: files.len() as u64,
        bytes: files.iter().map(|path| std::fs::symlink_metadata(path).map_or(0, |data| data.len())).sum(),
        names: files.iter().map(|path| name_in(&config.state, path)).collect(),
        events,
        witness: public.and_then(PublicKey::from_bytes).ok_or_else(no_witness)?,
        at: now(),
    };
    let by_pump = sign_farewell(kept, home, &farewell.order, &mut intent)?;
    let notes = Notes::begun(&intent, &by_pump, secret.as_ref(), &farewell.roots);
    notes.keep(&config.state, disk).map_err(text)
}

/// Whether a wipe has begun on this state folder, and how far it is.
pub(crate) fn begun(state: &Path) -> Result<Option<Notes>, SealedError> {
    Notes::read(state)
}

/// Goes on with a wipe until it is done and the hub has the receipt, and then stays idle until `stop`.
pub(crate) async fn carry_out(
    config: &Config,
    fault: Fault,
    mut stop: Pin<&mut impl Future<Output = ()>>,
    tell: impl Fn(&str),
) -> Result<(), SealedError> {
    covers!("N1", "N8", "N14");
    let disk = Disk { flush: config.flush, fault };
    let mut pace = Pace::default();
    loop {
        let Some(notes) = Notes::read(&config.state)? else { return Ok(()) };
        tell(&notes.sentence());
        let is_slow = matches!(config.keys, Keys::Tpm2 { .. });
        let step = if notes.stage == Stage::Received {
            stop.as_mut().await;
            return Ok(());
        } else {
            Box::pin(aside(is_slow, next(config.clone(), disk.clone(), notes)))
        };
        let done = tokio::select! {
            () = stop.as_mut() => return Ok(()),
            done = step => done,
        };
        match done {
            Ok(()) => pace = Pace::default(),
            Err(Trouble::Killed(killed)) => return Err(killed.into()),
            Err(Trouble::Other(why, retry_after_s)) => {
                pace.failed(retry_after_s);
                tracing::error!(%why, "the wipe is not done yet; it will be tried again");
                tokio::select! {
                    () = stop.as_mut() => return Ok(()),
                    () = sleep(pace.wait(u64::MAX / 2).max(AT_LEAST)) => {}
                }
            }
        }
    }
}

/// The shortest wait after something did not work.
const AT_LEAST: Duration = Duration::from_millis(500);

/// Why a step is not done.
enum Trouble {
    Killed(Killed),
    Other(String, Option<u64>),
}

impl From<SealedError> for Trouble {
    fn from(error: SealedError) -> Self {
        match error {
            SealedError::Killed(killed) => Self::Killed(killed),
            error => Self::Other(error.to_string(), None),
        }
    }
}

impl From<Failed> for Trouble {
    fn from(failed: Failed) -> Self {
        Self::Other(failed.why, failed.retry_after_s)
    }
}

/// One step, written down when it is done.
async fn next(config: Config, disk: Disk, mut notes: Notes) -> Result<(), Trouble> {
    match notes.stage {
        Stage::Begun => {
            let device = Device::new(&config.device_key_path(), &config.keys, disk.flush, disk.fault.clone())?;
            notes.key = Some(device.destroy()?.into());
            notes.stage = Stage::KeyDestroyed;
        }
        Stage::KeyDestroyed => {
            if let Enrolment::CodeFile { file, .. } = &config.enrolment {
                disk.shred(file)?;
            }
            notes.left = remove_all(&config.state, &disk)?;
            notes.stage = Stage::FilesGone;
        }
        Stage::FilesGone => {
            notes.receipt = Some(sign(&notes)?);
            notes.forget_witness();
            notes.stage = Stage::Told;
        }
        Stage::Told => {
            let receipt = notes.receipt.clone().unwrap_or_default().into_bytes();
            let roots = notes.roots()?;
            disk.fault.effect().map_err(Trouble::Killed)?;
            hand_in(&config.hub.est, &config.hub.name, &roots, receipt).await?;
            notes.stage = Stage::Received;
        }
        Stage::Received => return Ok(()),
    }
    Ok(notes.keep(&config.state, &disk)?)
}

/// The whole receipt, with the witness's signature.
fn sign(notes: &Notes) -> Result<String, Failed> {
    let (intent, by_pump, witness) = notes.statement()?;
    let witness = Zeroizing::new(witness);
    let pair = Ed25519KeyPair::from_pkcs8(&witness).map_err(|_| Failed::new("the witness key cannot be read"))?;
    let key = notes.key.ok_or_else(|| Failed::new("the notes do not say how the key went"))?.into();
    let done = Done { key, left: notes.left, at: now().max(Time::from_unix_ms(intent.at.as_unix_ms())) };
    let by_witness = pair.sign(&done.to_canonical(&intent));
    let receipt = assemble(&intent, &by_pump, &done, by_witness.as_ref());
    String::from_utf8(receipt).map_err(|_| Failed::new("the receipt could not be written"))
}

/// Everything in the folder that is to go. Links are taken for themselves and not followed.
fn files(state: &Path) -> Result<Vec<PathBuf>, SealedError> {
    let (mut found, mut folders) = (Vec::new(), vec![state.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(SealedError::io("listing", &folder))?;
        for entry in entries {
            let entry = entry.map_err(SealedError::io("listing", &folder))?;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder {
                folders.push(entry.path());
            } else if folder != state || !STAY.iter().any(|name| entry.file_name() == *name) {
                found.push(entry.path());
            }
            if found.len() >= MOST_FILES {
                return Ok(found);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn name_in(state: &Path, path: &Path) -> String {
    path.strip_prefix(state).unwrap_or(path).to_string_lossy().into_owned()
}

/// Removes them, and the folders that are empty then. Says how many could not be removed.
fn remove_all(state: &Path, disk: &Disk) -> Result<u64, SealedError> {
    let mut left = 0;
    for path in files(state)? {
        match disk.remove(&path) {
            Ok(()) => {}
            Err(SealedError::Killed(killed)) => return Err(killed.into()),
            Err(error) => {
                tracing::error!(%error, "a file could not be removed; what it holds opens no more");
                left += 1;
            }
        }
    }
    let folders = std::fs::read_dir(state).map_err(SealedError::io("listing", state))?;
    for folder in folders.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        disk.fault.effect()?;
        let _ = std::fs::remove_dir_all(folder.path());
    }
    Ok(left)
}

/// Lets a pump that was wiped begin again as a new one.
///
/// # Errors
/// A sentence that says what to do.
pub fn begin_again(state: &Path) -> Result<(), String> {
    let notes = begun(state).map_err(|error| error.to_string())?;
    let notes = notes.ok_or("this pump was not wiped; there is nothing to begin again")?;
    if notes.stage != Stage::Received {
        return Err(format!("{}. Let the agent run until the hub has the receipt", notes.sentence()));
    }
    std::fs::remove_file(state.join(FILE)).map_err(|error| format!("{}: {error}", state.join(FILE).display()))
}
