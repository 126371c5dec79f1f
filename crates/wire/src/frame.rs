//! Frames: a 4-byte big-endian length and one message.
//!
//! The reader reads nothing itself: a loop at the edge reads into [`FrameReader::room`] and tells it with
//! [`FrameReader::took`] how much came. So nothing is lost when the loop stops waiting for bytes to do something else,
//! no buffer is held while nothing is in flight, and room is made only for what really arrives.

use prost::Message;

use crate::limits;

/// What was wrong with a frame. Coming in, every case is the peer's doing.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The announced or wanted length is over the limit.
    #[error("a frame of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// What was announced, or what our own message would need.
        length: usize,
        /// The limit of this place.
        limit: usize,
    },
    /// A frame of no bytes: every message has at least one.
    #[error("an empty frame")]
    Empty,
    /// The bytes are not the message that belongs here.
    #[error("not a readable message: {0}")]
    Unreadable(#[from] prost::DecodeError),
    /// The stream ended in the middle of a frame.
    #[error("the stream ended in the middle of a frame")]
    Cut,
}

/// The message with its length in front.
///
/// # Errors
/// [`FrameError::TooLong`] when it would be over `limit`, [`FrameError::Empty`] when it says nothing.
pub fn encode<M: Message>(message: &M, limit: usize) -> Result<Vec<u8>, FrameError> {
    let length = message.encoded_len();
    let mut bytes = Vec::with_capacity(limits::LENGTH_PREFIX + length);
    append(message, limit, &mut bytes)?;
    Ok(bytes)
}

/// Appends the message with its length to `bytes`, so that several frames can leave in one write.
///
/// # Errors
/// As [`encode`]; `bytes` is unchanged then.
pub fn append<M: Message>(message: &M, limit: usize, bytes: &mut Vec<u8>) -> Result<(), FrameError> {
    let length = checked(message.encoded_len(), limit)?;
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    message.encode(bytes).expect("a Vec always has room");
    Ok(())
}

/// The length in a prefix, if it is within `limit`.
///
/// # Errors
/// [`FrameError::TooLong`] or [`FrameError::Empty`].
pub fn length(prefix: [u8; limits::LENGTH_PREFIX], limit: usize) -> Result<usize, FrameError> {
    checked(u32::from_be_bytes(prefix) as usize, limit)
}

/// The message in the body of one frame.
///
/// # Errors
/// [`FrameError::Unreadable`].
pub fn decode<M: Message + Default>(body: &[u8]) -> Result<M, FrameError> {
    Ok(M::decode(body)?)
}

fn checked(length: usize, limit: usize) -> Result<usize, FrameError> {
    match length {
        0 => Err(FrameError::Empty),
        length if length > limit => Err(FrameError::TooLong { length, limit }),
        length => Ok(length),
    }
}

/// Reads frames from one stream, one after the other.
#[derive(Debug, Default)]
pub struct FrameReader {
    prefix: [u8; limits::LENGTH_PREFIX],
    /// How many bytes of the prefix have arrived.
    have: u8,
    body: Vec<u8>,
    /// How many bytes of `body` have arrived; the rest of it is room.
    filled: usize,
}

impl FrameReader {
    /// A reader at the start of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self { prefix: [0; limits::LENGTH_PREFIX], have: 0, body: Vec::new(), filled: 0 }
    }

    /// Whether a part of a frame has arrived: a peer that stays here for long is too slow.
    #[must_use]
    pub const fn in_flight(&self) -> bool {
        self.have > 0
    }

    /// Where the next bytes belong: never empty, never more than the current frame still misses.
    pub fn room(&mut self) -> &mut [u8] {
        let have = usize::from(self.have);
        if have < limits::LENGTH_PREFIX { &mut self.prefix[have..] } else { &mut self.body[self.filled..] }
    }

    /// Tells how many bytes were read into [`FrameReader::room`]; gives the message when its frame is whole.
    ///
    /// # Errors
    /// A [`FrameError`]; the stream is then of no more use. [`FrameError::Cut`] when `got` is zero inside a frame, which
    /// is how a stream ends too early.
    pub fn took<M: Message + Default>(&mut self, got: usize, limit: usize) -> Result<Option<M>, FrameError> {
        if got == 0 {
            return if self.in_flight() { Err(FrameError::Cut) } else { Ok(None) };
        }
        if usize::from(self.have) < limits::LENGTH_PREFIX {
            self.have += u8::try_from(got).unwrap_or(u8::MAX).min(limits::LENGTH_PREFIX as u8 - self.have);
            if usize::from(self.have) == limits::LENGTH_PREFIX {
                let length = length(self.prefix, limit)?;
                self.body = vec![0; length.min(limits::FIRST_ALLOCATION)];
            }
            return Ok(None);
        }
        self.filled = (self.filled + got).min(self.body.len());
        let length = length(self.prefix, limit)?;
        if self.filled < length {
            self.make_room(length);
            return Ok(None);
        }
        let body = std::mem::take(&mut self.body);
        *self = Self::new();
        decode(&body).map(Some)
    }

    /// More room when it is used up: doubled as bytes arrive, never all of what was only announced.
    fn make_room(&mut self, length: usize) {
        if self.filled == self.body.len() {
            let room = (self.filled * 2).min(length);
            self.body.reserve_exact(room - self.filled);
            self.body.resize(room, 0);
        }
    }
}

/// Frames on their way out of one stream. It writes nothing itself: a loop at the edge writes [`FrameWriter::pending`]
/// and tells it with [`FrameWriter::sent`] how much went. No buffer is held while nothing is in flight.
#[derive(Debug, Default)]
pub struct FrameWriter {
    bytes: Vec<u8>,
    sent: usize,
}

impl FrameWriter {
    /// A writer with nothing to send.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), sent: 0 }
    }

    /// Adds one frame behind the others.
    ///
    /// # Errors
    /// As [`encode`]; nothing is added then.
    pub fn push<M: Message>(&mut self, message: &M, limit: usize) -> Result<(), FrameError> {
        append(message, limit, &mut self.bytes)
    }

    /// What is to be written next; empty when there is nothing.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Tells how many bytes of [`FrameWriter::pending`] were written.
    pub fn sent(&mut self, bytes: usize) {
        self.sent = (self.sent + bytes).min(self.bytes.len());
        if self.sent == self.bytes.len() {
            *self = Self::new();
        }
    }
}
