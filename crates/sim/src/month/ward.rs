//! The wards of the invented hospital: how long infusions last there, how long a pump stands idle between two of them, and
//! when people work.
//!
//! The figures are assumptions that a nurse would not laugh at, not measurements: an intensive-care pump has two channels
//! and little rest between infusions of hours, a pump of a general ward waits for the next patient for most of a shift,
//! theatres are dark from 19:00 to 07:00, and a pump that nobody needs is switched off in the equipment room for hours or
//! days. Together about half of the pumps that are switched on have a program loaded; the summary of every month says how
//! many, because adoption depends on it more than on anything else.

use wardline_model::Time;

use super::settings::BEGINS;
use crate::dice::Dice;

pub(super) const SECOND: u64 = 1_000;
pub(super) const MINUTE: u64 = 60 * SECOND;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;

/// A care area.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) number: usize,
    pub(super) name: &'static str,
    /// Of a hundred pumps.
    pub(super) share: u64,
    pub(super) channels: u8,
    /// Of a hundred infusions, how many are short ones.
    pub(super) short_percent: u64,
    /// How long a short and a long infusion lasts, in minutes.
    short: (u64, u64),
    long: (u64, u64),
    /// How long a channel is idle between two infusions, in minutes.
    idle: (u64, u64),
    /// How often a nurse looks after a running infusion, in minutes.
    round: (u64, u64),
    /// When people begin new infusions.
    hours: Hours,
    /// Of a hundred ended infusions, how many send the pump to the equipment room, switched off.
    pub(super) shelf_percent: u64,
}

/// When people begin new infusions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hours {
    /// Day and night.
    Always,
    /// Less at night.
    Quieter,
    /// From 07:00 to 19:00.
    Day,
}

/// The care areas.
pub(super) static AREAS: [Area; 5] = [
    Area {
        number: 0,
        name: "Intensive care",
        share: 20,
        channels: 2,
        short_percent: 60,
        short: (60, 300),
        long: (360, 1_200),
        idle: (45, 420),
        round: (20, 90),
        hours: Hours::Always,
        shelf_percent: 3,
    },
    Area {
        number: 1,
        name: "Medical surgical",
        share: 40,
        channels: 1,
        short_percent: 65,
        short: (30, 120),
        long: (240, 600),
        idle: (60, 600),
        round: (45, 240),
        hours: Hours::Quieter,
        shelf_percent: 6,
    },
    Area {
        number: 2,
        name: "Emergency",
        share: 15,
        channels: 1,
        short_percent: 80,
        short: (20, 90),
        long: (90, 240),
        idle: (20, 300),
        round: (20, 60),
        hours: Hours::Quieter,
        shelf_percent: 4,
    },
    Area {
        number: 3,
        name: "Neonatal intensive care",
        share: 10,
        channels: 1,
        short_percent: 30,
        short: (60, 240),
        long: (720, 1_440),
        idle: (30, 360),
        round: (30, 120),
        hours: Hours::Always,
        shelf_percent: 2,
    },
    Area {
        number: 4,
        name: "Theatres",
        share: 15,
        channels: 2,
        short_percent: 70,
        short: (30, 120),
        long: (120, 300),
        idle: (20, 120),
        round: (10, 45),
        hours: Hours::Day,
        shelf_percent: 2,
    },
];

impl Area {
    /// The area of the pump with this number, so that each has its share.
    pub(super) fn of(number: usize) -> &'static Self {
        let place = (number as u64 * 37) % 100;
        let mut up_to = 0;
        AREAS
            .iter()
            .find(|area| {
                up_to += area.share;
                place < up_to
            })
            .unwrap_or(&AREAS[0])
    }

    /// How long the next infusion will last.
    pub(super) fn infusion(&self, dice: &mut Dice) -> u64 {
        let (from, to) = if dice.percent(self.short_percent) { self.short } else { self.long };
        dice.between(from * MINUTE, to * MINUTE)
    }

    /// How long until a nurse looks after a running infusion.
    pub(super) fn round(&self, dice: &mut Dice) -> u64 {
        dice.between(self.round.0 * MINUTE, self.round.1 * MINUTE)
    }

    /// How long a channel will be idle from now.
    pub(super) fn idle(&self, now: Time, dice: &mut Dice) -> u64 {
        let idle = dice.between(self.idle.0 * MINUTE, self.idle.1 * MINUTE);
        let then = now + wardline_model::Span::from_ms(idle);
        let hour = hour(then);
        match self.hours {
            Hours::Always => idle,
            Hours::Quieter if !(6..22).contains(&hour) && dice.percent(70) => idle + dice.between(2 * HOUR, 8 * HOUR),
            Hours::Day if !(7..19).contains(&hour) => {
                let opens = (24 + 7 - hour) % 24;
                idle + opens * HOUR + dice.between(0, 90 * MINUTE)
            }
            Hours::Quieter | Hours::Day => idle,
        }
    }
}

/// The hour of the day.
pub(super) const fn hour(at: Time) -> u64 {
    since_begin(at) % DAY / HOUR
}

/// Milliseconds since the month began.
pub(super) const fn since_begin(at: Time) -> u64 {
    at.as_unix_ms().saturating_sub(BEGINS.as_unix_ms())
}
