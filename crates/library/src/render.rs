//! What an approver reads and what the pump shows again (N4).
//!
//! An entry is rendered as one line that holds every field. The approver sees the lines that the sample picks; the
//! pump's therapy controller, after it has made a library current, renders the same lines from what it will execute and
//! reads them back. The lines must be equal character by character, so a controller that parses a digit or a unit
//! differently is found out before the first patient.

use core::fmt::Write as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wardline_model::{Decimal, Digest, covers};

use crate::entry::{DeviceConfig, Entry};
use crate::library::{CareAreaLibrary, Library};

/// How many entries a sample holds: a page that a person reads, and every care area's settings besides.
pub const SAMPLE_ENTRIES: usize = 12;

/// How long a sample is as one text, in bytes: what one small frame of the controller port carries.
pub const SAMPLE_BYTES: usize = 4 * 1024;

/// One line of a rendered library.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RenderedEntry {
    /// The entry's place in the whole library, from 1. 0 for a care area's settings.
    pub place: u64,
    /// The line.
    pub text: String,
}

/// SHA-256 of an artifact.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

impl Library {
    /// Renders every care area's settings and [`SAMPLE_ENTRIES`] entries that the seed picks (all, when there are no
    /// more). The seed is the artifact's own digest, so nobody can choose a library and its sample apart.
    #[must_use]
    pub fn sample(&self, seed: &Digest) -> Vec<RenderedEntry> {
        covers!("N4");
        let mut lines: Vec<RenderedEntry> =
            self.care_areas().iter().map(|area| RenderedEntry { place: 0, text: settings(area) }).collect();
        let picked = pick(seed, self.entry_count());
        lines.extend(self.entries().zip(1u64..).filter(|(_, place)| picked.contains(place)).map(
            |((area, entry), place)| RenderedEntry { place, text: format!("{} | {}", area.name, entry.render()) },
        ));
        lines
    }

    /// The sample as one text, a line each: what the controller port carries as read-back. Lines that would make it
    /// longer than [`SAMPLE_BYTES`] are left off; the last line is a SHA-256 over *all* rendered lines, so a single
    /// character that is understood otherwise anywhere in the library shows.
    #[must_use]
    pub fn sample_text(&self, seed: &Digest) -> String {
        covers!("N4");
        let mut all = Sha256::new();
        let mut count = 0u64;
        for line in self.render_all() {
            all.update(line.text.as_bytes());
            all.update(b"\n");
            count += 1;
        }
        let last = format!("all {count} lines: SHA-256 {}", Digest::from_bytes(all.finalize().into()));
        let mut text = String::new();
        for line in self.sample(seed) {
            if text.len() + line.text.len() + 1 + last.len() <= SAMPLE_BYTES {
                text.push_str(&line.text);
                text.push('\n');
            }
        }
        text + &last
    }

    /// Renders every entry, for a person who wants to read all of it.
    #[must_use]
    pub fn render_all(&self) -> Vec<RenderedEntry> {
        let settings = self.care_areas().iter().map(|area| RenderedEntry { place: 0, text: settings(area) });
        let entries = self
            .entries()
            .zip(1u64..)
            .map(|((area, entry), place)| RenderedEntry { place, text: format!("{} | {}", area.name, entry.render()) });
        settings.chain(entries).collect()
    }
}

/// Picks places from 1 to `count` without repeating one: SHA-256 over the seed and a counter, first eight bytes modulo
/// the count. The slight preference of the modulo for low places does not matter to a reader.
fn pick(seed: &Digest, count: u64) -> std::collections::BTreeSet<u64> {
    let mut picked = std::collections::BTreeSet::new();
    if count <= SAMPLE_ENTRIES as u64 {
        picked.extend(1..=count);
        return picked;
    }
    let mut counter = 0u64;
    while picked.len() < SAMPLE_ENTRIES {
        let hash = Sha256::new().chain_update(seed.as_bytes()).chain_update(counter.to_be_bytes()).finalize();
        let mut first = [0u8; 8];
        first.copy_from_slice(&hash[..8]);
        picked.insert(u64::from_be_bytes(first) % count + 1);
        counter += 1;
    }
    picked
}

fn settings(area: &CareAreaLibrary) -> String {
    let DeviceConfig {
        max_rate_ml_h,
        max_vtbi_ml,
        max_weight_kg,
        kvo_rate_ml_h,
        occlusion_mmhg,
        air_in_line_ul,
        near_end_min,
        min_audio_level,
    } = area.device;
    format!(
        "{} | max rate {max_rate_ml_h} mL/h | max VTBI {max_vtbi_ml} mL | max weight {max_weight_kg} kg | KVO \
         {kvo_rate_ml_h} mL/h | occlusion {occlusion_mmhg} mmHg | air in line {air_in_line_ul} microlitres | near end \
         {near_end_min} min | audio at least {min_audio_level} | {} entries",
        area.name,
        area.entries.len()
    )
}

impl Entry {
    /// The line that stands for this entry. Every field is in it; a missing limit is a dash, never a blank.
    #[must_use]
    pub fn render(&self) -> String {
        let mut line = format!("{}", self.drug);
        if let Some(therapy) = &self.therapy {
            let _ = write!(line, " ({therapy})");
        }
        match &self.concentration {
            Some(concentration) => {
                let _ = write!(line, " | {concentration}");
            }
            None => line.push_str(" | undiluted"),
        }
        let limits = &self.limits;
        let _ = write!(
            line,
            " | {} | hard min {} | soft min {} | soft max {} | hard max {}",
            self.dosing_unit,
            or_dash(limits.hard_min),
            or_dash(limits.soft_min),
            or_dash(limits.soft_max),
            or_dash(limits.hard_max)
        );
        match &self.bolus {
            Some(bolus) => {
                let _ = write!(
                    line,
                    " | bolus {}, soft max {}, hard max {}, up to {} mL/h",
                    bolus.unit,
                    or_dash(bolus.soft_max),
                    bolus.hard_max,
                    bolus.max_rate_ml_h
                );
            }
            None => line.push_str(" | no bolus"),
        }
        if let Some(duration) = &self.duration {
            let _ = write!(
                line,
                " | over minutes hard min {}, soft min {}, initial {}, soft max {}",
                duration.hard_min,
                or_dash(duration.soft_min),
                duration.initial,
                or_dash(duration.soft_max)
            );
        } else {
            line.push_str(" | no duration");
        }
        line.push_str(if self.high_alert { " | HIGH ALERT" } else { " | not high alert" });
        if let Some(advisory) = &self.advisory {
            let _ = write!(line, " | {advisory}");
        }
        line
    }
}

fn or_dash(value: Option<Decimal>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}
