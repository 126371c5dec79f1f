//! The live link's client side: one outbound connection, TLS 1.3 only, mutual, with the hybrid key exchange.
//!
//! The pump believes the hub only when its certificate chains to a pinned fleet root, carries the hub's name and is a
//! server's (A02); no public authority counts. When to connect, what to send and what to forget is decided by the
//! session and queue machines of crate `pump`; here is only what carries it.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WantsClientCert, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{ClientConfig, ConfigBuilder, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wardline_wire::limits;
use wardline_wire::link::{HubFrame, PumpFrame};

use crate::frames::Frames;

/// How long connecting and the handshake may take together. 20 s: a pump on bad Wi-Fi needs a few.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(20);

/// The most that may wait for a hub that does not read: a frame of events and a report.
const MOST_WAITING: usize = 2 * limits::LINK_FRAME;

/// A link that is up.
pub type Link = Frames<TlsStream<TcpStream>, HubFrame, PumpFrame>;

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The name or address of the hub cannot be used.
    #[error("{0:?} cannot be the hub's name: expected a DNS name such as hub.wardline.internal")]
    Name(String),
    /// No connection.
    #[error("no connection to {place}: {source}")]
    Connect {
        /// Host and port.
        place: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The handshake failed: the hub did not prove itself, or did not accept this pump.
    #[error("the handshake with {place} failed: {source}")]
    Handshake {
        /// Host and port.
        place: String,
        /// What TLS said.
        source: std::io::Error,
    },
    /// It took too long.
    #[error("{place} did not answer within {} s", CONNECT_WITHIN.as_secs())]
    TooSlow {
        /// Host and port.
        place: String,
    },
    /// The pump's own key or certificate, or a pinned root, cannot be used.
    #[error("the pump's own key, certificate or root cannot be used: {0}")]
    OwnKeys(String),
}

/// Whether the hub said no to the certificate that the pump showed: the alerts of RFC 8446 section 6.2 that are about a
/// certificate. In TLS 1.3 they come after the client's own side of the handshake is done.
#[must_use]
pub fn is_refusal(error: &std::io::Error) -> bool {
    use rustls::AlertDescription as Alert;
    let tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    matches!(
        tls,
        Some(rustls::Error::AlertReceived(
            Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
                | Alert::CertificateRequired
        ))
    )
}

/// Believes a hub whose chain leads to one of these roots, and tells it in the first message which they are
/// (certificate_authorities, RFC 8446 section 4.2.4): while a fleet moves from one root to another, the hub shows each pump
/// the chain that it can follow.
#[derive(Debug)]
pub(crate) struct Believer {
    inner: Arc<WebPkiServerVerifier>,
    hints: Vec<DistinguishedName>,
}

/// Whoever believes these roots (DER) and nobody else.
///
/// # Errors
/// [`LinkError::OwnKeys`] when there is none, or one cannot be used.
pub(crate) fn believe(roots: &[Vec<u8>]) -> Result<Arc<Believer>, LinkError> {
    let own = |error: rustls::Error| LinkError::OwnKeys(error.to_string());
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(CertificateDer::from(root.as_slice()).into_owned()).map_err(own)?;
    }
    let hints = store.subjects();
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider())
        .build()
        .map_err(|error| LinkError::OwnKeys(error.to_string()))?;
    Ok(Arc::new(Believer { inner, hints }))
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken here".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        Some(&self.hints)
    }
}

/// The half of every configuration that says whom the pump believes. TLS 1.3 and nothing older.
pub(crate) fn believing(roots: &[Vec<u8>]) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, LinkError> {
    let verifier = believe(roots)?;
    Ok(ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| LinkError::OwnKeys(error.to_string()))?
        // What is "dangerous" is only that the verifier is our own: it is webpki's, and says whom it believes.
        .dangerous()
        .with_custom_certificate_verifier(verifier))
}

/// What the pump shows and believes. `roots` are the fleet roots that it believes, `chain` the pump's certificate and its
/// issuers, `key` its key.
///
/// # Errors
/// [`LinkError::OwnKeys`].
pub fn client_config(
    roots: &[CertificateDer<'_>],
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ClientConfig>, LinkError> {
    let roots: Vec<Vec<u8>> = roots.iter().map(|root| root.to_vec()).collect();
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key);
    client_config_of(&roots, chain, key.map_err(|error| LinkError::OwnKeys(error.to_string()))?)
}

/// The same with a key that may be elsewhere, such as in a TPM.
///
/// # Errors
/// [`LinkError::OwnKeys`].
pub(crate) fn client_config_of(
    roots: &[Vec<u8>],
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
) -> Result<Arc<ClientConfig>, LinkError> {
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match().map_err(|error| LinkError::OwnKeys(error.to_string()))?;
    let mut config = believing(roots)?.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    // One hub, one session; the default keeps room for 256.
    config.resumption = Resumption::in_memory_sessions(1);
    config.enable_early_data = false;
    Ok(Arc::new(config))
}

/// Connects to the hub at `place` (host and port) that must prove to be `name`.
///
/// # Errors
/// A [`LinkError`] that says what failed.
pub async fn connect(place: &str, name: &str, config: Arc<ClientConfig>) -> Result<Link, LinkError> {
    let server = ServerName::try_from(name.to_owned()).map_err(|_| LinkError::Name(name.to_owned()))?;
    let connect = async {
        let stream =
            TcpStream::connect(place).await.map_err(|source| LinkError::Connect { place: place.to_owned(), source })?;
        // Small frames must not wait for one another; nothing is lost if this cannot be set.
        let _ = stream.set_nodelay(true);
        TlsConnector::from(config)
            .connect(server, stream)
            .await
            .map_err(|source| LinkError::Handshake { place: place.to_owned(), source })
    };
    match tokio::time::timeout(CONNECT_WITHIN, connect).await {
        Ok(stream) => Ok(Frames::new(stream?, limits::LINK_FRAME, MOST_WAITING)),
        Err(_) => Err(LinkError::TooSlow { place: place.to_owned() }),
    }
}

#[cfg(test)]
mod tests;
