//! A secret in the TPM's own memory (an NV index): there, or gone for good.
//!
//! Unlike a blob on a disk it has no copy: once the index is removed, nothing that was ever copied brings it back. The index
//! opens with a password, which cannot be guessed (it has 256 random bits), so wrong tries do not lock the TPM.

use zeroize::Zeroizing;

use super::wire::{Ask, Bytes};
use super::{OWNER, Tpm, TpmError, code};

/// Bytes of the secret.
pub(crate) const SECRET: usize = 32;

/// `TPMA_NV`: read and written with the index's own password only (not the owner's), and not subject to the lock against guessing.
const ATTRIBUTES: u32 = 0x0204_0004;
const SHA256: u16 = 0x000b;

impl Tpm {
    /// The secret at `index`, or `None` when there is no such index or nothing was ever written to it.
    pub(crate) fn secret(&self, index: u32, password: &[u8]) -> Result<Option<Zeroizing<[u8; SECRET]>>, TpmError> {
        self.talk(|talk| {
            let wanted = Bytes::default().u16(SECRET as u16).u16(0).into_vec();
            let answer = match talk.ask(Ask::NvRead, &[index, index], Some(password), &wanted) {
                Err(error) if error.is(code::HANDLE) || error.is(code::NOT_WRITTEN) => return Ok(None),
                Err(error) if error.is(code::BAD_AUTH) || error.is(code::AUTH_FAIL) => {
                    return Err(TpmError::Taken { index });
                }
                answer => answer?,
            };
            let read = answer.reader().sized()?;
            let mut secret = Zeroizing::new([0; SECRET]);
            if read.len() != SECRET {
                return Err(TpmError::Taken { index });
            }
            secret.copy_from_slice(read);
            Ok(Some(secret))
        })
    }

    /// Puts a secret at `index`, which must be free, or must be one that opens with this password and was never written
    /// (power was lost between the two steps).
    pub(crate) fn keep_secret(&self, index: u32, password: &[u8], secret: &[u8; SECRET]) -> Result<(), TpmError> {
        self.talk(|talk| {
            let public = Bytes::default().u32(index).u16(SHA256).u32(ATTRIBUTES).sized(&[]).u16(SECRET as u16);
            let wanted = Bytes::default().sized(password).sized(&public.into_vec()).into_vec();
            match talk.ask_as_owner(Ask::NvDefineSpace, &[OWNER], &wanted) {
                Err(error) if error.is(code::DEFINED) => {}
                answer => drop(answer?),
            }
            let written = Zeroizing::new(Bytes::default().sized(secret).u16(0).into_vec());
            match talk.ask(Ask::NvWrite, &[index, index], Some(password), &written) {
                Err(error) if error.is(code::BAD_AUTH) || error.is(code::AUTH_FAIL) => Err(TpmError::Taken { index }),
                answer => answer.map(drop),
            }
        })
    }

    /// Removes the index with what it holds. One that is gone already is as good.
    pub(crate) fn forget_secret(&self, index: u32) -> Result<(), TpmError> {
        self.talk(|talk| match talk.ask_as_owner(Ask::NvUndefineSpace, &[OWNER, index], &[]) {
            Err(error) if error.is(code::HANDLE) => Ok(()),
            answer => answer.map(drop),
        })
    }

    /// Whether the index is there.
    pub(crate) fn has_index(&self, index: u32) -> Result<bool, TpmError> {
        self.talk(|talk| match talk.ask(Ask::NvReadPublic, &[index], None, &[]) {
            Err(error) if error.is(code::HANDLE) => Ok(false),
            answer => answer.map(|_| true),
        })
    }
}
