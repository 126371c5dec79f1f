//! The yardstick: tokio and rustls with the same certificates, and nothing else. It checks a client's chain, gives as many
//! bytes as it is asked for, and holds the connection.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::ward::peer;

#[derive(clap::Args)]
pub struct Options {
    /// The folder with the certificates.
    #[arg(long)]
    folder: PathBuf,
}

pub fn run(options: &Options) -> Result<()> {
    let acceptor = TlsAcceptor::from(config(options)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("link {}", listener.local_addr()?);
        loop {
            let (tcp, _) = listener.accept().await?;
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let _ = serve(tcp, acceptor).await;
            });
        }
    })
}

fn config(options: &Options) -> Result<Arc<ServerConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(std::fs::read(options.folder.join("root.der"))?))?;
    let provider = wardline_hub::tls::provider();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let (chain, key) = peer::read(&options.folder)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    Ok(Arc::new(config))
}

async fn serve(tcp: TcpStream, acceptor: TlsAcceptor) -> Result<()> {
    tcp.set_nodelay(true)?;
    let mut stream = Box::new(Box::pin(acceptor.accept(tcp)).await?);
    loop {
        let bytes = stream.read_u32().await?;
        Box::pin(async {
            let block = [0x5a; 16 * 1024];
            let mut left = bytes as usize;
            while left > 0 {
                let most = left.min(block.len());
                stream.write_all(&block[..most]).await?;
                left -= most;
            }
            stream.flush().await
        })
        .await?;
    }
}
