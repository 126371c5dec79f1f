//! Frames over one stream, for one loop: what is waiting goes out, what arrives comes in, and neither waits for the
//! other. The live link and both ends of the controller port use it.

use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wardline_wire::{FrameError, FrameReader, FrameWriter};

/// Why a stream is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The peer broke the rules of the frames, or does not read what it is sent.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// Too much waits for a peer that does not read.
    #[error("the peer does not read: {0} bytes wait for it")]
    NotReading(usize),
}

/// A stream that frames of one type come from and frames of another go to. It holds no buffer while nothing is in
/// flight.
#[derive(Debug)]
pub struct Frames<S, In, Out> {
    io: S,
    limit: usize,
    most_waiting: usize,
    reader: FrameReader,
    writer: FrameWriter,
    to_flush: bool,
    types: PhantomData<fn(Out) -> In>,
}

impl<S, In, Out> Frames<S, In, Out>
where
    S: AsyncRead + AsyncWrite + Unpin,
    In: Message + Default,
    Out: Message,
{
    /// Frames of at most `limit` bytes over `io`; at most `most_waiting` bytes wait for a peer that does not read.
    pub const fn new(io: S, limit: usize, most_waiting: usize) -> Self {
        Self {
            io,
            limit,
            most_waiting,
            reader: FrameReader::new(),
            writer: FrameWriter::new(),
            to_flush: false,
            types: PhantomData,
        }
    }

    /// The stream itself.
    pub const fn io(&self) -> &S {
        &self.io
    }

    /// Whether a part of a frame is on its way in or out.
    pub fn is_busy(&self) -> bool {
        self.reader.in_flight() || !self.writer.pending().is_empty() || self.to_flush
    }

    /// How many bytes wait to go out.
    pub fn waiting(&self) -> usize {
        self.writer.pending().len()
    }

    /// Puts a frame behind the others that wait to go out. It leaves with the next [`Frames::next`] or
    /// [`Frames::flush`].
    ///
    /// # Errors
    /// [`StreamError::NotReading`], or [`FrameError::TooLong`] for a frame of ours that is over the limit.
    pub fn push(&mut self, frame: &Out) -> Result<(), StreamError> {
        let waiting = self.writer.pending().len();
        if waiting > self.most_waiting {
            return Err(StreamError::NotReading(waiting));
        }
        Ok(self.writer.push(frame, self.limit)?)
    }

    /// Writes what waits and gives the next frame, or `None` when the peer ended the stream. May be dropped at any time
    /// and called again; nothing is lost.
    ///
    /// # Errors
    /// A [`StreamError`]; the stream is of no more use then.
    pub async fn next(&mut self) -> Result<Option<In>, StreamError> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`Frames::next`], for a loop that polls.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<In>, StreamError>> {
        if let Poll::Ready(Err(error)) = self.poll_out(cx) {
            return Poll::Ready(Err(error.into()));
        }
        loop {
            let mut room = ReadBuf::new(self.reader.room());
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut room))?;
            let got = room.filled().len();
            let frame = self.reader.took(got, self.limit)?;
            if frame.is_some() || got == 0 {
                return Poll::Ready(Ok(frame));
            }
        }
    }

    /// Writes everything that waits.
    ///
    /// # Errors
    /// [`StreamError::Io`].
    pub async fn flush(&mut self) -> Result<(), StreamError> {
        Ok(poll_fn(|cx| self.poll_out(cx)).await?)
    }

    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.writer.pending().is_empty() {
            let wrote = ready!(Pin::new(&mut self.io).poll_write(cx, self.writer.pending()))?;
            if wrote == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.writer.sent(wrote);
            self.to_flush = true;
        }
        if self.to_flush {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.to_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what waits as far as it goes at once and ends the stream. It waits for nobody.
    pub fn end(mut self) {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        if self.poll_out(&mut cx).is_ready() {
            let _ = Pin::new(&mut self.io).poll_shutdown(&mut cx);
        }
    }
}
