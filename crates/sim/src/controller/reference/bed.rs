//! One channel: what is programmed, the limits that govern it, what it delivered, what alarms.

use wardline_library::{BolusProgram, Program, Snapshot, rate_ul_per_h};
use wardline_model::{ChannelState, Decimal, Time};

use super::super::words::Bedside;
use super::delivery::{Delivery, Flow};
use super::{AlarmKind, Inner};

/// One infusion from programming to its end.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// Copied from the library that was current when it was programmed; never touched again (N3).
    pub(super) limits: Snapshot,
    /// What the person programmed.
    pub(super) program: Program,
    /// What it delivers.
    pub(super) delivery: Delivery,
}

/// One channel.
#[derive(Clone, Debug)]
pub(super) struct Bed {
    pub(super) since: Time,
    /// What a person has programmed and the machine has not taken yet.
    pub(super) wanted: Option<Program>,
    pub(super) run: Option<Run>,
    pub(super) alarm: Option<AlarmKind>,
    /// The bolus that a person asked for and the machine has not taken yet.
    pub(super) bolus: Option<BolusProgram>,
    /// The rate that a person asked for and the machine has not taken yet.
    pub(super) titration: Option<Program>,
}

impl Bed {
    pub(super) const fn empty(since: Time) -> Self {
        Self { since, wanted: None, run: None, alarm: None, bolus: None, titration: None }
    }
}

impl Run {
    pub(super) fn new(limits: Snapshot, program: Program, at_ms: u64) -> Option<Self> {
        let rate = rate_ul_per_h(&limits.entry, &program)?;
        let (volume, kvo) = (microlitres(program.vtbi_ml)?, microlitres(limits.device.kvo_rate_ml_h)?);
        Some(Self { limits, program, delivery: Delivery::new(rate, volume, kvo, at_ms) })
    }

    /// The line for people.
    pub(super) fn detail(&self) -> String {
        let Program { dose, unit, .. } = self.program;
        format!("{} at {dose} {unit}", self.limits.entry.key())
    }
}

/// Millilitres as whole microlitres, the fraction dropped.
pub(super) fn microlitres(ml: Decimal) -> Option<u64> {
    let (mantissa, scale) = ml.parts();
    let ul = i128::from(mantissa).checked_mul(1_000)?.checked_div(10i128.checked_pow(u32::from(scale))?)?;
    u64::try_from(ul).ok()
}

impl Inner {
    /// What the pump itself does now on this channel, because time passed.
    pub(super) fn due(&self, channel: u8) -> Vec<Bedside> {
        let at = usize::from(channel) - 1;
        let (Some(bed), Some(state)) = (self.beds.get(at), self.machine.channels().get(at).map(|c| c.state)) else {
            return Vec::new();
        };
        let flow = bed.run.as_ref().map(|run| run.delivery.flow());
        let mut acts = Vec::new();
        if state == ChannelState::Bolus && matches!(flow, Some(Flow::Running | Flow::KeepVeinOpen)) {
            acts.push(Bedside::BolusOver { channel });
        }
        if matches!(state, ChannelState::Bolus | ChannelState::Infusing) && flow == Some(Flow::KeepVeinOpen) {
            acts.push(Bedside::VolumeDone { channel });
        }
        acts
    }
}
