//! Tables and moments for people, JSON for scripts. Control characters from outside never reach the terminal.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;
use wardline_model::{ChannelState, Span, Therapy, Time};

/// Prints JSON as the hub gave it.
pub fn json(value: &Value) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A calm table that fits the terminal.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|name| name.to_uppercase()));
    for row in rows {
        table.add_row(row.iter().map(|cell| safe(cell)).collect::<Vec<_>>());
    }
    table
}

/// Facts about one thing: a name and a value on each line.
pub fn facts(rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    for row in rows {
        table.add_row(row.iter().map(|cell| safe(cell)).collect::<Vec<_>>());
    }
    table
}

/// ` (3 h 20 min)` for an age worth telling, nothing for one below a second.
pub fn age(ms: Option<u64>) -> String {
    ms.filter(|ms| *ms >= 1_000).map(|ms| format!(" ({})", Span::from_ms(ms))).unwrap_or_default()
}

/// The words for a phase as the API names it.
pub fn phase(word: &str) -> String {
    let known = wardline_fleet::phase::Phase::ALL.into_iter().find(|phase| phase.as_str() == word);
    known.map_or_else(|| word.to_owned(), |phase| phase.label().to_owned())
}

/// A text without anything that a terminal would act on.
pub fn safe(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The local date and minute.
pub fn moment(time: Time) -> String {
    let ms = i64::try_from(time.as_unix_ms()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms)
        .map(|moment| moment.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string())
        .unwrap_or_else(|_| "?".into())
}

/// How long ago, or a dash.
pub fn ago(time: Option<Time>, now: Time) -> String {
    time.map_or_else(
        || "never".into(),
        |time| if now.since(time) < Span::from_s(1) { "now".into() } else { format!("{} ago", now.since(time)) },
    )
}

/// The machine's clock. Only what people read is computed from it.
pub fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// What therapy does, in a word.
pub fn therapy(therapy: Therapy) -> &'static str {
    therapy.state().map_or("unknown", ChannelState::as_str)
}

/// `-` for nothing.
pub fn or_dash(value: Option<impl std::fmt::Display>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}
