//! What is allowed in a library but unwise.
//!
//! The structure rules say what a library *is*; the linter says what a pharmacist should look at before signing. It
//! changes nothing and refuses nothing. Its rules come from published accidents, from changelogs of hospitals and from
//! ISMP's lists; each names its reason in [`Rule::why`].

mod bands;
mod limits;
mod siblings;

use core::fmt;
use wardline_model::CareArea;

use crate::entry::{Entry, EntryKey};
use crate::library::{CareAreaLibrary, Library};

/// Findings that are listed before the linter stops.
pub const MAX_FINDINGS: usize = 1_000;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth a look.
    Note,
    /// Probably not meant.
    Warning,
    /// Would leave a known accident unhindered.
    Danger,
}

/// A rule of the linter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each rule's meaning is `why`, which people read too")]
pub enum Rule {
    NoHardMax,
    NoSoftMax,
    SoftEqualsHard,
    WideHardMax,
    BeyondDevice,
    TooSlowToDeliver,
    TrailingZero,
    ErrorProneText,
    NotMarkedHighAlert,
    DurationEqualsInitial,
    DurationImpliesRate,
    MixedUnits,
    SameConcentrationTwice,
    ThousandfoldConcentration,
    LookAlikeName,
    BandGap,
    BandOverlap,
    AreasDisagree,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 18] = [
        Self::NoHardMax,
        Self::NoSoftMax,
        Self::SoftEqualsHard,
        Self::WideHardMax,
        Self::BeyondDevice,
        Self::TooSlowToDeliver,
        Self::TrailingZero,
        Self::ErrorProneText,
        Self::NotMarkedHighAlert,
        Self::DurationEqualsInitial,
        Self::DurationImpliesRate,
        Self::MixedUnits,
        Self::SameConcentrationTwice,
        Self::ThousandfoldConcentration,
        Self::LookAlikeName,
        Self::BandGap,
        Self::BandOverlap,
        Self::AreasDisagree,
    ];

    /// Its name in files and addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoHardMax => "no-hard-max",
            Self::NoSoftMax => "no-soft-max",
            Self::SoftEqualsHard => "soft-equals-hard",
            Self::WideHardMax => "wide-hard-max",
            Self::BeyondDevice => "beyond-device",
            Self::TooSlowToDeliver => "too-slow-to-deliver",
            Self::TrailingZero => "trailing-zero",
            Self::ErrorProneText => "error-prone-text",
            Self::NotMarkedHighAlert => "not-marked-high-alert",
            Self::DurationEqualsInitial => "duration-equals-initial",
            Self::DurationImpliesRate => "duration-implies-rate",
            Self::MixedUnits => "mixed-units",
            Self::SameConcentrationTwice => "same-concentration-twice",
            Self::ThousandfoldConcentration => "thousandfold-concentration",
            Self::LookAlikeName => "look-alike-name",
            Self::BandGap => "band-gap",
            Self::BandOverlap => "band-overlap",
            Self::AreasDisagree => "areas-disagree",
        }
    }

    /// Why the rule exists.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::NoHardMax => "without a hard maximum a tenfold mistake can be confirmed and started",
            Self::NoSoftMax => "without a soft maximum the first sign of a mistake is a refusal",
            Self::SoftEqualsHard => "a soft limit that equals the hard one is never seen",
            Self::WideHardMax => "a hard maximum of ten times the soft one lets a misplaced decimal point through",
            Self::BeyondDevice => {
                "a dose that the pump's fastest rate cannot give is refused for another reason than its limit"
            }
            Self::TooSlowToDeliver => "below 0.1 mL/h most pumps do not deliver evenly",
            Self::TrailingZero => "2.0 has been read as 20 (ISMP's list of error-prone dose designations)",
            Self::ErrorProneText => "this abbreviation has been misread (ISMP's list of error-prone abbreviations)",
            Self::NotMarkedHighAlert => "the drug is on ISMP's list of high-alert medications",
            Self::DurationEqualsInitial => {
                "a duration limit that equals the proposed duration alerts for nothing as soon as overfill is added"
            }
            Self::DurationImpliesRate => "the shortest allowed duration needs a rate that the pump does not reach",
            Self::MixedUnits => "one drug in units of different size invites a thousandfold mistake",
            Self::SameConcentrationTwice => "the same concentration under two labels makes people pick by chance",
            Self::ThousandfoldConcentration => {
                "concentrations a hundredfold apart or more often mean that one was typed in the wrong unit"
            }
            Self::LookAlikeName => "names that differ only in case, spaces or punctuation are picked for each other",
            Self::BandGap => "no entry covers a patient of this weight",
            Self::BandOverlap => "two entries cover a patient of this weight",
            Self::AreasDisagree => "limits tenfold apart between care areas surprise people and pumps that move",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// Which rule found it.
    pub rule: Rule,
    /// In which care area.
    pub care_area: CareArea,
    /// At which entry.
    pub entry: EntryKey,
    /// What is there, as a sentence.
    pub sentence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {} ({}: {})", self.care_area, self.entry, self.sentence, self.rule, self.rule.why())
    }
}

/// Looks at a whole library. The most serious findings come first.
#[must_use]
pub fn lint(library: &Library) -> Vec<Finding> {
    let mut found = Findings::default();
    for area in library.care_areas() {
        for entry in &area.entries {
            limits::entry(area, entry, &mut found);
        }
        siblings::care_area(area, &mut found);
        bands::care_area(area, &mut found);
    }
    siblings::between_areas(library, &mut found);
    found.list.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.care_area.cmp(&b.care_area)));
    found.list
}

#[derive(Default)]
struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    fn say(&mut self, severity: Severity, rule: Rule, area: &CareAreaLibrary, entry: &Entry, sentence: String) {
        if self.list.len() < MAX_FINDINGS {
            let care_area = area.name.clone();
            self.list.push(Finding { severity, rule, care_area, entry: entry.key(), sentence });
        }
    }
}

#[cfg(test)]
mod tests;
