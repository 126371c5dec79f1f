//! Events, in the order of their numbers.

use prost::Message;
use wardline_model::{Event, EventBody, Sequence, Time, Version};

use super::common::{read_channel_state, read_kind, release, write_channel_state, write_kind};
use super::{Refused, channel, text};
use crate::{limits, link};

impl TryFrom<link::Event> for Event {
    type Error = Refused;

    fn try_from(from: link::Event) -> Result<Self, Refused> {
        if from.seq == 0 {
            return Err(Refused::Range("an event's number"));
        }
        Ok(Self {
            seq: Sequence(from.seq),
            at: Time::from_unix_ms(from.at),
            body: read_body(from.body.ok_or(Refused::Missing("what happened in an event"))?)?,
        })
    }
}

fn read_body(from: link::event::Body) -> Result<EventBody, Refused> {
    use link::event::Body;
    Ok(match from {
        Body::Started(from) => EventBody::Started { agent: text("the agent's version", from.agent, limits::WORD)? },
        Body::TherapyChanged(from) => EventBody::TherapyChanged {
            channel: channel(from.channel)?,
            state: read_channel_state(from.state)?,
            library: from.library.map(Version),
            detail: text("a therapy detail", from.detail, limits::DETAIL)?,
        },
        Body::Alarm(from) => EventBody::Alarm {
            channel: channel(from.channel)?,
            alarm: text("an alarm's name", from.alarm, limits::WORD)?,
            began: from.began,
        },
        Body::Switched(from) => EventBody::Switched { release: release("the release of a switch", from.release)? },
        Body::Attempt(from) => EventBody::Attempt {
            kind: read_kind(from.kind)?,
            release: release("the release of an attempt", from.release)?,
            outcome: from.outcome.ok_or(Refused::Missing("an outcome"))?.try_into()?,
        },
        Body::Renewed(from) => EventBody::Renewed {
            serial: text("a certificate's serial number", from.serial, limits::CERTIFICATE_SERIAL)?,
        },
        Body::Dropped(from) => EventBody::Dropped { count: from.count },
    })
}

impl From<&Event> for link::Event {
    fn from(from: &Event) -> Self {
        use link::event::Body;
        let body = match &from.body {
            EventBody::Started { agent } => Body::Started(link::Started { agent: agent.clone() }),
            EventBody::TherapyChanged { channel, state, library, detail } => {
                Body::TherapyChanged(link::TherapyChanged {
                    channel: u32::from(*channel),
                    state: write_channel_state(*state),
                    library: library.map(|version| version.0),
                    detail: detail.clone(),
                })
            }
            EventBody::Alarm { channel, alarm, began } => {
                Body::Alarm(link::Alarm { channel: u32::from(*channel), alarm: alarm.clone(), began: *began })
            }
            EventBody::Switched { release } => Body::Switched(link::Switched { release: Some((*release).into()) }),
            EventBody::Attempt { kind, release, outcome } => Body::Attempt(link::Attempt {
                kind: write_kind(*kind),
                release: Some((*release).into()),
                outcome: Some((*outcome).into()),
            }),
            EventBody::Renewed { serial } => Body::Renewed(link::Renewed { serial: serial.clone() }),
            EventBody::Dropped { count } => Body::Dropped(link::Dropped { count: *count }),
        };
        Self { seq: from.seq.0, at: from.at.as_unix_ms(), body: Some(body) }
    }
}

impl link::Events {
    /// One frame's worth of events, from the front of `events`: at most [`limits::EVENTS_PER_FRAME`], and never more than
    /// fit into [`limits::LINK_FRAME`].
    #[must_use]
    pub fn from_front<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        Self { events: events.into_iter().take(limits::EVENTS_PER_FRAME).map(Into::into).collect() }
    }

    /// The events of one frame, checked: not too many, none too long, numbered without a gap.
    ///
    /// # Errors
    /// [`Refused`], naming the first thing that was wrong.
    pub fn checked(self) -> Result<Vec<Event>, Refused> {
        if self.events.len() > limits::EVENTS_PER_FRAME {
            return Err(Refused::TooLong("the list of events", limits::EVENTS_PER_FRAME));
        }
        let mut events: Vec<Event> = Vec::with_capacity(self.events.len());
        for event in self.events {
            if event.encoded_len() > limits::EVENT {
                return Err(Refused::TooLong("an event", limits::EVENT));
            }
            let event = Event::try_from(event)?;
            if events.last().is_some_and(|last| last.seq.0.checked_add(1) != Some(event.seq.0)) {
                return Err(Refused::Gap("event numbers"));
            }
            events.push(event);
        }
        Ok(events)
    }
}
