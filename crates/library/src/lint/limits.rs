//! Rules about one entry by itself.

use wardline_model::Decimal;

use super::{Findings, Rule, Severity};
use crate::check::{Program, Rate, rate};
use crate::entry::{DurationLimits, Entry};
use crate::library::{CareAreaLibrary, folded};
use crate::unit::{Body, Dimension, TimeBase};

/// Names on ISMP's list of high-alert medications in acute care settings, as they begin in libraries.
const HIGH_ALERT: [&str; 22] = [
    "alteplase",
    "amiodarone",
    "argatroban",
    "dexmedetomidine",
    "dobutamine",
    "dopamine",
    "epinephrine",
    "esmolol",
    "fentanyl",
    "heparin",
    "hydromorphone",
    "insulin",
    "ketamine",
    "lidocaine",
    "magnesium",
    "midazolam",
    "morphine",
    "norepinephrine",
    "oxytocin",
    "potassium",
    "propofol",
    "vasopressin",
];

pub(super) fn entry(area: &CareAreaLibrary, entry: &Entry, found: &mut Findings) {
    maxima(area, entry, found);
    texts(area, entry, found);
    zeros(area, entry, found);
    device(area, entry, found);
    if let Some(limits) = &entry.duration {
        duration(area, entry, limits, found);
    }
    let listed = HIGH_ALERT.iter().any(|name| folded(entry.drug.as_str()).starts_with(name));
    if listed && !entry.high_alert {
        found.say(Severity::Warning, Rule::NotMarkedHighAlert, area, entry, "is not marked as high alert".into());
    }
}

fn maxima(area: &CareAreaLibrary, entry: &Entry, found: &mut Findings) {
    let unit = entry.dosing_unit;
    match (entry.limits.soft_max, entry.limits.hard_max) {
        (_, None) => {
            let severity = if entry.high_alert { Severity::Danger } else { Severity::Warning };
            found.say(severity, Rule::NoHardMax, area, entry, "has no hard maximum".into());
        }
        (None, Some(_)) => found.say(Severity::Note, Rule::NoSoftMax, area, entry, "has no soft maximum".into()),
        (Some(soft), Some(hard)) if soft == hard => {
            let sentence = format!("soft and hard maximum are both {hard} {unit}");
            found.say(Severity::Warning, Rule::SoftEqualsHard, area, entry, sentence);
        }
        (Some(soft), Some(hard)) if soft.checked_mul(Decimal::from_int(10)).is_ok_and(|tenfold| hard >= tenfold) => {
            let sentence = format!("the hard maximum {hard} is ten times the soft maximum {soft} {unit} or more");
            found.say(Severity::Warning, Rule::WideHardMax, area, entry, sentence);
        }
        (Some(_), Some(_)) => {}
    }
}

fn texts(area: &CareAreaLibrary, entry: &Entry, found: &mut Findings) {
    let all = [
        Some(entry.drug.as_str()),
        entry.therapy.as_ref().map(|text| text.as_str()),
        entry.advisory.as_ref().map(|text| text.as_str()),
    ];
    for text in all.into_iter().flatten() {
        if let Some((bad, good)) = error_prone(text) {
            let sentence = format!("\"{text}\" says {bad}: write {good}");
            found.say(Severity::Warning, Rule::ErrorProneText, area, entry, sentence);
        }
        if let Some(number) = text.split(|c: char| !(c.is_ascii_digit() || c == '.')).find(|word| trailing_zero(word)) {
            let sentence = format!("\"{text}\" says {number}");
            found.say(Severity::Warning, Rule::TrailingZero, area, entry, sentence);
        }
    }
}

fn error_prone(text: &str) -> Option<(&'static str, &'static str)> {
    if text.contains(['\u{b5}', '\u{3bc}']) {
        return Some(("µ", "mcg"));
    }
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word.trim_start_matches(|c: char| c.is_ascii_digit())).find_map(|word| match word {
        "U" | "u" => Some(("U", "units")),
        "IU" => Some(("IU", "units")),
        "cc" => Some(("cc", "mL")),
        "MS" | "MSO4" => Some(("MS or MSO4", "morphine sulfate")),
        "MgSO4" => Some(("MgSO4", "magnesium sulfate")),
        "QD" | "qd" => Some(("QD", "daily")),
        _ => None,
    })
}

/// Whether a printed number ends in a zero after its point.
fn trailing_zero(number: &str) -> bool {
    number.split_once('.').is_some_and(|(whole, fraction)| !whole.is_empty() && fraction.ends_with('0'))
}

fn zeros(area: &CareAreaLibrary, entry: &Entry, found: &mut Findings) {
    let limits = &entry.limits;
    let numbers = [
        ("amount", entry.concentration.map(|c| c.amount)),
        ("volume", entry.concentration.map(|c| c.volume_ml)),
        ("hard minimum", limits.hard_min),
        ("soft minimum", limits.soft_min),
        ("soft maximum", limits.soft_max),
        ("hard maximum", limits.hard_max),
        ("bolus hard maximum", entry.bolus.map(|b| b.hard_max)),
    ];
    for (name, value) in numbers.into_iter().filter_map(|(name, value)| value.map(|value| (name, value.to_string()))) {
        if trailing_zero(&value) {
            let sentence = format!("the {name} is written {value}");
            found.say(Severity::Warning, Rule::TrailingZero, area, entry, sentence);
        }
    }
}

fn at_dose(area: &CareAreaLibrary, entry: &Entry, dose: Decimal, minutes: Option<Decimal>) -> Option<Rate> {
    let weight = (entry.dosing_unit.body() == Body::PerKg).then_some(area.device.max_weight_kg);
    let program =
        Program { dose, unit: entry.dosing_unit, weight_kg: weight, duration_min: minutes, vtbi_ml: Decimal::ZERO };
    rate(entry, &program)
}

fn device(area: &CareAreaLibrary, entry: &Entry, found: &mut Findings) {
    let max = area.device.max_rate_ml_h;
    let heaviest = if entry.dosing_unit.body() == Body::PerKg {
        format!(" for a patient of {} kg", area.device.max_weight_kg)
    } else {
        String::new()
    };
    if entry.dosing_unit.time() != TimeBase::Once {
        let top = entry.limits.hard_max.or(entry.limits.soft_max);
        let fast = top.and_then(|dose| at_dose(area, entry, dose, None)).and_then(|rate| rate.is_above(max));
        if fast == Some(true) {
            let sentence = format!("its largest dose{heaviest} runs faster than the care area's {max} mL/h");
            found.say(Severity::Note, Rule::BeyondDevice, area, entry, sentence);
        }
        let least = entry.limits.hard_min.or(entry.limits.soft_min);
        let slow = least.and_then(|dose| at_dose(area, entry, dose, None)).and_then(Rate::ul_per_h);
        if slow.is_some_and(|ul_per_h| ul_per_h < 100) && entry.dosing_unit.amount().dimension() != Dimension::Volume {
            let sentence = format!("its smallest dose{heaviest} runs slower than 0.1 mL/h");
            found.say(Severity::Warning, Rule::TooSlowToDeliver, area, entry, sentence);
        }
    }
    if let Some(bolus) = entry.bolus.filter(|bolus| bolus.max_rate_ml_h > max) {
        let sentence = format!("its bolus may run at {} mL/h, the care area's pumps reach {max}", bolus.max_rate_ml_h);
        found.say(Severity::Warning, Rule::BeyondDevice, area, entry, sentence);
    }
}

fn duration(area: &CareAreaLibrary, entry: &Entry, limits: &DurationLimits, found: &mut Findings) {
    let all =
        [("hard minimum", Some(limits.hard_min)), ("soft minimum", limits.soft_min), ("soft maximum", limits.soft_max)];
    for (name, value) in all.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))) {
        if value == limits.initial {
            let sentence = format!("the {name} of the duration equals the proposed {} min", limits.initial);
            found.say(Severity::Warning, Rule::DurationEqualsInitial, area, entry, sentence);
        }
    }
    // A whole bag in the shortest allowed time.
    let Some(concentration) = &entry.concentration else { return };
    let shortest = limits.soft_min.unwrap_or(limits.hard_min);
    let left = concentration.volume_ml.checked_mul(Decimal::from_int(60));
    let right = area.device.max_rate_ml_h.checked_mul(shortest);
    if let (Ok(left), Ok(right)) = (left, right)
        && left > right
    {
        let sentence = format!(
            "{} mL in {shortest} min is faster than the care area's {} mL/h",
            concentration.volume_ml, area.device.max_rate_ml_h
        );
        found.say(Severity::Warning, Rule::DurationImpliesRate, area, entry, sentence);
    }
}
