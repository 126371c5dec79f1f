//! The port to the therapy controller, seen from the agent.
//!
//! The controller is the other side of a wall: it never waits for the agent and believes nothing that it did not verify
//! itself. A controller that is silent or speaks nonsense is treated as busy: unknown therapy means no.

mod port;

pub use port::{Heard, Io, Place, Port};

use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use wardline_model::ReleaseRef;
use wardline_wire::port::{AgentFrame, ControllerFrame};
use wardline_wire::{Ask, Part, Refused, Say, limits, version};

use crate::frames::{Frames, StreamError};

/// The most that may wait for a controller that does not read: one window of an offer and small questions.
const MOST_WAITING: usize = 4 * limits::PORT_FRAME;

/// Why the port is of no use.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The socket cannot be reached.
    #[error("no connection to the therapy controller at {place}: {source}")]
    Connect {
        /// The socket.
        place: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The stream failed or ended.
    #[error("the port to the therapy controller: {0}")]
    Stream(#[from] StreamError),
    /// The controller ended the stream.
    #[error("the therapy controller ended the connection")]
    Ended,
    /// The controller said something that is not in the contract.
    #[error("the therapy controller broke the contract: {0}")]
    Contract(#[from] Refused),
    /// No common version.
    #[error("the therapy controller speaks version {0} of the port, which this agent does not")]
    Version(u32),
}

/// The agent's end of the port.
#[derive(Debug)]
pub struct Controller<S> {
    frames: Frames<S, ControllerFrame, AgentFrame>,
}

/// A release with everything that a controller needs to verify it alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Every root after the one that the controller pins, oldest first.
    pub roots: Vec<Vec<u8>>,
    /// The top-level targets metadata.
    pub targets: Vec<u8>,
    /// The delegated metadata.
    pub delegated: Vec<u8>,
    /// The artifact.
    pub artifact: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Controller<S> {
    /// The port over any stream; the simulator uses one inside its process.
    pub const fn over(stream: S) -> Self {
        Self { frames: Frames::new(stream, limits::PORT_FRAME, MOST_WAITING) }
    }

    /// Puts a question behind the others that wait; it leaves with the next [`Controller::next`].
    ///
    /// # Errors
    /// [`PortError::Stream`] when the controller does not read.
    pub fn ask(&mut self, ask: Ask) -> Result<(), PortError> {
        Ok(self.frames.push(&ask.into())?)
    }

    /// How many bytes wait for the controller: a long offer is sent as room comes free.
    pub fn waiting(&self) -> usize {
        self.frames.waiting()
    }

    /// What the controller says next. May be dropped at any time and called again; nothing is lost.
    ///
    /// # Errors
    /// A [`PortError`]; the port is of no more use then, and therapy counts as unknown.
    pub async fn next(&mut self) -> Result<Say, PortError> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`Controller::next`], for a loop that polls.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Say, PortError>> {
        let frame = ready!(self.frames.poll_next(cx))?.ok_or(PortError::Ended)?;
        Poll::Ready(match Say::try_from(frame)? {
            Say::Hello { version, .. } if !version::PORT.contains(&version) => Err(PortError::Version(version)),
            say => Ok(say),
        })
    }
}

/// An offer on its way: its frames one after the other, so that the loop can send them as room comes free and do other
/// things in between.
#[derive(Debug)]
pub struct OfferOnItsWay {
    release: ReleaseRef,
    parts: Vec<(Part, Vec<u8>)>,
    next: Next,
}

#[derive(Debug)]
enum Next {
    Begin,
    Chunk { part: usize, from: usize },
    End,
    Nothing,
}

impl OfferOnItsWay {
    /// An offer of this release, not begun.
    #[must_use]
    pub fn new(release: ReleaseRef, bundle: Bundle) -> Self {
        let roots = bundle.roots.into_iter().map(|root| (Part::Root, root));
        let rest =
            [(Part::Targets, bundle.targets), (Part::Delegated, bundle.delegated), (Part::Artifact, bundle.artifact)];
        Self { release, parts: roots.chain(rest).collect(), next: Next::Begin }
    }

    /// The release that is offered.
    #[must_use]
    pub const fn release(&self) -> ReleaseRef {
        self.release
    }

    /// The next frame, or `None` when all were given.
    pub fn next_ask(&mut self) -> Option<Ask> {
        loop {
            match self.next {
                Next::Begin => {
                    self.next = Next::Chunk { part: 0, from: 0 };
                    let parts = self.parts.iter().map(|(part, bytes)| (*part, bytes.len() as u64)).collect();
                    return Some(Ask::Offer { release: self.release, parts });
                }
                Next::Chunk { part, from } => match self.parts.get(part) {
                    None => self.next = Next::End,
                    Some((_, bytes)) if from >= bytes.len() => self.next = Next::Chunk { part: part + 1, from: 0 },
                    Some((_, bytes)) => {
                        let to = (from + limits::OFFER_CHUNK).min(bytes.len());
                        self.next = Next::Chunk { part, from: to };
                        let index = u32::try_from(part).unwrap_or(u32::MAX);
                        return Some(Ask::OfferPart { index, bytes: bytes[from..to].to_vec() });
                    }
                },
                Next::End => {
                    self.next = Next::Nothing;
                    return Some(Ask::OfferEnd);
                }
                Next::Nothing => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests;
