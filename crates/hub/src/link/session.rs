//! One link from Hello to its end.
//!
//! | the pump sends | the hub does |
//! |---|---|
//! | Hello, first and once | compares the pump with the certificate, agrees on a version, puts the link into the table, asks the registry again, sends Welcome and, if the pump's is older, the goal |
//! | Report | stores it |
//! | Events | stores them and, when they are durable, sends Ack |
//! | Heartbeat | sends it back |
//! | Bye | ends the link |
//! | Events while it is held at remediate | does not take them; they wait on the pump (see `service`) |
//! | anything else, or too much, too large, too slow | sends Close with the reason, ends the link, and records it |

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use wardline_fleet::posture::{self, Known, Said};
use wardline_model::{Generation, QuarantineLevel, Report, Sequence, Time, covers};
use wardline_store::{Appended, Journal, LinkChange, NewReport, StoreError};
use wardline_wire::link::{self, ByeReason, CloseReason, HubFrame, PumpFrame, hub_frame, pump_frame};
use wardline_wire::{FrameError, Greeting, limits, version};

use super::stream::{Stream, StreamError};
use super::table::Mail;
use super::{Links, LiveLink, Peer, Sign, now, service};

/// How a link ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The pump said good-bye.
    Bye(ByeReason),
    /// The hub ended it.
    Closed {
        /// The reason that the pump was told.
        reason: CloseReason,
        /// The explanation that the pump was told.
        detail: String,
    },
    /// The connection ended without a word.
    Lost(String),
}

fn closed(reason: CloseReason, detail: impl Into<String>) -> Ended {
    Ended::Closed { reason, detail: detail.into() }
}

impl From<StreamError> for Ended {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Io(error) => Self::Lost(error.to_string()),
            StreamError::Frame(FrameError::Cut) => Self::Lost("the stream ended in the middle of a frame".into()),
            StreamError::Frame(error) => closed(CloseReason::BadFrame, error.to_string()),
        }
    }
}

impl From<FrameError> for Ended {
    fn from(error: FrameError) -> Self {
        StreamError::from(error).into()
    }
}

/// The store could not keep something: the pump keeps it and comes back.
impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a link is ended because the store failed");
        closed(CloseReason::HubTrouble, "the hub could not store; try again later")
    }
}

/// Serves one pump until its link ends. `io` is the stream right after the handshake that proved `peer`.
///
/// The stream goes into a box at once, so that it is kept once and not in every state of the future that moves it.
pub fn serve<S: AsyncRead + AsyncWrite + Unpin>(io: S, peer: Peer, links: Arc<Links>) -> impl Future<Output = Ended> {
    serve_boxed(Box::new(io), peer, links)
}

async fn serve_boxed<S: AsyncRead + AsyncWrite + Unpin>(io: Box<S>, peer: Peer, links: Arc<Links>) -> Ended {
    let mut stream = Stream::new(io);
    let ended = match Box::pin(greet(&mut stream, &peer, &links)).await {
        Err(ended) => ended,
        Ok(greeting) => {
            links.greeted(&peer, greeting.boot);
            let link = LiveLink::new(peer.clone(), now());
            take_place(&links, &link);
            let mut session = Session {
                stream,
                link,
                links: &links,
                journal: Journal(greeting.journal),
                bucket: Bucket::full(),
                level: None,
                nonce: None,
            };
            let ended = match Box::pin(session.welcome(&greeting)).await {
                Ok(()) => session.run().await,
                Err(ended) => ended,
            };
            session.note_watched("end", || format!("{ended:?}"));
            links.postures.forget(peer.pump);
            if links.table.remove(&session.link) {
                links.note_presence(LinkChange::Down { pump: peer.pump, at: now() });
            }
            stream = session.stream;
            ended
        }
    };
    if let Ended::Closed { reason, detail } = &ended {
        if *reason == CloseReason::WrongPump {
            links.suspect(&peer, Sign::WrongPump(detail.clone()));
        }
        stream.end(&close_frame(*reason, detail));
        if let Some(word) = blame(*reason) {
            Box::pin(links.record_refusal(&peer, word, detail, now())).await;
        }
    }
    ended
}

/// Waits for Hello and compares it with the certificate. Nothing but its small frame is read from a peer until then.
async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut Stream<S>,
    peer: &Peer,
    links: &Links,
) -> Result<Greeting, Ended> {
    if !links.gate.admits(peer) {
        // The handshake let it in and the registry does not: it was taken down in between, or resumed an old session.
        return Err(closed(CloseReason::TakenDown, "this pump may not link"));
    }
    let within = Duration::from_millis(links.settings.hello_within.as_ms());
    let first = tokio::time::timeout(within, poll_fn(|cx| stream.poll_frame(cx, limits::HELLO_FRAME)))
        .await
        .map_err(|_| closed(CloseReason::TooSlow, "no Hello in time"))??;
    let Some(frame) = first else { return Err(Ended::Lost("the peer left before its Hello".into())) };
    let Some(pump_frame::Body::Hello(hello)) = frame.body else {
        return Err(closed(CloseReason::BadFrame, "the first frame must be Hello"));
    };
    let greeting = Greeting::try_from(hello).map_err(|why| closed(CloseReason::BadFrame, why.to_string()))?;
    if greeting.pump != peer.pump {
        covers!("N14");
        let detail = format!("Hello names pump {}, the certificate names pump {}", greeting.pump, peer.pump);
        return Err(closed(CloseReason::WrongPump, detail));
    }
    match version::agree(version::LINK, &greeting.versions) {
        Some(_) => Ok(greeting),
        None => Err(closed(CloseReason::Version, "no common version of the link protocol")),
    }
}

/// Puts the link into the table. An older link of the same pump makes room: after a reconnect the newest is the live one.
/// Two at once are counted and prove nothing: a pump that roams leaves a link behind that is half dead. What proves a
/// clone is in [`wardline_fleet::correlate`].
fn take_place(links: &Links, link: &Arc<LiveLink>) {
    let peer = link.peer();
    if let Some(older) = links.table.insert(link) {
        if older.peer().place.ip() != peer.place.ip() {
            links.strangers.note(&peer.pump.to_string(), peer.place, "second-link", link.since());
        }
        older.close(CloseReason::NewerLink);
    }
    let place = peer.place.ip().to_string();
    links.note_presence(LinkChange::Up { pump: peer.pump, place, at: link.since() });
}

struct Session<'a, S> {
    stream: Stream<S>,
    link: Arc<LiveLink>,
    links: &'a Links,
    journal: Journal,
    bucket: Bucket,
    /// The level at which its pump is held.
    level: Option<QuarantineLevel>,
    /// What its posture must answer, while it is held.
    nonce: Option<Box<[u8; 32]>>,
}

/// What the link does next.
enum Turn {
    Mail(Mail),
    Frame(Option<PumpFrame>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<'_, S> {
    async fn welcome(&mut self, greeting: &Greeting) -> Result<(), Ended> {
        let pump = greeting.pump;
        // Only now, with the link in the table: a quarantine before this line shows in the registry, one after it finds
        // the link.
        let entry = (self.links.gate.entry)(pump).filter(|entry| entry.admits(&self.link.peer().fingerprint));
        let Some(entry) = entry else { return Err(self.taken_down()) };
        self.level = entry.level;
        let why = entry.why.clone();
        self.note_watched("connection", || {
            let (boot, place) = (&greeting.boot, self.link.peer().place);
            format!(
                "from {place}, agent {}, started as {:02x}{:02x}{:02x}{:02x}",
                greeting.agent, boot[0], boot[1], boot[2], boot[3]
            )
        });
        if entry.current != Some(self.link.peer().fingerprint)
            || entry.lifecycle != wardline_model::Lifecycle::InService
        {
            let used = self.links.store.certificate_used(pump, &self.link.peer().fingerprint, now());
            let entry = Box::pin(used).await?;
            (self.links.gate.update)(entry);
            (self.links.gate.touched)(pump);
        }
        let known = Box::pin(self.links.known_of(pump, self.journal)).await?;
        self.push(hub_frame::Body::Welcome(link::Welcome {
            version: version::agree(version::LINK, &greeting.versions).unwrap_or_default(),
            now: now().as_unix_ms(),
            acked: known.durable.0,
            heartbeat_s: u32::try_from(self.links.settings.heartbeat.as_s()).unwrap_or(u32::MAX),
        }))?;
        self.say_standing(why.as_deref())?;
        match known.goal {
            Some((generation, signed)) if generation > greeting.generation => {
                self.push(hub_frame::Body::Goal(link::Goal { signed: signed.to_vec() }))
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn run(&mut self) -> Ended {
        loop {
            let done = match self.turn().await {
                Ok(Turn::Mail(mail)) => self.read_mail(mail),
                Ok(Turn::Frame(Some(frame))) => Box::pin(self.answer(frame)).await,
                Ok(Turn::Frame(None)) => Err(Ended::Lost("the pump ended the connection".into())),
                Err(error) => Err(error.into()),
            };
            if let Err(ended) = done {
                return ended;
            }
        }
    }

    /// Waits for mail or a frame; mail goes first.
    async fn turn(&mut self) -> Result<Turn, StreamError> {
        let (stream, link) = (&mut self.stream, &self.link);
        poll_fn(|cx| {
            if let Poll::Ready(mail) = link.poll_mail(cx) {
                return Poll::Ready(Ok(Turn::Mail(mail)));
            }
            let frame = stream.poll_frame(cx, limits::LINK_FRAME);
            if frame.is_pending() && stream.is_busy() {
                if link.busy_since().is_none() {
                    link.note_busy(Some(now()));
                }
            } else {
                link.note_busy(None);
            }
            frame.map_ok(Turn::Frame)
        })
        .await
    }

    fn read_mail(&mut self, mail: Mail) -> Result<(), Ended> {
        match mail.close {
            Some(CloseReason::TakenDown) => return Err(self.taken_down()),
            Some(reason) => return Err(closed(reason, sentence(reason))),
            None => {}
        }
        if let Some((level, why)) = mail.standing {
            self.stands(level, why.as_deref())?;
        }
        if let Some(signed) = mail.goal {
            self.push(hub_frame::Body::Goal(link::Goal { signed: signed.to_vec() }))?;
        }
        if let Some(timestamp) = mail.metadata {
            self.push(hub_frame::Body::NewMetadata(link::NewMetadata { timestamp }))?;
        }
        Ok(())
    }

    /// The level at which the pump is held changed under its link. Being watched is never told.
    fn stands(&mut self, level: Option<QuarantineLevel>, why: Option<&str>) -> Result<(), Ended> {
        let was = std::mem::replace(&mut self.level, level);
        if was == level {
            return Ok(());
        }
        if service::is_full(level) && !service::is_full(was) {
            // What it kept back meanwhile comes over its next link, from the first event that is not acknowledged.
            return Err(closed(CloseReason::Standing, sentence(CloseReason::Standing)));
        }
        self.say_standing(why)
    }

    fn say_standing(&mut self, why: Option<&str>) -> Result<(), Ended> {
        if service::is_full(self.level) {
            return Ok(());
        }
        let why = wardline_wire::text::clean(why.unwrap_or_default(), limits::EXPLANATION);
        let mut nonce = Box::new([0; 32]);
        getrandom::fill(&mut *nonce).map_err(|error| closed(CloseReason::HubTrouble, error.to_string()))?;
        let service = link::Service::Remediate as i32;
        let standing = link::Standing { service, why, nonce: nonce.to_vec() };
        self.nonce = Some(nonce);
        self.push(hub_frame::Body::Standing(standing))
    }

    /// The end of a link that the registry forbids, with the reason for the people who look after the pump.
    fn taken_down(&self) -> Ended {
        covers!("N8");
        let why = (self.links.gate.entry)(self.link.peer().pump).and_then(|entry| entry.why);
        let sentence = sentence(CloseReason::TakenDown);
        closed(CloseReason::TakenDown, why.map_or_else(|| sentence.to_owned(), |why| format!("{sentence}: {why}")))
    }

    /// Notes what a watched pump does.
    fn note_watched(&self, what: &'static str, detail: impl FnOnce() -> String) {
        if self.level == Some(QuarantineLevel::Watch) {
            self.links.watched.note(self.link.peer().pump, what, detail(), now());
        }
    }

    async fn answer(&mut self, frame: PumpFrame) -> Result<(), Ended> {
        let now = now();
        self.link.note_heard(now);
        if !self.bucket.takes(cost(&frame), now) {
            return Err(closed(CloseReason::TooFast, "more frames than the limit allows"));
        }
        if let Some(body) = &frame.body {
            self.note_watched("frame", || service::name(body));
            if !service::takes(self.level, body) {
                return Ok(());
            }
        }
        match frame.body {
            Some(pump_frame::Body::Heartbeat(beat)) => self.push(hub_frame::Body::Heartbeat(beat)),
            Some(pump_frame::Body::Events(events)) => self.keep_events(events, now).await,
            Some(pump_frame::Body::Report(report)) => self.keep_report(report, now).await,
            Some(pump_frame::Body::Posture(posture)) => Box::pin(self.judge_posture(posture, now)).await,
            Some(pump_frame::Body::Bye(bye)) => Err(Ended::Bye(bye.reason())),
            Some(pump_frame::Body::Hello(_)) => Err(closed(CloseReason::BadFrame, "a second Hello")),
            None => Err(closed(CloseReason::BadFrame, "a frame of an unknown kind")),
        }
    }

    async fn keep_events(&mut self, events: link::Events, now: Time) -> Result<(), Ended> {
        covers!("N11");
        let events = events.checked().map_err(|why| closed(CloseReason::BadFrame, why.to_string()))?;
        if events.is_empty() {
            return Err(closed(CloseReason::BadFrame, "a frame of no events"));
        }
        let pump = self.link.peer().pump;
        let append = self.links.store.append_events(pump, self.journal, events, now);
        match self.unless_closed(append).await?? {
            Appended::Durable(durable) => {
                self.links.note_durable(pump, self.journal, durable);
                self.push(hub_frame::Body::Ack(link::Ack { seq: durable.0 }))
            }
            Appended::Gap { expected } => {
                let Sequence(expected) = expected;
                Err(closed(CloseReason::Sequence, format!("events from number {expected} on are expected")))
            }
        }
    }

    /// What a pump that is held says of itself counts when it is signed with the key of the certificate that opened this
    /// link, answers this link's nonce, and fits what the hub wants of it.
    async fn judge_posture(&mut self, said: link::Posture, now: Time) -> Result<(), Ended> {
        covers!("N14");
        let Peer { pump, fingerprint, .. } = self.link.peer().clone();
        let store = &self.links.store;
        self.links.postures.forget(pump);
        let Some(nonce) = self.nonce.as_deref().copied() else { return Ok(()) };
        let certificates = store.certificates(pump).await?;
        let own = certificates.iter().find(|certificate| certificate.fingerprint == fingerprint);
        let der = match own {
            Some(own) => store.certificate_der(&own.serial).await?,
            None => None,
        };
        let cert = der.and_then(|der| wardline_pki::Cert::from_der(&der).ok());
        let bytes = wardline_wire::posture::signed_bytes(pump, &said);
        let is_signed = cert.is_some_and(|cert| cert.verify_by_its_key(&bytes, &said.signature).is_ok());
        if !is_signed {
            return Err(closed(CloseReason::BadFrame, "the posture is not signed with the pump's own key"));
        }
        let goal = store.goal(pump).await?.map_or_else(Generation::default, |goal| goal.generation);
        let known = Known { pump, nonce, generation: goal };
        let answered: [u8; 32] = said.nonce.as_slice().try_into().unwrap_or_default();
        let said = Said {
            pump,
            nonce: answered,
            at: Time::from_unix_ms(said.at),
            generation: Generation(said.generation),
            settled: said.settled,
        };
        match posture::judge(&said, &known, now) {
            Ok(proven) => self.links.postures.put(proven, now),
            Err(why) => tracing::info!(%pump, %why, "a pump that is held has not proven its posture"),
        }
        Ok(())
    }

    async fn keep_report(&mut self, report: link::Report, now: Time) -> Result<(), Ended> {
        let report = Report::try_from(report).map_err(|why| closed(CloseReason::BadFrame, why.to_string()))?;
        if report.pump != self.link.peer().pump {
            return Err(closed(CloseReason::WrongPump, format!("a report of pump {}", report.pump)));
        }
        self.link.note_clock(report.at, now);
        let pump = report.pump;
        let save = self.links.store.save_report(NewReport { report, received: now });
        self.unless_closed(save).await??;
        (self.links.gate.touched)(pump);
        Ok(())
    }

    /// Waits for the store, unless the link is to be cut: that does not wait for anything. What the store was asked to
    /// do may still happen; the pump was not told, and sends it again.
    async fn unless_closed<T>(&self, work: impl Future<Output = T>) -> Result<T, Ended> {
        let mut work = Box::pin(work);
        poll_fn(|cx| match self.link.poll_close(cx) {
            Poll::Ready(reason) => Poll::Ready(Err(closed(reason, sentence(reason)))),
            Poll::Pending => work.as_mut().poll(cx).map(Ok),
        })
        .await
    }

    fn push(&mut self, body: hub_frame::Body) -> Result<(), Ended> {
        if !service::gives(self.level, &body) {
            return Ok(());
        }
        if self.stream.waiting() > MOST_WAITING {
            return Err(closed(CloseReason::TooSlow, "the pump does not read what it is sent"));
        }
        Ok(self.stream.push(&HubFrame { body: Some(body) })?)
    }
}

/// The most bytes that may wait for a pump that does not read: a few goals and a few hundred small frames.
const MOST_WAITING: usize = 2 * limits::LINK_FRAME;

fn close_frame(reason: CloseReason, detail: &str) -> HubFrame {
    let close = link::Close {
        reason: reason as i32,
        detail: wardline_wire::text::clean(detail, limits::EXPLANATION),
        versions: if reason == CloseReason::Version { version::LINK.to_vec() } else { Vec::new() },
        retry_after_s: match reason {
            CloseReason::TooFast => 30,
            CloseReason::TakenDown | CloseReason::Version => 60,
            CloseReason::HubTrouble => 10,
            _ => 0,
        },
    };
    HubFrame { body: Some(hub_frame::Body::Close(close)) }
}

/// The word in the audit for a reason that speaks against the peer; `None` where nobody did anything wrong.
const fn blame(reason: CloseReason) -> Option<&'static str> {
    match reason {
        CloseReason::WrongPump => Some("wrong-pump"),
        CloseReason::BadFrame => Some("bad-frame"),
        CloseReason::TooSlow => Some("too-slow"),
        CloseReason::TooFast => Some("too-fast"),
        CloseReason::Sequence => Some("sequence"),
        CloseReason::Version => Some("version"),
        CloseReason::TakenDown => Some("taken-down"),
        CloseReason::Unspecified
        | CloseReason::NewerLink
        | CloseReason::HubStopping
        | CloseReason::HubTrouble
        | CloseReason::Standing => None,
    }
}

const fn sentence(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::TakenDown => "this pump was taken down; therapy runs on",
        CloseReason::NewerLink => "the same pump opened a newer link",
        CloseReason::Standing => "the pump has full service again; link again",
        CloseReason::HubStopping => "the hub is stopping; try again soon",
        CloseReason::TooSlow => "a frame or heartbeat took too long",
        CloseReason::Unspecified
        | CloseReason::Version
        | CloseReason::WrongPump
        | CloseReason::BadFrame
        | CloseReason::TooFast
        | CloseReason::Sequence
        | CloseReason::HubTrouble => "the link was ended",
    }
}

/// What a frame costs: one, and an event a hundredth more, in hundredths.
fn cost(frame: &PumpFrame) -> u32 {
    match &frame.body {
        Some(pump_frame::Body::Events(events)) => u32::try_from(events.events.len()).unwrap_or(u32::MAX),
        Some(_) | None => 100,
    }
}

/// How much a pump may still send: a bucket that fills with time. Events wait for the disk anyway, so they cost little;
/// everything else is rare on a sound pump.
struct Bucket {
    left: u32,
    at: Time,
}

impl Bucket {
    /// A full bucket: 600 frames at once, or the 60,000 events of a long time offline.
    const FULL: u32 = 60_000;
    /// What comes back per second: 10 frames or 1,000 events.
    const PER_S: u64 = 1_000;

    const fn full() -> Self {
        Self { left: Self::FULL, at: Time::from_unix_ms(0) }
    }

    fn takes(&mut self, cost: u32, now: Time) -> bool {
        let back = now.since(self.at).as_ms().saturating_mul(Self::PER_S) / 1_000;
        if back > 0 {
            self.left = self.left.saturating_add(u32::try_from(back).unwrap_or(u32::MAX)).min(Self::FULL);
            self.at = now;
        }
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}
