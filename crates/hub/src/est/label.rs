//! Labels (RFC 7030 section 3.2.2): a word in the address that names a set of rules. Only those of the configuration are
//! there; whoever asks by another one learns that, instead of getting a certificate by rules that nobody meant.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::Problem;
use crate::state::Hub;

/// The label of a request, which the configuration knows; nothing at the bare root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label(Option<String>);

impl Label {
    pub(super) fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl FromRequestParts<Arc<Hub>> for Label {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, hub).await;
        let label =
            params.ok().and_then(|params| params.iter().find(|(name, _)| *name == "label").map(|p| p.1.to_owned()));
        match label {
            Some(label) if !hub.config.enrolment.labels.contains_key(&label) => {
                let label = wardline_wire::text::clean(&label, 64);
                Err(Problem::NotFound(format!(
                    "there is no label {label:?} here; leave it out, or add it to enrolment.labels in the hub's config.json"
                )))
            }
            label => Ok(Self(label)),
        }
    }
}
