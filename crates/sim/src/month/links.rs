//! The links between pumps and hub: the real session machine of each pump, and a network that delays, stalls, tears and
//! loses.
//!
//! A link keeps its frames in order, as TCP does. A stall of less than a minute delays them; a longer one tears the link,
//! and neither side is told: both find out by silence. A pump that loses its power says nothing either, so that its last
//! frames may arrive, and a newer link may meet the older one at the hub.

use wardline_model::{Span, Time};
use wardline_pump::{Hub as HubIs, Input, SessionEffect, SessionInput};

use super::agenda::{Down, Happens, Hello, Up};
use super::pump::Transport;
use super::settings::Wrong;
use super::ward::{MINUTE, SECOND};
use super::world::World;

/// How often a pump beats (as the hub's own default).
pub(super) const HEARTBEAT: Span = Span::from_s(30);

/// The longest stall that a connection survives.
pub(super) const STALL: u64 = MINUTE;

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) pump: usize,
    /// Frames no longer arrive.
    pub(super) torn: bool,
    pub(super) pump_open: bool,
    pub(super) hub_open: bool,
    pub(super) up_free: Time,
    pub(super) down_free: Time,
    pub(super) heard: Time,
}

/// How a pump leaves a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parting {
    /// The hub is told.
    Closed,
    /// It is not.
    Silent,
}

impl World {
    // ---- the network ------------------------------------------------------------------------------------------------

    /// Until when the hub cannot be reached from this pump; the past when it can.
    pub(super) fn out_until(&self, pump: usize) -> Time {
        let place = &self.pumps[pump];
        let area = self.weather.cut_until[place.area.number];
        area.max(self.weather.all_cut_until).max(place.away_until)
    }

    pub(super) fn reaches(&self, pump: usize) -> bool {
        self.out_until(pump) <= self.now
    }

    fn delay(&mut self) -> u64 {
        // Most words take milliseconds; some meet a busy radio.
        if self.dice.net.percent(3) { self.dice.net.between(300, 6_000) } else { self.dice.net.between(5, 60) }
    }

    // ---- the pump's side --------------------------------------------------------------------------------------------

    /// Brings one input to the session machine of a pump and carries out what follows. The slot machine hears of it in
    /// its own turn.
    pub(super) fn session(&mut self, pump: usize, input: SessionInput) {
        self.catch_up(pump);
        let (now, draw) = (self.now, self.dice.net.roll());
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        let mut fx = Vec::new();
        agent.session.step(input, now, draw, &mut fx);
        for effect in fx {
            match effect {
                SessionEffect::Connect => self.connect(pump),
                SessionEffect::Hello => self.hello(pump),
                SessionEffect::Beat(_) => self.beat(pump),
                SessionEffect::Up => {}
                SessionEffect::Down => {
                    self.unlinked(pump);
                    self.step_later(pump, Input::Hub(HubIs::Lost));
                }
                SessionEffect::Drop => self.drop_transport(pump, Parting::Closed),
            }
        }
        self.wake_session(pump);
    }

    fn unlinked(&mut self, pump: usize) {
        self.tell(pump, || "the link is down".to_owned());
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        // What is acknowledged already cannot be ahead.
        let acked = agent.queue.acked();
        let _ = agent.queue.linked(acked);
    }

    /// Whether beats and their echoes pass on this link, and nothing else will end it.
    fn is_healthy(&self, pump: usize) -> bool {
        let Some(Transport::Open(link)) = self.pumps[pump].agent.as_ref().map(|agent| agent.transport) else {
            return false;
        };
        self.links.get(&link).is_some_and(|open| open.hub_open && !open.torn) && self.reaches(pump)
    }

    /// The beats that passed on a healthy link since anybody looked. Nobody waits for them one by one: that is what lets a
    /// month of idle pumps pass in seconds.
    fn catch_up(&mut self, pump: usize) {
        let now = self.now;
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        if !agent.drowsy {
            return;
        }
        agent.drowsy = false;
        let mut heard = None;
        while agent.session.is_linked() && agent.session.wake().0 < now {
            let at = agent.session.wake().0;
            // Beat and echo; a healthy link does nothing else by itself.
            agent.session.step(SessionInput::Timer, at, 0, &mut Vec::new());
            agent.session.step(SessionInput::Heard, at, 0, &mut Vec::new());
            heard = Some(at);
        }
        if let (Transport::Open(link), Some(heard)) = (agent.transport, heard)
            && let Some(open) = self.links.get_mut(&link)
        {
            open.heard = open.heard.max(heard);
        }
    }

    /// Something is about to end the health of this pump's link: from here on its session is watched beat by beat.
    pub(super) fn stir(&mut self, pump: usize) {
        self.catch_up(pump);
    }

    /// To be called after what [`World::stir`] was called before.
    pub(super) fn wake_session(&mut self, pump: usize) {
        let agents = self.pumps[pump].agents;
        let now = self.now;
        let healthy = self.is_healthy(pump);
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        if healthy && agent.session.is_linked() {
            agent.drowsy = true;
            return;
        }
        let at = agent.session.wake().0.max(now);
        if agent.session_at.is_none_or(|set| at < set) {
            agent.session_at = Some(at);
            self.agenda.add(at, Happens::SessionWakes { pump, agent: agents });
        }
    }

    pub(super) fn session_wakes(&mut self, pump: usize) {
        let now = self.now;
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        if agent.session_at != Some(now) {
            return;
        }
        agent.session_at = None;
        if agent.drowsy || agent.session.wake().0 > now {
            return self.wake_session(pump);
        }
        let was_up = agent.session.is_linked();
        self.session(pump, SessionInput::Timer);
        let is_up = self.pumps[pump].agent.as_ref().is_some_and(|agent| agent.session.is_linked());
        if was_up != is_up {
            self.work(pump);
        }
    }

    fn connect(&mut self, pump: usize) {
        let takes = self.dice.net.between(20, 900);
        let agents = self.pumps[pump].agents;
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        agent.attempts += 1;
        let attempt = agent.attempts;
        agent.transport = Transport::Connecting(attempt);
        self.later(takes, Happens::Connects { pump, agent: agents, attempt });
    }

    /// The handshake: the network, the hub and its registry decide.
    pub(super) fn connects(&mut self, pump: usize, attempt: u64) {
        let Some(agent) = self.pumps[pump].agent.as_ref() else { return };
        if agent.transport != Transport::Connecting(attempt) || !self.reaches(pump) {
            // Given up, or the packets are lost: the session's own deadline ends it.
            return;
        }
        let admitted = (self.hub.serves(pump) && self.certificate_is_good(pump))
            || (self.hub.up && self.settings.wrong == Some(Wrong::LinksTheQuarantined));
        if !admitted {
            if let Some(agent) = self.pumps[pump].agent.as_mut() {
                agent.transport = Transport::None;
            }
            return self.session(pump, SessionInput::Closed { stay_away: None });
        }
        let link = self.next_link;
        self.next_link += 1;
        let now = self.now;
        let new = Link { pump, torn: false, pump_open: true, hub_open: true, up_free: now, down_free: now, heard: now };
        self.links.insert(link, new);
        if let Some(agent) = self.pumps[pump].agent.as_mut() {
            agent.transport = Transport::Open(link);
        }
        self.session(pump, SessionInput::Connected);
    }

    fn hello(&mut self, pump: usize) {
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        agent.greeted = agent.machine.epoch();
        let generation = agent.machine.journal().generation();
        self.send_up(pump, Up::Hello(Box::new(Hello { generation })));
    }

    /// A beat and its echo, at once: on a healthy link they change nothing else.
    fn beat(&mut self, pump: usize) {
        let Some(Transport::Open(link)) = self.pumps[pump].agent.as_ref().map(|agent| agent.transport) else { return };
        let (now, reaches) = (self.now, self.reaches(pump));
        let Some(open) = self.links.get_mut(&link) else { return };
        if open.torn || !reaches {
            return;
        }
        if open.hub_open {
            open.heard = now;
            if let Some(agent) = self.pumps[pump].agent.as_mut() {
                agent.session.step(SessionInput::Heard, now, 0, &mut Vec::new());
            }
        } else {
            // The hub's side is gone, and says so when it is spoken to.
            self.later(20, Happens::Down { link, frame: Down::End });
        }
    }

    pub(super) fn send_up(&mut self, pump: usize, frame: Up) {
        let Some(Transport::Open(link)) = self.pumps[pump].agent.as_ref().map(|agent| agent.transport) else { return };
        let delay = self.delay();
        let at = self.then(delay);
        if let Some(open) = self.links.get_mut(&link) {
            open.up_free = open.up_free.max(at);
            self.agenda.add(open.up_free, Happens::Up { link, frame });
        }
    }

    pub(super) fn send_down(&mut self, link: u64, frame: Down) {
        let delay = self.delay();
        let at = self.then(delay);
        if let Some(open) = self.links.get_mut(&link) {
            open.down_free = open.down_free.max(at);
            self.agenda.add(open.down_free, Happens::Down { link, frame });
        }
    }

    /// The pump leaves its link.
    pub(super) fn drop_transport(&mut self, pump: usize, parting: Parting) {
        self.stir(pump);
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        let was = std::mem::replace(&mut agent.transport, Transport::None);
        let Transport::Open(link) = was else { return };
        if let Some(open) = self.links.get_mut(&link) {
            open.pump_open = false;
            let (at, gone) = (open.up_free.max(self.now) + Span::from_ms(10), !open.hub_open);
            if gone {
                self.links.remove(&link);
            } else if parting == Parting::Closed {
                self.agenda.add(at, Happens::Up { link, frame: Up::End });
            }
        }
    }

    /// A connection of this pump tears; nobody is told.
    pub(super) fn tear(&mut self, pump: usize) {
        self.stir(pump);
        if let Some(Transport::Open(link)) = self.pumps[pump].agent.as_ref().map(|agent| agent.transport)
            && let Some(open) = self.links.get_mut(&link)
        {
            open.torn = true;
        }
        self.wake_session(pump);
    }

    // ---- the hub's side --------------------------------------------------------------------------------------------------

    /// Ends links that were silent for longer than three beats, as the hub's watch does.
    pub(super) fn cut_silent(&mut self) {
        let now = self.now;
        let limit = Span::from_ms(3 * HEARTBEAT.as_ms() + 2 * SECOND);
        let silent: Vec<u64> = self
            .links
            .iter()
            .filter(|(_, open)| open.hub_open && now.since(open.heard) > limit)
            // On a healthy link the pump was heard all the time.
            .filter(|(link, open)| !self.is_newest(open.pump, **link) || !self.is_healthy(open.pump))
            .map(|(link, _)| *link)
            .collect();
        for link in silent {
            self.hub_drops(link);
        }
    }

    fn is_newest(&self, pump: usize, link: u64) -> bool {
        self.pumps[pump].agent.as_ref().is_some_and(|agent| agent.transport == Transport::Open(link))
    }

    /// The hub's side of a link is gone.
    pub(super) fn hub_drops(&mut self, link: u64) {
        let Some(pump) = self.links.get(&link).map(|open| open.pump) else { return };
        self.stir(pump);
        let Some(open) = self.links.get_mut(&link) else { return };
        open.hub_open = false;
        let (heard, gone) = (open.heard, !open.pump_open);
        if gone {
            self.links.remove(&link);
        }
        self.hub.forget_link(pump, link, heard);
        self.wake_session(pump);
    }
}
