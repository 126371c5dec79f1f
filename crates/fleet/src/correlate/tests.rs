//! A walk is no double; back and forth is one.

use wardline_model::{PumpId, Span, Time, covers};

use super::{Sight, doubles};

fn sights(story: &[(u64, &str)]) -> Vec<Sight> {
    let pump = PumpId::from_bytes([1; 16]);
    story
        .iter()
        .map(|(s, place)| Sight { at: Time::from_unix_s(1_000) + Span::from_s(*s), pump, place: (*place).into() })
        .collect()
}

#[test]
fn back_and_forth_within_minutes_is_two_machines() {
    covers!("N14");
    assert!(doubles(&sights(&[(0, "10.0.0.7"), (60, "10.0.1.9"), (9_000, "10.0.0.7")])).is_empty(), "a walk");
    assert!(doubles(&sights(&[(0, "10.0.0.7"), (60, "10.0.0.7"), (70, "10.0.1.9")])).is_empty(), "a move");
    let found = doubles(&sights(&[(6_000, "10.0.0.7"), (0, "10.0.0.7"), (6_060, "10.0.1.9"), (6_090, "10.0.0.7")]));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].places, ("10.0.0.7".into(), "10.0.1.9".into()));
}
