//! The picture of the forecast: one bar for each of the coming weeks, as high as the number of pumps' certificates that
//! end in it; the part that should have been renewed already in the hue of what needs a person; and a flag where one of
//! the hub's own certificates ends.

use std::fmt::Write as _;

use wardline_api::types::{CertificateUse, Certificates};
use wardline_model::Span;

use crate::console::page::{day, thousands};
use crate::console::pictures::text;

const LEFT: u64 = 64;
const TOP: u64 = 28;
const HEIGHT: u64 = 160;
const STEP: u64 = 48;
const BAR: u64 = 32;

/// Draws it.
pub(super) fn draw(view: &Certificates) -> String {
    let weeks = &view.forecast;
    let most = scale(weeks.iter().map(|week| week.ending).max().unwrap_or(0));
    let width = STEP * weeks.len() as u64;
    let in_weeks: u64 = weeks.iter().map(|week| week.ending).sum();
    let late: u64 = weeks.iter().map(|week| week.late).sum();
    let said = format!(
        "Certificates of pumps by the week in which they end: {} in the coming {} weeks, of which {} should have been \
         renewed already",
        thousands(&in_weeks),
        weeks.len(),
        thousands(&late)
    );
    let mut out = format!(
        "<svg class=\"picture\" viewBox=\"0 0 {} 250\" role=\"img\" aria-label=\"{said}\"><title>{said}</title>",
        LEFT + width + 8,
        said = text(&said)
    );
    let floor = TOP + HEIGHT;
    for quarter in [0, 1, 2] {
        let (line, count) = (floor - HEIGHT * quarter / 2, most * quarter / 2);
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{line}\" y2=\"{line}\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            LEFT + width,
            LEFT - 8,
            line + 4,
            thousands(&count)
        );
    }
    for (n, week) in (0..).zip(weeks) {
        let x = LEFT + n * STEP + (STEP - BAR) / 2;
        let high = |count: u64| if count == 0 { 0 } else { (count * HEIGHT / most).max(2) };
        let (all, late) = (high(week.ending), high(week.late));
        let title = format!(
            "week from {}: {} end{}",
            day(&week.from),
            thousands(&week.ending),
            if week.late > 0 { format!(", {} should have been renewed", thousands(&week.late)) } else { String::new() }
        );
        let _ = write!(out, "<g><title>{}</title>", text(&title));
        let _ = write!(out, "<rect x=\"{x}\" y=\"{TOP}\" width=\"{BAR}\" height=\"{HEIGHT}\" fill=\"none\"/>");
        if all > 0 {
            let _ = write!(
                out,
                "<rect class=\"fill-waiting\" x=\"{x}\" y=\"{}\" width=\"{BAR}\" height=\"{all}\"/>\
                 <rect class=\"fill-needs-person\" x=\"{x}\" y=\"{}\" width=\"{BAR}\" height=\"{late}\"/>\
                 <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                floor - all,
                floor - late,
                x + BAR / 2,
                floor - all - 6,
                thousands(&week.ending)
            );
        }
        let _ = write!(out, "</g>");
        if n % 2 == 0 {
            let _ = write!(
                out,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                x + BAR / 2,
                floor + 18,
                text(&day(&week.from))
            );
        }
    }
    flags(&mut out, view, floor);
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"246\" text-anchor=\"middle\">week in which they end, unless renewed</text></svg>",
        LEFT + width / 2
    );
    out
}

/// Marks under the axis where one of the hub's own certificates ends.
fn flags(out: &mut String, view: &Certificates, floor: u64) {
    for own in view.own.iter().filter(|own| own.replaced.is_none() && own.not_after > view.at) {
        let left = own.not_after.since(view.at);
        if left >= Span::from_days(7 * view.forecast.len() as u64) {
            continue;
        }
        let x = LEFT + left.as_s() * STEP / Span::from_days(7).as_s();
        let (word, class) = match own.kind {
            CertificateUse::Root | CertificateUse::Between | CertificateUse::Issuing => ("authority", "needs-person"),
            CertificateUse::Server | CertificateUse::ServerNewRoot => ("hub", "waiting"),
            CertificateUse::Responder => ("OCSP", "waiting"),
        };
        let title = format!("{} ends on {}; the hub replaces its own long before", own.subject, day(&own.not_after));
        let _ = write!(
            out,
            "<g class=\"{class}\"><title>{}</title><path fill=\"currentColor\" d=\"M{x} {}l5 8h-10z\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{word}</text></g>",
            text(&title),
            floor + 24,
            floor + 44
        );
    }
}

/// The height of the axis: the next round number, so that bars do not touch the top.
fn scale(most: u64) -> u64 {
    let mut step = 2;
    loop {
        for factor in [1, 2, 5] {
            if step * factor >= most {
                return step * factor;
            }
        }
        step *= 10;
    }
}
