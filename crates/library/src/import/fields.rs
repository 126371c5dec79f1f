//! Records to a draft: each cell becomes what its column holds, or a mistake with its place.

use core::str::FromStr;
use wardline_model::{CareArea, Decimal, DecimalError, NameError, Version, covers};

use super::{Errors, Record, Records};
use crate::entry::{Bolus, Concentration, DeviceConfig, DurationLimits, Entry, Limits};
use crate::library::{CareAreaLibrary, Draft, MAX_CARE_AREAS, MAX_ENTRIES, Problem, SCHEMA};
use crate::unit::{AmountUnit, DosingUnit};

/// Characters by which a spreadsheet recognises a formula, and the apostrophe that the exporter puts before them.
pub(crate) const FORMULA_STARTS: &[char] = &['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// Where each part of a draft stood in its file.
pub(super) struct Lines {
    settings: Record,
    areas: Vec<(CareArea, Record, Vec<Record>)>,
}

impl Lines {
    /// Turns a broken structure rule into a mistake at its place.
    pub(super) fn report(&self, problem: &Problem, errors: &mut Errors) {
        let area = problem.care_area.as_ref().and_then(|name| self.areas.iter().find(|(known, ..)| known == name));
        let record = match (area, problem.entry) {
            (Some((_, _, entries)), Some(at)) => entries.get(at),
            (Some((_, area, _)), None) => Some(area),
            (None, _) => Some(&self.settings),
        };
        let cell = record.and_then(|record| record.cells.get(problem.column));
        let line = cell.map(|(line, _)| *line).or(record.map(|record| record.line)).unwrap_or_default();
        let value = cell.map_or("", |(_, cell)| cell.text.trim());
        errors.add(line, problem.column, value, &format!("a sound library: {}", problem.sentence));
    }
}

pub(super) fn draft(records: &Records, errors: &mut Errors) -> Option<(Draft, Lines)> {
    if records.areas.len() > MAX_CARE_AREAS || records.entries.len() > MAX_ENTRIES {
        let value = format!("{} care areas and {} entries", records.areas.len(), records.entries.len());
        errors.add(0, "", &value, &format!("at most {MAX_CARE_AREAS} care areas and {MAX_ENTRIES} entries"));
        return None;
    }
    let settings = &mut Reading { record: &records.settings, errors };
    let name = settings.name("library name");
    let hospital = settings.name("hospital");
    let id = settings.name("library id");
    let version = settings.version();
    let marker = settings.yes_no("not for clinical use");
    let mut areas = care_areas(&records.areas, errors);
    let by_name: Vec<CareArea> = areas.iter().map(|(area, _, _)| area.name.clone()).collect();
    for record in &records.entries {
        let reading = &mut Reading { record, errors };
        let place = reading.care_area(&by_name);
        let entry = reading.entry();
        if let (Some(place), Some(entry)) = (place, entry) {
            areas[place].0.entries.push(entry);
            areas[place].2.push(record.clone());
        }
    }
    let lines = Lines {
        settings: records.settings.clone(),
        areas: areas
            .iter()
            .map(|(area, record, entries)| (area.name.clone(), record.clone(), entries.clone()))
            .collect(),
    };
    let draft = Draft {
        schema: SCHEMA,
        name: name?,
        hospital: hospital?,
        id: id?,
        version: version?,
        not_for_clinical_use: marker?,
        care_areas: areas.into_iter().map(|(area, _, _)| area).collect(),
    };
    Some((draft, lines))
}

type Area = (CareAreaLibrary, Record, Vec<Record>);

fn care_areas(records: &[Record], errors: &mut Errors) -> Vec<Area> {
    let mut areas: Vec<Area> = Vec::new();
    for record in records {
        let reading = &mut Reading { record, errors };
        let name: Option<CareArea> = reading.name("care area");
        let device = reading.device();
        let (Some(name), Some(device)) = (name, device) else { continue };
        if areas.iter().any(|(area, _, _)| area.name == name) {
            reading.wrong("care area", "each care area once");
            continue;
        }
        areas.push((CareAreaLibrary { name, device, entries: Vec::new() }, record.clone(), Vec::new()));
    }
    areas
}

/// Reads one record's cells.
struct Reading<'a> {
    record: &'a Record,
    errors: &'a mut Errors,
}

impl Reading<'_> {
    fn wrong(&mut self, column: &'static str, expected: &str) {
        let (line, value) =
            self.record.cells.get(column).map_or((self.record.line, ""), |(line, cell)| (*line, cell.text.as_str()));
        self.errors.add(line, column, value, expected);
    }

    /// The text of a cell; `Ok(None)` when it is blank, `Err` when it is refused (and already said).
    fn cell(&mut self, column: &'static str) -> Result<Option<&str>, ()> {
        let Some((_, cell)) = self.record.cells.get(column) else { return Ok(None) };
        if let Some(why) = cell.refused {
            self.wrong(column, why);
            return Err(());
        }
        let text = cell.text.trim_matches([' ', '\u{a0}']);
        Ok((!text.is_empty()).then_some(text))
    }

    fn needed<T>(&mut self, column: &'static str, value: Result<Option<T>, ()>, what: &str) -> Option<T> {
        match value {
            Ok(None) => {
                self.wrong(column, what);
                None
            }
            Ok(Some(value)) => Some(value),
            Err(()) => None,
        }
    }

    fn parsed<T>(&mut self, column: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, ()> {
        let Some(text) = self.cell(column)? else { return Ok(None) };
        match parse(text) {
            Ok(value) => Ok(Some(value)),
            Err(expected) => {
                self.wrong(column, &expected);
                Err(())
            }
        }
    }

    fn text<T: FromStr<Err = NameError>>(&mut self, column: &'static str) -> Result<Option<T>, ()> {
        self.parsed(column, |text| unescape(text)?.parse().map_err(|error| format!("a name; this one {error}")))
    }

    fn name<T: FromStr<Err = NameError>>(&mut self, column: &'static str) -> Option<T> {
        let value = self.text(column);
        self.needed(column, value, "a name")
    }

    fn decimal(&mut self, column: &'static str) -> Result<Option<Decimal>, ()> {
        self.parsed(column, strict_decimal)
    }

    fn needed_decimal(&mut self, column: &'static str) -> Option<Decimal> {
        let value = self.decimal(column);
        self.needed(column, value, "a number")
    }

    fn version(&mut self) -> Option<Version> {
        let column = "library version";
        let expected = "a whole number from 1";
        let value = self.parsed(column, |text| {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
            let number = text.parse::<u64>().ok().filter(|_| plain);
            number.map(Version).ok_or_else(|| expected.to_owned())
        });
        self.needed(column, value, expected)
    }

    fn yes_no(&mut self, column: &'static str) -> Option<bool> {
        let value = self.parsed(column, |text| match text.to_ascii_lowercase().as_str() {
            "yes" | "true" => Ok(true),
            "no" | "false" => Ok(false),
            _ => Err("yes or no".to_owned()),
        });
        self.needed(column, value, "yes or no")
    }

    fn care_area(&mut self, known: &[CareArea]) -> Option<usize> {
        let name: CareArea = self.name("care area")?;
        let place = known.iter().position(|area| *area == name);
        if place.is_none() {
            let names: Vec<_> = known.iter().map(CareArea::as_str).collect();
            self.wrong("care area", &format!("a care area of the table above: {}", names.join(", ")));
        }
        place
    }

    fn device(&mut self) -> Option<DeviceConfig> {
        let max_rate_ml_h = self.needed_decimal("max rate mL/h");
        let max_vtbi_ml = self.needed_decimal("max VTBI mL");
        let max_weight_kg = self.needed_decimal("max weight kg");
        let kvo_rate_ml_h = self.needed_decimal("KVO rate mL/h");
        let occlusion_mmhg = self.needed_decimal("occlusion mmHg");
        let air_in_line_ul = self.needed_decimal("air in line uL");
        let near_end_min = self.needed_decimal("near end min");
        let min_audio_level = self.needed_decimal("min audio level");
        Some(DeviceConfig {
            max_rate_ml_h: max_rate_ml_h?,
            max_vtbi_ml: max_vtbi_ml?,
            max_weight_kg: max_weight_kg?,
            kvo_rate_ml_h: kvo_rate_ml_h?,
            occlusion_mmhg: occlusion_mmhg?,
            air_in_line_ul: air_in_line_ul?,
            near_end_min: near_end_min?,
            min_audio_level: min_audio_level?,
        })
    }

    fn entry(&mut self) -> Option<Entry> {
        let drug = self.name("drug");
        let therapy = self.text("therapy");
        let concentration = self.concentration();
        let dosing_unit = self.parsed("dosing unit", |text| unit::<DosingUnit>(text, DosingUnit::LIST));
        let dosing_unit = self.needed("dosing unit", dosing_unit, DosingUnit::LIST);
        let (hard_min, soft_min) = (self.decimal("hard min"), self.decimal("soft min"));
        let (soft_max, hard_max) = (self.decimal("soft max"), self.decimal("hard max"));
        let bolus = self.bolus();
        let duration = self.duration();
        let high_alert = self.yes_no("high alert");
        let advisory = self.text("advisory");
        let limits = Limits {
            hard_min: hard_min.ok()?,
            soft_min: soft_min.ok()?,
            soft_max: soft_max.ok()?,
            hard_max: hard_max.ok()?,
        };
        Some(Entry {
            drug: drug?,
            therapy: therapy.ok()?,
            concentration: concentration.ok()?,
            dosing_unit: dosing_unit?,
            limits,
            bolus: bolus.ok()?,
            duration: duration.ok()?,
            high_alert: high_alert?,
            advisory: advisory.ok()?,
        })
    }

    /// Whether any of these columns has a value: then they belong together.
    fn any(&self, columns: &[&'static str]) -> bool {
        columns.iter().any(|column| self.record.cells.get(column).is_some_and(|(_, cell)| !cell.is_blank()))
    }

    fn concentration(&mut self) -> Result<Option<Concentration>, ()> {
        if !self.any(&["amount", "amount unit", "volume mL"]) {
            return Ok(None);
        }
        let amount = self.needed_decimal("amount");
        let unit = self.parsed("amount unit", |text| unit::<AmountUnit>(text, AmountUnit::LIST));
        let unit = self.needed("amount unit", unit, AmountUnit::LIST);
        let volume = self.needed_decimal("volume mL");
        match (amount, unit, volume) {
            (Some(amount), Some(unit), Some(volume_ml)) => Ok(Some(Concentration { amount, unit, volume_ml })),
            _ => Err(()),
        }
    }

    fn bolus(&mut self) -> Result<Option<Bolus>, ()> {
        if !self.any(&["bolus unit", "bolus soft max", "bolus hard max", "bolus max rate mL/h"]) {
            return Ok(None);
        }
        let unit = self.parsed("bolus unit", |text| unit::<DosingUnit>(text, DosingUnit::LIST));
        let unit = self.needed("bolus unit", unit, DosingUnit::LIST);
        let soft_max = self.decimal("bolus soft max");
        let hard_max = self.needed_decimal("bolus hard max");
        let rate = self.needed_decimal("bolus max rate mL/h");
        match (unit, hard_max, rate) {
            (Some(unit), Some(hard_max), Some(max_rate_ml_h)) => {
                Ok(Some(Bolus { unit, soft_max: soft_max?, hard_max, max_rate_ml_h }))
            }
            _ => Err(()),
        }
    }

    fn duration(&mut self) -> Result<Option<DurationLimits>, ()> {
        let columns =
            ["duration hard min min", "duration soft min min", "duration initial min", "duration soft max min"];
        if !self.any(&columns) {
            return Ok(None);
        }
        let hard_min = self.needed_decimal(columns[0]);
        let soft_min = self.decimal(columns[1]);
        let initial = self.needed_decimal(columns[2]);
        let soft_max = self.decimal(columns[3]);
        match (hard_min, initial) {
            (Some(hard_min), Some(initial)) => {
                Ok(Some(DurationLimits { hard_min, soft_min: soft_min?, initial, soft_max: soft_max? }))
            }
            _ => Err(()),
        }
    }
}

/// Undoes what the exporter did to a text that a spreadsheet would take for a formula; refuses what still looks like one.
fn unescape(text: &str) -> Result<&str, String> {
    if let Some(rest) = text.strip_prefix('\'')
        && rest.starts_with(|c| FORMULA_STARTS.contains(&c) || c == '\'' || c == '#')
    {
        return Ok(rest);
    }
    if text.starts_with(FORMULA_STARTS) {
        return Err("a text, not a formula (put an apostrophe before it if it is meant)".to_owned());
    }
    Ok(text)
}

/// A plain decimal that prints as it was typed.
pub(super) fn strict_decimal(text: &str) -> Result<Decimal, String> {
    covers!("N10");
    let value: Decimal = text.parse().map_err(|error: DecimalError| {
        let hint = if text.contains(',') { " (write 0.5, not 0,5, and no thousands separator)" } else { "" };
        match error {
            DecimalError::LeadingZero => format!("a zero before the point: 0{text}"),
            DecimalError::Shape | DecimalError::TooLong | DecimalError::Range => {
                format!("a plain decimal such as 0.5 or 12; this {error}{hint}")
            }
        }
    })?;
    if value.to_string() == text { Ok(value) } else { Err(format!("the number without zeros in front: {value}")) }
}

/// A unit of a closed list. Spellings on ISMP's list of error-prone abbreviations are named.
fn unit<T: FromStr>(text: &str, list: &str) -> Result<T, String> {
    text.parse().map_err(|_| {
        let better = if text.contains('\u{b5}') || text.contains('\u{3bc}') {
            "write mcg for micrograms; "
        } else if text.split('/').next().is_some_and(|part| part == "U" || part == "IU" || part == "u") {
            "write units; "
        } else {
            ""
        };
        format!("{better}one of {list}")
    })
}
