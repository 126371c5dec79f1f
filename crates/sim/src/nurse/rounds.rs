//! What nurses do next, and when.
//!
//! Between two patients a pump is idle for ten minutes to an hour of bedside time; an infusion is looked after every
//! five to forty minutes. When one ends, its patient often leaves, and everything else on the pump ends with it. Nurses know the library of the pump's own care area and nothing of releases: no prompt ever
//! reaches them (N12).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use wardline_library::{Body, BolusProgram, Entry, EntryKey, Program, TimeBase, rate_ul_per_h};
use wardline_model::{ChannelState, Decimal};

use crate::controller::reference::{Act, AlarmKind, Confirm, NotDone, Reference};
use crate::dice::Dice;

use super::chart::{Chart, Infusion, Stroke};
use super::station::{Beside, Station};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

/// In how many of a hundred cases a patient leaves when an infusion ends: patients with one infusion are the more common.
const LEAVES: u64 = 70;

/// What nurses did, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Infusions that were started.
    pub infusions: u64,
    /// Everything that was done at a bedside.
    pub acts: u64,
    /// Alarms that sounded.
    pub alarms: u64,
    /// Doses that a hard limit stopped.
    pub refused: u64,
    /// Programs that waited a moment for a switch.
    pub waited: u64,
}

/// All nurses of a hospital.
pub struct Rounds {
    dice: Dice,
    stations: Vec<Arc<Station>>,
    due: BinaryHeap<Reverse<(u64, usize, u8)>>,
    /// What was done.
    pub counts: Counts,
}

impl Rounds {
    /// Nobody has been visited yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), stations: Vec::new(), due: BinaryHeap::new(), counts: Counts::default() }
    }

    /// A pump comes to the ward.
    pub fn add(&mut self, station: Arc<Station>, now_ms: u64) {
        let channels = station.lock().charts.len();
        let at = self.stations.len();
        self.stations.push(station);
        for channel in (1u8..).take(channels) {
            let when = now_ms + self.dice.between(10 * SECOND, 20 * MINUTE);
            self.due.push(Reverse((when, at, channel)));
        }
    }

    /// Does everything that is due at this bedside time. Gives the time of the next visit.
    pub fn visit(&mut self, now_ms: u64) -> Option<u64> {
        while let Some(Reverse((when, at, channel))) = self.due.peek().copied() {
            if when > now_ms {
                return Some(when);
            }
            self.due.pop();
            let station = Arc::clone(&self.stations[at]);
            let wait = self.one(&station, channel, now_ms);
            self.due.push(Reverse((now_ms + wait, at, channel)));
        }
        None
    }

    /// One visit to one channel. Gives how long until the next.
    fn one(&mut self, station: &Station, channel: u8, now_ms: u64) -> u64 {
        let mut beside = station.lock();
        let Some(pump) = beside.pump.clone() else { return MINUTE };
        let index = usize::from(channel) - 1;
        if index >= beside.charts.len() {
            return MINUTE;
        }
        let seen = pump.look().into_iter().nth(index).map_or(ChannelState::Idle, |seen| seen.state);
        if beside.charts[index].in_a_moment {
            return self.take_up(&mut beside, &pump, channel, seen);
        }
        match seen {
            ChannelState::Idle if now_ms < beside.empty_until_ms => beside.empty_until_ms - now_ms,
            ChannelState::Idle => self.program(&mut beside, &pump, channel),
            ChannelState::Programmed => {
                let delay = self.dice.percent(10);
                let (act, stroke) = if delay { (Act::Delay, Stroke::Delay) } else { (Act::Start, Stroke::Start) };
                self.strike(&mut beside, &pump, channel, act, stroke);
                self.counts.infusions += u64::from(!delay);
                self.dice.between(2 * MINUTE, 20 * MINUTE)
            }
            ChannelState::DelayedStart | ChannelState::Paused => {
                self.strike(&mut beside, &pump, channel, Act::Start, Stroke::Start);
                self.dice.between(2 * MINUTE, 20 * MINUTE)
            }
            ChannelState::Infusing => self.look_after(&mut beside, &pump, channel, now_ms),
            ChannelState::Bolus => 2 * MINUTE,
            ChannelState::KeepVeinOpen => self.finish(&mut beside, &pump, channel, now_ms),
            ChannelState::Alarming => {
                if self.strike(&mut beside, &pump, channel, Act::Silence, Stroke::Silence) {
                    beside.charts[index].alarm = None;
                }
                self.dice.between(MINUTE, 10 * MINUTE)
            }
        }
    }

    fn program(&mut self, beside: &mut Beside, pump: &Reference, channel: u8) -> u64 {
        let Some(book) = pump.library() else { return 10 * MINUTE };
        let Some(area) = book.library.care_area(&pump.care_area()) else { return 10 * MINUTE };
        let Some(entry) = self.dice.pick(&area.entries).cloned() else { return 10 * MINUTE };
        let heaviest = area.device.max_weight_kg;
        let program = self.dose(&entry, heaviest);
        let confirm = Confirm::Yes;
        self.counts.acts += 1;
        match pump.act(channel, Act::Program { entry: entry.key(), program, confirm }) {
            Ok(_) => {
                self.write_down(beside, pump, channel, &entry.key(), &program);
                self.dice.between(10 * SECOND, MINUTE)
            }
            Err(NotDone::InAMoment) => {
                self.counts.waited += 1;
                beside.charts[usize::from(channel) - 1].in_a_moment = true;
                u64::from(pump.clock().speed()) * SECOND
            }
            Err(NotDone::Hard(_)) => {
                self.counts.refused += 1;
                30 * SECOND
            }
            Err(NotDone::NotNow | NotDone::NoLibrary | NotDone::NotInLibrary | NotDone::Confirm(_)) => 2 * MINUTE,
        }
    }

    /// The program that waited for a switch is there now, or the pump refused it in the meantime.
    fn take_up(&mut self, beside: &mut Beside, pump: &Reference, channel: u8, state: ChannelState) -> u64 {
        let index = usize::from(channel) - 1;
        beside.charts[index].in_a_moment = false;
        let programmed = pump.look().into_iter().nth(index).filter(|_| state == ChannelState::Programmed);
        match programmed.and_then(|seen| Some((seen.limits?, seen.program?))) {
            Some((limits, program)) => {
                let key = limits.entry.key();
                self.write_down(beside, pump, channel, &key, &program);
                10 * SECOND
            }
            None => MINUTE,
        }
    }

    /// Writes the infusion down as the pump shows it right after programming.
    fn write_down(&self, beside: &mut Beside, pump: &Reference, channel: u8, key: &EntryKey, program: &Program) {
        let index = usize::from(channel) - 1;
        let shown = pump.look().into_iter().nth(index).and_then(|seen| seen.limits);
        let Some(limits) = shown.filter(|limits| limits.entry.key() == *key) else { return };
        let rate = rate_ul_per_h(&limits.entry, program).unwrap_or(0);
        let kvo = whole_ul(limits.device.kvo_rate_ml_h).min(rate);
        let infusion = Infusion { rate, volume: whole_ul(program.vtbi_ml), kvo, limits };
        beside.charts[index] = Chart { infusion: Some(infusion), ..Chart::default() };
    }

    /// A dose within the soft limits, for a patient of this care area.
    fn dose(&mut self, entry: &Entry, heaviest: Decimal) -> Program {
        let top = entry.limits.soft_max.or(entry.limits.hard_max).unwrap_or(Decimal::from_int(1));
        let bottom = entry.limits.soft_min.or(entry.limits.hard_min);
        let mut dose = bottom.unwrap_or(top);
        for _ in 0..self.dice.between(0, 12) {
            match dose.checked_add(bottom.unwrap_or(top)) {
                Ok(more) if more <= top => dose = more,
                Ok(_) | Err(_) => break,
            }
        }
        if self.dice.percent(2) {
            // A slip of the finger: ten times the dose. The hard limit is there for this.
            dose = dose.checked_mul(Decimal::from_int(10)).unwrap_or(dose);
        }
        let whole =
            |from: u64, to: u64, dice: &mut Dice| Decimal::from_int(i32::try_from(dice.between(from, to)).unwrap_or(1));
        let weight =
            if heaviest < Decimal::from_int(20) { whole(1, 5, &mut self.dice) } else { whole(45, 110, &mut self.dice) };
        let small = heaviest < Decimal::from_int(20);
        let vtbi_ml = if small { whole(5, 40, &mut self.dice) } else { whole(20, 400, &mut self.dice) };
        Program {
            dose,
            unit: entry.dosing_unit,
            weight_kg: (entry.dosing_unit.body() == Body::PerKg).then_some(weight.min(heaviest)),
            duration_min: entry.duration.filter(|_| entry.dosing_unit.time() == TimeBase::Once).map(|d| d.initial),
            vtbi_ml,
        }
    }

    fn look_after(&mut self, beside: &mut Beside, pump: &Reference, channel: u8, now_ms: u64) -> u64 {
        let index = usize::from(channel) - 1;
        match self.dice.between(0, 99) {
            0..=29 => self.titrate(beside, pump, channel),
            30..=44 => {
                self.strike(beside, pump, channel, Act::Pause, Stroke::Pause);
                self.dice.between(MINUTE, 5 * MINUTE)
            }
            45..=54 => self.bolus(beside, pump, channel),
            55..=62 => {
                let kind = if self.dice.percent(60) { AlarmKind::Occlusion } else { AlarmKind::AirInLine };
                if self.strike(beside, pump, channel, Act::Alarm(kind), Stroke::Alarm) {
                    beside.charts[index].alarm = Some(kind);
                    self.counts.alarms += 1;
                }
                self.dice.between(20 * SECOND, 90 * SECOND)
            }
            63..=82 => self.finish(beside, pump, channel, now_ms),
            _ => self.dice.between(5 * MINUTE, 40 * MINUTE),
        }
    }

    fn titrate(&mut self, beside: &mut Beside, pump: &Reference, channel: u8) -> u64 {
        let Some(seen) = pump.look().into_iter().nth(usize::from(channel) - 1) else { return MINUTE };
        let (Some(limits), Some(program)) = (seen.limits, seen.program) else { return MINUTE };
        let weight = program.weight_kg.unwrap_or(Decimal::from_int(70));
        let dose = self.dose(&limits.entry, weight.max(limits.device.max_weight_kg)).dose;
        let changed = Program { dose, ..program };
        let rate = rate_ul_per_h(&limits.entry, &changed).unwrap_or(0);
        self.strike(beside, pump, channel, Act::Titrate { dose, confirm: Confirm::Yes }, Stroke::Rate(rate));
        self.dice.between(5 * MINUTE, 40 * MINUTE)
    }

    fn bolus(&mut self, beside: &mut Beside, pump: &Reference, channel: u8) -> u64 {
        let Some(seen) = pump.look().into_iter().nth(usize::from(channel) - 1) else { return MINUTE };
        let (Some(limits), Some(program)) = (seen.limits, seen.program) else { return MINUTE };
        let Some(allowed) = limits.entry.bolus else { return self.dice.between(MINUTE, 10 * MINUTE) };
        let bolus = BolusProgram {
            dose: allowed.soft_max.unwrap_or(allowed.hard_max),
            unit: allowed.unit,
            weight_kg: (allowed.unit.body() == Body::PerKg).then_some(program.weight_kg).flatten(),
            rate_ml_h: allowed.max_rate_ml_h.min(limits.device.max_rate_ml_h),
        };
        let stroke = Stroke::Bolus { ul: limits.bolus_ul(&bolus).unwrap_or(0), rate: whole_ul(bolus.rate_ml_h) };
        self.strike(beside, pump, channel, Act::Bolus { bolus, confirm: Confirm::Yes }, stroke);
        self.dice.between(2 * MINUTE, 20 * MINUTE)
    }

    /// Ends an infusion; when the patient leaves, all of the pump's.
    fn finish(&mut self, beside: &mut Beside, pump: &Reference, channel: u8, now_ms: u64) -> u64 {
        let idle = self.dice.between(10 * MINUTE, 60 * MINUTE);
        let leaves = self.dice.percent(LEAVES);
        let channels = (1u8..).take(beside.charts.len()).filter(|other| leaves || *other == channel);
        for ending in channels {
            self.counts.acts += 1;
            if pump.act(ending, Act::Finish).is_ok() {
                beside.charts[usize::from(ending) - 1] = Chart::default();
            }
        }
        if leaves {
            beside.empty_until_ms = now_ms + idle;
        }
        idle
    }

    /// Does it at the pump and writes it down with the time at which the pump did it. True when it was done.
    fn strike(&mut self, beside: &mut Beside, pump: &Reference, channel: u8, act: Act, stroke: Stroke) -> bool {
        self.counts.acts += 1;
        match pump.act(channel, act) {
            Ok(at_ms) => {
                beside.charts[usize::from(channel) - 1].strokes.push((at_ms, stroke));
                true
            }
            Err(NotDone::Hard(_)) => {
                self.counts.refused += 1;
                false
            }
            Err(_) => false,
        }
    }
}

/// Millilitres as whole microlitres.
fn whole_ul(ml: Decimal) -> u64 {
    let (mantissa, scale) = ml.parts();
    let ul = i128::from(mantissa) * 1_000 / 10i128.pow(u32::from(scale));
    u64::try_from(ul).unwrap_or(0)
}
