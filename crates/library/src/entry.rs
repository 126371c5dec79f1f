//! One line of a drug library, and what a care area sets on its pumps.

use core::cmp::Ordering;
use core::fmt;
use serde::{Deserialize, Serialize};
use wardline_model::Decimal;

use crate::text::{Advisory, Drug, TherapyName};
use crate::unit::{AmountUnit, DosingUnit};

/// How much drug is in how much fluid, as the bag's label says it: `250 mg/250 mL` is not rewritten as `1 mg/mL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concentration {
    /// The amount of drug.
    pub amount: Decimal,
    /// Its unit.
    pub unit: AmountUnit,
    /// The volume it is in, in millilitres.
    pub volume_ml: Decimal,
}

/// The limits of a dose, all in the entry's dosing unit. A hard limit cannot be overridden; a soft one warns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Below this the pump refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_min: Option<Decimal>,
    /// Below this the pump warns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_min: Option<Decimal>,
    /// Above this the pump warns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_max: Option<Decimal>,
    /// Above this the pump refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_max: Option<Decimal>,
}

/// What a bolus from the same bag may be. Without it the pump offers no bolus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bolus {
    /// The unit of the bolus dose: a whole dose, never per time.
    pub unit: DosingUnit,
    /// Above this the pump warns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_max: Option<Decimal>,
    /// Above this the pump refuses.
    pub hard_max: Decimal,
    /// The fastest that a bolus may run, in millilitres per hour.
    pub max_rate_ml_h: Decimal,
}

/// How long an intermittent dose may take, in minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DurationLimits {
    /// Shorter is refused.
    pub hard_min: Decimal,
    /// Shorter than this warns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_min: Option<Decimal>,
    /// What the pump proposes.
    pub initial: Decimal,
    /// Longer than this warns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_max: Option<Decimal>,
}

/// One drug in one concentration, for one therapy, with its limits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The drug or fluid.
    pub drug: Drug,
    /// The therapy, when one decides the limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub therapy: Option<TherapyName>,
    /// The concentration; absent only for a fluid that is dosed in millilitres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concentration: Option<Concentration>,
    /// The unit of the dose and of its limits.
    pub dosing_unit: DosingUnit,
    /// The limits of the dose.
    pub limits: Limits,
    /// The bolus, when one is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bolus: Option<Bolus>,
    /// The duration, when the dose is given as a whole (an intermittent infusion).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<DurationLimits>,
    /// Whether a mistake with this drug is likely to do grave harm (ISMP's high-alert medications).
    pub high_alert: bool,
    /// Shown when the drug is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisory: Option<Advisory>,
}

/// What tells entries of one care area apart, and the order in which they stand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey {
    /// The drug.
    pub drug: Drug,
    /// The therapy.
    pub therapy: Option<TherapyName>,
    /// The concentration.
    pub concentration: Option<Concentration>,
    /// The dosing unit: a drug may be dosed both per hour and per kilogram and hour.
    pub dosing_unit: DosingUnit,
}

/// What a care area sets on a pump that is assigned to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    /// The fastest rate, in millilitres per hour.
    pub max_rate_ml_h: Decimal,
    /// The largest volume to be infused in one program, in millilitres.
    pub max_vtbi_ml: Decimal,
    /// The heaviest patient, in kilograms. A real nursery allows 7.
    pub max_weight_kg: Decimal,
    /// The rate that keeps a vein open after the volume is given, in millilitres per hour.
    pub kvo_rate_ml_h: Decimal,
    /// The pressure at which the occlusion alarm sounds, in millimetres of mercury.
    pub occlusion_mmhg: Decimal,
    /// The size of a single air bubble at which the air alarm sounds, in microlitres.
    pub air_in_line_ul: Decimal,
    /// How long before the end the near-end alert sounds, in minutes.
    pub near_end_min: Decimal,
    /// The lowest audio level that people may set, 1 to 10. There is no silent level.
    pub min_audio_level: Decimal,
}

impl Entry {
    /// What tells it apart.
    #[must_use]
    pub fn key(&self) -> EntryKey {
        EntryKey {
            drug: self.drug.clone(),
            therapy: self.therapy.clone(),
            concentration: self.concentration,
            dosing_unit: self.dosing_unit,
        }
    }
}

impl Concentration {
    fn rank(&self) -> (AmountUnit, Decimal, Decimal) {
        (self.unit, self.amount, self.volume_ml)
    }
}

impl PartialOrd for Concentration {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Concentration {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl fmt::Display for Concentration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{} mL", self.amount, self.unit, self.volume_ml)
    }
}

impl fmt::Display for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.drug.fmt(f)?;
        if let Some(therapy) = &self.therapy {
            write!(f, " ({therapy})")?;
        }
        if let Some(concentration) = &self.concentration {
            write!(f, " {concentration}")?;
        }
        Ok(())
    }
}
