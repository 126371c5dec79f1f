//! What the barcode on a pump says: a Unique Device Identification in the form of GS1 (General Specifications, section 3).
//!
//! Two spellings are read. What a scanner sends is an *element string*: `]d2` (or another sign of its symbology), then
//! application identifiers with their data, and an FNC1 character (sent as GS, 0x1D) behind data of variable length.
//! What people read beside the barcode puts the identifiers in brackets: `(01)00643169001763(17)281231(21)21A11F4855`.
//!
//! | AI | what | form |
//! |---|---|---|
//! | 01 | GTIN: which product | 14 digits, the last one a check digit |
//! | 10 | batch or lot | 1 to 20 characters of set 82 |
//! | 11 | made on | YYMMDD |
//! | 17 | expires on | YYMMDD |
//! | 21 | serial number | 1 to 20 characters of set 82 |
//!
//! Every other identifier is skipped by the lengths that GS1 set for it. What is refused: a wrong check digit, a date that
//! is none, a character that GS1 does not allow, one identifier twice with two values, and anything without a GTIN.
//!
//! A scanner that types like a keyboard often cannot type GS. `{GS}`, `<GS>`, `^]`, `|` and U+241D are read as GS.

mod devices;

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use wardline_model::Serial;

pub use devices::{Devices, DevicesError};

/// FNC1 as a scanner sends it.
const GS: char = '\u{1d}';

/// What people set scanners to send for GS when they cannot send it. None but `<GS>` could be data.
const GS_SPELLINGS: [&str; 5] = ["{GS}", "<GS>", "^]", "|", "\u{241d}"];

/// Signs of symbologies that carry GS1 element strings: GS1-128, DataBar, DataMatrix, QR, DotCode (ISO/IEC 15424).
const SYMBOLOGIES: [&str; 5] = ["]C1", "]e0", "]d2", "]Q3", "]J1"];

/// The longest text: a GS1-128 symbol has at most 48 characters, a GS1 DataMatrix in health care rarely 100.
pub const LONGEST: usize = 256;

/// The most data behind one identifier (GS1: 90, of AI 8110).
const LONGEST_DATA: usize = 90;

/// A Global Trade Item Number of 14 digits: which product of which maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gtin(u64);

impl Gtin {
    /// The digit that the thirteen before it ask for (GS1 General Specifications 7.9: weights 3 and 1 in turn).
    const fn check_digit(thirteen: u64) -> u64 {
        let (mut rest, mut weight, mut sum) = (thirteen, 3, 0);
        while rest > 0 {
            sum += rest % 10 * weight;
            weight = 4 - weight;
            rest /= 10;
        }
        (10 - sum % 10) % 10
    }
}

impl FromStr for Gtin {
    type Err = UdiError;

    /// Reads 14 digits, or the 8, 12 or 13 of a shorter form, which is the same number with zeros in front.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if !matches!(text.len(), 8 | 12 | 13 | 14) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(UdiError::GtinForm);
        }
        let number: u64 = text.parse().map_err(|_| UdiError::GtinForm)?;
        let (expected, found) = (Self::check_digit(number / 10), number % 10);
        if expected == found { Ok(Self(number)) } else { Err(UdiError::CheckDigit { found, expected }) }
    }
}

impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:014}", self.0)
    }
}

impl Serialize for Gtin {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Gtin {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(|why| serde::de::Error::custom(format!("{text:?} {why}")))
    }
}

/// A date of a label: year without its century, month, day. Day 0 means the whole month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelDate {
    /// 0 to 99.
    pub year: u8,
    /// 1 to 12.
    pub month: u8,
    /// 0 to 31.
    pub day: u8,
}

impl LabelDate {
    fn new(data: &str) -> Option<Self> {
        let part = |at: usize| data.get(at..at + 2)?.parse::<u8>().ok();
        let date = Self { year: part(0)?, month: part(2)?, day: part(4)? };
        let last = match date.month {
            2 if date.year.is_multiple_of(4) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            _ => return None,
        };
        (date.day <= last).then_some(date)
    }
}

/// What a barcode says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udi {
    /// Which product (the device identifier).
    pub gtin: Gtin,
    /// Its serial number.
    pub serial: Option<Serial>,
    /// Its batch or lot.
    pub lot: Option<String>,
    /// When it was made.
    pub made: Option<LabelDate>,
    /// When it expires.
    pub expires: Option<LabelDate>,
}

/// Why a text is no such barcode. Each completes the sentence "the value …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UdiError {
    /// Nothing like it.
    #[error(
        "is not a GS1 barcode: expected what a scanner sends, such as ]d201…, or the text beside it, such as \
         (01)00643169001763(21)21A11F4855"
    )]
    Form,
    /// Longer than any barcode.
    #[error("is longer than {LONGEST} characters")]
    TooLong,
    /// Not the digits of a GTIN.
    #[error("has a GTIN that is not 14 digits (AI 01)")]
    GtinForm,
    /// A typing or reading error.
    #[error("has a GTIN whose check digit is {found}, expected {expected}: a digit was read or typed wrongly")]
    CheckDigit {
        /// What stood there.
        found: u64,
        /// What the other digits ask for.
        expected: u64,
    },
    /// No product.
    #[error("names no product (AI 01)")]
    NoGtin,
    /// An identifier that GS1 has not given out.
    #[error("has {0:?} where an application identifier was expected")]
    Unknown(String),
    /// Too little behind an identifier of fixed length.
    #[error("ends in the middle of AI {ai}: expected {expected} characters, found {found}")]
    Short {
        /// Which identifier.
        ai: String,
        /// How many it has.
        expected: usize,
        /// How many there were.
        found: usize,
    },
    /// Nothing, or too much, behind an identifier of variable length.
    #[error("has {found} characters in AI {ai}: expected 1 to {most}{}", hint(.ai))]
    Length {
        /// Which identifier.
        ai: String,
        /// The most that it may have.
        most: usize,
        /// How many there were.
        found: usize,
    },
    /// A character outside of GS1's set 82.
    #[error("has the character {character:?} in AI {ai}, which GS1 does not allow")]
    Character {
        /// Which identifier.
        ai: String,
        /// The character.
        character: char,
    },
    /// Letters in a number.
    #[error("has something else than digits in AI {0}")]
    Digits(String),
    /// Not a day of a year.
    #[error("has a date in AI {ai} that does not exist: {date} (expected YYMMDD)")]
    Date {
        /// Which identifier.
        ai: String,
        /// What stood there.
        date: String,
    },
    /// Two values for one identifier.
    #[error("has AI {0} twice, with two values")]
    Twice(String),
}

/// What usually makes data of variable length too long.
fn hint(ai: &str) -> &'static str {
    match ai {
        "10" | "21" => " (a scanner that leaves out FNC1 runs two fields together: set it to send GS, or {GS})",
        _ => "",
    }
}

impl FromStr for Udi {
    type Err = UdiError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        if text.chars().count() > LONGEST {
            return Err(UdiError::TooLong);
        }
        let elements = if text.starts_with('(') { bracketed(text)? } else { element_string(text)? };
        Self::of(elements)
    }
}

/// Whether a text could be meant as a barcode, as opposed to a number that the hospital gave.
#[must_use]
pub fn looks_like_one(text: &str) -> bool {
    let text = text.trim();
    let is_bare = text.starts_with("01") && text.len() >= 16 && text.bytes().take(16).all(|byte| byte.is_ascii_digit());
    text.starts_with([']', '(', GS]) || is_bare
}

/// An application identifier and its data.
struct Element<'a> {
    ai: &'a str,
    data: &'a str,
}

impl Udi {
    fn of(elements: Vec<Element<'_>>) -> Result<Self, UdiError> {
        let (mut gtin, mut serial, mut lot, mut made, mut expires) = (None, None, None, None, None);
        for Element { ai, data } in elements {
            check(ai, data)?;
            let place = match ai {
                "01" => &mut gtin,
                "21" => &mut serial,
                "10" => &mut lot,
                "11" => &mut made,
                "17" => &mut expires,
                _ => continue,
            };
            if place.replace(data).is_some_and(|before| before != data) {
                return Err(UdiError::Twice(ai.into()));
            }
        }
        let date = |ai: &str, data: Option<&str>| match data {
            None => Ok(None),
            Some(data) => match LabelDate::new(data) {
                Some(date) => Ok(Some(date)),
                None => Err(UdiError::Date { ai: ai.into(), date: data.into() }),
            },
        };
        let serial = match serial {
            None => None,
            Some(data) => {
                let named = Serial::new(data);
                Some(named.map_err(|_| UdiError::Length { ai: "21".into(), most: 20, found: data.trim().len() })?)
            }
        };
        let gtin = gtin.ok_or(UdiError::NoGtin)?;
        if gtin.len() != 14 {
            return Err(UdiError::GtinForm);
        }
        Ok(Self {
            gtin: gtin.parse()?,
            serial,
            lot: lot.map(Into::into),
            made: date("11", made)?,
            expires: date("17", expires)?,
        })
    }
}

/// How much data an identifier has, when its length is set (GS1 General Specifications, figure 7.8.5-2).
fn fixed_length(ai: &str) -> Option<usize> {
    Some(match ai.get(..2)? {
        "00" => 18,
        "01" | "02" | "03" => 14,
        "04" => 16,
        "11" | "12" | "13" | "14" | "15" | "16" | "17" | "18" | "19" => 6,
        "20" => 2,
        "31" | "32" | "33" | "34" | "35" | "36" => 6,
        "41" => 13,
        _ => return None,
    })
}

/// How many digits an identifier that begins with these two has (GS1 General Specifications, figure 7.8.4-1).
fn identifier_length(first_two: &str) -> Option<usize> {
    Some(match first_two {
        "00" | "01" | "02" | "03" | "04" | "10" | "11" | "12" | "13" | "15" | "16" | "17" | "20" | "21" | "22"
        | "30" | "37" | "90" | "91" | "92" | "93" | "94" | "95" | "96" | "97" | "98" | "99" => 2,
        "23" | "24" | "25" | "40" | "41" | "42" | "71" => 3,
        "31" | "32" | "33" | "34" | "35" | "36" | "39" | "43" | "70" | "72" | "80" | "81" | "82" => 4,
        _ => return None,
    })
}

/// The identifier at the beginning of a text.
fn identifier(text: &str) -> Result<&str, UdiError> {
    let unknown = || UdiError::Unknown(text.chars().take(4).collect());
    let length = text.get(..2).and_then(identifier_length).ok_or_else(unknown)?;
    let ai = text.get(..length).ok_or_else(unknown)?;
    if ai.bytes().all(|byte| byte.is_ascii_digit()) { Ok(ai) } else { Err(unknown()) }
}

/// Checks length and characters of one element.
fn check(ai: &str, data: &str) -> Result<(), UdiError> {
    let found = data.chars().count();
    match fixed_length(ai) {
        Some(expected) if found < expected => return Err(UdiError::Short { ai: ai.into(), expected, found }),
        Some(expected) if found > expected => {
            return Err(UdiError::Unknown(data.chars().skip(expected).take(4).collect()));
        }
        Some(_) if !data.bytes().all(|byte| byte.is_ascii_digit()) => return Err(UdiError::Digits(ai.into())),
        Some(_) => {}
        None => {
            let most = if matches!(ai, "10" | "21" | "22") { 20 } else { LONGEST_DATA };
            if !(1..=most).contains(&found) {
                return Err(UdiError::Length { ai: ai.into(), most, found });
            }
        }
    }
    match data.chars().find(|c| !is_in_set_82(*c)) {
        Some(character) => Err(UdiError::Character { ai: ai.into(), character }),
        None => Ok(()),
    }
}

/// GS1 AI encodable character set 82 (General Specifications, figure 7.11-1).
const fn is_in_set_82(c: char) -> bool {
    matches!(c, '!' | '"' | '%'..='?' | 'A'..='Z' | '_' | 'a'..='z')
}

/// What a scanner sends. Data is cut at FNC1, or where its length says.
fn element_string(text: &str) -> Result<Vec<Element<'_>>, UdiError> {
    let mut rest = text;
    for symbology in SYMBOLOGIES {
        rest = rest.strip_prefix(symbology).unwrap_or(rest);
    }
    let mut elements = Vec::new();
    loop {
        while let Some(after) = strip_separator(rest) {
            rest = after;
        }
        if rest.is_empty() {
            break;
        }
        // The first identifier decides whether this is such a barcode at all.
        let ai = match identifier(rest) {
            Err(_) if elements.is_empty() => return Err(UdiError::Form),
            other => other?,
        };
        let behind = &rest[ai.len()..];
        let (end, _) = separator(behind).unwrap_or((behind.len(), 0));
        let data = match fixed_length(ai) {
            Some(length) => {
                let cut = behind.char_indices().nth(length).map_or(behind.len(), |(at, _)| at);
                &behind[..cut.min(end)]
            }
            None => &behind[..end],
        };
        elements.push(Element { ai, data });
        rest = &behind[data.len()..];
    }
    if elements.is_empty() { Err(UdiError::Form) } else { Ok(elements) }
}

/// The place and length of the first FNC1, however it is spelt.
fn separator(text: &str) -> Option<(usize, usize)> {
    let places = GS_SPELLINGS.iter().filter_map(|spelling| Some((text.find(spelling)?, spelling.len())));
    places.chain(text.find(GS).map(|at| (at, GS.len_utf8()))).min()
}

fn strip_separator(text: &str) -> Option<&str> {
    match separator(text) {
        Some((0, length)) => Some(&text[length..]),
        Some(_) | None => None,
    }
}

/// What people read. Brackets are allowed inside data of variable length, so data ends where a bracketed identifier that
/// GS1 has given out begins.
fn bracketed(text: &str) -> Result<Vec<Element<'_>>, UdiError> {
    let mut elements = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (ai, behind) = match label(rest) {
            Some(found) => found,
            None if elements.is_empty() => return Err(UdiError::Form),
            None => return Err(UdiError::Unknown(rest.chars().take(4).collect())),
        };
        // A blank is in no data of GS1's, so the ones that people type around it mean nothing.
        let behind = behind.trim_start_matches(' ');
        let end = match fixed_length(ai) {
            Some(length) => behind.char_indices().nth(length).map_or(behind.len(), |(at, _)| at),
            None => (1..behind.len())
                .find(|at| behind.is_char_boundary(*at) && label(&behind[*at..]).is_some())
                .unwrap_or(behind.len()),
        };
        elements.push(Element { ai, data: behind[..end].trim_end_matches(' ') });
        rest = behind[end..].trim_start_matches(' ');
    }
    Ok(elements)
}

/// `(01)` at the beginning of a text, and what is behind it.
fn label(text: &str) -> Option<(&str, &str)> {
    let (ai, behind) = text.strip_prefix('(')?.split_once(')')?;
    (identifier(ai).ok()? == ai).then_some((ai, behind))
}

#[cfg(test)]
mod tests;
