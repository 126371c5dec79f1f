//! A watcher who believes nobody: compares every pump with what people did to it.

use std::collections::BTreeMap;

use wardline_model::{ChannelState, covers};

use crate::controller::reference::{Change, Seen};

use super::chart::Expected;
use super::station::{Beside, Station};

/// One thing that must never happen, and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The never event.
    pub id: &'static str,
    /// What was seen and what was expected.
    pub story: String,
}

/// How often each never event was seen, and how often nothing was wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations {
    /// By never event.
    pub count: BTreeMap<&'static str, u64>,
    /// The first stories, to be read.
    pub stories: Vec<Found>,
    /// How many looks at one pump were taken.
    pub looks: u64,
}

/// Stories that are kept; more would say the same.
const MOST_STORIES: usize = 20;

impl Violations {
    /// Adds what one look found.
    pub fn add(&mut self, found: Vec<Found>) {
        self.looks += 1;
        for one in found {
            *self.count.entry(one.id).or_default() += 1;
            if self.stories.len() < MOST_STORIES {
                self.stories.push(one);
            }
        }
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.count.values().sum()
    }
}

/// Looks at one pump now.
#[must_use]
pub fn look(name: &str, station: &Station) -> Vec<Found> {
    covers!("N1", "N2", "N3", "N5", "N8");
    let mut beside = station.lock();
    let Some(pump) = beside.pump.clone() else { return Vec::new() };
    let (changes, seen, at_ms) = pump.changes();
    let mut found = Vec::new();
    let mut say = |id, story: String| found.push(Found { id, story: format!("{name}: {story}") });
    pointer(&mut beside, &changes, &mut say);
    for seen in &seen {
        channel(&mut beside, seen, at_ms, &mut say);
    }
    found
}

/// The library moved only while every channel was idle (N2).
fn pointer(beside: &mut Beside, changes: &[Change], say: &mut impl FnMut(&'static str, String)) {
    for change in changes {
        match change {
            Change::Channel { channel, state } => {
                if let Some(busy) = beside.busy.get_mut(usize::from(*channel).wrapping_sub(1)) {
                    *busy = state.is_busy();
                }
            }
            Change::Pointer { to } => {
                if beside.busy.contains(&true) {
                    say("N2", format!("version {} became current while a channel was busy", to.version));
                }
                beside.pointer = Some(*to);
            }
        }
    }
}

fn channel(beside: &mut Beside, seen: &Seen, at_ms: u64, say: &mut impl FnMut(&'static str, String)) {
    let number = seen.channel;
    let Some(chart) = beside.charts.get_mut(usize::from(number).wrapping_sub(1)) else { return };
    if chart.in_a_moment {
        // The nurse takes it up at the next visit.
        return;
    }
    let Expected { state, given_ul } = chart.expect(at_ms);
    if seen.state != state {
        let id = if seen.state == ChannelState::Idle { "N8" } else { "N1" };
        say(id, format!("channel {number} is {}, and people left it {state}", seen.state));
    }
    if seen.given_ul != given_ul {
        let story = format!("channel {number} delivered {:?} microlitres instead of {given_ul:?}", seen.given_ul);
        say("N1", story);
    }
    if seen.limits != chart.infusion.as_ref().map(|infusion| infusion.limits.clone()) {
        say("N3", format!("channel {number} runs under other limits than when it was programmed"));
    }
    if seen.alarm != chart.alarm {
        say("N5", format!("channel {number} sounds {:?} instead of {:?}", seen.alarm, chart.alarm));
    }
}
