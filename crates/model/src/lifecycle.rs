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

    /// Whether a pump in this state and at this level of quarantine may hold a link. One that is to be mended may: over
    /// its link goes nothing but what mends it.
    #[must_use]
    pub const fn may_link_at(self, level: Option<QuarantineLevel>) -> bool {
        self.may_link() || matches!((self, level), (Self::Quarantined, Some(QuarantineLevel::Remediate)))
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

/// Why a pump is to forget everything that makes it a pump of this hospital.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It has come to the end of its life.
    Retired,
    /// Nobody knows where it is.
    Lost,
    /// It goes back to whoever lent it.
    LoanerReturn,
}

impl Ending {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Retired, Self::Lost, Self::LoanerReturn];

    /// The word in signed orders and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retired => "retired",
            Self::Lost => "lost",
            Self::LoanerReturn => "loaner-return",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Ending {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ending = Self::ALL.into_iter().find(|ending| ending.as_str() == text);
        ending.ok_or("expected retired, lost or loaner-return")
    }
}

/// How hard a quarantine bites. From the mildest to the hardest; none of them reaches therapy (N8).
///
/// | level | lifecycle | link | what goes over the link | certificate |
/// |---|---|---|---|---|
/// | watch | as it was | as before | everything, and every connection, frame and fetch is recorded for people | good |
/// | remediate | quarantined | lives | goals and releases to the pump; report and posture from it; nothing else | good |
/// | cut | quarantined | none, and no handshake | nothing | on hold |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuarantineLevel {
    /// Full service, and everything that the pump does with the hub is recorded.
    Watch,
    /// The link lives for releases and posture, and for nothing else.
    Remediate,
    /// No link and no handshake.
    #[default]
    Cut,
}

impl QuarantineLevel {
    /// Every level, the mildest first.
    pub const ALL: [Self; 3] = [Self::Watch, Self::Remediate, Self::Cut];

    /// The word on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Remediate => "remediate",
            Self::Cut => "cut",
        }
    }
}

impl fmt::Display for QuarantineLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for QuarantineLevel {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or("expected watch, remediate or cut")
    }
}
