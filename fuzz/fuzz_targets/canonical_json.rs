#![no_main]
//! A value that was read prints to JSON that reads back as the same value.
use libfuzzer_sys::fuzz_target;
use wardline_release::json::Value;

fuzz_target!(|data: &[u8]| {
    if let Ok(value) = Value::parse(data) {
        assert_eq!(Value::parse(&value.to_json()).as_ref(), Ok(&value));
        let _ = value.to_canonical();
    }
});
