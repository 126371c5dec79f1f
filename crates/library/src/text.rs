//! The names in a drug library.
//!
//! They obey the rule of every Wardline name (trimmed, length-limited, no control or text-direction characters) and
//! two more: no invisible characters, because two drugs must not differ by something that nobody can see; and no line
//! may look like a spreadsheet formula once exported (the exporter sees to that, so names themselves stay free).

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize};
use wardline_model::{NameError, check_name};

/// Characters that take no room on a screen: soft hyphen, zero-width space and joiners, word joiner, byte order mark.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{3164}' | '\u{e0000}'..='\u{e007f}')
}

fn check_text(text: &str, longest: usize) -> Result<String, NameError> {
    if text.chars().any(is_invisible) {
        return Err(NameError::ControlCharacter);
    }
    check_name(text, longest)
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $longest:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The most characters one may have.
            pub const LONGEST: usize = $longest;

            /// Trims and checks a text from outside.
            ///
            /// # Errors
            /// A [`NameError`] that completes the sentence "the value …".
            pub fn new(text: &str) -> Result<Self, NameError> {
                check_text(text, Self::LONGEST).map(Self)
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Self::new(&String::deserialize(d)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

text!(
    /// A drug or fluid as the pump shows it. 64 characters are more than any pump's screen has.
    Drug,
    64
);
text!(
    /// What a drug is given for, or to whom, when that decides its limits: `Weight >= 40 kg`, `Sedation`.
    TherapyName,
    64
);
text!(
    /// A drug library's own name.
    LibraryName,
    128
);
text!(
    /// Whose library it is.
    Hospital,
    128
);
text!(
    /// One clinical advisory, shown when the drug is chosen. 200 characters are what people read at a bedside.
    Advisory,
    200
);
text!(
    /// The name by which a hospital's libraries are told apart through all their versions, such as `demo-hospital`.
    LibraryId,
    64
);
