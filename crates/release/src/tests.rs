//! A small repository is built, then broken in every way that the TUF specification names.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use ed25519_dalek::SigningKey;
use wardline_model::{Digest, Generation, Goal, Kind, PumpId, Refusal, ReleaseRef, Span, Time, Version, covers};

use crate::author::{self, Draft, Entry, Role, TopRoles};
use crate::client::{self, Client, Need, Persist, Search, Stored};
use crate::json::Value;
use crate::key::PublicKey;
use crate::release::sha256;
use crate::therapy::Floors;
use crate::{Refused, Verified, Why, goal, therapy};

const NOW: Time = Time::from_unix_s(1_800_000_000);
const LATER: Time = Time::from_unix_s(1_800_000_000 + 30 * 86_400);

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn role(keys: &[u8], threshold: u32) -> Role {
    Role { keys: keys.iter().map(|n| key(*n).verifying_key().into()).collect(), threshold }
}

/// Keys: 1 and 2 root, 3 timestamp, 4 snapshot, 5 targets, 6 to 8 pharmacists.
struct Repo {
    files: BTreeMap<String, Vec<u8>>,
    root: Vec<u8>,
    artifact: Vec<u8>,
    release: ReleaseRef,
    version: u64,
}

fn top_roles() -> TopRoles {
    TopRoles { root: role(&[1, 2], 2), timestamp: role(&[3], 1), snapshot: role(&[4], 1), targets: role(&[5], 1) }
}

impl Repo {
    fn new() -> Self {
        let root = author::root(1, LATER, &top_roles()).signed_by(&[&key(1), &key(2)]).to_bytes();
        let artifact = b"a drug library".to_vec();
        let release = author::reference(Kind::DrugLibrary, Version(7), &artifact);
        let mut repo = Self { files: BTreeMap::new(), root: root.clone(), artifact, release, version: 0 };
        repo.files.insert("1.root.json".into(), root);
        repo.publish(1, |d| d.signed_by(&[&key(6), &key(7)]), LATER);
        repo
    }

    fn entry(&self) -> Entry {
        Entry { reference: self.release, entries: Some(1), sample: None, notes: String::new(), withdrawn: None }
    }

    fn publish(&mut self, version: u64, pharmacists: impl Fn(Draft) -> Draft, expires: Time) {
        let delegated = pharmacists(author::delegated(version, expires, &[self.entry()])).to_bytes();
        self.publish_delegated(version, delegated, expires);
    }

    fn publish_delegated(&mut self, version: u64, delegated: Vec<u8>, expires: Time) {
        let targets = author::targets(version, expires, &[(Kind::DrugLibrary, role(&[6, 7, 8], 2))]);
        self.publish_all(version, targets.signed_by(&[&key(5)]).to_bytes(), delegated, expires);
    }

    fn publish_all(&mut self, version: u64, targets: Vec<u8>, delegated: Vec<u8>, expires: Time) {
        let listed: [(&str, u64, &[u8]); 2] = [("targets", version, &targets), ("drug-library", version, &delegated)];
        let snapshot = author::snapshot(version, expires, &listed).signed_by(&[&key(4)]).to_bytes();
        let timestamp = author::timestamp(version, expires, (version, &snapshot)).signed_by(&[&key(3)]).to_bytes();
        self.version = version;
        for (name, bytes) in [("targets", targets), ("drug-library", delegated), ("snapshot", snapshot)] {
            self.files.insert(format!("{version}.{name}.json"), bytes);
        }
        self.files.insert("timestamp.json".into(), timestamp);
    }

    fn get(&self, name: &str) -> &[u8] {
        &self.files[name]
    }

    fn delegated_file(&self) -> Vec<u8> {
        self.get(&format!("{}.drug-library.json", self.version)).to_vec()
    }

    fn bundle(&self, roots: &[Vec<u8>]) -> Result<therapy::Accepted, Refused> {
        self.bundle_with(roots, &self.delegated_file(), &self.artifact, &Floors::default())
    }

    fn bundle_with(
        &self,
        roots: &[Vec<u8>],
        delegated: &[u8],
        artifact: &[u8],
        floors: &Floors,
    ) -> Result<therapy::Accepted, Refused> {
        let targets = self.get(&format!("{}.targets.json", self.version));
        let bundle = therapy::Bundle { roots, targets, delegated, artifact };
        therapy::verify(&self.root, &bundle, &self.release, floors)
    }
}

/// Runs the whole workflow and looks for the release; keeps what it is told to keep.
fn run(repo: &Repo, stored: &mut Stored, now: Time) -> Result<Verified<crate::Release>, Refused> {
    let mut client = Client::start(stored.get("root").unwrap_or(&repo.root).as_slice(), stored.clone(), now)?;
    let give = |client: &mut Client, stored: &mut Stored, name: &str| -> Result<(), Refused> {
        for persist in client.give(repo.files.get(name).map(Vec::as_slice))? {
            match persist {
                Persist::Write { role, bytes } => stored.insert(role, bytes),
                Persist::Remove { role } => stored.remove(&role),
            };
        }
        Ok(())
    };
    while let Need::File { name, .. } = client.need() {
        give(&mut client, stored, &name)?;
    }
    loop {
        match client.search("drug-library/7.json")? {
            Search::Found(listed) => return client.release(&listed, &repo.release, Version(0)),
            Search::Needs(Need::File { name, .. }) => give(&mut client, stored, &name)?,
            Search::Needs(Need::Nothing) => {}
            Search::NotListed => return Err(Why::NotListed.about("drug-library/7.json")),
        }
    }
}

fn first(repo: &Repo) -> Result<Verified<crate::Release>, Refused> {
    run(repo, &mut Stored::new(), NOW)
}

#[test]
fn a_release_signed_by_two_pharmacists_is_verified_by_both_sides() {
    covers!("N4");
    let repo = Repo::new();
    let release = first(&repo).unwrap();
    assert_eq!(release.reference, repo.release);
    assert_eq!(&*client::artifact(&release, repo.artifact.clone()).unwrap(), &repo.artifact);
    assert_eq!(repo.bundle(&[]).unwrap().release.reference, repo.release);
}

#[test]
fn one_pharmacist_is_not_enough_however_often_they_sign() {
    covers!("N4", "N13");
    let mut repo = Repo::new();
    for signers in [vec![6], vec![6, 6], vec![6, 5], vec![6, 1, 2, 3, 4, 5], vec![9, 10]] {
        let keys: Vec<SigningKey> = signers.iter().map(|n| key(*n)).collect();
        let version = repo.version + 1;
        repo.publish(version, |d| d.signed_by(&keys.iter().collect::<Vec<_>>()), LATER);
        let have = u32::from(signers.contains(&6));
        let expected = Why::Signatures { have, need: 2 }.about("drug-library");
        assert_eq!(first(&repo).unwrap_err(), expected, "agent, signed by {signers:?}");
        assert_eq!(repo.bundle(&[]).unwrap_err(), expected, "controller, signed by {signers:?}");
        assert_eq!(expected.refusal(), Refusal::Signatures);
    }
}

#[test]
fn one_persons_key_under_two_ids_counts_once() {
    covers!("N4");
    let mut repo = Repo::new();
    // A targets file that lists pharmacist 6 twice, the second time under an id of its own choosing.
    let mut signed = author::targets(2, LATER, &[(Kind::DrugLibrary, role(&[6], 2))]).signed().clone();
    let public = PublicKey::from(key(6).verifying_key());
    let Value::Object(top) = &mut signed else { unreachable!() };
    let Some(Value::Object(delegations)) = top.get_mut("delegations") else { unreachable!() };
    let Some(Value::Object(keys)) = delegations.get_mut("keys") else { unreachable!() };
    keys.insert("another".into(), public.to_value());
    let Some(Value::Array(roles)) = delegations.get_mut("roles") else { unreachable!() };
    let Value::Object(library) = &mut roles[0] else { unreachable!() };
    library.insert("keyids".into(), Value::Array(vec![public.id().into(), "another".into()]));
    let targets = Draft::new(signed).signed_by(&[&key(5)]).to_bytes();

    let once = author::delegated(2, LATER, &[repo.entry()]).signed_by(&[&key(6)]).to_bytes();
    let mut twice = Value::parse(&once).unwrap();
    let Value::Object(file) = &mut twice else { unreachable!() };
    let Some(Value::Array(signatures)) = file.get_mut("signatures") else { unreachable!() };
    let Value::Object(mut copy) = signatures[0].clone() else { unreachable!() };
    copy.insert("keyid".into(), "another".into());
    signatures.push(Value::Object(copy));
    repo.publish_all(2, targets, twice.to_json(), LATER);
    assert_eq!(first(&repo).unwrap_err(), Why::Signatures { have: 1, need: 2 }.about("drug-library"));
    assert_eq!(repo.bundle(&[]).unwrap_err(), Why::Signatures { have: 1, need: 2 }.about("drug-library"));
}

#[test]
fn a_role_whose_threshold_was_lowered_cannot_release_a_drug_library() {
    covers!("N13");
    let mut repo = Repo::new();
    let targets = author::targets(2, LATER, &[(Kind::DrugLibrary, role(&[6, 7], 1))]).signed_by(&[&key(5)]).to_bytes();
    let delegated = author::delegated(2, LATER, &[repo.entry()]).signed_by(&[&key(6)]).to_bytes();
    repo.publish_all(2, targets, delegated, LATER);
    let expected = Why::WrongRole { by: "drug-library".into(), needed: "drug-library", threshold: 2 };
    assert_eq!(first(&repo).unwrap_err().why, expected);
    assert_eq!(repo.bundle(&[]).unwrap_err().why, expected);
}

#[test]
fn no_flipped_bit_of_any_file_is_believed() {
    covers!("N4", "N6", "N13");
    let repo = Repo::new();
    let good = first(&repo).unwrap();
    for name in repo.files.keys().filter(|name| *name != "1.root.json") {
        for at in (0..repo.get(name).len()).step_by(7) {
            let mut broken =
                Repo { files: repo.files.clone(), root: repo.root.clone(), artifact: vec![], ..Repo::new() };
            broken.files.get_mut(name).unwrap()[at] ^= 1;
            if let Ok(release) = first(&broken) {
                assert_eq!(release, good, "{name} byte {at}");
                assert_eq!(
                    name, "timestamp.json",
                    "only the outermost file may differ in what nobody signed: byte {at}"
                );
            }
        }
    }
    for at in 0..repo.artifact.len() {
        let mut artifact = repo.artifact.clone();
        artifact[at] ^= 1;
        assert!(client::artifact(&good, artifact.clone()).is_err());
        let refused = repo.bundle_with(&[], &repo.delegated_file(), &artifact, &Floors::default()).unwrap_err();
        assert_eq!(refused.refusal(), Refusal::Digest);
    }
}

#[test]
fn rollback_freeze_and_mixture_are_refused() {
    covers!("N6", "N13");
    let sign = |d: Draft| d.signed_by(&[&key(6), &key(7)]);
    let old = Repo::new();
    let mut repo = Repo::new();
    repo.publish(2, sign, LATER);
    let mut stored = Stored::new();
    run(&repo, &mut stored, NOW).unwrap();

    let back = run(&old, &mut stored.clone(), NOW).unwrap_err();
    assert_eq!(back, Why::Rollback { got: 1, known: 2 }.about("timestamp"));

    let frozen = run(&repo, &mut stored.clone(), LATER + Span::from_s(1)).unwrap_err();
    assert!(matches!(frozen.why, Why::Expired(_)), "{frozen}");

    let mut mixed = Repo { files: repo.files.clone(), ..Repo::new() };
    mixed.files.insert("2.drug-library.json".into(), old.get("1.drug-library.json").to_vec());
    assert!(matches!(first(&mixed).unwrap_err().why, Why::Digest { .. } | Why::Length { .. }));

    let mut vanished = Repo { files: repo.files.clone(), ..Repo::new() };
    let targets = repo.get("2.targets.json").to_vec();
    let snapshot = author::snapshot(3, LATER, &[("targets", 2, &targets)]).signed_by(&[&key(4)]).to_bytes();
    let timestamp = author::timestamp(3, LATER, (3, &snapshot)).signed_by(&[&key(3)]).to_bytes();
    vanished.files.insert("3.snapshot.json".into(), snapshot);
    vanished.files.insert("timestamp.json".into(), timestamp);
    let refused = run(&vanished, &mut stored, NOW).unwrap_err();
    assert_eq!(refused, Why::Vanished("drug-library".into()).about("snapshot"));
}

#[test]
fn a_controller_refuses_what_lies_below_its_floor_and_what_was_withdrawn() {
    covers!("N13");
    let mut repo = Repo::new();
    let below = repo
        .bundle_with(&[], &repo.delegated_file(), &repo.artifact, &Floors { release: Version(8), ..Floors::default() })
        .unwrap_err();
    assert_eq!(below.refusal(), Refusal::BelowFloor);
    let entry = Entry { withdrawn: Some("wrong heparin unit".into()), ..repo.entry() };
    let delegated = author::delegated(2, LATER, &[entry]).signed_by(&[&key(6), &key(7)]).to_bytes();
    repo.publish_delegated(2, delegated, LATER);
    assert_eq!(first(&repo).unwrap_err().refusal(), Refusal::Withdrawn);
    assert_eq!(repo.bundle(&[]).unwrap_err().refusal(), Refusal::Withdrawn);
}

#[test]
fn roots_are_followed_one_by_one_and_never_skipped() {
    covers!("N13");
    let mut repo = Repo::new();
    let new_roles = TopRoles { root: role(&[1, 9], 2), ..top_roles() };
    let second = author::root(2, LATER, &new_roles).signed_by(&[&key(1), &key(2), &key(9)]).to_bytes();
    let third = author::root(3, LATER, &new_roles).signed_by(&[&key(1), &key(9)]).to_bytes();
    let usurper = author::root(2, LATER, &TopRoles { root: role(&[11, 12], 2), ..top_roles() });
    let usurped = usurper.signed_by(&[&key(11), &key(12)]).to_bytes();

    repo.files.insert("2.root.json".into(), second.clone());
    repo.files.insert("3.root.json".into(), third.clone());
    first(&repo).unwrap();
    let accepted = repo.bundle(&[second.clone(), third.clone()]).unwrap();
    assert_eq!(accepted.new_root, Some(third.clone()));
    assert!(matches!(repo.bundle(&[third]).unwrap_err().why, Why::Signatures { .. } | Why::WrongVersion { .. }));

    repo.files.insert("2.root.json".into(), usurped.clone());
    assert_eq!(first(&repo).unwrap_err(), Why::Signatures { have: 0, need: 2 }.about("root"));
    assert!(repo.bundle(&[usurped]).is_err());
}

#[test]
fn a_fast_forward_by_a_stolen_timestamp_key_is_undone_by_a_new_root() {
    let mut repo = Repo::new();
    let mut stored = Stored::new();
    repo.publish(900, |d| d.signed_by(&[&key(6), &key(7)]), LATER);
    run(&repo, &mut stored, NOW).unwrap();
    let mut mended = Repo::new();
    let roles = TopRoles { timestamp: role(&[13], 1), snapshot: role(&[14], 1), ..top_roles() };
    let root = author::root(2, LATER, &roles).signed_by(&[&key(1), &key(2)]).to_bytes();
    mended.files.insert("2.root.json".into(), root);
    let resign = |name: &str, n: u8, files: &BTreeMap<String, Vec<u8>>| {
        Draft::new(Draft::parse(&files[name]).unwrap().signed().clone()).signed_by(&[&key(n)]).to_bytes()
    };
    let snapshot = resign("1.snapshot.json", 14, &mended.files);
    let timestamp = author::timestamp(1, LATER, (1, &snapshot)).signed_by(&[&key(13)]).to_bytes();
    mended.files.insert("1.snapshot.json".into(), snapshot);
    mended.files.insert("timestamp.json".into(), timestamp);
    run(&mended, &mut stored, NOW).unwrap();
    assert_eq!(sha256(&stored["timestamp"]), sha256(mended.get("timestamp.json")));
}

#[test]
fn a_thief_of_the_hub_has_no_key_that_a_pump_believes() {
    covers!("N13");
    let hub = key(42);
    let mut repo = Repo::new();
    let evil = Entry { reference: author::reference(Kind::DrugLibrary, Version(7), b"evil"), ..repo.entry() };
    let delegated = author::delegated(2, LATER, &[evil]).signed_by(&[&hub]).to_bytes();
    let targets = author::targets(2, LATER, &[(Kind::DrugLibrary, role(&[42, 43], 2))]).signed_by(&[&hub]).to_bytes();
    repo.publish_all(2, targets, delegated, LATER);
    assert_eq!(repo.bundle(&[]).unwrap_err().refusal(), Refusal::Signatures);
    for (name, bytes) in repo.files.clone() {
        if name != "1.root.json" {
            let signed = Draft::parse(&bytes).unwrap().signed().clone();
            repo.files.insert(name, Draft::new(signed).signed_by(&[&hub]).to_bytes());
        }
    }
    assert_eq!(first(&repo).unwrap_err(), Why::Signatures { have: 0, need: 1 }.about("timestamp"));
}

fn a_goal() -> Goal {
    let mut goal = Goal::empty(PumpId::from_bytes([7; 16]), Generation(3), NOW);
    goal.slots.drug_library.want = Some(Repo::new().release);
    goal.slots.drug_library.expect = Some(Digest::from_bytes([1; 32]));
    goal
}

#[test]
fn a_goal_is_believed_only_from_the_pinned_key_and_only_by_its_pump() {
    covers!("N13", "N14");
    let goal = a_goal();
    let bytes = goal::sign(&goal, &key(42));
    let hub: PublicKey = key(42).verifying_key().into();
    assert_eq!(goal::verify(&bytes, &hub, goal.pump).unwrap().into_inner(), goal);
    let other = PumpId::from_bytes([8; 16]);
    assert_eq!(goal::verify(&bytes, &hub, other).unwrap_err(), Why::OtherPump(goal.pump).about("goal"));
    let thief: PublicKey = key(43).verifying_key().into();
    assert_eq!(
        goal::verify(&bytes, &thief, goal.pump).unwrap_err(),
        Why::Signatures { have: 0, need: 1 }.about("goal")
    );
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 1;
        if let Ok(read) = goal::verify(&broken, &hub, goal.pump) {
            assert_eq!(read.into_inner(), goal, "byte {at}");
        }
    }
    assert!(goal::verify(&vec![b' '; 20_000], &hub, goal.pump).unwrap_err().to_string().contains("16384"));
}

#[test]
fn what_a_screen_reads_of_a_goal_is_what_was_signed() {
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let pump = wardline_model::PumpId::from_bytes([1; 16]);
    let mut goal =
        wardline_model::Goal::empty(pump, wardline_model::Generation(3), wardline_model::Time::from_unix_s(5));
    goal.slots.drug_library.want =
        Some(crate::author::reference(wardline_model::Kind::DrugLibrary, wardline_model::Version(2), b"artifact"));
    assert_eq!(crate::goal::unproven(&crate::goal::sign(&goal, &key)).unwrap(), goal);
    assert!(crate::goal::unproven(b"{}").is_err());
}
