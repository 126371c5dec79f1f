//! Posture that lies in any one point is not proven.

use wardline_model::{Generation, PumpId, Span, Time, covers};

use super::{CLOCK_OFF, Cause, Known, Said, Unproven, judge};

fn honest() -> (Said, Known, Time) {
    let (pump, now) = (PumpId::from_random([1; 16]), Time::from_unix_s(1_800_000_000));
    let said = Said { pump, nonce: [7; 32], at: now, generation: Generation(3), settled: true };
    (said, Known { pump, nonce: [7; 32], generation: Generation(3) }, now)
}

#[test]
fn posture_is_proven_only_when_every_point_of_it_is_right() {
    covers!("N14");
    let (said, known, now) = honest();
    assert_eq!(judge(&said, &known, now).map(|proven| proven.pump()), Ok(known.pump));
    let lies = [
        (Said { pump: PumpId::from_random([2; 16]), ..said.clone() }, Unproven::OtherPump),
        (Said { nonce: [8; 32], ..said.clone() }, Unproven::Stale),
        (Said { generation: Generation(2), ..said.clone() }, Unproven::OldGoal),
        (Said { generation: Generation(4), ..said.clone() }, Unproven::OldGoal),
        (Said { settled: false, ..said.clone() }, Unproven::Unsettled),
        (Said { at: now + CLOCK_OFF + Span::from_ms(1), ..said.clone() }, Unproven::Clock),
        (Said { at: now - CLOCK_OFF - Span::from_ms(1), ..said }, Unproven::Clock),
    ];
    for (said, why) in lies {
        assert_eq!(judge(&said, &known, now), Err(why));
    }
}

#[test]
fn a_copied_or_misused_key_is_never_given_back_by_posture() {
    assert_eq!(Cause::ALL.map(Cause::may_be_given_back), [true, false, false]);
}
