//! The hospital as a value: everything that exists, and one thing after the other that happens to it.

use std::collections::BTreeMap;

use wardline_model::{Span, Time};

use super::agenda::{Agenda, Happens};
use super::hub::Hub;
use super::links::Link;
use super::people::Book;
use super::pump::Pump;
use super::settings::{BEGINS, Settings, Weather};
use super::trouble::Weathers;
use super::ward::{Area, DAY, HOUR, MINUTE};
use super::watch::Watch;
use crate::dice::Dice;

/// How many lines of a pump's story are kept.
const LINES: usize = 30;

/// The hospital.
#[derive(Debug)]
pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) now: Time,
    pub(super) agenda: Agenda,
    pub(super) pumps: Vec<Pump>,
    pub(super) hub: Hub,
    pub(super) links: BTreeMap<u64, Link>,
    pub(super) next_link: u64,
    pub(super) people: Book,
    pub(super) weather: Weathers,
    pub(super) watch: Watch,
    pub(super) counts: Counts,
    /// One sequence of dice for each who throws them, so that a change in one does not change the others.
    pub(super) dice: AllDice,
    pub(super) steps: u64,
    /// The finale: nurses have gone home, and nothing goes wrong any more.
    pub(super) finale: Finale,
    story: Story,
}

/// Whether the month is over and only what is owed is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finale {
    NotYet,
    Now,
}

#[derive(Debug)]
pub(super) struct AllDice {
    pub(super) nurse: Dice,
    pub(super) shelf: Dice,
    pub(super) net: Dice,
    pub(super) trouble: Dice,
    pub(super) identity: Dice,
}

/// What happened, counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) infusions: u64,
    /// Pumps at all hours; those that were switched on; those with a program.
    pub(super) looked: u64,
    pub(super) on: u64,
    pub(super) busy: u64,
    pub(super) acts: u64,
    pub(super) alarms: u64,
    pub(super) waited: u64,
    pub(super) switches: u64,
    pub(super) plans: u64,
    pub(super) goals: u64,
    pub(super) troubles: BTreeMap<&'static str, u64>,
}

/// The last lines of one pump's story: only written when the month is made a second time to tell it.
#[derive(Debug, Default)]
struct Story {
    of: Option<usize>,
    lines: std::collections::VecDeque<String>,
}

impl World {
    /// The hospital on the morning of the first day. `tell` names the pump whose story is to be written down.
    pub(super) fn new(settings: Settings, tell: Option<usize>) -> Self {
        let seed = settings.seed;
        let mut world = Self {
            settings,
            now: BEGINS,
            agenda: Agenda::default(),
            pumps: (0..settings.pumps).map(|number| Pump::new(number, Area::of(number))).collect(),
            hub: Hub::new(&settings),
            links: BTreeMap::new(),
            next_link: 1,
            people: Book::new(&settings),
            weather: Weathers::default(),
            watch: Watch::new(settings.pumps),
            counts: Counts::default(),
            dice: AllDice {
                nurse: Dice::new(seed ^ 0x006e_7572_7365),
                shelf: Dice::new(seed ^ 0x7368_656c_6600),
                net: Dice::new(seed ^ 0x6e65_7400_0000),
                trouble: Dice::new(seed ^ 0x0074_726f_7562_6c65),
                identity: Dice::new(seed ^ 0x6964_656e_7469_7479),
            },
            steps: 0,
            finale: Finale::NotYet,
            story: Story { of: tell, lines: std::collections::VecDeque::new() },
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for pump in 0..self.pumps.len() {
            // A tenth of the pumps stands in the equipment room on the first morning.
            let later = if self.dice.shelf.percent(10) { self.dice.shelf.between(HOUR, 96 * HOUR) } else { 0 };
            let at = self.dice.shelf.between(0, 10 * MINUTE) + later;
            self.agenda.add(BEGINS + Span::from_ms(at), Happens::PowerOn { pump });
            let looks = self.dice.identity.between(0, HOUR);
            self.agenda.add(BEGINS + Span::from_ms(looks), Happens::Identity { pump });
        }
        self.plan_story();
        if self.settings.weather == Weather::Foul {
            self.begin_trouble();
        }
        self.agenda.add(BEGINS + Span::from_h(1), Happens::Hour);
    }

    /// This many milliseconds from now.
    pub(super) fn then(&self, ms: u64) -> Time {
        self.now + Span::from_ms(ms)
    }

    pub(super) fn later(&mut self, ms: u64, what: Happens) {
        self.agenda.add(self.then(ms), what);
    }

    /// Lets everything happen until this time, or until something is broken. Says after each day how far it is.
    pub(super) fn run(&mut self, until: Time, day: &mut dyn FnMut(u64)) {
        while self.watch.broken.is_none() {
            let Some((at, what)) = self.agenda.next() else { return };
            if at > until {
                // It belongs to what comes after.
                self.agenda.add(at, what);
                self.now = until;
                return;
            }
            self.now = at;
            self.steps += 1;
            if matches!(what, Happens::Hour) && at.since(BEGINS).as_ms().is_multiple_of(DAY) {
                day(at.since(BEGINS).as_ms() / DAY);
            }
            self.happen(what);
        }
    }

    fn happen(&mut self, what: Happens) {
        match what {
            Happens::Nurse { pump, life, channel } if self.lives(pump, life) => self.nurse(pump, channel),
            Happens::Hurry { pump, life, channel } if self.lives(pump, life) => self.hurry(pump, channel),
            Happens::StillWaiting { pump, life } if self.lives(pump, life) => self.still_waiting(pump),
            Happens::PowerOn { pump } => self.power_on(pump),
            Happens::AgentStarts { pump, life } if self.lives(pump, life) => self.agent_starts(pump),
            Happens::ToController { pump, agent, ask } if self.talks(pump, agent) => self.asked(pump, ask),
            Happens::ToAgent { pump, agent, said } if self.talks(pump, agent) => self.agent_hears(pump, said),
            Happens::Verified { pump, life, release } if self.lives(pump, life) => self.verified(pump, release),
            Happens::Written { pump, life } if self.lives(pump, life) => self.written(pump),
            Happens::ControllerWakes { pump, life } if self.lives(pump, life) => self.controller_wakes(pump),
            Happens::AgentWakes { pump, agent } if self.talks(pump, agent) => self.agent_wakes(pump),
            Happens::SessionWakes { pump, agent } if self.talks(pump, agent) => self.session_wakes(pump),
            Happens::FetchEnds { pump, agent, release } if self.talks(pump, agent) => self.fetch_ends(pump, release),
            Happens::Connects { pump, agent, attempt } if self.talks(pump, agent) => self.connects(pump, attempt),
            Happens::Up { link, frame } => self.arrives_up(link, frame),
            Happens::Down { link, frame } => self.arrives_down(link, frame),
            Happens::Commit { life } if self.hub.is_alive(life) => self.commit(),
            Happens::Plans { life } if self.hub.is_alive(life) => self.plans(),
            Happens::HubStarts => self.hub_starts(),
            Happens::People(people) => self.people_decide(people),
            Happens::Trouble(trouble) => self.trouble(trouble),
            Happens::Identity { pump } => self.identity(pump),
            Happens::Hour => self.hour(),
            // It belongs to a life that has ended.
            Happens::Nurse { .. }
            | Happens::Hurry { .. }
            | Happens::StillWaiting { .. }
            | Happens::AgentStarts { .. }
            | Happens::ToController { .. }
            | Happens::ToAgent { .. }
            | Happens::Verified { .. }
            | Happens::Written { .. }
            | Happens::ControllerWakes { .. }
            | Happens::AgentWakes { .. }
            | Happens::SessionWakes { .. }
            | Happens::FetchEnds { .. }
            | Happens::Connects { .. }
            | Happens::Commit { .. }
            | Happens::Plans { .. } => {}
        }
    }

    /// Looks once an hour how busy the wards are.
    fn hour(&mut self) {
        if self.finale == Finale::Now {
            return;
        }
        let on = self.pumps.iter().filter_map(|pump| pump.body.as_ref());
        let busy = |body: &&super::pump::Body| body.controller.channels().iter().any(|one| one.program.is_some());
        self.counts.on += on.clone().count() as u64;
        self.counts.busy += on.filter(busy).count() as u64;
        self.counts.looked += self.pumps.len() as u64;
        self.later(HOUR, Happens::Hour);
    }

    fn lives(&self, pump: usize, life: u32) -> bool {
        self.pumps[pump].body.is_some() && self.pumps[pump].life == life
    }

    fn talks(&self, pump: usize, agent: u32) -> bool {
        self.pumps[pump].agent.is_some() && self.pumps[pump].agents == agent
    }

    // ---- the story --------------------------------------------------------------------------------------------------

    /// Writes a line of the story of one pump, if that is the one to be told of.
    pub(super) fn tell(&mut self, pump: usize, line: impl FnOnce() -> String) {
        if self.story.of == Some(pump) {
            self.write(line());
        }
    }

    /// Writes a line that concerns every pump.
    pub(super) fn tell_all(&mut self, line: impl FnOnce() -> String) {
        if self.story.of.is_some() {
            self.write(line());
        }
    }

    fn write(&mut self, line: String) {
        if self.story.lines.len() == LINES {
            self.story.lines.pop_front();
        }
        self.story.lines.push_back(format!("{} {line}", clock(self.now)));
    }

    pub(super) fn story(&self) -> Vec<String> {
        self.story.lines.iter().cloned().collect()
    }
}

/// A moment as people read it: day and time since the month began.
pub(super) fn clock(at: Time) -> String {
    let s = at.since(BEGINS).as_ms();
    let (day, h, min, sec, ms) = (s / 86_400_000 + 1, s / HOUR % 24, s / MINUTE % 60, s / 1_000 % 60, s % 1_000);
    format!("day {day} {h:02}:{min:02}:{sec:02}.{ms:03}")
}
