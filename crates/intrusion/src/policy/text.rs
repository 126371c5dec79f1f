//! The small texts of a policy: labels, interfaces, ports. What they may contain is narrow, because each ends up inside
//! a script for the packet filter, and a text that could end a rule and begin another would be a way in.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most characters of a label. The packet filter's own limit for a comment is 127.
const MAX_LABEL: usize = 48;
/// The most characters of an interface's name: Linux's IFNAMSIZ is 16 with the closing zero.
const MAX_INTERFACE: usize = 15;

/// What a rule is called, for people and for its counter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

impl Label {
    /// 1 to 48 letters, digits, spaces and `-_.,:/()`, beginning and ending with none of the space.
    ///
    /// # Errors
    /// What was expected.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || " -_.,:/()".contains(c);
        if text.is_empty() || text.len() > MAX_LABEL || text.trim() != text || !text.chars().all(is_plain) {
            return Err("expected a label of 1 to 48 ASCII letters, digits, spaces and -_.,:/()");
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A network interface by its name in Linux, such as `wlan0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Interface(String);

impl Interface {
    /// 1 to 15 letters, digits and `-_.`, beginning with a letter.
    ///
    /// # Errors
    /// What was expected.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
        if text.len() > MAX_INTERFACE || !begins || !text.chars().all(is_plain) {
            return Err("expected a network interface of 1 to 15 letters, digits and -_. such as wlan0");
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One port, or a range with both ends in it; written `443` or `9000-9010`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ports {
    first: u16,
    last: u16,
}

impl Ports {
    /// A range; port 0 is none.
    ///
    /// # Errors
    /// What was expected.
    pub const fn new(first: u16, last: u16) -> Result<Self, &'static str> {
        if first == 0 || last < first {
            return Err("expected a port from 1 to 65535, or a range such as 9000-9010");
        }
        Ok(Self { first, last })
    }

    /// The first and the last.
    #[must_use]
    pub const fn ends(self) -> (u16, u16) {
        (self.first, self.last)
    }

    /// Whether a port is one of these.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }

    /// The same ports in the least number of ranges, in order: the packet filter takes no overlaps.
    pub(super) fn merged(ranges: &[Self]) -> Vec<Self> {
        let mut sorted = ranges.to_vec();
        sorted.sort_unstable();
        let mut merged: Vec<Self> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match merged.last_mut() {
                Some(before) if range.first <= before.last.saturating_add(1) => {
                    before.last = before.last.max(range.last)
                }
                Some(_) | None => merged.push(range),
            }
        }
        merged
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

impl FromStr for Ports {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a port from 1 to 65535, or a range such as 9000-9010";
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let ports = Self::new(first.parse().map_err(|_| EXPECTED)?, last.parse().map_err(|_| EXPECTED)?)?;
        // One way to write each: `+80`, `080` and `80-80` are others.
        if ports.to_string() == text { Ok(ports) } else { Err(EXPECTED) }
    }
}

macro_rules! as_text {
    ($($name:ident: $read:expr, $write:expr;)*) => {$(
        impl TryFrom<String> for $name {
            type Error = &'static str;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                $read(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                $write(value)
            }
        }
    )*};
}

as_text! {
    Label: Label::new, |label: Label| label.0;
    Interface: Interface::new, |interface: Interface| interface.0;
    Ports: str::parse, |ports: Ports| ports.to_string();
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
