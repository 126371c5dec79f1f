//! A backup file, as somebody might craft it who wants the next restore to do his will.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let master = wardline_store::MasterKey::from_bytes([7; 32]);
    let _ = wardline_store::check_backup(data, &master);
});
