//! Enrolment: who is expected, who is on the way, and one-time codes.

use wardline_model::{AssetTag, CareArea, Model, PumpId, Serial, Time};

use crate::described::api_type;

api_type! {
    /// The state of enrolment.
    pub struct Enrolment {
        /// How many pumps are on the manifest and have no certificate yet.
        pub expected: u64,
        /// How many hold a certificate and have not linked yet.
        pub enrolled: u64,
        /// How many are in service.
        pub in_service: u64,
        /// The pumps that are expected, oldest first, at most 200.
        pub waiting: Vec<ExpectedPump>,
        /// The pumps that hold a certificate and have not linked yet, at most 200.
        pub pending: Vec<ExpectedPump>,
        /// One-time codes that can still be used.
        pub codes: Vec<CodeRow>,
    }

    /// A pump that is not in service yet.
    pub struct ExpectedPump {
        /// Its id.
        pub id: PumpId,
        /// The hospital's inventory number.
        pub asset_tag: AssetTag,
        /// The maker's serial number.
        pub serial: Serial,
        /// Its model.
        pub model: Model,
        /// Where it will belong.
        pub care_area: CareArea,
        /// Since when it has been waiting.
        pub since: Time,
    }

    /// A one-time code that was given out. The code itself is not kept.
    pub struct CodeRow {
        /// The number to withdraw it by.
        pub id: String,
        /// For which pump.
        pub pump: PumpId,
        /// That pump's asset tag or serial.
        pub name: String,
        /// When it was made.
        pub created: Time,
        /// When it ends.
        pub expires: Time,
        /// Who made it.
        pub by: String,
    }

    /// Asks for one-time codes.
    pub struct NewCodes {
        /// One code for each of these pumps; when empty, for every expected pump (at most 200).
        pub pumps: Vec<PumpId>,
        /// When no pump is named: only those of this care area.
        pub care_area: Option<CareArea>,
        /// When no pump is named: only those that have no code that can still be used.
        pub without_code: Option<bool>,
        /// How many hours the codes live, 1 to 168; 24 when left out.
        pub hours: Option<u32>,
    }

    /// One-time codes, shown once.
    pub struct MadeCodes {
        /// The codes.
        pub codes: Vec<MadeCode>,
    }

    /// A one-time code, shown once.
    pub struct MadeCode {
        /// For which pump.
        pub pump: PumpId,
        /// That pump's asset tag or serial.
        pub name: String,
        /// Where it will belong.
        pub care_area: CareArea,
        /// Its model.
        pub model: Model,
        /// The maker's serial number.
        pub serial: Serial,
        /// The code.
        pub code: String,
        /// The text for the label's QR code: hub, serial number, code and the root's fingerprint (docs: enrolment-code).
        pub scan: String,
        /// When it ends.
        pub expires: Time,
    }

    /// What an import of a manifest did. Either every row was taken or none.
    pub struct ManifestResult {
        /// How many pumps are new.
        pub added: u64,
        /// The rows that were not understood. When there is one, nothing was imported.
        pub errors: Vec<RowError>,
    }

    /// What was wrong with one cell of a file.
    pub struct RowError {
        /// The line in the file, from 1.
        pub line: u64,
        /// The column's heading.
        pub column: String,
        /// What stood there.
        pub value: String,
        /// What was expected.
        pub expected: String,
    }
}
