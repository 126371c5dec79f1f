//! What is wrong with certificates or will be, weeks ahead. Computed from facts; nothing is stored, so an alarm ends when
//! its reason does.
//!
//! | about | to know | a person | danger |
//! |---|---|---|---|
//! | an authority ends | 180 days before | 90 | 30 |
//! | the hub's own certificate was not replaced | – | 21 | 7 |
//! | the OCSP responder's was not replaced | – | 3 | 1 |
//! | the revocation list is not replaced | – | 5 | 1 |
//! | the device with the authority's key does not answer | – | at once | after a day |
//! | a pump did not renew | – | with one sixth of its life left | – |
//! | a pump's certificate ended | – | at once | – |

use wardline_api::types::Attention;
use wardline_model::{Owner, Span, Time};
use wardline_store::{CertificateCounts, OwnCertificate, OwnKind};

use super::ledger::DeviceTrouble;

/// What the alarms follow from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// This hub process: what another one did not replace is that one's alarm.
    pub node: &'a str,
    /// The hub's own certificates.
    pub own: &'a [OwnCertificate],
    /// The pumps'.
    pub counts: CertificateCounts,
    /// Whether the device answers.
    pub device: Option<&'a DeviceTrouble>,
    /// How long the last revocation list is good.
    pub list_until: Option<Time>,
}

/// One alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What, as a sentence.
    pub what: String,
    /// What to do.
    pub advice: &'static str,
    /// How many pumps it is about; 0 when it is about the hub.
    pub pumps: u64,
    /// How urgent.
    pub attention: Attention,
    /// Whose turn it is.
    pub owner: Owner,
    /// When it comes to the worst, if that has a date.
    pub ends: Option<Time>,
}

/// Days before the end: to know, a person, danger.
type Ahead = [u64; 3];

const AUTHORITY: Ahead = [180, 90, 30];
const SERVER: Ahead = [0, 21, 7];
const RESPONDER: Ahead = [0, 3, 1];
const LIST: Ahead = [0, 5, 1];

/// The alarms at this moment, the worst first.
#[must_use]
pub fn of(facts: &Facts<'_>, now: Time) -> Vec<Alarm> {
    let mut list: Vec<Alarm> = facts.own.iter().filter_map(|own| certificate(own, facts.node, now)).collect();
    if let Some(until) = facts.list_until
        && let Some(attention) = level(until, LIST, now)
    {
        let what = format!("The revocation list was not replaced; it {}", ends(until, now));
        let advice = "Look at the hub's log: RADIUS servers refuse every pump when the list is over.";
        list.push(Alarm { what, advice, pumps: 0, attention, owner: Owner::It, ends: Some(until) });
    }
    if let Some(trouble) = facts.device {
        let old = now.since(trouble.since) >= Span::from_days(1);
        list.push(Alarm {
            what: format!("The authority's key does not answer: {}", trouble.why),
            advice: "No certificate can be issued and no list signed. Links and therapy go on. `wardline ca hsm check` says \
                     what is missing.",
            pumps: 0,
            attention: if old { Attention::Danger } else { Attention::NeedsPerson },
            owner: Owner::It,
            ends: None,
        });
    }
    list.extend(pumps(&facts.counts));
    list.sort_by_key(|alarm| (severity(alarm.attention), alarm.ends));
    list
}

fn severity(attention: Attention) -> u8 {
    match attention {
        Attention::Danger => 0,
        Attention::NeedsPerson => 1,
        Attention::Unknown => 2,
        Attention::Waiting => 3,
        Attention::Good | Attention::Off => 4,
    }
}

fn level(end: Time, [know, person, danger]: Ahead, now: Time) -> Option<Attention> {
    let left = if end > now { end.since(now) } else { Span::from_s(0) };
    let within = |days| left < Span::from_days(days);
    match () {
        () if within(danger) => Some(Attention::Danger),
        () if within(person) => Some(Attention::NeedsPerson),
        () if within(know) => Some(Attention::Waiting),
        () => None,
    }
}

fn ends(end: Time, now: Time) -> String {
    if end <= now {
        return "is over".to_owned();
    }
    match end.since(now).as_s() / 86_400 {
        0 => "ends today".to_owned(),
        1 => "ends in 1 day".to_owned(),
        days => format!("ends in {days} days"),
    }
}

fn certificate(own: &OwnCertificate, node: &str, now: Time) -> Option<Alarm> {
    if own.replaced.is_some() || (!own.node.is_empty() && own.node != node) {
        return None;
    }
    let (name, ahead, advice) = match own.kind {
        OwnKind::Root => ("The fleet's root", AUTHORITY, "Plan the roll-over of the root: docs/manual/ca.md."),
        OwnKind::Between => (
            "An authority above ours",
            AUTHORITY,
            "Ask the hospital's PKI team for its renewed certificate, then `wardline ca install`.",
        ),
        OwnKind::Issuing => (
            "The issuing authority",
            AUTHORITY,
            "Renew it: a roll-over, or below the hospital's root `wardline ca request` and `wardline ca install`.",
        ),
        OwnKind::Server | OwnKind::ServerNewRoot => {
            ("The hub's own certificate was not replaced; it", SERVER, "Look at the hub's log: issuing fails.")
        }
        OwnKind::Responder => (
            "The OCSP responder's certificate was not replaced; it",
            RESPONDER,
            "Look at the hub's log: issuing fails.",
        ),
    };
    let attention = level(own.not_after, ahead, now)?;
    let what = format!("{name} {}", ends(own.not_after, now));
    Some(Alarm { what, advice, pumps: 0, attention, owner: Owner::It, ends: Some(own.not_after) })
}

fn pumps(counts: &CertificateCounts) -> impl Iterator<Item = Alarm> {
    let number = |n: u64| if n == 1 { "1 pump".to_owned() } else { format!("{n} pumps") };
    let late = (counts.late > 0).then(|| Alarm {
        what: format!("{} should have renewed and did not", number(counts.late)),
        advice: "Look whether they are switched on and reach the hub: a pump renews by itself.",
        pumps: counts.late,
        attention: Attention::NeedsPerson,
        owner: Owner::Biomed,
        ends: None,
    });
    let expired = (counts.expired > 0).then(|| Alarm {
        what: format!("{} slept past the end of the certificate", number(counts.expired)),
        advice: "They enrol again by their birth certificate or a one-time code when they are switched on.",
        pumps: counts.expired,
        attention: Attention::NeedsPerson,
        owner: Owner::Biomed,
        ends: None,
    });
    late.into_iter().chain(expired)
}

#[cfg(test)]
mod tests;
