//! Whether a pump's certificate should have been renewed by now.
//!
//! A pump renews at about two thirds of its certificate's life. Of 30 days, less than a week left means that something is
//! wrong with the pump or its network, and there is still time to go and look. Of a shorter life it is the same part: a
//! certificate that lasts a day is not overdue on its first morning.

use wardline_model::{Span, Time};

/// What is left at the most of a certificate that is overdue.
pub const OVERDUE: Span = Span::from_days(7);

/// The part of its life that [`OVERDUE`] is of 30 days.
const PART: (u64, u64) = (7, 30);

/// Whether a certificate that is good from `begins` until `ends` should have been renewed by now.
#[must_use]
pub fn is_overdue(begins: Time, ends: Time, now: Time) -> bool {
    let life = ends.since(begins).as_ms();
    let part = Span::from_ms(life / PART.1 * PART.0);
    ends.since(now) < part.min(OVERDUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_overdue_in_the_last_part_of_its_life_and_never_earlier() {
        let begins = Time::from_unix_s(1_800_000_000);
        let at = |life: Span, left: Span| {
            let ends = begins + life;
            is_overdue(begins, ends, ends - left)
        };
        assert!(at(Span::from_days(30), Span::from_h(7 * 24 - 1)));
        assert!(!at(Span::from_days(30), Span::from_days(8)));
        assert!(!at(Span::from_days(398), Span::from_days(8)), "a week is enough to go and look");
        assert!(!at(Span::from_days(1), Span::from_h(8)), "it renews with a third left");
        assert!(at(Span::from_days(1), Span::from_h(5)));
        assert!(at(Span::from_days(30), Span::from_ms(0)));
    }
}
