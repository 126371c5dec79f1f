//! The registry says whose a certificate is only while its pump may link with it.

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
        current,
        pending,
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
