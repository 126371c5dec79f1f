//! A certificate as a peer shows it in a handshake: raw, or a good one with edits. Who is read out of it is read the same
//! from its own bytes.
#![no_main]

use wardline_fuzz::{edited, split};
use wardline_model::Time;
use wardline_pki::strict::{self, Usage};
use wardline_pki::{BirthIdentity, Cert, PumpIdentity};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = split(data) else { return };
    let bytes = if kind % 2 == 0 { rest.to_vec() } else { edited(include_bytes!("../seeds/certificate.der"), rest) };
    let Ok(cert) = Cert::from_der(&bytes) else { return };
    assert_eq!(cert.der(), bytes, "one certificate has one spelling");
    let now = Time::from_unix_s(1_900_000_000);
    for usage in [Usage::Pump, Usage::Server, Usage::Birth] {
        let _ = strict::leaf(&cert, usage, now);
        let _ = strict::chain(&[&cert, &cert], usage, now);
    }
    let (pump, birth) = (PumpIdentity::of(&cert), BirthIdentity::of(&cert));
    assert!(pump.is_err() || birth.is_err(), "a certificate is a pump's or a birth certificate, never both");
    let _ = Cert::from_pem(&cert.to_pem()).expect("what was read is written and read again");
});
