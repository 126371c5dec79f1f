//! The adversary: everything that may go wrong in a hospital and that no never event may follow from, thrown by seeded dice.

use wardline_fleet::lifecycle::{Act, By};
use wardline_model::{Generation, Goal, GoalSlot, Kind, ReleaseRef, Role, Span, Time, covers};

use super::agenda::{Down, Happens};
use super::hub::HubDeath;
use super::pump::{Death, Doom, Transport, release};
use super::settings::{BEGINS, Weather};
use super::ward::{AREAS, DAY, HOUR, MINUTE, SECOND};
use super::watch::Check;
use super::world::{Finale, World};

/// What the network lets through.
#[derive(Debug, Default)]
pub(super) struct Weathers {
    /// Until when each care area is cut off.
    pub(super) cut_until: [Time; AREAS.len()],
    /// Until when everything is.
    pub(super) all_cut_until: Time,
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Power goes at one of the next effects of a pump.
    PowerCut,
    /// An agent dies at one of its next effects.
    AgentDies,
    /// The port between agent and controller breaks.
    PortBreaks,
    /// The hub dies at a commit or at the planner's goals.
    HubDies,
    /// A care area is cut off for hours.
    AreaCut,
    /// The whole network is.
    AllCut,
    /// One pump is out of reach.
    Roams,
    /// A connection tears, and neither side is told.
    Tears,
    /// A pump's disk is full.
    DiskFull,
    /// A pump's clock jumps.
    ClockJumps,
    /// A pump's clock jumps by ten years, and is set right after a while.
    ClockJumpsYears,
    /// A pump's clock is set right.
    ClockSet(usize),
    /// The hub cannot issue certificates for days.
    AuthorityGoes,
    /// A pump that nobody needs is put into a cupboard, switched off, for longer than its certificate lasts.
    Cupboard,
    /// The hub's clock jumps.
    HubClockJumps,
    /// A pump is taken down.
    Quarantine,
    /// A pump is reported lost.
    Lost,
    /// Whoever has stolen the hub sends goals for what is old, or what nobody signed.
    Thief,
    /// A pump is given back.
    Release(usize),
    /// A lost pump is found.
    Find(usize),
    /// It enrols again.
    Enrols(usize),
    /// One pump is taken down now.
    QuarantineOf(usize),
    /// One pump loses its power now.
    PowerOf(usize),
    /// The connection of one pump is reset now.
    ResetOf(usize),
}

/// How often things go wrong: a kind of trouble, and how many of them in a month of 30 days for 100 pumps (for the hub and
/// the network: in 30 days).
const OFTEN: [(Trouble, u64, Per); 17] = [
    (Trouble::PowerCut, 150, Per::Pump),
    (Trouble::AgentDies, 150, Per::Pump),
    (Trouble::PortBreaks, 100, Per::Pump),
    (Trouble::HubDies, 60, Per::Hospital),
    (Trouble::AreaCut, 25, Per::Hospital),
    (Trouble::AllCut, 4, Per::Hospital),
    (Trouble::Roams, 900, Per::Pump),
    (Trouble::Tears, 900, Per::Pump),
    (Trouble::DiskFull, 120, Per::Pump),
    (Trouble::ClockJumps, 40, Per::Pump),
    (Trouble::ClockJumpsYears, 15, Per::Pump),
    (Trouble::AuthorityGoes, 3, Per::Hospital),
    (Trouble::Cupboard, 40, Per::Pump),
    (Trouble::HubClockJumps, 5, Per::Hospital),
    (Trouble::Quarantine, 12, Per::Hospital),
    (Trouble::Lost, 4, Per::Hospital),
    (Trouble::Thief, 5, Per::Hospital),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Per {
    Pump,
    Hospital,
}

impl World {
    pub(super) fn count(&mut self, trouble: &'static str) {
        *self.counts.troubles.entry(trouble).or_default() += 1;
    }

    pub(super) fn begin_trouble(&mut self) {
        for (trouble, many, per) in OFTEN {
            let many = match per {
                Per::Pump => many * self.pumps.len() as u64 / 100,
                Per::Hospital => many,
            };
            let many = (many * self.settings.days).div_ceil(30);
            for _ in 0..many {
                let at = self.dice.trouble.between(2 * HOUR, self.settings.days * DAY);
                self.agenda.add(BEGINS + Span::from_ms(at), Happens::Trouble(trouble));
            }
        }
    }

    pub(super) fn trouble(&mut self, trouble: Trouble) {
        covers!("N1", "N8");
        if self.finale == Finale::Now && !matches!(trouble, Trouble::Release(_) | Trouble::Find(_) | Trouble::Enrols(_))
        {
            return;
        }
        let pump = (self.dice.trouble.roll() % self.pumps.len() as u64) as usize;
        match trouble {
            Trouble::PowerCut => self.arm(pump, Death::Power),
            Trouble::AgentDies => self.arm(pump, Death::Agent),
            Trouble::PortBreaks if self.pumps[pump].agent.is_some() => {
                self.count("ports broken");
                self.port_closes(pump);
            }
            Trouble::PortBreaks => {}
            Trouble::HubDies => {
                let deaths =
                    [HubDeath::BeforeCommit, HubDeath::AfterCommit, HubDeath::BeforeGoals, HubDeath::AfterGoals];
                self.hub.doom = self.dice.trouble.pick(&deaths).copied();
            }
            Trouble::AreaCut => {
                let area = (self.dice.trouble.roll() % AREAS.len() as u64) as usize;
                let until = self.for_a_while("care areas cut off", 10 * MINUTE, 8 * HOUR);
                self.cut(|world| world.weather.cut_until[area] = until);
            }
            Trouble::AllCut => {
                let until = self.for_a_while("networks cut off", 5 * MINUTE, 3 * HOUR);
                self.cut(|world| world.weather.all_cut_until = until);
            }
            Trouble::Roams => {
                let until = self.for_a_while("pumps out of reach", SECOND, 40 * MINUTE);
                self.away(pump, until);
            }
            Trouble::Tears => {
                self.count("connections torn");
                self.tear(pump);
            }
            Trouble::DiskFull => self.disk_full(pump),
            Trouble::ClockJumps => self.clock_jumps(pump),
            Trouble::ClockJumpsYears => self.clock_jumps_years(pump),
            Trouble::ClockSet(pump) => self.clock_set(pump),
            Trouble::AuthorityGoes => self.authority_goes(),
            Trouble::Cupboard => self.cupboard(pump),
            Trouble::HubClockJumps => {
                self.count("hub clock jumps");
                let by = self.dice.trouble.between(MINUTE, 3 * HOUR).cast_signed();
                self.hub.clock = if self.dice.trouble.percent(50) { by } else { -by };
            }
            Trouble::Quarantine => self.take_down(pump),
            Trouble::QuarantineOf(pump) => self.take_down(pump),
            Trouble::PowerOf(pump) => self.lose_power(pump),
            Trouble::ResetOf(pump) => self.reset(pump),
            Trouble::Lost => self.lost(pump),
            Trouble::Release(pump) => self.person(pump, Act::Release),
            Trouble::Find(pump) => {
                self.person(pump, Act::Find);
                self.pumps[pump].away_until = self.now;
                self.power_on(pump);
                self.later(10 * MINUTE, Happens::Trouble(Trouble::Enrols(pump)));
            }
            Trouble::Enrols(pump) => {
                let _ = self.decide(pump, Act::Enrol, By::Hub);
            }
            Trouble::Thief => self.thief(),
        }
    }

    fn for_a_while(&mut self, what: &'static str, least: u64, most: u64) -> Time {
        self.count(what);
        let lasts = self.dice.trouble.between(least, most);
        self.then(lasts)
    }

    /// The agent's disk, or the controller's, or both.
    fn disk_full(&mut self, pump: usize) {
        let until = self.for_a_while("disks full", MINUTE, 6 * HOUR);
        let which = self.dice.trouble.between(0, 2);
        if which != 0 {
            self.pumps[pump].full_until = until;
        }
        if which != 1 {
            self.pumps[pump].shelf_full_until = until;
        }
        self.tell(pump, || "a disk is full".to_owned());
    }

    /// Something on the way resets the pump's connection; the hub is not told.
    fn reset(&mut self, pump: usize) {
        if let Some(Transport::Open(link)) = self.pumps[pump].agent.as_ref().map(|agent| agent.transport) {
            self.count("connections reset");
            self.later(0, Happens::Down { link, frame: Down::End });
        }
    }

    /// The network changes under everybody's links.
    fn cut(&mut self, change: impl FnOnce(&mut Self)) {
        (0..self.pumps.len()).for_each(|pump| self.stir(pump));
        change(self);
        (0..self.pumps.len()).for_each(|pump| self.wake_session(pump));
    }

    fn away(&mut self, pump: usize, until: Time) {
        self.stir(pump);
        self.pumps[pump].away_until = until;
        self.wake_session(pump);
    }

    fn arm(&mut self, pump: usize, what: Death) {
        let after = u32::try_from(self.dice.trouble.between(0, 12)).unwrap_or(0);
        self.pumps[pump].doom = Some(Doom { after, what });
    }

    /// A switch begins: the moment at which power, agent and people do the most harm.
    pub(super) fn count_switch(&mut self, pump: usize) {
        if self.settings.weather == Weather::Fair || self.finale == Finale::Now {
            return;
        }
        match self.dice.trouble.between(0, 99) {
            0..=4 => self.arm_close(pump, Death::Power),
            5..=9 => {
                // While the pointer is being written.
                self.count("deaths in the middle of a switch");
                let soon = self.dice.trouble.between(0, 160);
                self.later(soon, Happens::Trouble(Trouble::PowerOf(pump)));
            }
            10..=11 => self.arm_close(pump, Death::Agent),
            12..=13 => {
                let soon = self.dice.trouble.between(0, 2 * SECOND);
                self.count("pumps taken down in the middle of a switch");
                self.later(soon, Happens::Trouble(Trouble::QuarantineOf(pump)));
            }
            14..=28 => self.nurse_in_a_hurry(pump),
            _ => {}
        }
    }

    /// A patient comes just now: a nurse programs in the middle of the switch.
    fn nurse_in_a_hurry(&mut self, pump: usize) {
        self.count("nurses who came in the middle of a switch");
        let (life, soon) = (self.pumps[pump].life, self.dice.trouble.between(0, 200));
        let channel = self.dice.trouble.between(1, u64::from(self.pumps[pump].area.channels)) as u8;
        self.later(soon, Happens::Hurry { pump, life, channel });
    }

    fn arm_close(&mut self, pump: usize, what: Death) {
        let after = u32::try_from(self.dice.trouble.between(0, 6)).unwrap_or(0);
        self.count("deaths in the middle of a switch");
        self.pumps[pump].doom = Some(Doom { after, what });
    }

    /// The power goes now, and comes again by itself.
    pub(super) fn lose_power(&mut self, pump: usize) {
        if self.pumps[pump].body.is_none() {
            return;
        }
        self.count("power cuts");
        self.power_off(pump);
        let off = if self.dice.trouble.percent(70) { (5 * SECOND, 10 * MINUTE) } else { (10 * MINUTE, 6 * HOUR) };
        let off = self.dice.trouble.between(off.0, off.1);
        self.later(off, Happens::PowerOn { pump });
    }

    fn clock_jumps(&mut self, pump: usize) {
        self.count("pump clocks that jumped");
        let by = self.dice.trouble.between(SECOND, 2 * DAY).cast_signed();
        self.pumps[pump].clock = if self.dice.trouble.percent(50) { by } else { -by };
        self.tell(pump, || format!("the agent's clock jumps by {by} ms"));
        self.wake_agent(pump);
    }

    // ---- people -----------------------------------------------------------------------------------------------------

    fn person(&mut self, pump: usize, act: Act) {
        if !self.hub.up {
            let trouble = if act == Act::Find { Trouble::Find(pump) } else { Trouble::Release(pump) };
            return self.later(5 * MINUTE, Happens::Trouble(trouble));
        }
        let _ = self.decide(pump, act, By::Person(Role::Biomed));
    }

    /// N8: the bedside is the same before and after.
    fn take_down(&mut self, pump: usize) {
        if !self.hub.up {
            return;
        }
        let before = self.pumps[pump].body.as_ref().map(|body| body.controller.clone());
        if self.decide(pump, Act::Quarantine, By::Person(Role::Security)).is_err() {
            return;
        }
        self.count("pumps taken down");
        let same = before == self.pumps[pump].body.as_ref().map(|body| body.controller.clone());
        self.watch.check(Check::N8, pump, same, || "taking it down changed the bedside".to_owned());
        self.watch_taken_down(pump);
        let back = self.dice.trouble.between(20 * MINUTE, 3 * DAY);
        self.later(back, Happens::Trouble(Trouble::Release(pump)));
    }

    fn lost(&mut self, pump: usize) {
        if !self.hub.up || self.decide(pump, Act::ReportLost, By::Person(Role::Biomed)).is_err() {
            return;
        }
        self.count("pumps lost");
        self.watch_taken_down(pump);
        let away = self.dice.trouble.between(2 * HOUR, 12 * DAY);
        self.away(pump, self.then(away));
        // Some are never found.
        if self.dice.trouble.percent(60) {
            self.later(away, Happens::Trouble(Trouble::Find(pump)));
        }
    }

    /// A thief has the hub and its goal key: he asks a few pumps for what they ran before, or for what nobody signed.
    fn thief(&mut self) {
        covers!("N13");
        self.count("thefts of the hub");
        for _ in 0..6 {
            let pump = (self.dice.trouble.roll() % self.pumps.len() as u64) as usize;
            let old = self.dice.trouble.percent(50);
            let Some(agent) = &self.pumps[pump].agent else { continue };
            let Transport::Open(link) = agent.transport else { continue };
            let journal = agent.machine.journal();
            let active = journal.slots.drug_library.active;
            let want: ReleaseRef = match active {
                Some(active) if old && active.version.0 > 1 => release(active.version.0 - 1),
                Some(_) | None => release(1_000 + self.dice.trouble.between(1, 50)),
            };
            let generation = Generation(journal.generation().0 + 1);
            let mut goal = Goal::empty(self.pumps[pump].id, generation, self.now);
            *goal.slots.get_mut(Kind::DrugLibrary) =
                GoalSlot { want: Some(want), expect: active.map(|active| active.digest) };
            let signed = self.hub.sign(&goal);
            self.tell(pump, || format!("a thief of the hub asks for version {}", want.version));
            self.send_down(link, Down::Goal(signed));
        }
    }
}
