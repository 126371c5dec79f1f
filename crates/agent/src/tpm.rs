//! A TPM 2.0: the pump's signing keys are made in it and never leave it, and half of the device key lies in its memory.
//!
//! | what | where | without it |
//! |---|---|---|
//! | signing keys | made by the TPM (`fixedTPM`, `fixedParent`, `sensitiveDataOrigin`, sign only); outside lies only what this TPM can load, under a password that comes from the device key | nobody speaks as the pump |
//! | half of the device key | an NV index that opens with a password from the other half, on the disk | the state folder does not open |
//!
//! So a disk without its TPM opens nothing, a TPM without its disk signs nothing, and removing the index makes every copy of
//! the disk that was ever taken worthless (A28).
//!
//! What it cannot do: passwords and the half of the device key cross the bus to the TPM in the clear. Who solders wires to
//! that bus while the pump starts reads them; the signing keys they still do not get. A TPM that is in the processor
//! has no such bus.
//!
//! Everything here waits for the TPM, up to seconds. It is called off the loop that serves the therapy controller.

mod key;
mod memory;
mod port;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

pub(crate) use key::{Blob, TpmKey};
use port::Port;
pub use port::TpmPlace;
use wire::{Answer, Ask, command};

/// `TPM_RH_OWNER`: the hierarchy of whoever owns the device, here the pump's maker.
const OWNER: u32 = 0x4000_0001;

/// How often a TPM that says "not now" is asked again.
const TRIES: u32 = 6;

/// Why the TPM did not do it.
#[derive(Debug, thiserror::Error)]
pub enum TpmError {
    /// It cannot be reached.
    #[error("the TPM at {place} cannot be reached ({source}): is its driver loaded, and may this user open it?")]
    Gone {
        /// Where it should be.
        place: TpmPlace,
        /// What the system said.
        source: std::io::Error,
    },
    /// It said no.
    #[error("the TPM refused {doing}: {}", meaning(*.code))]
    Refused {
        /// What was asked.
        doing: &'static str,
        /// `TPM_RC`.
        code: u32,
    },
    /// What it said makes no sense.
    #[error("the TPM's answer to {doing} makes no sense; if it stays so, the TPM or its bus is faulty")]
    Garbled {
        /// What was asked.
        doing: &'static str,
    },
    /// It made a key that is not as it was asked to make it.
    #[error("the TPM made a key that is not as asked: {0}")]
    OtherKey(&'static str),
    /// The index is taken by something else.
    #[error(
        "the TPM's NV index {index:#010x} is in use and does not open with this pump's device key. If the state folder \
         that it belongs to is gone for good, remove it (tpm2_nvundefine -C o {index:#010x}); otherwise set another nv_index"
    )]
    Taken {
        /// The index.
        index: u32,
    },
    /// There is no secret in the TPM.
    #[error(
        "the TPM's NV index {index:#010x} holds no secret of this pump: it is another TPM, or it was cleared. The state \
         folder cannot be opened again; empty it to enrol the pump anew"
    )]
    NoSecret {
        /// The index.
        index: u32,
    },
}

/// What a refusal means, and what can be done. `TPM_RC` of part 2 section 6.6.
fn meaning(code: u32) -> String {
    let known = match base(code) {
        code::LOCKOUT => "it is locked after too many wrong passwords; it opens again by itself after a while",
        0x100 => "it was not started; the firmware or the driver must do that (TPM2_Startup)",
        code::INTEGRITY => "what it was given was made by another TPM, or was changed",
        code::BAD_AUTH | code::AUTH_FAIL => "the password is wrong (is owner_password_file right?)",
        0x14b => "its memory is full; remove an NV index that nobody needs",
        0x902 | 0x903 => "it has no room for another key; another program holds too many",
        0x920 | 0x923 => "its memory takes no more writes at the moment",
        0x922 | 0x908 | 0x90a => "it is busy",
        _ => return format!("code {code:#x}"),
    };
    format!("{known} (code {code:#x})")
}

/// The error without the number of the handle or parameter that it is about (format one, part 2 section 6.6.3).
const fn base(code: u32) -> u32 {
    if code & 0x80 == 0 { code } else { code & 0xbf }
}

mod code {
    pub(super) const LOCKOUT: u32 = 0x921;
    pub(super) const INTEGRITY: u32 = 0x9f;
    pub(super) const AUTH_FAIL: u32 = 0x8e;
    pub(super) const BAD_AUTH: u32 = 0xa2;
    /// No such handle: an NV index that is not there.
    pub(super) const HANDLE: u32 = 0x8b;
    /// The index is there and was never written.
    pub(super) const NOT_WRITTEN: u32 = 0x14a;
    /// The index is there already.
    pub(super) const DEFINED: u32 = 0x14c;
}

impl TpmError {
    /// Whether the TPM said no with this code.
    fn is(&self, code: u32) -> bool {
        matches!(self, Self::Refused { code: said, .. } if base(*said) == code)
    }
}

/// One TPM.
pub(crate) struct Tpm {
    place: TpmPlace,
    owner: Zeroizing<Vec<u8>>,
    /// One conversation at a time: a software TPM serves a single one.
    turn: Mutex<()>,
}

impl std::fmt::Debug for Tpm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tpm").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Tpm {
    /// The TPM at `place`, whose owner hierarchy has this password (usually none). It is not asked anything yet.
    pub(crate) fn new(place: TpmPlace, owner: Zeroizing<Vec<u8>>) -> Self {
        Self { place, owner, turn: Mutex::default() }
    }

    /// One task, alone with the TPM.
    fn talk<T>(&self, task: impl FnOnce(&mut Talk<'_>) -> Result<T, TpmError>) -> Result<T, TpmError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let port = Port::open(&self.place).map_err(|source| self.gone(source))?;
        task(&mut Talk { tpm: self, port })
    }

    fn gone(&self, source: std::io::Error) -> TpmError {
        TpmError::Gone { place: self.place.clone(), source }
    }
}

/// A conversation.
struct Talk<'t> {
    tpm: &'t Tpm,
    port: Port,
}

impl Talk<'_> {
    /// Asks once, or a few times while the TPM is busy.
    fn ask(
        &mut self,
        ask: Ask,
        handles: &[u32],
        password: Option<&[u8]>,
        parameters: &[u8],
    ) -> Result<Answer, TpmError> {
        let command = Zeroizing::new(command(ask, handles, password, parameters));
        let mut tried = 0;
        loop {
            let bytes = self.port.exchange(&command).map_err(|source| self.tpm.gone(source))?;
            match Answer::read(ask, bytes) {
                // RETRY, YIELDED, TESTING: part 3 section 5.2 tells to send the same again.
                Err(TpmError::Refused { code: 0x922 | 0x908 | 0x90a, .. }) if tried < TRIES => {
                    std::thread::sleep(Duration::from_millis(20 << tried));
                    tried += 1;
                }
                answer => return answer,
            }
        }
    }

    /// The same, with the owner's password.
    fn ask_as_owner(&mut self, ask: Ask, handles: &[u32], parameters: &[u8]) -> Result<Answer, TpmError> {
        let owner = self.tpm.owner.clone();
        self.ask(ask, handles, Some(&owner), parameters)
    }

    /// Does something with a loaded key, and lets go of the key whatever came of it.
    fn with<T>(&mut self, handle: u32, task: impl FnOnce(&mut Self) -> Result<T, TpmError>) -> Result<T, TpmError> {
        let done = task(self);
        // Where this fails the TPM is gone, and its room is free.
        let _ = self.ask(Ask::FlushContext, &[], None, &handle.to_be_bytes());
        done
    }
}

/// Reads an answer as every reader would, for fuzzing.
#[cfg(feature = "fuzzing")]
pub(crate) fn answers(bytes: &[u8]) {
    for ask in [Ask::CreatePrimary, Ask::Create, Ask::Load, Ask::Sign, Ask::NvRead] {
        if let Ok(answer) = Answer::read(ask, bytes.to_vec()) {
            let _ = key::made(&answer);
            let _ = key::signature(&answer);
            let _ = answer.reader().sized();
        }
    }
    let _ = key::point(bytes);
}
