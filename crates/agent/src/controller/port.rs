//! The controller port over time: connect, greet, listen, and notice silence.
//!
//! A controller that says nothing for [`QUIET`] is asked for its status; one that then stays silent for [`ANSWER_WITHIN`]
//! counts as gone, and therapy as unknown. The agent connects again by itself, and nothing at the bedside depends on it.

use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};
use wardline_model::{HoldSupport, Kind};
use wardline_wire::{Ask, Say, version};

use super::{Controller, OfferOnItsWay, PortError};

/// How long a controller may say nothing before it is asked. Well below the age at which a therapy state is of no use.
const QUIET: Duration = Duration::from_secs(30);

/// How long it may take to answer: it is on the same board.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How long to wait before connecting again. Local, so short and without jitter.
const AGAIN: Duration = Duration::from_secs(2);

/// How many bytes of an offer may wait for the controller: what it can take at once, so that a question never waits
/// behind a whole drug library.
const OFFER_WAITING: usize = 2 * wardline_wire::limits::OFFER_CHUNK;

/// Any stream to a controller.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Where the controller is.
pub enum Place {
    /// Behind a Unix socket; connected to again whenever it breaks.
    Socket(PathBuf),
    /// At the other end of this stream, once: the simulator's way.
    Stream(Box<dyn Io>),
    /// Nowhere: a pump without a port takes no release that touches therapy.
    Nowhere,
}

/// What was heard from the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It greeted: for the first time, or again.
    Present {
        /// Whether it can grant holds.
        hold: HoldSupport,
        /// The kinds that it can switch.
        kinds: Vec<Kind>,
    },
    /// It said something.
    Said(Say),
    /// It is gone or silent: therapy is unknown from here on.
    Silent(String),
}

type Attempt = Pin<Box<dyn Future<Output = Result<Controller<Box<dyn Io>>, PortError>> + Send>>;

enum State {
    Off,
    Waiting(Pin<Box<Sleep>>),
    Connecting(Attempt),
    Greeting(Box<Controller<Box<dyn Io>>>, Pin<Box<Sleep>>),
    Up(Box<Up>),
}

struct Up {
    controller: Controller<Box<dyn Io>>,
    quiet: Pin<Box<Sleep>>,
    asked: bool,
    offer: Option<OfferOnItsWay>,
}

/// The port of one pump, driven by its loop.
pub struct Port {
    socket: Option<PathBuf>,
    state: State,
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Port").field("socket", &self.socket).field("is_up", &self.is_up()).finish()
    }
}

impl Port {
    /// The port to this place, not connected yet.
    #[must_use]
    pub fn new(place: Place) -> Self {
        match place {
            Place::Nowhere => Self { socket: None, state: State::Off },
            Place::Socket(socket) => Self { state: connecting(socket.clone()), socket: Some(socket) },
            Place::Stream(stream) => Self { socket: None, state: greeting(Controller::over(stream)) },
        }
    }

    /// Whether the controller greeted and is there.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// Asks something; false when there is nobody to ask. What cannot be delivered is answered by [`Heard::Silent`].
    pub fn ask(&mut self, ask: Ask) -> bool {
        match &mut self.state {
            State::Up(up) => up.controller.ask(ask).is_ok(),
            State::Off | State::Waiting(_) | State::Connecting(_) | State::Greeting(..) => false,
        }
    }

    /// Offers a release; it is sent as the controller takes it. A new offer ends an unfinished one. False when there is
    /// nobody to offer it to.
    pub fn offer(&mut self, offer: OfferOnItsWay) -> bool {
        match &mut self.state {
            State::Up(up) => {
                up.offer = Some(offer);
                true
            }
            State::Off | State::Waiting(_) | State::Connecting(_) | State::Greeting(..) => false,
        }
    }

    /// What is heard next. May be dropped at any time and called again; nothing is lost.
    pub async fn next(&mut self) -> Heard {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        loop {
            match &mut self.state {
                State::Off => return Poll::Pending,
                State::Waiting(until) => {
                    ready!(until.as_mut().poll(cx));
                    self.state = self.socket.clone().map_or(State::Off, connecting);
                }
                State::Connecting(attempt) => match ready!(attempt.as_mut().poll(cx)) {
                    Ok(controller) => self.state = greeting(controller),
                    // Nobody was there before, so nobody became silent.
                    Err(error) => {
                        tracing::debug!(%error, "no therapy controller yet");
                        self.wait();
                    }
                },
                State::Greeting(controller, until) => {
                    if until.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(self.gone("it did not answer the greeting"));
                    }
                    let said = ready!(controller.poll_next(cx));
                    return Poll::Ready(self.greeted(said));
                }
                State::Up(up) => match ready!(up.poll(cx)) {
                    Ok(Some(say)) => return Poll::Ready(Heard::Said(say)),
                    Ok(None) => {}
                    Err(why) => return Poll::Ready(self.gone(&why)),
                },
            }
        }
    }

    fn greeted(&mut self, said: Result<Say, PortError>) -> Heard {
        match said {
            Ok(Say::Hello { hold, kinds, .. }) => {
                if let State::Greeting(controller, _) = std::mem::replace(&mut self.state, State::Off) {
                    let quiet = Box::pin(sleep_until(Instant::now() + QUIET));
                    let mut up = Up { controller: *controller, quiet, asked: false, offer: None };
                    // If this cannot be sent, silence will show it.
                    let _ = up.controller.ask(Ask::Status);
                    self.state = State::Up(Box::new(up));
                }
                Heard::Present { hold, kinds }
            }
            Ok(_) => self.gone("it did not begin with its greeting"),
            Err(error) => self.gone(&error.to_string()),
        }
    }

    fn gone(&mut self, why: &str) -> Heard {
        self.wait();
        Heard::Silent(why.to_owned())
    }

    fn wait(&mut self) {
        self.state = match self.socket {
            Some(_) => State::Waiting(Box::pin(sleep_until(Instant::now() + AGAIN))),
            None => State::Off,
        };
    }
}

impl Up {
    /// `None` means: something was done, ask again.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Say>, String>> {
        while self.controller.waiting() < OFFER_WAITING
            && let Some(offer) = &mut self.offer
        {
            match offer.next_ask() {
                Some(ask) => self.controller.ask(ask).map_err(|error| error.to_string())?,
                None => self.offer = None,
            }
        }
        if self.quiet.as_mut().poll(cx).is_ready() {
            if self.asked {
                return Poll::Ready(Err("it does not answer".into()));
            }
            self.asked = true;
            self.quiet.as_mut().reset(Instant::now() + ANSWER_WITHIN);
            self.controller.ask(Ask::Status).map_err(|error| error.to_string())?;
            return Poll::Ready(Ok(None));
        }
        let before = self.controller.waiting();
        match self.controller.poll_next(cx) {
            Poll::Pending if self.offer.is_some() && self.controller.waiting() < before => Poll::Ready(Ok(None)),
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.to_string())),
            Poll::Ready(Ok(say)) => {
                self.asked = false;
                self.quiet.as_mut().reset(Instant::now() + QUIET);
                Poll::Ready(Ok(Some(say)))
            }
        }
    }
}

fn connecting(socket: PathBuf) -> State {
    State::Connecting(Box::pin(async move {
        let stream = tokio::net::UnixStream::connect(&socket)
            .await
            .map_err(|source| PortError::Connect { place: socket.display().to_string(), source })?;
        Ok(Controller::over(Box::new(stream) as Box<dyn Io>))
    }))
}

fn greeting(mut controller: Controller<Box<dyn Io>>) -> State {
    // An empty port always has room for its first frame.
    let _ = controller.ask(Ask::Hello { versions: version::PORT.to_vec(), agent: crate::VERSION.to_owned() });
    State::Greeting(Box::new(controller), Box::pin(sleep_until(Instant::now() + ANSWER_WITHIN)))
}
