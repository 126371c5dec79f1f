//! The first root of a pump out of its box: fetched from a hub that is not believed yet, and taken only when it is the
//! very certificate whose fingerprint stood on the label (RFC 7030 section 4.1.1, with the label as the out-of-band check).
//!
//! The connection that fetches it carries one request and nothing else: no serial number, no code, no certificate. What
//! comes back is compared byte for byte by its SHA-256; everything after that goes over a new connection that believes
//! this root and no other. So whoever stands between pump and hub can keep the pump from enrolling, and nothing more.

use std::sync::Arc;

use der::Encode as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use wardline_model::{Digest, covers};
use wardline_release::sha256;

use super::Failed;
use super::est::Est;
use crate::link::provider;

/// Believes every hub: whoever it is, only a certificate with the right fingerprint is taken from it.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Fetches the root with this fingerprint from the hub at `place`.
pub(super) async fn root(place: &str, name: &str, fingerprint: Digest) -> Result<Vec<u8>, Failed> {
    covers!("N13");
    let provider = provider();
    let verifier = Anybody(provider.signature_verification_algorithms);
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| Failed::new(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let mut est = Est::open(place, name, Arc::new(config)).await?;
    for certificate in est.cacerts().await? {
        let bytes = certificate.to_der().map_err(|error| Failed::new(error.to_string()))?;
        if sha256(&bytes) == fingerprint {
            return Ok(bytes);
        }
    }
    Err(Failed::new(format!(
        "the hub at {place} does not have the root that the label names ({}): it is another hospital's, or the label is \
         an old one. Print a new label",
        fingerprint.short()
    )))
}
