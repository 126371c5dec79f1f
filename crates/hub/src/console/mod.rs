//! The console and the HTTP API: what people and programs see of the hub.
//!
//! The router is built from the table in `api`: a route that is not there does not exist, and [`guard`] asks the table
//! who may pass before any handler runs. It refuses everything else (attack classes A22 and A23). Pages are rendered on
//! the server from the same values that the API returns, so a number on the screen and a number in JSON cannot differ.
//!
//! | file | what it is |
//! |---|---|
//! | `app` | what every handler shares |
//! | `routes` | the table's rows, each with its handler |
//! | `guard` | who may pass: sessions, tokens, roles, proof against forged forms, security headers |
//! | `fault` | a refusal for people and for programs |
//! | `fleet` | the fleet as derived just now, shared by all who look |
//! | `views`, `words` | database rows to what people see, fixed words to sentences |
//! | `overview`, `pumps`, `pump`, `rollouts`, `enrolment`, `enrolment_requests`, `provisioning`, `devices`, `profiles`, `rules`, `audit`, `settings`, `sign_in`, `wipe` | one noun each: API, page and forms |
//! | `pictures`, `time_line` | SVG drawn on the server |
//! | `csv`, `live`, `assets`, `metrics` | exports, server-sent events, files, metrics |

mod admission;
mod app;
mod assets;
mod audit;
mod certificates;
mod csv;
mod devices;
mod enrolment;
mod enrolment_requests;
mod fault;
mod fleet;
mod guard;
mod live;
mod metrics;
mod overview;
mod page;
mod pictures;
mod profiles;
mod provisioning;
mod pump;
mod pumps;
mod quarantine;
mod roll_over;
mod rollouts;
mod routes;
mod rules;
mod settings;
mod sign_in;
mod strangers;
mod time_line;
mod views;
mod wipe;
mod words;

pub use app::{Console, LabelPlace, PeerAddress, Settings, Uploads, Wiring};
pub use routes::router;

/// Reads a form, for fuzzing.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_form(bytes: &[u8]) {
    let _ = guard::pairs(bytes);
}

#[cfg(test)]
mod tests;
