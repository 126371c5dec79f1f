//! One file over plain HTTP: what the hub tells third parties is signed, so the way that it comes needs no protection.

use anyhow::{Context, anyhow, bail};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::LONGEST_CONNECT;

/// The largest answer that is read: a certificate has less than 1 KiB.
const LARGEST: usize = 64 << 10;

/// The body at this `http://` address.
///
/// # Errors
/// Names the address and what went wrong.
pub fn get(url: &str) -> anyhow::Result<Vec<u8>> {
    let uri: http::Uri = url.parse().with_context(|| format!("{url:?} is not an address"))?;
    let (Some("http"), Some(host)) = (uri.scheme_str(), uri.host()) else {
        bail!("{url:?} is not an address: expected http://name[:port]/…");
    };
    let (host, port) = (host.trim_matches(['[', ']']), uri.port_u16().unwrap_or(80));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime
        .block_on(async { tokio::time::timeout(LONGEST_CONNECT, fetch(host, port, &uri)).await })
        .unwrap_or_else(|_| Err(anyhow!("no answer within 10 seconds")))
        .with_context(|| format!("{url} cannot be read: is it the hub's `status_public` address?"))
}

async fn fetch(host: &str, port: u16, uri: &http::Uri) -> anyhow::Result<Vec<u8>> {
    let socket = TcpStream::connect((host, port)).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
    let driver = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let authority = uri.authority().map_or(host, http::uri::Authority::as_str);
    let request = http::Request::get(path).header("host", authority).body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    if !answer.status().is_success() {
        bail!("it answered {}", answer.status());
    }
    let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|error| anyhow!("{error}"))?;
    driver.abort();
    Ok(body.to_bytes().to_vec())
}
