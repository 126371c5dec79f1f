//! Old metadata that was signed well, against the floors.

use alloc::vec;
use alloc::vec::Vec;

use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use wardline_model::{Kind, Refusal, ReleaseRef, Time, Version, covers};

use super::{Accepted, Bundle, Floor, Floors, verify};
use crate::author::{self, Entry, Role, TopRoles};
use crate::{Refused, Why};

const LATER: Time = Time::from_unix_s(1_800_000_000 + 30 * 86_400);

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn role(keys: &[u8], threshold: u32) -> Role {
    Role { keys: keys.iter().map(|n| key(*n).verifying_key().into()).collect(), threshold }
}

/// A root of this version whose targets role is this key; the root's own keys are 1 and 2.
fn root(version: u64, targets: u8) -> Vec<u8> {
    let [timestamp, snapshot] = [3, 4].map(|n| role(&[n], 1));
    let roles = TopRoles { root: role(&[1, 2], 2), timestamp, snapshot, targets: role(&[targets], 1) };
    author::root(version, LATER, &roles).signed_by(&[&key(1), &key(2)]).to_bytes()
}

fn artifact(version: u64) -> Vec<u8> {
    alloc::format!("library {version}").into_bytes()
}

fn reference(version: u64) -> ReleaseRef {
    author::reference(Kind::DrugLibrary, Version(version), &artifact(version))
}

/// What lies in a repository at one moment: who signs, which versions, and what is listed (and withdrawn).
#[derive(Clone, Debug)]
struct Moment {
    roots: Vec<Vec<u8>>,
    targets_by: u8,
    targets: u64,
    pharmacists: Vec<u8>,
    role: u64,
    listed: Vec<u64>,
    withdrawn: Vec<u64>,
}

impl Moment {
    fn new(targets: u64, role: u64) -> Self {
        let (pharmacists, listed) = (vec![6, 7], vec![1, 2, 3, 4]);
        Self { roots: vec![], targets_by: 5, targets, pharmacists, role, listed, withdrawn: vec![] }
    }

    fn offer(&self, pinned: &[u8], version: u64, floors: &Floors) -> Result<Accepted, Refused> {
        self.offer_bytes(pinned, version, &artifact(version), floors)
    }

    fn offer_bytes(&self, pinned: &[u8], version: u64, bytes: &[u8], floors: &Floors) -> Result<Accepted, Refused> {
        let keys: Vec<SigningKey> = self.pharmacists.iter().map(|n| key(*n)).collect();
        let delegations = [(Kind::DrugLibrary, role(&self.pharmacists, 2))];
        let targets = author::targets(self.targets, LATER, &delegations).signed_by(&[&key(self.targets_by)]);
        let entries: Vec<Entry> = self.listed.iter().map(|version| self.entry(*version)).collect();
        let delegated = author::delegated(self.role, LATER, &entries).signed_by(&keys.iter().collect::<Vec<_>>());
        let (targets, delegated) = (targets.to_bytes(), delegated.to_bytes());
        let bundle = Bundle { roots: &self.roots, targets: &targets, delegated: &delegated, artifact: bytes };
        verify(pinned, &bundle, &reference(version), floors)
    }

    fn entry(&self, version: u64) -> Entry {
        let withdrawn = self.withdrawn.contains(&version).then(|| "wrong heparin limit".into());
        Entry { reference: reference(version), entries: Some(1), sample: None, notes: "".into(), withdrawn }
    }
}

fn rolled_back(about: &str, got: u64, known: u64) -> Refused {
    Why::Rollback { got, known }.about(about)
}

#[test]
fn metadata_from_before_a_withdrawal_is_refused_once_newer_was_seen() {
    covers!("N13");
    let root = root(1, 5);
    let before = Moment::new(1, 5);
    let after = Moment { role: 6, withdrawn: vec![3], ..Moment::new(1, 6) };
    // A controller that saw only the time before believes it: nobody told it otherwise.
    assert!(before.offer(&root, 3, &Floors::default()).is_ok());
    let seen = after.offer(&root, 2, &Floors::default()).unwrap().floors;
    assert_eq!((seen.root, seen.targets.version, seen.role.version), (1, 1, 6));
    assert_eq!(after.offer(&root, 3, &seen).unwrap_err().refusal(), Refusal::Withdrawn);
    // The old list is signed as well as ever, and 3 is above the release that is used. It is refused all the same.
    assert_eq!(before.offer(&root, 3, &seen).unwrap_err(), rolled_back("drug-library", 5, 6));
    assert_eq!(before.offer(&root, 3, &seen).unwrap_err().refusal(), Refusal::Stale);
    // The same list again is no replay: the agent may offer twice.
    assert_eq!(after.offer(&root, 2, &seen).unwrap().floors, seen);
}

#[test]
fn targets_from_before_a_pharmacist_left_are_refused_once_newer_were_seen() {
    covers!("N13");
    let root = root(1, 5);
    let before = Moment::new(1, 9);
    let after = Moment { pharmacists: vec![7, 8], ..Moment::new(2, 1) };
    let seen = after.offer(&root, 2, &Floors { role: Floor::default(), ..Floors::default() }).unwrap().floors;
    assert_eq!(before.offer(&root, 3, &seen).unwrap_err(), rolled_back("targets", 1, 2));
}

#[test]
fn an_old_root_is_refused_wherever_it_comes_from() {
    covers!("N13");
    let (old, new) = (root(1, 5), root(2, 10));
    let after = Moment { roots: vec![new.clone()], targets_by: 10, ..Moment::new(1, 1) };
    let accepted = after.offer(&old, 2, &Floors::default()).unwrap();
    assert_eq!(accepted.new_root.as_ref(), Some(&new));
    assert_eq!(accepted.floors.root, 2);
    // The thief of the old targets key brings the old root again: it is passed over, and its key counts no more.
    let thief = Moment { roots: vec![old.clone()], ..Moment::new(9, 9) };
    assert_eq!(thief.offer(&new, 3, &accepted.floors).unwrap_err().refusal(), Refusal::Signatures);
    // Somebody put the old root where the pinned one lies: the floor still knows better.
    let stale = Moment::new(9, 9);
    assert_eq!(stale.offer(&old, 3, &accepted.floors).unwrap_err(), rolled_back("root", 1, 2));
    // With the new root in the chain it goes on as before.
    assert!(after.offer(&old, 2, &accepted.floors).is_ok());
}

#[test]
fn numbers_start_anew_only_when_every_key_was_replaced() {
    covers!("N13");
    let huge = 1 << 40;
    let root_5 = root(1, 5);
    let stolen = Moment::new(huge, huge).offer(&root_5, 1, &Floors::default()).unwrap().floors;
    assert_eq!(stolen.targets.version, huge);
    // One of two pharmacists stays: an old list could still count for half, so the floor stands.
    let half = Moment { pharmacists: vec![7, 8], ..Moment::new(huge, 2) };
    assert_eq!(half.offer(&root_5, 2, &stolen).unwrap_err(), rolled_back("drug-library", 2, huge));
    // All new, each named by those above: the hospital gets its pumps back.
    let healed = Moment { roots: vec![root(2, 11)], targets_by: 11, pharmacists: vec![8, 9], ..Moment::new(3, 2) };
    let floors = healed.offer(&root_5, 2, &stolen).unwrap().floors;
    assert_eq!((floors.root, floors.targets.version, floors.role.version), (2, 3, 2));
    // And what the thieves signed is worth nothing.
    assert!(Moment::new(huge, huge).offer(&root(2, 11), 3, &floors).is_err());
}

#[test]
fn floors_are_kept_as_text_and_nothing_else_is_read() {
    let floors = Moment::new(4, 5).offer(&root(1, 5), 1, &Floors::default()).unwrap().floors;
    let text = serde_json::to_string(&floors).unwrap();
    assert_eq!(serde_json::from_str::<Floors>(&text).unwrap(), floors);
    assert!(serde_json::from_str::<Floors>(&text.replace("\"root\"", "\"roots\"")).is_err());
    assert!(serde_json::from_str::<Floors>("{}").is_err(), "a lost floor must not read as none");
}

#[derive(Clone, Debug)]
struct Offer {
    targets: u64,
    role: u64,
    version: u64,
    spoilt: bool,
    pharmacists: bool,
}

fn offers() -> impl Strategy<Value = Vec<Offer>> {
    let one = (1u64..5, 1u64..5, 1u64..5, prop::bool::weighted(0.2), prop::bool::weighted(0.8));
    let one = one.prop_map(|(targets, role, version, spoilt, pharmacists)| Offer {
        targets,
        role,
        version,
        spoilt,
        pharmacists,
    });
    prop::collection::vec(one, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_offered_floors_only_rise_and_only_by_what_is_accepted(offers in offers()) {
        covers!("N13");
        let root = root(1, 5);
        let mut floors = Floors::default();
        for offer in offers {
            let mut moment = Moment::new(offer.targets, offer.role);
            if !offer.pharmacists {
                // Signed by too few.
                moment.pharmacists = vec![6];
            }
            let mut bytes = artifact(offer.version);
            bytes[0] ^= u8::from(offer.spoilt);
            let good = !offer.spoilt && offer.pharmacists;
            let fresh = offer.targets >= floors.targets.version && offer.role >= floors.role.version;
            match moment.offer_bytes(&root, offer.version, &bytes, &floors) {
                Ok(accepted) => {
                    prop_assert!(good && fresh, "{offer:?} was accepted at {floors:?}");
                    prop_assert_eq!(accepted.floors.targets.version, offer.targets);
                    prop_assert_eq!(accepted.floors.role.version, offer.role);
                    floors = accepted.floors;
                }
                Err(refused) => prop_assert!(!good || !fresh, "{refused} although nothing is wrong: {offer:?}"),
            }
        }
    }
}
