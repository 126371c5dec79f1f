//! Frames that arrive, at the hub or at a pump, if they arrive at all.

use wardline_model::{Sequence, Span, Time, covers};
use wardline_pump::{Hub as HubIs, Input, SessionInput};

use super::agenda::{Down, Happens, Up};
use super::links::{HEARTBEAT, STALL};
use super::pump::Transport;
use super::watch::Check;
use super::world::World;

impl World {
    /// Whether a frame gets through now; `Err` with the time to try again when it is only delayed.
    fn gets_through(&mut self, link: u64) -> Result<bool, Time> {
        let Some(open) = self.links.get(&link) else { return Ok(false) };
        if open.torn {
            return Ok(false);
        }
        let out = self.out_until(open.pump);
        if out <= self.now {
            return Ok(true);
        }
        if out.since(self.now).as_ms() <= STALL {
            return Err(out + Span::from_ms(50));
        }
        if let Some(open) = self.links.get_mut(&link) {
            open.torn = true;
        }
        Ok(false)
    }

    pub(super) fn arrives_up(&mut self, link: u64, frame: Up) {
        match self.gets_through(link) {
            Err(again) => {
                if let Some(open) = self.links.get_mut(&link) {
                    open.up_free = open.up_free.max(again);
                }
                self.agenda.add(again, Happens::Up { link, frame });
            }
            Ok(false) => {}
            Ok(true) => {
                let Some(open) = self.links.get_mut(&link) else { return };
                if !open.hub_open {
                    return;
                }
                open.heard = self.now;
                let pump = open.pump;
                self.hub_hears(pump, link, frame);
            }
        }
    }

    pub(super) fn arrives_down(&mut self, link: u64, frame: Down) {
        match self.gets_through(link) {
            Err(again) => {
                if let Some(open) = self.links.get_mut(&link) {
                    open.down_free = open.down_free.max(again);
                }
                self.agenda.add(again, Happens::Down { link, frame });
            }
            Ok(false) => {}
            Ok(true) => {
                let Some(open) = self.links.get(&link) else { return };
                let pump = open.pump;
                let is_current =
                    self.pumps[pump].agent.as_ref().is_some_and(|agent| agent.transport == Transport::Open(link));
                if is_current && open.pump_open {
                    self.pump_hears(pump, frame);
                }
            }
        }
    }

    fn pump_hears(&mut self, pump: usize, frame: Down) {
        if self.doomed(pump).is_some() {
            return;
        }
        self.tell(pump, || match &frame {
            Down::Goal(signed) => format!("hub sends a goal of {} bytes", signed.len()),
            frame => format!("hub sends {frame:?}"),
        });
        self.session(pump, SessionInput::Heard);
        match frame {
            Down::Welcome(acked) => {
                self.session(pump, SessionInput::Welcome { heartbeat: HEARTBEAT });
                self.welcomed(pump, acked);
            }
            Down::Goal(signed) => self.goal_arrives(pump, &signed),
            Down::Ack(acked) => self.acked(pump, acked),
            Down::NewMetadata => self.step_later(pump, Input::Timer),
            Down::Close { stay_away_s } => {
                self.forget_transport(pump);
                let stay_away = (stay_away_s > 0).then(|| Span::from_s(stay_away_s));
                self.session(pump, SessionInput::Closed { stay_away });
            }
            Down::End => {
                self.forget_transport(pump);
                self.session(pump, SessionInput::Closed { stay_away: None });
            }
        }
        self.work(pump);
    }

    /// The hub ended it: there is nothing left to close.
    fn forget_transport(&mut self, pump: usize) {
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        if let Transport::Open(link) = std::mem::replace(&mut agent.transport, Transport::None) {
            self.links.remove(&link);
        }
    }

    fn welcomed(&mut self, pump: usize, acked: Sequence) {
        covers!("N11");
        self.watch.acknowledged(pump, acked);
        let now = self.now;
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        if !agent.session.is_linked() {
            return;
        }
        let behind = acked < agent.queue.acked() || agent.queue.linked(acked).is_err();
        agent.report_at = Some(now);
        let reached = Input::Hub(HubIs::Reached(agent.greeted));
        self.watch.check(Check::N11, pump, !behind, || format!("the hub welcomed with {acked}, which cannot be"));
        self.pumps[pump].compact();
        self.step_later(pump, reached);
    }

    fn acked(&mut self, pump: usize, acked: Sequence) {
        self.watch.acknowledged(pump, acked);
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        let believed = agent.queue.acknowledge(acked).is_ok();
        self.watch.check(Check::N11, pump, believed, || format!("{acked} was acknowledged, and never was"));
        self.pumps[pump].compact();
    }

    fn goal_arrives(&mut self, pump: usize, signed: &[u8]) {
        covers!("N13", "N14");
        match self.hub.verify(signed, self.pumps[pump].id) {
            Some(goal) => self.step_later(pump, Input::Goal(Box::new(goal))),
            None => self.watch.fail("N13", Some(pump), "a goal of the hub did not verify".to_owned()),
        }
    }
}
