//! The rules of enrolment that an operator may set: how long a pump's certificate lasts, and who must agree to a first one.
//!
//! A model's time takes the place of the general one. A label is a part of the address that the client chooses itself, so
//! it can only tighten: the certificate lasts the shorter of the two times, and a person is asked even about a pump that
//! the hospital's approval rules let in. A label that is not listed here does not exist.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use wardline_model::{Model, Span};

/// How long a pump's certificate may last, in hours. At least 1: a pump renews at two thirds, and twenty minutes must
/// be enough for a walk through a gap in the Wi-Fi. At most 398 days, as for a public TLS server until 2026 (CA/Browser
/// Forum): a key that was copied unseen must have its end.
const LASTS_H: RangeInclusive<u32> = 1..=398 * 24;

/// How long a person has to approve, in hours: at least one, at most 30 days.
const APPROVAL_LASTS_H: RangeInclusive<u32> = 1..=30 * 24;

/// How many pumps may wait for a person at most: what fits on the approver's desk.
const MOST_WAITING: RangeInclusive<u32> = 1..=10_000;

/// How soon a waiting pump may ask again, in seconds: not so often that it costs the hub, not so seldom that the person
/// beside it thinks it dead.
const RETRY_S: RangeInclusive<u32> = 1..=3_600;

/// The most models or labels with a rule of their own: more is no configuration but a data set.
const MOST_RULES: usize = 200;

/// The longest label: it is one word in an address.
const LONGEST_LABEL: usize = 64;

/// The operations of RFC 7030, which cannot be labels (section 3.2.2).
const OPERATIONS: [&str; 6] = ["cacerts", "simpleenroll", "simplereenroll", "fullcmc", "serverkeygen", "csrattrs"];

/// Who agrees to a pump's first certificate by a birth certificate. A one-time code was made by a person for this pump and
/// needs no other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approval {
    /// Whoever the hospital's approval rules say.
    #[default]
    ByRules,
    /// A person does, each time.
    Person,
}

/// Whether something is demanded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// Without it a pump is refused.
    #[default]
    Required,
    /// It may be missing; where it is there it must be right.
    Optional,
}

/// Whether a key that already had a certificate may get another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SameKey {
    /// No: every certificate is for a new key.
    #[default]
    Refused,
    /// Yes, for clients that cannot make a new key at a renewal. Never for another pump's key.
    Allowed,
}

/// What holds for one label. What it leaves out is as elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelRule {
    /// How long a certificate lasts at the longest, in hours.
    pub lasts_h: Option<u32>,
    /// Who agrees to a first certificate.
    pub approval: Approval,
}

/// What holds for one model. What it leaves out is as elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelRule {
    /// How long a certificate lasts, in hours.
    pub lasts_h: Option<u32>,
}

/// The rules of enrolment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnrolmentRules {
    /// How long a pump's certificate lasts, in hours. 720: 30 days, so that a forgotten one ends by itself and a pump may
    /// spend three weeks in a cupboard.
    pub lasts_h: u32,
    /// Rules for single models, by the model's name.
    pub models: BTreeMap<Model, ModelRule>,
    /// Labels (RFC 7030 section 3.2.2) with their rules. They only tighten.
    pub labels: BTreeMap<String, LabelRule>,
    /// Whether a key may get a second certificate.
    pub same_key: SameKey,
    /// Whether a birth certificate must carry a hardwareModuleName (RFC 4108), as IEEE 802.1AR has it.
    pub hardware_module_name: Demand,
    /// How long a person has to approve, and how long the pump has after that, in hours. 72: over a weekend.
    pub approval_lasts_h: u32,
    /// How many pumps may wait for a person at once.
    pub most_waiting: u32,
    /// After how many seconds a waiting pump asks again.
    pub retry_s: u32,
}

impl Default for EnrolmentRules {
    fn default() -> Self {
        Self {
            lasts_h: 720,
            models: BTreeMap::new(),
            labels: BTreeMap::new(),
            same_key: SameKey::Refused,
            hardware_module_name: Demand::Required,
            approval_lasts_h: 72,
            most_waiting: 500,
            retry_s: 60,
        }
    }
}

/// What the rules say about one pump that came by one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruled {
    /// How long its certificate lasts.
    pub lasts: Span,
    /// Who agrees to a first one.
    pub approval: Approval,
}

impl EnrolmentRules {
    /// What holds for a pump of this model that came by this label. A label that does not exist must have been refused
    /// before; here it changes nothing.
    #[must_use]
    pub fn of(&self, model: &Model, label: Option<&str>) -> Ruled {
        let lasts_h = self.models.get(model).and_then(|own| own.lasts_h).unwrap_or(self.lasts_h);
        let label = label.and_then(|label| self.labels.get(label)).copied().unwrap_or_default();
        let lasts_h = label.lasts_h.map_or(lasts_h, |hours| hours.min(lasts_h));
        Ruled { lasts: Span::from_h(lasts_h.into()), approval: label.approval }
    }

    /// Looks the values over.
    ///
    /// # Errors
    /// A sentence that names the field and what was expected.
    pub fn check(&self) -> Result<(), String> {
        within("enrolment.lasts_h", self.lasts_h, &LASTS_H)?;
        let models = self.models.iter().map(|(model, rule)| (format!("models.{model}"), rule.lasts_h));
        let labels = self.labels.iter().map(|(label, rule)| (format!("labels.{label}"), rule.lasts_h));
        for (name, hours) in models.chain(labels) {
            within(&format!("enrolment.{name}.lasts_h"), hours.unwrap_or(self.lasts_h), &LASTS_H)?;
        }
        within("enrolment.approval_lasts_h", self.approval_lasts_h, &APPROVAL_LASTS_H)?;
        within("enrolment.most_waiting", self.most_waiting, &MOST_WAITING)?;
        within("enrolment.retry_s", self.retry_s, &RETRY_S)?;
        if self.models.len().max(self.labels.len()) > MOST_RULES {
            return Err(format!("enrolment: at most {MOST_RULES} models and as many labels may have a rule"));
        }
        for label in self.labels.keys() {
            let is_word = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
            if label.is_empty() || label.len() > LONGEST_LABEL || !label.bytes().all(is_word) {
                return Err(format!(
                    "enrolment.labels: {label:?} cannot be a label: expected 1 to {LONGEST_LABEL} letters, digits, \
                     hyphens, dots or underscores"
                ));
            }
            if OPERATIONS.contains(&label.as_str()) {
                return Err(format!("enrolment.labels: {label:?} is an operation of EST and cannot be a label"));
            }
        }
        Ok(())
    }
}

fn within(name: &str, is: u32, allowed: &RangeInclusive<u32>) -> Result<(), String> {
    if allowed.contains(&is) {
        return Ok(());
    }
    Err(format!("{name}: expected {} to {}, not {is}", allowed.start(), allowed.end()))
}

#[cfg(test)]
mod tests {
    //! Which rule holds, and what cannot be a rule.

    use super::*;

    fn rules() -> EnrolmentRules {
        serde_json::from_str(
            r#"{
                "models": { "Halcyon 3": { "lasts_h": 168 }, "Tern": { "lasts_h": 2000 } },
                "labels": { "day": { "lasts_h": 24 }, "year": { "lasts_h": 8760 },
                            "asked": { "approval": "person" } }
            }"#,
        )
        .expect("rules")
    }

    #[test]
    fn a_model_has_its_own_rule_and_a_label_only_tightens() {
        let rules = rules();
        rules.check().expect("good rules");
        let of = |model: &str, label| {
            let ruled = rules.of(&Model::new(model).expect("a model"), label);
            (ruled.lasts.as_ms() / 3_600_000, ruled.approval)
        };
        assert_eq!(of("Other", None), (720, Approval::ByRules));
        assert_eq!(of("Halcyon 3", None), (168, Approval::ByRules));
        assert_eq!(of("Tern", None), (2000, Approval::ByRules));
        assert_eq!(of("Tern", Some("day")), (24, Approval::ByRules));
        assert_eq!(of("Halcyon 3", Some("year")), (168, Approval::ByRules), "a client cannot choose a longer life");
        assert_eq!(of("Other", Some("asked")), (720, Approval::Person));
    }

    #[test]
    fn what_cannot_be_a_rule_is_refused_by_name() {
        let why = |text: &str| {
            let rules: EnrolmentRules = serde_json::from_str(text).map_err(|error| error.to_string())?;
            rules.check()
        };
        let refused = |text: &str, part: &str| {
            let said = why(text).expect_err(text);
            assert!(said.contains(part), "{text}: {said}");
        };
        refused(r#"{"lasts_h": 0}"#, "enrolment.lasts_h: expected 1 to 9552, not 0");
        refused(r#"{"lasts_h": 9553}"#, "enrolment.lasts_h");
        refused(r#"{"models": {"Tern": {"lasts_h": 99999}}}"#, "enrolment.models.Tern.lasts_h");
        refused(r#"{"labels": {"day": {"lasts_h": 0}}}"#, "enrolment.labels.day.lasts_h");
        refused(r#"{"labels": {"simpleenroll": {}}}"#, "is an operation of EST");
        refused(r#"{"labels": {"a/b": {}}}"#, "cannot be a label");
        refused(r#"{"labels": {"": {}}}"#, "cannot be a label");
        refused(r#"{"most_waiting": 0}"#, "enrolment.most_waiting");
        refused(r#"{"retry_s": 0}"#, "enrolment.retry_s");
        refused(r#"{"approval_lasts_h": 1000}"#, "enrolment.approval_lasts_h");
        refused(r#"{"aproval": "person"}"#, "unknown field");
        refused(r#"{"models": {"": {}}}"#, "empty");
        assert_eq!(why(r#"{"lasts_h": 9552}"#), Ok(()));
    }
}
