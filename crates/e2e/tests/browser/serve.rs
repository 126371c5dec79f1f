//! The real console on real TLS 1.3, in this process, on a port of its own.

use std::path::Path;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use wardline_hub::changes::Changes;
use wardline_hub::console::{Console, LabelPlace, Settings, Wiring, router};
use wardline_store::{MasterKey, Store, sqlite_url};

use super::ward::now;

/// A hub with its console up.
pub struct Hub {
    pub store: Store,
    pub changes: Arc<Changes>,
    pub port: u16,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Hub {
    /// Starts one with an empty database in this folder.
    pub async fn start(folder: &Path) -> Self {
        let url = sqlite_url(&folder.join("hub.db"));
        let store = Store::create(&url, &MasterKey::generate(), now()).await.expect("a store");
        let changes = Arc::new(Changes::default());
        let ledger = Arc::new(wardline_hub::ca::ledger::Ledger::new(store.clone(), "hub".into()));
        let wiring = Wiring {
            moved: Box::new(|_| 1),
            upload: Box::new(|_, _| Box::pin(async { Err("not in this test".to_owned()) })),
            trust: Box::new(|_, _| {
                Box::pin(async { Err(wardline_hub::trust::TrustFault::Refused("not in this test".into())) })
            }),
            stranger: Box::new(|_, _, _| ()),
            suspect: Box::new(|_| ()),
            place: LabelPlace {
                est: "hub.example.org:7444".into(),
                link: "hub.example.org:7443".into(),
                name: "hub.wardline.internal".into(),
                root: Box::new(|| wardline_model::Digest::from_bytes([0xab; 32])),
            },
            audit_key: ed25519_dalek::SigningKey::from_bytes(&[7; 32]),
            changes: Arc::clone(&changes),
            ledger,
            now,
        };
        let console = Console::new(store.clone(), wiring, Settings::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let serving = tokio::spawn(serve(listener, acceptor(), router(&console)));
        Self { store, changes, port, serving }
    }
}

fn acceptor() -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a server configuration");
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, router: axum::Router) {
    while let Ok((socket, _)) = listener.accept().await {
        let (acceptor, router) = (acceptor.clone(), router.clone());
        // One task per connection: a browser opens several and keeps one for events.
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(socket).await {
                let service = TowerToHyperService::new(router);
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            }
        });
    }
}
