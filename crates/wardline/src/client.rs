//! The client of the hub's HTTP API: one call, one connection, TLS 1.3 against one pinned authority.
//!
//! It believes no system store: a hospital's network may hold proxies with certificates of their own. It follows no
//! redirects and reads no more than [`LARGEST_ANSWER`].

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wardline_api::types::Problem;
use wardline_api::{Route, RouteId};

use crate::cli::Access;
use crate::fault::{Exit, Fault};
use crate::login::Kept;

/// The largest answer that is read: 20,000 pumps in JSON are about 12 MiB.
const LARGEST_ANSWER: usize = 64 << 20;

/// How long a call may take: an import of 50,000 pumps is the longest.
const LONGEST_CALL: Duration = Duration::from_secs(120);

/// How long the connection may take.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

/// A hub that can be called.
pub struct Client {
    host: String,
    port: u16,
    token: String,
    tls: TlsConnector,
    runtime: tokio::runtime::Runtime,
}

/// What to send.
enum Body {
    None,
    Json(Vec<u8>),
    Bytes(Vec<u8>),
}

impl Client {
    /// The hub that the options, the environment or the kept login name, in this order.
    pub fn open(access: &Access) -> anyhow::Result<Self> {
        let kept = Kept::read(access)?;
        Self::new(&kept)
    }

    /// A hub with everything known.
    pub fn new(kept: &Kept) -> anyhow::Result<Self> {
        let (host, port) = host_and_port(&kept.hub)?;
        let tls = TlsConnector::from(Arc::new(tls_config(&kept.ca)?));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { host, port, token: kept.token.clone(), tls, runtime })
    }

    /// Calls a route that only reads.
    pub fn get(&self, id: RouteId, parts: &[&str], query: &[(&str, String)]) -> anyhow::Result<Value> {
        self.call(id, parts, query, Body::None)
    }

    /// Calls a route with a JSON body.
    pub fn send(&self, id: RouteId, parts: &[&str], body: &impl Serialize) -> anyhow::Result<Value> {
        self.call(id, parts, &[], Body::Json(serde_json::to_vec(body)?))
    }

    /// Calls a route that takes no body.
    pub fn act(&self, id: RouteId, parts: &[&str]) -> anyhow::Result<Value> {
        self.call(id, parts, &[], Body::None)
    }

    /// Calls a route with a file.
    pub fn upload(&self, id: RouteId, query: &[(&str, String)], bytes: Vec<u8>) -> anyhow::Result<Value> {
        self.call(id, &[], query, Body::Bytes(bytes))
    }

    fn call(&self, id: RouteId, parts: &[&str], query: &[(&str, String)], body: Body) -> anyhow::Result<Value> {
        let route = Route::of(id);
        let target = target(route.path, parts, query);
        let call = async {
            tokio::time::timeout(LONGEST_CALL, self.exchange(route.method.as_str(), &target, body))
                .await
                .map_err(|_| self.unreachable("it did not answer within two minutes"))?
        };
        let (status, bytes) = self.runtime.block_on(call)?;
        understand(status, &bytes, &format!("{} {target}", route.method.as_str()))
    }

    async fn exchange(&self, method: &str, target: &str, body: Body) -> anyhow::Result<(u16, Bytes)> {
        let connect = TcpStream::connect((self.host.as_str(), self.port));
        let socket = tokio::time::timeout(LONGEST_CONNECT, connect)
            .await
            .map_err(|_| self.unreachable("the connection took longer than 10 seconds"))?
            .map_err(|error| self.unreachable(&error.to_string()))?;
        let name = ServerName::try_from(self.host.clone()).context("the hub's address is not a name")?;
        let stream = self.tls.connect(name, socket).await.map_err(|error| self.unreachable(&error.to_string()))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        let (bytes, kind) = match body {
            Body::None => (Vec::new(), None),
            Body::Json(bytes) => (bytes, Some("application/json")),
            Body::Bytes(bytes) => (bytes, Some("application/octet-stream")),
        };
        let mut request = http::Request::builder()
            .method(method)
            .uri(target)
            .header("host", format!("{}:{}", self.host, self.port))
            .header("authorization", format!("Bearer {}", self.token))
            .header("accept", "application/json");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let answer = sender.send_request(request.body(Full::new(Bytes::from(bytes)))?).await?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), LARGEST_ANSWER)
            .collect()
            .await
            .map_err(|error| anyhow!("the hub's answer broke off or was too long: {error}"))?
            .to_bytes();
        driver.abort();
        Ok((status, body))
    }

    fn unreachable(&self, why: &str) -> anyhow::Error {
        let at = format!("{}:{}", self.host, self.port);
        let next = if why.contains("certificate") || why.contains("Certificate") {
            "it is another hub, or the CA file is an old one: fetch the CA certificate again from the hub's data folder"
        } else {
            "is `wardline serve` (or `demo`) running, and is --hub its console address?"
        };
        Fault::ends(Exit::Unreachable, format!("the hub at {at} cannot be reached ({why}); {next}"))
    }
}

/// Reads a value as its type.
pub fn typed<T: DeserializeOwned>(value: Value) -> anyhow::Result<T> {
    serde_json::from_value(value).context(
        "the hub answered something that this version does not know: are hub and command line the same version?",
    )
}

fn understand(status: u16, bytes: &[u8], call: &str) -> anyhow::Result<Value> {
    if (200..300).contains(&status) {
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        return serde_json::from_slice(bytes).with_context(|| format!("the hub's answer to {call} is not JSON"));
    }
    let said = serde_json::from_slice::<Problem>(bytes).map(|problem| problem.message);
    let (exit, otherwise) = match status {
        401 => (Exit::NotAllowed, "the hub does not know this token: make a new one and `wardline login` again"),
        403 => (Exit::NotAllowed, "your role does not allow this"),
        404 => (Exit::NotFound, "there is no such thing at the hub"),
        422 => (Exit::NotInOrder, "the hub refused what was sent"),
        _ => (Exit::Failed, "the hub could not do it"),
    };
    Err(Fault::ends(exit, said.unwrap_or_else(|_| format!("{otherwise} ({call} gave status {status})"))))
}

/// The path with its parts filled in and the query behind it, percent-encoded.
fn target(path: &str, parts: &[&str], query: &[(&str, String)]) -> String {
    let mut parts = parts.iter();
    let mut target = String::new();
    for segment in path.split('/').skip(1) {
        target.push('/');
        if segment.starts_with('{') {
            encode(parts.next().copied().unwrap_or_default(), &mut target);
        } else {
            target.push_str(segment);
        }
    }
    for (i, (name, value)) in query.iter().enumerate() {
        target.push(if i == 0 { '?' } else { '&' });
        target.push_str(name);
        target.push('=');
        encode(value, &mut target);
    }
    target
}

/// Percent-encodes everything but the unreserved characters of RFC 3986 section 2.3.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(byte as char);
        } else {
            into.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// `https://name:port` and nothing else: no path, no plain HTTP.
fn host_and_port(url: &str) -> anyhow::Result<(String, u16)> {
    let wrong =
        || anyhow!("{url:?} is not a hub's address: expected https://name:port, such as https://localhost:7445");
    let rest = url.trim().strip_prefix("https://").ok_or_else(wrong)?.trim_end_matches('/');
    if rest.is_empty() || rest.contains(['/', '?', '#', '@']) {
        return Err(wrong());
    }
    if let Some(inner) = rest.strip_prefix('[') {
        let (host, port) = inner.split_once(']').ok_or_else(wrong)?;
        let port = port.strip_prefix(':').map_or(Ok(443), str::parse).map_err(|_| wrong())?;
        return Ok((host.into(), port));
    }
    match rest.split_once(':') {
        Some((host, port)) => Ok((host.into(), port.parse().map_err(|_| wrong())?)),
        None => Ok((rest.into(), 443)),
    }
}

fn tls_config(ca: &str) -> anyhow::Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        roots.add(certificate.context("the CA file is not PEM")?).context("the CA file holds no usable certificate")?;
    }
    if roots.is_empty() {
        return Err(anyhow!(
            "the CA file holds no certificate: expected PEM that begins with -----BEGIN CERTIFICATE-----"
        ));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

pub mod plain;

#[cfg(test)]
mod live;
#[cfg(test)]
mod tests;
