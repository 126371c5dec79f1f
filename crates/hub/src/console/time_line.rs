//! One pump's time line as SVG: each channel's therapy over the link over the slots.
//!
//! It draws what is known and nothing else: a stretch that no event and no report speaks of stays empty.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use wardline_api::types::{Attention, PumpDetail};
use wardline_model::{ChannelState, EventBody, Kind, Span, Time};
use wardline_store::EventRow;

use super::page::{clock, version};
use super::pictures::text;
use super::views::channel_label;

const LEFT: u64 = 128;
const WIDTH: u64 = 768;
const LANE: u64 = 28;

/// How wide a letter is at most, to know whether a word fits.
const LETTER: u64 = 7;

/// The picture and what a reader needs beside it.
pub(super) struct TimeLine {
    pub svg: String,
    /// `the last 2 h`.
    pub span: String,
    /// Class and word of each hue that is in the picture.
    pub legend: Vec<(Attention, &'static str)>,
}

struct Lane {
    name: String,
    parts: Vec<Part>,
    marks: Vec<(Time, String)>,
}

struct Part {
    from: Time,
    to: Time,
    class: Attention,
    look: Look,
    /// Written into the part where it fits.
    word: String,
    title: String,
}

/// How a part is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Full height: something goes on.
    Solid,
    /// Full height and pale: a state that lasts.
    Pale,
    /// A thin stroke: nothing goes on.
    Thin,
}

/// Draws the time line of a pump. `events` are the newest first.
pub(super) fn draw(view: &PumpDetail, events: &[EventRow], now: Time) -> TimeLine {
    let oldest = events.last().map_or(now, |event| event.event.at.min(now));
    let span = [5, 15, 60, 120, 300, 480, 720]
        .map(Span::from_min)
        .into_iter()
        .find(|span| now.since(oldest) <= *span)
        .unwrap_or(Span::from_h(24));
    let start = now - span;
    let lanes = lanes(view, events, oldest.max(start), now);
    let height = lanes.len() as u64 * LANE + 28;
    let x = |at: Time| LEFT + at.max(start).since(start).as_ms().min(span.as_ms()) * WIDTH / span.as_ms().max(1);
    let words = format!("the last {span}");
    let title =
        format!("Time line of {words}: therapy, link and slots; the same in words stands in the list of events");
    let mut svg = format!(
        "<svg class=\"picture\" viewBox=\"0 0 904 {height}\" role=\"img\" aria-label=\"{0}\"><title>{0}</title>",
        text(&title)
    );
    for (i, lane) in lanes.iter().enumerate() {
        draw_lane(&mut svg, lane, i as u64 * LANE + 4, start, &x);
    }
    for quarter in 0..=4u64 {
        let at = start + Span::from_ms(span.as_ms() * quarter / 4);
        let (anchor, word) = match quarter {
            0 => ("start", clock(at)),
            4 => ("end", format!("now, {}", clock(at))),
            _ => ("middle", clock(at)),
        };
        let (left, below) = (LEFT + WIDTH * quarter / 4, height - 8);
        let _ = write!(svg, "<text x=\"{left}\" y=\"{below}\" text-anchor=\"{anchor}\">{word}</text>");
    }
    svg.push_str("</svg>");
    TimeLine { svg, span: words, legend: legend(&lanes) }
}

fn draw_lane(svg: &mut String, lane: &Lane, top: u64, start: Time, x: &impl Fn(Time) -> u64) {
    let _ = write!(
        svg,
        "<text class=\"strong\" x=\"0\" y=\"{}\">{}</text>\
         <rect class=\"lane\" x=\"{LEFT}\" y=\"{top}\" width=\"{WIDTH}\" height=\"20\"/>",
        top + 14,
        text(&lane.name)
    );
    for part in lane.parts.iter().filter(|part| part.to > start) {
        let (from, to) = (x(part.from), x(part.to));
        let width = to.saturating_sub(from).max(2);
        let (more, y, high) = match part.look {
            Look::Solid => ("", top, 20),
            Look::Pale => (" wash", top, 20),
            Look::Thin => (" faint", top + 7, 6),
        };
        let _ = write!(
            svg,
            "<rect class=\"fill-{}{more}\" x=\"{from}\" y=\"{y}\" width=\"{width}\" height=\"{high}\"><title>{}</title></rect>",
            part.class,
            text(&part.title)
        );
        if part.look != Look::Thin && part.word.len() as u64 * LETTER + 8 <= width {
            let class = if part.look == Look::Solid { "on" } else { "strong" };
            let _ = write!(
                svg,
                "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
                from + 5,
                top + 14,
                text(&part.word)
            );
        }
    }
    for (at, title) in lane.marks.iter().filter(|(at, _)| *at >= start) {
        let (left, above) = (x(*at), top.saturating_sub(2));
        let _ = write!(svg, "<path class=\"tick\" d=\"M{left} {above}v24\"><title>{}</title></path>", text(title));
    }
}

/// The hues of the lanes that are in the picture, each once.
fn legend(lanes: &[Lane]) -> Vec<(Attention, &'static str)> {
    let has = |name: &str, class| {
        lanes.iter().any(|lane| lane.name.starts_with(name) && lane.parts.iter().any(|part| part.class == class))
    };
    [
        ("Therapy", Attention::Waiting, "a program is loaded"),
        ("Therapy", Attention::NeedsPerson, "the pump alarms"),
        ("Link", Attention::Good, "linked"),
        ("Link", Attention::Unknown, "certainly no link"),
    ]
    .into_iter()
    .filter(|(lane, class, _)| has(lane, *class))
    .map(|(_, class, word)| (class, word))
    .collect()
}

fn lanes(view: &PumpDetail, events: &[EventRow], oldest: Time, now: Time) -> Vec<Lane> {
    let mut lanes = therapy_lanes(events, now);
    lanes.push(link_lane(view, events, now));
    lanes.extend(Kind::ALL.into_iter().rev().filter_map(|kind| slot_lane(view, events, kind, oldest, now)));
    lanes
}

/// What therapy did on each channel. Infusing is a fact, not a fault, so it has the calm hue.
fn therapy_lanes(events: &[EventRow], now: Time) -> Vec<Lane> {
    let mut channels = BTreeMap::<u8, (Time, Vec<Part>)>::new();
    for row in events {
        let EventBody::TherapyChanged { state, channel, .. } = &row.event.body else { continue };
        let (until, parts) = channels.entry(*channel).or_insert((now, Vec::new()));
        let from = row.event.at.min(*until);
        let (class, look) = match state {
            ChannelState::Alarming => (Attention::NeedsPerson, Look::Solid),
            ChannelState::Idle => (Attention::Off, Look::Thin),
            _ => (Attention::Waiting, Look::Solid),
        };
        let word = channel_label(*state);
        let title = format!("channel {channel} {word}, {} to {}", clock(from), clock(*until));
        parts.push(Part { from, to: *until, class, look, word: word.into(), title });
        *until = from;
    }
    if channels.is_empty() {
        return vec![Lane { name: "Therapy".into(), parts: Vec::new(), marks: Vec::new() }];
    }
    let lane = |(channel, (_, parts))| Lane { name: format!("Therapy {channel}"), parts, marks: Vec::new() };
    channels.into_iter().map(lane).collect()
}

/// When the link was there, as far as it can be known: it is there since `since`; an event that arrived late was kept on
/// the pump while there was none. The rest of the lane stays empty, because nobody knows.
fn link_lane(view: &PumpDetail, events: &[EventRow], now: Time) -> Lane {
    const LATE: Span = Span::from_min(1);
    let part = |from, to, class, look, word: &str, title| Part { from, to, class, look, word: word.into(), title };
    let mut parts = Vec::new();
    for row in events.iter().filter(|row| row.received.since(row.event.at) > LATE) {
        let (from, to) = (row.event.at, row.received.min(now));
        let title = format!("no link: an event of {} arrived at {}", clock(from), clock(to));
        parts.push(part(from, to, Attention::Unknown, Look::Thin, "", title));
    }
    if let Some(since) = view.connection.as_ref().and_then(|connection| connection.since) {
        let title = format!("linked since {}", clock(since));
        parts.push(part(since, now, Attention::Good, Look::Solid, "linked", title));
    } else if let Some(seen) = view.row.last_seen {
        let title = format!("no link since {}", clock(seen));
        parts.push(part(seen, now, Attention::Unknown, Look::Thin, "", title));
    }
    Lane { name: "Link".into(), parts, marks: Vec::new() }
}

/// What a slot held. Without a switch among the events, it has held the same since the oldest of them.
fn slot_lane(view: &PumpDetail, events: &[EventRow], kind: Kind, oldest: Time, now: Time) -> Option<Lane> {
    let slot = view.slots.iter().find(|slot| slot.kind == kind)?;
    let (mut marks, mut parts, mut until) = (Vec::new(), Vec::new(), now);
    let held = |from, to, word: String| {
        let title = format!("{word}, {} to {}", clock(from), clock(to));
        Part { from, to, class: Attention::Off, look: Look::Pale, word, title }
    };
    for row in events {
        let at = row.event.at.min(until);
        match &row.event.body {
            EventBody::Switched { release } if release.kind == kind => {
                marks.push((at, format!("switched to version {} at {}", release.version, clock(at))));
                parts.push(held(at, until, format!("version {}", release.version)));
                until = at;
            }
            EventBody::Attempt { kind: of, release, outcome } if *of == kind => {
                let how = wardline_fleet::explain::outcome(*outcome);
                marks.push((at, format!("version {}: {how}, at {}", release.version, clock(at))));
            }
            _ => {}
        }
    }
    if marks.is_empty() && slot.active.is_none() && slot.goal.is_none() {
        return None;
    }
    if parts.is_empty() && slot.active.is_some() {
        parts.push(held(oldest, now, format!("version {}", version(&slot.active))));
    }
    if let (Some(age), "staged") = (slot.age_ms, slot.phase.as_str()) {
        let at = now - Span::from_ms(age);
        marks.push((at, format!("version {} is held ready since {}", version(&slot.goal), clock(at))));
    }
    Some(Lane { name: kind.label().into(), parts, marks })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardline_model::{Event, Sequence, Version};

    fn therapy(minute: u64, channel: u8, state: ChannelState) -> EventRow {
        let at = Time::from_unix_s(1_000_000 + minute * 60);
        let body = EventBody::TherapyChanged { channel, state, library: Some(Version(1)), detail: String::new() };
        EventRow { event: Event { seq: Sequence(minute), at, body }, ..row(at) }
    }

    fn row(at: Time) -> EventRow {
        EventRow {
            event: Event { seq: Sequence(0), at, body: EventBody::Dropped { count: 0 } },
            journal: wardline_store::Journal(1),
            received: at,
        }
    }

    #[test]
    fn one_channel_that_ends_does_not_end_the_other() {
        let events = [
            therapy(5, 2, ChannelState::Idle),
            therapy(3, 2, ChannelState::Infusing),
            therapy(1, 1, ChannelState::Infusing),
        ];
        let now = Time::from_unix_s(1_000_000 + 600);
        let lanes = therapy_lanes(&events, now);
        assert_eq!(lanes.iter().map(|lane| lane.name.as_str()).collect::<Vec<_>>(), ["Therapy 1", "Therapy 2"]);
        assert_eq!((lanes[0].parts.len(), lanes[0].parts[0].word.as_str(), lanes[0].parts[0].to), (1, "infusing", now));
        assert_eq!((lanes[1].parts.len(), lanes[1].parts[0].word.as_str()), (2, "idle"));
    }
}
