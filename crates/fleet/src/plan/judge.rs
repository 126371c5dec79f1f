//! Judging a release across pumps. One pump that did not reach its hub says nothing about a release; a fifth of them do.

use serde::{Deserialize, Serialize};
use wardline_model::{Outcome, Refusal};

use super::{Place, Rules};

/// How attempts at a release have ended so far, as the pumps' newest reports have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Pumps that run it, proven.
    pub proven: usize,
    /// Pumps whose attempt ended without a proof: unproven, interrupted, unknown, out of service, or refused.
    pub unproven: usize,
}

/// The fewest pumps without a proof that can stop a rollout: one pump, whatever share of a small ring it is, speaks of
/// itself and not of the release.
const LEAST_UNPROVEN: usize = 2;

impl Tally {
    pub(super) fn count<'a>(places: impl Iterator<Item = &'a Place>) -> Self {
        let mut tally = Self::default();
        for place in places {
            match place {
                Place::Settled | Place::SettledElsewhere => tally.proven += 1,
                // A stale plan is the planner's own doing, not the release's.
                Place::Ended { outcome: Outcome::Refused(Refusal::UnexpectedActive), .. } => {}
                Place::Ended { .. } | Place::Refused { .. } => tally.unproven += 1,
                // The slot broke; whether this release broke it is for a person, but it counts as a warning.
                Place::OutOfService => tally.unproven += 1,
                Place::NotInService
                | Place::RunsNewer
                | Place::Working { .. }
                | Place::NoHold
                | Place::Ready
                | Place::NotHeard => {}
            }
        }
        tally
    }

    /// Whether the rules' share is reached by enough attempts.
    pub(super) fn demands_pause(self, rules: &Rules) -> bool {
        let ended = self.proven + self.unproven;
        self.unproven >= LEAST_UNPROVEN
            && ended >= rules.pause_after
            && self.unproven * 100 >= ended * usize::from(rules.pause_percent)
    }
}
