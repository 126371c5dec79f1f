//! Whom a pump believes while sets of trust anchors come, are proven, are not, and while power goes.

use std::path::Path;

use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose};
use wardline_model::{Kind, Refusal, ReleaseRef, Version, covers};
use wardline_pump::{Found, SwitchProblem};
use wardline_release::anchors::AnchorSet;
use wardline_release::sha256;

use super::{FILE, Kept, Trust};
use crate::fault::Fault;
use crate::sealed::{Flush, Sealing};

/// A root: DER and PEM.
fn root() -> (Vec<u8>, String) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let cert = params.self_signed(&KeyPair::generate().expect("a key")).expect("signed");
    (cert.der().to_vec(), cert.pem().replace('\r', ""))
}

fn set(version: u64, anchors: &[&String]) -> (ReleaseRef, Vec<u8>) {
    let anchors = anchors.iter().map(|pem| (*pem).clone()).collect();
    let bytes = AnchorSet::new(Version(version), anchors).expect("a set").to_bytes();
    let (digest, length) = (sha256(&bytes), bytes.len() as u64);
    (ReleaseRef { kind: Kind::TrustAnchors, version: Version(version), digest, length }, bytes)
}

fn open(folder: &Path, fault: Fault) -> Trust {
    let sealing = Sealing::from_key_file(&folder.join("key"), Flush::Never, fault).expect("a key");
    Trust::open(folder, &sealing)
}

fn ok<T, E: std::fmt::Debug, K: std::fmt::Debug>(result: Result<Result<T, E>, K>) -> T {
    result.expect("nobody was killed").expect("it was done")
}

#[test]
fn on_trial_only_what_a_set_adds_is_believed_and_then_all_of_it() {
    covers!("N13");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ((old, old_pem), (new, new_pem)) = (root(), root());
    let mut trust = open(folder.path(), Fault::none());
    assert_eq!(trust.anchors(&old), std::slice::from_ref(&old), "the root of enrolment");
    assert_eq!(trust.found(), Found::Nothing);

    // Add: on trial only the new root counts, so that reaching the hub proves it.
    let (both, bytes) = set(1, &[&old_pem, &new_pem]);
    ok(trust.stage(both, bytes));
    assert_eq!(trust.anchors(&old), std::slice::from_ref(&old), "what is on the shelf is not believed");
    ok(trust.switch(both));
    assert_eq!(trust.anchors(&old), std::slice::from_ref(&new));
    assert_eq!(
        open(folder.path(), Fault::none()).anchors(&old),
        std::slice::from_ref(&new),
        "also after the power went"
    );
    assert!(trust.keep(both).expect("nobody was killed"));
    assert_eq!(trust.anchors(&old), [old.clone(), new.clone()]);

    // Retire: the set adds nothing, so it is on trial as it is.
    let (only_new, bytes) = set(2, &[&new_pem]);
    ok(trust.stage(only_new, bytes));
    ok(trust.switch(only_new));
    assert_eq!(trust.anchors(&old), std::slice::from_ref(&new));
    assert!(
        matches!(trust.found(), Found::Whole(release, contents) if release == only_new && contents.digest == only_new.digest)
    );

    // Not proven: what was believed before is believed again.
    ok(trust.go_back(Some(both)));
    assert_eq!(trust.anchors(&old), [old.clone(), new.clone()]);
    assert_eq!(open(folder.path(), Fault::none()).anchors(&old), [old.clone(), new]);
}

#[test]
fn the_first_set_goes_back_to_the_root_of_enrolment() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ((old, _), (_, other_pem)) = (root(), root());
    let mut trust = open(folder.path(), Fault::none());
    let (foreign, bytes) = set(1, &[&other_pem]);
    ok(trust.stage(foreign, bytes));
    ok(trust.switch(foreign));
    ok(trust.go_back(None));
    assert_eq!(trust.anchors(&old), [old]);
    assert_eq!(trust.found(), Found::Nothing);
    // What was given up must be fetched again, and what was never there is not gone back to.
    assert_eq!(trust.switch(foreign).expect("nobody was killed"), Err(SwitchProblem::NotStaged));
    assert_eq!(trust.go_back(Some(foreign)).expect("nobody was killed"), Err(SwitchProblem::NotStaged));
}

#[test]
fn what_cannot_be_used_never_comes_onto_the_shelf() {
    covers!("N13");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_, pem) = root();
    let mut trust = open(folder.path(), Fault::none());
    let refused = |trust: &mut Trust, release, bytes| trust.stage(release, bytes).expect("nobody was killed");
    let (release, bytes) = set(1, &[&pem]);
    // Other bytes than were signed, another number than the release's, and a certificate that is none.
    let other = ReleaseRef { digest: sha256(b"else"), ..release };
    assert_eq!(refused(&mut trust, other, bytes.clone()), Err(Refusal::DoesNotFit));
    let other = ReleaseRef { version: Version(2), ..release };
    assert_eq!(refused(&mut trust, other, bytes), Err(Refusal::DoesNotFit));
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    let (release, bytes) = set(1, &[&pem, &junk]);
    assert_eq!(refused(&mut trust, release, bytes), Err(Refusal::DoesNotFit));
    assert_eq!(trust.switch(release).expect("nobody was killed"), Err(SwitchProblem::NotStaged));
}

#[test]
fn a_file_that_was_spoilt_is_torn_and_the_root_of_enrolment_counts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ((old, _), (_, pem)) = (root(), root());
    let mut trust = open(folder.path(), Fault::none());
    let (release, bytes) = set(1, &[&pem]);
    ok(trust.stage(release, bytes.clone()));
    std::fs::write(folder.path().join(FILE), [0; 200]).expect("written");
    let mut trust = open(folder.path(), Fault::none());
    assert_eq!((trust.found(), trust.anchors(&old)), (Found::Torn, vec![old]));
    // A newer release makes it whole again.
    ok(trust.stage(release, bytes));
    assert_eq!(trust.found(), Found::Nothing);
}

/// At whichever write the process dies, the set that is believed is a whole one: the one before or the one after.
#[test]
fn death_at_any_write_leaves_a_whole_set() {
    covers!("N6");
    let ((old, old_pem), (new, new_pem)) = (root(), root());
    let (both, both_bytes) = set(1, &[&old_pem, &new_pem]);
    let (only_new, new_bytes) = set(2, &[&new_pem]);
    for after in 0.. {
        let folder = tempfile::tempdir().expect("a temporary folder");
        drop(open(folder.path(), Fault::none()));
        let mut trust = open(folder.path(), Fault::after(after));
        let live = |trust: &mut Trust| -> Result<(), crate::fault::Killed> {
            ok::<_, _, crate::fault::Killed>(Ok(trust.stage(both, both_bytes.clone())?));
            ok::<_, _, crate::fault::Killed>(Ok(trust.switch(both)?));
            assert!(trust.keep(both)?);
            ok::<_, _, crate::fault::Killed>(Ok(trust.stage(only_new, new_bytes.clone())?));
            ok::<_, _, crate::fault::Killed>(Ok(trust.switch(only_new)?));
            ok::<_, _, crate::fault::Killed>(Ok(trust.go_back(Some(both))?));
            Ok(())
        };
        let ended = live(&mut trust);
        let after_it = open(folder.path(), Fault::none());
        let believed = after_it.anchors(&old);
        let whole = [vec![old.clone()], vec![new.clone()], vec![old.clone(), new.clone()]];
        assert!(whole.contains(&believed) && after_it.found() != Found::Torn, "killed at effect {after}");
        if ended.is_ok() {
            assert!(after > 20, "it was killed at every effect");
            return;
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Kept::from_bytes(&bytes).is_none());
    }
}
