//! Frames over one stream, for one loop: what is waiting goes out, what arrives comes in, and neither waits for the
//! other.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wardline_wire::link::{HubFrame, PumpFrame};
use wardline_wire::{FrameError, FrameReader, FrameWriter, limits};

/// Why a stream is of no more use.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    /// The peer broke the rules of the frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

/// A stream that frames come from and go to. It holds no buffer while nothing is in flight.
pub(super) struct Stream<S> {
    io: S,
    reader: FrameReader,
    writer: FrameWriter,
    to_flush: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    pub(super) const fn new(io: S) -> Self {
        Self { io, reader: FrameReader::new(), writer: FrameWriter::new(), to_flush: false }
    }

    /// Whether a part of a frame is on its way in or out: a peer that stays here for long is too slow.
    pub(super) fn is_busy(&self) -> bool {
        self.reader.in_flight() || !self.writer.pending().is_empty() || self.to_flush
    }

    /// How many bytes wait to go out.
    pub(super) fn waiting(&self) -> usize {
        self.writer.pending().len()
    }

    /// Puts a frame behind the others that wait to go out.
    pub(super) fn push(&mut self, frame: &HubFrame) -> Result<(), FrameError> {
        self.writer.push(frame, limits::LINK_FRAME)
    }

    /// Writes what can be written and gives the next frame, or `None` when the peer ended the stream.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
    ) -> Poll<Result<Option<PumpFrame>, StreamError>> {
        if let Poll::Ready(Err(error)) = self.poll_out(cx) {
            return Poll::Ready(Err(error.into()));
        }
        loop {
            let mut room = ReadBuf::new(self.reader.room());
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut room))?;
            let got = room.filled().len();
            let frame = self.reader.took(got, limit)?;
            if frame.is_some() || got == 0 {
                return Poll::Ready(Ok(frame));
            }
        }
    }

    /// Writes what is waiting; ready when nothing is any more.
    pub(super) fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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

    /// Sends a last frame as far as it goes at once and ends the stream. It waits for nobody.
    pub(super) fn end(mut self, last: &HubFrame) {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        if self.push(last).is_ok() && self.poll_out(&mut cx).is_ready() {
            let _ = Pin::new(&mut self.io).poll_shutdown(&mut cx);
        }
    }
}
