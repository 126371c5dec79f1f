//! The socket side of the controller port.
//!
//! One connection at a time; a new one replaces the old, ends its hold and drops its unfinished offer. A frame that is not
//! in the contract ends the connection. An agent that does not read is cut off. Nothing here can make therapy wait: the
//! lock is held only while something is decided.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixListener;
use wardline_agent::frames::{Frames, StreamError};
use wardline_model::{Kind, covers};
use wardline_pump::HoldId;
use wardline_wire::port::{AgentFrame, ControllerFrame};
use wardline_wire::{Ask, Refused, Say, SwitchRefusal, limits, version};

use super::super::machine::Input;
use super::super::words;
use super::offer::{Astray, Offer};
use super::{Inner, Reference, Setup};

/// The most bytes that may wait for an agent that does not read.
const MOST_WAITING: usize = 2 * limits::PORT_FRAME;
/// How often a busy pump looks at its own clock when nobody else wakes it.
const BEAT: Duration = Duration::from_millis(500);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum PortBroken {
    /// The stream failed, or the agent does not read.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// A frame that is not in the contract.
    #[error("the agent broke the contract: {0}")]
    Contract(#[from] Refused),
    /// An offer that does not come as announced.
    #[error(transparent)]
    Astray(#[from] Astray),
    /// Not a greeting first, or no common version.
    #[error("the agent did not greet with a version that this controller speaks")]
    Greeting,
    /// A newer connection took its place.
    #[error("a newer connection took its place")]
    Replaced,
}

/// Serves a controller on a Unix socket until the process ends. `wardline sim controller` is this function.
///
/// # Errors
/// What the system said about the folder or the socket.
pub async fn serve(socket: &Path, setup: Setup) -> std::io::Result<()> {
    let reference = Reference::power_up(setup)?;
    reference.serve(socket).await
}

impl Reference {
    /// Serves this controller on a Unix socket that only its own user may open, until the task is dropped.
    ///
    /// # Errors
    /// What the system said about the socket.
    pub async fn serve(&self, socket: &Path) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        match std::fs::remove_file(socket) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(socket)?;
        std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
        loop {
            let (stream, _) = listener.accept().await?;
            let reference = self.clone();
            // A task of its own, so that a new agent can replace one that hangs.
            tokio::spawn(async move {
                if let Err(error) = reference.converse(stream).await {
                    tracing::debug!(%error, "the controller port closed");
                }
            });
        }
    }

    /// Speaks with one agent until either ends it.
    ///
    /// # Errors
    /// Why it ended; a closed stream is no error.
    pub async fn converse<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> Result<(), PortBroken> {
        covers!("N1");
        let mut frames: Frames<S, AgentFrame, ControllerFrame> = Frames::new(stream, limits::PORT_FRAME, MOST_WAITING);
        let connection = self.lock().connected();
        self.news.notify_waiters();
        let result = self.talk(&mut frames, connection).await;
        self.lock().disconnected(connection);
        frames.end();
        result
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        frames: &mut Frames<S, AgentFrame, ControllerFrame>,
        connection: u64,
    ) -> Result<(), PortBroken> {
        let Some(frame) = frames.next().await? else { return Ok(()) };
        let Ask::Hello { versions, .. } = Ask::try_from(frame)? else { return Err(PortBroken::Greeting) };
        let version = version::agree(version::PORT, &versions).ok_or(PortBroken::Greeting)?;
        let hello = self.lock().greet(version);
        frames.push(&hello.into())?;
        loop {
            let (words, rest) = self.lock().take_words(connection)?;
            for word in words {
                frames.push(&word.into())?;
            }
            tokio::select! {
                frame = frames.next() => match frame? {
                    None => return Ok(()),
                    Some(frame) => {
                        let ask = Ask::try_from(frame)?;
                        self.lock().asked(ask)?;
                    }
                },
                () = self.news.notified() => {}
                () = tokio::time::sleep(rest) => self.lock().let_time_pass(),
            }
        }
    }
}

impl Inner {
    fn connected(&mut self) -> u64 {
        self.let_time_pass();
        self.feed(Input::Port(words::Ask::Gone));
        self.connection += 1;
        (self.incoming, self.offered) = (None, None);
        self.words.clear();
        self.connection
    }

    fn disconnected(&mut self, connection: u64) {
        if self.connection == connection {
            self.let_time_pass();
            self.feed(Input::Port(words::Ask::Gone));
            (self.incoming, self.offered) = (None, None);
            self.words.clear();
        }
    }

    fn greet(&self, version: u32) -> Say {
        Say::Hello {
            version,
            model: self.setup.model.clone(),
            serial: self.setup.serial.clone(),
            hold: self.setup.support,
            kinds: vec![Kind::DrugLibrary],
        }
    }

    /// What waits for the agent, and how long the connection may rest.
    fn take_words(&mut self, connection: u64) -> Result<(Vec<Say>, Duration), PortBroken> {
        if self.connection != connection {
            return Err(PortBroken::Replaced);
        }
        let now = self.now();
        let busy = self.machine.channels().iter().any(|channel| channel.state.is_busy());
        // An idle pump with no hold wakes for nothing: thousands of them cost nothing.
        let idle = if busy { BEAT } else { Duration::from_secs(3_600) };
        let wake = self.machine.wake().map_or(idle, |at| Duration::from_millis(at.since(now).as_ms() + 1));
        Ok((self.words.drain(..).collect(), wake.min(idle)))
    }

    fn asked(&mut self, ask: Ask) -> Result<(), PortBroken> {
        self.let_time_pass();
        let ask = match ask {
            Ask::Hello { .. } => return Err(PortBroken::Greeting),
            Ask::Status => words::Ask::Status,
            Ask::Hold { request, release } => {
                self.request = request;
                words::Ask::Hold(release)
            }
            Ask::Release { hold } => words::Ask::ReleaseHold(HoldId(hold)),
            Ask::Offer { release, parts } => {
                self.incoming = Some(Offer::begin(release, parts)?);
                return Ok(());
            }
            Ask::OfferPart { index, bytes } => {
                return Ok(self.incoming.as_mut().ok_or(Astray)?.take(index, &bytes)?);
            }
            Ask::OfferEnd => {
                let offer = self.incoming.take().filter(Offer::is_whole).ok_or(Astray)?;
                let release = offer.release;
                self.offered = Some(offer);
                words::Ask::Offered(release)
            }
            Ask::MakeCurrent { hold, release } => words::Ask::MakeCurrent { hold: Some(HoldId(hold)), release },
            Ask::GoBack { hold, kind: _, to: Some(to) } => {
                words::Ask::MakeCurrent { hold: hold.map(HoldId), release: to }
            }
            Ask::GoBack { kind, to: None, .. } => {
                // A pump that has a library is never left without one (N7).
                self.tell(Say::SwitchRefused { kind, to: None, reason: SwitchRefusal::NotVerified });
                return Ok(());
            }
            Ask::ReadBack { kind } => words::Ask::ReadBack(kind),
        };
        self.feed(Input::Port(ask));
        Ok(())
    }
}
