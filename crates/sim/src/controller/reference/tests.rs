//! The reference controller, seen from the bedside and from the port.

use std::path::Path;

use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use wardline_agent::controller::{Bundle, Controller as Agent, OfferOnItsWay};
use wardline_library::{BolusProgram, DosingUnit, EntryKey, Program, demonstration};
use wardline_model::{Decimal, Refusal, covers};
use wardline_release::author::{self, Role, TopRoles};
use wardline_release::key::PublicKey;
use wardline_wire::{Ask, DenyReason, Holding, SwitchRefusal};

use super::*;

mod floors;

fn setup(folder: &Path, trust: Trust) -> Setup {
    Setup {
        folder: folder.to_owned(),
        model: Model::new("Halcyon 3").unwrap(),
        serial: Serial::new("HX3-1").unwrap(),
        care_area: CareArea::new("Intensive care").unwrap(),
        channels: 2,
        support: HoldSupport::Grants,
        flush: Flush::Never,
        trust,
        root: None,
        clock: Clock::stepped(),
        books: Arc::default(),
    }
}

fn pump(folder: &Path) -> Reference {
    let pump = Reference::power_up(setup(folder, Trust::DigestOnly)).unwrap();
    pump.commission(&demonstration(1).unwrap()).unwrap();
    pump
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn entry(pump: &Reference, drug: &str) -> EntryKey {
    let book = pump.library().unwrap();
    let area = book.library.care_area(&pump.care_area()).unwrap();
    area.entries.iter().find(|entry| entry.drug.as_str() == drug).unwrap().key()
}

/// Midazolam 100 mg/100 mL at this many mg/h is as many mL/h.
fn midazolam(pump: &Reference, dose: &str, vtbi: &str, confirm: Confirm) -> Act {
    let unit = DosingUnit::MilligramPerHour;
    let program = Program { dose: decimal(dose), unit, weight_kg: None, duration_min: None, vtbi_ml: decimal(vtbi) };
    Act::Program { entry: entry(pump, "Midazolam"), program, confirm }
}

fn states(pump: &Reference) -> Vec<ChannelState> {
    pump.look().iter().map(|seen| seen.state).collect()
}

fn given(pump: &Reference) -> u64 {
    pump.look()[0].given_ul.unwrap()
}

fn release_of(library: &Library) -> (ReleaseRef, Vec<u8>) {
    let artifact = library.to_canonical_bytes();
    let digest = digest_of(&artifact);
    let length = artifact.len() as u64;
    (ReleaseRef { kind: Kind::DrugLibrary, version: library.version(), digest, length }, artifact)
}

#[test]
fn an_infusion_runs_by_the_pumps_own_clock() {
    covers!("N1");
    let folder = tempfile::tempdir().unwrap();
    let pump = pump(folder.path());
    pump.act(1, midazolam(&pump, "6", "10", Confirm::Ask)).unwrap();
    assert_eq!(states(&pump), [ChannelState::Programmed, ChannelState::Idle]);
    pump.act(1, Act::Start).unwrap();
    pump.clock().step(600_000);
    assert_eq!(given(&pump), 1_000, "6 mL/h for ten minutes");
    pump.act(1, Act::Pause).unwrap();
    pump.clock().step(600_000);
    assert_eq!(given(&pump), 1_000);
    pump.act(1, Act::Start).unwrap();
    pump.act(1, Act::Titrate { dose: decimal("3"), confirm: Confirm::Ask }).unwrap();
    pump.clock().step(600_000);
    assert_eq!(given(&pump), 1_500);
    let bolus =
        BolusProgram { dose: decimal("2"), unit: DosingUnit::Milligram, weight_kg: None, rate_ml_h: decimal("120") };
    pump.act(1, Act::Bolus { bolus, confirm: Confirm::Ask }).unwrap();
    assert_eq!(states(&pump)[0], ChannelState::Bolus);
    pump.clock().step(60_000);
    assert_eq!((states(&pump)[0], given(&pump)), (ChannelState::Infusing, 3_500));
    pump.clock().step(3_600_000 * 3);
    assert_eq!(states(&pump)[0], ChannelState::KeepVeinOpen);
    // 8.5 mL were left: 2 h 50 min at 3 mL/h, then 10 min at 1 mL/h.
    assert_eq!(given(&pump), 12_000 + 166);
    pump.act(1, Act::Finish).unwrap();
    assert_eq!(states(&pump)[0], ChannelState::Idle);
}

#[test]
fn limits_are_asked_before_a_program_is_taken() {
    covers!("N3");
    let folder = tempfile::tempdir().unwrap();
    let pump = pump(folder.path());
    assert!(matches!(pump.act(1, midazolam(&pump, "9", "10", Confirm::Ask)), Err(NotDone::Confirm(_))));
    assert!(matches!(pump.act(1, midazolam(&pump, "21", "10", Confirm::Yes)), Err(NotDone::Hard(_))));
    assert_eq!(states(&pump)[0], ChannelState::Idle);
    pump.act(1, midazolam(&pump, "9", "10", Confirm::Yes)).unwrap();
    assert_eq!(states(&pump)[0], ChannelState::Programmed);
    assert_eq!(pump.act(1, Act::Silence), Err(NotDone::NotNow));
    assert_eq!(pump.act(3, Act::Start), Err(NotDone::NotNow));
}

#[test]
fn an_alarm_sounds_at_once_and_ends_by_hand() {
    covers!("N5");
    let folder = tempfile::tempdir().unwrap();
    let pump = pump(folder.path());
    pump.act(1, midazolam(&pump, "6", "10", Confirm::Ask)).unwrap();
    pump.act(1, Act::Start).unwrap();
    pump.clock().step(600_000);
    pump.act(1, Act::Alarm(AlarmKind::Occlusion)).unwrap();
    let seen = &pump.look()[0];
    assert_eq!((seen.state, seen.alarm), (ChannelState::Alarming, Some(AlarmKind::Occlusion)));
    pump.clock().step(600_000);
    assert_eq!(given(&pump), 1_000, "an occlusion stops delivery");
    pump.act(1, Act::Silence).unwrap();
    pump.clock().step(600_000);
    assert_eq!((given(&pump), pump.look()[0].alarm), (2_000, None));
}

#[test]
fn a_spoilt_library_is_found_before_the_infusion_and_therapy_gets_the_one_before() {
    covers!("N4", "N7");
    let folder = tempfile::tempdir().unwrap();
    let pump = pump(folder.path());
    let (release, _) = release_of(&demonstration(1).unwrap());
    let act = midazolam(&pump, "6", "10", Confirm::Ask);
    let file = folder.path().join("releases").join(release.digest.to_string());
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(pump.act(1, act), Err(NotDone::NoLibrary));
    assert_eq!(states(&pump)[0], ChannelState::Idle);
}

/// The agent's side of the port, for a test.
struct Port {
    agent: Agent<tokio::io::DuplexStream>,
}

impl Port {
    async fn connect(pump: &Reference) -> Self {
        let (near, far) = tokio::io::duplex(256 * 1024);
        let pump = pump.clone();
        tokio::spawn(async move { pump.converse(far).await });
        let mut port = Self { agent: Agent::over(near) };
        port.agent.ask(Ask::Hello { versions: vec![1], agent: "test".into() }).unwrap();
        assert!(matches!(port.hear().await, Say::Hello { hold: HoldSupport::Grants, .. }));
        port
    }

    /// The next word that is no status or event.
    async fn hear(&mut self) -> Say {
        loop {
            match self.agent.next().await.unwrap() {
                Say::Status { .. } | Say::Therapy { .. } | Say::Alarm { .. } => {}
                say => return say,
            }
        }
    }

    async fn ask(&mut self, ask: Ask) -> Say {
        self.agent.ask(ask).unwrap();
        self.hear().await
    }

    async fn offer(&mut self, release: ReleaseRef, artifact: Vec<u8>) -> Result<(), Refusal> {
        let bundle = Bundle { artifact, targets: b"{}".to_vec(), delegated: b"{}".to_vec(), ..Bundle::default() };
        self.offer_bundle(release, bundle).await
    }

    async fn offer_bundle(&mut self, release: ReleaseRef, bundle: Bundle) -> Result<(), Refusal> {
        let mut offer = OfferOnItsWay::new(release, bundle);
        while let Some(ask) = offer.next_ask() {
            self.agent.ask(ask).unwrap();
        }
        match self.hear().await {
            Say::Verdict { verdict, .. } => verdict,
            other => panic!("{other:?}"),
        }
    }

    async fn hold(&mut self, release: ReleaseRef) -> Result<u64, DenyReason> {
        match self.ask(Ask::Hold { request: 7, release }).await {
            Say::HoldGranted { request: 7, hold, .. } => Ok(hold),
            Say::HoldDenied { request: 7, reason } => Err(reason),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_library_is_offered_held_for_switched_and_read_back() {
    covers!("N2", "N4", "N12");
    let folder = tempfile::tempdir().unwrap();
    let pump = pump(folder.path());
    let library = demonstration(2).unwrap();
    let (release, artifact) = release_of(&library);
    let mut port = Port::connect(&pump).await;
    assert_eq!(port.hold(release).await, Err(DenyReason::NotOffered));
    assert_eq!(port.offer(release, artifact).await, Ok(()));
    assert_eq!(pump.current().unwrap().version.0, 1, "an offer touches nothing");
    let hold = port.hold(release).await.unwrap();
    let switched = port.ask(Ask::MakeCurrent { hold, release }).await;
    assert_eq!(switched, Say::Switched { kind: Kind::DrugLibrary, to: Some(release) });
    let Say::ReadBack(read) = port.ask(Ask::ReadBack { kind: Kind::DrugLibrary }).await else { panic!() };
    let Holding::Whole(current) = read.holding else { panic!("{read:?}") };
    assert_eq!((current.release, current.digest), (release, release.digest));
    assert_eq!(u64::from(current.entries), library.entry_count());
    assert_eq!(current.sample, library.sample_text(&release.digest));
    port.agent.ask(Ask::Release { hold }).unwrap();
    assert_eq!(pump.library().unwrap().library.version().0, 2);
    drop(port);
    let again = Reference::power_up(setup(folder.path(), Trust::DigestOnly)).unwrap();
    assert_eq!(again.current(), Some(release), "it survives power loss");
}

#[tokio::test]
async fn nothing_switches_while_a_program_is_loaded_and_its_limits_stay() {
    covers!("N2", "N3");
    let folder = tempfile::tempdir().unwrap();
    let pump = pump(folder.path());
    let (release, artifact) = release_of(&demonstration(2).unwrap());
    let mut port = Port::connect(&pump).await;
    pump.act(2, midazolam(&pump, "6", "10", Confirm::Ask)).unwrap();
    let limits = pump.look()[1].limits.clone();
    assert_eq!(port.offer(release, artifact).await, Ok(()));
    assert_eq!(port.hold(release).await, Err(DenyReason::Busy));
    let refused = port.ask(Ask::MakeCurrent { hold: 1, release }).await;
    assert!(
        matches!(refused, Say::SwitchRefused { reason: SwitchRefusal::NoHold | SwitchRefusal::Busy, .. }),
        "{refused:?}"
    );
    assert_eq!((pump.current().unwrap().version.0, pump.look()[1].limits.clone()), (1, limits));
    pump.act(2, Act::Finish).unwrap();
    assert_eq!(port.hold(release).await, Err(DenyReason::PersonNear));
    pump.clock().step(60_000);
    assert!(port.hold(release).await.is_ok());
}

#[tokio::test]
async fn spoilt_bytes_and_other_versions_are_refused() {
    covers!("N4");
    let folder = tempfile::tempdir().unwrap();
    let pump = pump(folder.path());
    let (release, artifact) = release_of(&demonstration(2).unwrap());
    let mut port = Port::connect(&pump).await;
    let mut spoilt = artifact.clone();
    spoilt[50] ^= 1;
    assert_eq!(port.offer(release, spoilt).await, Err(Refusal::Digest));
    let other = ReleaseRef { version: wardline_model::Version(9), ..release };
    assert_eq!(port.offer(other, artifact.clone()).await, Err(Refusal::Controller));
    let bytes = b"{}".to_vec();
    let nonsense = ReleaseRef { digest: digest_of(&bytes), length: 2, ..release };
    assert_eq!(port.offer(nonsense, bytes).await, Err(Refusal::Controller));
    let (old, old_artifact) = release_of(&demonstration(1).unwrap());
    assert_eq!(port.offer(old, old_artifact).await, Err(Refusal::BelowFloor));
    assert_eq!(port.offer(release, artifact).await, Ok(()));
}

fn public(key: &SigningKey) -> PublicKey {
    key.verifying_key().into()
}

/// The people of an invented hospital.
struct People {
    root: SigningKey,
    targets: SigningKey,
    pharmacists: [SigningKey; 2],
}

impl People {
    fn invented(seed: u8) -> Self {
        let key = |n: u8| SigningKey::from_bytes(&[seed.wrapping_mul(16).wrapping_add(n); 32]);
        Self { root: key(1), targets: key(2), pharmacists: [key(3), key(4)] }
    }

    fn root(&self) -> Vec<u8> {
        let one = |key: &SigningKey| Role { keys: vec![public(key)], threshold: 1 };
        let roles = TopRoles {
            root: one(&self.root),
            timestamp: one(&self.targets),
            snapshot: one(&self.targets),
            targets: one(&self.targets),
        };
        author::root(1, EXPIRES, &roles).signed_by(&[&self.root]).to_bytes()
    }

    /// What the agent hands over when these pharmacists signed this release.
    fn bundle(&self, release: ReleaseRef, artifact: &[u8], signers: &[&SigningKey]) -> Bundle {
        let role = Role { keys: self.pharmacists.iter().map(public).collect(), threshold: 2 };
        let targets = author::targets(1, EXPIRES, &[(Kind::DrugLibrary, role)]);
        let entry =
            author::Entry { reference: release, entries: Some(1), sample: None, notes: String::new(), withdrawn: None };
        let delegated = author::delegated(1, EXPIRES, &[entry]).signed_by(signers).to_bytes();
        let targets = targets.signed_by(&[&self.targets]).to_bytes();
        Bundle { roots: Vec::new(), targets, delegated, artifact: artifact.to_vec() }
    }
}

const EXPIRES: Time = Time::from_unix_s(4_000_000_000);

#[tokio::test]
async fn a_pinning_controller_takes_only_what_two_pharmacists_signed() {
    covers!("N4", "N13");
    let (people, strangers) = (People::invented(1), People::invented(2));
    let folder = tempfile::tempdir().unwrap();
    let mut setup = setup(folder.path(), Trust::Pinned);
    setup.root = Some(people.root());
    let pump = Reference::power_up(setup).unwrap();
    pump.commission(&demonstration(1).unwrap()).unwrap();
    let (release, artifact) = release_of(&demonstration(2).unwrap());
    let mut port = Port::connect(&pump).await;
    let [a, b] = &people.pharmacists;
    let foreign = strangers.bundle(release, &artifact, &[&strangers.pharmacists[0], &strangers.pharmacists[1]]);
    assert_eq!(port.offer_bundle(release, foreign).await, Err(Refusal::Signatures));
    for half in [vec![a], vec![b], vec![a, &strangers.pharmacists[0]], vec![]] {
        let bundle = people.bundle(release, &artifact, &half);
        assert_eq!(port.offer_bundle(release, bundle).await, Err(Refusal::Signatures));
    }
    let good = people.bundle(release, &artifact, &[a, b]);
    let empty = Bundle { delegated: b"{}".to_vec(), ..good.clone() };
    assert_eq!(port.offer_bundle(release, empty).await, Err(Refusal::Signatures));
    let mut spoilt = good.clone();
    spoilt.artifact[40] ^= 1;
    assert_eq!(port.offer_bundle(release, spoilt).await, Err(Refusal::Digest));
    assert_eq!(port.offer_bundle(release, good).await, Ok(()));
    let hold = port.hold(release).await.unwrap();
    let switched = port.ask(Ask::MakeCurrent { hold, release }).await;
    assert_eq!(switched, Say::Switched { kind: Kind::DrugLibrary, to: Some(release) });
}

#[tokio::test]
async fn a_controller_without_a_pinned_root_takes_nothing() {
    covers!("N13");
    let folder = tempfile::tempdir().unwrap();
    let pump = Reference::power_up(setup(folder.path(), Trust::Pinned)).unwrap();
    pump.commission(&demonstration(1).unwrap()).unwrap();
    let (release, artifact) = release_of(&demonstration(2).unwrap());
    let mut port = Port::connect(&pump).await;
    assert_eq!(port.offer(release, artifact).await, Err(Refusal::Signatures));
}

#[tokio::test]
async fn a_full_disk_leaves_a_usable_library_and_the_next_try_works() {
    covers!("N6", "N7");
    let folder = tempfile::tempdir().unwrap();
    let pump = pump(folder.path());
    let (release, artifact) = release_of(&demonstration(2).unwrap());
    let mut port = Port::connect(&pump).await;
    pump.disk(Room::None);
    assert_eq!(port.offer(release, artifact.clone()).await, Err(Refusal::StorageFull));
    pump.disk(Room::Enough);
    assert_eq!(port.offer(release, artifact).await, Ok(()));
    let hold = port.hold(release).await.unwrap();
    pump.disk(Room::None);
    let refused = port.ask(Ask::MakeCurrent { hold, release }).await;
    assert!(matches!(refused, Say::SwitchRefused { reason: SwitchRefusal::Storage, .. }), "{refused:?}");
    assert_eq!(pump.library().unwrap().library.version().0, 1);
    port.agent.ask(Ask::Release { hold }).unwrap();
    pump.disk(Room::Enough);
    let hold = port.hold(release).await.unwrap();
    let switched = port.ask(Ask::MakeCurrent { hold, release }).await;
    assert_eq!(switched, Say::Switched { kind: Kind::DrugLibrary, to: Some(release) });
    assert_eq!(pump.library().unwrap().library.version().0, 2);
}

#[tokio::test]
async fn a_person_breaks_a_hold_and_an_agent_that_is_gone_holds_nothing() {
    covers!("N1", "N12");
    let folder = tempfile::tempdir().unwrap();
    let pump = pump(folder.path());
    let (release, artifact) = release_of(&demonstration(2).unwrap());
    let mut port = Port::connect(&pump).await;
    port.offer(release, artifact).await.unwrap();
    let hold = port.hold(release).await.unwrap();
    assert_eq!(pump.act(1, midazolam(&pump, "6", "10", Confirm::Ask)), Err(NotDone::InAMoment));
    pump.clock().step(1_000);
    assert_eq!(states(&pump)[0], ChannelState::Programmed, "the pump took the program by itself");
    assert_eq!(port.hear().await, Say::HoldBroken { hold });
    let refused = port.ask(Ask::MakeCurrent { hold, release }).await;
    assert!(matches!(refused, Say::SwitchRefused { .. }), "{refused:?}");
    pump.act(1, Act::Finish).unwrap();
    pump.clock().step(60_000);
    let mut port = Port::connect(&pump).await;
    port.hold(release).await.unwrap();
    // A newer connection takes its place: the hold is gone with the old one.
    let _other = Port::connect(&pump).await;
    pump.act(1, midazolam(&pump, "6", "10", Confirm::Ask)).unwrap();
    assert_eq!(states(&pump)[0], ChannelState::Programmed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn looking_often_or_seldom_gives_the_same_volume(rate in 1u64..1_000_000, volume in 1u64..500_000, steps in proptest::collection::vec(1u64..100_000, 1..40)) {
        covers!("N1");
        let mut often = Delivery::new(rate, volume, 1_000, 0);
        let mut seldom = often.clone();
        often.start(0);
        seldom.start(0);
        let mut at = 0;
        for step in &steps {
            at += step;
            often.advance(at);
        }
        seldom.advance(at);
        prop_assert_eq!(often, seldom);
    }

    #[test]
    fn a_bolus_adds_its_volume_exactly(rate in 1u64..100_000, bolus in 1u64..10_000, fast in 1_000u64..1_000_000) {
        let mut with = Delivery::new(rate, 100_000_000, 0, 0);
        with.start(0);
        with.bolus(bolus, fast, 0);
        let over = (bolus * delivery::UL).div_ceil(fast);
        with.advance(over + 3_600_000);
        prop_assert_eq!(with.given_ul(), rate + bolus);
    }
}
