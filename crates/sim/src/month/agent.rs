//! The communication side of a pump: the real slot machine and the real offline queue, and their effects carried out one
//! by one, as the agent's daemon does. Power may go, or the process die, before each.

use wardline_model::{ChannelState, EventBody, Outcome, ReleaseRef, Time, covers};
use wardline_pump::{Controller, Effect, Expected, FetchProblem, Found, HoldId, Input, SessionInput};

use super::agenda::{Happens, Said};
use super::people::Flaw;
use super::pump::{Death, entries, sample};
use super::settings::Wrong;
use super::ward::SECOND;
use super::watch::Check;
use super::world::World;
use crate::bedside::{asked, by_controller, heard};
use crate::controller::{Ask, HOLD_LASTS, Word};

/// How long after a failed write the next one is tried (as in the agent's daemon).
const DISK_AGAIN: u64 = 5 * SECOND;
/// How much earlier than the controller the agent takes a hold for ended (as in the agent's daemon).
const HOLD_MARGIN: u64 = 200;
/// The longest sleep of the agent: a clock that jumps must not make it sleep (as in the agent's daemon).
const LONGEST_SLEEP: u64 = 3_600 * SECOND;

impl World {
    // ---- start and death --------------------------------------------------------------------------------------------

    pub(super) fn agent_starts(&mut self, pump: usize) {
        if self.pumps[pump].agent.is_some() {
            return;
        }
        self.tell(pump, || "the agent starts".to_owned());
        let settings = self.settings;
        self.pumps[pump].start_agent(&settings, self.now, &mut self.dice.net);
        self.record(pump, EventBody::Started { agent: "1.0".to_owned() });
        self.ask(pump, Ask::Hello);
        self.work(pump);
    }

    /// Counts down to a death that is on its way. When it comes, it comes before the next effect.
    pub(super) fn doomed(&mut self, pump: usize) -> Option<Death> {
        let doom = self.pumps[pump].doom.as_mut()?;
        if doom.after > 0 {
            doom.after -= 1;
            return None;
        }
        let what = doom.what;
        self.pumps[pump].doom = None;
        match what {
            Death::Power => self.lose_power(pump),
            Death::Agent => self.kill_agent(pump),
        }
        Some(what)
    }

    fn kill_agent(&mut self, pump: usize) {
        if self.pumps[pump].agent.is_none() {
            return;
        }
        self.count("agents killed");
        self.tell(pump, || "the agent is killed".to_owned());
        // The operating system closes its sockets.
        self.drop_transport(pump, super::links::Parting::Closed);
        self.pumps[pump].agent = None;
        let life = self.pumps[pump].life;
        let restarts = self.dice.trouble.between(SECOND, 30 * SECOND);
        self.later(restarts, Happens::AgentStarts { pump, life });
        self.tell_controller(pump, crate::controller::Input::Port(Ask::Gone));
    }

    /// The port broke although both sides live: they greet each other again.
    pub(super) fn port_closes(&mut self, pump: usize) {
        self.tell_controller(pump, crate::controller::Input::Port(Ask::Gone));
        if self.pumps[pump].agent.is_some() {
            self.step(pump, Input::Controller(Controller::Silent));
            self.later(SECOND, Happens::ToController { pump, agent: self.pumps[pump].agents, ask: Ask::Hello });
        }
    }

    // ---- the slot machine -------------------------------------------------------------------------------------------

    /// Brings one input to the slot machine of a pump and carries out what follows.
    pub(super) fn step(&mut self, pump: usize, input: Input) {
        if let Some(agent) = self.pumps[pump].agent.as_mut() {
            agent.inbox.push_back(input);
            self.work(pump);
        }
    }

    /// Effects first, and in order; an input only when none is left, unless the disk makes them wait.
    pub(super) fn work(&mut self, pump: usize) {
        loop {
            if !self.carry_out(pump) {
                return;
            }
            let local = self.pumps[pump].local(self.now);
            let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
            let Some(input) = agent.inbox.pop_front() else { break };
            self.tell(pump, || format!("agent hears {input:?}"));
            let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
            let mut fx = Vec::new();
            agent.machine.step(input, local, &mut fx);
            agent.effects.extend(fx);
        }
        self.fetch_next(pump);
        self.watch_agent(pump);
        self.send_what_waits(pump);
        self.wake_agent(pump);
    }

    /// False when the agent died of it.
    fn carry_out(&mut self, pump: usize) -> bool {
        loop {
            let Some(agent) = self.pumps[pump].agent.as_mut() else { return false };
            if agent.disk_again.is_some() {
                return true;
            }
            let Some(effect) = agent.effects.pop_front() else { return true };
            if self.doomed(pump).is_some() {
                return false;
            }
            self.tell(pump, || format!("agent does {effect:?}"));
            if !self.carry(pump, &effect) {
                let again = self.then(DISK_AGAIN);
                let Some(agent) = self.pumps[pump].agent.as_mut() else { return false };
                agent.effects.push_front(effect);
                agent.disk_again = Some(again);
                return true;
            }
        }
    }

    /// Whether it could be done now.
    fn carry(&mut self, pump: usize, effect: &Effect) -> bool {
        if let Some(ask) = self.for_controller(pump, effect) {
            self.ask(pump, ask);
            return true;
        }
        match effect {
            Effect::Persist(journal) => {
                if self.pumps[pump].is_full(self.now) {
                    self.count("journal writes that found the disk full");
                    return false;
                }
                self.pumps[pump].disk.journal = Some(journal.clone());
            }
            Effect::Fetch(release) => {
                let Some(agent) = self.pumps[pump].agent.as_mut() else { return true };
                if !agent.to_fetch.contains(release) {
                    agent.to_fetch.push_back(*release);
                }
            }
            Effect::Stage(release) => {
                self.step_later(pump, Input::Fetched { release: *release, result: Err(FetchProblem::Unreachable) });
            }
            Effect::Inspect(kind) => {
                self.step_later(pump, Input::Found { kind: *kind, found: Found::Nothing });
            }
            Effect::Relink(_) => self.session(pump, SessionInput::Relink),
            Effect::Record(body) => {
                self.judge(pump, body);
                self.record(pump, body.clone());
            }
            Effect::Report => self.report_soon(pump),
            Effect::Forget(release) => {
                if let Some(agent) = self.pumps[pump].agent.as_mut() {
                    agent.fetched.take_if(|fetched| *fetched == *release);
                }
            }
            // Only the drug library has a switch, and that is the controller's.
            Effect::Switch { .. }
            | Effect::GoBack { .. }
            | Effect::AskHold(_)
            | Effect::ReleaseHold(_)
            | Effect::Keep(_)
            | Effect::Ready => {}
        }
        true
    }

    /// What of an effect goes to the controller; a few things are looked at on the way.
    fn for_controller(&mut self, pump: usize, effect: &Effect) -> Option<Ask> {
        match effect {
            Effect::Switch { to, .. } => self.before_switch(pump, *to),
            Effect::ReleaseHold(_) => {
                if let Some(agent) = self.pumps[pump].agent.as_mut() {
                    agent.hold = None;
                }
            }
            Effect::Stage(of) => {
                let agent = self.pumps[pump].agent.as_mut()?;
                if by_controller(of.kind) && agent.fetched.take() != Some(*of) {
                    // The bytes are gone: the machine fetches again.
                    return None;
                }
            }
            _ => {}
        }
        asked(effect)
    }

    pub(super) fn step_later(&mut self, pump: usize, input: Input) {
        if let Some(agent) = self.pumps[pump].agent.as_mut() {
            agent.inbox.push_back(input);
        }
    }

    /// The plan's promise: a pump never switches away from something else than its goal expected.
    fn before_switch(&mut self, pump: usize, to: ReleaseRef) {
        self.count_switch(pump);
        let Some(agent) = &self.pumps[pump].agent else { return };
        let journal = agent.machine.journal();
        let slot = journal.goal.as_ref().map(|goal| *goal.slots.get(to.kind)).unwrap_or_default();
        let active = journal.slots.get(to.kind).active.map(|active| active.digest);
        let is_planned = slot.want == Some(to) && slot.expect == active;
        // A newer goal may come between an intent and its switch, while a full disk lets the switch wait: what was begun is
        // brought to its end, from what it was begun at.
        let begun = journal.attempt.as_ref().filter(|attempt| attempt.to == to && slot.want != Some(to));
        let holds = is_planned || begun.is_some_and(|attempt| attempt.from.map(|from| from.digest) == active);
        self.watch.check(Check::Plan, pump, holds, || format!("it switches to {} on a stale plan", to.version));
    }

    /// N4, N13 and blame, judged by what the pump says that it did.
    fn judge(&mut self, pump: usize, event: &EventBody) {
        covers!("N4");
        let EventBody::Attempt { release, outcome, .. } = event else { return };
        match outcome {
            Outcome::Confirmed => {
                let sound = matches!(self.people.flaw(*release), Flaw::Sound);
                self.watch
                    .check(Check::N4, pump, sound, || format!("flawed version {} was confirmed", release.version));
                self.watch.rely(pump, release.version, "a proof");
                self.people.adopted(*release, pump, self.now);
            }
            Outcome::Disproved(_) => {
                let flawed = self.people.flaw(*release) == Flaw::ReadsWrong;
                self.watch.check(Check::N4, pump, flawed, || format!("sound version {} was blamed", release.version));
                self.count("attempts disproved");
            }
            Outcome::OutOfService => {
                self.watch.fail("N7", Some(pump), "a slot went out of service".to_owned());
            }
            Outcome::Interrupted => self.count("attempts interrupted"),
            Outcome::Refused(_) => self.count("releases refused"),
            Outcome::Unproven | Outcome::Unknown => {}
        }
    }

    fn watch_agent(&mut self, pump: usize) {
        covers!("N7");
        let Some(agent) = &self.pumps[pump].agent else { return };
        let whole = agent.machine.journal().slots.iter().all(|(_, slot)| slot.torn == wardline_pump::Broken::Whole);
        self.watch.check(Check::N7, pump, whole, || "a slot is out of service".to_owned());
    }

    // ---- what the controller says -----------------------------------------------------------------------------------

    pub(super) fn agent_hears(&mut self, pump: usize, said: Said) {
        match said {
            Said::Word(word) => {
                self.note_hold(pump, word);
                self.step(pump, heard(word));
            }
            Said::Found { kind, found } => self.step(pump, Input::Found { kind, found: *found }),
            Said::Shown { channel, state, library } => {
                let body = if state == ChannelState::Alarming {
                    EventBody::Alarm { channel, alarm: "occlusion".to_owned(), began: true }
                } else {
                    EventBody::TherapyChanged { channel, state, library, detail: String::new() }
                };
                if self.doomed(pump).is_none() {
                    self.record(pump, body);
                    self.work(pump);
                }
            }
        }
    }

    fn note_hold(&mut self, pump: usize, word: Word) {
        let until = self.then(HOLD_LASTS.as_ms() - HOLD_MARGIN);
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        match word {
            Word::HoldGranted { id, .. } => agent.hold = Some((id, until)),
            Word::HoldBroken(id) => agent.hold = agent.hold.filter(|(held, _)| *held != id),
            Word::Hello(_)
            | Word::Status(_)
            | Word::HoldDenied(_)
            | Word::Verdict(..)
            | Word::Switched(_)
            | Word::SwitchRefused(..) => {}
        }
    }

    // ---- fetching ---------------------------------------------------------------------------------------------------

    fn fetch_next(&mut self, pump: usize) {
        let agents = self.pumps[pump].agents;
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        if agent.fetching.is_none()
            && let Some(release) = agent.to_fetch.pop_front()
        {
            agent.fetching = Some(release);
            let takes = self.dice.net.between(200, 8_000);
            self.later(takes, Happens::FetchEnds { pump, agent: agents, release });
        }
    }

    pub(super) fn fetch_ends(&mut self, pump: usize, release: ReleaseRef) {
        let reached = self.reaches(pump) && self.hub.serves(pump);
        let signed = match self.people.fetch(release) {
            Err(_) if self.settings.wrong == Some(Wrong::BelievesAnybody) => Ok(()),
            signed => signed,
        };
        let result = match (reached, signed) {
            (false, _) => Err(FetchProblem::Unreachable),
            (true, Err(refusal)) => Err(FetchProblem::Refused(refusal)),
            (true, Ok(())) if self.settings.wrong == Some(Wrong::ComparesNothing) => Ok(Expected::default()),
            (true, Ok(())) => Ok(Expected { entries: Some(entries(release)), sample: Some(sample(release)) }),
        };
        if let Some(agent) = self.pumps[pump].agent.as_mut() {
            agent.fetching = None;
            if result.is_ok() {
                agent.fetched = Some(release);
            }
        }
        self.step(pump, Input::Fetched { release, result });
    }

    // ---- time -------------------------------------------------------------------------------------------------------

    pub(super) fn agent_wakes(&mut self, pump: usize) {
        let now = self.now;
        let local = self.pumps[pump].local(now);
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        if agent.alarm_at != Some(now) {
            return;
        }
        agent.alarm_at = None;
        agent.disk_again.take_if(|at| *at <= now);
        if let Some((HoldId(hold), _)) = agent.hold.take_if(|(_, until)| *until <= now) {
            agent.inbox.push_back(Input::Controller(Controller::HoldBroken(HoldId(hold))));
        }
        if agent.machine.wake().is_some_and(|(at, _)| at <= local) {
            agent.inbox.push_back(Input::Timer);
        }
        self.work(pump);
    }

    pub(super) fn wake_agent(&mut self, pump: usize) {
        let (now, latest) = (self.now, self.then(LONGEST_SLEEP));
        let place = &self.pumps[pump];
        let Some(agent) = &place.agent else { return };
        let machine = agent.machine.wake().map(|(at, _)| place.world(at).min(latest));
        let hold = agent.hold.map(|(_, until)| until);
        let report = agent.report_at.filter(|_| agent.session.is_linked());
        let Some(at) = [machine, hold, report, agent.disk_again].into_iter().flatten().min() else { return };
        self.wake_agent_at(pump, at.max(now));
    }

    fn wake_agent_at(&mut self, pump: usize, at: Time) {
        let agents = self.pumps[pump].agents;
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        if agent.alarm_at.is_none_or(|set| at < set) {
            agent.alarm_at = Some(at);
            self.agenda.add(at, Happens::AgentWakes { pump, agent: agents });
        }
    }
}
