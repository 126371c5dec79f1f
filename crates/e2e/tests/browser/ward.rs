//! A believable fleet in the database, as if real pumps had reported: most are well, some wait, some need a person, one is
//! silent, one is taken down, some are still in their boxes.

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use wardline_fleet::plan::Rules;
use wardline_model::{
    AssetTag, CareArea, ChannelState, Digest, Event, EventBody, Generation, Goal, GoalSlot, HoldSupport, Kind,
    Lifecycle, Model, Outcome, PerKind, PumpId, ReleaseRef, Report, Role, Sequence, Serial, SlotReport, SlotState,
    Span, Therapy, Time, Version, Wait,
};
use wardline_store::{
    Actor, AdoptionSample, Artifact, Decision, Entry, ExpectedPump, Journal, LifecycleChange, LinkChange,
    NewCertificate, NewGoal, NewRelease, NewReport, NewRollout, NewUser, Publication, Sighting, Store,
};

/// How large.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fleet {
    /// 24 pumps in 3 care areas.
    Ward,
    /// 20,000 pumps in 40 care areas.
    Hospital,
    /// No pump at all.
    None,
}

/// What the walk needs to know.
pub struct Made {
    /// A pump with a story.
    pub pump: PumpId,
    /// One pump of each story: its name and its id.
    pub stories: Vec<(&'static str, PumpId)>,
    /// The rollout that is on its way.
    pub rollout: u64,
}

/// The wall clock.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
    Time::from_unix_ms(u64::try_from(since.as_millis()).expect("not that far in the future"))
}

fn by(name: &str, reason: &str, at: Time) -> Decision {
    Decision { by: Actor::Person(name.into()), reason: reason.into(), at }
}

/// Makes an account and returns the token of its one-time sign-in link.
pub async fn account(store: &Store, name: &str, role: Role) -> String {
    let decision = by("init", "first start", now());
    let user = NewUser { name: name.into(), display: "Anna Berg".into(), role, password: None };
    store.create_user(&user, &decision).await.expect("an account");
    let vera = NewUser { name: "vera".into(), display: "Vera".into(), role: Role::Viewer, password: None };
    store.create_user(&vera, &decision).await.expect("an account");
    let other = NewUser { name: "paul".into(), display: "Paul".into(), role: Role::Pharmacist, password: None };
    store.create_user(&other, &decision).await.expect("an account");
    store.new_sign_in_link(name, Span::from_h(1), &decision).await.expect("a link").token
}

/// Makes a token for the walk itself.
pub async fn token(store: &Store) -> String {
    let made = store.create_token("walk", Role::Administrator, Span::from_h(1), &by("init", "walk", now())).await;
    made.expect("a token").secret
}

/// What a pump is up to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Story {
    Well,
    Infusing,
    StagedBehindTherapy,
    Fetching,
    Trial,
    Refused,
    NoHold,
    Silent,
    Quarantined,
    Enrolled,
    Expected,
}

const fn story(n: usize) -> Story {
    match n % 24 {
        2 => Story::StagedBehindTherapy,
        5 => Story::Fetching,
        7 => Story::Trial,
        9 | 18 => Story::StagedBehindTherapy,
        11 => Story::Refused,
        13 => Story::Quarantined,
        15 => Story::Silent,
        16 => Story::NoHold,
        20 => Story::Enrolled,
        22 | 23 => Story::Expected,
        0 | 4 | 8 | 12 => Story::Infusing,
        _ => Story::Well,
    }
}

fn release(version: u64) -> ReleaseRef {
    let bytes = artifact(version);
    let digest = digest(&bytes);
    ReleaseRef { kind: Kind::DrugLibrary, version: Version(version), digest, length: bytes.len() as u64 }
}

fn artifact(version: u64) -> Vec<u8> {
    format!("{{\"library\":{version},\"note\":\"invented, not for clinical use\"}}").into_bytes()
}

fn digest(bytes: &[u8]) -> Digest {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    Digest::from_bytes(digest.as_ref().try_into().expect("32 bytes"))
}

/// Makes a one-time sign-in link for the account that may only look.
pub async fn viewer(store: &Store) -> String {
    store.new_sign_in_link("vera", Span::from_h(1), &by("init", "walk", now())).await.expect("a link").token
}

/// What one door saw, so that the list of the refused is not empty.
pub async fn strangers(store: &Store) {
    let seen = |claim: &str, source: &str, reason: &str, count| Sighting {
        claim: claim.into(),
        source: source.into(),
        reason: reason.into(),
        count,
        first: now() - Span::from_h(3),
        last: now() - Span::from_min(4),
    };
    let list = [
        seen("", "10.66.4.19", "not-tls", 212),
        seen("CN=old-pump", "10.20.0.77", "unknown-issuer", 3),
        seen("", "fd00:20::1:77", "peer-refused-us", 9),
    ];
    store.save_sightings(&list).await.expect("sightings");
}

/// Fills the database.
pub async fn fill(store: &Store, fleet: Fleet) -> Made {
    let start = now() - Span::from_h(5);
    let ids = expect(store, fleet, start).await;
    publish(store, start).await;
    let rules = serde_json::to_string(&Rules::gentle(release(8), ids.len())).expect("rules");
    let order = NewRollout { kind: Kind::DrugLibrary, version: Version(8), rules };
    let rollout = store
        .start_rollout(&order, &by("paul", "new heparin limits, approved by P&T", start))
        .await
        .expect("a rollout");
    for (chunk, part) in ids.chunks(500).enumerate() {
        goals(store, part).await;
        join_all(part.iter().enumerate().map(|(i, id)| live(store, *id, chunk * 500 + i, fleet))).await;
        let seen: Vec<_> = part
            .iter()
            .enumerate()
            .filter(|(i, _)| !matches!(story(chunk * 500 + i), Story::Expected | Story::Enrolled | Story::Silent))
            .map(|(_, id)| (*id, now(), Some(120)))
            .collect();
        store.pumps_seen(&seen).await.expect("seen");
    }
    let wanted = ids.len() as u64 * 22 / 24;
    for (minutes, settled, staged) in
        [(0, 0, 0), (10, 4, 20), (25, 15, 40), (45, 30, 45), (80, 42, 40), (130, 55, 30), (200, 62, 25), (290, 66, 22)]
    {
        let at = start + Span::from_min(minutes);
        let sample = AdoptionSample { at, settled: wanted * settled / 100, staged: wanted * staged / 100, wanted };
        store.sample_adoption(Kind::DrugLibrary, Version(8), sample).await.expect("a sample");
    }
    let stories = [
        ("infusing", 0),
        ("well", 1),
        ("staged", 2),
        ("fetching", 5),
        ("trial", 7),
        ("refused", 11),
        ("quarantined", 13),
        ("silent", 15),
        ("no-hold", 16),
        ("enrolled", 20),
        ("expected", 22),
    ];
    Made { pump: ids[2], stories: stories.map(|(name, n)| (name, ids[n])).to_vec(), rollout: rollout.id }
}

async fn expect(store: &Store, fleet: Fleet, at: Time) -> Vec<PumpId> {
    let (count, areas): (usize, Vec<String>) = match fleet {
        Fleet::Ward => (24, ["Intensive care", "Oncology", "Paediatrics"].map(String::from).to_vec()),
        Fleet::None => (0, Vec::new()),
        Fleet::Hospital => {
            (20_000, (1..=40).map(|n| if n <= 6 { format!("ICU {n}") } else { format!("Ward {n}") }).collect())
        }
    };
    let list: Vec<ExpectedPump> = (0..count)
        .map(|n| ExpectedPump {
            model: Model::new(if n % 5 == 0 { "Halcyon 3 Syringe" } else { "Halcyon 3" }).expect("a model"),
            serial: Serial::new(&format!("H3-{:06}", 104_211 + n * 7)).expect("a serial"),
            asset_tag: AssetTag::new(&format!("INF-{:04}", n + 1)).expect("a tag"),
            care_area: CareArea::new(&areas[n % areas.len()]).expect("an area"),
        })
        .collect();
    store.expect_pumps(&list, &by("anna", "list of pumps imported", at)).await.expect("pumps")
}

async fn publish(store: &Store, at: Time) {
    for version in [7, 8] {
        let (bytes, path) = (artifact(version), format!("drug-library/ward-{version}.json"));
        let publication = Publication {
            metadata: Vec::new(),
            artifacts: vec![Artifact { path: path.clone(), digest: digest(&bytes), bytes }],
            releases: vec![NewRelease {
                kind: Kind::DrugLibrary,
                version: Version(version),
                path,
                digest: release(version).digest,
                length: release(version).length,
                entries: Some(180 + version),
                notes: if version == 8 { "Heparin: new soft limits in intensive care".into() } else { String::new() },
                signers: vec!["key-anna".into(), "key-paul".into()],
            }],
        };
        store
            .publish(&publication, &by("paul", "published", at - Span::from_days(20 - version)))
            .await
            .expect("published");
    }
}

/// What one pump did and said.
async fn live(store: &Store, id: PumpId, n: usize, fleet: Fleet) {
    let (story, now) = (story(n), now());
    if story == Story::Expected {
        return;
    }
    let begun = now - Span::from_h(4);
    if fleet == Fleet::Ward || n < 100 {
        enrol(store, id, n, story, begun).await;
    } else if story != Story::Enrolled {
        let change = LifecycleChange { pump: id, from: Lifecycle::Expected, to: Lifecycle::InService };
        store.decide_lifecycle(change, &by("init", "fixture", begun)).await.expect("a move");
    }
    if story == Story::Enrolled {
        return;
    }
    let place = format!("10.20.{}.{}", n / 250 % 250, n % 250);
    let heard = if story == Story::Silent { now - Span::from_min(95) } else { now };
    store.links_changed("hub-1", &[LinkChange::Up { pump: id, place, at: begun }]).await.expect("a link");
    let report = report(id, story, heard);
    store.save_report(NewReport { report, received: heard }).await.expect("a report");
    if story == Story::Silent {
        store.pumps_seen(&[(id, heard, Some(120))]).await.expect("seen");
    }
    if fleet == Fleet::Ward || n < 100 {
        for event in events(story, begun, now) {
            // Each arrived as it happened.
            let at = event.at;
            store.append_events(id, Journal(1), vec![event], at + Span::from_ms(180)).await.expect("an event");
        }
    }
    if story == Story::Silent {
        store.links_changed("hub-1", &[LinkChange::Down { pump: id, at: heard }]).await.expect("a link ends");
    }
    if story == Story::Quarantined {
        let change = LifecycleChange { pump: id, from: Lifecycle::InService, to: Lifecycle::Quarantined };
        let at = now - Span::from_min(37);
        store.decide_lifecycle(change, &by("sec.olsen", "port scan seen from its address", at)).await.expect("a move");
        store.links_changed("hub-1", &[LinkChange::Down { pump: id, at }]).await.expect("a link ends");
    }
}

async fn enrol(store: &Store, id: PumpId, n: usize, story: Story, begun: Time) {
    let fingerprint = digest(&n.to_be_bytes());
    let pump = Decision { by: Actor::Pump(id), reason: "birth certificate".into(), at: begun };
    let certificate = NewCertificate {
        serial: format!("{:032x}", n + 0x5eed),
        fingerprint,
        pump: id,
        not_before: begun,
        not_after: begun + Span::from_days(30),
        der: vec![0x30, 0x00],
    };
    store.issue_certificate(&certificate, &pump).await.expect("a certificate");
    if story != Story::Enrolled {
        store.certificate_used(id, &fingerprint, begun).await.expect("used");
    }
}

async fn goals(store: &Store, pumps: &[PumpId]) {
    let slots = PerKind::from_fn(|kind| match kind {
        Kind::DrugLibrary => GoalSlot { want: Some(release(8)), expect: Some(release(7).digest) },
        _ => GoalSlot::default(),
    });
    let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let goals: Vec<NewGoal> = pumps
        .iter()
        .map(|&pump| {
            let goal = Goal { pump, generation: Generation(3), issued: now(), slots: slots.clone() };
            NewGoal { pump, generation: Generation(3), signed: wardline_release::goal::sign(&goal, &key) }
        })
        .collect();
    let planner =
        Decision { by: Actor::Hub("planner".into()), reason: "their ring was given its turn".into(), at: now() };
    store.save_goals(&goals, &planner, &Entry::done("goal.set", None, "drug library 8")).await.expect("goals");
}

fn report(pump: PumpId, story: Story, at: Time) -> Report {
    let (seven, eight) = (release(7), release(8));
    let since = Some(at - Span::from_min(190));
    let settled = SlotReport {
        state: SlotState::Settled,
        active: Some(eight),
        last: Some(Outcome::Confirmed),
        ..SlotReport::default()
    };
    let behind = SlotReport { active: Some(seven), next: Some(eight), ..SlotReport::default() };
    let library = match story {
        Story::StagedBehindTherapy => {
            SlotReport { state: SlotState::Staged, wait: Some(Wait::TherapyRunning), staged_since: since, ..behind }
        }
        Story::Fetching => SlotReport { state: SlotState::Fetching, wait: Some(Wait::Fetching), ..behind },
        Story::Trial => {
            SlotReport { state: SlotState::Trial, active: Some(eight), wait: Some(Wait::ProofPending), ..behind }
        }
        Story::Refused => SlotReport {
            state: SlotState::WentBack,
            wait: Some(Wait::Refused),
            last: Some(Outcome::Refused(wardline_model::Refusal::DoesNotFit)),
            ..behind
        },
        Story::NoHold => {
            SlotReport { state: SlotState::Staged, wait: Some(Wait::HoldUnsupported), staged_since: since, ..behind }
        }
        _ => settled,
    };
    let busy = matches!(story, Story::Infusing | Story::StagedBehindTherapy);
    let state = if busy { ChannelState::Infusing } else { ChannelState::Idle };
    Report {
        pump,
        at,
        generation: Generation(3),
        therapy: Therapy::Known { state, since: at - Span::from_min(72) },
        hold: if story == Story::NoHold { HoldSupport::Cannot } else { HoldSupport::Grants },
        slots: PerKind::from_fn(|kind| match kind {
            Kind::DrugLibrary => library,
            Kind::Firmware => SlotReport { active: Some(ReleaseRef { kind, ..release(7) }), ..SlotReport::default() },
            _ => SlotReport::default(),
        }),
    }
}

fn events(story: Story, begun: Time, now: Time) -> Vec<Event> {
    let therapy = |state, detail: &str| EventBody::TherapyChanged {
        channel: 1,
        state,
        library: Some(Version(7)),
        detail: detail.into(),
    };
    let heparin = "heparin 25 000 units in 250 mL, 12 mL/h";
    let mut list = vec![
        (0, EventBody::Started { agent: "0.1.0".into() }),
        (1, therapy(ChannelState::Idle, "")),
        (20, therapy(ChannelState::Programmed, heparin)),
        (22, therapy(ChannelState::Infusing, heparin)),
        (95, EventBody::Alarm { channel: 1, alarm: "occlusion downstream".into(), began: true }),
        (95, therapy(ChannelState::Alarming, heparin)),
        (98, EventBody::Alarm { channel: 1, alarm: "occlusion downstream".into(), began: false }),
        (98, therapy(ChannelState::Infusing, heparin)),
        (150, therapy(ChannelState::Paused, heparin)),
        (156, therapy(ChannelState::Infusing, heparin)),
    ];
    if !matches!(story, Story::StagedBehindTherapy | Story::Infusing) {
        list.push((168, therapy(ChannelState::Idle, "")));
    }
    if matches!(story, Story::Well | Story::Infusing | Story::Silent | Story::Quarantined) {
        list.push((170, EventBody::Switched { release: release(8) }));
        list.push((
            171,
            EventBody::Attempt { kind: Kind::DrugLibrary, release: release(8), outcome: Outcome::Confirmed },
        ));
    }
    list.into_iter()
        .zip(1..)
        .map(|((minutes, body), seq)| Event {
            seq: Sequence(seq),
            at: (begun + Span::from_min(minutes)).min(now),
            body,
        })
        .collect()
}
