//! Whether a program fits the limits that govern its infusion (a dose error reduction system, DERS).
//!
//! The limits are a [`Snapshot`] taken when the program was made. It travels with the infusion, so a library that
//! becomes current later changes nothing under a running or paused infusion (N3). Comparison is exact: rates are kept
//! as fractions of whole numbers and compared by cross multiplication. What cannot be computed is refused, never
//! passed.

use core::fmt;
use serde::{Deserialize, Serialize};
use wardline_model::{CareArea, Decimal, Digest, Version, covers};

use crate::entry::{DeviceConfig, Entry, EntryKey};
use crate::library::Library;
use crate::unit::{Body, Dimension, DosingUnit, TimeBase};

/// Everything that judges one infusion, copied out of the library that was current when it was programmed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The version of that library.
    pub version: Version,
    /// The digest of its artifact.
    pub digest: Digest,
    /// The care area of the pump.
    pub care_area: CareArea,
    /// The settings of the care area.
    pub device: DeviceConfig,
    /// The entry with its limits.
    pub entry: Entry,
}

/// What a person programmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The dose.
    pub dose: Decimal,
    /// Its unit, as shown to the person. It must be the entry's; nothing is converted.
    pub unit: DosingUnit,
    /// The patient's weight in kilograms, when the unit is per kilogram.
    pub weight_kg: Option<Decimal>,
    /// The time over which a whole dose is given, in minutes.
    pub duration_min: Option<Decimal>,
    /// The volume to be infused, in millilitres.
    pub vtbi_ml: Decimal,
}

/// A bolus that a person asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BolusProgram {
    /// The dose.
    pub dose: Decimal,
    /// Its unit; it must be the entry's bolus unit.
    pub unit: DosingUnit,
    /// The patient's weight in kilograms, when the unit is per kilogram.
    pub weight_kg: Option<Decimal>,
    /// How fast, in millilitres per hour.
    pub rate_ml_h: Decimal,
}

/// What a limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// The dose.
    Dose,
    /// The rate in millilitres per hour that the dose means.
    Rate,
    /// The volume to be infused.
    Volume,
    /// The patient's weight.
    Weight,
    /// The duration of a whole dose.
    Duration,
    /// The bolus dose.
    BolusDose,
    /// The rate of the bolus.
    BolusRate,
}

/// Which limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// Cannot be overridden.
    HardMin,
    /// Warns.
    SoftMin,
    /// Warns.
    SoftMax,
    /// Cannot be overridden.
    HardMax,
}

/// Why a program is not simply within its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Beyond a limit.
    Beyond {
        /// What.
        quantity: Quantity,
        /// Which limit.
        bound: Bound,
        /// The limit, in the quantity's own unit.
        limit: Decimal,
        /// What was programmed; `None` for a rate, which is a fraction.
        programmed: Option<Decimal>,
    },
    /// Zero or below.
    NotPositive(Quantity),
    /// The unit needs it and it is not there.
    Missing(Quantity),
    /// It was given although the unit has no use for it: somebody means something else.
    NotExpected(Quantity),
    /// Another unit than the entry's.
    Unit {
        /// The entry's.
        expected: DosingUnit,
        /// The program's.
        programmed: DosingUnit,
    },
    /// The entry allows no bolus.
    NoBolus,
    /// The numbers are too large to be compared exactly.
    OutOfRange,
}

/// How a program stands to its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Within all of them.
    Within,
    /// Beyond a soft limit: a person may confirm it.
    SoftLimit(Vec<Reason>),
    /// Beyond a hard limit, or not a program at all: it cannot start. All reasons, soft ones included.
    HardLimit(Vec<Reason>),
}

impl Library {
    /// Copies what governs an infusion of this entry in this care area.
    #[must_use]
    pub fn snapshot(&self, digest: Digest, care_area: &CareArea, key: &EntryKey) -> Option<Snapshot> {
        covers!("N3");
        let area = self.care_area(care_area)?;
        let entry = area.entries.iter().find(|entry| entry.key() == *key)?;
        Some(Snapshot {
            version: self.version(),
            digest,
            care_area: area.name.clone(),
            device: area.device,
            entry: entry.clone(),
        })
    }
}

impl Snapshot {
    /// Checks a program.
    #[must_use]
    pub fn check(&self, program: &Program) -> Checked {
        covers!("N3", "N10");
        let mut found = Found::default();
        if program.unit != self.entry.dosing_unit {
            found.hard(Reason::Unit { expected: self.entry.dosing_unit, programmed: program.unit });
            return found.verdict();
        }
        let limits = &self.entry.limits;
        found.range(Quantity::Dose, program.dose, limits.hard_min, limits.soft_min, limits.soft_max, limits.hard_max);
        found.range(Quantity::Volume, program.vtbi_ml, None, None, None, Some(self.device.max_vtbi_ml));
        self.weight(program.unit, program.weight_kg, &mut found);
        match (&self.entry.duration, program.duration_min) {
            (Some(limits), Some(minutes)) => {
                found.range(Quantity::Duration, minutes, Some(limits.hard_min), limits.soft_min, limits.soft_max, None)
            }
            (Some(_), None) => found.hard(Reason::Missing(Quantity::Duration)),
            (None, Some(_)) => found.hard(Reason::NotExpected(Quantity::Duration)),
            (None, None) => {}
        }
        if found.hard.is_empty() {
            let max = self.device.max_rate_ml_h;
            match rate(&self.entry, program).and_then(|rate| rate.is_above(max)) {
                Some(false) => {}
                Some(true) => found.hard(Reason::Beyond {
                    quantity: Quantity::Rate,
                    bound: Bound::HardMax,
                    limit: max,
                    programmed: None,
                }),
                None => found.hard(Reason::OutOfRange),
            }
        }
        found.verdict()
    }

    /// Checks a bolus.
    #[must_use]
    pub fn check_bolus(&self, program: &BolusProgram) -> Checked {
        covers!("N3", "N10");
        let mut found = Found::default();
        let Some(bolus) = &self.entry.bolus else {
            found.hard(Reason::NoBolus);
            return found.verdict();
        };
        if program.unit != bolus.unit {
            found.hard(Reason::Unit { expected: bolus.unit, programmed: program.unit });
            return found.verdict();
        }
        found.range(Quantity::BolusDose, program.dose, None, None, bolus.soft_max, Some(bolus.hard_max));
        let fastest = bolus.max_rate_ml_h.min(self.device.max_rate_ml_h);
        found.range(Quantity::BolusRate, program.rate_ml_h, None, None, None, Some(fastest));
        self.weight(program.unit, program.weight_kg, &mut found);
        found.verdict()
    }

    /// The volume of a bolus in whole microlitres, the fraction dropped; for the simulator's pumps. `None` when it is no
    /// bolus of this entry or too large to compute exactly.
    #[must_use]
    pub fn bolus_ul(&self, program: &BolusProgram) -> Option<u64> {
        // A bolus over one hour has as many millilitres as that rate has millilitres per hour.
        let dose = Program {
            dose: program.dose,
            unit: program.unit,
            weight_kg: program.weight_kg,
            duration_min: Some(Decimal::from_int(60)),
            vtbi_ml: Decimal::ZERO,
        };
        rate_ul_per_h(&self.entry, &dose)
    }

    fn weight(&self, unit: DosingUnit, weight: Option<Decimal>, found: &mut Found) {
        match (unit.body(), weight) {
            (Body::PerKg, Some(kg)) => {
                found.range(Quantity::Weight, kg, None, None, None, Some(self.device.max_weight_kg));
            }
            (Body::PerKg, None) => found.hard(Reason::Missing(Quantity::Weight)),
            (Body::Whole, Some(_)) => found.hard(Reason::NotExpected(Quantity::Weight)),
            (Body::Whole, None) => {}
        }
    }
}

#[derive(Default)]
struct Found {
    soft: Vec<Reason>,
    hard: Vec<Reason>,
}

impl Found {
    fn hard(&mut self, reason: Reason) {
        self.hard.push(reason);
    }

    fn range(
        &mut self,
        quantity: Quantity,
        value: Decimal,
        hard_min: Option<Decimal>,
        soft_min: Option<Decimal>,
        soft_max: Option<Decimal>,
        hard_max: Option<Decimal>,
    ) {
        if !value.is_positive() {
            return self.hard(Reason::NotPositive(quantity));
        }
        let beyond = |bound, limit| Reason::Beyond { quantity, bound, limit, programmed: Some(value) };
        // The hard limit is asked first: a dose beyond it is beyond the soft one too, and one alert says more than two.
        if let Some(limit) = hard_max.filter(|limit| value > *limit) {
            self.hard.push(beyond(Bound::HardMax, limit));
        } else if let Some(limit) = soft_max.filter(|limit| value > *limit) {
            self.soft.push(beyond(Bound::SoftMax, limit));
        }
        if let Some(limit) = hard_min.filter(|limit| value < *limit) {
            self.hard.push(beyond(Bound::HardMin, limit));
        } else if let Some(limit) = soft_min.filter(|limit| value < *limit) {
            self.soft.push(beyond(Bound::SoftMin, limit));
        }
    }

    fn verdict(mut self) -> Checked {
        match (self.hard.is_empty(), self.soft.is_empty()) {
            (true, true) => Checked::Within,
            (true, false) => Checked::SoftLimit(self.soft),
            (false, _) => {
                self.hard.append(&mut self.soft);
                Checked::HardLimit(self.hard)
            }
        }
    }
}

/// A rate in millilitres per hour, exact. The denominator is above zero.
#[derive(Clone, Copy)]
pub(crate) struct Rate {
    numerator: i128,
    denominator: i128,
}

impl Rate {
    /// Whether it is above a limit in millilitres per hour; `None` when the numbers are too large.
    pub(crate) fn is_above(self, limit: Decimal) -> Option<bool> {
        let (mantissa, scale) = limit.parts();
        let left = self.numerator.checked_mul(pow10(scale)?)?;
        let right = self.denominator.checked_mul(i128::from(mantissa))?;
        Some(left > right)
    }

    /// Microlitres per hour, the fraction dropped.
    pub(crate) fn ul_per_h(self) -> Option<u64> {
        u64::try_from(self.numerator.checked_mul(1_000)? / self.denominator).ok()
    }
}

fn pow10(scale: u8) -> Option<i128> {
    10i128.checked_pow(u32::from(scale))
}

/// The rate that a program of this entry means; `None` when it is no program or too large to compute exactly.
pub(crate) fn rate(entry: &Entry, program: &Program) -> Option<Rate> {
    let weight = match program.unit.body() {
        Body::PerKg => program.weight_kg?,
        Body::Whole => Decimal::from_int(1),
    };
    let mut numerator = 1i128;
    let mut denominator = 1i128;
    let mut times = |value: Decimal| -> Option<()> {
        let (mantissa, scale) = value.parts();
        numerator = numerator.checked_mul(i128::from(mantissa))?;
        denominator = denominator.checked_mul(pow10(scale)?)?;
        Some(())
    };
    times(program.dose)?;
    times(weight)?;
    let minutes_per_hour = Decimal::from_int(60);
    if program.unit.time() != TimeBase::Hour {
        times(minutes_per_hour)?;
    }
    let mut over = |value: Decimal| -> Option<()> {
        let (mantissa, scale) = value.parts();
        if mantissa <= 0 {
            return None;
        }
        numerator = numerator.checked_mul(pow10(scale)?)?;
        denominator = denominator.checked_mul(i128::from(mantissa))?;
        Some(())
    };
    if program.unit.time() == TimeBase::Once {
        over(program.duration_min?)?;
    }
    if program.unit.amount().dimension() != Dimension::Volume {
        let concentration = entry.concentration.as_ref()?;
        over(concentration.amount)?;
        let (mantissa, scale) = concentration.volume_ml.parts();
        numerator = numerator.checked_mul(i128::from(mantissa))?.checked_mul(program.unit.amount().factor())?;
        denominator = denominator.checked_mul(pow10(scale)?)?.checked_mul(concentration.unit.factor())?;
    }
    Some(Rate { numerator, denominator })
}

/// The rate that a program means, in whole microlitres per hour, the fraction dropped. For the simulator's pumps and
/// for displays; decisions compare the exact fraction.
#[must_use]
pub fn rate_ul_per_h(entry: &Entry, program: &Program) -> Option<u64> {
    rate(entry, program)?.ul_per_h()
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dose => "dose",
            Self::Rate => "rate in mL/h",
            Self::Volume => "volume to be infused in mL",
            Self::Weight => "weight in kg",
            Self::Duration => "duration in minutes",
            Self::BolusDose => "bolus dose",
            Self::BolusRate => "bolus rate in mL/h",
        })
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HardMin => "hard minimum",
            Self::SoftMin => "soft minimum",
            Self::SoftMax => "soft maximum",
            Self::HardMax => "hard maximum",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beyond { quantity, bound, limit, programmed } => {
                let side = if matches!(bound, Bound::HardMin | Bound::SoftMin) { "below" } else { "above" };
                match programmed {
                    Some(value) => write!(f, "the {quantity} {value} is {side} the {bound} of {limit}"),
                    None => write!(f, "the {quantity} is {side} the {bound} of {limit}"),
                }
            }
            Self::NotPositive(quantity) => write!(f, "the {quantity} must be above zero"),
            Self::Missing(quantity) => write!(f, "the {quantity} is missing"),
            Self::NotExpected(quantity) => write!(f, "the {quantity} has no place in a dose of this unit"),
            Self::Unit { expected, programmed } => {
                write!(f, "the dose is in {programmed}, but the library's entry is in {expected}")
            }
            Self::NoBolus => f.write_str("this entry allows no bolus"),
            Self::OutOfRange => f.write_str("the numbers are too large to be compared"),
        }
    }
}
