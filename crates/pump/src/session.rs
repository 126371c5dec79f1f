//! The link session: when to connect, to greet, to beat, and to give up.
//!
//! | state | leaves it by |
//! |---|---|
//! | waiting | the time drawn by back-off with full jitter |
//! | connecting | the connection, or its deadline |
//! | greeting | the hub's welcome, or its deadline |
//! | linked | silence longer than the hub promised, a close, or a relink |
//!
//! It draws no random number: each step is handed one. After a failure it waits a random time between nothing and a
//! bound that doubles (full jitter), so that a hospital whose network comes back does not knock all at once.

use alloc::vec::Vec;
use wardline_model::{Span, Time};

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionTimes {
    /// The bound of the first wait after a failure.
    pub back_off: Span,
    /// The longest bound.
    pub back_off_longest: Span,
    /// For the connection and the TLS handshake.
    pub connect: Span,
    /// For the hub's welcome.
    pub greet: Span,
    /// A link that lasted this long forgives the failures before it.
    pub steady: Span,
}

impl Default for SessionTimes {
    /// One second doubling to five minutes: 500 pumps of a rebooted switch spread over the time that a hub needs for
    /// 500 handshakes, and nobody stays away longer than a nurse's break.
    fn default() -> Self {
        Self {
            back_off: Span::from_s(1),
            back_off_longest: Span::from_min(5),
            connect: Span::from_s(20),
            greet: Span::from_s(20),
            steady: Span::from_min(1),
        }
    }
}

/// One thing that happened to the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SessionInput {
    /// The transport is up: the handshake is done.
    Connected,
    /// The hub welcomed this pump and wants a heartbeat this often.
    Welcome {
        /// The interval between two heartbeats.
        heartbeat: Span,
    },
    /// Anything was heard from the hub.
    Heard,
    /// The transport ended or could not be made; the hub may have said how long to stay away at least.
    Closed {
        /// The hub's own word, already bounded by `wire`.
        stay_away: Option<Span>,
    },
    /// A slot went on trial: close and connect again now.
    Relink,
    /// The time that `wake` named has come.
    Timer,
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SessionEffect {
    /// Open the transport.
    Connect,
    /// Send the greeting.
    Hello,
    /// Send the heartbeat with this number.
    Beat(u64),
    /// The link is up: send report and events.
    Up,
    /// The link is down.
    Down,
    /// Close the transport, whatever it is doing. No `Closed` is expected for it.
    Drop,
}

/// Why the session wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SessionWhy {
    /// To connect again.
    Retry,
    /// Connecting took too long.
    ConnectDeadline,
    /// The welcome took too long.
    GreetDeadline,
    /// A heartbeat is due.
    BeatDue,
    /// The hub was silent too long.
    Silence,
}

/// How many heartbeats the hub may leave unanswered: one lost to a roaming radio is normal, three are a dead link.
const SILENT_BEATS: u64 = 3;

/// The link of one pump to its hub.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Session {
    times: SessionTimes,
    state: State,
    failures: u8,
    beats: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Waiting { until: Time },
    Connecting { until: Time },
    Greeting { until: Time },
    Linked { since: Time, beat_every: Span, next_beat: Time, heard: Time },
}

impl Session {
    /// A session that connects at its first step.
    #[must_use]
    pub const fn new(times: SessionTimes, now: Time) -> Self {
        Self { times, state: State::Waiting { until: now }, failures: 0, beats: 0 }
    }

    /// Whether the hub has welcomed this pump over the current transport.
    #[must_use]
    pub const fn is_linked(&self) -> bool {
        matches!(self.state, State::Linked { .. })
    }

    /// Takes one input. `draw` is a fresh random number.
    pub fn step(&mut self, input: SessionInput, now: Time, draw: u64, fx: &mut Vec<SessionEffect>) {
        match (input, self.state) {
            (SessionInput::Connected, State::Connecting { .. }) => {
                self.state = State::Greeting { until: now + self.times.greet };
                fx.push(SessionEffect::Hello);
            }
            (SessionInput::Welcome { heartbeat }, State::Greeting { .. }) => {
                // A zero interval would beat without end.
                let beat_every = Span::from_ms(heartbeat.as_ms().max(1_000));
                self.state = State::Linked { since: now, beat_every, next_beat: now + beat_every, heard: now };
                fx.push(SessionEffect::Up);
            }
            (SessionInput::Heard, State::Linked { since, beat_every, next_beat, .. }) => {
                self.state = State::Linked { since, beat_every, next_beat, heard: now };
            }
            (SessionInput::Closed { .. }, State::Waiting { .. }) => {}
            (SessionInput::Closed { stay_away }, _) => self.lose(stay_away, now, draw, fx),
            (SessionInput::Relink, _) => {
                self.leave(fx);
                self.connect(now, fx);
            }
            (SessionInput::Timer, _) => self.timer(now, draw, fx),
            // Late words of a transport that is gone, or a peer that speaks out of turn: `wire` refuses those.
            (SessionInput::Connected | SessionInput::Welcome { .. } | SessionInput::Heard, _) => {}
        }
    }

    fn timer(&mut self, now: Time, draw: u64, fx: &mut Vec<SessionEffect>) {
        match self.state {
            State::Waiting { until } if until <= now => self.connect(now, fx),
            State::Connecting { until } | State::Greeting { until } if until <= now => {
                fx.push(SessionEffect::Drop);
                self.lose(None, now, draw, fx);
            }
            State::Linked { beat_every, heard, .. } if silence(heard, beat_every) <= now => {
                fx.push(SessionEffect::Drop);
                self.lose(None, now, draw, fx);
            }
            State::Linked { since, beat_every, next_beat, heard } if next_beat <= now => {
                self.state = State::Linked { since, beat_every, next_beat: now + beat_every, heard };
                self.beats += 1;
                fx.push(SessionEffect::Beat(self.beats));
            }
            State::Waiting { .. } | State::Connecting { .. } | State::Greeting { .. } | State::Linked { .. } => {}
        }
    }

    fn connect(&mut self, now: Time, fx: &mut Vec<SessionEffect>) {
        self.state = State::Connecting { until: now + self.times.connect };
        fx.push(SessionEffect::Connect);
    }

    fn leave(&mut self, fx: &mut Vec<SessionEffect>) {
        match self.state {
            State::Linked { .. } => fx.extend([SessionEffect::Drop, SessionEffect::Down]),
            State::Connecting { .. } | State::Greeting { .. } => fx.push(SessionEffect::Drop),
            State::Waiting { .. } => {}
        }
    }

    fn lose(&mut self, stay_away: Option<Span>, now: Time, draw: u64, fx: &mut Vec<SessionEffect>) {
        if let State::Linked { since, .. } = self.state {
            fx.push(SessionEffect::Down);
            if now.since(since) >= self.times.steady {
                self.failures = 0;
            }
        }
        let bound = self.times.back_off.as_ms().saturating_mul(1 << self.failures.min(20));
        let bound = bound.min(self.times.back_off_longest.as_ms());
        let wait = Span::from_ms(draw % (bound + 1)) + stay_away.unwrap_or(Span::ZERO);
        self.failures = self.failures.saturating_add(1);
        self.state = State::Waiting { until: now + wait };
    }

    /// When to call with [`SessionInput::Timer`], and why.
    #[must_use]
    pub fn wake(&self) -> (Time, SessionWhy) {
        match self.state {
            State::Waiting { until } => (until, SessionWhy::Retry),
            State::Connecting { until } => (until, SessionWhy::ConnectDeadline),
            State::Greeting { until } => (until, SessionWhy::GreetDeadline),
            State::Linked { beat_every, next_beat, heard, .. } => {
                (next_beat, SessionWhy::BeatDue).min((silence(heard, beat_every), SessionWhy::Silence))
            }
        }
    }
}

fn silence(heard: Time, beat_every: Span) -> Time {
    heard + Span::from_ms(beat_every.as_ms().saturating_mul(SILENT_BEATS))
}

#[cfg(test)]
mod tests;
