//! Moments and lengths of time, as plain numbers that somebody else read from a clock.
//!
//! No crate that decides anything reads a clock: `now` is always an argument, which is what lets the simulator run a
//! month in seconds and replay it from a seed.

use core::fmt;
use core::ops::{Add, Sub};
use serde::{Deserialize, Serialize};

/// A moment: milliseconds since 1970-01-01T00:00:00 UTC, leap seconds not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(u64);

/// A length of time in milliseconds, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(u64);

impl Time {
    /// The moment that is this many milliseconds after the epoch.
    #[must_use]
    pub const fn from_unix_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// The moment that is this many seconds after the epoch.
    #[must_use]
    pub const fn from_unix_s(s: u64) -> Self {
        Self(s.saturating_mul(1_000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_unix_ms(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn as_unix_s(self) -> u64 {
        self.0 / 1_000
    }

    /// How long ago `earlier` was; zero when it lies in the future (clocks of pumps may be wrong).
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// This many milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// This many seconds.
    #[must_use]
    pub const fn from_s(s: u64) -> Self {
        Self(s.saturating_mul(1_000))
    }

    /// This many minutes.
    #[must_use]
    pub const fn from_min(min: u64) -> Self {
        Self::from_s(min.saturating_mul(60))
    }

    /// This many hours.
    #[must_use]
    pub const fn from_h(h: u64) -> Self {
        Self::from_min(h.saturating_mul(60))
    }

    /// This many days of 24 hours.
    #[must_use]
    pub const fn from_days(days: u64) -> Self {
        Self::from_h(days.saturating_mul(24))
    }

    /// Milliseconds.
    #[must_use]
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// Whole seconds.
    #[must_use]
    pub const fn as_s(self) -> u64 {
        self.0 / 1_000
    }
}

impl Add<Span> for Time {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Time {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Span {
    /// The two largest units: `3 d 4 h`, `12 min 5 s`, `800 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (d, h, min, s) = (self.0 / 86_400_000, self.0 / 3_600_000 % 24, self.0 / 60_000 % 60, self.0 / 1_000 % 60);
        let pair = |f: &mut fmt::Formatter<'_>, a: u64, ua: &str, b: u64, ub: &str| {
            if b == 0 { write!(f, "{a} {ua}") } else { write!(f, "{a} {ua} {b} {ub}") }
        };
        match (d, h, min, s) {
            (0, 0, 0, 0) => write!(f, "{} ms", self.0),
            (0, 0, 0, s) => write!(f, "{s} s"),
            (0, 0, min, s) => pair(f, min, "min", s, "s"),
            (0, h, min, _) => pair(f, h, "h", min, "min"),
            (d, h, _, _) => pair(f, d, "d", h, "h"),
        }
    }
}
