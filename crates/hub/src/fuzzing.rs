//! The hub's private parsers, for the targets in `fuzz/`. Compiled only with the feature `fuzzing`.

use axum::http::HeaderValue;

/// The value of an `Authorization` header on the enrolment listener.
pub fn credentials(value: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(value) {
        crate::est::credentials(&value);
    }
}

/// The body or query of a form.
pub fn form(bytes: &[u8]) {
    crate::console::fuzz_form(bytes);
}

/// The configuration file.
pub fn config(bytes: &[u8]) {
    if let Ok(config) = serde_json::from_slice::<crate::config::Config>(bytes) {
        let _ = config.check();
    }
}

/// The body of an upload of releases.
pub fn upload(bytes: &[u8]) {
    crate::repo::fuzz_upload(bytes);
}

/// An access point's answer to a Disconnect-Request.
pub fn radius_answer(bytes: &[u8]) {
    crate::coa::fuzz_answer(bytes);
}
