//! What a TPM, or whoever sits on its bus, may answer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wardline_agent::fuzzing::tpm_answer(data));
