//! Who may do what: five roles, a closed list of permissions, and the one matrix between them.
//!
//! | permission | viewer | pharmacist | biomed | security | administrator |
//! |---|---|---|---|---|---|
//! | read fleet, read audit | ✓ | ✓ | ✓ | ✓ | ✓ |
//! | read metrics | ✓ | ✓ | ✓ | ✓ | ✓ |
//! | quarantine, release, mark lost | | | ✓ | ✓ | ✓ |
//! | retire | | | ✓ | | ✓ |
//! | enrol | | | ✓ | | ✓ |
//! | roll out drug libraries, upload releases | | ✓ | | | ✓ |
//! | verify audit | | | | ✓ | ✓ |
//! | manage accounts | | | | | ✓ |
//!
//! A person has one role. There is no role above the matrix and no account outside of it.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// What a person (or a token) is, for this hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Looks, changes nothing.
    Viewer,
    /// Answers for drug libraries.
    Pharmacist,
    /// Clinical engineering: answers for the pumps as devices.
    Biomed,
    /// IT security: takes pumps down and reads the audit.
    Security,
    /// Everything, accounts included.
    Administrator,
}

/// What a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// See pumps, releases, rollouts and enrolment.
    ReadFleet,
    /// See the audit trail.
    ReadAudit,
    /// Read `/metrics`.
    ReadMetrics,
    /// Quarantine a pump, give it back, or mark it lost.
    QuarantinePumps,
    /// End a pump's life.
    RetirePumps,
    /// Import a manifest and make one-time codes.
    EnrolPumps,
    /// Start, pause, resume and halt a rollout.
    RunRollouts,
    /// Give the hub signed metadata and artifacts.
    UploadReleases,
    /// Verify the chain and sign checkpoints of the audit trail.
    VerifyAudit,
    /// Accounts, roles and tokens.
    ManageAccounts,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Pharmacist, Self::Biomed, Self::Security, Self::Administrator];

    /// Whether this role holds a permission: the whole matrix is this one `match`.
    #[must_use]
    pub const fn may(self, permission: Permission) -> bool {
        match permission {
            Permission::ReadFleet | Permission::ReadAudit | Permission::ReadMetrics => true,
            Permission::QuarantinePumps => matches!(self, Self::Biomed | Self::Security | Self::Administrator),
            Permission::RetirePumps | Permission::EnrolPumps => matches!(self, Self::Biomed | Self::Administrator),
            Permission::RunRollouts | Permission::UploadReleases => {
                matches!(self, Self::Pharmacist | Self::Administrator)
            }
            Permission::VerifyAudit => matches!(self, Self::Security | Self::Administrator),
            Permission::ManageAccounts => matches!(self, Self::Administrator),
        }
    }

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

    /// What the role is for, in one line for the person who gives it.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Viewer => "sees everything, changes nothing",
            Self::Pharmacist => "uploads signed drug libraries and runs their rollouts",
            Self::Biomed => "enrols, quarantines and retires pumps",
            Self::Security => "quarantines pumps and verifies the audit trail",
            Self::Administrator => "everything, accounts included",
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

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 10] = [
        Self::ReadFleet,
        Self::ReadAudit,
        Self::ReadMetrics,
        Self::QuarantinePumps,
        Self::RetirePumps,
        Self::EnrolPumps,
        Self::RunRollouts,
        Self::UploadReleases,
        Self::VerifyAudit,
        Self::ManageAccounts,
    ];

    /// The word in OpenAPI and in refusals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadFleet => "read-fleet",
            Self::ReadAudit => "read-audit",
            Self::ReadMetrics => "read-metrics",
            Self::QuarantinePumps => "quarantine-pumps",
            Self::RetirePumps => "retire-pumps",
            Self::EnrolPumps => "enrol-pumps",
            Self::RunRollouts => "run-rollouts",
            Self::UploadReleases => "upload-releases",
            Self::VerifyAudit => "verify-audit",
            Self::ManageAccounts => "manage-accounts",
        }
    }
}
