//! What every page has: the frame around it, and how moments, states and errors are said.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use wardline_api::types::Attention;
use wardline_model::{Owner, Span, Time};

use super::assets;
use super::fault::Fault;
use super::guard::Caller;
use super::views;

/// The frame of a page.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub title: String,
    /// Which entry of the bar is current.
    pub here: &'static str,
    pub who: Option<Who>,
    pub style: &'static str,
    pub script: &'static str,
    pub now: Time,
    /// Whether the page refreshes itself.
    pub live: bool,
    /// Something that was just done, to be said once.
    pub done: Option<String>,
}

/// Who is signed in, for the bar and for forms.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub display: String,
    pub role: String,
    pub csrf: String,
}

impl Frame {
    pub(super) fn new(title: impl Into<String>, here: &'static str, caller: Option<&Caller>, now: Time) -> Self {
        Self {
            title: title.into(),
            here,
            who: caller.map(|caller| Who {
                display: caller.display.clone(),
                role: caller.role.to_string(),
                csrf: caller.csrf().to_owned(),
            }),
            style: assets::style(),
            script: assets::script(),
            now,
            live: caller.is_some(),
            done: None,
        }
    }

    /// A page that does not refresh itself, such as one that shows something once.
    pub(super) fn still(mut self) -> Self {
        self.live = false;
        self
    }

    pub(super) fn done(mut self, done: Option<String>) -> Self {
        self.done = done;
        self
    }

    /// The hub's version.
    pub(super) const fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    pub(super) fn csrf(&self) -> &str {
        self.who.as_ref().map_or("", |who| &who.csrf)
    }

    /// How long ago, in words; `never` for nothing.
    pub(super) fn ago(&self, time: &Option<Time>) -> String {
        time.map_or_else(|| "never".into(), |time| format!("{} ago", short(self.now.since(time))))
    }

    /// How long ago, in words.
    pub(super) fn since(&self, time: &Time) -> String {
        self.ago(&Some(*time))
    }

    /// How long until, in words.
    pub(super) fn until(&self, time: &Time) -> String {
        if *time > self.now { format!("in {}", short(time.since(self.now))) } else { "over".into() }
    }
}

/// Renders a template.
pub(super) fn show(template: &impl Template) -> Result<Response, Fault> {
    match template.render() {
        Ok(text) => Ok(Html(text).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            Err(Fault::new(
                axum::http::StatusCode::INTERNAL_SERVER_ERROR,
                "page",
                "the page could not be made; the hub's log says more",
            ))
        }
    }
}

/// The largest unit of a span, rounded down: what fits in a table.
pub(super) fn short(span: Span) -> String {
    match span.as_s() {
        s @ 0..60 => format!("{s} s"),
        s @ 60..3_600 => format!("{} min", s / 60),
        s @ 3_600..86_400 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

/// An age in milliseconds, for templates.
pub(super) fn age(ms: &Option<u64>) -> String {
    ms.map_or_else(String::new, |ms| short(Span::from_ms(ms)))
}

/// A moment as people say it, in the hub's own time zone: `today 11:57`, `yesterday 23:10`, `22 Nov 11:57`.
pub(super) fn moment(time: &Time, now: &Time) -> String {
    said(*time, *now, "%H:%M")
}

/// How long ago a moment was.
pub(super) fn gone(time: &Time, now: &Time) -> String {
    format!("{} ago", short(now.since(*time)))
}

/// A moment to the second, for lists in which much happens within a minute. Today goes without saying.
pub(super) fn stamp(time: &Time, now: &Time) -> String {
    let said = said(*time, *now, "%H:%M:%S");
    said.strip_prefix("today ").map_or_else(|| said.clone(), Into::into)
}

/// A moment in full, for whoever points at it.
pub(super) fn exact(time: &Time) -> String {
    zoned(*time).map_or_else(|| "?".into(), |at| at.strftime("%Y-%m-%d %H:%M:%S %Z").to_string())
}

/// The day with its year.
pub(super) fn date(time: &Time) -> String {
    zoned(*time).map_or_else(|| "?".into(), |at| at.strftime("%-d %b %Y").to_string())
}

/// The day without its year.
pub(super) fn day(time: &Time) -> String {
    zoned(*time).map_or_else(|| "?".into(), |at| at.strftime("%-d %b").to_string())
}

/// Only the time of day.
pub(super) fn clock(time: Time) -> String {
    zoned(time).map_or_else(|| "?".into(), |at| at.strftime("%H:%M").to_string())
}

fn zoned(time: Time) -> Option<jiff::ZonedDateTime> {
    let ms = i64::try_from(time.as_unix_ms()).ok()?;
    Some(jiff::Timestamp::from_millisecond(ms).ok()?.to_zoned_datetime(jiff::tz::TimeZone::system()))
}

fn said(time: Time, now: Time, clock: &str) -> String {
    let (Some(at), Some(now)) = (zoned(time), zoned(now)) else { return "?".into() };
    let (day, today) = (at.date(), now.date());
    let day = if day == today {
        "today".into()
    } else if today.yesterday().is_ok_and(|yesterday| day == yesterday) {
        "yesterday".into()
    } else if today.tomorrow().is_ok_and(|tomorrow| day == tomorrow) {
        "tomorrow".into()
    } else if at.year() == now.year() {
        at.strftime("%-d %b").to_string()
    } else {
        at.strftime("%-d %b %Y").to_string()
    };
    format!("{day} {}", at.strftime(clock))
}

/// How much later something arrived than it happened. Clocks differ by seconds, so that counts as at once.
pub(super) fn delay(at: &Time, received: &Time) -> String {
    match received.since(*at) {
        late if late < Span::from_s(3) => "at once".into(),
        late => format!("{} later", short(late)),
    }
}

/// A moment as machines read it.
pub(super) fn iso(time: &Time) -> String {
    i64::try_from(time.as_unix_ms())
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(String::new, |stamp| stamp.to_string())
}

/// The word of an attention, for templates.
pub(super) fn word(attention: &Attention) -> &'static str {
    views::attention_label(*attention)
}

/// The word of an owner, for templates.
pub(super) fn owner(owner: &Owner) -> &'static str {
    owner.label()
}

/// `1 pump`, `2 pumps`.
pub(super) fn pumps(count: &u64) -> String {
    if *count == 1 { "1 pump".into() } else { format!("{} pumps", thousands(count)) }
}

/// Groups of three digits, for people.
pub(super) fn thousands(count: &u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// Who acted, as people say it: `anna`, `token demo-1`, `the hub's planner`.
pub(super) fn person(actor: &str) -> String {
    match actor.split_once(':') {
        Some(("person", name)) => name.into(),
        Some(("operator", "command line")) => "the command line".into(),
        Some(("operator", who)) => format!("{who} at the command line"),
        Some(("hub", part)) => format!("the hub's {part}"),
        Some(("stranger", address)) => format!("stranger at {address}"),
        Some((kind, name)) => format!("{kind} {name}"),
        None => actor.into(),
    }
}

/// A version, or a dash.
pub(super) fn version(version: &Option<wardline_model::Version>) -> String {
    version.map_or_else(|| "–".into(), |version| version.to_string())
}

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage<'a> {
    frame: Frame,
    fault: &'a Fault,
}

impl FaultPage<'_> {
    /// What was wrong, as a sentence.
    fn sentence(&self) -> String {
        let mut letters = self.fault.message.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
        format!("{first}{}.", letters.as_str())
    }
}

/// A refusal as a page.
pub(super) fn fault(fault: &Fault, caller: Option<&Caller>) -> Response {
    let title = match fault.status.as_u16() {
        401 => "Signed out",
        403 => "Not allowed",
        404 => "Not found",
        _ => "Not done",
    };
    let frame = Frame::new(title, "", caller, Time::default()).still();
    match (FaultPage { frame, fault }).render() {
        Ok(text) => Html(text).into_response(),
        Err(_) => fault.message.clone().into_response(),
    }
}
