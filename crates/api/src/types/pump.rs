//! Pumps as the API shows them.

use wardline_model::{
    AssetTag, CareArea, Digest, Generation, HoldSupport, Kind, Lifecycle, Model, Owner, PumpId, QuarantineLevel,
    Sequence, Serial, Therapy, Time, Version, Wait,
};

use crate::described::{api_type, api_words};

api_words! {
    /// What the hub knows of a pump's link. Unknown is its own word: it is never shown as good.
    pub enum LinkState {
        /// A link is up.
        Online = "online",
        /// There was a link; there is none now.
        Offline = "offline",
        /// No link was ever seen.
        Never = "never",
    }

    /// Whether people need to look at a pump, and how urgently. The one hue that a pump is painted with.
    pub enum Attention {
        /// In service, linked, at its goal.
        Good = "good",
        /// Something is under way and will end by itself.
        Waiting = "waiting",
        /// A person must do something.
        NeedsPerson = "needs-person",
        /// Taken down or lost.
        Danger = "danger",
        /// Not enough is known to say that it is well.
        Unknown = "unknown",
        /// Not in use: expected and not here yet, or retired.
        Off = "off",
    }

    /// What a list of pumps is sorted by.
    pub enum PumpSort {
        /// By asset tag.
        AssetTag = "asset-tag",
        /// By care area, then asset tag.
        CareArea = "care-area",
        /// By when it was last heard of.
        LastSeen = "last-seen",
        /// By model, then asset tag.
        Model = "model",
        /// By lifecycle, then asset tag.
        Lifecycle = "lifecycle",
        /// By how much it calls for a person, then by how long it has been like this.
        Urgency = "urgency",
    }
}

api_type! {
    /// What to list. Every filter narrows; none is required.
    pub struct PumpQuery {
        /// Part of an asset tag, serial, model or care area.
        pub search: Option<String>,
        /// Only pumps in this state.
        pub lifecycle: Option<Lifecycle>,
        /// Only pumps of this care area.
        pub care_area: Option<String>,
        /// Only pumps with this link state.
        pub link: Option<LinkState>,
        /// Only pumps that call for this attention.
        pub attention: Option<Attention>,
        /// What to sort by; asset tag by default.
        pub sort: Option<PumpSort>,
        /// Last first.
        pub descending: Option<bool>,
        /// Which page, from 1.
        pub page: Option<u32>,
        /// How many on a page, at most 500; 50 by default.
        pub size: Option<u32>,
    }

    /// One page of pumps.
    pub struct PumpPage {
        /// How many pumps fit the filters, on all pages.
        pub total: u64,
        /// This page's number, from 1.
        pub page: u32,
        /// The most pumps on a page.
        pub size: u32,
        /// The pumps.
        pub pumps: Vec<PumpRow>,
    }

    /// A pump in a list.
    pub struct PumpRow {
        /// Its id, for life.
        pub id: PumpId,
        /// The hospital's inventory number.
        pub asset_tag: AssetTag,
        /// The maker's serial number.
        pub serial: Serial,
        /// The maker's name for its kind.
        pub model: Model,
        /// Where it belongs.
        pub care_area: CareArea,
        /// Its place in its life.
        pub lifecycle: Lifecycle,
        /// The level of quarantine at which it is held, if it is.
        pub level: Option<QuarantineLevel>,
        /// Its link.
        pub link: LinkState,
        /// From which network address it was last heard of.
        pub last_place: Option<String>,
        /// When the hub last heard of it.
        pub last_seen: Option<Time>,
        /// What therapy does, as reported.
        pub therapy: Therapy,
        /// The drug library that is active, as reported.
        pub drug_library: Option<Version>,
        /// The slot that people should look at first.
        pub slot: Kind,
        /// Where that slot is on its way to its goal, such as `settled`, `staged` or `unknown`.
        pub phase: String,
        /// Whether people need to look.
        pub attention: Attention,
        /// Why, in one sentence.
        pub why: String,
        /// Whose turn it is.
        pub owner: Owner,
        /// For how long it has been like this, in milliseconds.
        pub age_ms: Option<u64>,
        /// When its certificate expires.
        pub certificate_expires: Option<Time>,
        /// Whether its certificate should have been renewed by now.
        pub certificate_overdue: bool,
    }

    /// A pump with everything that the hub knows of it.
    pub struct PumpDetail {
        /// As in the list.
        pub row: PumpRow,
        /// Its certificate, when it has one.
        pub certificate: Option<Certificate>,
        /// Its link, when there ever was one.
        pub connection: Option<Connection>,
        /// Whether its therapy controller can grant a hold.
        pub hold: HoldSupport,
        /// The newest goal for it.
        pub goal_generation: Option<Generation>,
        /// The newest goal that it says it holds.
        pub reported_generation: Option<Generation>,
        /// When the hub received its newest report.
        pub reported_at: Option<Time>,
        /// The five slots.
        pub slots: Vec<Slot>,
        /// Why it is taken down, if it is.
        pub down: Option<Down>,
        /// At which level it is held, why and until when, if it is.
        pub held: Option<super::Held>,
        /// Its newest events, newest first.
        pub events: Vec<PumpEvent>,
    }

    /// A certificate that the hub gave to a pump.
    pub struct Certificate {
        /// Its serial number, hexadecimal.
        pub serial: String,
        /// SHA-256 of the certificate.
        pub fingerprint: Digest,
        /// When it starts to be valid.
        pub not_before: Time,
        /// When it ends to be valid.
        pub not_after: Time,
    }

    /// A pump's link, now or the last one.
    pub struct Connection {
        /// When it began.
        pub since: Option<Time>,
        /// From which address.
        pub address: Option<String>,
        /// The version that its agent says it has.
        pub agent: Option<String>,
    }

    /// Why a pump is taken down, since when and by whom.
    pub struct Down {
        /// The reason that was given.
        pub reason: String,
        /// Who decided.
        pub by: String,
        /// When.
        pub at: Time,
    }

    /// One slot of a pump: what it should hold, what it holds, and why the two differ.
    pub struct Slot {
        /// Which.
        pub kind: Kind,
        /// Where it is, as derived from goal, report and time.
        pub phase: String,
        /// The version that the goal wants.
        pub goal: Option<Version>,
        /// The version that is active.
        pub active: Option<Version>,
        /// The digest that is active.
        pub active_digest: Option<Digest>,
        /// Why it is not moving.
        pub wait: Option<Wait>,
        /// The same as a sentence.
        pub why: String,
        /// Whose turn it is.
        pub owner: Owner,
        /// For how long it has been like this, in milliseconds; since staged, where something is staged.
        pub age_ms: Option<u64>,
        /// What happens next, or what to do.
        pub next: String,
        /// How the last attempt ended.
        pub last: Option<String>,
        /// Whether people need to look.
        pub attention: Attention,
    }

    /// Something that happened on a pump.
    pub struct PumpEvent {
        /// Its number on that pump.
        pub seq: Sequence,
        /// When, by the pump's clock.
        pub at: Time,
        /// When the hub stored it.
        pub received: Time,
        /// What kind of event.
        pub what: String,
        /// In words.
        pub text: String,
    }

    /// A page of a pump's events.
    pub struct PumpEvents {
        /// The events, newest first.
        pub events: Vec<PumpEvent>,
    }

    /// Why a decision is taken. It is kept in the audit trail.
    pub struct Reason {
        /// In the words of the person who decides.
        pub reason: String,
    }

    /// What a decision did.
    pub struct Decided {
        /// The pumps that it concerned.
        pub pumps: Vec<PumpId>,
        /// The pumps that it did not concern, each with why.
        pub refused: Vec<RefusedPump>,
        /// How many live links were closed.
        pub links_closed: u64,
        /// The number of its record in the audit trail.
        pub audit: Option<u64>,
    }

    /// A pump that a decision could not be applied to.
    pub struct RefusedPump {
        /// Which.
        pub pump: PumpId,
        /// Why not.
        pub why: String,
    }
}
