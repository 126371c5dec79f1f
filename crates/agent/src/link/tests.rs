//! Whom the pump believes, over real TLS on loopback.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use wardline_model::covers;

use super::{LinkError, client_config, connect};

const NAME: &str = "hub.wardline.internal";

struct Authority {
    root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

type Leaf = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = params.self_signed(&key).expect("signed").der().clone();
        Self { root, issuer: Issuer::new(params, key) }
    }

    fn leaf(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> Leaf {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.extended_key_usages = vec![usage];
        let leaf = params.signed_by(&key, &self.issuer).expect("signed");
        (vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }
}

/// Connects a pump of `trusted` to a server with this certificate.
async fn try_link(
    trusted: &Authority,
    server: Leaf,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<rustls::NamedGroup, LinkError> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.root.clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_client_cert_verifier(verifier.build().expect("a verifier"))
        .with_single_cert(server.0, server.1)
        .expect("a certificate");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let place = listener.local_addr().expect("bound").to_string();
    let accept = async {
        let (stream, _) = listener.accept().await.expect("a peer");
        tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream).await
    };
    let (chain, key) = trusted.leaf("pump", ExtendedKeyUsagePurpose::ClientAuth);
    let client = client_config(std::slice::from_ref(&trusted.root), chain, key).expect("usable");
    let (link, _server) = tokio::join!(connect(&place, NAME, client), accept);
    Ok(link?.io().get_ref().1.negotiated_key_exchange_group().expect("TLS 1.3").name())
}

#[tokio::test]
async fn the_hub_is_believed_and_the_key_exchange_is_hybrid() {
    let fleet = Authority::new();
    let hub = fleet.leaf(NAME, ExtendedKeyUsagePurpose::ServerAuth);
    let group = try_link(&fleet, hub, &[&rustls::version::TLS13]).await.expect("believed");
    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
}

#[tokio::test]
async fn nobody_else_is_believed() {
    covers!("N14");
    let (fleet, other) = (Authority::new(), Authority::new());
    let impostors = [
        ("another authority's", other.leaf(NAME, ExtendedKeyUsagePurpose::ServerAuth)),
        ("another name's", fleet.leaf("other.wardline.internal", ExtendedKeyUsagePurpose::ServerAuth)),
        ("a pump's", fleet.leaf(NAME, ExtendedKeyUsagePurpose::ClientAuth)),
    ];
    for (whose, certificate) in impostors {
        let refused = try_link(&fleet, certificate, &[&rustls::version::TLS13]).await;
        assert!(matches!(refused, Err(LinkError::Handshake { .. })), "{whose} certificate was believed: {refused:?}");
    }
}

#[tokio::test]
async fn an_unreachable_hub_and_a_bad_name_are_named() {
    let fleet = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let place = listener.local_addr().expect("bound").to_string();
    drop(listener);
    let (chain, key) = fleet.leaf("pump", ExtendedKeyUsagePurpose::ClientAuth);
    let client = client_config(std::slice::from_ref(&fleet.root), chain, key).expect("usable");
    assert!(matches!(connect(&place, NAME, Arc::clone(&client)).await, Err(LinkError::Connect { .. })));
    assert!(matches!(connect(&place, "not a name", client).await, Err(LinkError::Name(_))));
}
