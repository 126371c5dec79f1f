//! Any text: a decimal is refused or survives its own print.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(value) = text.parse::<wardline_model::Decimal>() {
        assert_eq!(value.to_string().parse(), Ok(value));
    }
});
