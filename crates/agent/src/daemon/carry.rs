//! The machine's effects, carried out in order: each only after the one before is done.

use tokio::time::Instant;
use wardline_model::{Kind, ReleaseRef, Switch};
use wardline_pump::{Effect, Expected, FetchProblem, Found, HoldId, Input, SwitchProblem};
use wardline_wire::Ask;

use super::{DISK_AGAIN, Daemon, keep, now};
use crate::controller::{Bundle, OfferOnItsWay};
use crate::fault::Killed;
use crate::sealed::SealedError;

/// Whether an effect is done.
enum Carried {
    Done,
    /// Not possible now; it and everything behind it waits.
    Later,
}

impl Daemon {
    pub(super) fn carry_out(&mut self) -> Result<(), Killed> {
        if self.disk_again.is_some() {
            return Ok(());
        }
        while let Some(effect) = self.effects.pop_front() {
            self.sealing.fault().effect()?;
            if let Carried::Later = self.carry(&effect)? {
                self.effects.push_front(effect);
                self.disk_again = Some(Instant::now() + DISK_AGAIN);
                break;
            }
        }
        self.fetch_next();
        Ok(())
    }

    fn carry(&mut self, effect: &Effect) -> Result<Carried, Killed> {
        match effect {
            Effect::Persist(journal) => match self.sealing.write(&self.slots_path(), &journal.to_bytes()) {
                Ok(()) => {}
                Err(SealedError::Killed(killed)) => return Err(killed),
                Err(error) => {
                    tracing::error!(%error, "the slot journal could not be written; nothing moves until it is");
                    return Ok(Carried::Later);
                }
            },
            Effect::Fetch(release) => {
                if !self.to_fetch.contains(release) {
                    self.to_fetch.push_back(*release);
                }
            }
            Effect::Stage(release) => self.stage(*release)?,
            Effect::AskHold(release) => self.ask_hold(*release),
            Effect::ReleaseHold(HoldId(hold)) => {
                self.hold.granted = None;
                self.port.ask(Ask::Release { hold: *hold });
            }
            Effect::Switch { to, hold } => self.switch(*to, *hold)?,
            Effect::GoBack { kind, to, hold } => self.go_back(*kind, *to, *hold)?,
            Effect::Inspect(kind) => self.inspect(*kind),
            Effect::Relink(_) => self.session.relink(),
            Effect::Record(body) => keep(self.outbox.record(now(), [body.clone()]))?,
            Effect::Report => self.report_soon(),
            Effect::Ready => tracing::info!("every slot of the communication side is whole"),
            Effect::Keep(release) => return self.keep_release(*release),
            Effect::Forget(release) => {
                if self.fetched.as_ref().is_some_and(|(fetched, _)| fetched == release) {
                    self.fetched = None;
                }
            }
        }
        Ok(Carried::Done)
    }

    /// Gives the fetched release to whoever switches it: the controller, who checks it for itself, or the agent's own shelf.
    fn stage(&mut self, release: ReleaseRef) -> Result<(), Killed> {
        match self.fetched.take() {
            Some((fetched, bundle)) if fetched == release => match own(release.kind) {
                Own::No => {
                    // With nobody there the machine stages again after the next greeting.
                    self.port.offer(OfferOnItsWay::new(release, bundle));
                }
                Own::Trust => {
                    let result = self.trust.stage(release, bundle.artifact)?;
                    self.step(Input::Staged { release, result });
                }
            },
            Some(_) | None => self.step(Input::Fetched { release, result: Err(FetchProblem::Unreachable) }),
        }
        Ok(())
    }

    fn ask_hold(&mut self, release: ReleaseRef) {
        self.hold.requests += 1;
        let request = self.hold.requests;
        self.hold.asked = self.port.ask(Ask::Hold { request, release }).then_some(request);
    }

    fn switch(&mut self, to: ReleaseRef, hold: Option<HoldId>) -> Result<(), Killed> {
        if let Own::Trust = own(to.kind) {
            let result = self.trust.switch(to)?;
            self.switched(Some(to), result);
            return Ok(());
        }
        let asked = hold.is_some_and(|HoldId(hold)| self.port.ask(Ask::MakeCurrent { hold, release: to }));
        if !asked {
            // The controller was not even asked, so what was active certainly still is.
            self.not_switched(to.kind, Some(to), SwitchProblem::NoHold);
        }
        Ok(())
    }

    fn go_back(&mut self, kind: Kind, to: Option<ReleaseRef>, hold: Option<HoldId>) -> Result<(), Killed> {
        if let Own::Trust = own(kind) {
            let result = self.trust.go_back(to)?;
            self.switched(to, result);
            return Ok(());
        }
        let hold = hold.map(|HoldId(hold)| hold);
        if !self.port.ask(Ask::GoBack { hold, kind, to }) {
            self.not_switched(kind, to, SwitchProblem::NoHold);
        }
        Ok(())
    }

    /// The trust anchors moved, or did not: the next connection believes what is active now.
    fn switched(&mut self, to: Option<ReleaseRef>, result: Result<(), SwitchProblem>) {
        if result.is_ok() {
            self.trust_changed();
        }
        self.step(Input::Switched { kind: Kind::TrustAnchors, to, result });
    }

    /// Of what this agent switches, only the trust anchors behave differently on trial.
    fn keep_release(&mut self, release: ReleaseRef) -> Result<Carried, Killed> {
        if let Own::Trust = own(release.kind) {
            if !self.trust.keep(release)? {
                return Ok(Carried::Later);
            }
            self.trust_changed();
        }
        Ok(Carried::Done)
    }

    fn not_switched(&mut self, kind: Kind, to: Option<ReleaseRef>, problem: SwitchProblem) {
        self.step(Input::Switched { kind, to, result: Err(problem) });
    }

    fn inspect(&mut self, kind: Kind) {
        match kind.row().switch {
            // With nobody there the machine asks again after the next greeting.
            Switch::Pointer => {
                self.port.ask(Ask::ReadBack { kind });
            }
            Switch::Bank | Switch::Beside => {
                let found = match own(kind) {
                    Own::Trust => self.trust.found(),
                    Own::No => Found::Nothing,
                };
                self.step(Input::Found { kind, found });
            }
        }
    }

    fn fetch_next(&mut self) {
        if self.fetching.is_none()
            && let Some(release) = self.to_fetch.pop_front()
        {
            match self.start_fetch(release) {
                Some(fetching) => self.fetching = Some(fetching),
                None => self.step(Input::Fetched { release, result: Err(FetchProblem::Unreachable) }),
            }
        }
    }

    pub(super) fn fetch_ended(&mut self, release: ReleaseRef, result: Result<(Expected, Bundle), FetchProblem>) {
        let result = result.map(|(expected, bundle)| {
            self.fetched = Some((release, bundle));
            expected
        });
        self.step(Input::Fetched { release, result });
    }
}

/// What the agent switches by itself.
enum Own {
    /// Nothing of this kind: the controller does, or nobody yet.
    No,
    /// Whom the pump believes.
    Trust,
}

const fn own(kind: Kind) -> Own {
    match kind {
        Kind::TrustAnchors => Own::Trust,
        Kind::Firmware | Kind::DrugLibrary | Kind::WirelessProfile | Kind::FirewallPolicy => Own::No,
    }
}
