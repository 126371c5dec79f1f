//! Pictures drawn on the server as SVG: the fleet by care area, shares, meters, adoption over time.
//!
//! They use classes and presentation attributes only (the policy forbids inline styles), escape every text, and each has
//! a title that says in words what it shows.

use std::fmt::Write as _;

use wardline_api::types::{AttentionCount, PumpRow};
use wardline_fleet::adoption::Curve;
use wardline_model::{Span, Time};

use super::page::short;
use super::views::{attention_label, urgency};

/// Above this many pumps, a care area is a bar of shares instead of one mark per pump.
pub(super) const MOST_CELLS: u64 = 1_500;

/// Escapes text for SVG.
pub(super) fn text(text: &str) -> String {
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
    const LEFT: u64 = 64;
    const WIDTH: u64 = 632;
    const TOP: u64 = 12;
    const HEIGHT: u64 = 200;
    let wanted = curve.points.iter().map(|point| point.wanted).max().unwrap_or(0).max(1);
    let spent = now.since(curve.started);
    let span = horizon(spent);
    let x = |at: Time| LEFT + at.since(curve.started).as_ms().min(span.as_ms()) * WIDTH / span.as_ms().max(1);
    let level = |percent: u8| TOP + HEIGHT - u64::from(percent) * HEIGHT / 100;
    let y = |count: u64| TOP + HEIGHT - count.min(wanted) * HEIGHT / wanted;
    let mut out = format!(
        "<svg class=\"picture\" viewBox=\"0 0 712 262\" role=\"img\" aria-label=\"{0}\"><title>{0}</title>",
        text(&format!("Adoption: {} percent of {wanted} pumps run it after {}", curve.percent, short(spent)))
    );
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"256\" text-anchor=\"middle\">time since the start</text>\
         <text transform=\"translate(11 {}) rotate(-90)\" text-anchor=\"middle\">share of {wanted} pumps</text>",
        LEFT + WIDTH / 2,
        TOP + HEIGHT / 2
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
            if quarter == 0 { "start".into() } else { at.to_string() }
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

/// The targets that lie beyond the right edge of the curve, in words.
pub(super) fn beyond(curve: &Curve, now: Time) -> Option<String> {
    let edge = horizon(now.since(curve.started));
    let count = curve.milestones.iter().filter(|milestone| milestone.target.within > edge).count();
    match count {
        0 => None,
        1 => Some("one lies beyond the right edge".into()),
        n => Some(format!("{n} lie beyond the right edge")),
    }
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
