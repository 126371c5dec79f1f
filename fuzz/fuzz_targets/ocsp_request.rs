//! A question about certificates, from anybody.
#![no_main]

use wardline_fuzz::{edited, split};
use wardline_pki::ocsp::Asked;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = split(data) else { return };
    let der = if kind % 2 == 0 { rest.to_vec() } else { edited(include_bytes!("../seeds/ocsp_request.der"), rest) };
    if let Ok(asked) = Asked::from_der(&der) {
        assert!(asked.serials().count() > 0);
        let _ = asked.is_repeatable();
    }
});
