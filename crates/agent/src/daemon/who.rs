//! Who this pump is: its key and certificates, and what it pins. Made by `identity`; here is only how the loop waits for
//! it.

use std::sync::Arc;

use rustls::ClientConfig;
use wardline_model::{Goal, PumpId, covers};
use wardline_pump::Verified;
use wardline_release::key::PublicKey;

use crate::config::Config;
use crate::fault::Killed;
use crate::sealed::Sealing;
use crate::session::Target;

use super::{Daemon, Fetching};
use wardline_model::ReleaseRef;
use wardline_pump::Input;

/// Who the pump is and whom it believes, once it is enrolled.
#[derive(Clone)]
pub struct Known {
    /// The pump that its certificate names.
    pub pump: PumpId,
    /// What it shows and believes on the link.
    pub tls: Arc<ClientConfig>,
    /// The hub's goal key, pinned at provisioning: no other key's goals count (N13).
    pub goal_key: PublicKey,
}

/// The pump's identity over time.
pub(super) struct Who {
    known: Option<Known>,
}

/// What changed about who the pump is.
pub(super) enum WhoChanged {}

impl Who {
    pub(super) fn begin(_config: &Config, _sealing: &Sealing) -> Self {
        Self { known: None }
    }

    /// An identity that was given: simulated pumps that were enrolled in bulk, and tests.
    pub(super) const fn given(known: Known) -> Self {
        Self { known: Some(known) }
    }

    pub(super) async fn next(&mut self) -> WhoChanged {
        std::future::pending().await
    }

    /// A goal that the pinned key signed for this pump.
    fn check_goal(&self, signed: &[u8]) -> Result<Verified<Goal>, String> {
        covers!("N13", "N14");
        let known = self.known.as_ref().ok_or("the pump does not know its hub's goal key yet")?;
        let goal =
            wardline_release::goal::verify(signed, &known.goal_key, known.pump).map_err(|why| why.to_string())?;
        Ok(Verified::from_verifier(goal.into_inner()))
    }
}

impl Daemon {
    /// Uses the identity that there is already, if there is one.
    pub(super) fn known_identity(&mut self) {
        if let Some(known) = self.identity.known.clone() {
            self.begin_as(known.pump);
            self.session.use_target(Target {
                place: self.config.hub.link.clone(),
                name: self.config.hub.name.clone(),
                tls: known.tls,
            });
        }
    }

    #[allow(clippy::unnecessary_wraps, clippy::needless_pass_by_value, reason = "the body follows with identity")]
    pub(super) fn identity_changed(&mut self, changed: WhoChanged) -> Result<(), Killed> {
        match changed {}
    }

    /// Takes a goal if the hub's goal key signed it for this pump.
    pub(super) fn goal(&mut self, signed: &[u8]) {
        match self.identity.check_goal(signed) {
            Ok(goal) => self.step(Input::Goal(Box::new(goal))),
            Err(why) => tracing::error!(%why, "a goal was refused"),
        }
    }

    pub(super) fn start_fetch(&self, _release: ReleaseRef) -> Option<Fetching> {
        None
    }
}
