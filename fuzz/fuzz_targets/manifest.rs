//! The hospital's list of pumps, CSV or workbook, as a stranger might craft it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = wardline_fleet::manifest::from_bytes(data, &Default::default());
});
