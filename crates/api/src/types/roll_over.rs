//! A change of the certificate authorities: how far it is, and every pump that is behind with its way back.

use wardline_model::{AssetTag, CareArea, Digest, PumpId, Time, Version};

use crate::described::{api_type, api_words};

api_words! {
    /// What is changed.
    pub enum RollOverWhat {
        /// Root and issuing authority.
        Root = "root",
        /// The issuing authority alone.
        Issuing = "issuing",
    }

    /// How far the hub is.
    pub enum RollOverStage {
        /// No change is under way.
        Quiet = "quiet",
        /// The new authorities are made; pumps prove the new root.
        Prepared = "prepared",
        /// The hub issues from the new authority and accepts both.
        Moved = "moved",
        /// Only the new authority counts.
        Finished = "finished",
    }

    /// What is left to do at a pump.
    pub enum RollOverLeft {
        /// It has yet to reach the hub over the new root.
        Prove = "prove",
        /// Its certificate comes from the old authority.
        Renew = "renew",
        /// It still believes the old root beside the new one.
        LetGo = "let-go",
    }

    /// How a pump that is behind comes there.
    pub enum RollOverWay {
        /// By itself.
        ByItself = "by-itself",
        /// By itself, once it is switched on near the network.
        SwitchOn = "switch-on",
        /// The same, by enrolling again with its birth certificate.
        Birth = "birth",
        /// A person brings it a one-time code.
        Code = "code",
        /// A person gives it the new root at its bedside.
        Visit = "visit",
    }
}

api_type! {
    /// A certificate of an authority.
    pub struct AuthorityRow {
        /// Its name.
        pub name: String,
        /// SHA-256 of the certificate.
        pub fingerprint: Digest,
        /// When it ends.
        pub ends: Time,
    }

    /// A set of trust anchors for people to sign.
    pub struct AnchorSetOffer {
        /// What it is for, in words.
        pub purpose: String,
        /// Its version: the next one that is free.
        pub version: Version,
        /// How many roots it lists.
        pub roots: u32,
        /// Exactly the bytes to be signed, as text.
        pub artifact: String,
    }

    /// How many pumps have what left to do.
    pub struct RollOverCount {
        /// What is left.
        pub left: RollOverLeft,
        /// At how many pumps.
        pub pumps: u64,
    }

    /// A pump that is behind.
    pub struct RollOverBehind {
        /// The pump.
        pub pump: PumpId,
        /// The hospital's inventory number.
        pub asset_tag: AssetTag,
        /// Where it belongs.
        pub care_area: CareArea,
        /// What is left to do there.
        pub left: RollOverLeft,
        /// How it comes there.
        pub way: RollOverWay,
        /// The same in words, for the person who goes there.
        pub how: String,
        /// When it was last heard of.
        pub last_seen: Option<Time>,
        /// When its certificate ends.
        pub certificate_ends: Option<Time>,
    }

    /// The change of the certificate authorities.
    pub struct RollOver {
        /// How far it is.
        pub stage: RollOverStage,
        /// What is changed.
        pub what: Option<RollOverWhat>,
        /// Since when.
        pub begun: Option<Time>,
        /// By whom.
        pub begun_by: Option<String>,
        /// Why.
        pub reason: Option<String>,
        /// The root in use, or the one that the change leaves.
        pub old_root: AuthorityRow,
        /// The issuing authority in use, or the one that the change leaves.
        pub old_issuing: AuthorityRow,
        /// The root that the change goes to.
        pub new_root: Option<AuthorityRow>,
        /// The issuing authority that the change goes to.
        pub new_issuing: Option<AuthorityRow>,
        /// How many pumps count.
        pub pumps: u64,
        /// At how many of them nothing is left.
        pub done: u64,
        /// What is left at the others.
        pub counts: Vec<RollOverCount>,
        /// How many of them stand in the way of the next step.
        pub in_the_way: u64,
        /// What to do next, in words.
        pub next: String,
        /// Those that are behind; the ones that need a person come first. At most 1,000.
        pub behind: Vec<RollOverBehind>,
        /// The sets of trust anchors that people sign for this change.
        pub sets: Vec<AnchorSetOffer>,
    }

    /// A change to begin.
    pub struct StartRollOver {
        /// What is changed.
        pub what: RollOverWhat,
        /// Why: it is kept in the audit trail.
        pub reason: String,
    }

    /// A step of a change.
    pub struct StepRollOver {
        /// Why: it is kept in the audit trail.
        pub reason: String,
        /// Go on although pumps are not ready for it; they are listed with how each comes back.
        pub go_on: Option<bool>,
    }
}
