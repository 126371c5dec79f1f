#![no_main]
//! What an EST server says of the request that it wants.

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = wardline_pki::csrattrs::parse(data);
});
