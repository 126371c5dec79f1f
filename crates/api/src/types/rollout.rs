//! Rollouts: what is on its way, how far it is, and who is missing.

use wardline_model::{AssetTag, CareArea, Kind, Owner, PumpId, Time, Version, Wait};

use crate::described::{api_type, api_words};
use crate::types::Attention;

api_words! {
    /// What people decided about a rollout, or what stopped it.
    pub enum RolloutState {
        /// Gives pumps their turn.
        Running = "running",
        /// Gives no new turns; a person can resume it.
        Paused = "paused",
        /// Stopped itself for good: a pump disproved the release.
        Halted = "halted",
        /// Every pump that counts has it.
        Finished = "finished",
        /// A person ended it, or a newer rollout took its place.
        Cancelled = "cancelled",
    }
}

api_type! {
    /// All rollouts, newest first.
    pub struct Rollouts {
        /// The rollouts.
        pub rollouts: Vec<RolloutRow>,
    }

    /// A rollout in a list.
    pub struct RolloutRow {
        /// Its number.
        pub id: u64,
        /// The kind of its release.
        pub kind: Kind,
        /// The version of its release.
        pub version: Version,
        /// What was decided about it.
        pub state: RolloutState,
        /// When it began.
        pub created: Time,
        /// Who began it.
        pub by: String,
        /// How many pumps it is meant for.
        pub pumps: u64,
        /// How many have it active.
        pub adopted: u64,
        /// How many will not get it without a person.
        pub needs_person: u64,
        /// Why it is in this state, in one sentence.
        pub why: String,
    }

    /// A rollout with its curve and its stragglers.
    pub struct RolloutDetail {
        /// As in the list.
        pub row: RolloutRow,
        /// The rings, in order.
        pub rings: Vec<Ring>,
        /// How many pumps may be on trial at once.
        pub trial_cap: u32,
        /// Adoption over time: moments and how many pumps had it active then.
        pub curve: Vec<CurvePoint>,
        /// The pumps that do not have it yet, oldest wait first, at most 200.
        pub stragglers: Vec<Straggler>,
        /// How many do not have it yet.
        pub missing: u64,
    }

    /// A set of pumps that a rollout reaches together.
    pub struct Ring {
        /// Its name.
        pub name: String,
        /// Who belongs to it, in words.
        pub members: String,
        /// The next ring opens when this share of it has settled, in percent.
        pub opens_next_at: u32,
    }

    /// One point of the adoption curve.
    pub struct CurvePoint {
        /// When.
        pub at: Time,
        /// How many pumps had the release active.
        pub adopted: u64,
        /// How many held it ready to switch.
        pub staged: u64,
        /// How many should run it.
        pub wanted: u64,
    }

    /// A pump that does not have the release yet.
    pub struct Straggler {
        /// Which.
        pub pump: PumpId,
        /// The hospital's inventory number.
        pub asset_tag: AssetTag,
        /// Where it belongs.
        pub care_area: CareArea,
        /// From which network address it was last heard of.
        pub last_place: Option<String>,
        /// When it was last seen.
        pub last_seen: Option<Time>,
        /// The version that it runs.
        pub active: Option<Version>,
        /// Why it is not there.
        pub wait: Option<Wait>,
        /// The same as a sentence.
        pub why: String,
        /// Whose turn it is.
        pub owner: Owner,
        /// What happens next, or what to do.
        pub next: String,
        /// For how long it has been like this, in milliseconds; since staged, where it is staged.
        pub age_ms: Option<u64>,
        /// Whether people need to look.
        pub attention: Attention,
    }

    /// Starts a rollout of a published release.
    pub struct NewRollout {
        /// The kind of the release.
        pub kind: Kind,
        /// Its version.
        pub version: Version,
        /// The care areas that are meant; all when empty.
        pub care_areas: Vec<String>,
        /// How many pumps may be on trial at once; the hub's own default when left out.
        pub trial_cap: Option<u32>,
        /// Why. It is kept in the audit trail.
        pub reason: String,
    }
}
