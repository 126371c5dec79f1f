#![no_main]
//! Bytes that claim to be a goal: refused, never a panic. Nobody signs with this key, so nothing may pass.
use libfuzzer_sys::fuzz_target;
use wardline_model::PumpId;
use wardline_release::goal;
use wardline_release::key::PublicKey;

fuzz_target!(|data: &[u8]| {
    // The public key of RFC 8032, section 7.1, test 1.
    let hex = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    if let Some(key) = PublicKey::from_hex(hex) {
        assert!(goal::verify(data, &key, PumpId::from_bytes([1; 16])).is_err());
    }
});
