//! The live link over time. When to connect, to greet, to beat and to give up is decided by the session machine of crate
//! `pump`; here it is carried out.
//!
//! 20,000 pumps that lose their hub at once come back spread over time (full jitter). Nothing here can stop, delay or
//! change therapy (N1): it only speaks to the network. Deadlines are measured on a clock that nobody sets, so that a
//! wrong wall clock costs no link (A32).

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::time::{Instant, Sleep, sleep_until};
use wardline_model::{Sequence, Span, Time};
use wardline_pump::{SessionEffect, SessionInput, SessionTimes, SessionWhy};
use wardline_wire::link::{self, Bye, ByeReason, CloseReason, Heartbeat, PumpFrame, hub_frame, pump_frame};
use wardline_wire::{Greeting, limits};

use crate::aside::aside;
use crate::frames::StreamError;
use crate::link::{Link, LinkError, connect, is_refusal};

/// The longest that a hub may make a pump wait: a day.
const LONGEST_RETRY_AFTER_S: u32 = 86_400;

/// The heartbeats that a hub may ask for, in seconds.
const HEARTBEATS_S: std::ops::RangeInclusive<u32> = 5..=3_600;

/// The first link of an agent waits up to a second, so that a ward that powers up together does not knock as one.
const FIRST_WAIT: Duration = Duration::from_secs(1);

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
    /// The hub holds this pump: goals and releases go on, events wait here.
    Held {
        /// Why, in plain words.
        why: String,
        /// What the pump's posture is to answer.
        nonce: Vec<u8>,
    },
    /// The link is gone; it will be tried again by itself.
    Down {
        /// Why, for the log.
        why: String,
        /// The hub's reason, if it gave one.
        reason: Option<CloseReason>,
        /// Whether this is how a hub ends a pump whose certificate no longer counts: it refused the certificate, or let
        /// an old session in and ended it without a word.
        is_refusal: bool,
        /// When it will be tried again.
        again_in: Duration,
    },
}

type Attempt = Pin<Box<dyn Future<Output = Result<Link, LinkError>> + Send>>;

enum Transport {
    None,
    Connecting(Attempt),
    Open(Box<Link>),
}

/// Why the link is to be taken for ended.
struct End {
    why: String,
    reason: Option<CloseReason>,
    stay_away: Option<Span>,
    is_refusal: bool,
}

impl End {
    fn lost(why: impl Into<String>) -> Self {
        Self { why: why.into(), reason: None, stay_away: None, is_refusal: false }
    }

    fn refused_if(self, is_refusal: bool) -> Self {
        Self { is_refusal, ..self }
    }
}

impl From<link::Close> for End {
    fn from(close: link::Close) -> Self {
        let detail = wardline_wire::text::clean(&close.detail, limits::EXPLANATION);
        let why = format!("the hub closed the link ({}): {detail}", close.reason().as_str_name());
        let seconds = close.retry_after_s.min(LONGEST_RETRY_AFTER_S);
        let stay_away = (seconds > 0).then(|| Span::from_s(u64::from(seconds)));
        Self { why, reason: Some(close.reason()), stay_away, is_refusal: false }
    }
}

/// The live link of one pump, driven by its loop.
pub struct Session {
    /// `None` until there is a target.
    machine: Option<wardline_pump::Session>,
    target: Option<Target>,
    transport: Transport,
    timer: Pin<Box<Sleep>>,
    began: Instant,
    random: fn() -> u64,
    key_is_slow: bool,
    happened: VecDeque<Happened>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("machine", &self.machine).finish_non_exhaustive()
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new(|| {
            let mut bytes = [0; 8];
            // Without randomness the back-off is no longer spread, which is worse than nothing for the hub only.
            let _ = aws_lc_rs::rand::fill(&mut bytes);
            u64::from_be_bytes(bytes)
        })
    }
}

impl Session {
    /// A session with nothing to link as yet; `random` draws a number.
    #[must_use]
    pub fn new(random: fn() -> u64) -> Self {
        let began = Instant::now();
        Self {
            machine: None,
            target: None,
            transport: Transport::None,
            timer: Box::pin(sleep_until(began)),
            began,
            random,
            key_is_slow: false,
            happened: VecDeque::new(),
        }
    }

    /// The pump's key takes its time, as a TPM does: handshakes are done beside the loop.
    #[must_use]
    pub fn with_slow_key(self, key_is_slow: bool) -> Self {
        Self { key_is_slow, ..self }
    }

    /// Whether the link is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.machine.as_ref().is_some_and(wardline_pump::Session::is_linked)
    }

    /// Links with this target from now on. A link that is up says good-bye first: the pump has a new certificate.
    pub fn use_target(&mut self, target: Target) {
        self.target = Some(target);
        if self.machine.is_some() {
            self.say_bye(ByeReason::Renewed);
            self.relink();
        } else {
            let first = (self.random)() % (FIRST_WAIT.as_millis() as u64 + 1);
            let times = SessionTimes::default();
            self.machine = Some(wardline_pump::Session::new(times, self.now() + Span::from_ms(first)));
            self.set_timer();
        }
    }

    /// Links with this target from the next connection on; one that is up stays.
    pub fn next_target(&mut self, target: Target) {
        self.target = Some(target);
    }

    /// Says Hello, after [`Happened::Connected`].
    ///
    /// # Errors
    /// [`StreamError`] when our own frame cannot be sent.
    pub fn hello(&mut self, greeting: Greeting) -> Result<(), StreamError> {
        match &mut self.transport {
            Transport::Open(link) => link.push(&frame(pump_frame::Body::Hello(greeting.into()))),
            Transport::None | Transport::Connecting(_) => Ok(()),
        }
    }

    /// Whether the link is up and little waits for it.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.is_up() && matches!(&self.transport, Transport::Open(link) if link.waiting() < limits::LINK_FRAME)
    }

    /// Sends a frame if the link is up and little waits for it; false when it was not taken.
    pub fn send(&mut self, body: pump_frame::Body) -> bool {
        let has_room = self.has_room();
        match &mut self.transport {
            Transport::Open(link) if has_room => link.push(&frame(body)).is_ok(),
            Transport::Open(_) | Transport::None | Transport::Connecting(_) => false,
        }
    }

    /// Ends the link because the agent stops. It waits for nobody.
    pub fn stop(&mut self) {
        self.say_bye(ByeReason::Stopping);
        self.machine = None;
    }

    /// Closes the link and opens a new one at once.
    pub fn relink(&mut self) {
        self.step(SessionInput::Relink, Some(End::lost("the pump closed it to open a new one")));
    }

    /// What happens next. May be dropped at any time and called again; nothing is lost.
    pub async fn next(&mut self) -> Happened {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        loop {
            if let Some(happened) = self.happened.pop_front() {
                return Poll::Ready(happened);
            }
            if self.machine.is_none() {
                return Poll::Pending;
            }
            if self.timer.as_mut().poll(cx).is_ready() {
                self.step(SessionInput::Timer, None);
                continue;
            }
            match &mut self.transport {
                Transport::None => return Poll::Pending,
                Transport::Connecting(attempt) => match std::task::ready!(attempt.as_mut().poll(cx)) {
                    Ok(link) => {
                        self.transport = Transport::Open(Box::new(link));
                        self.step(SessionInput::Connected, None);
                    }
                    Err(error) => {
                        let is_refusal = matches!(&error, LinkError::Handshake { source, .. } if is_refusal(source));
                        self.end(End::lost(error.to_string()).refused_if(is_refusal));
                    }
                },
                Transport::Open(link) => match std::task::ready!(link.poll_next(cx)) {
                    Ok(Some(frame)) => self.read(frame),
                    Ok(None) => {
                        let is_before_welcome = !self.is_up();
                        self.end(End::lost("the hub ended the connection").refused_if(is_before_welcome));
                    }
                    Err(error) => {
                        let is_refusal = matches!(&error, StreamError::Io(error) if is_refusal(error));
                        self.end(End::lost(error.to_string()).refused_if(is_refusal));
                    }
                },
            }
        }
    }

    fn read(&mut self, frame: link::HubFrame) {
        use hub_frame::Body;
        self.step(SessionInput::Heard, None);
        let happened = match (frame.body, self.is_up()) {
            (Some(Body::Close(close)), _) => return self.end(close.into()),
            (Some(Body::Welcome(welcome)), false) => return self.welcomed(&welcome),
            (Some(Body::Heartbeat(_)), true) => return,
            (Some(Body::Ack(ack)), true) => Happened::Acked(Sequence(ack.seq)),
            (Some(Body::Goal(goal)), true) if goal.signed.len() <= limits::SIGNED_GOAL => Happened::Goal(goal.signed),
            (Some(Body::NewMetadata(_)), true) => Happened::NewMetadata,
            (Some(Body::Standing(standing)), true) => {
                let why = wardline_wire::text::clean(&standing.why, limits::EXPLANATION);
                Happened::Held { why, nonce: standing.nonce }
            }
            (Some(Body::Goal(_)), true) => return self.end(End::lost("a goal over the limit")),
            (Some(Body::Welcome(_)), true) => return self.end(End::lost("a second Welcome")),
            (Some(_), false) => return self.end(End::lost("the hub did not begin with Welcome")),
            (None, _) => return self.end(End::lost("a frame of an unknown kind")),
        };
        self.happened.push_back(happened);
    }

    fn welcomed(&mut self, welcome: &link::Welcome) {
        let seconds = welcome.heartbeat_s.clamp(*HEARTBEATS_S.start(), *HEARTBEATS_S.end());
        self.step(SessionInput::Welcome { heartbeat: Span::from_s(u64::from(seconds)) }, None);
        if self.is_up() {
            let (now, acked) = (Time::from_unix_ms(welcome.now), Sequence(welcome.acked));
            self.happened.push_back(Happened::Welcome { now, acked });
        }
    }

    fn end(&mut self, end: End) {
        self.transport = Transport::None;
        self.step(SessionInput::Closed { stay_away: end.stay_away }, Some(end));
    }

    /// Brings one input to the machine and carries out what it says. `end` says why, if the link ends by it.
    fn step(&mut self, input: SessionInput, end: Option<End>) {
        let (now, draw) = (self.now(), (self.random)());
        let Some(machine) = &mut self.machine else { return };
        let (mut effects, was) = (Vec::new(), machine.wake().1);
        machine.step(input, now, draw, &mut effects);
        let (at, why) = machine.wake();
        let mut went_down = why == SessionWhy::Retry && was != SessionWhy::Retry;
        for effect in effects {
            match effect {
                SessionEffect::Connect => self.connect(),
                SessionEffect::Hello => self.happened.push_back(Happened::Connected),
                SessionEffect::Beat(number) => self.beat(number),
                SessionEffect::Up => {}
                SessionEffect::Down => went_down = true,
                SessionEffect::Drop => self.transport = Transport::None,
            }
        }
        if went_down {
            let End { why, reason, is_refusal, .. } =
                end.unwrap_or_else(|| End::lost("the hub did not answer in time"));
            let again_in = Duration::from_millis(at.since(now).as_ms());
            self.happened.push_back(Happened::Down { why, reason, is_refusal, again_in });
        }
        self.set_timer();
    }

    fn connect(&mut self) {
        let Some(Target { place, name, tls }) = self.target.clone() else { return };
        let connecting = async move { connect(&place, &name, tls).await };
        self.transport = Transport::Connecting(Box::pin(aside(self.key_is_slow, connecting)));
    }

    fn beat(&mut self, number: u64) {
        if let Transport::Open(link) = &mut self.transport {
            // A hub that does not read falls silent too, and is given up for that.
            let _ = link.push(&frame(pump_frame::Body::Heartbeat(Heartbeat { number })));
        }
    }

    fn say_bye(&mut self, reason: ByeReason) {
        let is_up = self.is_up();
        if let Transport::Open(mut link) = std::mem::replace(&mut self.transport, Transport::None)
            && is_up
        {
            let _ = link.push(&frame(pump_frame::Body::Bye(Bye { reason: reason as i32 })));
            link.end();
        }
    }

    fn set_timer(&mut self) {
        if let Some((at, _)) = self.machine.as_ref().map(wardline_pump::Session::wake) {
            let at = self.began + Duration::from_millis(at.as_unix_ms());
            if self.timer.deadline() != at || self.timer.is_elapsed() {
                self.timer.as_mut().reset(at);
            }
        }
    }

    /// Time since this session began: a clock that nobody sets.
    fn now(&self) -> Time {
        Time::from_unix_ms(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

const fn frame(body: pump_frame::Body) -> PumpFrame {
    PumpFrame { body: Some(body) }
}
