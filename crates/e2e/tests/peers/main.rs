//! Peers that Wardline did not write, and peers that mean no good, at every port of a real hub.
//!
//! | file | what it is |
//! |---|---|
//! | `ward.rs` | a hub with two expected pumps, and `openssl` and `curl` beside it |
//! | `enrol.rs` | enrolment and renewal by `curl` with requests by `openssl` |
//! | `legacy.rs` | enrolment by TLS 1.2 at the listener for it, and by strongSwan's client |
//! | `labels.rs` | labels, how long certificates last, and one key for one certificate |
//! | `approvals.rs` | first certificates that wait for a person |
//! | `births.rs` | birth certificates as makers write them, good and bad |
//! | `certificates.rs` | certificates that must not pass, at the link and at enrolment |
//! | `requests.rs` | requests that are malformed, too long or too slow |
//! | `resumed.rs` | a quarantine against live links, resumed sessions and open connections |
//! | `crowd.rs` | garbage, half-open, slow, silent and too many peers |

mod approvals;
mod births;
mod certificates;
mod crowd;
mod enrol;
mod labels;
mod legacy;
mod requests;
mod resumed;
mod ward;
