//! The registry says whose a certificate is only while its pump may link with it, and keeps the newest of what it is told.

use wardline_model::{Digest, Lifecycle, Model, PumpId, Serial, covers};
use wardline_store::RegistryEntry;

use super::Registry;

#[test]
fn a_certificate_names_its_pump_only_while_the_registry_admits_it() {
    covers!("N14");
    let (old, new) = (Digest::from_bytes([1; 32]), Digest::from_bytes([2; 32]));
    let pump = PumpId::from_bytes([7; 16]);
    let entry = |lifecycle, current, pending| RegistryEntry {
        pump,
        model: Model::new("Halcyon 3").unwrap(),
        serial: Serial::new("H3-1").unwrap(),
        lifecycle,
        level: None,
        why: None,
        current,
        pending,
        as_of: 1,
    };
    let registry = Registry::new(vec![entry(Lifecycle::InService, Some(old), Some(new))]);
    let admitted = |digest: &Digest| registry.admitted(digest);
    assert_eq!((admitted(&old), admitted(&new)), (Some(pump), Some(pump)));
    assert_eq!(admitted(&Digest::from_bytes([3; 32])), None);
    registry.put(entry(Lifecycle::Quarantined, Some(old), Some(new)));
    assert_eq!((admitted(&old), admitted(&new)), (None, None), "quarantined");
    registry.put(entry(Lifecycle::InService, Some(new), None));
    assert_eq!((admitted(&old), admitted(&new)), (None, Some(pump)), "a copy of the old key is nobody's");
    registry.put(entry(Lifecycle::Expected, None, None));
    assert_eq!(admitted(&new), None, "given up");
}

#[test]
fn an_older_decision_that_arrives_late_does_not_open_the_door_again() {
    covers!("N14");
    let (pump, fingerprint) = (PumpId::from_bytes([3; 16]), Digest::from_bytes([9; 32]));
    let entry = |lifecycle, as_of| RegistryEntry {
        pump,
        model: Model::new("Halcyon 3").expect("a model"),
        serial: Serial::new("SN1").expect("a serial number"),
        lifecycle,
        level: None,
        why: None,
        current: Some(fingerprint),
        pending: None,
        as_of,
    };
    let registry = Registry::new(vec![entry(Lifecycle::Enrolled, 10)]);
    assert_eq!(registry.admit_fingerprint(pump, &fingerprint), Ok(()));
    registry.put(entry(Lifecycle::Quarantined, 12));
    let changes = registry.changes();
    registry.put(entry(Lifecycle::InService, 11));
    assert_eq!(registry.admit_fingerprint(pump, &fingerprint), Err("quarantined"), "record 11 is older than 12");
    assert_eq!(registry.changes(), changes, "nothing changed");
    registry.put(entry(Lifecycle::Enrolled, 13));
    assert_eq!(registry.admit_fingerprint(pump, &fingerprint), Ok(()), "a release is newer");
}
