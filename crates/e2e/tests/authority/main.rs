//! The certificate authority as a hospital meets it: its key in a token, its place below the hospital's own root, and
//! everything that it signs judged by independent programs.
//!
//! | file | what it is |
//! |---|---|
//! | `ward` | the processes, as in the test program `processes` |
//! | `desk` | `openssl` and `curl` beside a hub, and a pump that is neither |
//! | `hsm` | SoftHSM: the token goes and comes back under a running fleet |
//! | `hospital` | an RSA root and a P-384 policy authority above ours |
//! | `lint` | pkilint on everything that is signed |

mod desk;
mod hospital;
mod hsm;
mod lint;
#[path = "../processes/ward.rs"]
#[allow(dead_code, reason = "shared with the test program that kills hubs and agents")]
mod ward;
