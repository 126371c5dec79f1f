//! Where a pump is between its box and the shredder.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// A pump's place in its life, as the hospital's registry holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifecycle {
    /// On the manifest; no certificate yet.
    Expected,
    /// Holds a certificate; has not linked yet.
    Enrolled,
    /// Linked at least once and trusted.
    InService,
    /// Taken down by a person or a rule: no link, no certificate use; therapy runs on (N8).
    Quarantined,
    /// Reported lost: its certificate is revoked and it may not enrol again until found.
    Lost,
    /// At the end of its life: never again.
    Retired,
}

impl Lifecycle {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 6] =
        [Self::Expected, Self::Enrolled, Self::InService, Self::Quarantined, Self::Lost, Self::Retired];

    /// Whether a pump in this state may hold a link.
    #[must_use]
    pub const fn may_link(self) -> bool {
        matches!(self, Self::Enrolled | Self::InService)
    }

    /// The word on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Enrolled => "enrolled",
            Self::InService => "in-service",
            Self::Quarantined => "quarantined",
            Self::Lost => "lost",
            Self::Retired => "retired",
        }
    }
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Lifecycle {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or("expected expected, enrolled, in-service, quarantined, lost or retired")
    }
}

/// How hard a quarantine bites. The first form knows one level; the closed enum leaves room for `remediate` and `watch`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuarantineLevel {
    /// No link and no handshake.
    #[default]
    Cut,
}
