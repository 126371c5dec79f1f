//! The fleet, three hours after three hours.

use wardline_fleet::roll_over::{Change, Enrols, Issuer, Left, Stage, Way, What, in_the_way, judge};
use wardline_model::{Span, Time};
use wardline_pump::Input;
use wardline_pump::identity::IdentityStep;

use super::hub::{BEGINS, Hub};
use super::pump::Pump;
use super::{Missed, Settings, Summary, Wrong};
use crate::dice::Dice;

/// How far time goes at once.
const STEP: Span = Span::from_h(3);
/// When the new authorities are made, the first set is signed, and people lose patience with those who sleep.
const STARTS: Span = Span::from_days(3);
const SIGNED: Span = Span::from_days(4);
const MOVES_AT_LAST: Span = Span::from_days(35);
/// How long after the move the second set is signed: most have renewed.
const RETIRES_AFTER: Span = Span::from_days(24);
/// How long before the end the change is finished whoever sleeps still.
const FINISHES_BEFORE_END: Span = Span::from_days(14);
/// How long a pump that was told its way back may take.
const COMES_BACK_WITHIN: Span = Span::from_days(2);

pub(super) struct World {
    settings: Settings,
    now: Time,
    hub: Hub,
    pumps: Vec<Pump>,
    dice: Dice,
    /// The newest set that is rolled out.
    released: u64,
    moved_at: Option<Time>,
    summary: Summary,
}

impl World {
    pub(super) fn new(settings: Settings) -> Self {
        let mut dice = Dice::new(settings.seed ^ 0x726f_6c6c_6f76_6572);
        let mut hub = Hub::new(settings.seed).expect("invented names fit");
        hub.crosses_shown = settings.wrong != Some(Wrong::NoCrossCertificate);
        let pumps = (0..settings.pumps)
            .map(|number| {
                let mut pump = Pump::new(number, &mut dice);
                pump.sleeps = sleeps(&mut dice, settings.weeks);
                pump
            })
            .collect::<Vec<_>>();
        let week = Span::from_days(7);
        let slept = pumps.iter().filter(|pump| pump.sleeps.iter().any(|(from, to)| to.since(*from) >= week)).count();
        let summary = Summary {
            seed: settings.seed,
            pumps: settings.pumps,
            weeks: settings.weeks,
            command: settings.command(),
            slept,
            proven_on: None,
            moved: None,
            finished_on: None,
            missed: Vec::new(),
            proven: 0,
            taken_back: 0,
            renewed: 0,
            enrolled: 0,
            watched: 0,
            violation: None,
        };
        Self { settings, now: BEGINS, hub, pumps, dice, released: 0, moved_at: None, summary }
    }

    pub(super) fn run(mut self, mut week: impl FnMut(u64)) -> Summary {
        let ends = BEGINS + Span::from_days(7 * self.settings.weeks);
        while self.now < ends && self.summary.violation.is_none() {
            self.people(ends);
            for number in 0..self.pumps.len() {
                self.lives(number);
            }
            self.now = self.now + STEP;
            let passed = self.now.since(BEGINS).as_ms();
            if passed.is_multiple_of(Span::from_days(7).as_ms()) {
                week(passed / Span::from_days(7).as_ms());
            }
        }
        self.walk_the_ways_back();
        for pump in &self.pumps {
            self.summary.proven += pump.counted.proven;
            self.summary.taken_back += pump.counted.taken_back;
            self.summary.renewed += pump.counted.renewed;
            self.summary.enrolled += pump.counted.enrolled;
            self.summary.watched += pump.counted.watched;
        }
        self.summary
    }

    fn day(&self) -> u64 {
        self.now.since(BEGINS).as_ms() / Span::from_days(1).as_ms()
    }

    fn change(&self) -> Change {
        let stage = self.hub.stage.unwrap_or(Stage::Prepared);
        Change { what: What::Root, stage, old_root_ends: self.hub.old_root().not_after() }
    }

    /// What is left at whom, by the hub's own judgement.
    fn behind(&self) -> Vec<(usize, Left, Way)> {
        let change = self.change();
        let judged = |(number, pump): (usize, &Pump)| {
            let (left, way) = judge(&change, &pump.seen(), self.now)?;
            (left != Left::Nothing).then_some((number, left, way))
        };
        self.pumps.iter().enumerate().filter_map(judged).collect()
    }

    fn stand_in_the_way(&self) -> usize {
        let Some(stage) = self.hub.stage else { return 0 };
        self.behind().iter().filter(|(_, left, _)| in_the_way(What::Root, stage, *left)).count()
    }

    // ---- people -----------------------------------------------------------------------------------------------------

    /// Those who answer for the change look once a day.
    fn people(&mut self, ends: Time) {
        let since = self.now.since(BEGINS);
        if !since.as_ms().is_multiple_of(Span::from_days(1).as_ms()) {
            return;
        }
        match self.hub.stage {
            None if since >= STARTS => self.hub.stage = Some(Stage::Prepared),
            Some(Stage::Prepared) => {
                if since >= SIGNED {
                    self.released = 1;
                }
                let in_the_way = self.stand_in_the_way();
                let awake =
                    self.behind().iter().filter(|(number, ..)| !self.pumps[*number].sleeps_at(self.now)).count();
                if awake == 0 && self.released == 1 {
                    self.summary.proven_on.get_or_insert(since.as_ms() / Span::from_days(1).as_ms());
                }
                if in_the_way == 0 && self.released == 1 || since >= MOVES_AT_LAST {
                    self.summary.moved = Some((self.day(), in_the_way));
                    self.hub.stage = Some(Stage::Moved);
                    self.moved_at = Some(self.now);
                }
            }
            Some(Stage::Moved) => {
                if self.moved_at.is_some_and(|moved| self.now.since(moved) >= RETIRES_AFTER) {
                    self.released = 2;
                }
                if self.stand_in_the_way() == 0 || self.now + FINISHES_BEFORE_END >= ends {
                    self.finish();
                }
            }
            None | Some(Stage::Finished) => {}
        }
    }

    fn finish(&mut self) {
        self.hub.stage = Some(Stage::Finished);
        self.summary.finished_on = Some(self.day());
        let told = |(pump, left, way): (usize, Left, Way)| Missed {
            pump,
            left: format!("{left:?}").to_lowercase(),
            way: way.words().to_owned(),
        };
        self.summary.missed = self.behind().into_iter().map(told).collect();
    }

    // ---- a pump's three hours ---------------------------------------------------------------------------------------

    fn lives(&mut self, number: usize) {
        let now = self.now;
        if self.pumps[number].sleeps_at(now) {
            self.pumps[number].link_went(now);
            return;
        }
        if self.dice.percent(40) {
            self.pumps[number].nurse(now, &mut self.dice);
        }
        let before = self.pumps[number].therapy();
        if self.dice.roll().is_multiple_of(500) {
            self.pumps[number].restart(now);
        }
        self.works(number);
        if self.settings.wrong == Some(Wrong::TouchesTherapy) && self.pumps[number].counted.proven > 0 {
            self.pumps[number].stops_therapy(now);
        }
        if self.pumps[number].therapy() != before {
            self.breaks(format!("N8: pump {number}: a step of the change was seen at the bedside"));
        }
    }

    /// Everything that the change asks of it: link, goal, trial, certificate.
    fn works(&mut self, number: usize) {
        let now = self.now;
        if self.pumps[number].machine.wake().is_some_and(|(at, _)| at <= now) {
            self.pumps[number].step(Input::Timer, now);
        }
        self.identity(number);
        // A trial relinks at once, and what was proven may be followed by the next: a few turns are enough.
        for _ in 0..4 {
            self.link(number);
            self.goal(number);
        }
    }

    fn talks(&mut self, number: usize) -> bool {
        let roots = self.pumps[number].roots();
        self.hub.is_believed(roots, self.now)
    }

    fn is_admitted(&self, number: usize) -> bool {
        self.pumps[number].certificate.is_some_and(|(issuer, ends, _)| ends > self.now && self.hub.accepts(issuer))
    }

    fn link(&mut self, number: usize) {
        let is_good = self.is_admitted(number) && self.talks(number);
        if !is_good {
            return self.pumps[number].link_went(self.now);
        }
        if self.pumps[number].wants_link() && !self.pumps[number].linked {
            self.pumps[number].link_came(self.now);
        }
    }

    fn goal(&mut self, number: usize) {
        let pump = &self.pumps[number];
        if !pump.linked || pump.goal >= self.released {
            return;
        }
        // The planner gives the set of the new root alone only to those who have proven both.
        let active = pump.machine.report(self.now).slots.trust_anchors.active;
        let next = if active.is_none() { 1 } else { 2 };
        let given_anew = active.is_none() && !pump.roots()[0];
        let version = if given_anew { self.released } else { next.min(self.released) };
        let goal = self.hub.goal(pump.id, version, active.map(|set| set.digest));
        if let Some(goal) = goal {
            self.pumps[number].goal = version;
            self.pumps[number].step(Input::Goal(Box::new(goal)), self.now);
        }
    }

    fn identity(&mut self, number: usize) {
        let (now, issues, spread) = (self.now, self.hub.issues(), self.dice.roll());
        if !self.talks(number) {
            return;
        }
        let step = self.pumps[number].identity_step(now);
        let is_admitted = self.is_admitted(number);
        let pump = &mut self.pumps[number];
        match step {
            Some(IdentityStep::Renew) if is_admitted => {
                pump.issued(issues, now, spread);
                pump.counted.renewed += 1;
            }
            // Ended, or refused by a hub that no longer accepts the old authority: by birth certificate or not at all.
            Some(IdentityStep::Enrol) | None if !is_admitted && pump.enrols == Enrols::ByBirth => {
                pump.issued(issues, now, spread);
                pump.counted.enrolled += 1;
            }
            _ => {}
        }
    }

    // ---- the end ----------------------------------------------------------------------------------------------------

    /// Every pump is switched on, and each goes the way that the list told of it.
    fn walk_the_ways_back(&mut self) {
        for pump in &mut self.pumps {
            pump.sleeps.clear();
        }
        for number in 0..self.pumps.len() {
            // Whose certificate ended in a cupboard, whatever was changed meanwhile: a code is brought.
            let has_ended = self.pumps[number].certificate.is_none_or(|(_, ends, _)| ends <= self.now);
            if has_ended && self.pumps[number].enrols == Enrols::ByCode {
                let (issues, spread) = (self.hub.issues(), self.dice.roll());
                let (_, way) =
                    judge(&self.change(), &self.pumps[number].seen(), self.now).unwrap_or((Left::Nothing, Way::Code));
                if way == Way::Code {
                    self.pumps[number].issued(issues, self.now, spread);
                }
            }
        }
        for (number, _, way) in self.behind() {
            let (now, spread) = (self.now, self.dice.roll());
            match way {
                Way::ByItself | Way::SwitchOn | Way::Birth => {}
                Way::Code => self.pumps[number].issued(self.hub.issues(), now, spread),
                Way::Visit => {
                    self.pumps[number].given_new_root(now);
                    self.pumps[number].issued(Issuer::New, now, spread);
                }
            }
        }
        let until = self.now + COMES_BACK_WITHIN;
        while self.now < until && self.summary.violation.is_none() {
            (0..self.pumps.len()).for_each(|number| self.lives(number));
            self.now = self.now + STEP;
        }
        let lost: Vec<usize> = (0..self.pumps.len()).filter(|number| !self.pumps[*number].linked).collect();
        if let Some(first) = lost.first() {
            let seen = self.pumps[*first].seen();
            self.breaks(format!("{} pumps are lost, pump {first} first: {seen:?}", lost.len()));
        }
        let unmoved = self.pumps.iter().filter(|pump| !pump.roots()[1]).count();
        if unmoved > 0 && self.hub.stage == Some(Stage::Finished) {
            self.breaks(format!("{unmoved} pumps do not believe the new root at the end"));
        }
    }

    fn breaks(&mut self, what: String) {
        self.summary.violation.get_or_insert(what);
    }
}

/// When a pump sleeps: most never do for long, some for weeks, a few until nearly the end or beyond it.
fn sleeps(dice: &mut Dice, weeks: u64) -> Vec<(Time, Time)> {
    let end = 7 * weeks;
    let (from, days) = match dice.between(0, 99) {
        0..=14 => (dice.between(0, end.saturating_sub(45)), dice.between(7, 42)),
        15..=17 => (dice.between(0, 40), dice.between(56, end.saturating_sub(20).max(57))),
        18 => (dice.between(0, 30), end),
        _ => return Vec::new(),
    };
    let from = BEGINS + Span::from_days(from);
    vec![(from, from + Span::from_days(days))]
}
