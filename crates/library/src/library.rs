//! A whole drug library, and the structure rules without which it is none.
//!
//! A [`Draft`] is plain data that an editor or importer fills. A [`Library`] can only be made by [`Library::new`], which
//! checks every structure rule and puts care areas and entries into their one order, so that equal libraries have equal
//! bytes. What is allowed but unwise is the linter's business.

use core::fmt;
use serde::{Deserialize, Serialize};
use wardline_model::{CareArea, Decimal, Version};

use crate::entry::{DeviceConfig, DurationLimits, Entry, Limits};
use crate::text::{Hospital, LibraryId, LibraryName};
use crate::unit::{AmountUnit, Dimension, TimeBase};

/// The number of this schema. A pump whose firmware knows only older schemas must not be given a newer one.
pub const SCHEMA: u32 = 1;
/// The most care areas: large health systems have a few dozen.
pub const MAX_CARE_AREAS: usize = 64;
/// The most entries in all care areas together: shipped libraries hold some thousands.
pub const MAX_ENTRIES: usize = 20_000;
/// Problems that are collected before the check stops: more help nobody.
pub const MAX_PROBLEMS: usize = 200;

/// One care area: what it sets on its pumps, and its drugs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CareAreaLibrary {
    /// Its name.
    pub name: CareArea,
    /// What it sets on its pumps.
    pub device: DeviceConfig,
    /// Its drugs.
    pub entries: Vec<Entry>,
}

/// A library as plain data, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The schema's number; always [`SCHEMA`].
    pub schema: u32,
    /// The library's name.
    pub name: LibraryName,
    /// Whose it is.
    pub hospital: Hospital,
    /// The same through all versions.
    pub id: LibraryId,
    /// The number of this version; it only grows.
    pub version: Version,
    /// Set on everything invented. A controller in clinical use must refuse such a library.
    pub not_for_clinical_use: bool,
    /// The care areas.
    pub care_areas: Vec<CareAreaLibrary>,
}

/// One structure rule that a draft breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which care area, when it is about one.
    pub care_area: Option<CareArea>,
    /// Which entry of that care area, by its place from 0, when it is about one.
    pub entry: Option<usize>,
    /// Which field, by the name of its column.
    pub column: &'static str,
    /// What was wrong and what to do, as a sentence that names the thing.
    pub sentence: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(area) = &self.care_area {
            write!(f, "{area}: ")?;
        }
        write!(f, "{} ({})", self.sentence, self.column)
    }
}

/// A drug library in which every structure rule holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Library {
    draft: Draft,
}

impl Library {
    /// Checks a draft and puts it in order.
    ///
    /// # Errors
    /// Every structure rule that it breaks, at most [`MAX_PROBLEMS`].
    pub fn new(mut draft: Draft) -> Result<Self, Vec<Problem>> {
        let problems = structure(&draft);
        if !problems.is_empty() {
            return Err(problems);
        }
        draft.care_areas.sort_by(|a, b| a.name.cmp(&b.name));
        for area in &mut draft.care_areas {
            area.entries.sort_by_cached_key(Entry::key);
        }
        Ok(Self { draft })
    }

    /// The library's name.
    #[must_use]
    pub fn name(&self) -> &LibraryName {
        &self.draft.name
    }

    /// Whose it is.
    #[must_use]
    pub fn hospital(&self) -> &Hospital {
        &self.draft.hospital
    }

    /// The same through all versions.
    #[must_use]
    pub fn id(&self) -> &LibraryId {
        &self.draft.id
    }

    /// The number of this version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.draft.version
    }

    /// Whether it is invented.
    #[must_use]
    pub fn not_for_clinical_use(&self) -> bool {
        self.draft.not_for_clinical_use
    }

    /// The care areas in order.
    #[must_use]
    pub fn care_areas(&self) -> &[CareAreaLibrary] {
        &self.draft.care_areas
    }

    /// The care area of this name.
    #[must_use]
    pub fn care_area(&self, name: &CareArea) -> Option<&CareAreaLibrary> {
        self.draft.care_areas.iter().find(|area| area.name == *name)
    }

    /// Every entry with its care area, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&CareAreaLibrary, &Entry)> {
        self.draft.care_areas.iter().flat_map(|area| area.entries.iter().map(move |entry| (area, entry)))
    }

    /// How many entries there are in all care areas.
    #[must_use]
    pub fn entry_count(&self) -> u64 {
        self.draft.care_areas.iter().map(|area| area.entries.len() as u64).sum()
    }

    /// The data, to be read.
    #[must_use]
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// The data, to be edited and checked again.
    #[must_use]
    pub fn into_draft(self) -> Draft {
        self.draft
    }
}

/// Collects problems, with a bound.
struct Structure {
    problems: Vec<Problem>,
}

impl Structure {
    fn say(&mut self, area: Option<&CareArea>, entry: Option<usize>, column: &'static str, sentence: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem { care_area: area.cloned(), entry, column, sentence });
        }
    }
}

fn structure(draft: &Draft) -> Vec<Problem> {
    let mut found = Structure { problems: Vec::new() };
    if draft.schema != SCHEMA {
        let sentence = format!("schema {} is unknown: this program reads schema {SCHEMA}", draft.schema);
        found.say(None, None, "schema", sentence);
    }
    if draft.version.0 == 0 {
        found.say(None, None, "library version", "the version must be 1 or more".into());
    }
    if draft.care_areas.is_empty() {
        found.say(None, None, "care area", "there is no care area: add at least one".into());
    }
    if draft.care_areas.len() > MAX_CARE_AREAS {
        let sentence = format!("there are {} care areas: at most {MAX_CARE_AREAS} fit", draft.care_areas.len());
        found.say(None, None, "care area", sentence);
    }
    let entries: usize = draft.care_areas.iter().map(|area| area.entries.len()).sum();
    if entries > MAX_ENTRIES {
        found.say(None, None, "drug", format!("there are {entries} entries: at most {MAX_ENTRIES} fit"));
        return found.problems;
    }
    let mut seen_areas = std::collections::BTreeSet::new();
    for area in &draft.care_areas {
        if !seen_areas.insert(folded(area.name.as_str())) {
            found.say(Some(&area.name), None, "care area", format!("{} is there twice: remove one", area.name));
        }
        care_area(area, &mut found);
    }
    found.problems
}

/// A name without regard to case and repeated spaces: what people would read as the same.
pub(crate) fn folded(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn care_area(area: &CareAreaLibrary, found: &mut Structure) {
    device(area, found);
    if area.entries.is_empty() {
        let sentence = format!("{} has no entry: add a drug or remove the care area", area.name);
        found.say(Some(&area.name), None, "drug", sentence);
    }
    let mut seen = std::collections::BTreeSet::new();
    for (at, entry) in area.entries.iter().enumerate() {
        let key = entry.key();
        if !seen.insert(key.clone()) {
            let sentence = format!("{key} in {} is there twice: remove one", entry.dosing_unit);
            found.say(Some(&area.name), Some(at), "drug", sentence);
        }
        for (column, sentence) in entry_problems(entry) {
            found.say(Some(&area.name), Some(at), column, format!("{key}: {sentence}"));
        }
    }
}

fn device(area: &CareAreaLibrary, found: &mut Structure) {
    let d = &area.device;
    let rows = [
        ("max rate mL/h", d.max_rate_ml_h),
        ("max VTBI mL", d.max_vtbi_ml),
        ("max weight kg", d.max_weight_kg),
        ("KVO rate mL/h", d.kvo_rate_ml_h),
        ("occlusion mmHg", d.occlusion_mmhg),
        ("air in line uL", d.air_in_line_ul),
        ("near end min", d.near_end_min),
        ("min audio level", d.min_audio_level),
    ];
    for (column, value) in rows {
        if !value.is_positive() {
            found.say(Some(&area.name), None, column, format!("{value} must be above zero"));
        }
    }
    if d.kvo_rate_ml_h > d.max_rate_ml_h {
        let sentence = format!("the KVO rate {} is above the fastest rate {}", d.kvo_rate_ml_h, d.max_rate_ml_h);
        found.say(Some(&area.name), None, "KVO rate mL/h", sentence);
    }
    if d.min_audio_level > Decimal::from_int(10) {
        let sentence = format!("{} is not an audio level: use 1 to 10", d.min_audio_level);
        found.say(Some(&area.name), None, "min audio level", sentence);
    }
}

type Said = Vec<(&'static str, String)>;

fn entry_problems(entry: &Entry) -> Said {
    let mut said = Said::new();
    concentration(entry, &mut said);
    dose_limits(entry.limits, &mut said);
    match (entry.dosing_unit.time(), &entry.duration) {
        (TimeBase::Once, Some(duration)) => duration_limits(*duration, &mut said),
        (TimeBase::Once, None) => said.push((
            "duration hard min min",
            format!("a dose in {} is given over a time: set its duration limits", entry.dosing_unit),
        )),
        (_, Some(_)) => said.push((
            "duration hard min min",
            format!("a dose in {} is already per time: leave the duration empty", entry.dosing_unit),
        )),
        (_, None) => {}
    }
    bolus(entry, &mut said);
    said
}

fn concentration(entry: &Entry, said: &mut Said) {
    let dose = entry.dosing_unit.amount().dimension();
    match &entry.concentration {
        None if dose == Dimension::Volume => {}
        None => said.push(("amount", format!("a dose in {} needs a concentration", entry.dosing_unit))),
        Some(c) => {
            if c.unit == AmountUnit::Millilitre {
                said.push(("amount unit", format!("mL is no amount of drug: use {}", AmountUnit::LIST)));
            } else if dose != Dimension::Volume && c.unit.dimension() != dose {
                let sentence =
                    format!("{} cannot be dosed in {}: the units do not measure the same", c, entry.dosing_unit);
                said.push(("dosing unit", sentence));
            }
            if !c.amount.is_positive() {
                said.push(("amount", format!("{} must be above zero", c.amount)));
            }
            if !c.volume_ml.is_positive() {
                said.push(("volume mL", format!("{} must be above zero", c.volume_ml)));
            }
        }
    }
}

fn dose_limits(limits: Limits, said: &mut Said) {
    let row = [
        ("hard min", limits.hard_min),
        ("soft min", limits.soft_min),
        ("soft max", limits.soft_max),
        ("hard max", limits.hard_max),
    ];
    if limits.hard_max.is_none() && limits.soft_max.is_none() {
        said.push(("hard max", "no upper limit at all: set a soft or a hard maximum".into()));
    }
    ascending(&row, said);
}

fn duration_limits(limits: DurationLimits, said: &mut Said) {
    ascending(
        &[
            ("duration hard min min", Some(limits.hard_min)),
            ("duration soft min min", limits.soft_min),
            ("duration initial min", Some(limits.initial)),
            ("duration soft max min", limits.soft_max),
        ],
        said,
    );
}

fn bolus(entry: &Entry, said: &mut Said) {
    let Some(bolus) = &entry.bolus else { return };
    if entry.duration.is_some() {
        said.push(("bolus unit", "an intermittent dose has no bolus: leave the bolus columns empty".into()));
    }
    if bolus.unit.time() != TimeBase::Once {
        said.push(("bolus unit", format!("{} is a rate: a bolus is a whole dose, such as mg or mcg/kg", bolus.unit)));
    }
    if bolus.unit.amount().dimension() != entry.dosing_unit.amount().dimension() {
        said.push(("bolus unit", format!("{} does not fit a dose in {}", bolus.unit, entry.dosing_unit)));
    }
    ascending(&[("bolus soft max", bolus.soft_max), ("bolus hard max", Some(bolus.hard_max))], said);
    if !bolus.max_rate_ml_h.is_positive() {
        said.push(("bolus max rate mL/h", format!("{} must be above zero", bolus.max_rate_ml_h)));
    }
}

/// Every limit that is given is above zero, and none is below the one before it.
fn ascending(row: &[(&'static str, Option<Decimal>)], said: &mut Said) {
    let mut before: Option<(&'static str, Decimal)> = None;
    for (column, value) in row.iter().filter_map(|(column, value)| value.map(|value| (*column, value))) {
        if !value.is_positive() {
            said.push((column, format!("{column} {value} must be above zero (leave it empty for no limit)")));
        }
        if let Some((below, lower)) = before
            && value < lower
        {
            said.push((column, format!("{column} {value} is below {below} {lower}")));
        }
        before = Some((column, value));
    }
}
