//! First certificates that wait for a person.

use wardline_model::{AssetTag, CareArea, Model, PumpId, Serial, Time};

use crate::described::api_type;

api_type! {
    /// Pumps that proved themselves and wait for a person's yes, and what was decided lately.
    pub struct EnrolmentRequests {
        /// Those that wait, oldest first, at most 200.
        pub waiting: Vec<EnrolmentRequest>,
        /// Those that were decided, newest first, at most 50.
        pub decided: Vec<EnrolmentRequest>,
    }

    /// A pump that asks for its first certificate.
    pub struct EnrolmentRequest {
        /// The number to decide it by.
        pub id: String,
        /// The pump that it proved to be.
        pub pump: PumpId,
        /// That pump's asset tag.
        pub asset_tag: AssetTag,
        /// Its serial number.
        pub serial: Serial,
        /// Its model.
        pub model: Model,
        /// Where it will belong.
        pub care_area: CareArea,
        /// SHA-256 of the public key that it asks for, to compare with what the pump shows.
        pub key: String,
        /// SHA-256 of the birth certificate that vouches for it.
        pub birth_certificate: String,
        /// The label that it came by; empty for none.
        pub label: String,
        /// The address that it asks from.
        pub from: String,
        /// Since when it asks.
        pub asked: Time,
        /// When it asked last, to within five minutes.
        pub asked_last: Time,
        /// Until when somebody must decide, or the pump must have collected its certificate.
        pub expires: Time,
        /// `waiting`, `approved`, `denied` or `used`.
        pub state: String,
        /// When it was decided.
        pub decided: Option<Time>,
        /// By whom.
        pub by: Option<String>,
        /// Why.
        pub reason: Option<String>,
    }
}
