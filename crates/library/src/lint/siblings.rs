//! Rules about entries of the same drug beside each other.

use std::collections::BTreeMap;

use wardline_model::Decimal;

use super::{Findings, Rule, Severity};
use crate::entry::{Concentration, Entry};
use crate::library::{CareAreaLibrary, Library, folded};
use crate::unit::DosingUnit;

/// Concentrations further apart than this are suspected to be in the wrong unit. Real libraries hold up to about
/// fiftyfold (insulin's overdose concentration is sixteenfold).
const SUSPICIOUS_RATIO: i128 = 100;

pub(super) fn care_area(area: &CareAreaLibrary, found: &mut Findings) {
    let mut drugs: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in &area.entries {
        drugs.entry(entry.drug.as_str()).or_default().push(entry);
    }
    for entries in drugs.values() {
        // Hospitals keep a few concentrations per drug; a limit keeps a hostile library from costing the square.
        for (at, one) in entries.iter().enumerate().take(100) {
            for other in entries.iter().skip(at + 1).take(100) {
                pair(area, one, other, found);
            }
        }
    }
    look_alikes(area, found);
}

fn pair(area: &CareAreaLibrary, one: &Entry, other: &Entry, found: &mut Findings) {
    let (a, b) = (one.dosing_unit, other.dosing_unit);
    if a.amount() != b.amount() && a.amount().dimension() == b.amount().dimension() {
        let sentence = format!("is dosed both in {a} and in {b}");
        found.say(Severity::Warning, Rule::MixedUnits, area, other, sentence);
    }
    let (Some(c), Some(d)) = (&one.concentration, &other.concentration) else { return };
    if c.unit != d.unit && c.unit.dimension() == d.unit.dimension() && one.therapy != other.therapy {
        let sentence = format!("is there as {c} and, for another therapy, as {d}");
        found.say(Severity::Warning, Rule::MixedUnits, area, other, sentence);
    }
    match ratio(c, d) {
        Some(Ratio::Equal) if one.therapy == other.therapy && a == b => {
            let sentence = format!("{c} is the same concentration as {d}");
            found.say(Severity::Warning, Rule::SameConcentrationTwice, area, other, sentence);
        }
        Some(Ratio::FarApart) => {
            let sentence = format!("{c} and {d} are a hundredfold apart or more");
            found.say(Severity::Danger, Rule::ThousandfoldConcentration, area, other, sentence);
        }
        Some(Ratio::Equal | Ratio::Near) | None => {}
    }
}

enum Ratio {
    Equal,
    Near,
    FarApart,
}

/// How two concentrations compare; `None` when they measure different things or are too large to compare.
fn ratio(a: &Concentration, b: &Concentration) -> Option<Ratio> {
    if a.unit.dimension() != b.unit.dimension() {
        return None;
    }
    let strength = |one: &Concentration, other: &Concentration| -> Option<i128> {
        let (amount, amount_scale) = one.amount.parts();
        let (volume, volume_scale) = other.volume_ml.parts();
        let scale = 18 - u32::from(amount_scale) - u32::from(volume_scale);
        i128::from(amount)
            .checked_mul(i128::from(volume))?
            .checked_mul(one.unit.factor())?
            .checked_mul(10i128.checked_pow(scale)?)
    };
    let (left, right) = (strength(a, b)?, strength(b, a)?);
    let (low, high) = (left.min(right), left.max(right));
    Some(if low == high {
        Ratio::Equal
    } else if high / SUSPICIOUS_RATIO >= low {
        Ratio::FarApart
    } else {
        Ratio::Near
    })
}

fn look_alikes(area: &CareAreaLibrary, found: &mut Findings) {
    let mut seen: BTreeMap<String, &Entry> = BTreeMap::new();
    for entry in &area.entries {
        let letters: String = folded(entry.drug.as_str()).chars().filter(|c| c.is_alphanumeric()).collect();
        match seen.get(&letters) {
            Some(first) if first.drug != entry.drug => {
                let sentence = format!("looks like {}", first.drug);
                found.say(Severity::Warning, Rule::LookAlikeName, area, entry, sentence);
            }
            Some(_) => {}
            None => {
                seen.insert(letters, entry);
            }
        }
    }
}

type Same = (String, Option<String>, DosingUnit);

pub(super) fn between_areas(library: &Library, found: &mut Findings) {
    let mut first: BTreeMap<Same, (&CareAreaLibrary, Decimal)> = BTreeMap::new();
    for (area, entry) in library.entries() {
        let Some(max) = entry.limits.hard_max else { continue };
        let therapy = entry.therapy.as_ref().map(|therapy| folded(therapy.as_str()));
        let same = (folded(entry.drug.as_str()), therapy, entry.dosing_unit);
        let (known, known_max) = *first.entry(same).or_insert((area, max));
        let (low, high) = (max.min(known_max), max.max(known_max));
        if known.name != area.name && low.checked_mul(Decimal::from_int(10)).is_ok_and(|tenfold| high >= tenfold) {
            let sentence =
                format!("its hard maximum is {max}, in {} it is {known_max} {}", known.name, entry.dosing_unit);
            found.say(Severity::Warning, Rule::AreasDisagree, area, entry, sentence);
        }
    }
}
