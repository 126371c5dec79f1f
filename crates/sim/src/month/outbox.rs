//! What a pump keeps and sends: the real offline queue with its disk, and the report.

use wardline_model::{Event, EventBody, covers};

use super::agenda::Up;
use super::pump::Pump;
use super::settings::Wrong;
use super::world::World;

/// How long reports are gathered before one is sent (as in the agent's daemon).
const REPORT_AFTER: u64 = 500;
/// The most events in one frame; twice as many may be under way (as in the agent's outbox).
const AT_ONCE: usize = wardline_wire::limits::EVENTS_PER_FRAME;

impl World {
    /// Keeps what happened: on the disk when this returns, or in memory while the disk is full.
    pub(super) fn record(&mut self, pump: usize, body: EventBody) {
        covers!("N11");
        let local = self.pumps[pump].local(self.now);
        let Pump { agent: Some(agent), disk, .. } = &mut self.pumps[pump] else { return };
        let dropped = agent.queue.uncounted();
        let new: Vec<Event> = agent.queue.record(body, local).cloned().collect();
        agent.unwritten.extend(new);
        let uncounted = agent.queue.uncounted();
        if uncounted > dropped && uncounted.is_power_of_two() {
            disk.dropped = uncounted;
        }
        if uncounted > dropped {
            self.count("events that found the queue full");
        }
        self.write_events(pump);
    }

    /// Whether everything is on the disk.
    pub(super) fn write_events(&mut self, pump: usize) -> bool {
        let full = self.pumps[pump].is_full(self.now);
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return false };
        if full && !agent.unwritten.is_empty() {
            return false;
        }
        for event in std::mem::take(&mut agent.unwritten) {
            self.watch.kept(pump, &event);
            if matches!(event.body, EventBody::Dropped { .. }) {
                self.pumps[pump].disk.dropped = 0;
            }
            self.pumps[pump].disk.events.push_back(event);
        }
        true
    }

    pub(super) fn report_soon(&mut self, pump: usize) {
        let at = self.then(REPORT_AFTER);
        if let Some(agent) = self.pumps[pump].agent.as_mut() {
            agent.report_at.get_or_insert(at);
        }
    }

    /// Sends events and the report while there is a link.
    pub(super) fn send_what_waits(&mut self, pump: usize) {
        let keeps = self.write_events(pump) || self.settings.wrong == Some(Wrong::SendsBeforeKeeping);
        let now = self.now;
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        if !agent.session.is_linked() {
            return;
        }
        loop {
            let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
            let most = (2 * AT_ONCE).saturating_sub(agent.queue.under_way()).min(AT_ONCE);
            let events: Vec<Event> = if keeps { agent.queue.send(most).cloned().collect() } else { Vec::new() };
            if events.is_empty() {
                break;
            }
            if self.doomed(pump).is_some() {
                return;
            }
            self.send_up(pump, Up::Events(events));
        }
        let local = self.pumps[pump].local(now);
        let Some(agent) = self.pumps[pump].agent.as_mut() else { return };
        if agent.report_at.is_some_and(|at| at <= now) {
            let report = Box::new(agent.machine.report(local));
            agent.report_at = None;
            self.send_up(pump, Up::Report(report));
        }
    }
}
