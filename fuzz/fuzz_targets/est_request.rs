//! A certificate request and its credentials, as anybody may send them to the enrolment listener. The second half of the
//! inputs are edits of a good request, whose signature is not looked at: whoever asks can sign.
#![no_main]

use wardline_fuzz::{edited, split};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = split(data) else { return };
    match kind % 3 {
        0 => {
            let _ = wardline_pki::Csr::parse(rest);
            wardline_pki::csr::fuzz_names(rest);
        }
        1 => wardline_pki::csr::fuzz_names(&edited(include_bytes!("../seeds/request.der"), rest)),
        _ => wardline_hub::fuzzing::credentials(rest),
    }
});
