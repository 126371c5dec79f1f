//! An invented maker and its pumps' birth certificates.

use std::path::Path;

use anyhow::Result;
use wardline_model::{PumpId, Time};
use wardline_pki::name::UNKNOWN_HARDWARE;
use wardline_pki::{Authority, P256Key, profile};
use wardline_store::ExpectedPump;

use super::passes::Pass;
use super::serial;

/// The maker's root in the hub's folder.
pub const ROOT: &str = "maker.pem";

/// Invents a maker, whose root the hub is told of.
pub fn maker(hub: &Path, now: Time) -> Result<Authority> {
    let key = P256Key::generate()?;
    let content = profile::maker_root(key.spki(), "Bench Invented Root", "Bench Invented Devices")?;
    let maker = Authority::self_signed(&content, key, &serial()?, now)?;
    std::fs::write(hub.join(ROOT), maker.cert().to_pem())?;
    Ok(maker)
}

/// A pump's birth certificate; it names no pump of the hospital.
pub fn birth(maker: &Authority, pump: &ExpectedPump, now: Time) -> Result<Pass> {
    let key = P256Key::generate()?;
    let content = profile::birth(key.spki(), "Bench Invented Devices", &pump.model, &pump.serial, UNKNOWN_HARDWARE)?;
    let cert = maker.sign(&content, &serial()?, now)?;
    Ok(Pass { pump: PumpId::from_bytes([0; 16]), chain: vec![cert.der().to_vec()], key: key.to_pkcs8()?.to_vec() })
}
