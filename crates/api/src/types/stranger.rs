//! Who was refused at the door, signs of clones, and the rules that act on them.

use wardline_model::{AssetTag, PumpId, QuarantineLevel, Time};

use crate::described::api_type;

api_type! {
    /// Refused peers of one kind, counted.
    pub struct StrangerRow {
        /// What it claimed to be; empty when it claimed nothing.
        pub claim: String,
        /// From where: a network address, or a radio's for Wi-Fi.
        pub source: String,
        /// Why it was refused, as a word.
        pub reason: String,
        /// The same as a sentence.
        pub why: String,
        /// How often.
        pub times: u64,
        /// The first time.
        pub first: Time,
        /// The last time.
        pub last: Time,
    }

    /// One page of refused peers, the newest first.
    pub struct Strangers {
        /// How many kinds fit the filters.
        pub total: u64,
        /// This page's number, from 1.
        pub page: u32,
        /// The kinds.
        pub strangers: Vec<StrangerRow>,
    }

    /// A sign that a pump's key is in two hands or is misused.
    pub struct SuspectRow {
        /// Whose identity.
        pub pump: PumpId,
        /// Its inventory number.
        pub asset_tag: AssetTag,
        /// `two-starts`, `old-certificate` or `wrong-pump`.
        pub kind: String,
        /// What was seen last.
        pub detail: String,
        /// How often.
        pub times: u64,
        /// The first time.
        pub first: Time,
        /// The last time.
        pub last: Time,
        /// The level at which the pump is held now, if it is.
        pub level: Option<QuarantineLevel>,
        /// When a person had seen to it; nothing while it is open.
        pub closed: Option<Time>,
        /// Who had.
        pub closed_by: String,
    }

    /// Every sign, the open ones first.
    pub struct Suspects {
        /// The signs.
        pub suspects: Vec<SuspectRow>,
    }

    /// What the hub does by itself on one kind of sign.
    pub struct TakeDownRule {
        /// Whether it acts; people are told either way.
        pub on: bool,
        /// At which level it holds a pump.
        pub level: QuarantineLevel,
        /// The most pumps that it may hold at one time without a person, 1 to 100.
        pub most_pumps: u32,
        /// And at most this share of the fleet in percent, 1 to 20, but always one pump.
        pub most_percent: u32,
    }

    /// The rules by which the hub takes pumps down by itself.
    pub struct TakeDownRules {
        /// A copied key.
        pub clone: TakeDownRule,
        /// A certificate that names another pump.
        pub misuse: TakeDownRule,
        /// Whether a pump that a person holds at remediate is given back when it has proven its posture.
        pub give_back: bool,
    }
}
