//! Links over real sockets and a real database: durable, once, cut at once, and every bad peer named.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use expect_test::expect;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wardline_model::{
    AssetTag, CareArea, ChannelState, Digest, Event, EventBody, Generation, HoldSupport, Lifecycle, Model, PerKind,
    PumpId, QuarantineLevel, Report, Sequence, Serial, Span, Therapy, Time, covers,
};
use wardline_store::{
    Actor, AuditQuery, Decision, ExpectedPump, Journal, MasterKey, NewCertificate, PageRequest, RegistryEntry, Store,
    sqlite_url,
};
use wardline_wire::link::{self, CloseReason, HubFrame, PumpFrame, hub_frame, pump_frame};
use wardline_wire::{FrameReader, Greeting, frame, limits};

use super::watch::cut_late;
use super::{Ended, Gate, LinkSettings, Links, Peer, now, serve};

type Registry = Arc<Mutex<BTreeMap<PumpId, RegistryEntry>>>;

/// A hub's part that serves links, with two pumps that hold certificates.
struct Ward {
    _folder: tempfile::TempDir,
    store: Store,
    registry: Registry,
    links: Arc<Links>,
    pumps: Vec<PumpId>,
}

fn fingerprint(pump: PumpId) -> Digest {
    let mut bytes = [1; 32];
    bytes[..16].copy_from_slice(pump.as_bytes());
    Digest::from_bytes(bytes)
}

fn decision() -> Decision {
    Decision { by: Actor::Operator("test".into()), reason: "a test".into(), at: now() }
}

impl Ward {
    async fn new() -> Self {
        Self::with(LinkSettings::default()).await
    }

    async fn with(settings: LinkSettings) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = sqlite_url(&folder.path().join("hub.db"));
        let store = Store::create(&url, &MasterKey::from_bytes([7; 32]), now()).await.expect("a database");
        let expected: Vec<ExpectedPump> = (1..=2)
            .map(|n| ExpectedPump {
                model: Model::new("Halcyon 3").expect("a name"),
                serial: Serial::new(&format!("H3-{n}")).expect("a name"),
                asset_tag: AssetTag::new(&format!("TAG-{n}")).expect("a name"),
                care_area: CareArea::new("Ward").expect("a name"),
            })
            .collect();
        let pumps = store.expect_pumps(&expected, &decision()).await.expect("kept");
        let registry = Registry::default();
        for pump in &pumps {
            let certificate = NewCertificate {
                serial: pump.to_string().replace('-', ""),
                fingerprint: fingerprint(*pump),
                pump: *pump,
                not_before: now(),
                not_after: now() + Span::from_days(30),
                der: vec![0],
            };
            let entry = store.issue_certificate(&certificate, &decision()).await.expect("issued");
            registry.lock().expect("not poisoned").insert(*pump, entry);
        }
        let links = Self::links(&store, &registry, settings);
        Self { _folder: folder, store, registry, links, pumps }
    }

    fn links(store: &Store, registry: &Registry, settings: LinkSettings) -> Arc<Links> {
        let (read, write) = (Arc::clone(registry), Arc::clone(registry));
        let gate = Gate {
            entry: Box::new(move |pump| read.lock().expect("not poisoned").get(&pump).cloned()),
            update: Box::new(move |entry| drop(write.lock().expect("not poisoned").insert(entry.pump, entry))),
            touched: Box::new(|_| ()),
        };
        Links::new(store.clone(), "test", gate, settings)
    }

    /// The hub process starts again on the same database.
    fn restart(&mut self) {
        self.links.table().cut_all(CloseReason::HubStopping);
        self.links = Self::links(&self.store, &self.registry, LinkSettings::default());
    }

    /// A pump's connection, right after the handshake.
    async fn connect(&self, pump: PumpId) -> Pump {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let place = listener.local_addr().expect("bound");
        let (stream, accepted) = tokio::join!(TcpStream::connect(place), listener.accept());
        let (io, place) = accepted.expect("a peer");
        let peer = Peer { pump, fingerprint: fingerprint(pump), place };
        let ended = tokio::spawn(serve(io, peer, Arc::clone(&self.links)));
        Pump { pump, stream: stream.expect("connected"), reader: FrameReader::new(), ended }
    }

    /// A pump that is welcomed; gives what was acknowledged.
    async fn link(&self, pump: PumpId) -> (Pump, u64) {
        let mut link = self.connect(pump).await;
        link.say(pump_frame::Body::Hello(hello(pump).into())).await;
        match link.hear().await {
            Some(hub_frame::Body::Welcome(welcome)) => (link, welcome.acked),
            other => panic!("not welcomed: {other:?}"),
        }
    }

    async fn refusals(&self) -> Vec<String> {
        let query = AuditQuery { action: Some("link.refused".into()), ..AuditQuery::default() };
        let page = self.store.audit(&query).await.expect("readable");
        page.rows.into_iter().map(|record| format!("{}: {}", record.subject, record.reason)).collect()
    }

    fn set(&self, pump: PumpId, lifecycle: Lifecycle) {
        if let Some(entry) = self.registry.lock().expect("not poisoned").get_mut(&pump) {
            entry.lifecycle = lifecycle;
        }
    }
}

struct Pump {
    pump: PumpId,
    stream: TcpStream,
    reader: FrameReader,
    ended: tokio::task::JoinHandle<Ended>,
}

impl Pump {
    async fn say(&mut self, body: pump_frame::Body) {
        let bytes = frame::encode(&PumpFrame { body: Some(body) }, limits::LINK_FRAME).expect("fits");
        self.send(&bytes).await;
    }

    async fn send(&mut self, bytes: &[u8]) {
        // The hub may have ended the link already; what it said before is what counts.
        let _ = self.stream.write_all(bytes).await;
    }

    /// The hub's next word, or `None` when it ended the connection.
    async fn hear(&mut self) -> Option<hub_frame::Body> {
        loop {
            let got = self.stream.read(self.reader.room()).await.unwrap_or(0);
            let heard: Option<HubFrame> = self.reader.took(got, limits::LINK_FRAME).expect("a good frame");
            if heard.is_some() || got == 0 {
                return heard.and_then(|frame| frame.body);
            }
        }
    }

    async fn send_events(&mut self, numbers: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let events: Vec<Event> = numbers.map(event).collect();
        self.say(pump_frame::Body::Events(link::Events::from_front(&events))).await;
        match self.hear().await {
            Some(hub_frame::Body::Ack(ack)) => Some(ack.seq),
            _ => None,
        }
    }

    /// Why the hub closed the link, and that nothing comes after.
    async fn closed(mut self) -> (CloseReason, String) {
        loop {
            match self.hear().await {
                Some(hub_frame::Body::Close(close)) => {
                    assert!(self.hear().await.is_none(), "the hub went on after Close");
                    self.ended.await.expect("the link does not panic");
                    return (close.reason(), close.detail);
                }
                Some(_) => {}
                None => panic!("ended without Close: {:?}", self.ended.await),
            }
        }
    }

    async fn is_alive(&mut self) -> bool {
        self.say(pump_frame::Body::Heartbeat(link::Heartbeat { number: 7 })).await;
        matches!(self.hear().await, Some(hub_frame::Body::Heartbeat(link::Heartbeat { number: 7 })))
    }
}

fn hello(pump: PumpId) -> Greeting {
    Greeting {
        versions: vec![1],
        pump,
        agent: "0.1.0".into(),
        boot: [9; 16],
        oldest_event: Sequence(1),
        next_event: Sequence(1),
        generation: Generation(0),
        model: Model::new("Halcyon 3").expect("a name"),
        journal: 5,
    }
}

fn event(number: u64) -> Event {
    let body = EventBody::TherapyChanged {
        channel: 1,
        state: ChannelState::Infusing,
        library: None,
        detail: format!("change {number}"),
    };
    Event { seq: Sequence(number), at: Time::from_unix_ms(number), body }
}

#[tokio::test]
async fn events_are_durable_before_they_are_acknowledged_and_kept_once() {
    covers!("N11");
    let mut ward = Ward::new().await;
    let pump = ward.pumps[0];
    let (mut link, acked) = ward.link(pump).await;
    assert_eq!(acked, 0);
    assert_eq!(link.send_events(1..=5).await, Some(5));
    assert_eq!(ward.store.durable_up_to(pump, Journal(5)).await.expect("readable"), Sequence(5));
    // The acknowledgement was lost with the link: the pump sends again from its oldest.
    drop(link);
    let (mut link, acked) = ward.link(pump).await;
    assert_eq!(acked, 5);
    assert_eq!(link.send_events(3..=7).await, Some(7));
    ward.restart();
    let (mut link, acked) = ward.link(pump).await;
    assert_eq!(acked, 7);
    assert_eq!(link.send_events(8..=8).await, Some(8));
    let page = PageRequest { page: 0, page_size: 100 };
    let rows = ward.store.events(pump, page).await.expect("readable").rows;
    let mut numbers: Vec<u64> = rows.iter().map(|row| row.event.seq.0).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_quarantine_cuts_one_link_and_the_other_pump_notices_nothing() {
    covers!("N8", "N14");
    let ward = Ward::new().await;
    let (bad, good) = (ward.pumps[0], ward.pumps[1]);
    let (link, _) = ward.link(bad).await;
    let (mut other, _) = ward.link(good).await;
    ward.set(bad, Lifecycle::Quarantined);
    assert!(ward.links.table().cut(bad, CloseReason::TakenDown));
    assert_eq!(link.closed().await.0, CloseReason::TakenDown);
    assert!(other.is_alive().await);
    assert_eq!(other.send_events(1..=1).await, Some(1));
    assert_eq!(ward.links.table().len(), 1);
    // A resumed session would get this far; the registry is asked again.
    assert_eq!(ward.connect(bad).await.closed().await.0, CloseReason::TakenDown);
    ward.set(bad, Lifecycle::InService);
    assert!(ward.link(bad).await.0.is_alive().await, "released, it links again");
}

#[tokio::test]
async fn a_quarantine_does_not_wait_for_a_pump_that_keeps_sending_or_does_not_read() {
    covers!("N8");
    let ward = Ward::new().await;
    let (mut link, _) = ward.link(ward.pumps[0]).await;
    for _ in 0..50 {
        link.say(pump_frame::Body::Heartbeat(link::Heartbeat { number: 1 })).await;
    }
    link.send(&[0, 0, 1]).await;
    ward.set(link.pump, Lifecycle::Quarantined);
    ward.links.table().cut(link.pump, CloseReason::TakenDown);
    let Pump { ended, stream, .. } = link;
    let ended = ended.await.expect("the link does not panic");
    assert!(matches!(ended, Ended::Closed { reason: CloseReason::TakenDown, .. }), "{ended:?}");
    drop(stream);
    assert!(ward.links.table().is_empty());
}

#[tokio::test]
async fn a_pump_that_says_it_is_another_is_refused_and_recorded() {
    covers!("N14");
    let ward = Ward::new().await;
    let mut link = ward.connect(ward.pumps[0]).await;
    link.say(pump_frame::Body::Hello(hello(ward.pumps[1]).into())).await;
    assert_eq!(link.closed().await.0, CloseReason::WrongPump);
    let (mut link, _) = ward.link(ward.pumps[0]).await;
    let report = report(ward.pumps[1]);
    link.say(pump_frame::Body::Report((&report).into())).await;
    assert_eq!(link.closed().await.0, CloseReason::WrongPump);
    let refusals = ward.refusals().await;
    assert_eq!(refusals.len(), 1, "the same reason within a minute is recorded once: {refusals:?}");
    assert!(refusals[0].starts_with("wrong-pump from 127.0.0.1: Hello names pump"), "{refusals:?}");
    assert!(ward.store.pump(ward.pumps[1]).await.expect("readable").expect("there").report.is_none());
}

fn report(pump: PumpId) -> Report {
    Report {
        pump,
        at: now(),
        generation: Generation(0),
        therapy: Therapy::Unknown,
        hold: HoldSupport::Grants,
        slots: PerKind::default(),
    }
}

#[tokio::test]
async fn a_report_is_kept_for_its_pump() {
    let ward = Ward::new().await;
    let (mut link, _) = ward.link(ward.pumps[0]).await;
    link.say(pump_frame::Body::Report((&report(ward.pumps[0])).into())).await;
    // What is answered after it was taken after it.
    assert!(link.is_alive().await);
    let row = ward.store.pump(ward.pumps[0]).await.expect("readable").expect("there");
    assert_eq!(row.report.map(|report| report.hold), Some(HoldSupport::Grants));
}

#[tokio::test]
async fn every_bad_peer_is_closed_with_its_reason() {
    let ward = Ward::new().await;
    let pump = ward.pumps[0];
    let mut seen = String::new();
    let before_hello: [(&str, Vec<u8>); 5] = [
        ("garbage", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("an oversize frame", (limits::HELLO_FRAME as u32 + 1).to_be_bytes().to_vec()),
        ("an empty frame", vec![0; 4]),
        ("noise", vec![0, 0, 0, 3, 0xff, 0xff, 0xff]),
        ("no Hello", encoded(pump_frame::Body::Heartbeat(link::Heartbeat { number: 1 }))),
    ];
    for (what, bytes) in before_hello {
        let mut link = ward.connect(pump).await;
        link.send(&bytes).await;
        note(&mut seen, what, link.closed().await);
    }
    let mut unknown: link::Hello = hello(pump).into();
    unknown.versions = vec![99];
    let mut link = ward.connect(pump).await;
    link.say(pump_frame::Body::Hello(unknown)).await;
    note(&mut seen, "an unknown version", link.closed().await);
    let gap = link::Events::from_front(&[event(1), event(3)]);
    let after_hello = [
        ("a second Hello", pump_frame::Body::Hello(hello(pump).into())),
        ("no events", pump_frame::Body::Events(link::Events::default())),
        ("a gap in a frame", pump_frame::Body::Events(gap)),
        ("a gap after the last", pump_frame::Body::Events(link::Events::from_front(&[event(9)]))),
        ("half a report", pump_frame::Body::Report(link::Report::default())),
    ];
    for (what, body) in after_hello {
        let (mut link, _) = ward.link(pump).await;
        link.say(body).await;
        note(&mut seen, what, link.closed().await);
    }
    expect![[r#"
        garbage: CLOSE_REASON_BAD_FRAME (a frame of 1195725856 bytes is over the limit of 1024)
        an oversize frame: CLOSE_REASON_BAD_FRAME (a frame of 1025 bytes is over the limit of 1024)
        an empty frame: CLOSE_REASON_BAD_FRAME (an empty frame)
        noise: CLOSE_REASON_BAD_FRAME (not a readable message: failed to decode Protobuf message: invalid varint)
        no Hello: CLOSE_REASON_BAD_FRAME (the first frame must be Hello)
        an unknown version: CLOSE_REASON_VERSION (no common version of the link protocol)
        a second Hello: CLOSE_REASON_BAD_FRAME (a second Hello)
        no events: CLOSE_REASON_BAD_FRAME (a frame of no events)
        a gap in a frame: CLOSE_REASON_BAD_FRAME (event numbers do not follow each other without a gap)
        a gap after the last: CLOSE_REASON_SEQUENCE (events from number 1 on are expected)
        half a report: CLOSE_REASON_BAD_FRAME (a slot is missing)
    "#]]
    .assert_eq(&seen);
    assert!(ward.links.table().is_empty());
    let (mut link, acked) = ward.link(pump).await;
    assert!(link.is_alive().await && acked == 0, "a pump that behaves again is welcome");
}

fn encoded(body: pump_frame::Body) -> Vec<u8> {
    frame::encode(&PumpFrame { body: Some(body) }, limits::LINK_FRAME).expect("fits")
}

fn note(seen: &mut String, what: &str, (reason, detail): (CloseReason, String)) {
    seen.push_str(&format!("{what}: {} ({detail})\n", reason.as_str_name()));
}

#[tokio::test]
async fn slow_silent_and_flooding_peers_are_cut() {
    let ward = Ward::with(LinkSettings { hello_within: Span::from_ms(1), ..LinkSettings::default() }).await;
    assert_eq!(ward.connect(ward.pumps[0]).await.closed().await.0, CloseReason::TooSlow);

    let ward = Ward::new().await;
    let pump = ward.pumps[0];
    // In the middle of a frame for too long.
    let (mut link, _) = ward.link(pump).await;
    link.send(&[0, 0]).await;
    while ward.links.table().get(pump).expect("linked").busy_since().is_none() {
        tokio::task::yield_now().await;
    }
    cut_late(&ward.links, now());
    assert_eq!(ward.links.table().len(), 1, "not yet");
    cut_late(&ward.links, now() + Span::from_s(21));
    assert_eq!(link.closed().await.0, CloseReason::TooSlow);
    // Silent for three heartbeats: half open.
    let (link, _) = ward.link(pump).await;
    cut_late(&ward.links, now() + Span::from_s(91));
    assert_eq!(link.closed().await.0, CloseReason::TooSlow);
    // Too many frames.
    let (mut link, _) = ward.link(pump).await;
    let beat = encoded(pump_frame::Body::Heartbeat(link::Heartbeat { number: 1 }));
    link.send(&beat.repeat(700)).await;
    let mut reasons = Vec::new();
    while let Some(body) = link.hear().await {
        if let hub_frame::Body::Close(close) = body {
            reasons.push(close.reason());
        }
    }
    assert_eq!(reasons, [CloseReason::TooFast]);
}

#[tokio::test]
async fn the_newest_link_of_a_pump_wins() {
    let ward = Ward::new().await;
    let (older, _) = ward.link(ward.pumps[0]).await;
    let (mut newer, _) = ward.link(ward.pumps[0]).await;
    assert_eq!(older.closed().await.0, CloseReason::NewerLink);
    assert!(newer.is_alive().await);
    assert_eq!(ward.links.table().len(), 1);
}

#[tokio::test]
async fn a_new_goal_reaches_a_live_link_and_an_old_one_a_new_link() {
    let ward = Ward::new().await;
    let pump = ward.pumps[0];
    let (mut link, _) = ward.link(pump).await;
    ward.links.goal_changed(pump, Generation(4), b"goal 4");
    let heard = link.hear().await;
    assert_eq!(heard, Some(hub_frame::Body::Goal(link::Goal { signed: b"goal 4".to_vec() })));
    let (mut link, _) = ward.link(pump).await;
    assert_eq!(link.hear().await, Some(hub_frame::Body::Goal(link::Goal { signed: b"goal 4".to_vec() })));
    ward.links.table().hint_metadata(3);
    assert_eq!(link.hear().await, Some(hub_frame::Body::NewMetadata(link::NewMetadata { timestamp: 3 })));
}

#[tokio::test]
async fn at_remediate_a_link_lives_for_goals_and_reports_and_events_wait_on_the_pump() {
    covers!("N8", "N11");
    let world = Ward::new().await;
    let pump = world.pumps[0];
    let (mut link, _) = world.link(pump).await;
    assert_eq!(link.send_events(1..=2).await, Some(2));
    let live = world.links.table().get(pump).expect("it is live");
    live.stands(Some(QuarantineLevel::Remediate), Some("it scans".into()));
    let Some(hub_frame::Body::Standing(standing)) = link.hear().await else { panic!("it is told") };
    assert_eq!((standing.service(), standing.why.as_str()), (link::Service::Remediate, "it scans"));
    let events: Vec<Event> = (3..=4).map(event).collect();
    link.say(pump_frame::Body::Events(link::Events::from_front(&events))).await;
    assert!(link.is_alive().await, "neither an answer to the events nor an end");
    assert_eq!(world.store.events(pump, PageRequest { page: 0, page_size: 10 }).await.expect("readable").total, 2);
    world.links.goal_changed(pump, Generation(4), b"goal 4");
    assert_eq!(link.hear().await, Some(hub_frame::Body::Goal(link::Goal { signed: b"goal 4".to_vec() })));
    live.stands(None, None);
    assert_eq!(link.closed().await.0, CloseReason::Standing, "it links again and sends what it kept");
    let (mut link, acked) = world.link(pump).await;
    assert_eq!(acked, 2);
    while !matches!(link.hear().await, Some(hub_frame::Body::Goal(_))) {}
    assert_eq!(link.send_events(3..=4).await, Some(4), "nothing is lost");
}

#[tokio::test]
async fn a_watched_pump_has_full_service_is_not_told_and_all_it_does_is_recorded() {
    let world = Ward::new().await;
    let pump = world.pumps[0];
    world.registry.lock().expect("not poisoned").get_mut(&pump).expect("there").level = Some(QuarantineLevel::Watch);
    let (mut link, _) = world.link(pump).await;
    assert_eq!(link.send_events(1..=2).await, Some(2));
    assert!(link.is_alive().await);
    link.say(pump_frame::Body::Bye(link::Bye::default())).await;
    link.ended.await.expect("no panic");
    let noted = world.links.watched().take();
    let noted: Vec<String> = noted.into_iter().map(|entry| format!("{} {}", entry.what, entry.detail)).collect();
    assert!(noted[0].starts_with("connection from 127.0.0.1:") && noted[0].contains("agent 0.1.0"), "{noted:?}");
    assert_eq!(noted[1..4], ["frame 2 events", "frame heartbeat", "frame bye"]);
    assert!(noted[4].starts_with("end Bye") && noted.len() == 5, "{noted:?}");
}

#[tokio::test]
async fn a_pump_that_is_cut_is_told_why_in_plain_words() {
    covers!("N8");
    let world = Ward::new().await;
    let pump = world.pumps[0];
    let (link, _) = world.link(pump).await;
    {
        let mut registry = world.registry.lock().expect("not poisoned");
        let entry = registry.get_mut(&pump).expect("there");
        (entry.lifecycle, entry.why) = (Lifecycle::Quarantined, Some("it scans the network".into()));
    }
    assert!(world.links.table().cut(pump, CloseReason::TakenDown));
    let said = (CloseReason::TakenDown, "this pump was taken down; therapy runs on: it scans the network".to_owned());
    assert_eq!(link.closed().await, said);
}

#[tokio::test]
async fn two_agents_that_take_turns_with_one_key_are_told_and_one_that_reconnects_is_not() {
    covers!("N14");
    let world = Ward::new().await;
    let pump = world.pumps[0];
    let greet = async |boot: u8| {
        let mut link = world.connect(pump).await;
        link.say(pump_frame::Body::Hello(Greeting { boot: [boot; 16], ..hello(pump) }.into())).await;
        assert!(matches!(link.hear().await, Some(hub_frame::Body::Welcome(_))));
        link
    };
    let sign = || async { tokio::time::timeout(std::time::Duration::ZERO, world.links.suspicions().next()).await.ok() };
    let _roams = [greet(1).await, greet(1).await, greet(2).await, greet(2).await, greet(3).await];
    assert_eq!(sign().await, None, "it roamed and was restarted, and its old links were still there");
    let _first = greet(2).await;
    assert_eq!(sign().await, None, "one late greeting proves nothing");
    let _second = greet(3).await;
    let told = sign().await.expect("a clone");
    assert_eq!((told.pump, told.sign), (pump, super::Sign::TwoStarts(2)));
}

#[tokio::test]
async fn posture_is_proven_only_by_a_fresh_signed_and_fitting_answer() {
    covers!("N14");
    let world = Ward::new().await;
    let (pump, other) = (world.pumps[0], world.pumps[1]);
    let key = wardline_pki::P256Key::generate().expect("a key");
    let pkcs8 = key.to_pkcs8().expect("encoded");
    let pair =
        aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(&aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8)
            .expect("a key");
    let content = wardline_pki::profile::root(key.spki(), "a pump", "St. Elsewhere").expect("a certificate");
    let serial = crate::server::serial().expect("random");
    let cert = wardline_pki::Authority::self_signed(&content, key, &serial, now()).expect("signed").cert().clone();
    let row = NewCertificate {
        serial: cert.serial().to_string(),
        fingerprint: cert.fingerprint(),
        pump,
        not_before: cert.not_before(),
        not_after: cert.not_after(),
        der: cert.der().to_vec(),
    };
    let mut entry = world.store.issue_certificate(&row, &decision()).await.expect("issued");
    (entry.lifecycle, entry.level) = (Lifecycle::Quarantined, Some(QuarantineLevel::Remediate));
    entry.current = Some(cert.fingerprint());
    world.registry.lock().expect("not poisoned").insert(pump, entry);
    let began = now();
    let (mut link, nonce) = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let place = listener.local_addr().expect("bound");
        let (stream, accepted) = tokio::join!(TcpStream::connect(place), listener.accept());
        let (io, place) = accepted.expect("a peer");
        let peer = Peer { pump, fingerprint: cert.fingerprint(), place };
        let ended = tokio::spawn(serve(io, peer, Arc::clone(&world.links)));
        let mut link = Pump { pump, stream: stream.expect("connected"), reader: FrameReader::new(), ended };
        link.say(pump_frame::Body::Hello(hello(pump).into())).await;
        assert!(matches!(link.hear().await, Some(hub_frame::Body::Welcome(_))));
        let Some(hub_frame::Body::Standing(standing)) = link.hear().await else { panic!("it is told") };
        (link, standing.nonce)
    };
    let sign = |of: PumpId, mut posture: link::Posture| {
        let bytes = wardline_wire::posture::signed_bytes(of, &posture);
        let signed = pair.sign(&aws_lc_rs::rand::SystemRandom::new(), &bytes).expect("signed");
        posture.signature = signed.as_ref().to_vec();
        pump_frame::Body::Posture(posture)
    };
    let good = link::Posture {
        nonce,
        at: now().as_unix_ms(),
        generation: 0,
        settled: true,
        agent: "0.1.0".into(),
        signature: Vec::new(),
    };
    let proven = || world.links.postures().since(pump, began).is_some();
    let lies = [
        link::Posture { nonce: vec![0; 32], ..good.clone() },
        link::Posture { nonce: vec![1], ..good.clone() },
        link::Posture { generation: 1, ..good.clone() },
        link::Posture { settled: false, ..good.clone() },
        link::Posture { at: 0, ..good.clone() },
    ];
    for lie in lies {
        link.say(sign(pump, lie.clone())).await;
        assert!(link.is_alive().await && !proven(), "{lie:?}");
    }
    link.say(sign(pump, good.clone())).await;
    assert!(link.is_alive().await && proven());
    link.say(sign(pump, link::Posture { settled: false, ..good.clone() })).await;
    assert!(link.is_alive().await && !proven(), "what it says last counts");
    link.say(sign(other, good)).await;
    assert_eq!(link.closed().await.0, CloseReason::BadFrame, "another pump's words under its own key");
}
