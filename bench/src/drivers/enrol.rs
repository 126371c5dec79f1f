//! EST (RFC 7030) as load: first certificates on connections that stay open, and renewals on a new connection each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::asn1::{BitString, SetOfVec};
use der::{Decode as _, Encode as _};
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use wardline_pki::P256Key;
use x509_cert::Certificate;
use x509_cert::request::{CertReq, CertReqInfo, Version};
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::{Options, pump, pumps, root};
use crate::speak::{NAME, line, link, tls_stream};
use crate::ward::passes::{self, Pass};

/// One who asks, with a request that it repeats: making it is the pump's work, not the hub's.
struct Asker {
    tls: Arc<ClientConfig>,
    request: Vec<u8>,
}

/// First certificates by birth certificate.
pub async fn enrol(options: &Options, lasts: Duration) -> Result<()> {
    let askers = askers(options, passes::BIRTH, "simpleenroll")?;
    work(askers, options, lasts, |asker, place, began, lasts| async move {
        let mut stream = tls_stream(&place, asker.tls).await?;
        let mut done = 0;
        while began.elapsed() < lasts {
            ask(&mut stream, &asker.request).await?;
            done += 1;
        }
        Ok(done)
    })
    .await
}

/// Renewals with the pump's own certificate, which it has used on the live link before: one that was never used is given
/// up when the next is asked for.
pub async fn renew(options: &Options, lasts: Duration) -> Result<()> {
    for pump in pumps(options)? {
        drop(link(&options.place, pump.id, pump.tls).await?);
    }
    let askers = askers(options, passes::OWN, "simplereenroll")?;
    work(askers, options, lasts, |asker, place, began, lasts| async move {
        let mut done = 0;
        while began.elapsed() < lasts {
            let mut stream = tls_stream(&place, Arc::clone(&asker.tls)).await?;
            ask(&mut stream, &asker.request).await?;
            done += 1;
        }
        Ok(done)
    })
    .await
}

async fn work<F>(
    askers: Vec<Asker>,
    options: &Options,
    lasts: Duration,
    one: impl Fn(Asker, String, Instant, Duration) -> F,
) -> Result<()>
where
    F: Future<Output = Result<u64>> + Send + 'static,
{
    println!("ready");
    let began = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for asker in askers {
        workers.spawn(one(asker, options.est.clone(), began, lasts));
    }
    let mut done = 0;
    while let Some(worker) = workers.join_next().await {
        done += worker??;
    }
    println!("done {done}");
    Ok(())
}

fn askers(options: &Options, name: &str, route: &str) -> Result<Vec<Asker>> {
    let root = root(options)?;
    let passes = passes::read(&options.folder, name, options.from, options.count)?;
    passes
        .into_iter()
        .map(|pass| {
            let body = STANDARD.encode(request(&pass)?);
            let head = format!(
                "POST /.well-known/est/{route} HTTP/1.1\r\nhost: {NAME}\r\ncontent-type: application/pkcs10\r\n\
                 content-transfer-encoding: base64\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            Ok(Asker { tls: pump(pass, &root, false)?.tls, request: (head + &body).into_bytes() })
        })
        .collect()
}

/// A request for a new key with the names of the certificate that the pump shows.
fn request(pass: &Pass) -> Result<Vec<u8>> {
    let shown = Certificate::from_der(pass.chain.first().context("a certificate")?)?;
    let key = P256Key::generate()?;
    let subject = shown.tbs_certificate.subject;
    let info =
        CertReqInfo { version: Version::V1, subject, public_key: key.spki().clone(), attributes: SetOfVec::new() };
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key.to_pkcs8()?).context("a key")?;
    let signature = pair.sign(&SystemRandom::new(), &info.to_der()?).context("signing")?;
    let algorithm = AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA256, parameters: None };
    Ok(CertReq { info, algorithm, signature: BitString::from_bytes(signature.as_ref())? }.to_der()?)
}

/// ecdsa-with-SHA256 (RFC 5758 section 3.2).
const ECDSA_WITH_SHA256: der::asn1::ObjectIdentifier = der::asn1::ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// One request, and its answer to the end.
async fn ask(stream: &mut BufReader<TlsStream<TcpStream>>, request: &[u8]) -> Result<()> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let status = line(stream).await?;
    let mut length = 0;
    loop {
        let header = line(stream).await?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    ensure!(status.contains(" 200 "), "{}: {}", status.trim(), String::from_utf8_lossy(&body));
    Ok(())
}
