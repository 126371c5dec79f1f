//! Commands and answers of a TPM 2.0 as bytes (TCG "TPM 2.0 Library", part 1 section 18, parts 2 and 3).
//!
//! Only what this agent asks of a TPM: a few commands with fixed contents, authorised by passwords. An answer is read within
//! its own length and never believed beyond it: whoever sits on the bus can send anything.

use std::ops::Range;

use super::TpmError;

/// The longest answer of a TPM: the buffer of the Linux driver (`TPM_BUFSIZE`), more than any answer that is asked for.
pub(super) const LONGEST_ANSWER: usize = 4096;

/// Bytes of every header: tag, size, code.
pub(super) const HEADER: usize = 10;

const NO_SESSIONS: u16 = 0x8001;
const SESSIONS: u16 = 0x8002;
/// A password, not a session (`TPM_RS_PW`).
const BY_PASSWORD: u32 = 0x4000_0009;

/// What is asked of the TPM; the numbers are `TPM_CC` of part 2 section 6.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Ask {
    NvUndefineSpace = 0x122,
    NvDefineSpace = 0x12a,
    CreatePrimary = 0x131,
    NvWrite = 0x137,
    NvRead = 0x14e,
    Create = 0x153,
    Load = 0x157,
    Sign = 0x15d,
    FlushContext = 0x165,
    NvReadPublic = 0x169,
}

impl Ask {
    /// For people.
    pub(super) const fn doing(self) -> &'static str {
        match self {
            Self::NvUndefineSpace => "removing the secret from its memory",
            Self::NvDefineSpace => "making room for a secret in its memory",
            Self::CreatePrimary => "making the primary key",
            Self::NvWrite => "keeping a secret in its memory",
            Self::NvRead => "reading the secret from its memory",
            Self::Create => "making a key",
            Self::Load => "loading the pump's key",
            Self::Sign => "signing",
            Self::FlushContext => "letting go of a key",
            Self::NvReadPublic => "looking for the secret in its memory",
        }
    }

    /// Whether the answer begins with a handle.
    const fn gives_handle(self) -> bool {
        matches!(self, Self::CreatePrimary | Self::Load)
    }
}

/// Bytes being put together.
#[derive(Debug, Default)]
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    pub(super) fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(super) fn u16(mut self, value: u16) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(super) fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Bytes with their length in front (`TPM2B`). All of ours are far below 64 KiB.
    pub(super) fn sized(self, bytes: &[u8]) -> Self {
        self.u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX)).raw(bytes)
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

/// A whole command. With a password it authorises the first handle.
pub(super) fn command(ask: Ask, handles: &[u32], password: Option<&[u8]>, parameters: &[u8]) -> Vec<u8> {
    let mut body = handles.iter().fold(Bytes::default(), |bytes, handle| bytes.u32(*handle));
    if let Some(password) = password {
        let session = Bytes::default().u32(BY_PASSWORD).sized(&[]).u8(0).sized(password).into_vec();
        body = body.u32(u32::try_from(session.len()).unwrap_or(u32::MAX)).raw(&session);
    }
    let body = body.raw(parameters).into_vec();
    let tag = if password.is_some() { SESSIONS } else { NO_SESSIONS };
    let size = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    Bytes::default().u16(tag).u32(size).u32(ask as u32).raw(&body).into_vec()
}

/// What came of a command that worked.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) handle: u32,
    bytes: Vec<u8>,
    parameters: Range<usize>,
    ask: Ask,
}

impl Answer {
    /// Reads a whole answer to `ask`.
    pub(super) fn read(ask: Ask, bytes: Vec<u8>) -> Result<Self, TpmError> {
        let garbled = || TpmError::Garbled { doing: ask.doing() };
        let mut reader = Reader { ask, rest: &bytes };
        let (tag, size, code) = (reader.u16()?, reader.u32()?, reader.u32()?);
        if size as usize != bytes.len() {
            return Err(garbled());
        }
        if code != 0 {
            return Err(TpmError::Refused { doing: ask.doing(), code });
        }
        let handle = if ask.gives_handle() { reader.u32()? } else { 0 };
        let length = if tag == SESSIONS { reader.u32()? as usize } else { reader.rest.len() };
        let start = bytes.len() - reader.rest.len();
        if length > reader.rest.len() {
            return Err(garbled());
        }
        Ok(Self { handle, parameters: start..start + length, bytes, ask })
    }

    /// Its parameters, to be read from the front.
    pub(super) fn reader(&self) -> Reader<'_> {
        Reader { ask: self.ask, rest: self.bytes.get(self.parameters.clone()).unwrap_or_default() }
    }
}

/// Bytes being taken apart.
pub(super) struct Reader<'b> {
    ask: Ask,
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(super) const fn of(ask: Ask, rest: &'b [u8]) -> Self {
        Self { ask, rest }
    }

    fn take(&mut self, length: usize) -> Result<&'b [u8], TpmError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(TpmError::Garbled { doing: self.ask.doing() })?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn u16(&mut self) -> Result<u16, TpmError> {
        let mut bytes = [0; 2];
        bytes.copy_from_slice(self.take(2)?);
        Ok(u16::from_be_bytes(bytes))
    }

    pub(super) fn u32(&mut self) -> Result<u32, TpmError> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.take(4)?);
        Ok(u32::from_be_bytes(bytes))
    }

    /// Bytes with their length in front.
    pub(super) fn sized(&mut self) -> Result<&'b [u8], TpmError> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), TpmError> {
        if self.rest.is_empty() { Ok(()) } else { Err(TpmError::Garbled { doing: self.ask.doing() }) }
    }
}
