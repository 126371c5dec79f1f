//! Everything that a pump must not leave behind, in every form in which it might lie on a disk.

use std::path::Path;

use serde_json::Value;
use wardline_agent::config::Config;
use wardline_agent::fault::Fault;
use wardline_agent::sealed::Sealing;

/// A named secret.
pub struct Secret {
    pub name: String,
    bytes: Vec<u8>,
}

impl Secret {
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        assert!(bytes.len() >= 8, "{name} is too short to be searched for");
        Self { name: name.into(), bytes: bytes.to_vec() }
    }

    /// In the forms in which it was found in these bytes.
    pub fn found_in(&self, image: &[u8]) -> Vec<&'static str> {
        let hex: String = self.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let forms = [
            ("raw", self.bytes.clone()),
            ("hexadecimal", hex.clone().into_bytes()),
            ("HEXADECIMAL", hex.to_uppercase().into_bytes()),
            // Without the last characters, which depend on what follows.
            ("base64", base64(&self.bytes).into_bytes()),
        ];
        forms.into_iter().filter(|(_, form)| contains(image, form)).map(|(name, _)| name).collect()
    }
}

fn contains(image: &[u8], what: &[u8]) -> bool {
    let Some(first) = what.first() else { return false };
    let mut rest = image;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        if rest[at..].starts_with(what) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks_exact(3) {
        let number = (u32::from(three[0]) << 16) | (u32::from(three[1]) << 8) | u32::from(three[2]);
        text.extend([18, 12, 6, 0].map(|shift| char::from(DIGITS[(number >> shift & 63) as usize])));
    }
    text
}

fn unbase64(text: &str) -> Vec<u8> {
    let digit = |c: char| match c {
        'A'..='Z' => c as u32 - 65,
        'a'..='z' => c as u32 - 71,
        '0'..='9' => c as u32 + 4,
        '+' => 62,
        _ => 63,
    };
    let digits: Vec<u32> = text.chars().filter(|c| *c != '=').map(digit).collect();
    let bits = digits.iter().flat_map(|digit| (0..6).rev().map(move |bit| (digit >> bit) & 1)).collect::<Vec<_>>();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0u32, |sum, bit| sum * 2 + bit) as u8).collect()
}

/// The secret half of the device key, as its file holds it.
pub fn device_key(state: &Path) -> Secret {
    let bytes = std::fs::read(state.join("device.key")).expect("the device key");
    let json: Value = serde_json::from_slice(&bytes).expect("JSON");
    Secret::new("device key", &unbase64(json["secret"].as_str().expect("a secret")))
}

/// What the sealed identity holds, opened as the pump opens it. Fails when it does not open.
pub fn identity(config: &Config) -> Result<Value, String> {
    let sealing = Sealing::of(config, Fault::none()).map_err(|error| error.to_string())?;
    let read = sealing.read(&config.state.join("identity")).map_err(|error| error.to_string())?;
    serde_json::from_slice(&read.ok_or("there is no identity")?).map_err(|error| error.to_string())
}

/// The pump's key in software: whole, and its number alone.
pub fn signing_key(identity: &Value) -> Vec<Secret> {
    let pkcs8 = unbase64(identity["current"]["key"].as_str().expect("a key in software"));
    // RFC 5915: version 1, then an OCTET STRING of 32 bytes.
    let mark = [0x02, 0x01, 0x01, 0x04, 0x20];
    let at = pkcs8.windows(5).position(|bytes| bytes == mark).expect("a P-256 key") + 5;
    vec![Secret::new("signing key, PKCS #8", &pkcs8), Secret::new("signing key, number", &pkcs8[at..at + 32])]
}
