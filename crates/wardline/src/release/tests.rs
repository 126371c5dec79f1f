//! A whole ceremony in a folder, with everything that must be refused on the way.

use wardline_library::demonstration;
use wardline_model::{Kind, Time, Version, covers};
use wardline_release::anchors::AnchorSet;
use wardline_release::release_path;

use super::desk::{Desk, Founders};
use super::key::{Cost, Duty, KeyFile, OpenKey, file_name};
use super::{check, show};
use crate::print;

const PASSPHRASE: &str = "correct horse battery";

struct People {
    root: Vec<OpenKey>,
    timestamp: OpenKey,
    snapshot: OpenKey,
    targets: OpenKey,
    pharmacists: Vec<OpenKey>,
}

fn people() -> People {
    let make = |name: &str, duty| OpenKey::generate(name, duty).unwrap();
    People {
        root: vec![make("Ana Lima", Duty::Root), make("Bo Berg", Duty::Root)],
        timestamp: make("Signing desk", Duty::Timestamp),
        snapshot: make("Signing desk", Duty::Snapshot),
        targets: make("Signing desk", Duty::Targets),
        pharmacists: vec![make("Cy Dahl", Duty::DrugLibrary), make("Di Eng", Duty::DrugLibrary)],
    }
}

impl People {
    fn found(&self, dir: &std::path::Path, now: Time) -> anyhow::Result<Desk> {
        let pharmacists: Vec<_> = self.pharmacists.iter().map(|key| (key.holder.clone(), key.public())).collect();
        let founders = Founders {
            root: &self.root,
            timestamp: &self.timestamp,
            snapshot: &self.snapshot,
            targets: &self.targets,
            pharmacists: &pharmacists,
            security: &[],
        };
        Desk::found(&dir.join("desk"), &founders, now)
    }

    fn publish(&self, desk: &Desk, now: Time) {
        for pharmacist in &self.pharmacists {
            desk.sign(pharmacist).unwrap();
        }
        desk.publish(&self.snapshot, &self.timestamp, now).unwrap();
    }
}

fn said<T>(result: anyhow::Result<T>) -> String {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn a_ceremony_ends_in_what_a_pump_believes() {
    covers!("N13", "N4");
    let (folder, people, now) = (tempfile::tempdir().unwrap(), people(), print::now());
    let desk = people.found(folder.path(), now).unwrap();
    desk.draft(&demonstration(1).unwrap(), "first", now).unwrap();
    show::draft(&desk).unwrap();

    // One pharmacist is not enough, and the same one twice is one.
    desk.sign(&people.pharmacists[0]).unwrap();
    let standing = desk.sign(&people.pharmacists[0]).unwrap();
    assert_eq!((standing.have.as_slice(), standing.is_enough()), (["Cy Dahl".to_owned()].as_slice(), false));
    let why = said(desk.publish(&people.snapshot, &people.timestamp, now));
    assert!(why.contains("1 of 2") && why.contains("Di Eng"), "{why}");
    assert!(said(desk.upload()).contains("nothing was published"));

    people.publish(&desk, now);
    desk.draft(&demonstration(2).unwrap(), "second", now).unwrap();
    show::draft(&desk).unwrap();
    people.publish(&desk, now);
    let listed = check::as_a_pump(&desk, &desk.metadata().unwrap(), now).unwrap();
    assert_eq!(listed.iter().map(|entry| entry.reference.version.0).collect::<Vec<_>>(), [1, 2]);

    let upload = desk.upload().unwrap();
    let names: Vec<_> = upload.metadata.keys().map(String::as_str).collect();
    assert_eq!(names, ["1.root.json", "1.targets.json", "2.drug-library.json", "2.snapshot.json", "timestamp.json"]);
    assert!(upload.artifacts.contains_key(&release_path(Kind::DrugLibrary, Version(2))));
    show::status(&desk, now).unwrap();
    show::verified(&desk, now).unwrap();
}

#[test]
fn a_withdrawal_and_fresh_dates_are_signed_and_verified() {
    let (folder, people, now) = (tempfile::tempdir().unwrap(), people(), print::now());
    let desk = people.found(folder.path(), now).unwrap();
    desk.draft(&demonstration(1).unwrap(), "", now).unwrap();
    people.publish(&desk, now);
    desk.withdraw(Version(1), "heparin was wrong", now).unwrap();
    people.publish(&desk, now);
    desk.refresh(&people.snapshot, &people.timestamp, now).unwrap();
    assert_eq!(desk.newest("snapshot").unwrap().unwrap().0, 3);
    let listed = check::as_a_pump(&desk, &desk.metadata().unwrap(), now).unwrap();
    assert_eq!(listed[0].withdrawn.as_deref(), Some("heparin was wrong"));
    assert!(said(desk.draft(&demonstration(1).unwrap(), "", now)).contains("not newer than 1"));

    // After 36 days without a refresh a pump no longer believes that this is fresh.
    let late = now + wardline_model::Span::from_h(36 * 24);
    assert!(said(show::verified(&desk, late)).contains("expired"));
}

#[test]
fn strangers_and_changed_drafts_are_not_signed() {
    covers!("N13");
    let (folder, people, now) = (tempfile::tempdir().unwrap(), people(), print::now());
    let desk = people.found(folder.path(), now).unwrap();
    desk.draft(&demonstration(1).unwrap(), "", now).unwrap();
    let stranger = OpenKey::generate("Eve", Duty::DrugLibrary).unwrap();
    assert!(said(desk.sign(&stranger)).contains("Eve is not one of the pharmacists"));
    let impostor = OpenKey::generate("Cy Dahl", Duty::DrugLibrary).unwrap();
    assert!(said(desk.sign(&impostor)).contains("not the one"));

    // Somebody changes the library after it was drafted.
    let file = folder.path().join("desk/draft/library-1.json");
    std::fs::write(&file, demonstration(2).unwrap().to_canonical_bytes()).unwrap();
    assert!(said(desk.sign(&people.pharmacists[0])).contains("do not say"));
    assert_eq!(desk.standing().unwrap().have.len(), 0);
}

#[test]
fn one_key_is_one_persons() {
    covers!("N13");
    let (folder, mut people, now) = (tempfile::tempdir().unwrap(), people(), print::now());
    let copy = people.pharmacists[0].signing.clone();
    people.pharmacists[1].signing = copy;
    assert!(said(people.found(folder.path(), now)).contains("have the same key"));
    people.pharmacists[1] = OpenKey::generate("cy dahl", Duty::DrugLibrary).unwrap();
    assert!(said(people.found(folder.path(), now)).contains("named twice"));
    people.pharmacists.pop();
    assert!(said(people.found(folder.path(), now)).contains("two pharmacists"));
    assert!(!folder.path().join("desk").exists());
}

#[test]
fn a_key_opens_with_its_passphrase_only_and_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let key = OpenKey::generate("Cy Dahl", Duty::DrugLibrary).unwrap();
    assert!(said(key.seal("short", Cost::Invented)).contains("too short"));
    let path = folder.path().join(file_name(&key.holder, key.duty));
    key.seal(PASSPHRASE, Cost::Invented).unwrap().write(&path).unwrap();
    assert!(said(key.seal(PASSPHRASE, Cost::Invented).unwrap().write(&path)).contains("never written over"));

    let file = KeyFile::read(&path).unwrap();
    assert_eq!(file.open(PASSPHRASE).unwrap().signing.to_bytes(), key.signing.to_bytes());
    assert!(said(file.open("another passphrase")).contains("passphrase is another"));
    let mut renamed = file.clone();
    renamed.holder = "Di Eng".into();
    assert!(said(renamed.open(PASSPHRASE)).contains("was changed"));
    let mut promoted = file;
    promoted.duty = Duty::Root;
    assert!(said(promoted.open(PASSPHRASE)).contains("was changed"));
}

/// Two roots, PEM.
fn roots() -> [String; 2] {
    use wardline_pki::{Authority, CertSerial, P256Key, profile};
    [1, 2].map(|n| {
        let key = P256Key::generate().unwrap();
        let content = profile::root(key.spki(), &format!("Root {n}"), "St. Elsewhere").unwrap();
        let root = Authority::self_signed(&content, key, &CertSerial::from_random([n; 16]), print::now()).unwrap();
        root.cert().to_pem()
    })
}

#[test]
fn trust_anchors_are_signed_by_those_who_were_appointed_and_by_nobody_else() {
    covers!("N13");
    let (folder, people, now) = (tempfile::tempdir().unwrap(), people(), print::now());
    let desk = people.found(folder.path(), now).unwrap();
    let trust = desk.of(Kind::TrustAnchors);
    let [old, new] = roots();
    let set = AnchorSet::new(Version(1), vec![old.clone(), new.clone()]).unwrap();
    desk.draft_anchors(&set, "the new root beside the old", now).unwrap();
    let pharmacist = &people.pharmacists[0];
    assert!(said(trust.sign(pharmacist)).contains("nobody was appointed"));

    let security = ["Eva Ito", "Finn Moe"].map(|name| OpenKey::generate(name, Duty::Trust).unwrap());
    let named: Vec<_> = security.iter().map(|key| (key.holder.clone(), key.public())).collect();
    let doubled = [named[0].clone(), ("Gil Orr".to_owned(), named[0].1.clone())];
    let keys = (&people.snapshot, &people.timestamp);
    assert!(said(desk.appoint(&doubled, &people.targets, keys, now)).contains("somebody's already"));
    assert!(
        said(desk.appoint(&[(named[0].0.clone(), pharmacist.public())], &people.targets, keys, now))
            .contains("already")
    );
    desk.appoint(&named, &people.targets, keys, now).unwrap();

    show::draft(&trust).unwrap();
    assert!(said(trust.sign(pharmacist)).contains("not one of the people of IT security"));
    trust.sign(&security[0]).unwrap();
    assert!(said(trust.publish(&people.snapshot, &people.timestamp, now)).contains("1 of 2"));
    trust.sign(&security[1]).unwrap();
    // A drug library that waits for signatures is not touched by it.
    desk.draft(&demonstration(1).unwrap(), "", now).unwrap();
    trust.publish(&people.snapshot, &people.timestamp, now).unwrap();
    assert!(desk.drafted().unwrap().is_some() && trust.drafted().unwrap().is_none());
    people.publish(&desk, now);

    let listed = check::as_a_pump(&desk, &desk.metadata().unwrap(), now).unwrap();
    let kinds: Vec<_> = listed.iter().map(|entry| entry.reference.kind).collect();
    assert_eq!(kinds, [Kind::DrugLibrary, Kind::TrustAnchors]);
    let upload = desk.upload().unwrap();
    assert!(upload.metadata.contains_key("2.targets.json") && upload.metadata.contains_key("1.trust.json"));
    assert!(upload.artifacts.contains_key(&release_path(Kind::TrustAnchors, Version(1))));
    desk.refresh(&people.snapshot, &people.timestamp, now).unwrap();

    // Retire the old root; and a certificate that is no authority's is no anchor.
    desk.draft_anchors(&AnchorSet::new(Version(2), vec![new]).unwrap(), "", now).unwrap();
    show::draft(&trust).unwrap();
    show::status(&desk, now).unwrap();
    trust.drop_draft().unwrap();
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    let junk = AnchorSet::new(Version(3), vec![old, junk]).unwrap();
    assert!(desk.draft_anchors(&junk, "", now).is_err());
}
