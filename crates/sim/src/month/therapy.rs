//! The therapy side of a pump: the real controller machine, its storage, and the watcher at the bedside.

use wardline_model::{ChannelState, Refusal, ReleaseRef, covers};

use super::agenda::{Happens, Said};
use super::people::Flaw;
use super::pump::Death;
use super::settings::Wrong;
use super::ward::{MINUTE, SECOND};
use super::watch::Check;
use super::world::World;
use crate::bedside::{self, Cause, Shelved};
use crate::controller::{Ask, Bedside, Effect, Input, Pointer, Refused, Unreadable};

/// How long a word takes over a local socket.
const WORD: u64 = 3;

impl World {
    /// Brings one input to the controller of a pump and carries out what follows.
    pub(super) fn tell_controller(&mut self, pump: usize, input: Input) {
        covers!("N1", "N3", "N6");
        let now = self.now;
        self.tell(pump, || format!("controller hears {input:?}"));
        let place = &mut self.pumps[pump];
        let Some(body) = place.body.as_mut() else { return };
        let cause = Cause::of(&input);
        let before = body.controller.channels().to_vec();
        let pointer = place.disk.pointer;
        let mut fx = Vec::new();
        body.controller.step(input, now, &Shelved(pointer), &mut fx);
        let judged: Vec<_> = before
            .iter()
            .zip(body.controller.channels())
            .map(|(old, new)| bedside::judge(old, new, cause, pointer))
            .collect();
        for verdict in judged {
            match verdict {
                Ok(relied) => {
                    let check = if cause == Cause::Other { Check::N1 } else { Check::N3N6 };
                    self.watch.check(check, pump, true, String::new);
                    if let Some(library) = relied {
                        self.watch.rely(pump, library.version, "a program");
                    }
                }
                Err((id, what)) => self.watch.fail(id, Some(pump), what.to_owned()),
            }
        }
        self.carry_controller(pump, fx);
        self.wake_controller(pump);
    }

    pub(super) fn carry_controller(&mut self, pump: usize, fx: Vec<Effect>) {
        for effect in fx {
            // Only the power reaches the controller: an agent that dies is no concern of its effects.
            let power = self.pumps[pump].doom.is_some_and(|doom| doom.what == Death::Power);
            if power && self.doomed(pump).is_some() {
                return;
            }
            self.carry_one(pump, effect);
        }
    }

    fn carry_one(&mut self, pump: usize, effect: Effect) {
        match effect {
            Effect::Persist(shelf) => {
                // A full disk keeps the old shelf: it is made whole from the pointer at the next boot.
                if !self.pumps[pump].is_shelf_full(self.now) {
                    self.pumps[pump].disk.shelf = shelf;
                }
            }
            Effect::MovePointer(Some(to)) => self.move_pointer(pump, to),
            Effect::MovePointer(None) => {}
            Effect::Verify(release) => {
                let life = self.pumps[pump].life;
                let takes = self.dice.net.between(50, 800);
                self.later(takes, Happens::Verified { pump, life, release });
            }
            Effect::Say(word) => self.say(pump, Said::Word(word)),
            Effect::ReadBack { kind, .. } => {
                let found = self.pumps[pump].found(kind, |of| self.people.flaw(of) == Flaw::ReadsWrong);
                self.say(pump, Said::Found { kind, found: Box::new(found) });
            }
            Effect::Show { channel, state, library } => self.say(pump, Said::Shown { channel, state, library }),
            Effect::Refuse { channel, why } => {
                let holds = why != Refused::NoLibrary;
                self.watch.check(Check::N7, pump, holds, || {
                    format!("a nurse was told at channel {channel} that there is no library")
                });
            }
        }
    }

    /// N2, judged at the moment of the write. It takes a while, and power may go in the middle.
    fn move_pointer(&mut self, pump: usize, to: ReleaseRef) {
        covers!("N2");
        let now = self.now;
        let place = &self.pumps[pump];
        let Some(body) = &place.body else { return };
        let (channels, pointer, shelf) = (body.controller.channels(), place.disk.pointer, body.controller.shelf());
        let loaded = channels.iter().any(|channel| channel.program.is_some());
        let held = body.controller.is_held();
        // At boot nothing is held, because nothing can run on what is not whole.
        let repairs = pointer == Pointer::Torn && (shelf.current == Some(to) || shelf.previous == Some(to));
        let (life, full) = (place.life, place.is_shelf_full(now));
        let to_floor = to.version >= self.watch.relied[pump];
        let signed = !matches!(self.people.flaw(to), Flaw::Unsigned);
        self.watch.check(Check::N2, pump, !loaded, || format!("{} moved while a program was loaded", to.version));
        self.watch.check(Check::N2, pump, held || repairs, || format!("{} moved without a hold", to.version));
        self.watch.check(Check::N13, pump, to_floor, || format!("{} moved below what was relied on", to.version));
        self.watch.check(Check::N13, pump, signed, || format!("{} is not signed", to.version));
        self.counts.switches += 1;
        if full {
            // The write fails before it touches anything.
            return self.later_written(pump, life);
        }
        self.pumps[pump].disk.pointer = Pointer::Torn;
        if let Some(body) = self.pumps[pump].body.as_mut() {
            body.writing = Some(to);
        }
        self.later_written(pump, life);
    }

    fn later_written(&mut self, pump: usize, life: u32) {
        let takes = self.dice.net.between(5, 150);
        self.later(takes, Happens::Written { pump, life });
    }

    pub(super) fn written(&mut self, pump: usize) {
        let Some(body) = self.pumps[pump].body.as_mut() else { return };
        let result = match body.writing.take() {
            Some(to) => {
                self.pumps[pump].disk.pointer = Pointer::Whole(to);
                Ok(())
            }
            None => Err(Unreadable::NotWhole),
        };
        self.tell_controller(pump, Input::Moved(result));
    }

    pub(super) fn verified(&mut self, pump: usize, release: ReleaseRef) {
        covers!("N4", "N13");
        let believes = self.settings.wrong == Some(Wrong::BelievesAnybody);
        let result = if self.people.flaw(release) == Flaw::Unsigned && !believes {
            Err(Refusal::Signatures)
        } else if self.pumps[pump].is_shelf_full(self.now) {
            self.count("offers that found the disk full");
            Err(Refusal::StorageFull)
        } else {
            Ok(())
        };
        self.tell_controller(pump, Input::Verified { release, result });
    }

    pub(super) fn asked(&mut self, pump: usize, ask: Ask) {
        self.tell_controller(pump, Input::Port(ask));
    }

    pub(super) fn controller_wakes(&mut self, pump: usize) {
        let Some(body) = self.pumps[pump].body.as_mut() else { return };
        if body.alarm_at != Some(self.now) {
            return;
        }
        body.alarm_at = None;
        if body.controller.wake().is_some_and(|at| at <= self.now) {
            self.tell_controller(pump, Input::Timer);
        } else {
            self.wake_controller(pump);
        }
    }

    fn wake_controller(&mut self, pump: usize) {
        let (now, life) = (self.now, self.pumps[pump].life);
        let Some(body) = self.pumps[pump].body.as_mut() else { return };
        let Some(at) = body.controller.wake().map(|at| at.max(now)) else { return };
        if body.alarm_at.is_none_or(|set| at < set) {
            body.alarm_at = Some(at);
            self.agenda.add(at, Happens::ControllerWakes { pump, life });
        }
    }

    /// A word to the agent, if it is there to hear it.
    fn say(&mut self, pump: usize, said: Said) {
        if self.pumps[pump].agent.is_some() {
            let agent = self.pumps[pump].agents;
            self.later(WORD, Happens::ToAgent { pump, agent, said });
        }
    }

    pub(super) fn ask(&mut self, pump: usize, ask: Ask) {
        let agent = self.pumps[pump].agents;
        self.later(WORD, Happens::ToController { pump, agent, ask });
    }

    // ---- the bedside ------------------------------------------------------------------------------------------------

    pub(super) fn act(&mut self, pump: usize, act: Bedside) {
        covers!("N5", "N12");
        self.counts.acts += 1;
        let alarm = match act {
            Bedside::Alarm { channel } => Some(channel),
            _ => None,
        };
        if alarm.is_none() || self.settings.wrong != Some(Wrong::DelaysAlarms) {
            self.tell_controller(pump, Input::Bedside(act));
        }
        let Some(body) = &self.pumps[pump].body else { return };
        if let Some(channel) = alarm {
            let sounds = body.controller.channels()[usize::from(channel) - 1].state == ChannelState::Alarming;
            self.counts.alarms += 1;
            self.watch
                .check(Check::N5, pump, sounds, || format!("the alarm of channel {channel} did not sound at once"));
        } else if body.controller.is_kept_waiting() {
            let life = self.pumps[pump].life;
            self.counts.waited += 1;
            self.later(SECOND, Happens::StillWaiting { pump, life });
        } else {
            self.watch.check(Check::N12, pump, true, String::new);
        }
    }

    pub(super) fn still_waiting(&mut self, pump: usize) {
        let Some(body) = &self.pumps[pump].body else { return };
        let waits = body.controller.is_kept_waiting();
        self.watch.check(Check::N12, pump, !waits, || "a nurse has waited for a second for an update".to_owned());
    }

    // ---- power ------------------------------------------------------------------------------------------------------

    pub(super) fn power_on(&mut self, pump: usize) {
        if self.pumps[pump].body.is_some() {
            return;
        }
        self.tell(pump, || "power comes".to_owned());
        let mut fx = Vec::new();
        let settings = self.settings;
        self.pumps[pump].power_up(&settings, self.now, &mut fx);
        let life = self.pumps[pump].life;
        self.carry_controller(pump, fx);
        self.wake_controller(pump);
        let boots = self.dice.net.between(5 * SECOND, 40 * SECOND);
        self.later(boots, Happens::AgentStarts { pump, life });
        for channel in 1..=self.pumps[pump].area.channels {
            let comes = self.dice.nurse.between(2 * MINUTE, 60 * MINUTE);
            self.later(comes, Happens::Nurse { pump, life, channel });
        }
    }

    /// Everything in memory is gone. What was being written is torn.
    pub(super) fn power_off(&mut self, pump: usize) {
        self.tell(pump, || "power goes".to_owned());
        self.drop_transport(pump, super::links::Parting::Silent);
        let place = &mut self.pumps[pump];
        place.agent = None;
        place.body = None;
        place.doom = None;
    }
}
