//! Nurses on virtual time: they program, start, titrate, give boluses, answer alarms and end infusions by the rhythm of
//! their ward, and know nothing of releases. No prompt reaches them, and they do nothing for an update's sake (N12).

use wardline_model::{ChannelState, Decimal, covers};

use super::agenda::Happens;
use super::ward::{DAY, HOUR, MINUTE, SECOND};
use super::world::{Finale, World};
use crate::controller::Bedside;

impl World {
    /// One visit to one channel.
    pub(super) fn nurse(&mut self, pump: usize, channel: u8) {
        covers!("N12");
        if self.finale == Finale::Now {
            return self.goes_home(pump, channel);
        }
        let state = self.channel(pump, channel);
        let Some(again) = (match state {
            ChannelState::Idle => self.program(pump, channel),
            ChannelState::Programmed => Some(self.start(pump, channel)),
            ChannelState::DelayedStart => Some(self.goes_on(pump, Bedside::DelayOver { channel })),
            ChannelState::Paused => Some(self.goes_on(pump, Bedside::Start { channel })),
            ChannelState::Infusing => self.look_after(pump, channel),
            ChannelState::Bolus => Some(self.goes_on(pump, Bedside::BolusOver { channel })),
            ChannelState::Alarming => {
                self.act(pump, Bedside::Silence { channel });
                Some(self.dice.nurse.between(30 * SECOND, 3 * MINUTE))
            }
            ChannelState::KeepVeinOpen => self.ends(pump, channel),
        }) else {
            return;
        };
        self.next_visit(pump, channel, again);
    }

    fn next_visit(&mut self, pump: usize, channel: u8, ms: u64) {
        let life = self.pumps[pump].life;
        self.later(ms, Happens::Nurse { pump, life, channel });
    }

    fn channel(&self, pump: usize, channel: u8) -> ChannelState {
        let body = self.pumps[pump].body.as_ref();
        body.map_or(ChannelState::Idle, |body| body.controller.channels()[usize::from(channel) - 1].state)
    }

    /// The last nurse ends what runs.
    fn goes_home(&mut self, pump: usize, channel: u8) {
        match self.channel(pump, channel) {
            ChannelState::Idle => {}
            ChannelState::Alarming => {
                self.act(pump, Bedside::Silence { channel });
                self.next_visit(pump, channel, MINUTE);
            }
            ChannelState::Programmed
            | ChannelState::DelayedStart
            | ChannelState::Infusing
            | ChannelState::Bolus
            | ChannelState::Paused
            | ChannelState::KeepVeinOpen => self.act(pump, Bedside::Stop { channel }),
        }
    }

    fn program(&mut self, pump: usize, channel: u8) -> Option<u64> {
        // Two of a hundred slip: the hard limit is there for this.
        let slip = self.dice.nurse.percent(2);
        let rate = if slip { 5_000 } else { self.dice.nurse.between(1, 100) };
        let rate = Decimal::from_int(i32::try_from(rate).unwrap_or(1));
        let entry = format!("entry {}", self.dice.nurse.between(1, 400));
        self.act(pump, Bedside::Program { channel, entry, rate });
        Some(self.dice.nurse.between(20 * SECOND, 90 * SECOND))
    }

    /// A program out of turn. Whoever comes on the next round finds it and goes on from there.
    pub(super) fn hurry(&mut self, pump: usize, channel: u8) {
        if self.channel(pump, channel) == ChannelState::Idle {
            self.program(pump, channel);
        }
    }

    fn start(&mut self, pump: usize, channel: u8) -> u64 {
        self.people.used(pump, self.now);
        if self.dice.nurse.percent(5) {
            self.act(pump, Bedside::Delay { channel });
            return self.dice.nurse.between(10 * MINUTE, 2 * HOUR);
        }
        self.counts.infusions += 1;
        self.goes_on(pump, Bedside::Start { channel })
    }

    /// An infusion begins or goes on; a nurse comes by now and then.
    fn goes_on(&mut self, pump: usize, act: Bedside) -> u64 {
        self.act(pump, act);
        self.pumps[pump].area.round(&mut self.dice.nurse)
    }

    fn look_after(&mut self, pump: usize, channel: u8) -> Option<u64> {
        let area = self.pumps[pump].area;
        // An infusion ends, on average, after as many rounds as its length has.
        let lasts = area.infusion(&mut self.dice.nurse);
        let round = area.round(&mut self.dice.nurse);
        if self.dice.nurse.roll() % lasts < round {
            if self.dice.nurse.percent(50) {
                self.act(pump, Bedside::VolumeDone { channel });
                return Some(self.dice.nurse.between(2 * MINUTE, 20 * MINUTE));
            }
            return self.ends(pump, channel);
        }
        Some(match self.dice.nurse.between(0, 99) {
            0..=24 => {
                let rate = Decimal::from_int(i32::try_from(self.dice.nurse.between(1, 120)).unwrap_or(1));
                self.act(pump, Bedside::Titrate { channel, rate });
                round
            }
            25..=34 => {
                self.act(pump, Bedside::Pause { channel });
                self.dice.nurse.between(MINUTE, 10 * MINUTE)
            }
            35..=42 => {
                self.act(pump, Bedside::Bolus { channel });
                self.dice.nurse.between(MINUTE, 8 * MINUTE)
            }
            43..=54 => {
                self.act(pump, Bedside::Alarm { channel });
                self.dice.nurse.between(20 * SECOND, 4 * MINUTE)
            }
            _ => round,
        })
    }

    /// An infusion ends. Now and then the pump goes to the equipment room, switched off, if nothing else runs on it.
    fn ends(&mut self, pump: usize, channel: u8) -> Option<u64> {
        self.act(pump, Bedside::Stop { channel });
        let area = self.pumps[pump].area;
        let others = (1..=area.channels).any(|other| self.channel(pump, other).is_busy());
        if !others && self.dice.shelf.percent(area.shelf_percent) {
            self.count("pumps put away");
            // Somebody walks it there: a few minutes on, then off.
            self.power_off(pump);
            let away = if self.dice.shelf.percent(25) {
                self.dice.shelf.between(DAY, 6 * DAY)
            } else {
                self.dice.shelf.between(2 * HOUR, 20 * HOUR)
            };
            self.later(away, Happens::PowerOn { pump });
            return None;
        }
        Some(area.idle(self.now, &mut self.dice.nurse))
    }
}
