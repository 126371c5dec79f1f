//! The order to wipe a pump at the end of its time in the hospital, and the pump's receipt.

use wardline_model::{Ending, PumpId, Time};

use crate::described::{api_type, api_words};

api_words! {
    /// How far a wipe is.
    pub enum WipeState {
        /// The pump has not asked for its order yet: it is off, or out of reach.
        Ordered = "ordered",
        /// The pump took the order; its receipt has not come.
        Taken = "taken",
        /// The pump's receipt is here.
        Wiped = "wiped",
        /// The pump was found before it took the order, and keeps what it has until it enrols anew.
        Withdrawn = "withdrawn",
    }
}

api_type! {
    /// An order to wipe a pump, and what came of it.
    pub struct Wipe {
        /// The pump.
        pub pump: PumpId,
        /// Why.
        pub ending: Ending,
        /// How far it is.
        pub state: WipeState,
        /// The order's name.
        pub nonce: String,
        /// When it was decided.
        pub decided: Time,
        /// When the pump took it.
        pub fetched: Option<Time>,
        /// When the receipt came.
        pub received: Option<Time>,
        /// What the receipt says.
        pub receipt: Option<WipeReceipt>,
    }

    /// What a pump says of its wipe. Both of its signatures were checked when it came.
    pub struct WipeReceipt {
        /// Where the pump kept its keys: `software` or `tpm2`.
        pub keys: String,
        /// How the device key went: from the `disk`, or from `tpm-and-disk`.
        pub key_gone: String,
        /// How many files there were.
        pub files: u64,
        /// Their bytes.
        pub bytes: u64,
        /// The names of the first of them.
        pub names: Vec<String>,
        /// How many could not be removed; what they hold opens no more.
        pub left: u64,
        /// How many events the hub had not received; they are gone.
        pub events: u64,
        /// When it began, by the pump's clock.
        pub began: Time,
        /// When it was done, by the pump's clock.
        pub done: Time,
        /// The fingerprint of the certificate whose key signed it.
        pub certificate: String,
        /// The receipt as it came, with its signatures.
        pub signed: String,
    }
}
