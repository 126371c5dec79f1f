//! What a channel delivers, in whole numbers.
//!
//! | flow | leaves it by |
//! |---|---|
//! | stopped | a person who starts |
//! | running | a person or alarm that stops it, a bolus, the volume to be infused |
//! | bolus | its volume is given: running again |
//! | keeping the vein open | a person or alarm that stops it |
//!
//! Amounts are kept as microlitres × milliseconds per hour, so that a rate times a time is exact and nothing is rounded
//! until somebody reads it. Delivery is a function of what was done at the bedside and of the pump's own clock: nothing
//! that comes from a network has a way in (N1).

use wardline_model::covers;

/// One microlitre in the unit that amounts are kept in.
pub const UL: u64 = 3_600_000;

/// The fastest rate that is believed, in microlitres per hour: ten times what pumps reach.
const FASTEST: u64 = 10_000_000;
/// The largest volume that is believed, in microlitres: 100 litres.
const LARGEST: u64 = 100_000_000;

/// What flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Nothing.
    Stopped,
    /// The programmed rate.
    Running,
    /// A bolus, with what is left of it.
    Bolus {
        /// Still to be given, in microlitres × ms/h.
        left: u64,
        /// Its rate, in microlitres per hour.
        rate: u64,
    },
    /// Just enough to keep the vein open, after the volume to be infused was given.
    KeepVeinOpen,
}

/// The delivery of one infusion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    rate: u64,
    kvo: u64,
    to_give: u64,
    infused: u64,
    beside: u64,
    flow: Flow,
    at_ms: u64,
}

impl Delivery {
    /// Nothing given yet. Rates in microlitres per hour, the volume to be infused in microlitres.
    #[must_use]
    pub const fn new(rate: u64, volume: u64, kvo: u64, at_ms: u64) -> Self {
        let rate = if rate > FASTEST { FASTEST } else { rate };
        let volume = if volume > LARGEST { LARGEST } else { volume };
        let kvo = if kvo > rate { rate } else { kvo };
        Self { rate, kvo, to_give: volume * UL, infused: 0, beside: 0, flow: Flow::Stopped, at_ms }
    }

    /// What flows now.
    #[must_use]
    pub const fn flow(&self) -> Flow {
        self.flow
    }

    /// Everything given so far, in whole microlitres.
    #[must_use]
    pub const fn given_ul(&self) -> u64 {
        (self.infused + self.beside) / UL
    }

    /// What is left of the volume to be infused, in whole microlitres.
    #[must_use]
    pub const fn left_ul(&self) -> u64 {
        (self.to_give - self.infused) / UL
    }

    /// How long the volume to be infused still takes at the present rate, in milliseconds; `None` when nothing runs.
    #[must_use]
    pub const fn ends_in_ms(&self) -> Option<u64> {
        match self.flow {
            Flow::Running if self.rate > 0 => Some((self.to_give - self.infused).div_ceil(self.rate)),
            Flow::Running | Flow::Stopped | Flow::Bolus { .. } | Flow::KeepVeinOpen => None,
        }
    }

    /// Lets time pass. A clock that goes backwards passes none.
    pub fn advance(&mut self, to_ms: u64) {
        covers!("N1");
        while self.at_ms < to_ms {
            let dt = to_ms - self.at_ms;
            match self.flow {
                Flow::Stopped => self.at_ms = to_ms,
                Flow::KeepVeinOpen => {
                    self.beside = self.beside.saturating_add(self.kvo.saturating_mul(dt));
                    self.at_ms = to_ms;
                }
                Flow::Running => match self.ends_in_ms() {
                    Some(needed) if needed <= dt => {
                        self.infused = self.to_give;
                        self.at_ms += needed;
                        self.flow = Flow::KeepVeinOpen;
                    }
                    Some(_) | None => {
                        self.infused += self.rate * dt;
                        self.at_ms = to_ms;
                    }
                },
                Flow::Bolus { left, rate } => {
                    let needed = left.div_ceil(rate.max(1));
                    if needed <= dt {
                        self.beside = self.beside.saturating_add(left);
                        self.at_ms += needed;
                        self.flow = Flow::Running;
                    } else {
                        self.beside = self.beside.saturating_add(rate * dt);
                        self.at_ms = to_ms;
                        self.flow = Flow::Bolus { left: left - rate * dt, rate };
                    }
                }
            }
        }
    }

    /// A person starts or resumes.
    pub fn start(&mut self, at_ms: u64) {
        self.advance(at_ms);
        if self.flow == Flow::Stopped {
            self.flow = if self.infused >= self.to_give { Flow::KeepVeinOpen } else { Flow::Running };
        }
    }

    /// A person or an alarm stops it. What is left of a bolus is not given later.
    pub fn stop(&mut self, at_ms: u64) {
        self.advance(at_ms);
        self.flow = Flow::Stopped;
    }

    /// A person changes the rate, in microlitres per hour.
    pub fn titrate(&mut self, rate: u64, at_ms: u64) {
        self.advance(at_ms);
        self.rate = rate.min(FASTEST);
    }

    /// A person gives a bolus while it runs: a volume in microlitres at a rate in microlitres per hour.
    pub fn bolus(&mut self, volume: u64, rate: u64, at_ms: u64) {
        self.advance(at_ms);
        if self.flow == Flow::Running {
            self.flow = Flow::Bolus { left: volume.min(LARGEST) * UL, rate: rate.clamp(1, FASTEST) };
        }
    }
}
