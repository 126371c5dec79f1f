//! Provisioning: scanned deliveries, products, rules about who may enrol without a person, profiles, and how far each
//! new pump has come.

use serde_json::Value;
use wardline_model::{AssetTag, CareArea, Model, Owner, PumpId, Serial, Time};

use crate::described::api_type;

api_type! {
    /// A delivery as it was scanned.
    pub struct ScannedPumps {
        /// One barcode on each line; a line that is none is the asset tag of the pump whose barcode comes next.
        pub text: String,
        /// Where all of them belong.
        pub care_area: CareArea,
    }

    /// The hospital's table of products.
    pub struct Devices {
        /// Grows with every change.
        pub revision: u64,
        /// Every product, by number.
        pub devices: Vec<DeviceRow>,
    }

    /// A product of a maker.
    pub struct DeviceRow {
        /// Its GTIN, 14 digits.
        pub gtin: String,
        /// What the hospital calls it.
        pub model: Model,
    }

    /// Says which model a product is.
    pub struct NewDevice {
        /// The model.
        pub model: Model,
    }

    /// The hospital's rules about who may enrol without a person.
    pub struct EnrolmentRules {
        /// Grows with every change; 0 while nobody has set any and the usual ones count.
        pub revision: u64,
        /// The rules, first one first, and what becomes of a pump that none fits (docs: provisioning).
        pub policy: Value,
        /// How many pumps each rule with a limit has let in.
        pub let_in: Vec<RuleCount>,
        /// When they were changed last.
        pub changed: Option<Time>,
        /// By whom.
        pub by: Option<String>,
    }

    /// How many pumps a rule has let in.
    pub struct RuleCount {
        /// The rule's name.
        pub rule: String,
        /// How many.
        pub pumps: u64,
    }

    /// Changes the hospital's rules as a whole.
    pub struct NewEnrolmentRules {
        /// The revision that the change was made from.
        pub revision: u64,
        /// The rules.
        pub policy: Value,
        /// Why, for the audit.
        pub reason: String,
    }

    /// The hospital's profiles: what a new pump starts with.
    pub struct Profiles {
        /// Grows with every change; 0 while nobody has set any and the usual one counts.
        pub revision: u64,
        /// Profiles, care areas and the profile of all others (docs: provisioning).
        pub book: Value,
        /// How many pumps have a profile of their own.
        pub own: u64,
    }

    /// Changes the hospital's profiles as a whole.
    pub struct NewProfiles {
        /// The revision that the change was made from.
        pub revision: u64,
        /// The profiles.
        pub book: Value,
        /// Why, for the audit.
        pub reason: String,
    }

    /// Gives pumps a profile of their own.
    pub struct AssignProfile {
        /// The pumps.
        pub pumps: Vec<PumpId>,
        /// The profile; left out, that of their care area counts again.
        pub profile: Option<String>,
    }

    /// How many pumps have come how far.
    pub struct StageCount {
        /// The stage.
        pub stage: String,
        /// How many.
        pub pumps: u64,
    }

    /// New pumps on their way into service.
    pub struct Provisioning {
        /// One sentence that answers the page's question.
        pub answer: String,
        /// How many are at which stage; every stage is there.
        pub stages: Vec<StageCount>,
        /// How many fit the filters.
        pub total: u64,
        /// Which page, from 1.
        pub page: u32,
        /// How many on a page.
        pub size: u32,
        /// The page, those that are stuck first.
        pub pumps: Vec<ProgressRow>,
    }

    /// How far a new pump has come.
    pub struct ProgressRow {
        /// Its id.
        pub id: PumpId,
        /// The hospital's inventory number.
        pub asset_tag: AssetTag,
        /// Its model.
        pub model: Model,
        /// The maker's serial number.
        pub serial: Serial,
        /// Where it belongs.
        pub care_area: CareArea,
        /// Its profile, if it has one.
        pub profile: Option<String>,
        /// The last stage that it has reached.
        pub stage: String,
        /// Since when.
        pub since: Option<Time>,
        /// What it waits for, as a sentence without its full stop.
        pub waits_for: String,
        /// Whose turn it is.
        pub owner: Owner,
        /// Whether it has waited for longer than this stage usually takes.
        pub stuck: bool,
    }
}
