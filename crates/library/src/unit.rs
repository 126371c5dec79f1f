//! The units of doses and concentrations: a closed list.
//!
//! A unit that is not on the list is refused, never guessed. Spelling follows ISMP's list of error-prone
//! abbreviations: `mcg` and never `µg`, `units` and never `U` or `IU`. Nothing converts one unit into another; factors
//! exist only to compare a pump's rate with its limit, in exact whole numbers.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What can be amounts of each other. Two units of different dimensions never meet in one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// Grams and their parts.
    Mass,
    /// Units of biological activity.
    Units,
    /// Milliequivalents.
    Equivalents,
    /// Millimoles.
    Moles,
    /// Millilitres of a fluid given as it is.
    Volume,
}

/// Whether a dose is counted per kilogram of body weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Body {
    /// The same for everybody.
    Whole,
    /// Per kilogram.
    PerKg,
}

/// Over what time a dose is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeBase {
    /// A whole dose: a bolus, or an intermittent infusion that has a duration.
    Once,
    /// Per minute.
    Minute,
    /// Per hour.
    Hour,
}

/// A text that is not a unit of the closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a known unit; expected one of {expected}")]
pub struct UnitError {
    /// The whole list, for people.
    pub expected: &'static str,
}

macro_rules! closed_list {
    ($(#[$doc:meta])* $name:ident, $list:literal, $($variant:ident = $text:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "each variant is its printed form")]
        pub enum $name { $( #[doc = concat!("`", $text, "`")] $variant ),+ }

        impl $name {
            /// Every unit of the list.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            /// The list for people.
            pub const LIST: &str = $list;

            /// As printed everywhere.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnitError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|unit| unit.as_str() == text).ok_or(UnitError { expected: Self::LIST })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

closed_list!(
    /// The unit of an amount of drug in a bag or syringe.
    AmountUnit,
    "g, mg, mcg, ng, units, milliunits, mEq, mmol",
    Gram = "g",
    Milligram = "mg",
    Microgram = "mcg",
    Nanogram = "ng",
    Unit = "units",
    Milliunit = "milliunits",
    Milliequivalent = "mEq",
    Millimole = "mmol",
    Millilitre = "mL",
);

impl AmountUnit {
    /// What it measures.
    #[must_use]
    pub const fn dimension(self) -> Dimension {
        match self {
            Self::Gram | Self::Milligram | Self::Microgram | Self::Nanogram => Dimension::Mass,
            Self::Unit | Self::Milliunit => Dimension::Units,
            Self::Milliequivalent => Dimension::Equivalents,
            Self::Millimole => Dimension::Moles,
            Self::Millilitre => Dimension::Volume,
        }
    }

    /// How many of the dimension's smallest unit one of these is (nanograms, milliunits; 1 elsewhere).
    #[must_use]
    pub const fn factor(self) -> i128 {
        match self {
            Self::Gram => 1_000_000_000,
            Self::Milligram => 1_000_000,
            Self::Microgram | Self::Unit => 1_000,
            Self::Nanogram | Self::Milliunit | Self::Milliequivalent | Self::Millimole | Self::Millilitre => 1,
        }
    }
}

closed_list!(
    /// The unit of a dose: an amount, perhaps per kilogram, and per minute, per hour or as a whole.
    DosingUnit,
    "mL/h, mL/kg/h, g/h, mg/h, mg/min, mg/kg/h, mg/kg/min, mcg/h, mcg/min, mcg/kg/h, mcg/kg/min, ng/kg/min, units/h, \
     units/min, units/kg/h, units/kg/min, milliunits/h, milliunits/min, milliunits/kg/h, milliunits/kg/min, mEq/h, \
     mEq/kg/h, mmol/h, mmol/kg/h; for a bolus or an intermittent dose mL, mL/kg, g, mg, mg/kg, mcg, mcg/kg, units, \
     units/kg, mEq, mEq/kg, mmol, mmol/kg",
    MillilitrePerHour = "mL/h",
    MillilitrePerKgHour = "mL/kg/h",
    GramPerHour = "g/h",
    MilligramPerHour = "mg/h",
    MilligramPerMinute = "mg/min",
    MilligramPerKgHour = "mg/kg/h",
    MilligramPerKgMinute = "mg/kg/min",
    MicrogramPerHour = "mcg/h",
    MicrogramPerMinute = "mcg/min",
    MicrogramPerKgHour = "mcg/kg/h",
    MicrogramPerKgMinute = "mcg/kg/min",
    NanogramPerKgMinute = "ng/kg/min",
    UnitPerHour = "units/h",
    UnitPerMinute = "units/min",
    UnitPerKgHour = "units/kg/h",
    UnitPerKgMinute = "units/kg/min",
    MilliunitPerHour = "milliunits/h",
    MilliunitPerMinute = "milliunits/min",
    MilliunitPerKgHour = "milliunits/kg/h",
    MilliunitPerKgMinute = "milliunits/kg/min",
    MilliequivalentPerHour = "mEq/h",
    MilliequivalentPerKgHour = "mEq/kg/h",
    MillimolePerHour = "mmol/h",
    MillimolePerKgHour = "mmol/kg/h",
    Millilitre = "mL",
    MillilitrePerKg = "mL/kg",
    Gram = "g",
    Milligram = "mg",
    MilligramPerKg = "mg/kg",
    Microgram = "mcg",
    MicrogramPerKg = "mcg/kg",
    Unit = "units",
    UnitPerKg = "units/kg",
    Milliequivalent = "mEq",
    MilliequivalentPerKg = "mEq/kg",
    Millimole = "mmol",
    MillimolePerKg = "mmol/kg",
);

impl DosingUnit {
    /// The amount that is counted.
    #[must_use]
    pub fn amount(self) -> AmountUnit {
        let amount = self.as_str().split('/').next().unwrap_or_default();
        // Every unit of the list begins with an amount of the other list; a test walks all of them.
        amount.parse().unwrap_or(AmountUnit::Millilitre)
    }

    /// Whether it is per kilogram.
    #[must_use]
    pub fn body(self) -> Body {
        if self.as_str().split('/').any(|part| part == "kg") { Body::PerKg } else { Body::Whole }
    }

    /// Over what time.
    #[must_use]
    pub fn time(self) -> TimeBase {
        match self.as_str().rsplit('/').next() {
            Some("h") => TimeBase::Hour,
            Some("min") => TimeBase::Minute,
            _ => TimeBase::Once,
        }
    }
}
