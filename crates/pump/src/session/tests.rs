use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

use super::*;

fn at(s: u64) -> Time {
    Time::from_unix_s(s)
}

fn step(session: &mut Session, input: SessionInput, s: u64, draw: u64) -> Vec<SessionEffect> {
    let mut fx = vec![];
    session.step(input, at(s), draw, &mut fx);
    fx
}

fn linked() -> Session {
    let mut session = Session::new(SessionTimes::default(), at(0));
    assert_eq!(step(&mut session, SessionInput::Timer, 0, 0), [SessionEffect::Connect]);
    assert_eq!(step(&mut session, SessionInput::Connected, 1, 0), [SessionEffect::Hello]);
    let welcome = SessionInput::Welcome { heartbeat: Span::from_s(30) };
    assert_eq!(step(&mut session, welcome, 2, 0), [SessionEffect::Up]);
    session
}

#[test]
fn a_quiet_link_beats_and_an_unanswered_one_is_dropped() {
    let mut session = linked();
    assert_eq!(session.wake(), (at(32), SessionWhy::BeatDue));
    assert_eq!(step(&mut session, SessionInput::Timer, 32, 0), [SessionEffect::Beat(1)]);
    assert_eq!(step(&mut session, SessionInput::Heard, 33, 0), []);
    assert_eq!(step(&mut session, SessionInput::Timer, 62, 0), [SessionEffect::Beat(2)]);
    assert_eq!(step(&mut session, SessionInput::Timer, 92, 0), [SessionEffect::Beat(3)]);
    assert_eq!(step(&mut session, SessionInput::Timer, 123, 7), [SessionEffect::Drop, SessionEffect::Down]);
    assert_eq!(session.wake(), (at(123) + Span::from_ms(7), SessionWhy::Retry));
}

#[test]
fn a_relink_connects_at_once_and_late_words_change_nothing() {
    let mut session = linked();
    let fx = step(&mut session, SessionInput::Relink, 10, 0);
    assert_eq!(fx, [SessionEffect::Drop, SessionEffect::Down, SessionEffect::Connect]);
    assert_eq!(step(&mut session, SessionInput::Welcome { heartbeat: Span::from_s(30) }, 10, 0), []);
    assert!(!session.is_linked());
    assert_eq!(step(&mut session, SessionInput::Timer, 30, 0), [SessionEffect::Drop]);
}

proptest! {
    /// Full jitter: the wait is anywhere from nothing to the bound, the bound doubles and stays under the longest, and
    /// the hub's own word is added to it.
    #[test]
    fn the_back_off_is_bounded_and_jittered(draws in proptest::collection::vec(any::<u64>(), 1..30), away in 0u64..60) {
        let times = SessionTimes::default();
        let mut session = Session::new(times, at(0));
        let mut now = at(0);
        for (n, draw) in draws.into_iter().enumerate() {
            let mut fx = vec![];
            session.step(SessionInput::Timer, now, draw, &mut fx);
            prop_assert_eq!(&fx, &vec![SessionEffect::Connect]);
            session.step(SessionInput::Closed { stay_away: Some(Span::from_s(away)) }, now, draw, &mut fx);
            let (until, why) = session.wake();
            prop_assert_eq!(why, SessionWhy::Retry);
            let bound = (1_000u64 << n.min(20)).min(times.back_off_longest.as_ms());
            let wait = until.since(now).as_ms();
            prop_assert!(wait >= away * 1_000 && wait <= away * 1_000 + bound, "wait {} of bound {}", wait, bound);
            prop_assert_eq!(wait - away * 1_000, draw % (bound + 1));
            now = until;
        }
    }
}
