//! The live link over time: wait, connect, greet, stay, and begin again after a break.
//!
//! | state | ends by |
//! |---|---|
//! | waiting | its time coming, or a nudge (a new identity) |
//! | connecting | the handshake, or its failure |
//! | greeting | Welcome, or Close, or too much time |
//! | up | Close, a break, or three heartbeats without an answer |
//!
//! Every end leads to waiting: a random time between nothing and a bound that doubles from 1 s to 5 min (full jitter), and
//! never less than the hub asked for. 20,000 pumps that lose their hub at once come back spread over time. Nothing here
//! can stop, delay or change therapy (N1): it only speaks to the network.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::time::{Instant, Sleep, sleep_until};
use wardline_model::{Sequence, Time};
use wardline_wire::link::{self, Bye, ByeReason, CloseReason, Heartbeat, PumpFrame, hub_frame, pump_frame};
use wardline_wire::{Greeting, limits};

use crate::frames::StreamError;
use crate::link::{Link, LinkError, connect};

/// The first bound of the back-off.
const FIRST_BOUND: Duration = Duration::from_secs(1);

/// The last bound of the back-off: a hub that comes back is found within five minutes, and 20,000 pumps that all wait at
/// this bound knock 70 times a second.
const LAST_BOUND: Duration = Duration::from_secs(300);

/// How long a link must have lasted for the back-off to begin anew.
const LASTED: Duration = Duration::from_secs(60);

/// How long the hub may take to answer Hello.
const WELCOME_WITHIN: Duration = Duration::from_secs(20);

/// The longest that a hub may make a pump wait: a day.
const LONGEST_RETRY_AFTER: u32 = 86_400;

/// The heartbeats that a hub may ask for, in seconds.
const HEARTBEATS: std::ops::RangeInclusive<u32> = 5..=3_600;

/// How many heartbeats may stay without an answer.
const UNANSWERED: u64 = 3;

/// Where to link, and as whom.
#[derive(Clone, Debug)]
pub struct Target {
    /// Host and port.
    pub place: String,
    /// The name that the hub must prove.
    pub name: String,
    /// What the pump shows and believes.
    pub tls: Arc<ClientConfig>,
}

/// What happened on the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// The handshake is done: say Hello with [`Session::hello`].
    Connected,
    /// The hub answered: the link is up.
    Welcome {
        /// The hub's clock.
        now: Time,
        /// Everything up to here is durable.
        acked: Sequence,
    },
    /// Everything up to here is durable.
    Acked(Sequence),
    /// A signed goal, not verified.
    Goal(Vec<u8>),
    /// There is new release metadata.
    NewMetadata,
    /// The link is gone; it will be tried again by itself.
    Down {
        /// Why, for the log.
        why: String,
        /// The hub's reason, if it gave one.
        reason: Option<CloseReason>,
        /// When it will be tried again.
        again_in: Duration,
    },
}

enum State {
    /// Nothing to link as, yet.
    Off,
    Waiting(Pin<Box<Sleep>>),
    Connecting(Pin<Box<dyn Future<Output = Result<Link, LinkError>> + Send>>),
    Greeting(Box<Link>, Pin<Box<Sleep>>),
    Up(Box<Up>),
}

struct Up {
    link: Link,
    since: Instant,
    every: Duration,
    beat: Pin<Box<Sleep>>,
    sent: u64,
    answered: u64,
}

/// The live link of one pump, driven by its loop.
pub struct Session {
    target: Option<Target>,
    state: State,
    failures: u32,
    random: fn() -> u64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("is_up", &self.is_up())
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new(|| {
            let mut bytes = [0; 8];
            // Without randomness the back-off is at its bound, which is late and safe.
            match aws_lc_rs::rand::fill(&mut bytes) {
                Ok(()) => u64::from_be_bytes(bytes),
                Err(_) => u64::MAX,
            }
        })
    }
}

impl Session {
    /// A session with nothing to link as yet; `random` draws a number.
    #[must_use]
    pub const fn new(random: fn() -> u64) -> Self {
        Self { target: None, state: State::Off, failures: 0, random }
    }

    /// Whether the link is up.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// Links with this target from now on. A link that is up says good-bye first: the pump has a new certificate. The
    /// first link of an agent waits up to a second, so that a ward that powers up together does not knock as one.
    pub fn use_target(&mut self, target: Target) {
        self.target = Some(target);
        self.failures = 0;
        if let State::Up(up) = std::mem::replace(&mut self.state, State::Off) {
            up.say_bye(ByeReason::Renewed);
        }
        self.state = State::Waiting(Box::pin(sleep_until(Instant::now() + self.jittered(FIRST_BOUND))));
    }

    /// Says Hello, after [`Happened::Connected`].
    ///
    /// # Errors
    /// [`StreamError`] when our own frame cannot be sent.
    pub fn hello(&mut self, greeting: Greeting) -> Result<(), StreamError> {
        match &mut self.state {
            State::Greeting(link, _) => link.push(&frame(pump_frame::Body::Hello(greeting.into()))),
            State::Off | State::Waiting(_) | State::Connecting(_) | State::Up(_) => Ok(()),
        }
    }

    /// Whether the link is up and little waits for it.
    #[must_use]
    pub fn has_room(&self) -> bool {
        matches!(&self.state, State::Up(up) if up.link.waiting() < limits::LINK_FRAME)
    }

    /// Sends a frame if the link is up and little waits for it; false when it was not taken.
    pub fn send(&mut self, body: pump_frame::Body) -> bool {
        match &mut self.state {
            State::Up(up) if up.link.waiting() < limits::LINK_FRAME => up.link.push(&frame(body)).is_ok(),
            State::Up(_) | State::Off | State::Waiting(_) | State::Connecting(_) | State::Greeting(..) => false,
        }
    }

    /// Ends the link because the agent stops. It waits for nobody.
    pub fn stop(&mut self) {
        if let State::Up(up) = std::mem::replace(&mut self.state, State::Off) {
            up.say_bye(ByeReason::Stopping);
        }
    }

    /// Drops the link and tries again soon: for a queue that was numbered anew.
    pub fn start_over(&mut self, why: &str) -> Happened {
        self.down(why.into(), None, 0)
    }

    /// What happens next. May be dropped at any time and called again; nothing is lost.
    pub async fn next(&mut self) -> Happened {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        loop {
            match &mut self.state {
                State::Off => return Poll::Pending,
                State::Waiting(until) => {
                    std::task::ready!(until.as_mut().poll(cx));
                    let Some(Target { place, name, tls }) = self.target.clone() else {
                        self.state = State::Off;
                        continue;
                    };
                    self.state = State::Connecting(Box::pin(async move { connect(&place, &name, tls).await }));
                }
                State::Connecting(connecting) => match std::task::ready!(connecting.as_mut().poll(cx)) {
                    Ok(link) => {
                        let until = Box::pin(sleep_until(Instant::now() + WELCOME_WITHIN));
                        self.state = State::Greeting(Box::new(link), until);
                        return Poll::Ready(Happened::Connected);
                    }
                    Err(error) => return Poll::Ready(self.down(error.to_string(), None, 0)),
                },
                State::Greeting(link, until) => {
                    if until.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(self.down("the hub did not answer Hello".into(), None, 0));
                    }
                    let read = std::task::ready!(link.poll_next(cx));
                    return Poll::Ready(self.read_welcome(read));
                }
                State::Up(up) => match std::task::ready!(up.poll(cx)) {
                    Ok(Some(happened)) => return Poll::Ready(happened),
                    Ok(None) => {}
                    Err(end) => return Poll::Ready(self.down(end.why, end.reason, end.retry_after_s)),
                },
            }
        }
    }

    fn read_welcome(&mut self, read: Result<Option<link::HubFrame>, StreamError>) -> Happened {
        match read.map(|frame| frame.and_then(|frame| frame.body)) {
            Ok(Some(hub_frame::Body::Welcome(welcome))) => {
                let State::Greeting(link, _) = std::mem::replace(&mut self.state, State::Off) else {
                    return self.down("Welcome at the wrong time".into(), None, 0);
                };
                let seconds = welcome.heartbeat_s.clamp(*HEARTBEATS.start(), *HEARTBEATS.end());
                let every = Duration::from_secs(u64::from(seconds));
                self.state = State::Up(Box::new(Up {
                    link: *link,
                    since: Instant::now(),
                    every,
                    beat: Box::pin(sleep_until(Instant::now() + every)),
                    sent: 0,
                    answered: 0,
                }));
                Happened::Welcome { now: Time::from_unix_ms(welcome.now), acked: Sequence(welcome.acked) }
            }
            Ok(Some(hub_frame::Body::Close(close))) => {
                let end = End::from(close);
                self.down(end.why, end.reason, end.retry_after_s)
            }
            Ok(Some(_)) => self.down("the hub did not begin with Welcome".into(), None, 0),
            Ok(None) => self.down("the hub ended the connection before Welcome".into(), None, 0),
            Err(error) => self.down(error.to_string(), None, 0),
        }
    }

    /// Notes the end of a link or of an attempt, and when the next attempt will be.
    fn down(&mut self, why: String, reason: Option<CloseReason>, retry_after_s: u32) -> Happened {
        if let State::Up(up) = &self.state
            && up.since.elapsed() >= LASTED
        {
            self.failures = 0;
        }
        let doubled = FIRST_BOUND.saturating_mul(1u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        let jitter = self.jittered(doubled.min(LAST_BOUND));
        let asked = Duration::from_secs(u64::from(retry_after_s.min(LONGEST_RETRY_AFTER)));
        let again_in = if asked.is_zero() { jitter } else { asked + self.jittered(asked / 2) };
        self.failures = self.failures.saturating_add(1);
        self.state = if self.target.is_some() {
            State::Waiting(Box::pin(sleep_until(Instant::now() + again_in)))
        } else {
            State::Off
        };
        Happened::Down { why, reason, again_in }
    }

    /// A random time up to this bound.
    fn jittered(&self, bound: Duration) -> Duration {
        let ms = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        Duration::from_millis(((u128::from((self.random)()) * u128::from(ms)) >> 64) as u64)
    }
}

struct End {
    why: String,
    reason: Option<CloseReason>,
    retry_after_s: u32,
}

impl End {
    fn lost(why: impl Into<String>) -> Self {
        Self { why: why.into(), reason: None, retry_after_s: 0 }
    }
}

impl From<link::Close> for End {
    fn from(close: link::Close) -> Self {
        let detail = wardline_wire::text::clean(&close.detail, limits::EXPLANATION);
        let why = format!("the hub closed the link ({}): {detail}", close.reason().as_str_name());
        Self { why, reason: Some(close.reason()), retry_after_s: close.retry_after_s }
    }
}

impl Up {
    /// `None` means: something was done, ask again.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Happened>, End>> {
        if self.beat.as_mut().poll(cx).is_ready() {
            if self.sent - self.answered >= UNANSWERED {
                return Poll::Ready(Err(End::lost("the hub does not answer heartbeats")));
            }
            self.sent += 1;
            self.beat.as_mut().reset(Instant::now() + self.every);
            let beat = pump_frame::Body::Heartbeat(Heartbeat { number: self.sent });
            return Poll::Ready(match self.link.push(&frame(beat)) {
                Ok(()) => Ok(None),
                Err(error) => Err(End::lost(error.to_string())),
            });
        }
        let read = std::task::ready!(self.link.poll_next(cx));
        Poll::Ready(match read {
            Err(error) => Err(End::lost(error.to_string())),
            Ok(None) => Err(End::lost("the hub ended the connection")),
            Ok(Some(frame)) => self.read(frame),
        })
    }

    fn read(&mut self, frame: link::HubFrame) -> Result<Option<Happened>, End> {
        use hub_frame::Body;
        Ok(Some(match frame.body {
            Some(Body::Ack(ack)) => Happened::Acked(Sequence(ack.seq)),
            Some(Body::Goal(goal)) if goal.signed.len() <= limits::SIGNED_GOAL => Happened::Goal(goal.signed),
            Some(Body::Goal(_)) => return Err(End::lost("a goal over the limit")),
            Some(Body::NewMetadata(_)) => Happened::NewMetadata,
            Some(Body::Heartbeat(beat)) => {
                self.answered = self.answered.max(beat.number.min(self.sent));
                return Ok(None);
            }
            Some(Body::Close(close)) => return Err(close.into()),
            Some(Body::Welcome(_)) => return Err(End::lost("a second Welcome")),
            None => return Err(End::lost("a frame of an unknown kind")),
        }))
    }

    fn say_bye(mut self: Box<Self>, reason: ByeReason) {
        let _ = self.link.push(&frame(pump_frame::Body::Bye(Bye { reason: reason as i32 })));
        self.link.end();
    }
}

const fn frame(body: pump_frame::Body) -> PumpFrame {
    PumpFrame { body: Some(body) }
}
