//! The hub's database, embedded SQLite or PostgreSQL, behind one set of functions named by noun.
//!
//! | file | noun |
//! |---|---|
//! | `pumps` | the registry: which pumps exist, where they are in their life, what was last heard of them |
//! | `certificates` | every certificate that the hub issued, and the snapshot that guards the handshake |
//! | `enrolment_codes` | one-time codes |
//! | `enrolment_requests` | first certificates that wait for a person |
//! | `goals`, `reports` | what the hub wants of a pump and what the pump said last |
//! | `events` | what happened on a pump, in order, once (N11) |
//! | `repo` | signed metadata, artifacts and releases |
//! | `rollouts` | rollouts and samples of adoption |
//! | `roll_overs` | changes of the certificate authorities, one after the other |
//! | `accounts` | people, sessions, sign-in links, tokens |
//! | `audit` | the hash-chained record of every decision and refusal |
//! | `group` | decisions that wait together share a commit |
//! | `notices` | what hubs on one PostgreSQL tell each other, and how they take turns |
//! | `sightings` | strangers at the door, counted |
//! | `suspects` | signs that a key is in two hands, and the rules that act on them |
//! | `admissions` | where each pump was last admitted to the network |
//! | `watched` | what watched pumps did |
//! | `keys` | encryption of what is sensitive |
//! | `backup` | one file that restores into either engine |
//!
//! Rules it keeps: a decision and its audit record are one transaction; what a function returned is durable; nothing
//! sensitive is written in clear; the same statements run on both engines, and where they cannot, both texts stand side
//! by side in `engine`. It reads no clock: `now` is always an argument. It decides nothing: `fleet` does.

mod accounts;
mod admissions;
mod approvals;
mod audit;
mod authority;
mod backup;
mod certificates;
mod engine;
mod enrolment_codes;
mod enrolment_requests;
mod error;
mod events;
mod goals;
mod group;
mod keys;
mod migrate;
mod notices;
mod page;
mod presence;
mod profiles;
mod pumps;
mod repo;
mod reports;
mod roll_overs;
mod rollouts;
mod rotate;
mod row;
mod settings;
mod sightings;
mod store;
mod suspects;
mod watched;
mod wipes;
mod writer;

pub use accounts::{NewSession, NewUser, Session, SignInLink, Token, TokenRow, User};
pub use admissions::OnAir;
pub use audit::{Actor, AuditFault, AuditQuery, AuditRecord, AuditVerdict, Checkpoint, Decision, Entry, Verdict};
pub use authority::{CertificateCounts, ForecastWeek, Inventory, InventoryRow, OwnCertificate, OwnKind, WEEKS};
pub use backup::{BackupSummary, check_backup};
pub use certificates::{CertificateRow, CertificateState, NewCertificate, RegistryEntry, Revocation, RevokedRow};
pub use engine::{Engine, sqlite_url};
pub use enrolment_codes::{CodeRow, FoundCode, NewCode};
pub use enrolment_requests::{ApprovalAnswer, ApprovalAsk, ApprovalState, EnrolmentRequestRow};
pub use error::StoreError;
pub use events::{Appended, EventRow, Journal};
pub use goals::{GoalRow, NewGoal};
pub use keys::MasterKey;
pub use notices::{Heard, Neighbours, Notice, Turn};
pub use page::{LARGEST_PAGE, Page, PageRequest};
pub use presence::LinkChange;
pub use pumps::{
    Cap, ExpectedPump, FleetCounts, HeldPump, LifecycleChange, LinkFilter, PumpQuery, PumpRow, PumpSort, Quarantine,
    QuarantineChange, SortOrder, Standing,
};
pub use repo::{Artifact, ArtifactRow, MetadataFile, NewRelease, Publication, ReleaseRow, ReleaseState};
pub use reports::NewReport;
pub use roll_overs::{Generations, NewRollOver, RollOverRow, RollOverStage, RollOverWhat};
pub use rollouts::{AdoptionSample, NewRollout, RolloutRow, RolloutState};
pub use settings::{Setting, SettingRow};
pub use sightings::{Sighting, SightingQuery, SightingRow};
pub use store::Store;
pub use suspects::{NewSuspect, Suspect};
pub use watched::Watched;
pub use wipes::WipeRow;

#[cfg(test)]
mod tests;
