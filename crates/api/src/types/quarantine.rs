//! Take-down: levels, previews, and which pumps are held.

use wardline_model::{AssetTag, CareArea, Lifecycle, PumpId, QuarantineLevel, Time};

use super::RefusedPump;
use crate::described::api_type;

api_type! {
    /// A quarantine of one pump.
    pub struct TakeDown {
        /// Why, in the words of the person who decides.
        pub reason: String,
        /// How hard; `cut` when not given.
        pub level: Option<QuarantineLevel>,
        /// After how many minutes it ends, if the pump has proven its posture by then; never when not given.
        pub minutes: Option<u32>,
    }

    /// A quarantine of several pumps.
    pub struct ChosenPumps {
        /// Which pumps.
        pub pumps: Vec<PumpId>,
        /// Why.
        pub reason: String,
        /// How hard; `cut` when not given.
        pub level: Option<QuarantineLevel>,
        /// After how many minutes it ends, if the pump has proven its posture by then; never when not given.
        pub minutes: Option<u32>,
        /// The preview's `seen`: demanded where the preview says so.
        pub seen: Option<String>,
    }

    /// Which pumps a quarantine would concern.
    pub struct PreviewOf {
        /// Which pumps.
        pub pumps: Vec<PumpId>,
        /// How hard; `cut` when not given.
        pub level: Option<QuarantineLevel>,
    }

    /// What a quarantine of a set would do, before it is decided.
    pub struct Preview {
        /// How hard.
        pub level: QuarantineLevel,
        /// How many pumps it would concern.
        pub pumps: u64,
        /// How many of them hold a link.
        pub linked: u64,
        /// How many infuse now, as reported. Their therapy is not touched.
        pub infusing: u64,
        /// Of how many nobody knows what therapy does.
        pub unknown: u64,
        /// Per care area, the hardest hit first.
        pub areas: Vec<PreviewArea>,
        /// Pumps that it would leave alone, each with why.
        pub refused: Vec<RefusedPump>,
        /// Why this preview must be seen before the decision, if it must.
        pub demanded: Option<String>,
        /// Proof that this preview was seen: to be sent with the decision.
        pub seen: String,
    }

    /// What a quarantine of a set would do to one care area.
    pub struct PreviewArea {
        /// Which.
        pub care_area: CareArea,
        /// How many of its pumps are chosen.
        pub chosen: u64,
        /// How many of the chosen infuse now, as reported.
        pub infusing: u64,
        /// How many of its pumps are in service now.
        pub in_service: u64,
        /// How many would be left in service.
        pub left: u64,
    }

    /// How a pump is held.
    pub struct Held {
        /// How hard.
        pub level: QuarantineLevel,
        /// The level before the newest decision: what undoing it restores.
        pub before: Option<QuarantineLevel>,
        /// Its place in life before the quarantine.
        pub former: Option<Lifecycle>,
        /// `person`, or which rule.
        pub cause: String,
        /// Why.
        pub reason: String,
        /// Who decided.
        pub by: String,
        /// Since when at this level.
        pub since: Time,
        /// When it ends, if the pump has proven its posture by then.
        pub until: Option<Time>,
    }

    /// A pump that is held.
    pub struct HeldPump {
        /// Which.
        pub pump: PumpId,
        /// Its inventory number.
        pub asset_tag: AssetTag,
        /// How.
        pub held: Held,
    }

    /// Every pump that is held at some level.
    pub struct HeldPumps {
        /// The newest first.
        pub pumps: Vec<HeldPump>,
    }

    /// One thing that a watched pump did with the hub.
    pub struct WatchedEntry {
        /// When.
        pub at: Time,
        /// What: `connection`, `frame`, `fetch`, `request` or `end`.
        pub what: String,
        /// Which.
        pub detail: String,
        /// How many of its kind, when there were more than are kept apart.
        pub times: u64,
    }

    /// What a pump did while it was watched.
    pub struct WatchedEntries {
        /// How many are kept.
        pub total: u64,
        /// The newest first.
        pub entries: Vec<WatchedEntry>,
    }
}
