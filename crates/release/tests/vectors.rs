//! Every folder of `vectors/tuf` is one repository as an attacker or an accident would leave it, with an `expect` file that
//! says what the agent and what the therapy side must answer. The folders are made by this file, from fixed keys and a
//! fixed date, so they can be made again: `WARDLINE_WRITE_VECTORS=1 cargo test -p wardline-release --test vectors`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use wardline_model::{Kind, ReleaseRef, Time, Version, covers};
use wardline_release::author::{self, Draft, Entry, Role, TopRoles};
use wardline_release::client::{Client, Need, Persist, Search, Stored};
use wardline_release::key::PublicKey;
use wardline_release::therapy::{self, Bundle, Floor, Floors};
use wardline_release::{Refused, client};

const NOW: Time = Time::from_unix_s(1_800_000_000);
const LATER: Time = Time::from_unix_s(1_800_000_000 + 30 * 86_400);
const BEFORE: Time = Time::from_unix_s(1_800_000_000 - 86_400);
const GOOD: &[u8] = b"{\"library\":\"invented, not for clinical use\"}";
const PATH: &str = "drug-library/7.json";

type Files = BTreeMap<String, Vec<u8>>;

/// Keys by number: 1 and 2 root, 3 timestamp, 4 snapshot, 5 targets, 6 to 8 pharmacists, 9 the hub, 20 and 21 a stranger.
fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn role(keys: &[u8], threshold: u32) -> Role {
    Role { keys: keys.iter().map(|n| key(*n).verifying_key().into()).collect(), threshold }
}

fn sign(draft: Draft, keys: &[u8]) -> Vec<u8> {
    let keys: Vec<SigningKey> = keys.iter().map(|n| key(*n)).collect();
    draft.signed_by(&keys.iter().collect::<Vec<_>>()).to_bytes()
}

fn root(version: u64, holders: &[u8], signers: &[u8]) -> Vec<u8> {
    root_naming(5, version, holders, signers)
}

/// A root that names this key for the targets role.
fn root_naming(targets: u8, version: u64, holders: &[u8], signers: &[u8]) -> Vec<u8> {
    let [timestamp, snapshot, targets] = [3, 4, targets].map(|n| role(&[n], 1));
    sign(author::root(version, LATER, &TopRoles { root: role(holders, 2), timestamp, snapshot, targets }), signers)
}

/// What a therapy controller keeps that accepted these versions, all of them signed by the people above.
fn floors(targets: u64, role: u64) -> Vec<u8> {
    let ids = |keys: &[u8]| -> BTreeSet<String> {
        keys.iter().map(|n| PublicKey::from(key(*n).verifying_key()).id()).collect()
    };
    let floor = |version, keys: &[u8]| Floor { version, keys: ids(keys) };
    let (targets, role) = (floor(targets, &[5]), floor(role, &[6, 7, 8]));
    serde_json::to_vec(&Floors { root: 1, targets, role, release: Version(6) }).unwrap()
}

fn entry() -> Entry {
    let reference = author::reference(Kind::DrugLibrary, Version(7), GOOD);
    Entry { reference, entries: Some(1), sample: None, notes: String::new(), withdrawn: None }
}

/// What varies between the cases: who signs what, until when, and what is listed.
struct Plan<'a> {
    version: u64,
    expires: Time,
    online: [u8; 2],
    top: Vec<u8>,
    pharmacy: Vec<u8>,
    artifact: &'a [u8],
}

fn targets(signers: &[u8]) -> Vec<u8> {
    sign(author::targets(1, LATER, &[(Kind::DrugLibrary, role(&[6, 7, 8], 2))]), signers)
}

fn pharmacy(version: u64, entries: &[Entry], expires: Time, signers: &[u8]) -> Vec<u8> {
    sign(author::delegated(version, expires, entries), signers)
}

impl Plan<'_> {
    fn good() -> Self {
        let pharmacy = pharmacy(1, &[entry()], LATER, &[6, 7]);
        Self { version: 1, expires: LATER, online: [3, 4], top: targets(&[5]), pharmacy, artifact: GOOD }
    }

    fn build(&self) -> Files {
        let Self { version: n, expires, .. } = *self;
        let listed = [("targets", 1, &self.top[..]), ("drug-library", n, &self.pharmacy[..])];
        let snapshot = sign(author::snapshot(n, expires, &listed), &[self.online[1]]);
        let timestamp = sign(author::timestamp(n, expires, (n, &snapshot)), &[self.online[0]]);
        BTreeMap::from([
            ("trusted-root.json".to_string(), root(1, &[1, 2], &[1, 2])),
            ("1.targets.json".to_string(), self.top.clone()),
            (format!("{n}.drug-library.json"), self.pharmacy.clone()),
            (format!("{n}.snapshot.json"), snapshot),
            ("timestamp.json".to_string(), timestamp),
            ("artifact".to_string(), self.artifact.to_vec()),
        ])
    }
}

/// Name, files, what the agent answers, what the therapy side answers.
type Case = (&'static str, Files, &'static str, &'static str);

fn cases() -> Vec<Case> {
    let with = |change: &dyn Fn(&mut Plan<'_>)| {
        let mut plan = Plan::good();
        change(&mut plan);
        plan.build()
    };
    let mut cases: Vec<Case> = vec![
        ("good", with(&|_| {}), "ok", "ok"),
        // The therapy side does not read the timestamp: it needs no clock that it may trust.
        ("expired", with(&|p| p.expires = BEFORE), "Stale", "ok"),
        (
            "pharmacist-missing",
            with(&|p| p.pharmacy = pharmacy(1, &[entry()], LATER, &[6])),
            "Signatures",
            "Signatures",
        ),
        ("same-key-two-ids", with(&same_key_two_ids), "Signatures", "Signatures"),
        (
            "hub-keys-only",
            with(&|p| p.pharmacy = pharmacy(1, &[entry()], LATER, &[9, 3, 4])),
            "Signatures",
            "Signatures",
        ),
        (
            "targets-key-lists-itself",
            with(&|p| p.top = pharmacy(1, &[entry()], LATER, &[5])),
            "Signatures",
            "Signatures",
        ),
        ("timestamp-by-stranger", with(&|p| p.online[0] = 20), "Signatures", "ok"),
        ("snapshot-by-stranger", with(&|p| p.online[1] = 20), "Signatures", "ok"),
        ("threshold-lowered", with(&threshold_lowered), "Signatures", "Signatures"),
        ("wrong-path-delegation", with(&wrong_path), "Signatures", "Signatures"),
        (
            "wrong-digest",
            with(&|p| p.artifact = b"{\"library\":\"invented, not for clinical usE\"}"),
            "Digest",
            "Digest",
        ),
        ("truncated", with(&|p| p.artifact = &GOOD[..GOOD.len() - 1]), "Digest", "Digest"),
        ("withdrawn", with(&withdrawn), "Withdrawn", "Withdrawn"),
    ];
    cases.push(("rolled-back", rolled_back(), "Stale", "Stale"));
    cases.push(("replayed-before-withdrawal", replayed_before_withdrawal(), "Stale", "Stale"));
    cases.push(("replayed-targets", replayed_targets(), "Stale", "Stale"));
    cases.push(("replayed-root", replayed_root(), "Signatures", "Signatures"));
    cases.push(("mixed-snapshot", mixed(), "Digest", "ok"));
    cases.push(("wrong-root-chain", root_chain(&[20, 21], &[20, 21]), "Signatures", "Signatures"));
    cases.push(("root-skips-a-version", root_skip(), "Stale", "Stale"));
    cases.push(("root-rotated-well", root_chain(&[10, 11], &[1, 2, 10, 11]), "ok", "ok"));
    cases.push(("cut-metadata", cut(), "Digest", "Signatures"));
    cases
}

/// The second pharmacist's public key is replaced by the first one's, and both ids carry a valid signature.
fn same_key_two_ids(plan: &mut Plan<'_>) {
    let [one, two] = [6, 7].map(|n| PublicKey::from(key(n).verifying_key()));
    let text = String::from_utf8(plan.top.clone()).unwrap();
    let forged = text.replace(&format!("\"public\":\"{}\"", two.to_hex()), &format!("\"public\":\"{}\"", one.to_hex()));
    assert_ne!(text, forged);
    plan.top = resign(&forged, 5);
    let signed = String::from_utf8(pharmacy(1, &[entry()], LATER, &[6])).unwrap();
    let (start, rest) = signed.split_once('[').unwrap();
    let (signature, end) = rest.split_once(']').unwrap();
    plan.pharmacy = format!("{start}[{signature},{}]{end}", signature.replace(&one.id(), &two.id())).into_bytes();
}

fn threshold_lowered(plan: &mut Plan<'_>) {
    plan.top = sign(author::targets(1, LATER, &[(Kind::DrugLibrary, role(&[6, 7, 8], 1))]), &[5]);
}

fn wrong_path(plan: &mut Plan<'_>) {
    let text = String::from_utf8(plan.top.clone()).unwrap();
    plan.top = resign(&text.replace("drug-library/*", "firmware/*"), 5);
}

fn withdrawn(plan: &mut Plan<'_>) {
    let entry = Entry { withdrawn: Some("wrong heparin limit".into()), ..entry() };
    plan.pharmacy = pharmacy(plan.version, &[entry], LATER, &[6, 7]);
}

fn resign(file: &str, by: u8) -> Vec<u8> {
    sign(Draft::new(Draft::parse(file.as_bytes()).unwrap().signed().clone()), &[by])
}

/// The pump has seen version 2 (`held-…`); the repository shows version 1 again.
fn rolled_back() -> Files {
    let pharmacy = pharmacy(2, &[entry()], LATER, &[6, 7]);
    replayed(&Plan { version: 2, pharmacy, ..Plan::good() }, floors(1, 2))
}

/// In version 2 the release was withdrawn. The repository shows the time before.
fn replayed_before_withdrawal() -> Files {
    let mut newer = Plan { version: 2, ..Plan::good() };
    withdrawn(&mut newer);
    replayed(&newer, floors(1, 2))
}

/// The pump has seen version 2 of the top-level targets. The repository shows version 1, with a newer list below it.
fn replayed_targets() -> Files {
    replayed(&Plan { version: 2, ..Plan::good() }, floors(2, 1))
}

/// The good repository, shown to a pump that has seen this newer one.
fn replayed(newer: &Plan<'_>, floors: Vec<u8>) -> Files {
    let newer = newer.build();
    let mut files = Plan::good().build();
    for name in ["timestamp.json", "2.snapshot.json"] {
        let held = name.trim_start_matches("2.");
        files.insert(format!("held-{held}"), newer[name].clone());
    }
    files.insert("held-floors.json".into(), floors);
    files
}

/// The pump pins root 2, which took the targets key away. The repository shows root 1 and what that key signed.
fn replayed_root() -> Files {
    let mut files = Plan::good().build();
    files.insert("1.root.json".into(), root(1, &[1, 2], &[1, 2]));
    files.insert("trusted-root.json".into(), root_naming(11, 2, &[1, 2], &[1, 2]));
    files
}

/// The timestamp is of this repository, the snapshot of another that the same people signed.
fn mixed() -> Files {
    let mut files = Plan::good().build();
    let other = Plan { expires: Time::from_unix_s(LATER.as_unix_s() + 60), ..Plan::good() }.build();
    files.insert("1.snapshot.json".into(), other["1.snapshot.json"].clone());
    files
}

fn root_chain(holders: &[u8], signers: &[u8]) -> Files {
    let mut files = Plan::good().build();
    files.insert("2.root.json".into(), root(2, holders, signers));
    files
}

/// What stands at version 2 says that it is version 3.
fn root_skip() -> Files {
    let mut files = Plan::good().build();
    files.insert("2.root.json".into(), root(3, &[1, 2], &[1, 2]));
    files
}

fn cut() -> Files {
    let mut files = Plan::good().build();
    let file = files.get_mut("1.drug-library.json").unwrap();
    file.truncate(file.len() / 2);
    files
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/tuf")
}

fn expectation(agent: &str, therapy: &str) -> Vec<u8> {
    format!("agent {agent}\ntherapy {therapy}\n").into_bytes()
}

fn agent(files: &Files, asked: &ReleaseRef) -> Result<(), Refused> {
    let mut stored = Stored::new();
    for role in ["timestamp", "snapshot"] {
        if let Some(held) = files.get(&format!("held-{role}.json")) {
            stored.insert(role.into(), held.clone());
        }
    }
    let mut machine = Client::start(&files["trusted-root.json"], stored, NOW)?;
    let give = |machine: &mut Client, name: &str, limit: u64| -> Result<Vec<Persist>, Refused> {
        machine.give(files.get(name).filter(|file| file.len() as u64 <= limit).map(Vec::as_slice))
    };
    while let Need::File { name, limit, .. } = machine.need() {
        give(&mut machine, &name, limit)?;
    }
    loop {
        match machine.search(PATH)? {
            Search::Found(listed) => {
                let release = machine.release(&listed, asked, Version(0))?;
                return client::artifact(&release, files["artifact"].clone()).map(drop);
            }
            Search::Needs(Need::File { name, limit, .. }) => drop(give(&mut machine, &name, limit)?),
            Search::Needs(Need::Nothing) => {}
            Search::NotListed => return Err(wardline_release::Why::NotListed.about(PATH)),
        }
    }
}

fn therapy_side(files: &Files, asked: &ReleaseRef) -> Result<(), Refused> {
    let roots: Vec<Vec<u8>> =
        ["1.root.json", "2.root.json"].iter().filter_map(|name| files.get(*name).cloned()).collect();
    let floors =
        files.get("held-floors.json").map_or_else(Floors::default, |kept| serde_json::from_slice(kept).unwrap());
    let bundle = Bundle {
        roots: &roots,
        targets: &files["1.targets.json"],
        delegated: &files["1.drug-library.json"],
        artifact: &files["artifact"],
    };
    therapy::verify(&files["trusted-root.json"], &bundle, asked, &floors).map(drop)
}

fn word(result: Result<(), Refused>) -> String {
    result.map_or_else(|refused| format!("{:?}", refused.refusal()), |()| "ok".into())
}

fn read(case: &Path) -> Files {
    fs::read_dir(case)
        .unwrap()
        .map(|file| file.unwrap())
        .map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()))
        .collect()
}

#[test]
fn every_folder_is_answered_as_its_expectation_says() {
    covers!("N4", "N6", "N13");
    if std::env::var_os("WARDLINE_WRITE_VECTORS").is_some() {
        for (name, files, agent, therapy) in cases() {
            let case = folder().join(name);
            fs::create_dir_all(&case).unwrap();
            files.iter().for_each(|(file, bytes)| fs::write(case.join(file), bytes).unwrap());
            fs::write(case.join("expect"), expectation(agent, therapy)).unwrap();
        }
    }
    let asked = entry().reference;
    let mut seen = 0;
    for case in fs::read_dir(folder()).unwrap().map(|case| case.unwrap().path()).filter(|path| path.is_dir()) {
        let files = read(&case);
        let got = expectation(&word(agent(&files, &asked)), &word(therapy_side(&files, &asked)));
        let (got, expected) = (String::from_utf8_lossy(&got), String::from_utf8_lossy(&files["expect"]));
        assert_eq!(got, expected, "{}", case.display());
        seen += 1;
    }
    assert_eq!(seen, cases().len(), "a folder of vectors/tuf is missing or nobody's");
}

#[test]
fn the_folders_are_what_this_file_makes() {
    for (name, mut files, agent, therapy) in cases() {
        files.insert("expect".into(), expectation(agent, therapy));
        assert!(read(&folder().join(name)) == files, "vectors/tuf/{name} was changed by hand or is out of date");
    }
}

#[test]
fn a_library_over_the_limit_is_refused_before_it_is_looked_at() {
    let mut files = Plan::good().build();
    files.insert("1.targets.json".into(), vec![b' '; 5_000_001]);
    let asked = entry().reference;
    assert_eq!(word(therapy_side(&files, &asked)), "TooLarge");
    assert_ne!(word(agent(&files, &asked)), "ok");
}
