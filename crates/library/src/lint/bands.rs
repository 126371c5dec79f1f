//! Rules about therapies that are bands of body weight, such as `< 40 kg` and `>= 40 kg`.
//!
//! Bands are read from the therapy's text: `Weight >= 40 kg`, `<10 kg`, `10 to 40 kg`, `10-40 kg`. A band from–to holds
//! its lower end and not its upper. Texts that hold no such band are left alone.

use std::collections::BTreeMap;

use wardline_model::Decimal;

use super::{Findings, Rule, Severity};
use crate::entry::Entry;
use crate::library::CareAreaLibrary;
use crate::unit::DosingUnit;

/// Where a band begins or ends, ordered along the scale: `At(10)` comes just before 10 kg, `After(10)` just after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    kg: Decimal,
    after: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Band {
    from: Edge,
    to: Option<Edge>,
}

const fn before(kg: Decimal) -> Edge {
    Edge { kg, after: 0 }
}

const fn after(kg: Decimal) -> Edge {
    Edge { kg, after: 1 }
}

pub(super) fn care_area(area: &CareAreaLibrary, found: &mut Findings) {
    let mut groups: BTreeMap<(&str, DosingUnit), Vec<(Band, &Entry)>> = BTreeMap::new();
    for entry in &area.entries {
        if let Some(band) = entry.therapy.as_ref().and_then(|therapy| band(therapy.as_str())) {
            let group = groups.entry((entry.drug.as_str(), entry.dosing_unit)).or_default();
            // Several concentrations of one band count once.
            if !group.iter().any(|(known, _)| *known == band) {
                group.push((band, entry));
            }
        }
    }
    for group in groups.values_mut() {
        group.sort_by_key(|(band, _)| (band.from, band.to.is_none(), band.to));
        walk(area, group, found);
    }
}

fn walk(area: &CareAreaLibrary, group: &[(Band, &Entry)], found: &mut Findings) {
    let mut reached = Some(before(Decimal::ZERO));
    for (band, entry) in group {
        match reached {
            Some(edge) if band.from > edge => {
                let sentence = format!("no therapy covers {} kg to {} kg", edge.kg, band.from.kg);
                found.say(Severity::Warning, Rule::BandGap, area, entry, sentence);
            }
            Some(edge) if band.from < edge => {
                let sentence = format!("another therapy already covers up to {} kg", edge.kg);
                found.say(Severity::Warning, Rule::BandOverlap, area, entry, sentence);
            }
            None => {
                found.say(
                    Severity::Warning,
                    Rule::BandOverlap,
                    area,
                    entry,
                    "another therapy covers every weight above".into(),
                );
            }
            Some(_) => {}
        }
        reached = match (reached, band.to) {
            (Some(edge), Some(to)) => Some(edge.max(to)),
            (None, _) | (_, None) => None,
        };
    }
    let max = area.device.max_weight_kg;
    if let (Some(edge), Some((_, entry))) = (reached, group.last())
        && edge <= before(max)
    {
        let sentence = format!("no therapy covers {} kg up to the care area's {max} kg", edge.kg);
        found.say(Severity::Warning, Rule::BandGap, area, entry, sentence);
    }
}

fn band(text: &str) -> Option<Band> {
    let lower = text.to_lowercase();
    let before_kg = lower.split("kg").next().filter(|part| part.len() < lower.len())?;
    let compact: String = before_kg.chars().filter(|c| !c.is_whitespace()).collect();
    let compact = compact.replace('\u{2265}', ">=").replace('\u{2264}', "<=").replace('\u{2013}', "-");
    let number_at = |at: usize| compact.get(at..).and_then(|text| text.parse::<Decimal>().ok());
    if let Some(at) = compact.find(">=") {
        return Some(Band { from: before(number_at(at + 2)?), to: None });
    }
    if let Some(at) = compact.find("<=") {
        return Some(Band { from: before(Decimal::ZERO), to: Some(after(number_at(at + 2)?)) });
    }
    if let Some(at) = compact.find('>') {
        return Some(Band { from: after(number_at(at + 1)?), to: None });
    }
    if let Some(at) = compact.find('<') {
        return Some(Band { from: before(Decimal::ZERO), to: Some(before(number_at(at + 1)?)) });
    }
    let start = compact.find(|c: char| c.is_ascii_digit())?;
    let range = compact.get(start..)?;
    let (from, to) = range.split_once("to").or_else(|| range.split_once('-'))?;
    Some(Band { from: before(from.parse().ok()?), to: Some(before(to.parse().ok()?)) })
}
