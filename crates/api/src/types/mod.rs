//! The JSON of every call: one file per noun.
//!
//! Field names are snake_case, words are kebab-case, times are milliseconds since 1970 in UTC, ids are UUIDs. A field that
//! may be left out is an `Option`.

mod account;
mod admission;
mod audit;
mod certificate;
mod enrolment;
mod enrolment_request;
mod overview;
mod provisioning;
mod pump;
mod quarantine;
mod release;
mod roll_over;
mod rollout;
mod stranger;
mod wipe;

pub use account::*;
pub use admission::*;
pub use audit::*;
pub use certificate::*;
pub use enrolment::*;
pub use enrolment_request::*;
pub use overview::*;
pub use provisioning::*;
pub use pump::*;
pub use quarantine::*;
pub use release::*;
pub use roll_over::*;
pub use rollout::*;
pub use stranger::*;
pub use wipe::*;
