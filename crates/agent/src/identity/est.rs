//! The HTTPS client of the hub's enrolment listener: EST (RFC 7030) and provisioning.
//!
//! TLS 1.3 only. The hub must prove its name under the pinned fleet root; no public authority counts. Whatever the hub
//! answers is limited in size and time before it is read.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wardline_model::{PumpId, Serial};
use wardline_release::key::PublicKey;
use wardline_wire::{limits, text};
use x509_cert::Certificate;

use super::{Failed, request};

/// How long one whole conversation may take: connecting on bad Wi-Fi, and a hub that is busy after a storm.
const WITHIN: Duration = Duration::from_secs(30);

/// The most bytes of an answer: the largest release root (512 kB) as JSON text within JSON.
const MAX_ANSWER: usize = 2 * 1024 * 1024;

/// A pump without any certificate: it believes these roots, and shows nothing.
pub(super) fn stranger(roots: &[Vec<u8>]) -> Result<Arc<ClientConfig>, Failed> {
    let config = crate::link::believing(roots)
        .map_err(|error| Failed::new(format!("the hospital's root certificate cannot be used: {error}")))?;
    Ok(Arc::new(config.with_no_client_auth()))
}

/// HTTP Basic (RFC 7617) of serial number and one-time code.
pub(super) fn basic(serial: &Serial, code: &str) -> Result<HeaderValue, Failed> {
    let coded = STANDARD.encode(format!("{serial}:{code}"));
    let mut value = HeaderValue::from_str(&format!("Basic {coded}")).map_err(|error| Failed::new(error.to_string()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What a freshly enrolled pump is told.
#[derive(Deserialize)]
struct ProvisionJson {
    pump: PumpId,
    goal_key: String,
    tuf_root: Option<String>,
}

/// The same, read.
pub(super) struct Provision {
    pub(super) pump: PumpId,
    pub(super) goal_key: PublicKey,
    pub(super) tuf_root: Option<String>,
}

/// One connection to the hub's enrolment listener.
pub(super) struct Est {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    _driver: Driver,
}

/// Moves the connection's bytes; ends with it.
struct Driver(tokio::task::JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A conversation within its time.
pub(super) async fn in_time<T>(talk: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    match tokio::time::timeout(WITHIN, talk).await {
        Ok(done) => done,
        Err(_) => Err(Failed::new(format!("the hub did not answer within {} s", WITHIN.as_secs()))),
    }
}

impl Est {
    /// Connects to `place`, which must prove to be `name`.
    pub(super) async fn open(place: &str, name: &str, tls: Arc<ClientConfig>) -> Result<Self, Failed> {
        let server = ServerName::try_from(name.to_owned())
            .map_err(|_| Failed::new(format!("{name:?} cannot be the hub's name: expected a DNS name")))?;
        let tcp = TcpStream::connect(place)
            .await
            .map_err(|error| Failed::new(format!("no connection to {place}: {error}")))?;
        let _ = tcp.set_nodelay(true);
        let stream = TlsConnector::from(tls)
            .connect(server, tcp)
            .await
            .map_err(|error| trouble(&format!("the handshake with {place} failed"), &error))?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| trouble("the connection failed", &error))?;
        let driver = Driver(tokio::spawn(async move {
            // What goes wrong here is said by the request that it breaks.
            let _ = connection.await;
        }));
        let host = HeaderValue::from_str(name).map_err(|error| Failed::new(error.to_string()))?;
        Ok(Self { sender, host, _driver: driver })
    }

    /// The fleet's authorities (RFC 7030 section 4.1).
    pub(super) async fn cacerts(&mut self) -> Result<Vec<Certificate>, Failed> {
        let body = self.ask(Method::GET, "/.well-known/est/cacerts", None, Bytes::new()).await?;
        request::certs_only(&body)
    }

    /// A certificate for a request (RFC 7030 section 4.2). `route` is `simpleenroll` or `simplereenroll`.
    pub(super) async fn enrol(
        &mut self,
        route: &str,
        request: String,
        credentials: Option<HeaderValue>,
    ) -> Result<Vec<Certificate>, Failed> {
        let path = format!("/.well-known/est/{route}");
        let body = self.ask(Method::POST, &path, credentials, request.into()).await?;
        request::certs_only(&body)
    }

    /// What this pump must know of its hub.
    pub(super) async fn provision(&mut self) -> Result<Provision, Failed> {
        let body = self.ask(Method::GET, "/wardline/v1/provision", None, Bytes::new()).await?;
        let json: ProvisionJson = serde_json::from_slice(&body)
            .map_err(|error| Failed::new(format!("the hub's provisioning answer cannot be read: {error}")))?;
        let goal_key = STANDARD.decode(&json.goal_key).ok().and_then(|bytes| bytes.try_into().ok());
        let goal_key = goal_key.as_ref().and_then(PublicKey::from_bytes);
        let goal_key = goal_key.ok_or_else(|| Failed::new("the hub's goal key is not an Ed25519 key"))?;
        Ok(Provision { pump: json.pump, goal_key, tuf_root: json.tuf_root })
    }

    /// The wipe order for this pump; nothing when there is none.
    pub(super) async fn wipe_order(&mut self, pump: PumpId) -> Result<Bytes, Failed> {
        self.ask(Method::GET, &format!("/wardline/v1/wipe/{pump}"), None, Bytes::new()).await
    }

    /// Hands in the receipt of a wipe.
    pub(super) async fn wipe_receipt(&mut self, receipt: Vec<u8>) -> Result<(), Failed> {
        self.ask(Method::POST, "/wardline/v1/wipe-receipt", None, receipt.into()).await.map(drop)
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        credentials: Option<HeaderValue>,
        body: Bytes,
    ) -> Result<Bytes, Failed> {
        let mut request = Request::builder().method(&method).uri(path).header(HOST, self.host.clone());
        if method == Method::POST && path.starts_with("/wardline/") {
            request = request.header(CONTENT_TYPE, "application/json");
        } else if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/pkcs10").header("content-transfer-encoding", "base64");
        }
        if let Some(credentials) = credentials {
            request = request.header(AUTHORIZATION, credentials);
        }
        let request = request.body(Full::new(body)).map_err(|error| Failed::new(error.to_string()))?;
        let sent = async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        read(path, sent.await.map_err(|error| trouble(path, &error))?).await
    }
}

async fn read(path: &str, response: Response<Incoming>) -> Result<Bytes, Failed> {
    let status = response.status();
    let retry_after_s = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
    let body = body.map_err(|error| Failed::new(format!("{path}: the answer could not be read: {error}")))?.to_bytes();
    if status == StatusCode::OK {
        return Ok(body);
    }
    let said = text::clean(String::from_utf8_lossy(&body).trim(), limits::EXPLANATION);
    let is_refusal = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let is_waiting = status == StatusCode::ACCEPTED;
    let why = format!("{path}: the hub answered {}: {said}", status.as_u16());
    Err(Failed { why, retry_after_s, is_refusal, is_waiting })
}

/// What broke a conversation. In TLS 1.3 a refused client certificate shows only after the handshake, as an alert.
fn trouble(what: &str, error: &(dyn std::error::Error + 'static)) -> Failed {
    let (mut why, mut is_refusal) = (what.to_owned(), false);
    let mut next = Some(error);
    while let Some(error) = next {
        why = format!("{why}: {error}");
        let tls = error
            .downcast_ref::<rustls::Error>()
            .or_else(|| error.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>());
        is_refusal |= matches!(tls, Some(rustls::Error::AlertReceived(_)));
        next = error.source();
    }
    Failed { is_refusal, ..Failed::new(why) }
}
