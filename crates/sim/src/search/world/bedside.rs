//! What nurses and alarms do, on the one channel.

use wardline_model::{ChannelState, Decimal};

use super::{NOW, World};
use crate::controller::{self, Bedside};
use crate::search::Never;

/// What happens at the bedside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Program,
    Start,
    Delay,
    Pause,
    Bolus,
    VolumeDone,
    Alarm,
    Silence,
    Stop,
}

impl World {
    /// What can happen at the bedside. Ending costs nothing, beginning does: so every script comes to its end.
    pub(super) fn acts(&self) -> Vec<Act> {
        let state = self.now.controller.channels()[0].state;
        let more: &[Act] = match state {
            _ if self.now.acts == 0 || self.now.controller.is_kept_waiting() => &[],
            ChannelState::Idle => &[Act::Program, Act::Alarm],
            ChannelState::Programmed => &[Act::Start, Act::Delay],
            ChannelState::DelayedStart | ChannelState::Paused | ChannelState::KeepVeinOpen => &[Act::Start],
            ChannelState::Infusing => &[Act::Pause, Act::Bolus, Act::VolumeDone, Act::Alarm],
            ChannelState::Bolus => &[Act::Alarm],
            ChannelState::Alarming => &[],
        };
        let end: &[Act] = match state {
            ChannelState::Idle => &[],
            ChannelState::Alarming => &[Act::Silence],
            ChannelState::Programmed
            | ChannelState::DelayedStart
            | ChannelState::Infusing
            | ChannelState::Bolus
            | ChannelState::Paused
            | ChannelState::KeepVeinOpen => &[Act::Stop],
        };
        more.iter().chain(end).copied().collect()
    }

    pub(super) fn bedside(&mut self, act: Act) {
        let channel = 1;
        let act = match act {
            Act::Program => Bedside::Program { channel, entry: String::new(), rate: Decimal::from_int(5) },
            Act::Start => Bedside::Start { channel },
            Act::Delay => Bedside::Delay { channel },
            Act::Pause => Bedside::Pause { channel },
            Act::Bolus => Bedside::Bolus { channel },
            Act::VolumeDone => Bedside::VolumeDone { channel },
            Act::Alarm => Bedside::Alarm { channel },
            Act::Silence => Bedside::Silence { channel },
            Act::Stop => Bedside::Stop { channel },
        };
        if !matches!(act, Bedside::Stop { .. } | Bedside::Silence { .. }) {
            self.now.acts -= 1;
        }
        if matches!(act, Bedside::Program { .. }) {
            self.tests(Never::N7);
        }
        let alarm = matches!(act, Bedside::Alarm { .. });
        self.tell_controller(controller::Input::Bedside(act), NOW);
        if alarm {
            self.tests(Never::N5);
            if self.now.controller.channels()[0].state != ChannelState::Alarming {
                self.break_it("N5: an alarm did not sound at once");
            }
        }
    }
}
