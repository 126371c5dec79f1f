//! What people did to one channel, and what must have come of it.
//!
//! The arithmetic is not the pump's: it adds up whole segments of time from the list of what was done, in 128 bits,
//! each time anew.

use wardline_library::Snapshot;
use wardline_model::ChannelState;

use crate::controller::reference::AlarmKind;

/// Microlitres × milliseconds per hour in one microlitre.
const UL: u128 = 3_600_000;

/// One thing that somebody did, at a bedside time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// Started or resumed.
    Start,
    /// Set the start for later.
    Delay,
    /// Paused.
    Pause,
    /// Changed the rate to this, in microlitres per hour.
    Rate(u64),
    /// Gave a bolus.
    Bolus {
        /// Its volume in microlitres.
        ul: u64,
        /// Its rate in microlitres per hour.
        rate: u64,
    },
    /// An alarm stopped it.
    Alarm,
    /// The alarm was dealt with.
    Silence,
}

/// One infusion as it was programmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Infusion {
    /// The limits that the pump showed right after programming.
    pub limits: Snapshot,
    /// The rate in microlitres per hour.
    pub rate: u64,
    /// The volume to be infused, in microlitres.
    pub volume: u64,
    /// The rate that keeps the vein open, in microlitres per hour.
    pub kvo: u64,
}

/// What people know of one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chart {
    /// What is programmed.
    pub infusion: Option<Infusion>,
    /// What was done since.
    pub strokes: Vec<(u64, Stroke)>,
    /// What sounds.
    pub alarm: Option<AlarmKind>,
    /// A program was asked for while the pump switched its library: it takes it in a moment.
    pub in_a_moment: bool,
}

/// What must be seen now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// What the channel does.
    pub state: ChannelState,
    /// What it has delivered, in microlitres; `None` without a program.
    pub given_ul: Option<u64>,
}

struct Sum {
    state: ChannelState,
    before_alarm: ChannelState,
    rate: u128,
    infused: u128,
    beside: u128,
    bolus: (u128, u128),
    at: u64,
}

impl Chart {
    /// What must be seen at this bedside time.
    #[must_use]
    pub fn expect(&self, at_ms: u64) -> Expected {
        let Some(infusion) = &self.infusion else {
            let state = if self.alarm.is_some() { ChannelState::Alarming } else { ChannelState::Idle };
            return Expected { state, given_ul: None };
        };
        let first = self.strokes.first().map_or(at_ms, |(at, _)| *at);
        let mut sum = Sum {
            state: ChannelState::Programmed,
            before_alarm: ChannelState::Programmed,
            rate: u128::from(infusion.rate),
            infused: 0,
            beside: 0,
            bolus: (0, 1),
            at: first,
        };
        for (at, stroke) in &self.strokes {
            sum.pass(infusion, *at);
            sum.stroke(infusion, *stroke);
        }
        sum.pass(infusion, at_ms);
        let given = (sum.infused + sum.beside) / UL;
        Expected { state: sum.state, given_ul: Some(u64::try_from(given).unwrap_or(u64::MAX)) }
    }
}

impl Sum {
    fn stroke(&mut self, infusion: &Infusion, stroke: Stroke) {
        match stroke {
            Stroke::Start => {
                let done = self.infused >= u128::from(infusion.volume) * UL;
                self.state = if done { ChannelState::KeepVeinOpen } else { ChannelState::Infusing };
            }
            Stroke::Delay => self.state = ChannelState::DelayedStart,
            Stroke::Pause => self.state = ChannelState::Paused,
            Stroke::Rate(rate) => self.rate = u128::from(rate),
            Stroke::Bolus { ul, rate } => {
                self.state = ChannelState::Bolus;
                self.bolus = (u128::from(ul) * UL, u128::from(rate.max(1)));
            }
            Stroke::Alarm => {
                self.before_alarm = self.state;
                self.state = ChannelState::Alarming;
            }
            Stroke::Silence => {
                // The rest of a bolus that an alarm interrupted is not given.
                let bolus = self.before_alarm == ChannelState::Bolus;
                self.state = if bolus { ChannelState::Infusing } else { self.before_alarm };
            }
        }
    }

    /// Adds one segment of time in which nobody did anything.
    fn pass(&mut self, infusion: &Infusion, to: u64) {
        while self.at < to {
            let dt = u128::from(to - self.at);
            let used = match self.state {
                ChannelState::Infusing => {
                    let left = u128::from(infusion.volume) * UL - self.infused;
                    let needed = if self.rate == 0 { u128::MAX } else { left.div_ceil(self.rate) };
                    if needed <= dt {
                        self.infused += left;
                        self.state = ChannelState::KeepVeinOpen;
                        needed
                    } else {
                        self.infused += self.rate * dt;
                        dt
                    }
                }
                ChannelState::Bolus => {
                    let (left, rate) = self.bolus;
                    let needed = left.div_ceil(rate);
                    if needed <= dt {
                        self.beside += left;
                        self.state = ChannelState::Infusing;
                        needed
                    } else {
                        self.beside += rate * dt;
                        self.bolus.0 = left - rate * dt;
                        dt
                    }
                }
                ChannelState::KeepVeinOpen => {
                    self.beside += u128::from(infusion.kvo) * dt;
                    dt
                }
                ChannelState::Idle
                | ChannelState::Programmed
                | ChannelState::DelayedStart
                | ChannelState::Paused
                | ChannelState::Alarming => dt,
            };
            self.at += u64::try_from(used).unwrap_or(0);
            if used == 0 && self.state == ChannelState::Infusing && self.rate == 0 {
                break;
            }
        }
    }
}
