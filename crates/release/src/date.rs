//! The one form of date that TUF metadata uses: `YYYY-MM-DDTHH:MM:SSZ`, always UTC (TUF specification 4.2.1).
//!
//! It is read and written here by plain calendar arithmetic, so that the pump's therapy side needs no date library.

use alloc::string::String;
use wardline_model::Time;

/// Reads `YYYY-MM-DDTHH:MM:SSZ` from 1970 on; `None` for anything else.
#[must_use]
pub fn parse(text: &str) -> Option<Time> {
    let bytes: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let number = |range: core::ops::Range<usize>| {
        bytes[range].iter().try_fold(0u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
    if marks.iter().any(|&(at, mark)| bytes[at] != mark) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if year < 1970 || !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = (1970..year).map(|y| if is_leap(y) { 366 } else { 365 }).sum::<u64>()
        + (1..month).map(|m| days_in(year, m)).sum::<u64>()
        + (day - 1);
    Some(Time::from_unix_s(((days * 24 + hour) * 60 + minute) * 60 + second))
}

/// Writes the form that [`parse`] reads; parts of a second are dropped, and a moment after 9999 is written as its last
/// second.
#[must_use]
pub fn print(time: Time) -> String {
    const LAST: u64 = 253_402_300_799;
    let seconds = time.as_unix_s().min(LAST);
    let (mut days, in_day) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let mut month = 1;
    while days >= days_in(year, month) {
        days -= days_in(year, month);
        month += 1;
    }
    let (day, hour, minute, second) = (days + 1, in_day / 3_600, in_day / 60 % 60, in_day % 60);
    alloc::format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}
