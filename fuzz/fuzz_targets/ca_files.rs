//! The files that an operator gets from a hospital's PKI team: certificates in PEM or DER, several in one.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(certs) = wardline_pki::subordinate::read_file(data) {
        assert!(!certs.is_empty());
    }
});
