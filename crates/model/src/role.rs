//! What a person may be to the console, the command line and the HTTP interface.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// A person's role. What each role may do is one table in `api`; this is only the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Sees everything that is not secret, changes nothing.
    Viewer,
    /// Pharmacy informatics: drug libraries and their rollouts.
    Pharmacist,
    /// Clinical engineering: enrolment, care areas, retirement.
    Biomed,
    /// IT security: quarantine, revocation, audit.
    Security,
    /// Accounts and settings, and everything above.
    Administrator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Pharmacist, Self::Biomed, Self::Security, Self::Administrator];

    /// The word on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Pharmacist => "pharmacist",
            Self::Biomed => "biomed",
            Self::Security => "security",
            Self::Administrator => "administrator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or("expected viewer, pharmacist, biomed, security or administrator")
    }
}
