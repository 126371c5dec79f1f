//! Who may do what: five roles, a closed list of permissions, and the one matrix between them.
//!
//! | permission | viewer | pharmacist | biomed | security | administrator |
//! |---|---|---|---|---|---|
//! | read fleet, read audit | ✓ | ✓ | ✓ | ✓ | ✓ |
//! | read metrics | ✓ | ✓ | ✓ | ✓ | ✓ |
//! | quarantine, report lost or found | | | ✓ | ✓ | ✓ |
//! | give back from quarantine | | | ✓ | ✓ | ✓ |
//! | retire, let enrol anew | | | ✓ | | ✓ |
//! | enrol | | | ✓ | | ✓ |
//! | say who enrols without a person | | | | ✓ | ✓ |
//! | roll out drug libraries, upload releases | | ✓ | | | ✓ |
//! | set the take-down rules | | | | ✓ | ✓ |
//! | verify audit | | | | ✓ | ✓ |
//! | change certificate authorities | | | | | ✓ |
//! | manage accounts | | | | | ✓ |
//!
//! A person has one role. There is no role above the matrix and no account outside of it.

use serde::{Deserialize, Serialize};
use wardline_model::Role;

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
    /// Take a pump down, or report it lost or found.
    QuarantinePumps,
    /// Give a pump back that was taken down. Its own permission, so that a hospital's rule about giving trust back has a place.
    RestorePumps,
    /// End a pump's life, or let it enrol anew.
    RetirePumps,
    /// Import a manifest, make one-time codes, say what new pumps start with.
    EnrolPumps,
    /// Say who may enrol without a person.
    SetEnrolmentRules,
    /// Start, pause, resume and halt a rollout.
    RunRollouts,
    /// Give the hub signed metadata and artifacts.
    UploadReleases,
    /// Set the rules by which the hub takes pumps down by itself.
    SetRules,
    /// Verify the chain and sign checkpoints of the audit trail.
    VerifyAudit,
    /// Move the fleet from one set of certificate authorities to the next.
    ChangeAuthorities,
    /// Accounts, roles and tokens.
    ManageAccounts,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 14] = [
        Self::ReadFleet,
        Self::ReadAudit,
        Self::ReadMetrics,
        Self::QuarantinePumps,
        Self::RestorePumps,
        Self::RetirePumps,
        Self::EnrolPumps,
        Self::SetEnrolmentRules,
        Self::RunRollouts,
        Self::UploadReleases,
        Self::SetRules,
        Self::VerifyAudit,
        Self::ChangeAuthorities,
        Self::ManageAccounts,
    ];

    /// Whether a role holds it: the whole matrix is this one `match`.
    #[must_use]
    pub const fn held_by(self, role: Role) -> bool {
        match self {
            Self::ReadFleet | Self::ReadAudit | Self::ReadMetrics => true,
            Self::QuarantinePumps | Self::RestorePumps => {
                matches!(role, Role::Biomed | Role::Security | Role::Administrator)
            }
            Self::RetirePumps | Self::EnrolPumps => matches!(role, Role::Biomed | Role::Administrator),
            Self::RunRollouts | Self::UploadReleases => matches!(role, Role::Pharmacist | Role::Administrator),
            Self::SetEnrolmentRules | Self::SetRules | Self::VerifyAudit => {
                matches!(role, Role::Security | Role::Administrator)
            }
            Self::ChangeAuthorities | Self::ManageAccounts => matches!(role, Role::Administrator),
        }
    }

    /// The word in OpenAPI and in refusals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadFleet => "read-fleet",
            Self::ReadAudit => "read-audit",
            Self::ReadMetrics => "read-metrics",
            Self::QuarantinePumps => "quarantine-pumps",
            Self::RestorePumps => "restore-pumps",
            Self::RetirePumps => "retire-pumps",
            Self::EnrolPumps => "enrol-pumps",
            Self::SetEnrolmentRules => "set-enrolment-rules",
            Self::RunRollouts => "run-rollouts",
            Self::UploadReleases => "upload-releases",
            Self::SetRules => "set-rules",
            Self::VerifyAudit => "verify-audit",
            Self::ChangeAuthorities => "change-authorities",
            Self::ManageAccounts => "manage-accounts",
        }
    }
}

/// What a role is for, in one line for the person who gives it.
#[must_use]
pub const fn role_sentence(role: Role) -> &'static str {
    match role {
        Role::Viewer => "sees everything, changes nothing",
        Role::Pharmacist => "uploads signed drug libraries and runs their rollouts",
        Role::Biomed => "enrols, quarantines and retires pumps",
        Role::Security => {
            "quarantines pumps, gives them back, says who enrols without a person, verifies the audit trail"
        }
        Role::Administrator => "everything, accounts included",
    }
}
