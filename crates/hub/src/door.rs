//! One listener: who gets a seat, how long a stranger may take, and what is kept of those who were turned away.
//!
//! | limit | what it keeps from happening |
//! |---|---|
//! | seats of a port | one port's crowd takes the process's files from the others |
//! | guests of one address | one machine takes every seat with connections that never say who they are |
//! | time for a handshake | half-open and slow connections hold their seats |
//! | time for a request's head and for its body | the same, one byte at a time |
//! | time without taking a byte of an answer | the same, by not reading |
//!
//! What fails in one connection ends that connection and nothing else. A request that was understood is carried out to
//! its end even when the one who asked leaves: a decision that is in the database must reach registry and links.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;
use wardline_model::{PumpId, covers};
use wardline_pki::PumpIdentity;
use wardline_store::{Actor, Decision, Entry};

use crate::console::PeerAddress;
use crate::link::{Peer, Sign, Suspicion};
use crate::patience::{Hurried, Patient};
use crate::state::{Hub, REPLACED, now};
use crate::tls::{self, Refusal, Shown};

/// The largest head of an HTTP request.
const MAX_HEAD: usize = 32 * 1024;

/// What a listener's connections get.
#[derive(Clone)]
pub(crate) enum Serve {
    /// The live link.
    Link(TlsAcceptor),
    /// Enrolment and releases.
    Est(TlsAcceptor, Router),
    /// Enrolment for clients that speak only TLS 1.2.
    LegacyEst(TlsAcceptor, Router),
    /// The console and its API.
    Console(TlsAcceptor, Router),
    /// The state of certificates, over plain HTTP.
    Status(Router),
}

impl Serve {
    /// The audit's name for a refusal at this door. The console's own refusals are recorded by its guard.
    const fn refused(&self) -> Option<&'static str> {
        match self {
            Self::Link(_) => Some("link.refused"),
            Self::Est(..) | Self::LegacyEst(..) => Some("enrolment.refused"),
            Self::Console(..) | Self::Status(_) => None,
        }
    }
}

/// Connections that have not said who they are, by address.
#[derive(Debug)]
struct Guests {
    most: usize,
    by: Mutex<BTreeMap<IpAddr, usize>>,
}

/// One of them; counted until it is let go.
struct Guest {
    of: Arc<Guests>,
    address: IpAddr,
}

impl Guests {
    fn admit(self: &Arc<Self>, place: SocketAddr) -> Option<Guest> {
        let address = neighbourhood(place.ip());
        let mut by = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Guest { of: Arc::clone(self), address })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut by = self.of.by.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by.remove(&self.address);
            }
        }
    }
}

/// An IPv4 address, or the /64 of an IPv6 address: one machine owns all of it (RFC 4291 section 2.5.1).
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// One listener.
pub(crate) struct Door {
    listener: TcpListener,
    seats: Arc<Semaphore>,
    guests: Arc<Guests>,
    hub: Arc<Hub>,
    serve: Serve,
    stopped: watch::Receiver<bool>,
}

impl Door {
    pub(crate) fn new(
        listener: TcpListener,
        seats: usize,
        hub: &Arc<Hub>,
        serve: Serve,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let guests = Guests { most: hub.config.limits.guests_per_address, by: Mutex::default() };
        Self {
            listener,
            seats: Arc::new(Semaphore::new(seats)),
            guests: Arc::new(guests),
            hub: Arc::clone(hub),
            serve,
            stopped,
        }
    }

    pub(crate) async fn open(self) {
        let mut stopped = std::pin::pin!(until(self.stopped.clone()));
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut stopped => break,
            };
            match accepted {
                Ok((tcp, place)) => self.seat(tcp, place, &mut connections),
                // Out of files, most likely: wait a moment instead of turning in circles.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        while connections.join_next().await.is_some() {}
    }

    /// Gives a connection a seat. Without one the socket closes at once; a pump comes back with back-off.
    fn seat(&self, tcp: TcpStream, place: SocketAddr, connections: &mut JoinSet<()>) {
        let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() else {
            return self.hub.links.strangers().note("", place, "too-many-connections", now());
        };
        let Some(guest) = self.guests.admit(place) else {
            return self.hub.links.strangers().note("", place, "too-many-from-one-address", now());
        };
        let caller = Caller {
            place,
            hub: Arc::clone(&self.hub),
            serve: self.serve.clone(),
            stopped: self.stopped.clone(),
            guest,
        };
        connections.spawn(async move {
            let _seat = seat;
            // What only the handshake needs is given back before the connection is served: the task of an idle link
            // stays small.
            if let Some(served) = Box::pin(caller.greet(tcp)).await {
                served.await;
            }
        });
    }
}

/// Until the hub stops.
pub(crate) async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// A connection that is being served.
type Served = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection before it is served.
struct Caller {
    place: SocketAddr,
    hub: Arc<Hub>,
    serve: Serve,
    stopped: watch::Receiver<bool>,
    guest: Guest,
}

impl Caller {
    async fn greet(self, tcp: TcpStream) -> Option<Served> {
        let _ = tcp.set_nodelay(true);
        match self.serve.clone() {
            Serve::Link(tls) => self.greet_pump(tcp, &tls).await,
            Serve::Est(tls, router) | Serve::LegacyEst(tls, router) | Serve::Console(tls, router) => {
                match self.shake_hands(tcp, &tls).await {
                    Ok((stream, shown)) => {
                        let spoken = Spoken::of(stream.get_ref().1.protocol_version());
                        Some(Box::pin(self.http(stream, shown, spoken, router)))
                    }
                    Err(refusal) => self.turn_away(refusal).await,
                }
            }
            Serve::Status(router) => Some(Box::pin(self.http(tcp, None, Spoken::Plain, router))),
        }
    }

    async fn greet_pump(self, tcp: TcpStream, tls: &TlsAcceptor) -> Option<Served> {
        let mut stream = match self.accept(tcp, tls).await {
            Ok(stream) => stream,
            Err(refusal) => return self.turn_away(refusal).await,
        };
        match self.pump_of(&stream) {
            Ok(peer) => Some(self.link(stream, peer)),
            Err(refusal) => {
                // A connection that ends as it should tells the pump from a broken network: it asks what it did wrong.
                let within = Duration::from_secs(self.hub.config.limits.handshake_s);
                let _ = tokio::time::timeout(within, stream.shutdown()).await;
                self.turn_away(refusal).await
            }
        }
    }

    /// Which pump it is. The registry is asked again here: a resumed handshake showed no certificate to the verifier.
    /// The fingerprint of a certificate that it admits says whose it is; only a refusal needs the certificate read.
    fn pump_of(&self, stream: &TlsStream<TcpStream>) -> Result<Peer, Refusal> {
        covers!("N14");
        let certificates = stream.get_ref().1.peer_certificates();
        let fingerprint = certificates.and_then(<[_]>::first).map(|first| wardline_pki::cert::fingerprint(first));
        if let Some(fingerprint) = fingerprint
            && let Some(pump) = self.hub.registry.admitted(&fingerprint)
        {
            return Ok(Peer { pump, fingerprint, place: self.place });
        }
        let Ok(Some(Shown::Pump(pump, _))) = tls::shown(certificates, &self.hub.makers) else {
            return Err(Refusal::plain("not-a-pump-certificate"));
        };
        match self.hub.registry.admit(&pump) {
            Ok(()) => Ok(Peer { pump: pump.pump, fingerprint: pump.fingerprint, place: self.place }),
            Err(word) => {
                self.suspect(word, &pump, stream.get_ref().1.handshake_kind());
                Err(Refusal { word, claim: format!("pump {}", pump.pump) })
            }
        }
    }

    /// A replaced certificate in a finished handshake: whoever shows it holds its key. A resumed session proves no key.
    fn suspect(&self, word: &str, pump: &PumpIdentity, handshake: Option<rustls::HandshakeKind>) {
        if word == REPLACED && handshake != Some(rustls::HandshakeKind::Resumed) {
            let (sign, place) = (Sign::OldCertificate(pump.fingerprint), self.place.ip().to_string());
            self.hub.links.suspicions().push(Suspicion { pump: pump.pump, sign, place, at: now() });
        }
    }

    /// The handshake, in its time.
    async fn accept(&self, tcp: TcpStream, tls: &TlsAcceptor) -> Result<TlsStream<TcpStream>, Refusal> {
        let within = Duration::from_secs(self.hub.config.limits.handshake_s);
        match tokio::time::timeout(within, tls.accept(tcp)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(tls::refusal_of(&error)),
            Err(_) => Err(Refusal::plain("slow-handshake")),
        }
    }

    /// The handshake, and who the peer is after it.
    async fn shake_hands(
        &self,
        tcp: TcpStream,
        tls: &TlsAcceptor,
    ) -> Result<(TlsStream<TcpStream>, Option<Shown>), Refusal> {
        let stream = self.accept(tcp, tls).await?;
        let shown = tls::shown(stream.get_ref().1.peer_certificates(), &self.hub.makers);
        let shown = shown.map_err(|_| Refusal::plain("not-a-pump-certificate"))?;
        if let Some(Shown::Pump(pump, _)) = &shown
            && let Err(word) = self.hub.registry.admit(pump)
        {
            self.suspect(word, pump, stream.get_ref().1.handshake_kind());
        }
        Ok((stream, shown))
    }

    fn link(self, stream: TlsStream<TcpStream>, peer: Peer) -> Served {
        let link = crate::link::serve(stream, peer, Arc::clone(&self.hub.links));
        // From here on it is no guest, and what it was is let go: an idle link stays small.
        drop(self);
        Box::pin(async move {
            let _ = link.await;
        })
    }

    /// Counts who was turned away; a refusal that was a decision goes into the audit too, the same one once a minute.
    async fn turn_away(self, Refusal { word, claim }: Refusal) -> Option<Served> {
        let (at, hub) = (now(), &self.hub);
        hub.links.strangers().note(&claim, self.place, word, at);
        let action = self.serve.refused().filter(|_| is_decision(word))?;
        if !hub.refusals.is_due(action, &claim, self.place.ip(), word, at) {
            return None;
        }
        let known = claim.strip_prefix("pump ").and_then(|id| id.parse::<PumpId>().ok());
        let known = known.filter(|pump| hub.registry.get(*pump).is_some());
        let reason = format!("the handshake was refused: {word}");
        let by = Decision { by: Actor::Stranger(self.place.ip().to_string()), reason, at };
        let subject = if claim.is_empty() { word.to_owned() } else { format!("{word}: {claim}") };
        if let Err(error) = hub.store.record(&by, &Entry::refused(action, known, subject)).await {
            tracing::error!(%error, "a refused handshake could not be recorded");
        }
        None
    }

    async fn http(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        shown: Option<Shown>,
        spoken: Spoken,
        router: Router,
    ) {
        let Self { place, hub, serve, stopped, guest } = self;
        let limits = hub.config.limits;
        let pump = match &shown {
            Some(Shown::Pump(pump, _)) => Some(pump.pump),
            Some(Shown::Birth(..)) | None => None,
        };
        // Who showed a certificate is no guest any more. At the console everybody stays one: people sign in later.
        let _guest = Some(guest).filter(|_| shown.is_none());
        let is_console = matches!(serve, Serve::Console(..));
        let body_s = if is_console { limits.upload_s } else { limits.request_s };
        let peer = HttpPeer { shown: shown.map(Arc::new), spoken, place };
        let router = router.layer(axum::Extension(peer)).layer(axum::Extension(PeerAddress(place.ip())));
        let watching = Arc::clone(&hub);
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            note_watched(&watching, pump, &request);
            answer(router.clone(), request.map(|body| Body::new(Hurried::new(body, Duration::from_secs(body_s)))))
        });
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(limits.request_s))
            .max_buf_size(MAX_HEAD);
        let stream = Patient::new(stream, Duration::from_secs(limits.stalled_s));
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            _ = connection.as_mut() => return,
            () = until(stopped) => connection.as_mut().graceful_shutdown(),
            () = taken_down(&hub, pump) => return,
        }
        let _ = connection.await;
    }
}

/// Whether this refusal was our decision about a certificate (or its absence), and not noise, a slow network, or a peer
/// that does not believe us.
fn is_decision(word: &str) -> bool {
    !matches!(word, "not-tls" | "old-tls" | "bad-handshake" | "slow-handshake" | "peer-refused-us")
}

/// Notes what a watched pump fetches or asks for.
fn note_watched(hub: &Hub, pump: Option<PumpId>, request: &Request<Incoming>) {
    let is_watched = |pump: &PumpId| {
        hub.registry.get(*pump).is_some_and(|entry| entry.level == Some(wardline_model::QuarantineLevel::Watch))
    };
    if let Some(pump) = pump.filter(is_watched) {
        let what = if request.uri().path().starts_with("/repo/") { "fetch" } else { "request" };
        let detail = format!("{} {}", request.method(), request.uri().path());
        hub.links.watched().note(pump, what, detail, now());
    }
}

/// Answers one request in a task of its own, which ends when the answer is there and not when the peer goes away.
async fn answer(router: Router, request: Request<Body>) -> Result<Response, Infallible> {
    let answered = tokio::spawn(router.oneshot(request)).await;
    let failed = || (StatusCode::INTERNAL_SERVER_ERROR, "the hub is in trouble; try again later\n").into_response();
    Ok(answered.map_or_else(|_| failed(), |Ok(response)| response))
}

/// Until a pump that may link may do so no longer: what it has open here ends at once too, a download for example. A
/// pump that was down before it came is answered, so that it learns why.
async fn taken_down(hub: &Hub, pump: Option<PumpId>) {
    let stands = |pump| hub.registry.get(pump).is_some_and(|entry| entry.may_link());
    let Some(pump) = pump.filter(|pump| stands(*pump)) else { return std::future::pending().await };
    let mut changes = hub.changes.decisions();
    while stands(pump) {
        if changes.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// What protected a request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// TLS 1.3.
    Tls13,
    /// TLS 1.2, at the legacy listener.
    Tls12,
    /// Nothing.
    Plain,
}

impl Spoken {
    const fn of(version: Option<rustls::ProtocolVersion>) -> Self {
        match version {
            Some(rustls::ProtocolVersion::TLSv1_3) => Self::Tls13,
            _ => Self::Tls12,
        }
    }
}

/// Who asks, put into every request's extensions.
#[derive(Clone, Debug)]
pub struct HttpPeer {
    /// The certificate, if one was shown.
    pub shown: Option<Arc<Shown>>,
    /// How.
    pub spoken: Spoken,
    /// From where.
    pub place: SocketAddr,
}

#[cfg(test)]
mod tests;
