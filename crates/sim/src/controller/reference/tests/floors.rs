//! Old metadata that was signed well, offered to a controller that has seen newer: refused, and still refused after
//! power was lost at any write.

use wardline_model::Version;

use super::*;

/// What the people of this hospital published at one moment.
struct Moment {
    people: People,
    roots: Vec<Vec<u8>>,
    targets: u64,
    list: u64,
    withdrawn: Option<u64>,
}

impl Moment {
    fn new(targets: u64, list: u64) -> Self {
        Self { people: People::invented(1), roots: Vec::new(), targets, list, withdrawn: None }
    }

    /// The list in which library 3 stands, and the newer one in which it was withdrawn.
    fn before_withdrawal() -> Self {
        Self::new(1, 5)
    }

    fn after_withdrawal() -> Self {
        Self { withdrawn: Some(3), ..Self::new(1, 6) }
    }

    fn bundle(&self, version: u64) -> (ReleaseRef, Bundle) {
        let (release, artifact) = library(version);
        let People { targets: by, pharmacists, .. } = &self.people;
        let role = Role { keys: pharmacists.iter().map(public).collect(), threshold: 2 };
        let targets = author::targets(self.targets, EXPIRES, &[(Kind::DrugLibrary, role)]).signed_by(&[by]);
        let entries: Vec<_> = [2, 3].into_iter().map(|listed| self.entry(listed)).collect();
        let [a, b] = pharmacists;
        let delegated = author::delegated(self.list, EXPIRES, &entries).signed_by(&[a, b]).to_bytes();
        (release, Bundle { roots: self.roots.clone(), targets: targets.to_bytes(), delegated, artifact })
    }

    fn entry(&self, version: u64) -> author::Entry {
        let withdrawn = (self.withdrawn == Some(version)).then(|| "wrong heparin limit".to_owned());
        let reference = library(version).0;
        author::Entry { reference, entries: Some(1), sample: None, notes: String::new(), withdrawn }
    }

    async fn offer(&self, port: &mut Port, version: u64) -> Result<(), Refusal> {
        let (release, bundle) = self.bundle(version);
        port.offer_bundle(release, bundle).await
    }
}

fn library(version: u64) -> (ReleaseRef, Vec<u8>) {
    release_of(&demonstration(version).unwrap())
}

/// A root of this version that names the targets key of these people, signed by the root key of invented hospital 1.
fn root(version: u64, people: &People) -> Vec<u8> {
    let one = |key: &SigningKey| Role { keys: vec![public(key)], threshold: 1 };
    let holder = People::invented(1).root;
    let roles = TopRoles {
        root: one(&holder),
        timestamp: one(&people.targets),
        snapshot: one(&people.targets),
        targets: one(&people.targets),
    };
    author::root(version, EXPIRES, &roles).signed_by(&[&holder]).to_bytes()
}

fn started(folder: &Path) -> Reference {
    let mut setup = setup(folder, Trust::Pinned);
    setup.root = Some(root(1, &People::invented(1)));
    Reference::power_up(setup).unwrap()
}

fn commissioned(folder: &Path) -> Reference {
    let pump = started(folder);
    pump.commission(&demonstration(1).unwrap()).unwrap();
    pump
}

fn kept(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("kept.json")).unwrap()
}

#[tokio::test]
async fn a_withdrawn_library_stays_withdrawn_whatever_list_is_brought() {
    covers!("N13");
    let folder = tempfile::tempdir().unwrap();
    let pump = commissioned(folder.path());
    let mut port = Port::connect(&pump).await;
    Moment::after_withdrawal().offer(&mut port, 2).await.unwrap();
    for _ in 0..2 {
        assert_eq!(Moment::after_withdrawal().offer(&mut port, 3).await, Err(Refusal::Withdrawn));
        assert_eq!(Moment::before_withdrawal().offer(&mut port, 3).await, Err(Refusal::Stale));
        // And after the pump was switched off and on.
        port = Port::connect(&started(folder.path())).await;
    }
    assert_eq!(pump.current().unwrap().version, Version(1), "nothing became current by being offered");
}

#[tokio::test]
async fn an_old_chain_of_roots_brings_no_old_key_back() {
    covers!("N13");
    let folder = tempfile::tempdir().unwrap();
    let pump = commissioned(folder.path());
    let (old, new) = (People::invented(1), People::invented(1));
    let new = People { targets: SigningKey::from_bytes(&[200; 32]), ..new };
    let rotated = root(2, &new);
    let mut port = Port::connect(&pump).await;
    let after = Moment { people: new, roots: vec![rotated], ..Moment::new(1, 1) };
    after.offer(&mut port, 2).await.unwrap();
    let mut port = Port::connect(&started(folder.path())).await;
    for roots in [vec![], vec![root(1, &old)], vec![root(1, &old), root(1, &old)]] {
        let thief = Moment { people: People::invented(1), roots, ..Moment::new(9, 9) };
        assert_eq!(thief.offer(&mut port, 3).await, Err(Refusal::Signatures));
    }
    after.offer(&mut port, 3).await.unwrap();
}

#[tokio::test]
async fn what_is_refused_moves_no_floor_and_pins_no_root() {
    covers!("N13");
    let folder = tempfile::tempdir().unwrap();
    let pump = commissioned(folder.path());
    let mut port = Port::connect(&pump).await;
    Moment::new(4, 5).offer(&mut port, 2).await.unwrap();
    let before = kept(folder.path());
    let high = |targets, list| Moment { roots: vec![root(2, &People::invented(1))], ..Moment::new(targets, list) };
    let (release, good) = high(90, 90).bundle(3);
    let mut spoilt = good.clone();
    spoilt.artifact[50] ^= 1;
    let unsigned = Bundle { delegated: b"{}".to_vec(), ..good.clone() };
    let by_one = Moment { people: People { pharmacists: strangers(), ..People::invented(1) }, ..high(90, 90) };
    let by_one = Bundle { delegated: by_one.bundle(3).1.delegated, ..good.clone() };
    let bad_root = Bundle { roots: vec![root(3, &People::invented(1))], ..good.clone() };
    for bundle in [spoilt, unsigned, by_one, bad_root] {
        assert!(port.offer_bundle(release, bundle).await.is_err());
        assert_eq!(kept(folder.path()), before);
    }
    let withdrawn = Moment { withdrawn: Some(3), ..high(90, 90) };
    assert_eq!(withdrawn.offer(&mut port, 3).await, Err(Refusal::Withdrawn));
    for (targets, list) in [(3, 90), (90, 4)] {
        assert_eq!(high(targets, list).offer(&mut port, 3).await, Err(Refusal::Stale), "{targets} {list}");
    }
    assert_eq!(kept(folder.path()), before);
    port.offer_bundle(release, good).await.unwrap();
    assert_ne!(kept(folder.path()), before, "what is accepted does move them");
}

fn strangers() -> [SigningKey; 2] {
    People::invented(9).pharmacists
}

/// Offers library 2 with the newer list and switches to it, on a disk that ends after some writes. Gives whether the
/// controller said that it accepts it.
async fn take_until(folder: &Path, writes: u32) -> bool {
    let pump = commissioned(folder);
    let mut port = Port::connect(&pump).await;
    pump.disk(Room::For(writes));
    let accepted = Moment::after_withdrawal().offer(&mut port, 2).await.is_ok();
    if accepted {
        let release = library(2).0;
        let hold = port.hold(release).await.unwrap();
        port.ask(Ask::MakeCurrent { hold, release }).await;
        port.agent.ask(Ask::Release { hold }).unwrap();
        // The release has no answer; the next question has.
        port.ask(Ask::ReadBack { kind: Kind::DrugLibrary }).await;
    }
    accepted
}

#[tokio::test]
async fn floors_survive_power_that_goes_at_any_write() {
    covers!("N6", "N7", "N13");
    let mut stories = Vec::new();
    for writes in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let accepted = take_until(folder.path(), writes).await;
        // The power comes again.
        let pump = started(folder.path());
        let current = pump.library().expect("no usable library").library.version().0;
        let mut port = Port::connect(&pump).await;
        let replayed = Moment::before_withdrawal().offer(&mut port, 3).await;
        if accepted || current == 2 {
            assert_eq!(replayed, Err(Refusal::Stale), "after {writes} writes, running {current}");
        }
        stories.push((accepted, current, replayed.is_ok()));
    }
    // Cut before anything was kept, in the middle, and not at all: each was met, or nothing was shown.
    for story in [(false, 1, true), (true, 1, false), (true, 2, false)] {
        assert!(stories.contains(&story), "{story:?} is not among {stories:?}");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_means_that_nothing_is_believed() {
    covers!("N7", "N13");
    let folder = tempfile::tempdir().unwrap();
    let pump = commissioned(folder.path());
    let mut port = Port::connect(&pump).await;
    Moment::after_withdrawal().offer(&mut port, 2).await.unwrap();
    let file = folder.path().join("kept.json");
    let bytes = kept(folder.path());
    std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    // Twice: what the first start wrote must not look like a new pump to the second.
    for _ in 0..2 {
        let pump = started(folder.path());
        assert_eq!(pump.library().unwrap().library.version().0, 1, "therapy goes on");
        let mut port = Port::connect(&pump).await;
        assert_eq!(Moment::before_withdrawal().offer(&mut port, 3).await, Err(Refusal::Signatures));
        assert_eq!(Moment::after_withdrawal().offer(&mut port, 2).await, Err(Refusal::Signatures));
    }
}
