//! A wipe order as anybody may send it to a pump, a receipt as anybody may send it to the hub, and the notes on a pump's disk.
#![no_main]

use wardline_model::{Digest, PumpId};
use wardline_release::key::PublicKey;
use wardline_release::wipe;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // The base point of the curve: a key that nobody uses.
    let base = PublicKey::from_hex("5866666666666666666666666666666666666666666666666666666666666666");
    if let Some(key) = base {
        let _ = wipe::verify(data, &key, PumpId::from_random([1; 16]), &[Digest::from_bytes([1; 32])]);
    }
    let _ = wipe::Intent::unproven(data);
    let _ = wipe::Intent::claimed(data);
    if let Ok(receipt) = wipe::proven(data, |_, _, _| true) {
        assert_eq!(wipe::Receipt::as_kept(data).ok().as_ref(), Some(&*receipt));
    }
    wardline_agent::fuzzing::wipe_notes(data);
});
