//! The whole agent over real TLS on loopback, against a hub and a controller that keep every rule: killed at each of its
//! effects, cut off, restarted.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use wardline_model::{ChannelState, EventBody, Generation, Goal, HoldSupport, Kind, PumpId, Report, Time, covers};
use wardline_wire::link::{self, HubFrame, PumpFrame, hub_frame, pump_frame};
use wardline_wire::port::{AgentFrame, ControllerFrame};
use wardline_wire::{Ask, Channel, Greeting, Holding, ReadBack, Say, limits};

use super::{DaemonError, Known, run_as};
use crate::config::Config;
use crate::controller::Place;
use crate::fault::Fault;
use crate::frames::Frames;
use crate::sealed::Flush;

const NAME: &str = "hub.wardline.internal";

fn pump() -> PumpId {
    "6f1c2a34-0000-4000-8000-000000000001".parse().expect("written right")
}

/// What a hub has made durable: survives its restarts.
#[derive(Default)]
struct Kept {
    journal: u64,
    events: Vec<wardline_model::Event>,
    reports: Vec<Report>,
    links: u32,
    /// Sent after every Welcome.
    goals: Vec<Vec<u8>>,
}

/// A hub that keeps the contract, made of a listener and what it has kept.
struct Hub {
    place: String,
    kept: Arc<Mutex<Kept>>,
    news: Arc<Notify>,
    client: (Vec<CertificateDer<'static>>, Vec<u8>, CertificateDer<'static>),
    serving: tokio::task::JoinHandle<()>,
}

impl Hub {
    /// Starts a hub that ends every link after this many frames of events, to be awkward; the last frame is kept but not
    /// acknowledged.
    async fn start(cut_after: usize) -> Self {
        let ca_key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = params.self_signed(&ca_key).expect("signed").der().clone();
        let issuer = Issuer::new(params, ca_key);
        let (chain, key) = leaf(&issuer, NAME, ExtendedKeyUsagePurpose::ServerAuth);
        let (pump_chain, pump_key) = leaf(&issuer, "pump", ExtendedKeyUsagePurpose::ClientAuth);
        let mut roots = RootCertStore::empty();
        roots.add(root.clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(chain, PrivatePkcs8KeyDer::from(key).into())
            .expect("a certificate");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let place = listener.local_addr().expect("bound").to_string();
        let (kept, news) = (Arc::new(Mutex::new(Kept::default())), Arc::new(Notify::new()));
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let serving = tokio::spawn(serve(listener, acceptor, Arc::clone(&kept), Arc::clone(&news), cut_after));
        Self { place, kept, news, client: (pump_chain, pump_key, root), serving }
    }

    fn known(&self) -> Known {
        let (chain, key, root) = &self.client;
        let key: PrivateKeyDer<'static> = PrivatePkcs8KeyDer::from(key.clone()).into();
        let tls = crate::link::client_config(std::slice::from_ref(root), chain.clone(), key).expect("usable");
        Known { pump: pump(), tls, goal_key: goal_key(1).verifying_key().into(), tuf_root: None }
    }

    fn details(&self) -> Vec<String> {
        let kept = self.kept.lock().expect("not poisoned");
        let details = kept.events.iter().filter_map(|event| match &event.body {
            EventBody::TherapyChanged { detail, .. } => Some(detail.clone()),
            _ => None,
        });
        details.collect()
    }

    /// Waits until the hub has kept something that satisfies `enough`.
    async fn until(&self, enough: impl Fn(&Kept) -> bool) {
        loop {
            let news = self.news.notified();
            if enough(&self.kept.lock().expect("not poisoned")) {
                return;
            }
            news.await;
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn goal_key(which: u8) -> SigningKey {
    SigningKey::from_bytes(&[which; 32])
}

/// A goal that wants nothing, signed.
fn goal(pump: PumpId, generation: u64, key: &SigningKey) -> Vec<u8> {
    wardline_release::goal::sign(&Goal::empty(pump, Generation(generation), Time::from_unix_s(1_700_000_000)), key)
}

fn leaf(
    issuer: &Issuer<'static, KeyPair>,
    name: &str,
    usage: ExtendedKeyUsagePurpose,
) -> (Vec<CertificateDer<'static>>, Vec<u8>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.extended_key_usages = vec![usage];
    (vec![params.signed_by(&key, issuer).expect("signed").der().clone()], key.serialize_der())
}

async fn serve(
    listener: TcpListener,
    acceptor: tokio_rustls::TlsAcceptor,
    kept: Arc<Mutex<Kept>>,
    news: Arc<Notify>,
    cut_after: usize,
) {
    loop {
        let (stream, _) = listener.accept().await.expect("a listener");
        let Ok(stream) = acceptor.accept(stream).await else { continue };
        let mut frames: Frames<_, PumpFrame, HubFrame> = Frames::new(stream, limits::LINK_FRAME, 1 << 20);
        let mut left = cut_after;
        while left > 0
            && let Ok(Some(frame)) = frames.next().await
        {
            let body = frame.body.expect("a body");
            if matches!(body, pump_frame::Body::Events(_)) {
                left -= 1;
            }
            let mut answers: Vec<hub_frame::Body> = keep(&kept, body).into_iter().collect();
            if matches!(answers[..], [hub_frame::Body::Welcome(_)]) {
                let goals = kept.lock().expect("not poisoned").goals.clone();
                answers.extend(goals.into_iter().map(|signed| hub_frame::Body::Goal(link::Goal { signed })));
            }
            news.notify_waiters();
            if left > 0 {
                for answer in answers {
                    let _ = frames.push(&HubFrame { body: Some(answer) });
                }
                let _ = frames.flush().await;
            }
        }
    }
}

fn keep(kept: &Mutex<Kept>, body: pump_frame::Body) -> Option<hub_frame::Body> {
    let mut kept = kept.lock().expect("not poisoned");
    match body {
        pump_frame::Body::Hello(hello) => {
            let greeting = Greeting::try_from(hello).expect("a good Hello");
            assert_eq!(greeting.pump, pump());
            if kept.journal != greeting.journal {
                assert!(kept.events.is_empty(), "the pump's store was made anew");
                kept.journal = greeting.journal;
            }
            kept.links += 1;
            let acked = kept.events.len() as u64;
            Some(hub_frame::Body::Welcome(link::Welcome { version: 1, now: 0, acked, heartbeat_s: 30 }))
        }
        pump_frame::Body::Events(events) => {
            for event in events.checked().expect("good events") {
                let next = kept.events.len() as u64 + 1;
                assert!(event.seq.0 <= next, "a gap: {} instead of {next}", event.seq);
                if event.seq.0 == next {
                    kept.events.push(event);
                }
            }
            Some(hub_frame::Body::Ack(link::Ack { seq: kept.events.len() as u64 }))
        }
        pump_frame::Body::Report(report) => {
            kept.reports.push(Report::try_from(report).expect("a good report"));
            None
        }
        pump_frame::Body::Heartbeat(beat) => Some(hub_frame::Body::Heartbeat(beat)),
        pump_frame::Body::Bye(_) | pump_frame::Body::Posture(_) => None,
    }
}

/// A controller that says one thing after the other, each once, and remembers how far it came. It never waits for the
/// agent.
struct Therapy {
    said: Arc<Mutex<u64>>,
    most: u64,
}

impl Therapy {
    /// A new connection; the agent that it belongs to may die at any time.
    fn connect(&self) -> Place {
        let (near, far) = tokio::io::duplex(4096);
        let (said, most) = (Arc::clone(&self.said), self.most);
        tokio::spawn(async move {
            let mut frames: Frames<_, AgentFrame, ControllerFrame> = Frames::new(far, limits::PORT_FRAME, 1 << 20);
            while let Ok(Some(frame)) = frames.next().await {
                for say in answer(Ask::try_from(frame).expect("in the contract"), &said, most) {
                    let _ = frames.push(&say.into());
                }
                let _ = frames.flush().await;
            }
        });
        Place::Stream(Box::new(near))
    }
}

fn answer(ask: Ask, said: &Mutex<u64>, most: u64) -> Vec<Say> {
    match ask {
        Ask::Hello { .. } => vec![Say::Hello {
            version: 1,
            model: wardline_model::Model::new("Halcyon 3").expect("a name"),
            serial: wardline_model::Serial::new("1").expect("a name"),
            hold: HoldSupport::Grants,
            kinds: vec![Kind::DrugLibrary],
        }],
        Ask::Status => {
            let channel = Channel { channel: 1, state: ChannelState::Infusing, since: Time::from_unix_ms(1) };
            let mut says = vec![Say::Status { channels: vec![channel], hold: HoldSupport::Grants }];
            let mut said = said.lock().expect("not poisoned");
            while *said < most {
                says.push(Say::Therapy {
                    channel: 1,
                    state: ChannelState::Infusing,
                    at: Time::from_unix_ms(*said),
                    library: None,
                    detail: format!("change {said}"),
                });
                *said += 1;
            }
            says
        }
        Ask::ReadBack { kind } => vec![Say::ReadBack(ReadBack { kind, holding: Holding::Nothing })],
        _ => Vec::new(),
    }
}

fn config(folder: &std::path::Path, hub: &Hub) -> Config {
    let text = serde_json::json!({
        "state": folder,
        "hub": { "link": hub.place, "est": hub.place },
        "model": "Halcyon 3", "serial": "1",
        "enrolment": { "code": { "root": "none", "code": "none" } },
    });
    Config { flush: Flush::Never, ..Config::parse(&text.to_string()).expect("good") }
}

/// Time is never slept away: a test that hangs fails here.
async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.unwrap_or_else(|_| panic!("{what} took too long"))
}

#[tokio::test]
async fn events_and_report_arrive_although_the_hub_cuts_every_link() {
    covers!("N11", "N1");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let hub = Hub::start(1).await;
    let therapy = Therapy { said: Arc::default(), most: 40 };
    let stop = hub.until(|kept| kept.events.len() >= 41 && !kept.reports.is_empty());
    let ended = run_as(hub.known(), config(folder.path(), &hub), therapy.connect(), Fault::after(u64::MAX), stop);
    in_time("the story", ended).await.expect("ends when told");
    let expect: Vec<String> = (0..40).map(|n| format!("change {n}")).collect();
    assert_eq!(hub.details(), expect);
    let kept = hub.kept.lock().expect("not poisoned");
    let states: Vec<_> = kept.reports.iter().filter_map(|report| report.therapy.state()).collect();
    assert!(states.contains(&ChannelState::Infusing), "{states:?}");
}

/// Dies at its first effect, its second, and so on until the story ends by itself; after each death it starts again on
/// what is left. Everything that the controller said before the agent had it on the disk may be lost with a death (the
/// controller does not wait); nothing may be doubled, reordered, or lost after it was kept.
#[tokio::test]
async fn killed_at_each_effect_it_loses_and_doubles_nothing_that_it_kept() {
    covers!("N11", "N6");
    let mut deaths = 0;
    for effects in 0.. {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let hub = Hub::start(usize::MAX).await;
        let therapy = Therapy { said: Arc::default(), most: 3 };
        let story = async {
            let fault = Fault::after(effects);
            let first = hub.until(|kept| kept.events.len() >= 4 && !kept.reports.is_empty());
            let ended = run_as(hub.known(), config(folder.path(), &hub), therapy.connect(), fault, first).await;
            let died = matches!(
                ended,
                Err(DaemonError::Killed(_) | DaemonError::State(crate::sealed::SealedError::Killed(_)))
            );
            assert!(died || ended.is_ok(), "effect {effects}: {ended:?}");
            // Started again, the agent says so in an event: when it arrives, everything before it has arrived.
            let before = hub.kept.lock().expect("not poisoned").links;
            let again = hub.until(|kept| {
                let last = kept.events.last().map(|event| &event.body);
                let settled = matches!(last, Some(EventBody::TherapyChanged { .. })) || therapy_is_over(&therapy, kept);
                kept.links > before && settled
            });
            run_as(hub.known(), config(folder.path(), &hub), therapy.connect(), Fault::after(u64::MAX), again)
                .await
                .expect("starts again on what is left");
            died
        };
        let died = in_time(&format!("the story with death at effect {effects}"), story).await;
        let details = hub.details();
        let numbers: Vec<u64> = details.iter().map(|d| d["change ".len()..].parse().expect("a number")).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "effect {effects}: {details:?}");
        if !died {
            assert_eq!(numbers, [0, 1, 2]);
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 12, "only {deaths} places to die");
}

/// Whether the controller has said everything and the newest event is the agent's own start.
fn therapy_is_over(therapy: &Therapy, kept: &Kept) -> bool {
    *therapy.said.lock().expect("not poisoned") >= therapy.most
        && matches!(kept.events.last().map(|e| &e.body), Some(EventBody::Started { .. }))
}

#[tokio::test]
async fn two_agents_on_one_folder_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let hub = Hub::start(usize::MAX).await;
    let config = config(folder.path(), &hub);
    let first = super::life::lock(&config);
    assert!(first.is_ok());
    let second = run_as(hub.known(), config, Place::Nowhere, Fault::none(), std::future::pending()).await;
    assert!(matches!(second, Err(DaemonError::InUse(_))));
}

#[tokio::test]
async fn only_a_goal_that_the_hubs_key_signed_for_this_pump_is_taken() {
    covers!("N13", "N14");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let hub = Hub::start(usize::MAX).await;
    let other = PumpId::from_bytes([3; 16]);
    hub.kept.lock().expect("not poisoned").goals = vec![
        goal(pump(), 9, &goal_key(2)),
        goal(other, 8, &goal_key(1)),
        b"not a goal".to_vec(),
        goal(pump(), 4, &goal_key(1)),
        goal(pump(), 3, &goal_key(1)),
    ];
    let stop = hub.until(|kept| kept.reports.iter().any(|report| report.generation == Generation(4)));
    let ended = run_as(hub.known(), config(folder.path(), &hub), Place::Nowhere, Fault::after(u64::MAX), stop);
    in_time("the story", ended).await.expect("ends when told");
    let kept = hub.kept.lock().expect("not poisoned");
    assert!(kept.reports.iter().all(|report| report.generation <= Generation(4)), "{:?}", kept.reports);
}
