//! How a phase, an outcome or a refusal is said to a person: one plain sentence, with its age and its owner.

use wardline_model::{Disproof, Outcome, Owner, Refusal, ReleaseRef, Time};

use crate::phase::{Phase, SlotPhase};

/// What the pump says went wrong, as the end of "it was refused because …".
#[must_use]
pub const fn refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Signatures => "its signatures do not reach the threshold",
        Refusal::Stale => "its metadata is expired or older than what the pump holds",
        Refusal::Digest => "its bytes are not the ones that were signed",
        Refusal::BelowFloor => "the pump already ran a newer one",
        Refusal::DoesNotFit => "it does not fit this pump",
        Refusal::UnexpectedActive => "the pump runs something else than the plan expected",
        Refusal::Withdrawn => "it was withdrawn",
        Refusal::Controller => "the therapy controller checked for itself and said no",
        Refusal::UnsupportedKind => "the pump cannot switch this kind",
        Refusal::TooLarge => "it is too large for the pump",
        Refusal::StorageFull => "the pump has no room to keep it",
    }
}

/// How an attempt ended, as a sentence without its full stop.
#[must_use]
pub fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Confirmed => "confirmed by its proof".into(),
        Outcome::Disproved(Disproof::ReadBack) => {
            "disproved: the controller read back something else than was approved".into()
        }
        Outcome::Disproved(Disproof::SelfTest) => "disproved: the pump's own test failed".into(),
        Outcome::Unproven => "unproven: no proof within the deadline, and nobody is blamed".into(),
        Outcome::Interrupted => "interrupted by a loss of power; the pump recovered to a whole release".into(),
        Outcome::Refused(why) => format!("refused because {}", refusal(why)),
        Outcome::Unknown => "unknown: the pump cannot say what happened".into(),
        Outcome::OutOfService => "no whole release was found for the slot".into(),
    }
}

/// `version 7`, or `nothing` for an empty slot.
#[must_use]
pub fn release(release: Option<ReleaseRef>) -> String {
    release.map_or_else(|| "nothing".into(), |release| format!("version {}", release.version))
}

/// The whole story of a slot in one line, such as "runs version 1; version 2 staged 3 h ago, waiting: therapy is running
/// or a program is loaded; it will switch by itself afterwards (owner: nobody)".
#[must_use]
pub fn slot(slot: &SlotPhase) -> String {
    let active = release(slot.active);
    let want = release(slot.want);
    let age = slot.age.map(|age| format!(" {age} ago")).unwrap_or_default();
    let age_for = slot.age.map(|age| format!(" for {age}")).unwrap_or_default();
    let why = slot.wait.map(|wait| format!(", waiting: {}", wait.sentence())).unwrap_or_default();
    let owner = match slot.wait {
        Some(_) if slot.owner != Owner::Nobody => format!(" (owner: {})", slot.owner.label()),
        Some(_) => " (nobody needs to do anything)".into(),
        None => String::new(),
    };
    match slot.phase {
        Phase::Unasked => format!("runs {active}; nothing else is wanted"),
        Phase::Settled => format!("runs {active}, as it should"),
        Phase::NotItsTurn => format!("runs {active}; {want} comes when its ring is given its turn"),
        Phase::Sent => format!("runs {active}; its goal, {want}, was set{age} and has not been taken up yet{owner}"),
        Phase::Fetching => format!("runs {active}; {want}, set{age}{why}{owner}"),
        Phase::Staged => format!("runs {active}; {want} staged{age}{why}{owner}"),
        Phase::Switching => format!("switching from {active} to {want}"),
        Phase::Trial => format!("{want} on trial{why}{owner}"),
        Phase::WentBack | Phase::Refused => {
            let how = slot.outcome.map(outcome).unwrap_or_else(|| "went back".into());
            format!("runs {active}; {want} {how}{owner}")
        }
        Phase::OutOfService => format!("out of service{age_for}: nothing whole is in the slot{owner}"),
        Phase::Unknown => match slot.age {
            Some(age) => format!("unknown: not heard of for {age}; last known to run {active}{owner}"),
            None => format!("unknown: never heard of{owner}"),
        },
        Phase::TakenDown => format!("taken down{age_for}; last known to run {active}{owner}"),
    }
}

/// `2026-11-24 08:30 UTC`: a moment for people where no time zone is known.
#[must_use]
pub fn moment(time: Time) -> String {
    let minutes = time.as_unix_s() / 60;
    let (year, month, day) = civil(minutes / 1_440);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60 % 24, minutes % 60)
}

/// Year, month and day of a number of days since 1970-01-01 (Howard Hinnant's `civil_from_days`, for days after 0).
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + u64::from(month <= 2), month, day)
}
