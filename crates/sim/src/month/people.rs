//! The people who answer for drug libraries: what they publish, what is wrong with it, and when they take it back.

use std::collections::{BTreeMap, BTreeSet};

use wardline_fleet::plan::Rules;
use wardline_model::{Refusal, ReleaseRef, Span, Time};

use super::agenda::{Down, Happens, People};
use super::planner::{Rolling, State};
use super::pump::release;
use super::settings::{BEGINS, Settings, Weather};
use super::ward::{HOUR, MINUTE};
use super::world::World;

/// A pump is in use when a program was loaded on it in each of the first two spans of this length after the start: one that
/// was put on a shelf meanwhile, or comes from there, is not.
pub(super) const IN_USE_DAY: Span = Span::from_h(24);

/// What is wrong with a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    Sound,
    /// Signed by the right people, and reads back otherwise than its metadata says.
    ReadsWrong,
    /// Nobody signed it.
    Unsigned,
}

/// What becomes of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// It is good, and has its time.
    Good,
    /// The first pump that takes it disproves it, and the rollout halts.
    Bad,
    /// People take it back in the middle of its rollout.
    Withdrawn,
    /// A newer one replaces it in the middle of its rollout.
    Replaced,
}

/// How a rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Running,
    Halted,
    Withdrawn,
    Replaced,
}

impl Ended {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Halted => "halted itself",
            Self::Withdrawn => "withdrawn",
            Self::Replaced => "replaced",
        }
    }
}

/// One release and its rollout.
#[derive(Debug)]
pub(super) struct Tale {
    pub(super) of: ReleaseRef,
    pub(super) sort: Sort,
    publish: Time,
    pub(super) started: Option<Time>,
    withdrawn: Option<Time>,
    pub(super) ended: Ended,
    pub(super) ended_at: Option<Time>,
    /// When each pump proved it.
    pub(super) adopted: BTreeMap<usize, Time>,
    /// The pumps on which a program was loaded on its first day.
    used: BTreeSet<usize>,
    /// And on its second.
    used_still: BTreeSet<usize>,
    /// The pumps that people had taken down or reported lost in those two days: nothing may be sent to them.
    apart: BTreeSet<usize>,
}

/// Every release of the month.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) tales: Vec<Tale>,
    newest: Option<usize>,
}

impl Book {
    pub(super) fn new(settings: &Settings) -> Self {
        let sorts: &[Sort] = match settings.weather {
            Weather::Fair => &[Sort::Good],
            Weather::Foul => &[Sort::Good, Sort::Bad, Sort::Good, Sort::Withdrawn, Sort::Good, Sort::Replaced],
        };
        let mut tales = Vec::new();
        let mut publish = BEGINS + Span::from_ms(10 * HOUR);
        for sort in sorts.iter().cycle() {
            // The last one gets its time too.
            if publish + settings.between() > settings.ends() {
                break;
            }
            tales.push(Tale::new(release(tales.len() as u64 + 2), *sort, publish));
            publish = publish
                + match sort {
                    Sort::Good => settings.between(),
                    Sort::Bad => Span::from_h(6),
                    Sort::Withdrawn | Sort::Replaced => Span::from_h(3),
                };
        }
        Self { tales, newest: None }
    }

    pub(super) fn flaw(&self, of: ReleaseRef) -> Flaw {
        match self.tales.iter().find(|tale| tale.of == of) {
            Some(Tale { sort: Sort::Bad, .. }) => Flaw::ReadsWrong,
            Some(_) => Flaw::Sound,
            None if of == release(1) => Flaw::Sound,
            None => Flaw::Unsigned,
        }
    }

    /// What the signed metadata says of this release to a pump that fetches it.
    pub(super) fn fetch(&self, of: ReleaseRef) -> Result<(), Refusal> {
        match self.tales.iter().find(|tale| tale.of == of) {
            Some(tale) if tale.withdrawn.is_some() => Err(Refusal::Withdrawn),
            Some(_) => Ok(()),
            None if of == release(1) => Ok(()),
            None => Err(Refusal::Signatures),
        }
    }

    pub(super) fn adopted(&mut self, of: ReleaseRef, pump: usize, now: Time) {
        if let Some(tale) = self.tales.iter_mut().find(|tale| tale.of == of) {
            tale.adopted.entry(pump).or_insert(now);
        }
    }

    /// A program was loaded on this pump.
    pub(super) fn used(&mut self, pump: usize, now: Time) {
        let Some(tale) = self.newest.and_then(|newest| self.tales.get_mut(newest)) else { return };
        let Some(started) = tale.started else { return };
        let age = now.since(started);
        if age <= IN_USE_DAY {
            tale.used.insert(pump);
        } else if age <= IN_USE_DAY + IN_USE_DAY {
            tale.used_still.insert(pump);
        }
    }

    /// People took this pump down.
    pub(super) fn taken_down(&mut self, pump: usize, now: Time) {
        if let Some(tale) = self.newest.and_then(|newest| self.tales.get_mut(newest))
            && tale.started.is_some_and(|started| now.since(started) <= IN_USE_DAY + IN_USE_DAY)
        {
            tale.apart.insert(pump);
        }
    }

    pub(super) fn ended(&mut self, story: usize, how: Ended, now: Time) {
        let tale = &mut self.tales[story];
        if tale.ended == Ended::Running && how != Ended::Running {
            tale.ended = how;
            tale.ended_at = Some(now);
        }
    }
}

impl Tale {
    /// The pumps that were in use when it came, and the day after.
    pub(super) fn in_use(&self) -> impl Iterator<Item = usize> {
        self.used.intersection(&self.used_still).filter(|pump| !self.apart.contains(pump)).copied()
    }

    fn new(of: ReleaseRef, sort: Sort, publish: Time) -> Self {
        Self {
            of,
            sort,
            publish,
            started: None,
            withdrawn: None,
            ended: Ended::Running,
            ended_at: None,
            adopted: BTreeMap::new(),
            used: BTreeSet::new(),
            used_still: BTreeSet::new(),
            apart: BTreeSet::new(),
        }
    }
}

impl World {
    pub(super) fn plan_story(&mut self) {
        for at in 0..self.people.tales.len() {
            let tale = &self.people.tales[at];
            let (publish, sort) = (tale.publish, tale.sort);
            self.agenda.add(publish, Happens::People(People::Publish(at)));
            if sort == Sort::Withdrawn {
                let after = self.dice.shelf.between(5 * MINUTE, 2 * HOUR);
                self.agenda.add(publish + Span::from_ms(after), Happens::People(People::Withdraw(at)));
            }
        }
    }

    pub(super) fn people_decide(&mut self, people: People) {
        if !self.hub.up {
            return self.later(10 * MINUTE, Happens::People(people));
        }
        match people {
            People::Publish(at) => self.publish(at),
            People::Withdraw(at) => self.withdraw(at),
        }
    }

    /// Publishes a library and starts its rollout; one that is open is cancelled, as the hub's store does.
    fn publish(&mut self, at: usize) {
        let now = self.now;
        for open in 0..self.hub.rolling.len() {
            let rolling = &mut self.hub.rolling[open];
            if rolling.state != State::Cancelled {
                rolling.state = State::Cancelled;
                let story = rolling.story;
                self.people.ended(story, Ended::Replaced, now);
            }
        }
        let tale = &mut self.people.tales[at];
        tale.started = Some(now);
        let of = tale.of;
        self.people.newest = Some(at);
        self.tell_all(|| format!("people publish version {} and roll it out", of.version));
        let in_service = self.hub.rows.iter().filter(|row| row.lifecycle.may_link()).count();
        let rules = Rules::gentle(of, in_service);
        self.hub.rolling.push(Rolling { story: at, rules, state: State::Running, points: Vec::new(), halted: None });
        for pump in (0..self.pumps.len()).filter(|pump| !self.hub.rows[*pump].lifecycle.may_link()).collect::<Vec<_>>()
        {
            self.people.taken_down(pump, now);
        }
        // Whoever is in the middle of an infusion now is in use.
        for pump in 0..self.pumps.len() {
            let busy = self.pumps[pump]
                .body
                .as_ref()
                .is_some_and(|body| body.controller.channels().iter().any(|channel| channel.program.is_some()));
            if busy {
                self.people.used(pump, now);
            }
        }
        self.new_metadata();
        self.plan_soon();
    }

    fn withdraw(&mut self, at: usize) {
        let now = self.now;
        let tale = &mut self.people.tales[at];
        tale.withdrawn = Some(now);
        let of = tale.of;
        self.tell_all(|| format!("people withdraw version {}", of.version));
        self.count("releases withdrawn");
        for rolling in self.hub.rolling.iter_mut().filter(|rolling| rolling.story == at) {
            if rolling.state != State::Halted {
                rolling.state = State::Cancelled;
            }
        }
        self.people.ended(at, Ended::Withdrawn, now);
        self.new_metadata();
    }

    fn new_metadata(&mut self) {
        let links: Vec<u64> = self.hub.links.values().copied().collect();
        for link in links {
            self.send_down(link, Down::NewMetadata);
        }
    }
}
