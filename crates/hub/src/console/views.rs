//! Database rows to what people see. The only place where a phase becomes an [`Attention`], so that a list, a page, a
//! picture and the API never disagree about whether a pump is well.
//!
//! The rule it keeps: unknown is never painted as good. A pump is good only when it is in service, linked, heard of
//! lately and every slot is where its goal wants it.

use wardline_api::types::{
    Attention, Certificate, Connection, Down, Held, LinkState, PumpDetail, PumpEvent, PumpRow, Slot,
};
use wardline_fleet::explain;
use wardline_fleet::phase::{Evidence, HEARD_WITHIN, Phase, SlotPhase, phases};
use wardline_model::{
    ChannelState, EventBody, Goal, Kind, Lifecycle, Owner, PerKind, QuarantineLevel, ReleaseRef, Span, Therapy, Time,
};
use wardline_store::{self as store, EventRow};

/// What running rollouts will want of each slot.
pub(super) type Coming = PerKind<Option<ReleaseRef>>;

/// What running and paused rollouts will want of each slot.
pub(super) fn coming(rollouts: &[store::RolloutRow]) -> Coming {
    let mut coming = Coming::default();
    for row in rollouts {
        if matches!(row.state, store::RolloutState::Running | store::RolloutState::Paused)
            && let Some(rules) = rules(row)
        {
            coming.get_mut(row.rollout.kind).get_or_insert(rules.release);
        }
    }
    coming
}

/// The rules of a rollout, when they can be read.
pub(super) fn rules(row: &store::RolloutRow) -> Option<wardline_fleet::plan::Rules> {
    serde_json::from_str(&row.rollout.rules).ok()
}

/// A pump's five slots as `fleet` derives them.
pub(super) fn slot_phases(row: &store::PumpRow, coming: &Coming, now: Time) -> PerKind<SlotPhase> {
    let goal = goal(row);
    let evidence = evidence(row, goal.as_ref(), coming);
    phases(&evidence, now)
}

/// What a phase is computed from. A heartbeat confirms the newest report, so being heard of keeps it fresh.
pub(super) fn evidence<'a>(row: &'a store::PumpRow, goal: Option<&'a Goal>, coming: &'a Coming) -> Evidence<'a> {
    Evidence {
        // A pump that is being mended works toward its goal.
        lifecycle: match level(row) {
            Some(QuarantineLevel::Remediate) => Lifecycle::InService,
            _ => row.standing.lifecycle,
        },
        lifecycle_since: row.standing.since,
        goal,
        report: row.report.as_ref(),
        heard: row.report_received.map(|received| row.last_seen.map_or(received, |seen| seen.max(received))),
        coming: Some(coming),
    }
}

/// The newest goal, out of its signed form.
pub(super) fn goal(row: &store::PumpRow) -> Option<Goal> {
    wardline_release::goal::unproven(row.goal.as_deref()?).ok()
}

/// What therapy does, as reported; unknown once the report is older than `fleet` believes.
fn therapy(row: &store::PumpRow, now: Time) -> Therapy {
    let heard = row.last_seen.max(row.report_received);
    match (&row.report, heard) {
        (Some(report), Some(heard)) if now.since(heard) <= HEARD_WITHIN => report.therapy,
        _ => Therapy::Unknown,
    }
}

fn link(row: &store::PumpRow) -> LinkState {
    match (row.linked_since, row.last_seen) {
        (Some(_), _) => LinkState::Online,
        (None, Some(_)) => LinkState::Offline,
        (None, None) => LinkState::Never,
    }
}

/// What a phase asks of people.
pub(super) const fn slot_attention(slot: &SlotPhase) -> Attention {
    match (slot.phase, slot.owner) {
        (Phase::Unasked | Phase::Settled, _) => Attention::Good,
        (Phase::Unknown, _) => Attention::Unknown,
        (Phase::OutOfService | Phase::TakenDown, _) => Attention::Danger,
        (Phase::WentBack | Phase::Refused, Owner::Nobody) => Attention::Waiting,
        (Phase::WentBack | Phase::Refused, _) => Attention::NeedsPerson,
        (_, Owner::Nobody) => Attention::Waiting,
        (_, _) => Attention::NeedsPerson,
    }
}

/// How urgent an attention is, most urgent first.
pub(super) const fn urgency(attention: Attention) -> u8 {
    match attention {
        Attention::Danger => 0,
        Attention::NeedsPerson => 1,
        Attention::Unknown => 2,
        Attention::Waiting => 3,
        Attention::Good => 4,
        Attention::Off => 5,
    }
}

/// The word beside the shape.
pub(super) const fn attention_label(attention: Attention) -> &'static str {
    match attention {
        Attention::Good => "in order",
        Attention::Waiting => "under way",
        Attention::NeedsPerson => "needs a person",
        Attention::Danger => "taken down",
        Attention::Unknown => "unknown",
        Attention::Off => "not in use",
    }
}

/// The words of a place in life.
pub(super) const fn lifecycle_label(lifecycle: Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Expected => "expected",
        Lifecycle::Enrolled => "enrolled",
        Lifecycle::InService => "in service",
        Lifecycle::Quarantined => "quarantined",
        Lifecycle::Lost => "lost",
        Lifecycle::Retired => "retired",
    }
}

/// The words of a therapy state.
pub(super) const fn channel_label(state: ChannelState) -> &'static str {
    match state {
        ChannelState::Idle => "idle",
        ChannelState::Programmed => "programmed",
        ChannelState::DelayedStart => "delayed start",
        ChannelState::Infusing => "infusing",
        ChannelState::Bolus => "bolus",
        ChannelState::Paused => "paused",
        ChannelState::KeepVeinOpen => "keeping vein open",
        ChannelState::Alarming => "alarming",
    }
}

/// A pump as a row.
pub(super) fn pump_row(row: &store::PumpRow, coming: &Coming, now: Time) -> PumpRow {
    let slots = slot_phases(row, coming, now);
    let worst = worst(&slots);
    let (attention, why, owner, age) = judge(row, worst, now);
    PumpRow {
        id: row.id,
        asset_tag: row.asset_tag.clone(),
        serial: row.serial.clone(),
        model: row.model.clone(),
        care_area: row.care_area.clone(),
        lifecycle: row.standing.lifecycle,
        level: level(row),
        link: link(row),
        last_place: row.last_place.clone(),
        last_seen: row.last_seen,
        therapy: therapy(row, now),
        drug_library: slots.drug_library.active.map(|active| active.version),
        slot: worst.kind,
        phase: worst.phase.as_str().into(),
        attention,
        why,
        owner,
        age_ms: age.map(Span::as_ms),
        certificate_expires: row.certificate.as_ref().map(|certificate| certificate.not_after),
        certificate_overdue: expiring(row, now).is_some(),
    }
}

/// The level at which a pump is held.
pub(super) fn level(row: &store::PumpRow) -> Option<QuarantineLevel> {
    row.quarantine.as_ref().map(|held| held.level)
}

/// How a pump is held.
pub(super) fn held(held: &store::Quarantine) -> Held {
    Held {
        level: held.level,
        before: held.before,
        former: held.former,
        cause: held.cause.as_str().into(),
        reason: held.reason.clone(),
        by: held.by.clone(),
        since: held.since,
        until: held.until,
    }
}

/// The slot that people should look at first: the most urgent, then the one that has waited longest.
fn worst(slots: &PerKind<SlotPhase>) -> &SlotPhase {
    Kind::ALL
        .into_iter()
        .map(|kind| slots.get(kind))
        .min_by_key(|slot| (urgency(slot_attention(slot)), slot.kind != Kind::DrugLibrary, std::cmp::Reverse(slot.age)))
        .unwrap_or(&slots.drug_library)
}

fn judge(row: &store::PumpRow, worst: &SlotPhase, now: Time) -> (Attention, String, Owner, Option<Span>) {
    let standing = Some(now.since(row.standing.since));
    let heard = row.last_seen.map(|seen| now.since(seen));
    if let Some(held) = row.quarantine.as_ref().filter(|held| held.level == QuarantineLevel::Watch) {
        let since = Some(now.since(held.since));
        return (Attention::NeedsPerson, format!("watched: {}", held.reason), Owner::Security, since);
    }
    match row.standing.lifecycle {
        Lifecycle::Expected => (Attention::Off, "on the list; has not enrolled yet".into(), Owner::Biomed, standing),
        Lifecycle::Enrolled => {
            let why = match row.last_seen {
                Some(_) => "may link again; waiting for the pump",
                None => "holds a certificate; has not linked yet",
            };
            (Attention::Waiting, why.into(), Owner::Nobody, standing)
        }
        Lifecycle::Quarantined => {
            let (word, why) = match &row.quarantine {
                Some(held) if held.level == QuarantineLevel::Remediate => ("to be mended", &held.reason),
                Some(held) => ("quarantined", &held.reason),
                None => ("quarantined", &row.standing.reason),
            };
            (Attention::Danger, format!("{word}: {why}"), Owner::Security, standing)
        }
        Lifecycle::Lost => {
            (Attention::Danger, format!("reported lost: {}", row.standing.reason), Owner::Biomed, standing)
        }
        Lifecycle::Retired => (Attention::Off, "retired".into(), Owner::Nobody, standing),
        Lifecycle::InService => match slot_attention(worst) {
            Attention::Good if row.report.is_none() => {
                (Attention::Unknown, "has not reported yet".into(), Owner::It, heard)
            }
            Attention::Good if row.linked_since.is_none() => {
                (Attention::Waiting, "no link at the moment; heard of lately".into(), Owner::Nobody, heard)
            }
            Attention::Good => match expiring(row, now) {
                Some(left) => (Attention::NeedsPerson, format!("its certificate ends in {left}"), Owner::It, None),
                None => (Attention::Good, "runs what it should".into(), Owner::Nobody, None),
            },
            attention => (attention, brief(worst), worst.owner, worst.age),
        },
    }
}

/// A slot's story without what stands beside it in a list: what it runs now, and whose turn it is.
pub(super) fn brief(slot: &SlotPhase) -> String {
    let story = explain::slot(slot);
    let story = match story.rfind(" (owner: ").or_else(|| story.rfind(" (nobody needs")) {
        Some(end) => &story[..end],
        None => story.as_str(),
    };
    match story.split_once("; ") {
        Some((head, rest)) if head.starts_with("runs ") => rest.replace(", waiting: ", ": "),
        _ => story.replace(", waiting: ", ": "),
    }
}

/// A story without the promise at its end, for where what happens next stands beside it.
pub(super) fn terse(why: &str) -> &str {
    why.strip_suffix("; it will switch by itself afterwards").unwrap_or(why)
}

fn expiring(row: &store::PumpRow, now: Time) -> Option<Span> {
    let certificate = row.certificate.as_ref()?;
    let is_overdue = wardline_fleet::renewal::is_overdue(certificate.not_before, certificate.not_after, now);
    is_overdue.then(|| certificate.not_after.since(now))
}

/// A pump with everything.
pub(super) fn pump_detail(row: &store::PumpRow, events: &[EventRow], coming: &Coming, now: Time) -> PumpDetail {
    let slots = slot_phases(row, coming, now);
    let down = matches!(row.standing.lifecycle, Lifecycle::Quarantined | Lifecycle::Lost | Lifecycle::Retired);
    PumpDetail {
        row: pump_row(row, coming, now),
        certificate: row.certificate.as_ref().map(|certificate| Certificate {
            serial: certificate.serial.clone(),
            fingerprint: certificate.fingerprint,
            not_before: certificate.not_before,
            not_after: certificate.not_after,
        }),
        connection: row.last_seen.map(|_| Connection {
            since: row.linked_since,
            address: row.last_place.clone(),
            agent: events.iter().find_map(|event| match &event.event.body {
                EventBody::Started { agent } => Some(agent.clone()),
                _ => None,
            }),
        }),
        hold: row.hold,
        goal_generation: row.goal.as_ref().map(|_| row.goal_generation),
        reported_generation: row.report.as_ref().map(|report| report.generation),
        reported_at: row.report_received,
        slots: Kind::ALL.into_iter().rev().map(|kind| slot(slots.get(kind))).collect(),
        down: down.then(|| Down {
            reason: row.standing.reason.clone(),
            by: row.standing.by.clone(),
            at: row.standing.since,
        }),
        held: row.quarantine.as_ref().map(held),
        events: events.iter().map(event).collect(),
    }
}

fn slot(phase: &SlotPhase) -> Slot {
    Slot {
        kind: phase.kind,
        phase: phase.phase.as_str().into(),
        goal: phase.want.map(|want| want.version),
        active: phase.active.map(|active| active.version),
        active_digest: phase.active.map(|active| active.digest),
        wait: phase.wait,
        why: brief(phase),
        owner: phase.owner,
        age_ms: phase.age.map(Span::as_ms),
        next: phase.next.into(),
        last: phase.outcome.map(explain::outcome),
        attention: slot_attention(phase),
    }
}

/// An event in words.
pub(super) fn event(row: &EventRow) -> PumpEvent {
    let (what, text) = match &row.event.body {
        EventBody::Started { agent } => ("started", format!("agent {agent} started")),
        EventBody::TherapyChanged { channel, state, library, detail } => {
            let library = library.map(|version| format!(" under drug library {version}")).unwrap_or_default();
            let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            ("therapy", format!("channel {channel} {}{library}{detail}", channel_label(*state)))
        }
        EventBody::Alarm { channel, alarm, began } => {
            ("alarm", format!("channel {channel}: alarm {alarm} {}", if *began { "began" } else { "ended" }))
        }
        EventBody::Switched { release } => {
            ("switched", format!("{} switched to version {}", release.kind.label(), release.version))
        }
        EventBody::Attempt { kind, release, outcome } => {
            ("attempt", format!("{} version {}: {}", kind.label(), release.version, explain::outcome(*outcome)))
        }
        EventBody::Renewed { serial } => ("renewed", format!("certificate renewed, serial {serial}")),
        EventBody::Dropped { count } => {
            ("dropped", format!("{count} events were dropped because the pump's queue was full"))
        }
    };
    PumpEvent { seq: row.event.seq, at: row.event.at, received: row.received, what: what.into(), text }
}
