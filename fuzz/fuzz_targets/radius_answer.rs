//! What somebody in the access points' network answers to a Disconnect-Request.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wardline_hub::fuzzing::radius_answer(data));
