//! The fleet at a glance.

use wardline_model::{Owner, Time};

use crate::described::api_type;
use crate::types::{Attention, RolloutRow};

api_type! {
    /// Is my fleet safe right now?
    pub struct Overview {
        /// The answer in a sentence.
        pub answer: String,
        /// How much attention the answer calls for.
        pub attention: Attention,
        /// When it was computed.
        pub at: Time,
        /// All pumps that are not retired and not only expected.
        pub pumps: u64,
        /// How many of them call for which attention.
        pub by_attention: Vec<AttentionCount>,
        /// How many have a link now.
        pub online: u64,
        /// How many report that they infuse, or hold a program.
        pub busy: u64,
        /// The care areas.
        pub care_areas: Vec<AreaCount>,
        /// What needs a person, most urgent first.
        pub todo: Vec<Todo>,
        /// Rollouts that are not done.
        pub rollouts: Vec<RolloutRow>,
        /// How many certificates expire within 7 days.
        pub expiring: u64,
        /// How many handshakes by strangers were refused in the last 24 hours.
        pub strangers: u64,
    }

    /// How many pumps call for one attention.
    pub struct AttentionCount {
        /// Which.
        pub attention: Attention,
        /// How many.
        pub pumps: u64,
    }

    /// A care area's pumps.
    pub struct AreaCount {
        /// Its name; empty for pumps without one.
        pub name: String,
        /// How many pumps.
        pub pumps: u64,
        /// How many of them call for which attention.
        pub by_attention: Vec<AttentionCount>,
    }

    /// One thing that needs a person.
    pub struct Todo {
        /// What, as a sentence.
        pub what: String,
        /// How many pumps it concerns.
        pub pumps: u64,
        /// Whose turn it is.
        pub owner: Owner,
        /// The console page with the rows behind it.
        pub href: String,
        /// How urgent.
        pub attention: Attention,
    }
}
