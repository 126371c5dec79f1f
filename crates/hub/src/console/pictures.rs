//! Pictures drawn on the server as SVG: the fleet by care area, adoption over time, a pump's time line.
//!
//! They use classes and presentation attributes only (the policy forbids inline styles), escape every text, and each has
//! a title that says in words what it shows.

use std::fmt::Write as _;

use wardline_api::types::{Attention, AttentionCount, PumpDetail, PumpRow};
use wardline_fleet::adoption::Curve;
use wardline_model::{ChannelState, EventBody, Kind, Span, Time};
use wardline_store::EventRow;

use super::page::{moment, short};
use super::views::{attention_label, channel_label, urgency};

/// Above this many pumps, a care area is a bar of shares instead of one mark per pump.
pub(super) const MOST_CELLS: u64 = 1_500;

/// Escapes text for SVG.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A care area's pumps, one mark each, most urgent first. Shape and hue say the same.
pub(super) fn cells(rows: &[&PumpRow]) -> String {
    const STEP: usize = 20;
    const ACROSS: usize = 16;
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| (urgency(row.attention), row.asset_tag.clone()));
    let lines = rows.len().div_ceil(ACROSS).max(1);
    let mut out = format!("<svg class=\"picture\" viewBox=\"0 0 {} {}\">", ACROSS * STEP, lines * STEP);
    for (i, row) in rows.iter().enumerate() {
        let (x, y) = (i % ACROSS * STEP + 2, i / ACROSS * STEP + 2);
        let _ = write!(
            out,
            "<a href=\"/pumps/{}\" class=\"{}\" aria-label=\"{tag}: {word}\"><title>{tag}: {word}. {}</title>\
             <svg x=\"{x}\" y=\"{y}\" width=\"16\" height=\"16\" class=\"mark\"><rect width=\"16\" height=\"16\" fill=\"none\" \
             stroke=\"none\"/><use href=\"#mark-{}\"/></svg></a>",
            row.id,
            row.attention,
            text(&row.why),
            row.attention,
            tag = text(row.asset_tag.as_str()),
            word = attention_label(row.attention),
        );
    }
    out.push_str("</svg>");
    out
}

/// A care area's pumps as a bar of shares.
pub(super) fn shares(counts: &[AttentionCount], all: u64) -> String {
    let mut sorted: Vec<&AttentionCount> = counts.iter().filter(|count| count.pumps > 0).collect();
    sorted.sort_by_key(|count| urgency(count.attention));
    let words: Vec<String> =
        sorted.iter().map(|count| format!("{} {}", count.pumps, attention_label(count.attention))).collect();
    let mut out = format!(
        "<svg class=\"picture\" viewBox=\"0 0 320 16\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{0}\"><title>{0}</title>",
        words.join(", ")
    );
    let mut x = 0;
    for (i, count) in sorted.iter().enumerate() {
        let last = i + 1 == sorted.len();
        let width = if last { 320 - x } else { (count.pumps * 320 / all.max(1)).max(3).min(320 - x) };
        let _ =
            write!(out, "<rect class=\"fill-{}\" x=\"{x}\" y=\"0\" width=\"{width}\" height=\"16\"/>", count.attention);
        x += width;
    }
    out.push_str("</svg>");
    out
}

/// A bar for a share of a whole.
pub(super) fn meter(done: &u64, all: &u64) -> String {
    let percent = if *all == 0 { 0 } else { done * 100 / all };
    format!(
        "<svg class=\"meter\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{percent} percent\">\
         <rect width=\"100\" height=\"8\"/><rect class=\"fill-good\" width=\"{percent}\" height=\"8\"/></svg>"
    )
}

/// Adoption over time: settled pumps as an area, staged ones as a dashed line above, targets as marks.
pub(super) fn adoption(curve: &Curve, now: Time) -> String {
    const LEFT: u64 = 48;
    const WIDTH: u64 = 640;
    const TOP: u64 = 12;
    const HEIGHT: u64 = 200;
    let wanted = curve.points.iter().map(|point| point.wanted).max().unwrap_or(0).max(1);
    let spent = now.since(curve.started);
    let span = horizon(spent);
    let x = |at: Time| LEFT + at.since(curve.started).as_ms().min(span.as_ms()) * WIDTH / span.as_ms().max(1);
    let level = |percent: u8| TOP + HEIGHT - u64::from(percent) * HEIGHT / 100;
    let y = |count: u64| TOP + HEIGHT - count.min(wanted) * HEIGHT / wanted;
    let mut out = format!(
        "<svg class=\"picture\" viewBox=\"0 0 712 244\" role=\"img\" aria-label=\"{0}\"><title>{0}</title>",
        text(&format!("Adoption: {} percent of {wanted} pumps after {}", curve.percent, short(spent)))
    );
    for percent in [0, 25, 50, 75, 100] {
        let line = TOP + HEIGHT - percent * HEIGHT / 100;
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{line}\" y2=\"{line}\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{percent} %</text>",
            LEFT + WIDTH,
            LEFT - 8,
            line + 4
        );
    }
    for quarter in 0..=4u64 {
        let at = Span::from_ms(span.as_ms() * quarter / 4);
        let anchor = if quarter == 4 { "end" } else { "middle" };
        let _ = write!(
            out,
            "<text x=\"{}\" y=\"232\" text-anchor=\"{anchor}\">{}</text>",
            LEFT + WIDTH * quarter / 4,
            if quarter == 0 { "start".into() } else { format!("+{at}") }
        );
    }
    if let (Some(first), Some(last)) = (curve.points.first(), curve.points.last()) {
        // Steps: a number holds until the next sample.
        let mut settled = format!("M{} {}", x(first.at), y(first.settled));
        let mut staged = format!("M{} {}", x(first.at), y(first.settled + first.staged));
        for point in &curve.points[1..] {
            let _ = write!(settled, "H{}V{}", x(point.at), y(point.settled));
            let _ = write!(staged, "H{}V{}", x(point.at), y(point.settled + point.staged));
        }
        let (end, floor) = (x(now), TOP + HEIGHT);
        let _ = write!(out, "<path class=\"fill-good wash\" d=\"{settled}H{end}V{floor}H{}Z\"/>", x(first.at));
        let _ = write!(
            out,
            "<path class=\"line-waiting\" d=\"{staged}H{end}\"/><path class=\"line-good\" d=\"{settled}H{end}\"/>"
        );
        if let Some(milestone) = curve.milestones.iter().rev().find(|milestone| milestone.predicted.is_some())
            && let Some(at) = milestone.predicted
            && at.since(curve.started) <= span
        {
            let goal = level(milestone.target.percent);
            let _ = write!(out, "<path class=\"line-predicted\" d=\"M{end} {}L{} {goal}\"/>", y(last.settled), x(at));
        }
    }
    for milestone in &curve.milestones {
        if milestone.target.within > span {
            continue;
        }
        let (cx, cy) = (x(curve.started + milestone.target.within), level(milestone.target.percent));
        let met = milestone.reached.is_some_and(|reached| reached <= milestone.target.within);
        let title = format!("target: {} % within {}", milestone.target.percent, milestone.target.within);
        let _ = write!(
            out,
            "<path class=\"target{}\" d=\"M{cx} {}l6 6-6 6-6-6z\"><title>{title}</title></path>",
            if met { " met" } else { "" },
            cy.saturating_sub(6)
        );
    }
    out.push_str("</svg>");
    out
}

/// The right edge of the curve: at least the first target, then whatever holds the time that has passed.
fn horizon(spent: Span) -> Span {
    [
        Span::from_min(10),
        Span::from_h(1),
        Span::from_h(4),
        Span::from_h(16),
        Span::from_h(48),
        Span::from_days(7),
        Span::from_days(28),
    ]
    .into_iter()
    .find(|span| spent.as_ms() <= span.as_ms() * 9 / 10)
    .unwrap_or(spent)
}

/// A pump's last day: therapy over link over slots.
pub(super) fn time_line(view: &PumpDetail, events: &[EventRow], now: Time) -> String {
    const LEFT: u64 = 120;
    const WIDTH: u64 = 776;
    const LANE: u64 = 28;
    let oldest = events.last().map_or(now, |event| event.event.at.min(now));
    let span =
        [Span::from_min(15), Span::from_h(1), Span::from_h(2), Span::from_h(5), Span::from_h(8), Span::from_h(12)]
            .into_iter()
            .find(|span| now.since(oldest) <= *span)
            .unwrap_or(Span::from_h(24));
    let start = now - span;
    let x = |at: Time| LEFT + at.since(start).as_ms().min(span.as_ms()) * WIDTH / span.as_ms().max(1);
    let lanes = lanes(view, events, start, now);
    let height = lanes.len() as u64 * LANE + 28;
    let mut out = format!(
        "<svg class=\"picture\" viewBox=\"0 0 904 {height}\" role=\"img\" aria-label=\"{0}\"><title>{0}</title>",
        text(&format!(
            "Time line of the last {span}: therapy, link and slots; the same as words in the list of events"
        ))
    );
    for (i, lane) in lanes.iter().enumerate() {
        let top = i as u64 * LANE + 4;
        let _ = write!(
            out,
            "<text class=\"strong\" x=\"0\" y=\"{}\">{}</text><rect class=\"lane\" x=\"{LEFT}\" y=\"{top}\" width=\"{WIDTH}\" height=\"20\"/>",
            top + 14,
            lane.name
        );
        for part in &lane.parts {
            let (from, to) = (x(part.from.max(start)), x(part.to));
            let _ = write!(
                out,
                "<rect class=\"fill-{}{}\" x=\"{from}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>",
                part.class,
                if part.solid { "" } else { " faint" },
                if part.solid { top } else { top + 6 },
                to.saturating_sub(from).max(2),
                if part.solid { 20 } else { 8 },
                text(&part.title)
            );
        }
        for (at, title) in lane.marks.iter().filter(|(at, _)| *at >= start) {
            let _ = write!(
                out,
                "<path class=\"tick\" d=\"M{0} {1}v24\"><title>{2}</title></path>",
                x(*at),
                top.saturating_sub(2),
                text(title)
            );
        }
    }
    for quarter in 0..=4u64 {
        let at = start + Span::from_ms(span.as_ms() * quarter / 4);
        let anchor = ["start", "middle", "middle", "middle", "end"][quarter as usize];
        let stamp = moment(&at);
        let _ = write!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            LEFT + WIDTH * quarter / 4,
            height - 8,
            if quarter == 4 { "now" } else { stamp.split(' ').nth(1).unwrap_or(&stamp) }
        );
    }
    out.push_str("</svg>");
    out
}

struct Lane {
    name: &'static str,
    parts: Vec<Part>,
    marks: Vec<(Time, String)>,
}

struct Part {
    from: Time,
    to: Time,
    class: Attention,
    solid: bool,
    title: String,
}

fn lanes(view: &PumpDetail, events: &[EventRow], start: Time, now: Time) -> Vec<Lane> {
    let mut lanes = vec![therapy_lane(events, now), link_lane(view, events, start, now)];
    for kind in Kind::ALL {
        let marks: Vec<(Time, String)> = events
            .iter()
            .filter_map(|row| match &row.event.body {
                EventBody::Switched { release } if release.kind == kind => Some((
                    row.event.at,
                    format!("switched to version {} at {}", release.version, moment(&row.event.at)),
                )),
                EventBody::Attempt { kind: of, release, outcome } if *of == kind => Some((
                    row.event.at,
                    format!("version {}: {}", release.version, wardline_fleet::explain::outcome(*outcome)),
                )),
                _ => None,
            })
            .collect();
        let slot = view.slots.iter().find(|slot| slot.kind == kind);
        if let Some(slot) = slot.filter(|slot| slot.active.is_some() || slot.goal.is_some() || !marks.is_empty()) {
            let since = marks.first().map_or(start, |(at, _)| *at);
            let active = super::page::version(&slot.active);
            let part = Part {
                from: since,
                to: now,
                class: slot.attention,
                solid: false,
                title: format!("version {active}: {}", slot.why),
            };
            let before = (since > start).then(|| Part {
                from: start,
                to: since,
                class: Attention::Off,
                solid: false,
                title: "before".into(),
            });
            lanes.push(Lane { name: kind.label(), parts: before.into_iter().chain([part]).collect(), marks });
        }
    }
    lanes
}

/// What therapy did. Infusing is drawn solid; it is a fact, not a fault, so it has the calm hue.
fn therapy_lane(events: &[EventRow], now: Time) -> Lane {
    let mut parts = Vec::new();
    let mut until = now;
    for row in events {
        if let EventBody::TherapyChanged { state, channel, .. } = &row.event.body {
            let from = row.event.at.min(until);
            let class = match state {
                ChannelState::Alarming => Attention::NeedsPerson,
                ChannelState::Idle => Attention::Off,
                _ => Attention::Waiting,
            };
            let title = format!("channel {channel} {} since {}", channel_label(*state), moment(&from));
            parts.push(Part { from, to: until, class, solid: *state != ChannelState::Idle, title });
            until = from;
        }
    }
    Lane { name: "Therapy", parts, marks: Vec::new() }
}

/// When the link was there, as far as it can be known: it is there since `since`; an event that arrived late was kept on
/// the pump while there was none. The rest of the lane stays empty, because nobody knows.
fn link_lane(view: &PumpDetail, events: &[EventRow], start: Time, now: Time) -> Lane {
    const LATE: Span = Span::from_min(1);
    let mut parts = Vec::new();
    if let Some(since) = view.connection.as_ref().and_then(|connection| connection.since) {
        let title = format!("linked since {}", moment(&since));
        parts.push(Part { from: since.max(start), to: now, class: Attention::Good, solid: true, title });
    } else if let Some(seen) = view.row.last_seen {
        let title = format!("no link since {}", moment(&seen));
        parts.push(Part { from: seen.max(start), to: now, class: Attention::Unknown, solid: false, title });
    }
    for row in events {
        if row.received.since(row.event.at) > LATE && row.received > start {
            let title = format!("no link: an event of {} arrived at {}", moment(&row.event.at), moment(&row.received));
            parts.push(Part {
                from: row.event.at.max(start),
                to: row.received.min(now),
                class: Attention::Unknown,
                solid: false,
                title,
            });
        }
    }
    Lane { name: "Link", parts, marks: Vec::new() }
}
