//! What a new library changes, in words that a pharmacist checks.
//!
//! Entries are matched by drug, therapy, concentration and dosing unit. A changed concentration or unit is therefore an
//! entry that goes and one that comes; when they plainly belong together the unit change is said as such, because it is
//! the most dangerous change of all (N10).

use core::fmt;
use std::collections::BTreeMap;

use wardline_model::{CareArea, Decimal, covers};

use crate::entry::{DeviceConfig, Entry, EntryKey};
use crate::library::{CareAreaLibrary, Library};
use crate::unit::DosingUnit;

/// What happened to a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// One of its values is another.
    Changed {
        /// The value's name.
        field: &'static str,
        /// What it was; a dash when there was none.
        from: String,
        /// What it is; a dash when there is none.
        to: String,
        /// Whether limits got wider or narrower.
        direction: Direction,
    },
    /// The same drug and concentration is dosed in another unit.
    UnitChanged {
        /// The old unit.
        from: DosingUnit,
        /// The new unit.
        to: DosingUnit,
    },
}

/// Whether a change lets more through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// More programs pass than before.
    Wider,
    /// Fewer programs pass than before.
    Narrower,
    /// Neither can be said of it.
    Neither,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// In which care area; `None` for the library itself.
    pub care_area: Option<CareArea>,
    /// At which entry; `None` for a care area or the library itself.
    pub entry: Option<EntryKey>,
    /// What happened.
    pub kind: ChangeKind,
    /// The unit of the changed value, for people.
    pub unit: &'static str,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.care_area, &self.entry) {
            (Some(area), Some(entry)) => write!(f, "{area}: {entry}: ")?,
            (Some(area), None) => write!(f, "{area}: ")?,
            (None, _) => f.write_str("library: ")?,
        }
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        match &self.kind {
            ChangeKind::Added => f.write_str("added"),
            ChangeKind::Removed => f.write_str("removed"),
            ChangeKind::UnitChanged { from, to } => write!(f, "DOSING UNIT changed from {from} to {to}"),
            ChangeKind::Changed { field, from, to, direction } => {
                write!(f, "{field} changed from {from} to {to}{unit}")?;
                match direction {
                    Direction::Wider => f.write_str(" (wider)"),
                    Direction::Narrower => f.write_str(" (narrower)"),
                    Direction::Neither => Ok(()),
                }
            }
        }
    }
}

/// Everything that differs, in the order of care areas and entries.
#[must_use]
pub fn diff(old: &Library, new: &Library) -> Vec<Change> {
    covers!("N4", "N10");
    let mut changes = Vec::new();
    let mut library = |field, from: String, to: String| {
        if from != to {
            let kind = ChangeKind::Changed { field, from, to, direction: Direction::Neither };
            changes.push(Change { care_area: None, entry: None, kind, unit: "" });
        }
    };
    library("name", old.name().to_string(), new.name().to_string());
    library("hospital", old.hospital().to_string(), new.hospital().to_string());
    library("id", old.id().to_string(), new.id().to_string());
    library("version", old.version().to_string(), new.version().to_string());
    let marker = |library: &Library| if library.not_for_clinical_use() { "yes" } else { "no" }.to_owned();
    library("not for clinical use", marker(old), marker(new));

    let olds: BTreeMap<_, _> = old.care_areas().iter().map(|area| (&area.name, area)).collect();
    let news: BTreeMap<_, _> = new.care_areas().iter().map(|area| (&area.name, area)).collect();
    let names: std::collections::BTreeSet<_> = olds.keys().chain(news.keys()).copied().collect();
    for name in names {
        match (olds.get(name), news.get(name)) {
            (Some(old), Some(new)) => care_area(old, new, &mut changes),
            (Some(_), None) => changes.push(whole_area(name, ChangeKind::Removed)),
            (None, Some(_)) => changes.push(whole_area(name, ChangeKind::Added)),
            (None, None) => {}
        }
    }
    changes
}

fn whole_area(name: &CareArea, kind: ChangeKind) -> Change {
    Change { care_area: Some(name.clone()), entry: None, kind, unit: "" }
}

fn care_area(old: &CareAreaLibrary, new: &CareAreaLibrary, changes: &mut Vec<Change>) {
    device(&old.name, &old.device, &new.device, changes);
    let mut gone: BTreeMap<EntryKey, &Entry> = old.entries.iter().map(|entry| (entry.key(), entry)).collect();
    let mut come = Vec::new();
    for entry in &new.entries {
        match gone.remove(&entry.key()) {
            Some(before) => Pair { area: &old.name, old: before, new: entry, changes }.compare(),
            None => come.push(entry),
        }
    }
    let alike =
        |a: &EntryKey, b: &Entry| a.drug == b.drug && a.therapy == b.therapy && a.concentration == b.concentration;
    for entry in come {
        let matching: Vec<EntryKey> = gone.keys().filter(|key| alike(key, entry)).cloned().collect();
        let kind = match matching.as_slice() {
            [one] => {
                if let Some(before) = gone.remove(one) {
                    Pair { area: &old.name, old: before, new: entry, changes }.compare();
                }
                ChangeKind::UnitChanged { from: one.dosing_unit, to: entry.dosing_unit }
            }
            _ => ChangeKind::Added,
        };
        changes.push(Change { care_area: Some(old.name.clone()), entry: Some(entry.key()), kind, unit: "" });
    }
    for key in gone.into_keys() {
        let kind = ChangeKind::Removed;
        changes.push(Change { care_area: Some(old.name.clone()), entry: Some(key), kind, unit: "" });
    }
}

fn device(area: &CareArea, old: &DeviceConfig, new: &DeviceConfig, changes: &mut Vec<Change>) {
    let rows = [
        ("max rate", old.max_rate_ml_h, new.max_rate_ml_h, "mL/h", true),
        ("max VTBI", old.max_vtbi_ml, new.max_vtbi_ml, "mL", true),
        ("max weight", old.max_weight_kg, new.max_weight_kg, "kg", true),
        ("KVO rate", old.kvo_rate_ml_h, new.kvo_rate_ml_h, "mL/h", false),
        ("occlusion pressure", old.occlusion_mmhg, new.occlusion_mmhg, "mmHg", true),
        ("air in line", old.air_in_line_ul, new.air_in_line_ul, "microlitres", true),
        ("near end", old.near_end_min, new.near_end_min, "min", false),
        ("min audio level", old.min_audio_level, new.min_audio_level, "", false),
    ];
    for (field, from, to, unit, is_max) in rows {
        if from != to {
            let direction = if is_max { of_max(Some(from), Some(to)) } else { Direction::Neither };
            let kind = ChangeKind::Changed { field, from: from.to_string(), to: to.to_string(), direction };
            changes.push(Change { care_area: Some(area.clone()), entry: None, kind, unit });
        }
    }
}

/// An absent maximum lets everything through.
fn of_max(from: Option<Decimal>, to: Option<Decimal>) -> Direction {
    match (from, to) {
        (Some(from), Some(to)) if to > from => Direction::Wider,
        (Some(from), Some(to)) if to < from => Direction::Narrower,
        (Some(_), None) => Direction::Wider,
        (None, Some(_)) => Direction::Narrower,
        (Some(_), Some(_)) | (None, None) => Direction::Neither,
    }
}

fn of_min(from: Option<Decimal>, to: Option<Decimal>) -> Direction {
    match of_max(from, to) {
        Direction::Wider if from.is_some() && to.is_some() => Direction::Narrower,
        Direction::Narrower if from.is_some() && to.is_some() => Direction::Wider,
        other => other,
    }
}

struct Pair<'a> {
    area: &'a CareArea,
    old: &'a Entry,
    new: &'a Entry,
    changes: &'a mut Vec<Change>,
}

impl Pair<'_> {
    fn compare(mut self) {
        let unit = self.new.dosing_unit.as_str();
        let (old, new) = (self.old.limits, self.new.limits);
        self.number("hard min", old.hard_min, new.hard_min, unit, of_min);
        self.number("soft min", old.soft_min, new.soft_min, unit, of_min);
        self.number("soft max", old.soft_max, new.soft_max, unit, of_max);
        self.number("hard max", old.hard_max, new.hard_max, unit, of_max);
        self.bolus();
        let (old, new) = (self.old.duration, self.new.duration);
        let hard = |d: Option<crate::entry::DurationLimits>| d.map(|d| d.hard_min);
        self.number("duration hard min", hard(old), hard(new), "min", of_min);
        self.number("duration soft min", old.and_then(|d| d.soft_min), new.and_then(|d| d.soft_min), "min", of_min);
        let initial = |d: Option<crate::entry::DurationLimits>| d.map(|d| d.initial);
        self.number("duration proposed", initial(old), initial(new), "min", |_, _| Direction::Neither);
        self.number("duration soft max", old.and_then(|d| d.soft_max), new.and_then(|d| d.soft_max), "min", of_max);
        let alert = |entry: &Entry| if entry.high_alert { "yes" } else { "no" }.to_owned();
        self.text("high alert", alert(self.old), alert(self.new));
        let advisory = |entry: &Entry| entry.advisory.as_ref().map_or_else(|| "-".into(), ToString::to_string);
        self.text("advisory", advisory(self.old), advisory(self.new));
    }

    fn bolus(&mut self) {
        let (old, new) = (self.old.bolus, self.new.bolus);
        let unit = |bolus: Option<crate::entry::Bolus>| bolus.map_or("-", |bolus| bolus.unit.as_str()).to_owned();
        self.text("bolus unit", unit(old), unit(new));
        let name = new.or(old).map_or("", |bolus| bolus.unit.as_str());
        self.number("bolus soft max", old.and_then(|b| b.soft_max), new.and_then(|b| b.soft_max), name, of_max);
        // Without a bolus nothing passes, so its coming is wider and its going narrower.
        let allowed = |from: Option<Decimal>, to: Option<Decimal>| match (from, to) {
            (None, Some(_)) => Direction::Wider,
            (Some(_), None) => Direction::Narrower,
            both => of_max(both.0, both.1),
        };
        self.number("bolus hard max", old.map(|b| b.hard_max), new.map(|b| b.hard_max), name, allowed);
        self.number("bolus max rate", old.map(|b| b.max_rate_ml_h), new.map(|b| b.max_rate_ml_h), "mL/h", allowed);
    }

    fn number(
        &mut self,
        field: &'static str,
        from: Option<Decimal>,
        to: Option<Decimal>,
        unit: &'static str,
        direction: impl Fn(Option<Decimal>, Option<Decimal>) -> Direction,
    ) {
        if from != to {
            let shown = |value: Option<Decimal>| value.map_or_else(|| "-".into(), |value| value.to_string());
            self.push(field, shown(from), shown(to), direction(from, to), unit);
        }
    }

    fn text(&mut self, field: &'static str, from: String, to: String) {
        if from != to {
            self.push(field, from, to, Direction::Neither, "");
        }
    }

    fn push(&mut self, field: &'static str, from: String, to: String, direction: Direction, unit: &'static str) {
        let kind = ChangeKind::Changed { field, from, to, direction };
        let entry = Some(self.new.key());
        self.changes.push(Change { care_area: Some(self.area.clone()), entry, kind, unit });
    }
}
