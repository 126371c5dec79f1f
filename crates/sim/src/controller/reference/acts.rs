//! What a person can do at the bedside, and what comes of it.

use wardline_library::{BolusProgram, Checked, EntryKey, Program, Reason, Snapshot};
use wardline_model::{Decimal, covers};

use super::super::machine::Input;
use super::super::words::{Bedside, Refused};
use super::{AlarmKind, Inner, Reference};

/// Whether the person confirms doses beyond a soft limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// Asks first.
    Ask,
    /// Has been asked and said yes.
    Yes,
}

/// One thing that happens at the bedside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Chooses an entry of the library and programs a dose.
    Program {
        /// The entry.
        entry: EntryKey,
        /// The dose.
        program: Program,
        /// Beyond soft limits?
        confirm: Confirm,
    },
    /// Starts or resumes.
    Start,
    /// Sets the start for later.
    Delay,
    /// Stops for a while; the program stays.
    Pause,
    /// Changes the dose.
    Titrate {
        /// The new dose, in the same unit.
        dose: Decimal,
        /// Beyond soft limits?
        confirm: Confirm,
    },
    /// Gives a bolus.
    Bolus {
        /// Which.
        bolus: BolusProgram,
        /// Beyond soft limits?
        confirm: Confirm,
    },
    /// Something alarms.
    Alarm(AlarmKind),
    /// A person deals with the alarm.
    Silence,
    /// Ends the infusion; the program is gone.
    Finish,
}

/// Why an act was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// The pump has no such channel, or the key does nothing in this state.
    NotNow,
    /// No library can be read, or it failed its self-check.
    NoLibrary,
    /// The entry is not in the library of this care area.
    NotInLibrary,
    /// Beyond a soft limit: the person is asked.
    Confirm(Vec<Reason>),
    /// Beyond a hard limit.
    Hard(Vec<Reason>),
    /// The library is being switched; the pump takes the program in a moment by itself.
    InAMoment,
}

impl Reference {
    /// Does it, on this channel (from 1). Gives the bedside time at which it was done, in milliseconds.
    ///
    /// # Errors
    /// Why the pump did not.
    pub fn act(&self, channel: u8, act: Act) -> Result<u64, NotDone> {
        covers!("N1", "N5");
        let mut inner = self.lock();
        inner.let_time_pass();
        inner.act(channel, act)?;
        Ok(inner.at_ms)
    }
}

impl Inner {
    fn act(&mut self, channel: u8, act: Act) -> Result<(), NotDone> {
        let at = usize::from(channel).checked_sub(1).filter(|at| *at < self.beds.len()).ok_or(NotDone::NotNow)?;
        let act = match act {
            Act::Program { entry, program, confirm } => {
                let limits = self.limits(&entry)?;
                judge(limits.check(&program), confirm)?;
                self.beds[at].wanted = Some(program);
                Bedside::Program { channel, entry: name(&entry), rate: program.dose }
            }
            Act::Titrate { dose, confirm } => {
                let run = self.beds[at].run.as_ref().ok_or(NotDone::NotNow)?;
                let program = Program { dose, ..run.program };
                judge(run.limits.check(&program), confirm)?;
                self.beds[at].titration = Some(program);
                Bedside::Titrate { channel, rate: dose }
            }
            Act::Bolus { bolus, confirm } => {
                let run = self.beds[at].run.as_ref().ok_or(NotDone::NotNow)?;
                judge(run.limits.check_bolus(&bolus), confirm)?;
                self.beds[at].bolus = Some(bolus);
                Bedside::Bolus { channel }
            }
            Act::Alarm(kind) => {
                if self.beds[at].alarm.is_some() {
                    return Err(NotDone::NotNow);
                }
                // It sounds before anybody else is told (N5).
                self.beds[at].alarm = Some(kind);
                Bedside::Alarm { channel }
            }
            Act::Silence => {
                self.quiet(channel);
                Bedside::Silence { channel }
            }
            Act::Start => Bedside::Start { channel },
            Act::Delay => Bedside::Delay { channel },
            Act::Pause => Bedside::Pause { channel },
            Act::Finish => {
                self.quiet(channel);
                Bedside::Stop { channel }
            }
        };
        self.by_hand(at, act)
    }

    fn by_hand(&mut self, at: usize, act: Bedside) -> Result<(), NotDone> {
        self.refused = None;
        let loads = matches!(act, Bedside::Program { .. });
        self.feed(Input::Bedside(act));
        let bed = &mut self.beds[at];
        let taken = bed.wanted.is_none();
        (bed.bolus, bed.titration) = (None, None);
        match self.refused.take() {
            Some(why) => {
                self.beds[at].wanted = None;
                Err(match why {
                    Refused::NotNow => NotDone::NotNow,
                    Refused::NoLibrary => NotDone::NoLibrary,
                    Refused::NotInLibrary => NotDone::NotInLibrary,
                    Refused::OutsideLimits => NotDone::Hard(Vec::new()),
                })
            }
            None if loads && !taken => Err(NotDone::InAMoment),
            None => Ok(()),
        }
    }

    fn limits(&self, entry: &EntryKey) -> Result<Snapshot, NotDone> {
        covers!("N3");
        let book = self.machine.shelf().current.and_then(|current| self.book(&current)).ok_or(NotDone::NoLibrary)?;
        book.library.snapshot(book.digest, &self.setup.care_area, entry).ok_or(NotDone::NotInLibrary)
    }
}

fn judge(checked: Checked, confirm: Confirm) -> Result<(), NotDone> {
    match (checked, confirm) {
        (Checked::Within, _) | (Checked::SoftLimit(_), Confirm::Yes) => Ok(()),
        (Checked::SoftLimit(reasons), Confirm::Ask) => Err(NotDone::Confirm(reasons)),
        (Checked::HardLimit(reasons), _) => Err(NotDone::Hard(reasons)),
    }
}

/// The machine knows an entry by one text.
pub(super) fn name(entry: &EntryKey) -> String {
    format!("{entry} in {}", entry.dosing_unit)
}
