//! Hello and Report.

use wardline_model::{Generation, Model, Outcome, PerKind, PumpId, Report, Sequence, SlotReport, Therapy, Time};

use super::common::{
    read_channel_state, read_hold_support, read_kind, read_refusal, write_channel_state, write_hold_support,
    write_kind, write_refusal,
};
use super::{Refused, pump_id, same_words, text};
use crate::{limits, link};

/// Who is there, as a Hello says it once it has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The protocol versions that the agent speaks.
    pub versions: Vec<u32>,
    /// The pump that it says it is. The hub compares it with the certificate.
    pub pump: PumpId,
    /// The agent's version.
    pub agent: String,
    /// Drawn when the agent started.
    pub boot: [u8; 16],
    /// The oldest event that it still keeps; equal to `next_event` when it keeps none.
    pub oldest_event: Sequence,
    /// The number that its next event will get.
    pub next_event: Sequence,
    /// The goal that it holds.
    pub generation: Generation,
    /// The maker's name for the kind of pump.
    pub model: Model,
    /// The random id of the pump's event store: numbers of another store say nothing about this one's.
    pub journal: u64,
}

impl TryFrom<link::Hello> for Greeting {
    type Error = Refused;

    fn try_from(from: link::Hello) -> Result<Self, Refused> {
        if from.versions.len() > limits::VERSIONS {
            return Err(Refused::TooLong("the list of versions", limits::VERSIONS));
        }
        if from.oldest_event == 0 || from.oldest_event > from.next_event {
            return Err(Refused::Range("the oldest event"));
        }
        Ok(Self {
            versions: from.versions,
            pump: pump_id(&from.pump)?,
            agent: text("the agent's version", from.agent, limits::WORD)?,
            boot: from.boot.as_slice().try_into().map_err(|_| Refused::Length("the boot id", 16))?,
            oldest_event: Sequence(from.oldest_event),
            next_event: Sequence(from.next_event),
            generation: Generation(from.generation),
            model: Model::new(&from.model).map_err(|e| Refused::Name("the model", e))?,
            journal: from.journal,
        })
    }
}

impl From<Greeting> for link::Hello {
    fn from(from: Greeting) -> Self {
        Self {
            versions: from.versions,
            pump: from.pump.as_bytes().to_vec(),
            agent: from.agent,
            boot: from.boot.to_vec(),
            oldest_event: from.oldest_event.0,
            next_event: from.next_event.0,
            generation: from.generation.0,
            model: from.model.as_str().to_owned(),
            journal: from.journal,
        }
    }
}

same_words!(
    crate::link::SlotState,
    wardline_model::SlotState,
    "a slot's state",
    read_slot_state,
    write_slot_state,
    [Settled, Fetching, Staged, Cleared, Switching, Trial, WentBack, OutOfService]
);
same_words!(
    crate::link::Wait,
    wardline_model::Wait,
    "a wait",
    read_wait,
    write_wait,
    [
        NotReached,
        TakenDown,
        Fetching,
        FetchFailed,
        TherapyRunning,
        TherapyUnknown,
        HoldDenied,
        HoldUnsupported,
        OtherTrial,
        ProofPending,
        Refused,
        WentBack,
        NotItsTurn,
        OutOfService,
        StorageFull
    ]
);
same_words!(
    crate::link::Disproof,
    wardline_model::Disproof,
    "a disproof",
    read_disproof,
    write_disproof,
    [ReadBack, SelfTest]
);

impl TryFrom<link::Outcome> for Outcome {
    type Error = Refused;

    fn try_from(from: link::Outcome) -> Result<Self, Refused> {
        use link::PlainOutcome as Plain;
        use link::outcome::How;
        Ok(match from.how.ok_or(Refused::Missing("an outcome"))? {
            How::Disproved(number) => Self::Disproved(read_disproof(number)?),
            How::Refused(number) => Self::Refused(read_refusal(number)?),
            How::Plain(number) => match Plain::try_from(number) {
                Ok(Plain::Confirmed) => Self::Confirmed,
                Ok(Plain::Unproven) => Self::Unproven,
                Ok(Plain::Interrupted) => Self::Interrupted,
                Ok(Plain::Unknown) => Self::Unknown,
                Ok(Plain::OutOfService) => Self::OutOfService,
                Ok(Plain::Unspecified) => return Err(Refused::Missing("an outcome")),
                Err(_) => return Err(Refused::Unknown("an outcome", number)),
            },
        })
    }
}

impl From<Outcome> for link::Outcome {
    fn from(from: Outcome) -> Self {
        use link::PlainOutcome as Plain;
        use link::outcome::How;
        let how = match from {
            Outcome::Confirmed => How::Plain(Plain::Confirmed as i32),
            Outcome::Unproven => How::Plain(Plain::Unproven as i32),
            Outcome::Interrupted => How::Plain(Plain::Interrupted as i32),
            Outcome::Unknown => How::Plain(Plain::Unknown as i32),
            Outcome::OutOfService => How::Plain(Plain::OutOfService as i32),
            Outcome::Disproved(how) => How::Disproved(write_disproof(how)),
            Outcome::Refused(why) => How::Refused(write_refusal(why)),
        };
        Self { how: Some(how) }
    }
}

impl TryFrom<link::Report> for Report {
    type Error = Refused;

    fn try_from(from: link::Report) -> Result<Self, Refused> {
        let mut slots: PerKind<Option<SlotReport>> = PerKind::default();
        for slot in from.slots {
            let kind = read_kind(slot.kind)?;
            if slots.get_mut(kind).replace(read_slot(slot)?).is_some() {
                return Err(Refused::Twice("a slot"));
            }
        }
        let whole = slots.iter().all(|(_, slot)| slot.is_some());
        if !whole {
            return Err(Refused::Missing("a slot"));
        }
        let therapy = match from.therapy {
            None => Therapy::Unknown,
            Some(known) => {
                Therapy::Known { state: read_channel_state(known.state)?, since: Time::from_unix_ms(known.since) }
            }
        };
        Ok(Self {
            pump: pump_id(&from.pump)?,
            at: Time::from_unix_ms(from.at),
            generation: Generation(from.generation),
            therapy,
            hold: read_hold_support(from.hold)?,
            slots: PerKind::from_fn(|kind| slots.get(kind).unwrap_or_default()),
        })
    }
}

impl From<&Report> for link::Report {
    fn from(from: &Report) -> Self {
        Self {
            pump: from.pump.as_bytes().to_vec(),
            at: from.at.as_unix_ms(),
            generation: from.generation.0,
            therapy: match from.therapy {
                Therapy::Unknown => None,
                Therapy::Known { state, since } => {
                    Some(link::Therapy { state: write_channel_state(state), since: since.as_unix_ms() })
                }
            },
            hold: write_hold_support(from.hold),
            slots: from.slots.iter().map(|(kind, slot)| write_slot(write_kind(kind), slot)).collect(),
        }
    }
}

fn read_slot(from: link::SlotReport) -> Result<SlotReport, Refused> {
    Ok(SlotReport {
        state: read_slot_state(from.state)?,
        active: from.active.map(TryInto::try_into).transpose()?,
        next: from.next.map(TryInto::try_into).transpose()?,
        wait: match from.wait {
            0 => None,
            number => Some(read_wait(number)?),
        },
        staged_since: from.staged_since.map(Time::from_unix_ms),
        last: from.last.map(TryInto::try_into).transpose()?,
    })
}

fn write_slot(kind: i32, from: &SlotReport) -> link::SlotReport {
    link::SlotReport {
        kind,
        state: write_slot_state(from.state),
        active: from.active.map(Into::into),
        next: from.next.map(Into::into),
        wait: from.wait.map_or(0, write_wait),
        staged_since: from.staged_since.map(Time::as_unix_ms),
        last: from.last.map(Into::into),
    }
}
