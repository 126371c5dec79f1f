//! The effects of the controller machine, carried out.

use std::collections::VecDeque;
use std::sync::Arc;

use wardline_library::{Checked, digest_of, rate_ul_per_h};
use wardline_model::{ChannelState, Decimal, Kind, Refusal, ReleaseRef, Version, covers};
use wardline_wire::{Channel, Current, DenyReason, Holding, ReadBack, Say, SwitchRefusal, limits};

use super::super::machine::{Effect, Formulary, Input, Limits, Unreadable};
use super::super::words::{Bedside, Deny, Pointer, SwitchRefused, Word};
use super::acts::name;
use super::bed::{Run, microlitres};
use super::books::{Book, Books};
use super::folder::Folder;
use super::offer::Offer;
use super::{Change, Inner, MOST_CHANGES, MOST_WORDS, Setup, trust};

/// A hard maximum for an entry that has none: more than any dose, and still exact.
const NO_MAXIMUM: Decimal = Decimal::from_int(i32::MAX);

/// The library as the machine reads it: from the disk, its digest computed again each time.
struct Shelved<'a> {
    folder: &'a Folder,
    books: &'a Books,
    care_area: &'a wardline_model::CareArea,
}

impl Formulary for Shelved<'_> {
    fn limits(&self, release: &ReleaseRef, entry: &str) -> Result<Limits, Unreadable> {
        covers!("N4");
        let book = read(self.folder, self.books, release).ok_or(Unreadable::NotWhole)?;
        let area = book.library.care_area(self.care_area).ok_or(Unreadable::NoEntry)?;
        let entry = area.entries.iter().find(|known| name(&known.key()) == entry).ok_or(Unreadable::NoEntry)?;
        let low = entry.limits.hard_min.unwrap_or(Decimal::ZERO);
        Ok(Limits { low, high: entry.limits.hard_max.unwrap_or(NO_MAXIMUM) })
    }
}

fn read(folder: &Folder, books: &Books, release: &ReleaseRef) -> Option<Arc<Book>> {
    let bytes = folder.release(release)?;
    books.open(release.digest, &bytes)
}

impl Inner {
    /// The parsed library of this release, read from the disk and checked.
    pub(super) fn book(&self, release: &ReleaseRef) -> Option<Arc<Book>> {
        read(&self.folder, &self.setup.books, release)
    }

    /// Gives the machine one input and carries out everything that follows from it.
    pub(super) fn feed(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut fx: Vec<Effect> = Vec::new();
            let shelved = Shelved { folder: &self.folder, books: &self.setup.books, care_area: &self.setup.care_area };
            self.machine.step(input, self.setup.clock.now(), &shelved, &mut fx);
            for effect in fx {
                self.effect(effect, &mut inputs);
            }
        }
    }

    pub(super) fn carry_out(&mut self, fx: Vec<Effect>) {
        let mut inputs = VecDeque::new();
        for effect in fx {
            self.effect(effect, &mut inputs);
        }
        while let Some(input) = inputs.pop_front() {
            self.feed(input);
        }
    }

    fn effect(&mut self, effect: Effect, inputs: &mut VecDeque<Input>) {
        match effect {
            Effect::Persist(shelf) => {
                if let Err(error) = self.folder.keep_shelf(shelf) {
                    // The pointer still says what is current; the shelf is made whole at the next boot.
                    tracing::warn!(%error, serial = %self.setup.serial, "the controller's shelf could not be written");
                }
            }
            Effect::MovePointer(to) => inputs.push_back(Input::Moved(self.move_pointer(to))),
            Effect::Verify(release) => inputs.push_back(self.verify(release)),
            Effect::Say(word) => self.say(word),
            Effect::ReadBack { kind, current } => self.read_back(kind, current),
            Effect::Show { channel, state, library } => self.show(channel, state, library, inputs),
            Effect::Refuse { channel: _, why } => self.refused = Some(why),
        }
    }

    fn move_pointer(&mut self, to: Option<ReleaseRef>) -> Result<(), Unreadable> {
        let to = to.ok_or(Unreadable::NotWhole)?;
        self.folder.move_pointer(&to).map_err(|_| Unreadable::NotWhole)?;
        self.remember(Change::Pointer { to });
        Ok(())
    }

    fn verify(&mut self, release: ReleaseRef) -> Input {
        covers!("N4", "N13");
        let offer = self.offered.take().filter(|offer| offer.release == release);
        let result = match &offer {
            None => Err((Refusal::Digest, "the offer is not whole".to_owned())),
            Some(offer) => self.accept(offer),
        };
        self.sentence.clear();
        if let Err((_, sentence)) = &result {
            tracing::info!(serial = %self.setup.serial, %sentence, "the controller refused a release");
            self.sentence.clone_from(sentence);
        }
        Input::Verified { release, result: result.map_err(|(refusal, _)| refusal) }
    }

    /// Verifies, then keeps: the artifact first, and floors and root in one write. When that fails, nothing was accepted.
    fn accept(&self, offer: &Offer) -> Result<(), trust::Refused> {
        covers!("N13");
        let Setup { trust, books, .. } = &self.setup;
        let used = self.machine.shelf().floor.map(|floor| floor.version).unwrap_or_default();
        let accepted = trust::verify(*trust, &self.folder, books, offer, used)?;
        let storage = |error: std::io::Error| (Refusal::StorageFull, format!("it could not be kept: {error}"));
        let artifact = offer.only(wardline_wire::Part::Artifact).unwrap_or_default();
        self.folder.keep_release(&offer.release, artifact).map_err(storage)?;
        accepted.map_or(Ok(()), |accepted| {
            self.folder.keep_trusted(accepted.new_root.as_deref(), &accepted.floors).map_err(storage)
        })
    }

    fn show(&mut self, channel: u8, state: ChannelState, library: Option<Version>, inputs: &mut VecDeque<Input>) {
        let at = usize::from(channel) - 1;
        let at_ms = self.at_ms;
        self.beds[at].since = self.now();
        match state {
            ChannelState::Programmed => {
                if !self.load(at, at_ms) {
                    inputs.push_back(Input::Bedside(Bedside::Stop { channel }));
                }
            }
            ChannelState::Idle => self.beds[at].run = None,
            ChannelState::Infusing | ChannelState::KeepVeinOpen => self.flow(at, at_ms),
            ChannelState::Bolus => self.bolus(at, at_ms),
            ChannelState::Paused | ChannelState::Alarming => {
                self.retitrate(at, at_ms);
                if let Some(run) = &mut self.beds[at].run {
                    run.delivery.stop(at_ms);
                }
            }
            ChannelState::DelayedStart => {}
        }
        if state == ChannelState::Alarming
            && let Some(alarm) = self.beds[at].alarm
        {
            let alarm = alarm.as_str().to_owned();
            self.tell(Say::Alarm { channel, alarm, began: true, at: self.now() });
        }
        self.remember(Change::Channel { channel, state });
        let detail = self.beds[at].run.as_ref().map_or_else(String::new, Run::detail);
        let detail = detail.chars().take(limits::DETAIL / 4).collect();
        self.tell(Say::Therapy { channel, state, at: self.now(), library, detail });
        self.tell_status();
    }

    /// The machine took the program: the limits are copied from the library that the machine says governs it (N3).
    fn load(&mut self, at: usize, at_ms: u64) -> bool {
        covers!("N3");
        let Some(program) = self.beds[at].wanted.take() else {
            // Back to programmed after an alarm: the run is there already.
            return self.beds[at].run.is_some();
        };
        let taken = self.machine.channels()[at].program.as_ref().map(|taken| (taken.library, taken.entry.clone()));
        let run = taken.and_then(|(release, entry)| {
            let book = self.book(&release)?;
            let area = book.library.care_area(&self.setup.care_area)?;
            let key = area.entries.iter().map(wardline_library::Entry::key).find(|key| name(key) == entry)?;
            let limits = book.library.snapshot(book.digest, &self.setup.care_area, &key)?;
            // A program that waited for a switch is judged again by the library that governs it now.
            let fits = !matches!(limits.check(&program), Checked::HardLimit(_));
            fits.then(|| Run::new(limits, program, at_ms)).flatten()
        });
        self.beds[at].run = run;
        self.beds[at].run.is_some()
    }

    fn flow(&mut self, at: usize, at_ms: u64) {
        self.retitrate(at, at_ms);
        if let Some(run) = &mut self.beds[at].run {
            run.delivery.start(at_ms);
        }
    }

    fn retitrate(&mut self, at: usize, at_ms: u64) {
        let bed = &mut self.beds[at];
        if let (Some(run), Some(program)) = (&mut bed.run, bed.titration.take())
            && let Some(rate) = rate_ul_per_h(&run.limits.entry, &program)
        {
            run.delivery.titrate(rate, at_ms);
            run.program = program;
        }
    }

    fn bolus(&mut self, at: usize, at_ms: u64) {
        let bed = &mut self.beds[at];
        let Some(run) = &mut bed.run else { return };
        match bed.bolus.take() {
            Some(bolus) => {
                let volume = run.limits.bolus_ul(&bolus).unwrap_or(0);
                run.delivery.bolus(volume, microlitres(bolus.rate_ml_h).unwrap_or(0), at_ms);
            }
            // Back from an alarm that interrupted a bolus: its rest is not given, the infusion goes on.
            None => run.delivery.start(at_ms),
        }
    }

    /// A person dealt with what alarmed.
    pub(super) fn quiet(&mut self, channel: u8) {
        let at = usize::from(channel) - 1;
        if let Some(alarm) = self.beds[at].alarm.take() {
            self.tell(Say::Alarm { channel, alarm: alarm.as_str().to_owned(), began: false, at: self.now() });
        }
    }

    fn read_back(&mut self, kind: Kind, current: Option<ReleaseRef>) {
        covers!("N4");
        let holding = match (kind, current) {
            (Kind::DrugLibrary, _) => match self.folder.pointer() {
                Pointer::Empty => Holding::Nothing,
                Pointer::Torn => Holding::Torn,
                Pointer::Whole(release) => self.contents(release),
            },
            (Kind::Firmware | Kind::WirelessProfile | Kind::FirewallPolicy | Kind::TrustAnchors, _) => Holding::Nothing,
        };
        self.tell(Say::ReadBack(ReadBack { kind, holding }));
    }

    fn contents(&self, release: ReleaseRef) -> Holding {
        let Some(bytes) = self.folder.release(&release) else { return Holding::Torn };
        let Some(book) = self.setup.books.open(release.digest, &bytes) else { return Holding::Torn };
        Holding::Whole(Current {
            release,
            digest: digest_of(&bytes),
            entries: u32::try_from(book.library.entry_count()).unwrap_or(u32::MAX),
            sample: book.sample.clone(),
        })
    }

    fn say(&mut self, word: Word) {
        let request = self.request;
        let say = match word {
            Word::Hello(_) => return,
            Word::Status(_) => return self.tell_status(),
            Word::HoldGranted { id, lasts } => {
                let lasts_ms = u32::try_from(lasts.as_ms()).unwrap_or(u32::MAX);
                Say::HoldGranted { request, hold: id.0, lasts_ms }
            }
            Word::HoldDenied(why) => Say::HoldDenied {
                request,
                reason: match why {
                    Deny::Busy => DenyReason::Busy,
                    Deny::NotOffered => DenyReason::NotOffered,
                    Deny::Unsupported => DenyReason::Unsupported,
                    Deny::PersonNear => DenyReason::PersonNear,
                },
            },
            Word::HoldBroken(id) => Say::HoldBroken { hold: id.0 },
            Word::Verdict(release, verdict) => {
                let detail = std::mem::take(&mut self.sentence).chars().take(limits::DETAIL / 4).collect();
                Say::Verdict { release, verdict, detail }
            }
            Word::Switched(release) => Say::Switched { kind: release.kind, to: Some(release) },
            Word::SwitchRefused(release, why) => Say::SwitchRefused {
                kind: release.kind,
                to: Some(release),
                reason: match why {
                    SwitchRefused::NoHold => SwitchRefusal::NoHold,
                    SwitchRefused::Busy => SwitchRefusal::Busy,
                    SwitchRefused::NotVerified => SwitchRefusal::NotVerified,
                    SwitchRefused::BelowFloor => SwitchRefusal::BelowFloor,
                    SwitchRefused::Storage => SwitchRefusal::Storage,
                },
            },
        };
        self.tell(say);
    }

    pub(super) fn tell_status(&mut self) {
        let channels = (1u8..)
            .zip(self.machine.channels().iter().zip(&self.beds))
            .map(|(channel, (machine, bed))| Channel { channel, state: machine.state, since: bed.since })
            .collect();
        // A newer status replaces one that still waits.
        self.words.retain(|word| !matches!(word, Say::Status { .. }));
        self.tell(Say::Status { channels, hold: self.setup.support });
    }

    pub(super) fn tell(&mut self, say: Say) {
        if self.connection == 0 {
            return;
        }
        if self.words.len() >= MOST_WORDS {
            self.words.pop_front();
        }
        self.words.push_back(say);
        self.news.notify_one();
    }

    fn remember(&mut self, change: Change) {
        if self.changes.len() >= MOST_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
    }
}
