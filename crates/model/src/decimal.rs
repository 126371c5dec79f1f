//! Exact decimals for doses, rates, volumes and limits (N10).
//!
//! A decimal is an integer and a power of ten, so `0.1` is one tenth and nothing is ever rounded on the way from the
//! editor to the pump. There is no conversion from a float and no exponent notation: `1e3` is refused, because nobody
//! writes a dose that way and a reader may miss it. A leading zero is required before the point and a trailing zero
//! after it keeps its place in print but not in comparison (ISMP's rules on error-prone dose designations).

use alloc::string::String;
use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `mantissa × 10^-scale`. Scale is at most [`Decimal::MAX_SCALE`]; the mantissa fits 18 digits, so that comparing two
/// never overflows 128 bits.
#[derive(Clone, Copy)]
pub struct Decimal {
    mantissa: i64,
    scale: u8,
}

/// Why a text is not a decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not digits with at most one point.
    #[error("is not a plain decimal number such as 0.5 or 12 (no exponent, no thousands separator, point not comma)")]
    Shape,
    /// A point without a digit before it.
    #[error("needs a zero before the decimal point")]
    LeadingZero,
    /// More digits than any dose needs.
    #[error("has more than 18 digits or more than 9 after the point")]
    TooLong,
    /// A calculation left the range.
    #[error("is out of range")]
    Range,
}

const POW10: [i64; 19] = {
    let mut table = [1i64; 19];
    let mut i = 1;
    while i < 19 {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    table
};

impl Decimal {
    /// Nine digits after the point: a picogram in milligrams.
    pub const MAX_SCALE: u8 = 9;
    /// Eighteen digits in all.
    pub const MAX_DIGITS: usize = 18;
    /// Zero.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };

    /// `mantissa × 10^-scale`.
    ///
    /// # Errors
    /// [`DecimalError::TooLong`] when scale or mantissa leave the limits.
    pub const fn new(mantissa: i64, scale: u8) -> Result<Self, DecimalError> {
        if scale > Self::MAX_SCALE || mantissa.unsigned_abs() >= POW10[18] as u64 {
            return Err(DecimalError::TooLong);
        }
        Ok(Self { mantissa, scale })
    }

    /// A whole number.
    #[must_use]
    pub const fn from_int(value: i32) -> Self {
        Self { mantissa: value as i64, scale: 0 }
    }

    /// The integer and the power of ten, trailing zeros removed: equal decimals give equal pairs.
    #[must_use]
    pub const fn parts(self) -> (i64, u8) {
        let (mut mantissa, mut scale) = (self.mantissa, self.scale);
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        (mantissa, scale)
    }

    /// Whether it is above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.mantissa > 0
    }

    /// Whether it is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The exact sum.
    ///
    /// # Errors
    /// [`DecimalError::Range`] when the sum does not fit.
    pub fn checked_add(self, other: Self) -> Result<Self, DecimalError> {
        let scale = self.scale.max(other.scale);
        Self::fit(self.at(scale) + other.at(scale), scale)
    }

    /// The exact product.
    ///
    /// # Errors
    /// [`DecimalError::Range`] when the product needs more digits than a decimal has; it is never rounded.
    pub fn checked_mul(self, other: Self) -> Result<Self, DecimalError> {
        let ((a, sa), (b, sb)) = (self.parts(), other.parts());
        Self::fit(i128::from(a) * i128::from(b), sa + sb)
    }

    fn at(self, scale: u8) -> i128 {
        i128::from(self.mantissa) * i128::from(POW10[(scale - self.scale) as usize])
    }

    fn fit(mut mantissa: i128, mut scale: u8) -> Result<Self, DecimalError> {
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        let mantissa = i64::try_from(mantissa).map_err(|_| DecimalError::Range)?;
        Self::new(mantissa, scale).map_err(|_| DecimalError::Range)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}
impl Eq for Decimal {}

impl core::hash::Hash for Decimal {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        self.at(scale).cmp(&other.at(scale))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs();
        if self.scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let unit = POW10[self.scale as usize] as u64;
        write!(f, "{sign}{}.{:0width$}", digits / unit, digits % unit, width = self.scale as usize)
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return Err(DecimalError::Shape),
            Some((whole, fraction)) => (whole, fraction),
            None => (digits, ""),
        };
        if whole.is_empty() {
            return Err(if fraction.is_empty() { DecimalError::Shape } else { DecimalError::LeadingZero });
        }
        if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(DecimalError::Shape);
        }
        let significant = whole.trim_start_matches('0').len() + fraction.len();
        if significant > Self::MAX_DIGITS || fraction.len() > Self::MAX_SCALE as usize {
            return Err(DecimalError::TooLong);
        }
        let magnitude =
            whole.bytes().chain(fraction.bytes()).fold(0i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Self::new(if negative { -magnitude } else { magnitude }, fraction.len() as u8)
    }
}

impl Serialize for Decimal {
    /// As a string: JSON numbers pass through floats in too many readers.
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}
