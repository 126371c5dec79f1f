//! MLLP, the frames of HL7 v2 over a byte stream: `0x0B` message `0x1C 0x0D` (release 1), and the commit acknowledgements
//! of release 2, `0x0B 0x06 0x1C 0x0D` and `0x0B 0x15 0x1C 0x0D`.
//!
//! The reader is a machine over pieces of any size. It is tolerant: rubbish between frames, a missing start, a missing
//! last `0x0D` and empty frames are remarked on and passed over, because real engines send them. It keeps one frame at
//! most, and gives up when that frame grows beyond the limit.

use memchr::{memchr, memchr2};

/// Begins a frame.
const START: u8 = 0x0B;
/// Ends a frame, together with [`CR`].
const END: u8 = 0x1C;
const CR: u8 = 0x0D;
/// Release 2: the receiver has it.
const ACK: u8 = 0x06;
/// Release 2: the receiver does not have it.
const NAK: u8 = 0x15;

/// The largest message that is read unless an endpoint says otherwise: a thousand times an ordinary PCD-01.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// Remarks that are kept for one frame; a peer that sends only rubbish needs no more.
const MAX_ODDITIES: usize = 8;

/// Something that a strict reader would have refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// This many bytes that belong to no frame, line ends left out.
    Between(usize),
    /// The frame began without `0x0B`.
    NoStart,
    /// A new frame began before the old one ended; the old one's bytes are given as they are.
    NoEnd,
    /// `0x1C` without `0x0D` behind it.
    NoFinalCr,
    /// A frame without content.
    Empty,
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message, and what was odd about its frame.
    Message {
        /// The bytes between the marks.
        bytes: Vec<u8>,
        /// What a strict reader would have refused.
        oddities: Vec<Oddity>,
    },
    /// Release 2: the peer has the message.
    Committed,
    /// Release 2: the peer does not have the message.
    NotCommitted,
}

/// A frame that is longer than the limit. The connection is of no use any more: where the next frame begins is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of more than {limit} bytes; send it in parts, or raise this endpoint's limit")]
pub struct TooLong {
    /// The limit.
    pub limit: usize,
}

/// Where the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before a frame.
    Between,
    /// Inside a frame.
    Inside,
    /// Behind `0x1C`, before `0x0D`.
    Ending,
}

/// The reader of one connection.
#[derive(Debug)]
pub struct Reader {
    at: At,
    frame: Vec<u8>,
    between: usize,
    oddities: Vec<Oddity>,
    limit: usize,
}

impl Reader {
    /// A reader that takes messages of at most this many bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { at: At::Between, frame: Vec::new(), between: 0, oddities: Vec::new(), limit }
    }

    /// Takes the next piece and gives the frames that it completes.
    ///
    /// # Errors
    /// [`TooLong`]; answer with a rejection and close.
    pub fn push(&mut self, mut piece: &[u8], frames: &mut Vec<Frame>) -> Result<(), TooLong> {
        while let Some((&first, rest)) = piece.split_first() {
            match self.at {
                At::Between => piece = self.between(first, rest, piece),
                At::Inside => {
                    let until = memchr2(START, END, piece).unwrap_or(piece.len());
                    self.keep(&piece[..until])?;
                    piece = &piece[until..];
                    match piece.split_first() {
                        Some((&END, rest)) => {
                            self.at = At::Ending;
                            piece = rest;
                        }
                        Some((_, rest)) => {
                            self.odd(Oddity::NoEnd);
                            frames.extend(self.whole());
                            self.at = At::Inside;
                            piece = rest;
                        }
                        None => {}
                    }
                }
                At::Ending => {
                    if first == CR {
                        piece = rest;
                    } else {
                        self.odd(Oddity::NoFinalCr);
                    }
                    frames.extend(self.whole());
                }
            }
        }
        Ok(())
    }

    /// The peer closed the connection. What was begun is given only when its end mark was there.
    #[must_use]
    pub fn end(mut self) -> Option<Frame> {
        if self.at == At::Ending {
            self.odd(Oddity::NoFinalCr);
            return self.whole();
        }
        None
    }

    /// Whether a message is under way, which then was cut short by whoever closes now.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.at != At::Between
    }

    fn between<'a>(&mut self, first: u8, rest: &'a [u8], piece: &'a [u8]) -> &'a [u8] {
        if first == START {
            self.begin();
            return rest;
        }
        // Engines send line ends between frames; they say nothing. Form feeds and the like are counted.
        if first == CR || first == b'\n' {
            return rest;
        }
        // A message that begins without its mark: only when it says MSH and this piece shows that its end mark follows.
        if self.between == 0 && piece.starts_with(b"MSH") && memchr(END, piece).is_some() {
            self.odd(Oddity::NoStart);
            self.begin();
            return piece;
        }
        self.between = self.between.saturating_add(1);
        rest
    }

    fn begin(&mut self) {
        if self.between > 0 {
            self.odd(Oddity::Between(self.between));
        }
        self.between = 0;
        self.at = At::Inside;
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.frame.len() + bytes.len() > self.limit {
            return Err(TooLong { limit: self.limit });
        }
        self.frame.extend_from_slice(bytes);
        Ok(())
    }

    fn odd(&mut self, oddity: Oddity) {
        if self.oddities.len() < MAX_ODDITIES {
            self.oddities.push(oddity);
        }
    }

    /// The frame that is whole now. An empty one is only a remark on the next.
    fn whole(&mut self) -> Option<Frame> {
        self.at = At::Between;
        match self.frame.as_slice() {
            [] => {
                self.odd(Oddity::Empty);
                return None;
            }
            [ACK] => {
                self.frame.clear();
                return Some(Frame::Committed);
            }
            [NAK] => {
                self.frame.clear();
                return Some(Frame::NotCommitted);
            }
            _ => {}
        }
        let bytes = core::mem::take(&mut self.frame);
        Some(Frame::Message { bytes, oddities: core::mem::take(&mut self.oddities) })
    }
}

/// A message in its frame. The marks cannot stand inside a message, so none is framed that holds one.
#[must_use]
pub fn frame(message: &[u8]) -> Option<Vec<u8>> {
    if memchr2(START, END, message).is_some() {
        return None;
    }
    let mut framed = Vec::with_capacity(message.len() + 3);
    framed.push(START);
    framed.extend_from_slice(message);
    framed.extend_from_slice(&[END, CR]);
    Some(framed)
}

/// The commit acknowledgement of release 2 for a message that is kept, or is not.
#[must_use]
pub const fn commit(is_kept: Kept) -> [u8; 4] {
    match is_kept {
        Kept::Yes => [START, ACK, END, CR],
        Kept::No => [START, NAK, END, CR],
    }
}

/// Whether a message was written to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It was.
    Yes,
    /// It was not: the sender should send it again.
    No,
}

#[cfg(test)]
mod tests;
