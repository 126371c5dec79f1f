//! How long the demonstration runs: `30m`, `90s`, `2h`, or until Ctrl-C.

use std::str::FromStr;
use std::time::Duration;

/// A length of time as people type it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasts(pub Duration);

impl FromStr for Lasts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected =
            || format!("{text:?} is not a length of time: expected a number and s, m or h, such as 90s or 30m");
        let unit = text.chars().last().ok_or_else(expected)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            _ => return Err(expected()),
        };
        let number: u64 = text[..text.len() - 1].trim().parse().map_err(|_| expected())?;
        if number == 0 || number > 100_000 {
            return Err(expected());
        }
        Ok(Self(Duration::from_secs(number * seconds)))
    }
}

#[cfg(test)]
mod tests {
    //! Lengths as people type them.

    use std::time::Duration;

    use super::Lasts;

    #[test]
    fn lengths_are_read_as_typed() {
        assert_eq!("30m".parse(), Ok(Lasts(Duration::from_secs(1_800))));
        assert_eq!("90s".parse(), Ok(Lasts(Duration::from_secs(90))));
        for wrong in ["", "m", "30", "0s", "-1m", "3ä", "1e3s"] {
            assert!(wrong.parse::<Lasts>().is_err(), "{wrong}");
        }
    }
}
