//! What a hostile hub may answer to an enrolment, and what our own tools read of such an answer.
#![no_main]

use base64::Engine as _;
use wardline_fuzz::{edited, split};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = split(data) else { return };
    let der = if kind % 2 == 0 { rest.to_vec() } else { edited(include_bytes!("../seeds/certs_only.der"), rest) };
    let _ = wardline_pki::est::parse_certs_only(&der);
    wardline_agent::fuzzing::est_answer(rest);
    wardline_agent::fuzzing::est_answer(base64::engine::general_purpose::STANDARD.encode(&der).as_bytes());
});
