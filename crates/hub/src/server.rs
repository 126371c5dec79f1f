//! Starts and ends everything: three listeners (and a fourth, for third parties, where the operator wants it), the watch over links, and an orderly stop.
//!
//! Every listener has a limit on connections and a time limit on handshakes, so a peer that opens sockets and says
//! nothing costs a socket for ten seconds and never a pump its link. What fails in one connection ends that connection.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use wardline_model::{Span, Time};
use wardline_pki::{Authority, Cert, CertSerial, P256Key, PkiError, profile};
use wardline_release::key::PublicKey;
use wardline_release::{Verified, goal};
use wardline_store::{Actor, Decision, Entry, Store, StoreError};
use wardline_wire::link::CloseReason;

use crate::config::{Config, ConfigError};
use crate::console::{self, Console, PeerAddress};
use crate::keys::{KeyError, Keys};
use crate::link::{Gate, LinkSettings, Links, Peer};
use crate::state::{Hub, Parts, Registry, now};
use crate::tasks::planner::{self, Planner};
use crate::tls::{self, OwnCert, Shown, TlsError};

/// How long an orderly stop waits for open connections.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// How often the hub's own certificate is looked at.
const CERT_EVERY: Duration = Duration::from_secs(3_600);

/// The hub's certificate is replaced when less than this is left: a third of its 90 days.
const CERT_LEFT: Span = Span::from_days(30);

/// The largest head of an HTTP request.
const MAX_HEAD: usize = 32 * 1024;

/// Why the hub cannot start. Each says what, and the cause says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A certificate.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A listener.
    #[error("cannot listen on {address} for the {what}: {source}. Is another hub running? Change it in config.json")]
    Listen {
        /// Which one.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A maker's root.
    #[error("the maker's root certificate {path} cannot be used: {why}")]
    MakerRoot {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        why: String,
    },
}

/// What `init` made.
#[derive(Clone, Debug)]
pub struct InitReport {
    /// The fleet's root certificate, which pumps pin.
    pub root: Cert,
    /// The fleet's root certificate as a file.
    pub root_file: PathBuf,
    /// The configuration as written.
    pub config: Config,
}

/// Makes a hub in `config.folder`: configuration, keys, certificate authority and database. Refuses a folder that holds
/// one already.
///
/// # Errors
/// [`StartError`].
pub async fn init(config: Config) -> Result<InitReport, StartError> {
    let at = now();
    config.check().map_err(|why| ConfigError::Wrong { path: config.folder.join(crate::config::FILE), why })?;
    let folder = config.folder.join("keys");
    let keys = Keys::create(&folder)?;
    let root_key = P256Key::generate()?;
    let content = profile::root(root_key.spki(), "Wardline fleet root", &config.hospital)?;
    let root = Authority::self_signed(&content, root_key, &serial()?, at)?;
    let issuing_key = P256Key::generate()?;
    let content = profile::issuing(issuing_key.spki(), "Wardline issuing CA", &config.hospital)?;
    let issuing = Authority::new(root.sign(&content, &serial()?, at)?, issuing_key)?;
    keys.keep_authority("root", &root)?;
    keys.keep_authority("issuing", &issuing)?;
    keys.new_ed25519("goal")?;
    keys.new_ed25519("audit")?;
    let store = Store::create(&config.database_url(), keys.master(), at).await?;
    let by = Decision { by: Actor::Operator("init".into()), reason: "the hub was set up".into(), at };
    let subject = format!("root certificate {}", root.cert().fingerprint());
    store.record(&by, &Entry::done("hub.init", None, subject)).await?;
    store.close().await;
    config.write()?;
    Ok(InitReport { root: root.cert().clone(), root_file: folder.join("root.pem"), config })
}

/// A fresh serial number for a certificate.
pub(crate) fn serial() -> Result<CertSerial, PkiError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| PkiError::Crypto("drawing a serial number"))?;
    Ok(CertSerial::from_random(bytes))
}

/// A running hub.
#[derive(Debug)]
pub struct Running {
    /// Its state, for whoever runs in the same process.
    pub hub: Arc<Hub>,
    /// Where the live link listens.
    pub link_addr: SocketAddr,
    /// Where enrolment and releases listen.
    pub est_addr: SocketAddr,
    /// Where the console listens.
    pub console_addr: SocketAddr,
    /// Where third parties ask about certificates, if anywhere.
    pub status_addr: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Stops in order: no new connections, links told, what is counted written out, database closed.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        self.hub.links.table().cut_all(CloseReason::HubStopping);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
            self.tasks.shutdown().await;
        }
        self.hub.store.close().await;
    }
}

/// Opens the database with the master key, or with the new one when a change of it was interrupted after the database
/// had been told.
///
/// # Errors
/// Those of the store.
pub async fn open_store(config: &Config, keys: &Keys, at: Time) -> Result<Store, StoreError> {
    match (Store::open(&config.database_url(), keys.master(), at).await, keys.next()) {
        (Err(StoreError::WrongKey { .. }), Some(next)) => Store::open(&config.database_url(), next, at).await,
        (opened, _) => opened,
    }
}

/// Starts a hub that `init` made.
///
/// # Errors
/// [`StartError`].
pub async fn start(config: Config) -> Result<Running, StartError> {
    let at = now();
    let keys = Keys::open(&config.folder.join("keys"))?;
    let store = open_store(&config, &keys, at).await?;
    store.links_lost(&config.node).await?;
    let registry = Registry::new(store.registry().await?);
    let links = Links::new(store.clone(), config.node.clone(), gate(&registry), LinkSettings::default());
    let hub = Hub::new(Parts {
        store,
        registry,
        links,
        root: keys.cert("root")?,
        issuing: keys.authority("issuing")?,
        goal_key: keys.ed25519("goal")?,
        audit_key: keys.ed25519("audit")?,
        config,
    });
    let makers = maker_roots(&hub.config)?;
    let own = own_cert(&hub)?;
    let fleet = std::slice::from_ref(&hub.root);
    let limits = hub.config.limits;
    let link_tls = tls::link(&own, fleet, Arc::clone(&hub.registry))?;
    let est_tls = tls::est(&own, fleet, &makers)?;
    let console_tls = tls::console(&own)?;

    let (link, link_addr) = listen("live link", hub.config.link).await?;
    let (est, est_addr) = listen("enrolment", hub.config.est).await?;
    let (console_door, console_addr) = listen("console", hub.config.console).await?;
    let status = match hub.config.status {
        Some(address) => Some(listen("state of certificates", address).await?),
        None => None,
    };
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let door = |listener, tls: Option<Arc<ServerConfig>>, connections| Door {
        listener,
        tls: tls.map(TlsAcceptor::from),
        seats: Arc::new(Semaphore::new(connections)),
        hub: Arc::clone(&hub),
        stopped: stopped.clone(),
    };
    tasks.spawn(door(link, Some(link_tls), limits.link_connections).serve(Serve::Link));
    let est_router = crate::est::router(Arc::clone(&hub)).merge(crate::repo::router(Arc::clone(&hub)));
    tasks.spawn(door(est, Some(est_tls), limits.est_connections).serve(Serve::Http(est_router)));
    let shown = console_of(&hub);
    let console_router = console::router(&shown);
    tasks.spawn(planner_of(&hub).run(stopped.clone()));
    tasks.spawn(tell_console(Arc::clone(&hub), shown, until(stopped.clone())));
    tasks.spawn(door(console_door, Some(console_tls), limits.console_connections).serve(Serve::Http(console_router)));
    let status_addr = status.as_ref().map(|(_, address)| *address);
    if let Some((status, _)) = status {
        let router = crate::status::router(Arc::clone(&hub));
        tasks.spawn(door(status, None, limits.status_connections).serve(Serve::Http(router)));
    }
    tasks.spawn(crate::link::watch(Arc::clone(&hub.links), until(stopped.clone())));
    let housekeeping = crate::tasks::housekeeping::Housekeeping::new(hub.store.clone(), hub.audit_key.clone(), now);
    tasks.spawn(housekeeping.run(stopped.clone()));
    tasks.spawn(keep_cert_fresh(Arc::clone(&hub), own, stopped));
    Ok(Running { hub, link_addr, est_addr, console_addr, status_addr, stop, tasks })
}

/// The console, wired to registry and links.
fn console_of(hub: &Arc<Hub>) -> Arc<Console> {
    let applied = Arc::clone(hub);
    let wiring = console::Wiring {
        moved: Box::new(move |entry| applied.apply(entry)),
        upload: upload(Arc::clone(hub)),
        audit_key: hub.audit_key.clone(),
        now,
    };
    Console::new(hub.store.clone(), wiring, console::Settings::default())
}

/// The planner, wired to the goal key and the links.
fn planner_of(hub: &Arc<Hub>) -> Planner {
    let (signing, links, changed) = (hub.goal_key.clone(), Arc::clone(&hub.links), Arc::clone(hub));
    let own = PublicKey::from(signing.verifying_key());
    let wiring = planner::Wiring {
        // A goal in the database that this hub did not sign was put there by somebody else: it counts for nothing.
        read_goal: Box::new(move |pump, signed| goal::verify(signed, &own, pump).ok().map(Verified::into_inner)),
        sign_goal: Box::new(move |wanted| goal::sign(wanted, &signing)),
        goal_changed: Box::new(move |pump, generation, signed| links.goal_changed(pump, generation, signed)),
        changed: Box::new(move || changed.note_change()),
        now,
    };
    Planner::new(hub.store.clone(), wiring)
}

/// Takes releases in, and records a refusal with its reason.
fn upload(hub: Arc<Hub>) -> console::Uploads {
    Box::new(move |bytes, by| {
        let hub = Arc::clone(&hub);
        Box::pin(async move {
            let answer = crate::repo::accept(&hub.store, &bytes, &by, now()).await;
            match &answer {
                Ok(_) => hub.note_change(),
                Err(why) => {
                    let entry = Entry::refused("release.upload", None, why.clone());
                    if let Err(error) = hub.store.record(&by, &entry).await {
                        tracing::error!(%error, "a refused upload could not be recorded");
                    }
                }
            }
            answer
        })
    })
}

/// Links and reports change all the time, and ages by themselves: the console is told of it at most this often.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Tells the console of decisions at once, and of everything else now and then.
async fn tell_console(hub: Arc<Hub>, console: Arc<Console>, stop: impl Future<Output = ()>) {
    let mut changes = hub.changes();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(TELL_EVERY) => {}
            () = &mut stop => return,
        }
        console.changed();
    }
}

fn gate(registry: &Arc<Registry>) -> Gate {
    let (read, write) = (Arc::clone(registry), Arc::clone(registry));
    Gate { entry: Box::new(move |pump| read.get(pump)), update: Box::new(move |entry| write.put(entry)) }
}

fn maker_roots(config: &Config) -> Result<Vec<Cert>, StartError> {
    let read = |path: &PathBuf| {
        let path = config.folder.join(path);
        let wrong = |why: String| StartError::MakerRoot { path: path.clone(), why };
        let pem = std::fs::read_to_string(&path).map_err(|e| wrong(e.to_string()))?;
        let cert = Cert::from_pem(&pem).map_err(|e| wrong(e.to_string()))?;
        wardline_pki::strict::authority(&cert, now()).map_err(|e| wrong(e.to_string()))?;
        Ok(cert)
    };
    config.maker_roots.iter().map(read).collect()
}

/// A new certificate for the hub, good for all three listeners.
fn issue_own(hub: &Hub) -> Result<(Cert, P256Key), PkiError> {
    let key = P256Key::generate()?;
    let mut names = vec![hub.config.hub_name.as_str(), "localhost"];
    names.extend(hub.config.console_names.iter().map(String::as_str));
    let mut places = vec![std::net::Ipv4Addr::LOCALHOST.into()];
    let bound = [hub.config.link.ip(), hub.config.est.ip(), hub.config.console.ip()];
    places.extend(bound.into_iter().filter(|ip| !ip.is_unspecified() && !ip.is_loopback()));
    let content = profile::server(key.spki(), &names, &places)?;
    Ok((hub.issuing.sign(&content, &serial()?, now())?, key))
}

fn own_cert(hub: &Hub) -> Result<Arc<OwnCert>, StartError> {
    let (cert, key) = issue_own(hub)?;
    Ok(OwnCert::new(&cert, &key, &[hub.issuing.cert()])?)
}

/// Replaces the hub's certificate long before it ends. The key lives in memory only and is new at every start.
async fn keep_cert_fresh(hub: Arc<Hub>, own: Arc<OwnCert>, stopped: watch::Receiver<bool>) {
    let mut stopped = std::pin::pin!(until(stopped));
    let mut replace_at = now() + profile::SERVER_LASTS - CERT_LEFT;
    loop {
        tokio::select! {
            () = tokio::time::sleep(CERT_EVERY) => {}
            () = &mut stopped => return,
        }
        if now() < replace_at {
            continue;
        }
        let replaced = issue_own(&hub)
            .map_err(TlsError::from)
            .and_then(|(cert, key)| own.replace(&cert, &key, &[hub.issuing.cert()]));
        match replaced {
            Ok(()) => replace_at = now() + profile::SERVER_LASTS - CERT_LEFT,
            Err(error) => {
                tracing::error!(%error, "the hub's certificate could not be replaced; trying again in an hour")
            }
        }
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let wrong = |source| StartError::Listen { what, address, source };
    let listener = TcpListener::bind(address).await.map_err(wrong)?;
    let bound = listener.local_addr().map_err(wrong)?;
    Ok((listener, bound))
}

/// What a listener's connections get.
#[derive(Clone)]
enum Serve {
    Link,
    Http(Router),
}

/// One listener.
struct Door {
    listener: TcpListener,
    /// Nothing where plain HTTP is spoken.
    tls: Option<TlsAcceptor>,
    seats: Arc<Semaphore>,
    hub: Arc<Hub>,
    stopped: watch::Receiver<bool>,
}

impl Door {
    async fn serve(self, serve: Serve) {
        let mut stopped = std::pin::pin!(until(self.stopped.clone()));
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut stopped => break,
            };
            match accepted {
                Ok((tcp, place)) => match Arc::clone(&self.seats).try_acquire_owned() {
                    Ok(seat) => {
                        let (tls, hub) = (self.tls.clone(), Arc::clone(&self.hub));
                        let (serve, stopped) = (serve.clone(), self.stopped.clone());
                        connections.spawn(async move {
                            let _seat = seat;
                            // What only the handshake needs is given back before the connection is served: the task of
                            // an idle link stays small.
                            if let Some(served) = Box::pin(connection(tcp, place, tls, hub, serve, stopped)).await {
                                served.await;
                            }
                        });
                    }
                    // No seat: the socket closes here. A pump comes back with back-off.
                    Err(_) => self.hub.links.strangers().note("", place, "too-many-connections", now()),
                },
                // Out of files, most likely: wait a moment instead of turning in circles.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        while connections.join_next().await.is_some() {}
    }
}

/// A connection that is being served.
type Served = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

async fn connection(
    tcp: TcpStream,
    place: SocketAddr,
    tls: Option<TlsAcceptor>,
    hub: Arc<Hub>,
    serve: Serve,
    stopped: watch::Receiver<bool>,
) -> Option<Served> {
    let _ = tcp.set_nodelay(true);
    let (acceptor, serve) = match (tls, serve) {
        (Some(acceptor), serve) => (acceptor, serve),
        (None, Serve::Http(router)) => return Some(http(tcp, None, place, hub, router, stopped)),
        // There is no link without TLS.
        (None, Serve::Link) => return None,
    };
    let within = Duration::from_secs(hub.config.limits.handshake_s);
    let strange = |word| {
        hub.links.strangers().note("", place, word, now());
        None
    };
    let stream = match tokio::time::timeout(within, acceptor.accept(tcp)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let refusal = tls::refusal_of(&error);
            hub.links.strangers().note(&refusal.claim, place, refusal.word, now());
            return None;
        }
        Err(_) => return strange("slow-handshake"),
    };
    let Ok(shown) = tls::shown(stream.get_ref().1.peer_certificates()) else {
        return strange("not-a-pump-certificate");
    };
    match serve {
        Serve::Link => admit_link(stream, shown, place, &hub),
        Serve::Http(router) => Some(http(stream, shown, place, hub, router, stopped)),
    }
}

fn http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    shown: Option<Shown>,
    place: SocketAddr,
    hub: Arc<Hub>,
    router: Router,
    stopped: watch::Receiver<bool>,
) -> Served {
    Box::pin(async move { serve_http(stream, shown, place, &hub, router, stopped).await })
}

/// The registry is asked again here: a resumed handshake showed no certificate to the verifier. The certificate itself
/// is let go here, so that an idle link does not hold it.
fn admit_link(stream: TlsStream<TcpStream>, shown: Option<Shown>, place: SocketAddr, hub: &Arc<Hub>) -> Option<Served> {
    wardline_model::covers!("N14");
    let Some(Shown::Pump(pump, _)) = shown else {
        hub.links.strangers().note("", place, "not-a-pump-certificate", now());
        return None;
    };
    if let Err(word) = hub.registry.admit(&pump) {
        hub.links.strangers().note(&format!("pump {}", pump.pump), place, word, now());
        return None;
    }
    let peer = Peer { pump: pump.pump, fingerprint: pump.fingerprint, place };
    let link = crate::link::serve(stream, peer, Arc::clone(&hub.links));
    Some(Box::pin(async move {
        let _ = link.await;
    }))
}

/// Who asks, put into every request's extensions.
#[derive(Clone, Debug)]
pub struct HttpPeer {
    /// The certificate, if one was shown.
    pub shown: Option<Arc<Shown>>,
    /// From where.
    pub place: SocketAddr,
}

async fn serve_http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    shown: Option<Shown>,
    place: SocketAddr,
    hub: &Arc<Hub>,
    router: Router,
    stopped: watch::Receiver<bool>,
) {
    let peer = HttpPeer { shown: shown.map(Arc::new), place };
    let router = router.layer(axum::Extension(peer)).layer(axum::Extension(PeerAddress(place.ip())));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(hub.config.limits.request_s))
        .max_buf_size(MAX_HEAD);
    let mut connection = std::pin::pin!(
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).with_upgrades()
    );
    tokio::select! {
        _ = connection.as_mut() => return,
        () = until(stopped) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
