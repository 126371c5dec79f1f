//! A pump that roams, reconnects or restarts is no clone; two machines that take turns are.

use proptest::prelude::*;
use wardline_model::{Span, Time, covers};

use super::{RETURNS_WITHIN, Shows, Starts};

/// What each greeting shows; `(seconds, which agent)`.
fn shows(story: &[(u64, u8)]) -> Vec<Shows> {
    let mut starts = Starts::default();
    story.iter().map(|(s, agent)| starts.note([*agent; 16], Time::from_unix_s(1_000) + Span::from_s(*s))).collect()
}

#[test]
fn two_machines_that_take_turns_are_a_clone_at_the_second_return() {
    covers!("N14");
    let story = shows(&[(0, 1), (5, 2), (9, 1), (14, 2), (20, 1)]);
    let end = [Shows::Return, Shows::Clone { returns: 2 }, Shows::Clone { returns: 3 }];
    assert_eq!(story[2..], end);
}

#[test]
fn one_late_greeting_of_a_pump_that_was_restarted_is_no_clone() {
    let story = shows(&[(0, 2), (1, 1), (2, 2), (60, 2), (90, 2), (4_000, 3), (8_000, 3)]);
    assert!(!story.iter().any(|shows| matches!(shows, Shows::Clone { .. })), "{story:?}");
    let hour = RETURNS_WITHIN.as_s();
    let rare = shows(&[(0, 1), (5, 2), (9, 1), (10 + hour, 2), (11 + 2 * hour, 1)]);
    assert!(!rare.iter().any(|shows| matches!(shows, Shows::Clone { .. })), "{rare:?}");
}

proptest! {
    #[test]
    fn an_agent_that_only_reconnects_and_restarts_is_never_a_clone(moves in prop::collection::vec((0u64..600, any::<bool>()), 1..200)) {
        let (mut starts, mut agent, mut now) = (Starts::default(), 0u8, Time::from_unix_s(1_000));
        for (wait, restarts) in moves {
            now = now + Span::from_s(wait);
            if restarts {
                agent = agent.wrapping_add(1);
            }
            prop_assert_eq!(starts.note([agent; 16], now), Shows::Nothing);
        }
    }
}
