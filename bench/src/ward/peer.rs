//! Certificates for the servers that are measured beside the hub: issued by the same CA, so that everybody checks the same
//! chain and signs with the same kind of key.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use wardline_hub::keys::Keys;
use wardline_model::Time;
use wardline_pki::{Cert, P256Key, profile};

use super::serial;
use crate::speak::NAME;

/// Makes one and writes it beside the hub's folder, as PEM for OpenSSL and Go and as DER for the yardstick.
pub fn make(folder: &Path, keys: &Keys, root: &Cert, now: Time) -> Result<()> {
    let issuing = keys.authority("issuing")?;
    let key = P256Key::generate()?;
    let content = profile::server(key.spki(), &[NAME], &[])?;
    let cert = issuing.sign(&content, &serial()?, now)?;
    let pkcs8 = key.to_pkcs8()?;
    fs::write(folder.join("root.der"), root.der())?;
    fs::write(folder.join("root.pem"), root.to_pem())?;
    fs::write(folder.join("peer.pem"), format!("{}{}", cert.to_pem(), issuing.cert().to_pem()))?;
    fs::write(folder.join("peer.key.pem"), key_pem(&pkcs8))?;
    fs::write(folder.join("peer.der"), cert.der())?;
    fs::write(folder.join("issuing.der"), issuing.cert().der())?;
    Ok(fs::write(folder.join("peer.key.der"), &*pkcs8)?)
}

/// The chain and key.
pub fn read(folder: &Path) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let file = |name: &str| fs::read(folder.join(name)).context("the certificates of the measurement");
    let chain = vec![CertificateDer::from(file("peer.der")?), CertificateDer::from(file("issuing.der")?)];
    Ok((chain, PrivatePkcs8KeyDer::from(file("peer.key.der")?).into()))
}

fn key_pem(pkcs8: &[u8]) -> String {
    let coded = STANDARD.encode(pkcs8);
    let lines: Vec<&str> = coded.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}
