//! Starts and ends everything: three listeners (and a fourth, for third parties, where the operator wants it), the watch
//! over links, and an orderly stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use wardline_model::Time;
use wardline_pki::{Authority, Cert, CertSerial, PkiError, profile};
use wardline_release::key::PublicKey;
use wardline_release::{Verified, goal};
use wardline_store::{Actor, Decision, Entry, Store, StoreError};
use wardline_wire::link::CloseReason;

use crate::changes::Changes;
use crate::config::{Config, ConfigError};
use crate::console::{self, Console};
use crate::door::{Door, Serve, until};
use crate::keys::{KeyError, Keys};
use crate::link::{Gate, LinkSettings, Links};
use crate::state::{Hub, Parts, Registry, now};
use crate::tasks::housekeeping::Housekeeping;
use crate::tasks::planner::{self, Planner};
use crate::tls::{self, Makers, OwnCert, TlsError};
use crate::trust::{self, Authorities, Trust, serving};

/// How long an orderly stop waits for open connections.
const STOP_WITHIN: Duration = Duration::from_secs(5);

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
    /// The authority below the hospital's root.
    #[error(transparent)]
    Subordinate(#[from] crate::ca::subordinate::InstallError),
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
    let keys = new_keys(&config)?;
    let root_key = keys.new_signer("root")?;
    let content = profile::root(root_key.spki(), "Wardline fleet root", &config.hospital)?;
    let root = Authority::self_signed(&content, root_key, &serial()?, at)?;
    let issuing_key = keys.new_signer("issuing")?;
    let content = profile::issuing(issuing_key.spki(), "Wardline issuing CA", &config.hospital)?;
    let issuing = Authority::new(root.sign(&content, &serial()?, at)?, issuing_key)?;
    keys.keep_authority("root", &root)?;
    keys.keep_authority("issuing", &issuing)?;
    let store = found(&config, &keys, at).await?;
    let subject = format!("root certificate {}", root.cert().fingerprint());
    store.record(&set_up(at), &Entry::done("hub.init", None, subject)).await?;
    store.close().await;
    config.write()?;
    let root_file = config.folder.join("keys/root.pem");
    Ok(InitReport { root: root.cert().clone(), root_file, config })
}

/// Makes a hub whose issuing authority will be below the hospital's own root: everything but certificates. Gives its
/// request, PEM.
///
/// # Errors
/// [`StartError`].
pub async fn init_subordinate(config: &Config) -> Result<String, StartError> {
    let at = now();
    let keys = new_keys(config)?;
    let store = found(config, &keys, at).await?;
    let by = set_up(at);
    store.record(&by, &Entry::done("hub.init", None, "below the hospital's own root")).await?;
    let request = crate::ca::subordinate::request(config, &keys, &store, &by).await?;
    store.close().await;
    config.write()?;
    Ok(request)
}

fn new_keys(config: &Config) -> Result<Keys, StartError> {
    config.check().map_err(|why| ConfigError::Wrong { path: config.folder.join(crate::config::FILE), why })?;
    Ok(Keys::create(&config.folder.join("keys"))?.placed(&config.ca_key))
}

/// The keys that every hub has, and its database.
async fn found(config: &Config, keys: &Keys, at: Time) -> Result<Store, StartError> {
    keys.new_ed25519("goal")?;
    keys.new_ed25519("audit")?;
    Ok(Store::create(&config.database_url(), keys.master(), at).await?)
}

fn set_up(at: Time) -> Decision {
    Decision { by: Actor::Operator("init".into()), reason: "the hub was set up".into(), at }
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
    /// Where old clients enrol, if anywhere.
    pub legacy_est_addr: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Ends at once, as a crash would: no goodbye to anybody. What was being written is written or not.
    pub async fn crash(self) {
        let store = self.hub.store.clone();
        drop(self);
        store.close().await;
    }

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
pub async fn start(mut config: Config) -> Result<Running, StartError> {
    let at = now();
    let keys = Keys::open(&config.folder.join("keys"))?.placed(&config.ca_key);
    keys.ready()?;
    // Before the database is touched: a second hub on the same ports must not take the first one's links for lost.
    let Listeners { link, est, console, status, legacy } = Listeners::open(&mut config).await?;
    let store = open_store(&config, &keys, at).await?;
    let neighbours = store.neighbours(&config.node).await?;
    store.links_lost(&config.node).await?;
    let registry = Registry::new(store.registry().await?);
    let trust = Trust::new(Authorities::load(&keys, &store.roll_overs().await?)?)?;
    let changes = Arc::new(Changes::default());
    let links = Links::new(store.clone(), config.node.clone(), gate(&registry, &changes), LinkSettings::default());
    let makers = Makers { roots: maker_roots(&config)?, module: config.enrolment.hardware_module_name };
    let hub = Hub::new(Parts {
        makers,
        store,
        registry,
        links,
        trust,
        goal_key: keys.ed25519("goal")?,
        audit_key: keys.ed25519("audit")?,
        changes,
        coa: crate::coa::Coa::open(&config.coa, &keys)?,
        config,
    });
    let (serves, made) = serving::first(&hub, &keys).await?;
    let own = OwnCert::new(serves);
    crate::ca::ledger::open(&hub).await?;
    let fleet = hub.trust.anchors();
    let limits = hub.config.limits;
    let link_tls = tls::link(&own, fleet, Arc::clone(&hub.registry))?.into();
    let est_tls = tls::est(&own, fleet, &hub.makers.roots)?.into();
    let console_tls = tls::console(&own)?.into();
    let legacy_tls = tls::legacy_est(&own, fleet, &hub.makers.roots)?.into();

    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let est_router = crate::est::router(Arc::clone(&hub)).merge(crate::repo::router(Arc::clone(&hub)));
    let console_router = console::router(&console_of(&hub));
    let status = status
        .map(|status| (status, limits.status_connections, Serve::Status(crate::status::router(Arc::clone(&hub)))));
    let legacy = legacy.map(|legacy| {
        let router = crate::est::legacy_router(Arc::clone(&hub));
        (legacy, limits.est_connections, Serve::LegacyEst(legacy_tls, router))
    });
    let doors = [
        (link, limits.link_connections, Serve::Link(link_tls)),
        (est, limits.est_connections, Serve::Est(est_tls, est_router)),
        (console, limits.console_connections, Serve::Console(console_tls, console_router)),
    ];
    for (listener, seats, serve) in doors.into_iter().chain(status).chain(legacy) {
        tasks.spawn(Door::new(listener, seats, &hub, serve, stopped.clone()).open());
    }
    tasks.spawn(planner_of(&hub).run(stopped.clone()));
    tasks.spawn(crate::link::watch(Arc::clone(&hub.links), until(stopped.clone())));
    let (audit_key, node) = (hub.audit_key.clone(), hub.config.node.clone());
    tasks.spawn(Housekeeping::new(hub.store.clone(), audit_key, node, now).run(stopped.clone()));
    tasks.spawn(crate::tasks::postures::run(Arc::clone(&hub), stopped.clone()));
    tasks.spawn(crate::tasks::suspects::run(Arc::clone(&hub), stopped.clone()));
    tasks.spawn(crate::coa::run(Arc::clone(&hub), stopped.clone()));
    if let Some(neighbours) = neighbours {
        tasks.spawn(crate::tasks::neighbours::listen(Arc::clone(&hub), neighbours, stopped.clone()));
    }
    tasks.spawn(trust::follow(Arc::clone(&hub), stopped.clone()));
    tasks.spawn(crate::ca::ledger::watch(Arc::clone(&hub), stopped.clone()));
    tasks.spawn(serving::keep_fresh(Arc::clone(&hub), keys, own, made, stopped));
    let Config { link, est, console, status, legacy_est, .. } = hub.config;
    Ok(Running {
        hub,
        link_addr: link,
        est_addr: est,
        console_addr: console,
        status_addr: status,
        legacy_est_addr: legacy_est,
        stop,
        tasks,
    })
}

/// The console, wired to registry and links.
fn console_of(hub: &Arc<Hub>) -> Arc<Console> {
    let applied = Arc::clone(hub);
    let wiring = console::Wiring {
        moved: Box::new(move |entry| applied.apply(entry)),
        upload: upload(Arc::clone(hub)),
        trust: trust::door(Arc::clone(hub)),
        stranger: {
            let links = Arc::clone(&hub.links);
            Box::new(move |claim, source, word| links.strangers().note_from(claim, source, word, now()))
        },
        suspect: {
            let links = Arc::clone(&hub.links);
            Box::new(move |suspicion| links.suspicions().push(suspicion))
        },
        place: label_place(hub),
        audit_key: hub.audit_key.clone(),
        changes: Arc::clone(&hub.changes),
        ledger: Arc::clone(&hub.ledger),
        now,
    };
    Console::new(hub.store.clone(), wiring, console::Settings::default())
}

/// What a new pump's label says of this hub. The root is asked for each time: it may be replaced while the hub runs.
fn label_place(hub: &Arc<Hub>) -> console::LabelPlace {
    let root = Arc::clone(hub);
    let Config { est_public, est, link_public, link, hub_name, .. } = &hub.config;
    let place = |public: &Option<String>, bound: &SocketAddr| reached_at(public.as_deref(), *bound, hub_name);
    console::LabelPlace {
        est: place(est_public, est),
        link: place(link_public, link),
        name: hub_name.clone(),
        root: Box::new(move || root.root().fingerprint()),
    }
}

/// Where pumps reach a listener: what the operator says, or where it listens. One that listens everywhere is reached by
/// the hub's name.
pub(crate) fn reached_at(public: Option<&str>, bound: SocketAddr, name: &str) -> String {
    match public {
        Some(place) => place.to_owned(),
        None if bound.ip().is_unspecified() => format!("{name}:{}", bound.port()),
        None => bound.to_string(),
    }
}

/// The planner, wired to the goal key and the links.
fn planner_of(hub: &Arc<Hub>) -> Planner {
    let (signing, links) = (hub.goal_key.clone(), Arc::clone(&hub.links));
    let (touched, changed) = (Arc::clone(&hub.changes), Arc::clone(&hub.changes));
    let own = PublicKey::from(signing.verifying_key());
    let wiring = planner::Wiring {
        // A goal in the database that this hub did not sign was put there by somebody else: it counts for nothing.
        read_goal: Box::new(move |pump, signed| goal::verify(signed, &own, pump).ok().map(Verified::into_inner)),
        sign_goal: Box::new(move |wanted| goal::sign(wanted, &signing)),
        goal_changed: Box::new(move |pump, generation, signed| {
            touched.touch(pump);
            links.goal_changed(pump, generation, signed);
        }),
        changed: Box::new(move || changed.note()),
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
                Ok(_) => hub.changes.note(),
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

fn gate(registry: &Arc<Registry>, changes: &Arc<Changes>) -> Gate {
    let (read, write, changes) = (Arc::clone(registry), Arc::clone(registry), Arc::clone(changes));
    Gate {
        entry: Box::new(move |pump| read.get(pump)),
        update: Box::new(move |entry| write.put(entry)),
        touched: Box::new(move |pump| changes.touch(pump)),
    }
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

/// The listeners. Two of them are there only where the operator wants them.
struct Listeners {
    link: TcpListener,
    est: TcpListener,
    console: TcpListener,
    status: Option<TcpListener>,
    legacy: Option<TcpListener>,
}

impl Listeners {
    /// Opens the ports, and puts where they really are into the configuration: port 0 means any.
    async fn open(config: &mut Config) -> Result<Self, StartError> {
        let (link, link_addr) = listen("live link", config.link).await?;
        let (est, est_addr) = listen("enrolment", config.est).await?;
        let (console, console_addr) = listen("console", config.console).await?;
        (config.link, config.est, config.console) = (link_addr, est_addr, console_addr);
        let status = maybe_listen("state of certificates", &mut config.status).await?;
        let legacy = maybe_listen("legacy enrolment", &mut config.legacy_est).await?;
        Ok(Self { link, est, console, status, legacy })
    }
}

async fn maybe_listen(what: &'static str, address: &mut Option<SocketAddr>) -> Result<Option<TcpListener>, StartError> {
    let Some(wanted) = *address else { return Ok(None) };
    let (listener, bound) = listen(what, wanted).await?;
    *address = Some(bound);
    Ok(Some(listener))
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let wrong = |source| StartError::Listen { what, address, source };
    let listener = TcpListener::bind(address).await.map_err(wrong)?;
    let bound = listener.local_addr().map_err(wrong)?;
    Ok((listener, bound))
}
