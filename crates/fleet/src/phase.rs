//! Where each slot of a pump is on its way to its goal: derived from goal, report and time, never stored.
//!
//! A report is a claim with an age. Once it is older than [`HEARD_WITHIN`] the phase is [`Phase::Unknown`], whatever the
//! report said: unknown is never painted as good. The pump's own clock is never compared with the hub's; what the pump
//! says about spans (its report's time minus its `staged_since`) is added to the time since the hub received it.

use serde::{Deserialize, Serialize};
use wardline_model::{
    Goal, Kind, Lifecycle, Outcome, Owner, PerKind, Refusal, ReleaseRef, Report, SlotReport, SlotState, Span, Time,
    Wait,
};

/// How old a report may be before the hub no longer says that it knows. A pump reports on every change and with its
/// heartbeat; ten minutes is many heartbeats and a walk through a lift.
pub const HEARD_WITHIN: Span = Span::from_min(10);

/// Where a slot is. The order is that of a journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing is wanted of this slot.
    Unasked,
    /// A rollout will want something of it, when its turn comes.
    NotItsTurn,
    /// A goal was made and the pump has not said that it holds it.
    Sent,
    /// Getting metadata and bytes in the background.
    Fetching,
    /// Verified and stored, waiting for its moment.
    Staged,
    /// Between intent and result of the switch.
    Switching,
    /// Switched, not yet proven.
    Trial,
    /// Runs what its goal wants.
    Settled,
    /// The last attempt ended without the new release; the old one is active.
    WentBack,
    /// The pump refused the release and says why.
    Refused,
    /// Nothing whole is left in this slot.
    OutOfService,
    /// The pump has not been heard of for too long.
    Unknown,
    /// The pump is quarantined, lost or retired.
    TakenDown,
}

impl Phase {
    /// Every phase, in the order of a journey.
    pub const ALL: [Self; 13] = [
        Self::Unasked,
        Self::NotItsTurn,
        Self::Sent,
        Self::Fetching,
        Self::Staged,
        Self::Switching,
        Self::Trial,
        Self::Settled,
        Self::WentBack,
        Self::Refused,
        Self::OutOfService,
        Self::Unknown,
        Self::TakenDown,
    ];

    /// The word in addresses, JSON and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::NotItsTurn => "not-its-turn",
            Self::Sent => "sent",
            Self::Fetching => "fetching",
            Self::Staged => "staged",
            Self::Switching => "switching",
            Self::Trial => "trial",
            Self::Settled => "settled",
            Self::WentBack => "went-back",
            Self::Refused => "refused",
            Self::OutOfService => "out-of-service",
            Self::Unknown => "unknown",
            Self::TakenDown => "taken-down",
        }
    }

    /// The words on the screen.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unasked => "nothing wanted",
            Self::NotItsTurn => "not its turn yet",
            Self::Sent => "goal sent",
            Self::Fetching => "fetching",
            Self::Staged => "staged",
            Self::Switching => "switching",
            Self::Trial => "on trial",
            Self::Settled => "settled",
            Self::WentBack => "went back",
            Self::Refused => "refused",
            Self::OutOfService => "out of service",
            Self::Unknown => "unknown",
            Self::TakenDown => "taken down",
        }
    }
}

/// Everything that the phase of a pump is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The pump's place in its life.
    pub lifecycle: Lifecycle,
    /// Since when it is there.
    pub lifecycle_since: Time,
    /// Its newest goal.
    pub goal: Option<&'a Goal>,
    /// Its newest report.
    pub report: Option<&'a Report>,
    /// When the hub received that report, or last heard a heartbeat that confirmed it.
    pub heard: Option<Time>,
    /// What a running rollout will want of each slot, whether or not this pump had its turn.
    pub coming: Option<&'a PerKind<Option<ReleaseRef>>>,
}

/// Where one slot is, why, since when and whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlotPhase {
    /// Which slot.
    pub kind: Kind,
    /// Where it is.
    pub phase: Phase,
    /// Where it was when last heard of; equals `phase` while the report is fresh.
    pub last_known: Phase,
    /// Why it is not moving on, if it is not.
    pub wait: Option<Wait>,
    /// Who can end the wait.
    pub owner: Owner,
    /// How long it has been like this (since staged, where something is staged).
    pub age: Option<Span>,
    /// What will happen next, or what to do: a sentence.
    pub next: &'static str,
    /// What was active when last heard of.
    pub active: Option<ReleaseRef>,
    /// What the goal wants, or what the coming rollout will want.
    pub want: Option<ReleaseRef>,
    /// How the last attempt ended, as last reported.
    pub outcome: Option<Outcome>,
}

/// The phase of all five slots.
#[must_use]
pub fn phases(evidence: &Evidence<'_>, now: Time) -> PerKind<SlotPhase> {
    PerKind::from_fn(|kind| phase(evidence, kind, now))
}

/// The phase of one slot.
#[must_use]
pub fn phase(evidence: &Evidence<'_>, kind: Kind, now: Time) -> SlotPhase {
    let slot = evidence.report.map(|report| report.slots.get(kind)).copied().unwrap_or_default();
    let asked = evidence.goal.and_then(|goal| goal.slots.get(kind).want);
    let coming = evidence.coming.and_then(|coming| *coming.get(kind));
    let (claimed, claimed_wait) = claim(evidence, &slot, asked, coming);
    let heard_age = evidence.heard.map(|heard| now.since(heard));
    let (phase, wait) = if matches!(evidence.lifecycle, Lifecycle::Quarantined | Lifecycle::Lost | Lifecycle::Retired) {
        (Phase::TakenDown, Some(Wait::TakenDown))
    } else if claimed == Phase::Unasked && evidence.report.is_none() {
        (Phase::Unasked, None)
    } else if heard_age.is_none_or(|age| age > HEARD_WITHIN) {
        (Phase::Unknown, Some(Wait::NotReached))
    } else {
        (claimed, claimed_wait)
    };
    let age = age(evidence, &slot, phase, now);
    let owner = wait.map_or(Owner::Nobody, |wait| owner(wait, kind));
    let want = match claimed {
        Phase::NotItsTurn => coming,
        _ => asked,
    };
    SlotPhase {
        kind,
        phase,
        last_known: claimed,
        wait,
        owner,
        age,
        next: next_step(phase, wait, slot.last),
        active: slot.active,
        want,
        outcome: slot.last,
    }
}

/// What the report, taken at its word, says of the slot.
fn claim(
    evidence: &Evidence<'_>,
    slot: &SlotReport,
    asked: Option<ReleaseRef>,
    coming: Option<ReleaseRef>,
) -> (Phase, Option<Wait>) {
    if slot.state == SlotState::OutOfService {
        return (Phase::OutOfService, Some(Wait::OutOfService));
    }
    let ahead = coming.filter(|coming| Some(coming.digest) != slot.active.map(|active| active.digest));
    let Some(want) = asked else {
        return if ahead.is_some() { (Phase::NotItsTurn, Some(Wait::NotItsTurn)) } else { (Phase::Unasked, None) };
    };
    let runs_it = slot.active.is_some_and(|active| active.digest == want.digest);
    let (Some(report), Some(goal)) = (evidence.report, evidence.goal) else {
        return (Phase::Sent, Some(Wait::NotReached));
    };
    match slot.state {
        SlotState::Trial => (Phase::Trial, Some(slot.wait.unwrap_or(Wait::ProofPending))),
        SlotState::Switching => (Phase::Switching, slot.wait),
        _ if runs_it && ahead.is_some_and(|ahead| ahead.digest != want.digest) => {
            (Phase::NotItsTurn, Some(Wait::NotItsTurn))
        }
        _ if runs_it => (Phase::Settled, None),
        _ if report.generation < goal.generation => (Phase::Sent, Some(Wait::NotReached)),
        SlotState::WentBack => match slot.last {
            Some(Outcome::Refused(_)) => (Phase::Refused, Some(Wait::Refused)),
            _ => (Phase::WentBack, Some(Wait::WentBack)),
        },
        SlotState::Fetching if slot.wait == Some(Wait::Refused) => (Phase::Refused, Some(Wait::Refused)),
        SlotState::Fetching => (Phase::Fetching, Some(slot.wait.unwrap_or(Wait::Fetching))),
        SlotState::Staged | SlotState::Cleared => (Phase::Staged, Some(slot.wait.unwrap_or(Wait::HoldDenied))),
        SlotState::Settled | SlotState::OutOfService => match slot.last {
            Some(Outcome::Refused(_)) => (Phase::Refused, Some(Wait::Refused)),
            _ => (Phase::Sent, slot.wait.or(Some(Wait::Fetching))),
        },
    }
}

/// How long it has been like this. Spans of the pump's clock are added to the hub's time since it was heard.
fn age(evidence: &Evidence<'_>, slot: &SlotReport, phase: Phase, now: Time) -> Option<Span> {
    let since_heard = evidence.heard.map(|heard| now.since(heard));
    match phase {
        Phase::TakenDown => Some(now.since(evidence.lifecycle_since)),
        Phase::Unknown => since_heard,
        Phase::Unasked | Phase::Settled | Phase::NotItsTurn => None,
        Phase::Sent => evidence.goal.map(|goal| now.since(goal.issued)),
        Phase::Fetching
        | Phase::Staged
        | Phase::Switching
        | Phase::Trial
        | Phase::WentBack
        | Phase::Refused
        | Phase::OutOfService => match (slot.staged_since, evidence.report, since_heard) {
            (Some(staged), Some(report), Some(heard)) => Some(report.at.since(staged) + heard),
            _ => evidence.goal.map(|goal| now.since(goal.issued)),
        },
    }
}

/// Who can end a wait in this slot. Releases of a kind are answered for by the people who sign it.
#[must_use]
pub const fn owner(wait: Wait, kind: Kind) -> Owner {
    match wait {
        Wait::Refused | Wait::WentBack => match kind {
            Kind::DrugLibrary => Owner::Pharmacy,
            Kind::Firmware => Owner::Maker,
            Kind::WirelessProfile | Kind::FirewallPolicy | Kind::TrustAnchors => Owner::Security,
        },
        other => other.owner(),
    }
}

const fn next_step(phase: Phase, wait: Option<Wait>, outcome: Option<Outcome>) -> &'static str {
    match phase {
        Phase::Unasked => "Nothing to do.",
        Phase::Settled => "Nothing to do: it runs what it should.",
        Phase::NotItsTurn => "It gets its goal when its ring is opened.",
        Phase::Sent => "The pump takes the goal up with its next heartbeat.",
        Phase::Fetching => match wait {
            Some(Wait::StorageFull) => STORAGE_STEP,
            Some(Wait::FetchFailed) => "The pump tries again by itself; look at the network if it lasts.",
            _ => "The pump fetches and verifies in the background, during therapy too.",
        },
        Phase::Staged => match wait {
            Some(Wait::StorageFull) => STORAGE_STEP,
            Some(Wait::TherapyRunning) => "It switches by itself when therapy has ended and no program is loaded.",
            Some(Wait::TherapyUnknown) => "Have the therapy controller looked at: until it speaks, nothing switches.",
            Some(Wait::HoldUnsupported) => "This pump cannot switch from afar; it needs its maker's service procedure.",
            Some(Wait::OtherTrial) => "It switches after the other slot has settled.",
            _ => "It switches by itself at its next good moment.",
        },
        Phase::Switching | Phase::Trial => "It settles or goes back by itself before its deadline.",
        Phase::WentBack => match outcome {
            Some(Outcome::Disproved(_)) => {
                "The rollout stopped itself. Look at what the pump read back before going on."
            }
            Some(Outcome::Unproven | Outcome::Interrupted | Outcome::Unknown) => "The planner lets it try again later.",
            _ => "Look at the pump's time line.",
        },
        Phase::Refused => match outcome {
            Some(Outcome::Refused(refusal)) => refusal_step(refusal),
            _ => "Look at the pump's time line.",
        },
        Phase::OutOfService => "Take the pump out of use and bring it to biomed.",
        Phase::Unknown => "Find the pump at its last place and switch it on; it continues by itself.",
        Phase::TakenDown => "Nothing is sent to it until a person releases it.",
    }
}

/// What to do about a pump without room.
const STORAGE_STEP: &str =
    "Have the pump's storage looked at if it lasts; the pump tries again by itself and keeps what it runs.";

const fn refusal_step(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Signatures => "The release does not carry enough good signatures: sign and publish it again.",
        Refusal::Stale => "The metadata is out of date: publish a fresh snapshot and timestamp.",
        Refusal::Digest => "The bytes are not what was signed: publish the release again and look at the hub's disk.",
        Refusal::BelowFloor => "The pump already ran something newer: make a new release with a higher version.",
        Refusal::DoesNotFit => "Release it for this model, or update the firmware first.",
        Refusal::UnexpectedActive => "The planner will ask again, based on what the pump runs now.",
        Refusal::Withdrawn => "The release was withdrawn: roll out a newer one.",
        Refusal::Controller => {
            "The therapy controller checked for itself and said no: ask the maker with its time line."
        }
        Refusal::UnsupportedKind => "This pump has no switch for this kind.",
        Refusal::TooLarge => "Make the release smaller.",
        Refusal::StorageFull => STORAGE_STEP,
    }
}

#[cfg(test)]
mod tests;
