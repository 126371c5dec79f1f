//! Names of things: which pump, which model, which care area.
//!
//! Every name from outside is length-limited and free of control characters before it becomes one of these types, so
//! a name can be printed, logged and stored anywhere (attack class A16). Names are data: nothing is ever looked up on a
//! disk or in a shell by one.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A pump, for life: a UUID that the hub gives when the pump is first expected.
///
/// It stays the same through re-enrolment, new certificates and new owners of the care area. It is printed in the
/// 8-4-4-4-12 form of RFC 9562 and travels in certificates as `urn:uuid:…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PumpId([u8; 16]);

/// What was wrong with a text that should have been a [`PumpId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a pump id: expected a UUID such as 6f1c2a34-0000-4000-8000-000000000001")]
pub struct PumpIdError;

impl PumpId {
    /// The id with these sixteen bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A version 4 UUID made of sixteen random bytes that the caller drew (this crate has no random source).
    #[must_use]
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// The sixteen bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The form used in a certificate's subject alternative name: `urn:uuid:…` (RFC 9562 section 4).
    #[must_use]
    pub fn to_urn(&self) -> String {
        alloc::format!("urn:uuid:{self}")
    }

    /// Reads the form written by [`PumpId::to_urn`].
    ///
    /// # Errors
    /// [`PumpIdError`] when the prefix or the UUID is not exactly as written.
    pub fn from_urn(urn: &str) -> Result<Self, PumpIdError> {
        urn.strip_prefix("urn:uuid:").ok_or(PumpIdError)?.parse()
    }
}

impl fmt::Display for PumpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for PumpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PumpId({self})")
    }
}

impl FromStr for PumpId {
    type Err = PumpIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.as_bytes();
        if text.len() != 36 {
            return Err(PumpIdError);
        }
        let mut bytes = [0u8; 16];
        let mut nibbles = 0usize;
        for (i, &c) in text.iter().enumerate() {
            if matches!(i, 8 | 13 | 18 | 23) {
                if c != b'-' {
                    return Err(PumpIdError);
                }
                continue;
            }
            let value = (c as char).to_digit(16).ok_or(PumpIdError)? as u8;
            bytes[nibbles / 2] = (bytes[nibbles / 2] << 4) | value;
            nibbles += 1;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for PumpId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PumpId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a text cannot be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// Longer than the noun allows, counted in characters.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// A control character or a text-direction override (they can make a screen or a log show something else).
    #[error("contains a control or text-direction character")]
    ControlCharacter,
}

/// Characters that a name may never hold: controls, and the bidirectional overrides of Unicode (CVE-2021-42574 class).
fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Trims a text from outside and checks it as every name is checked; `longest` counts characters.
///
/// Crates with names of their own (a drug, a therapy) use it, so that all names obey one rule.
///
/// # Errors
/// A [`NameError`] that completes the sentence "the value …".
pub fn check_name(text: &str, longest: usize) -> Result<String, NameError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.chars().count() > longest {
        return Err(NameError::TooLong(longest));
    }
    if text.chars().any(is_forbidden) {
        return Err(NameError::ControlCharacter);
    }
    Ok(text.to_string())
}

/// Makes a name type: a text that was trimmed and checked when it came in from outside, and is only data ever after.
///
/// The checker is [`check_name`] unless a room has a stricter one of the same shape.
#[macro_export]
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $longest:literal) => {
        $crate::name!($(#[$doc])* $name, $longest, $crate::check_name);
    };
    ($(#[$doc:meta])* $name:ident, $longest:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name($crate::NameText);

        impl $name {
            /// The most characters one may have.
            pub const LONGEST: usize = $longest;

            /// Trims and checks a text from outside.
            ///
            /// # Errors
            /// A `NameError` that completes the sentence "the value …".
            pub fn new(text: &str) -> Result<Self, $crate::NameError> {
                $check(text, Self::LONGEST).map(Self)
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl core::str::FromStr for $name {
            type Err = $crate::NameError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <$crate::NameText as serde::Deserialize>::deserialize(d)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// The maker's serial number: unique within a model, printed on the pump, in the IDevID's `serialNumber` attribute
    /// and in `hwSerialNum`. 64 is the upper bound of X.520's `serialNumber`.
    Serial,
    64
);
name!(
    /// The maker's name for a kind of pump, such as `Halcyon 3`.
    Model,
    64
);
name!(
    /// The hospital's own inventory number: what people read from the sticker on the pump.
    AssetTag,
    32
);
name!(
    /// A part of the hospital with its own limits (a *profile* in most drug libraries), such as `Intensive care`.
    CareArea,
    64
);
