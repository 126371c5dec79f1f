//! People at the bedside, at a believable pace, and a watcher who believes nobody.
//!
//! | module | what it is |
//! |---|---|
//! | `chart` | what people did to one channel, and what must have come of it by arithmetic alone |
//! | `station` | one pump as people know it: it may be without power |
//! | `rounds` | what nurses do next, and when |
//! | `watch` | compares every pump with its chart, and counts what must never happen |
//!
//! The chart knows nothing of networks, hubs or releases. So whatever differs between pump and chart came from there, and
//! is a never event (N1, N2, N3, N5, N8).

mod chart;
mod rounds;
mod station;
mod watch;

pub use chart::{Chart, Expected};
pub use rounds::{Counts, Rounds};
pub use station::{Outage, Station};
pub use watch::{Found, Violations, look};

#[cfg(test)]
mod tests;
