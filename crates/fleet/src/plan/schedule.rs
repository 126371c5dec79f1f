//! When new goals may be given: windows of a local week. A window never makes a pump switch; the pump picks its moment.

use serde::{Deserialize, Serialize};
use wardline_model::{Span, Time};

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Day {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

impl Day {
    /// Every day, Monday first.
    pub const ALL: [Self; 7] =
        [Self::Monday, Self::Tuesday, Self::Wednesday, Self::Thursday, Self::Friday, Self::Saturday, Self::Sunday];
}

/// A stretch of a day, on some days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins.
    pub days: Vec<Day>,
    /// The local minute of the day at which it begins, 0 to 1439.
    pub from_minute: u16,
    /// The minute at which it ends, up to 1440. At or before `from_minute` it ends on the next day.
    pub to_minute: u16,
}

/// When new goals may be given. Without a window: always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schedule {
    /// Local time minus UTC, in minutes, as the caller's time zone has it today.
    pub utc_offset_minutes: i16,
    /// The windows.
    pub windows: Vec<Window>,
}

/// What is wrong with a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Further from UTC than any place on earth (-12:00 to +14:00).
    #[error("an offset of {0} minutes from UTC is not in use anywhere: expected -720 to 840")]
    Offset(i16),
    /// A minute that no day has.
    #[error("window {0}: minutes of a day run from 0 to 1440")]
    Minute(usize),
    /// A window on no day.
    #[error("window {0}: it names no day")]
    NoDay(usize),
    /// More windows than anybody can follow.
    #[error("a schedule has at most {} windows", Schedule::MOST_WINDOWS)]
    TooMany,
}

const MINUTES_OF_A_DAY: i64 = 1_440;
const MINUTES_OF_A_WEEK: i64 = 7 * MINUTES_OF_A_DAY;
/// 1970-01-01 was a Thursday, three days after a Monday.
const THURSDAY: i64 = 3 * MINUTES_OF_A_DAY;

impl Schedule {
    /// The most windows: three a day.
    pub const MOST_WINDOWS: usize = 21;

    /// At any time.
    #[must_use]
    pub const fn always() -> Self {
        Self { utc_offset_minutes: 0, windows: Vec::new() }
    }

    /// Checks every window.
    ///
    /// # Errors
    /// A [`ScheduleError`] that names the window, from 1.
    pub fn check(&self) -> Result<(), ScheduleError> {
        if !(-720..=840).contains(&self.utc_offset_minutes) {
            return Err(ScheduleError::Offset(self.utc_offset_minutes));
        }
        if self.windows.len() > Self::MOST_WINDOWS {
            return Err(ScheduleError::TooMany);
        }
        for (i, window) in self.windows.iter().enumerate() {
            if window.from_minute > 1_439 || window.to_minute > 1_440 {
                return Err(ScheduleError::Minute(i + 1));
            }
            if window.days.is_empty() {
                return Err(ScheduleError::NoDay(i + 1));
            }
        }
        Ok(())
    }

    /// `None` while a window is open; otherwise when the next one opens.
    #[must_use]
    pub fn opens(&self, now: Time) -> Option<Time> {
        let utc_minute = (now.as_unix_s() / 60) as i64;
        let minute = (utc_minute + i64::from(self.utc_offset_minutes) + THURSDAY).rem_euclid(MINUTES_OF_A_WEEK);
        let mut soonest: Option<i64> = None;
        for window in &self.windows {
            for day in &window.days {
                let begin = *day as i64 * MINUTES_OF_A_DAY + i64::from(window.from_minute);
                let since_begin = (minute - begin).rem_euclid(MINUTES_OF_A_WEEK);
                if since_begin < window.length() {
                    return None;
                }
                let until = MINUTES_OF_A_WEEK - since_begin;
                soonest = Some(soonest.map_or(until, |soonest| soonest.min(until)));
            }
        }
        // Windows begin on the minute.
        soonest.map(|minutes| Time::from_unix_s(now.as_unix_s() / 60 * 60) + Span::from_min(minutes.unsigned_abs()))
    }
}

impl Window {
    /// Minutes from its begin to its end.
    fn length(&self) -> i64 {
        let length = i64::from(self.to_minute) - i64::from(self.from_minute);
        if length > 0 { length } else { length + MINUTES_OF_A_DAY }
    }
}
