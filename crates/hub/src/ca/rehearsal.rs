//! A new authority does everything once before it is installed: it signs a certificate for the hub and one for a pump, and
//! both are verified with the root alone, as a pump and as a RADIUS server do.
//!
//! So whatever a certificate above us says (names that it permits, usages, critical extensions that nobody understands)
//! is found here and not at the bedside. The two certificates are thrown away.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use wardline_model::{PumpId, Serial, Time};
use wardline_pki::profile::{self, PumpNames};
use wardline_pki::strict::{self, Usage};
use wardline_pki::subordinate::Subordinate;
use wardline_pki::{Authority, Cert, Csr, P256Key, request};

use crate::config::Config;

/// Signs and verifies; the error says what to do.
pub(super) fn rehearse(found: &Subordinate, ca: &Authority, config: &Config, at: Time) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| format!("{error}");
    let above: Vec<&Cert> = std::iter::once(ca.cert()).chain(found.between()).collect();
    let own = hub(ca, config, at).map_err(|e| said(&e))?;
    let pump = pump(ca, config, at).map_err(|e| said(&e))?;
    for (leaf, usage) in [(&own, Usage::Server), (&pump, Usage::Pump)] {
        let whole: Vec<&Cert> = std::iter::once(leaf).chain(above.iter().copied()).chain([found.root()]).collect();
        strict::chain(&whole, usage, at).map_err(|e| said(&e))?;
    }
    let der = |cert: &Cert| CertificateDer::from(cert.der().to_vec());
    let between: Vec<_> = above.iter().map(|cert| der(cert)).collect();
    let mut roots = RootCertStore::empty();
    roots.add(der(found.root())).map_err(|e| said(&e))?;
    let (roots, now) = (Arc::new(roots), UnixTime::since_unix_epoch(std::time::Duration::from_secs(at.as_unix_s())));
    let name = ServerName::try_from(config.hub_name.clone()).map_err(|e| said(&e))?;
    let server = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), crate::tls::provider());
    let server = server.build().map_err(|e| said(&e))?;
    server
        .verify_server_cert(&der(&own), &between, &name, &[], now)
        .map_err(|error| teach(&error, found, &format!("the hub's certificate for {}", config.hub_name)))?;
    let client = WebPkiClientVerifier::builder_with_provider(roots, crate::tls::provider());
    let client = client.build().map_err(|e| said(&e))?;
    client
        .verify_client_cert(&der(&pump), &between, now)
        .map_err(|error| teach(&error, found, "a pump's certificate"))?;
    Ok(())
}

fn hub(ca: &Authority, config: &Config, at: Time) -> Result<Cert, wardline_pki::PkiError> {
    let key = P256Key::generate()?;
    let content = crate::trust::serving::own_content(config, key.spki())?;
    ca.sign(&content, &crate::server::serial()?, at)
}

fn pump(ca: &Authority, config: &Config, at: Time) -> Result<Cert, wardline_pki::PkiError> {
    let request = request::end(&P256Key::generate()?.into())?;
    let serial = Serial::new("REHEARSAL").map_err(|_| wardline_pki::PkiError::Refused("no serial number"))?;
    let names =
        PumpNames { pump: PumpId::from_bytes([0; 16]), serial, hospital: config.hospital.clone(), hw_type: None };
    let content = profile::pump(&Csr::parse(request.as_bytes())?, &names)?;
    ca.sign(&content, &crate::server::serial()?, at)
}

/// What a verifier said, and what it may come from.
fn teach(error: &rustls::Error, found: &Subordinate, what: &str) -> String {
    let mut said = format!("{what} would be refused by everybody who believes only the root: {error}.");
    for cert in std::iter::once(found.cert()).chain(found.between()).chain([found.root()]) {
        let who = &cert.parsed().tbs_certificate.subject;
        for extension in cert.parsed().tbs_certificate.extensions.iter().flatten() {
            match (extension.extn_id.to_string().as_str(), extension.critical) {
                ("2.5.29.30", _) => {
                    said += &format!(
                        " {who} may sign for certain names only (name constraints): ask that it permits the name of the \
                         hub, localhost and 127.0.0.1, or choose another hub_name in config.json before the first pump \
                         enrols."
                    );
                }
                ("2.5.29.37", _) => {
                    said += &format!(
                        " {who} may sign for certain usages only; pumps need clientAuth and the hub serverAuth."
                    );
                }
                ("2.5.29.14" | "2.5.29.15" | "2.5.29.17" | "2.5.29.19" | "2.5.29.35", _) | (_, false) => {}
                (oid, true) => {
                    said += &format!(" {who} has the critical extension {oid}, which pumps may not understand.");
                }
            }
        }
    }
    said
}

#[cfg(test)]
mod tests;
