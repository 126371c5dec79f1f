//! What the controller and the hub say, as inputs of the machine.

use std::time::Duration;

use tokio::time::Instant;
use wardline_model::{EventBody, HoldSupport, Refusal};
use wardline_pump::{Contents, Controller, Found, HoldId, Hub, Input, SwitchProblem};
use wardline_wire::link::CloseReason;
use wardline_wire::{Ask, Current, Greeting, Holding, ReadBack, Say, SwitchRefusal, therapy, version};

use super::{Daemon, keep, now};
use crate::controller::Heard;
use crate::fault::Killed;
use crate::outbox::Resumed;
use crate::session::Happened;

/// How much earlier than the controller the agent takes a hold for ended: what it does under one must arrive in time.
const HOLD_MARGIN: Duration = Duration::from_millis(200);

impl Daemon {
    pub(super) fn heard(&mut self, heard: Heard) -> Result<(), Killed> {
        match heard {
            Heard::Present { hold, kinds } => {
                self.hold_support = hold;
                self.kinds = kinds;
                self.status.controller(true);
                self.step(Input::Controller(Controller::Present(hold)));
            }
            Heard::Silent(why) => {
                tracing::warn!(%why, "the therapy controller is silent: its state is unknown, so nothing will be switched");
                self.hold.asked = None;
                self.hold.granted = None;
                self.hold_support = HoldSupport::Unknown;
                self.status.controller(false);
                self.step(Input::Controller(Controller::Silent));
            }
            Heard::Said(say) => self.said(say)?,
        }
        Ok(())
    }

    fn said(&mut self, say: Say) -> Result<(), Killed> {
        match say {
            Say::Hello { .. } => {}
            Say::Status { channels, hold } => {
                if hold != self.hold_support {
                    self.hold_support = hold;
                    self.step(Input::Controller(Controller::Present(hold)));
                }
                self.step(Input::Controller(Controller::Therapy(therapy(&channels))));
            }
            Say::HoldGranted { request, hold, lasts_ms } => self.granted(request, hold, lasts_ms),
            Say::HoldDenied { request, reason } => {
                if self.hold.asked.take_if(|asked| *asked == request).is_some() {
                    tracing::debug!(?reason, "no hold");
                    self.step(Input::Controller(Controller::HoldDenied));
                }
            }
            Say::HoldBroken { hold } => {
                self.hold.granted.take_if(|(granted, _)| *granted == hold);
                self.step(Input::Controller(Controller::HoldBroken(HoldId(hold))));
            }
            Say::Verdict { release, verdict, detail } => {
                if let Err(refusal) = verdict {
                    tracing::warn!(?release, ?refusal, %detail, "the therapy controller refused a release");
                }
                self.step(Input::Staged { release, result: verdict });
            }
            Say::Switched { kind, to } => self.step(Input::Switched { kind, to, result: Ok(()) }),
            Say::SwitchRefused { kind, to, reason } => {
                self.step(Input::Switched { kind, to, result: Err(problem(reason)) });
            }
            Say::ReadBack(ReadBack { kind, holding }) => {
                self.step(Input::Found { kind, found: found(holding) });
            }
            Say::Therapy { channel, state, library, detail, at: _ } => {
                let body = EventBody::TherapyChanged { channel, state, library, detail };
                keep(self.outbox.record(now(), [body]))?;
            }
            Say::Alarm { channel, alarm, began, at: _ } => {
                keep(self.outbox.record(now(), [EventBody::Alarm { channel, alarm, began }]))?;
            }
        }
        Ok(())
    }

    fn granted(&mut self, request: u64, hold: u64, lasts_ms: u32) {
        if self.hold.asked.take_if(|asked| *asked == request).is_none() {
            // Late: nobody waits for it any more, so therapy gets it back at once.
            self.port.ask(Ask::Release { hold });
            return;
        }
        let lasts = Duration::from_millis(u64::from(lasts_ms)).saturating_sub(HOLD_MARGIN);
        self.hold.granted = Some((hold, Instant::now() + lasts));
        self.step(Input::Controller(Controller::HoldGranted(HoldId(hold))));
    }

    pub(super) fn happened(&mut self, happened: Happened) -> Result<(), Killed> {
        match happened {
            Happened::Connected => self.say_hello(),
            Happened::Welcome { acked, now: hub } => self.welcomed(acked, hub)?,
            Happened::Acked(acked) => {
                self.sealing.fault().effect()?;
                keep(self.outbox.acknowledge(acked))?;
            }
            Happened::Goal(signed) => self.goal(&signed),
            // The machine fetches what a goal wants; new metadata may make an earlier try succeed.
            Happened::NewMetadata => self.step(Input::Timer),
            Happened::Held { why, nonce } => {
                tracing::warn!(%why, "the hub holds this pump: events wait here, releases go on, therapy is not touched");
                self.held = Some(nonce);
                self.report_soon();
            }
            Happened::Down { why, reason, is_refusal, again_in } => {
                tracing::info!(%why, ?reason, again_in_ms = again_in.as_millis() as u64, "the link is down");
                self.held = None;
                self.outbox.unlinked();
                // A pump that was taken down asks whether it is to be wiped; one that was refused, also whether to enrol anew.
                self.identity.link_down(is_refusal || reason == Some(CloseReason::TakenDown));
                self.status.link(None, &why);
                self.step(Input::Hub(Hub::Lost));
            }
        }
        Ok(())
    }

    fn say_hello(&mut self) {
        let Some((machine, model)) = self.machine.as_ref().map(|machine| (machine, self.config.model.clone())) else {
            return;
        };
        self.link_epoch = machine.epoch();
        let greeting = Greeting {
            versions: version::LINK.to_vec(),
            pump: machine.journal().pump,
            agent: crate::VERSION.to_owned(),
            boot: self.boot,
            oldest_event: self.outbox.oldest(),
            next_event: self.outbox.next(),
            generation: machine.journal().generation(),
            model,
            journal: self.outbox.journal_id(),
        };
        if let Err(error) = self.session.hello(greeting) {
            tracing::error!(%error, "Hello could not be sent");
        }
    }

    fn welcomed(&mut self, acked: wardline_model::Sequence, hub: wardline_model::Time) -> Result<(), Killed> {
        match self.outbox.resume(acked, now()) {
            Ok(Resumed::InStep) => {}
            Ok(Resumed::NumberedAnew { missing }) => {
                tracing::warn!(missing, "the hub has forgotten events; what is left is numbered anew");
                self.session.relink();
                return Ok(());
            }
            Err(crate::sealed::SealedError::Killed(killed)) => return Err(killed),
            Err(error) => tracing::error!(%error, "the event queue could not be written anew"),
        }
        tracing::info!(clock_behind_hub_ms = hub.since(now()).as_ms(), "the link is up");
        self.status.link(Some(now()), "");
        self.report_at = Some(Instant::now());
        self.step(Input::Hub(Hub::Reached(self.link_epoch)));
        Ok(())
    }
}

fn problem(reason: SwitchRefusal) -> SwitchProblem {
    match reason {
        SwitchRefusal::NoHold | SwitchRefusal::Busy => SwitchProblem::NoHold,
        SwitchRefusal::NotVerified => SwitchProblem::NotStaged,
        SwitchRefusal::Storage => SwitchProblem::Storage,
        SwitchRefusal::BelowFloor => SwitchProblem::Refused(Refusal::BelowFloor),
    }
}

fn found(holding: Holding) -> Found {
    match holding {
        Holding::Nothing => Found::Nothing,
        Holding::Torn => Found::Torn,
        Holding::Whole(Current { release, digest, entries, sample }) => {
            let contents = Contents { digest, entries: Some(u64::from(entries)), sample: Some(sample) };
            Found::Whole(release, contents)
        }
    }
}
