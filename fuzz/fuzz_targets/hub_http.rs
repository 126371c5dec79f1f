//! Bodies and queries that people and programs send to the console and its API, and the hub's configuration.
#![no_main]

use wardline_api::types;
use wardline_fuzz::split;
use wardline_hub::fuzzing;

fn json<T: serde::de::DeserializeOwned + serde::Serialize>(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(bytes) {
        let _ = serde_json::to_vec(&value).expect("what was read can be written");
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = split(data) else { return };
    match kind % 8 {
        0 => fuzzing::form(rest),
        1 => fuzzing::upload(rest),
        2 => fuzzing::config(rest),
        3 => json::<types::NewAccount>(rest),
        4 => json::<types::NewToken>(rest),
        5 => json::<types::NewCodes>(rest),
        6 => json::<types::NewRollout>(rest),
        _ => json::<types::Reason>(rest),
    }
});
