//! Each attack is found from the traffic that it makes, ordinary traffic is not, what the pump needs is never blocked, and
//! nothing that an attacker sends makes the memory grow.

use core::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use wardline_model::{Span, Time};

use super::{Class, Dropped, Effect, Hardware, PeerProblem, Response, Seen, Socket, Watch, Whom};
use crate::policy::Policy;

const POLICY: &str = r#"{
  "schema": 1, "name": "Ward pumps", "version": 1, "address": "dhcp",
  "hub": { "networks": ["10.20.0.10/32"], "ports": ["7443-7444"] },
  "name_servers": ["10.20.0.2/32"], "time_servers": ["10.20.0.3/32"], "reach": [], "accept": []
}"#;

const ATTACKER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 7, 66));
const T0: Time = Time::from_unix_s(1_800_000_000);

fn watch() -> Watch {
    Watch::new(Policy::from_source(POLICY.as_bytes()).expect("the policy is right"))
}

fn knock(source: IpAddr, port: u16) -> Seen {
    Seen::In { source, port: Some(port), whom: Whom::This, why: Dropped::NotNamed }
}

fn at(ms: u64) -> Time {
    T0 + Span::from_ms(ms)
}

/// What a story of things seen, each with its moment in milliseconds, leads to.
fn told(story: impl IntoIterator<Item = (u64, Seen)>) -> Vec<Effect> {
    let (mut watch, mut effects) = (watch(), Vec::new());
    for (ms, seen) in story {
        watch.step(seen, at(ms), &mut effects);
    }
    effects
}

fn classes(effects: &[Effect]) -> Vec<Class> {
    let class = |effect: &Effect| if let Effect::Tell(finding) = effect { Some(finding.class) } else { None };
    effects.iter().filter_map(class).collect()
}

fn blocked(effects: &[Effect]) -> Vec<IpAddr> {
    let source = |effect: &Effect| if let Effect::Block { source, .. } = effect { Some(*source) } else { None };
    effects.iter().filter_map(source).collect()
}

fn other(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 20, 8, n))
}

const fn out(to: IpAddr, port: u16) -> Seen {
    Seen::Out { to, port: Some(port) }
}

#[test]
fn a_fast_scan_is_found_at_its_tenth_port_and_its_source_blocked() {
    let scan: Vec<_> = (1u16..=10).map(|port| (u64::from(port) * 400, knock(ATTACKER, port))).collect();
    assert_eq!(told(scan[..9].to_vec()), []);
    let effects = told(scan);
    assert_eq!(classes(&effects), [Class::FastScan]);
    assert_eq!(blocked(&effects), [ATTACKER]);
}

#[test]
fn a_slow_scan_is_found_and_an_old_acquaintance_is_not_one() {
    let five_minutes = 5 * 60 * 1_000;
    let scan = (1u16..=20).map(|port| (u64::from(port) * five_minutes, knock(ATTACKER, port)));
    let effects = told(scan);
    assert_eq!((classes(&effects), blocked(&effects)), (vec![Class::SlowScan], vec![ATTACKER]));
    // The same number of ports over a month is no scan, and the same port a thousand times is not either.
    let two_hours = 2 * 60 * 60 * 1_000;
    assert_eq!(told((1u16..=300).map(|port| (u64::from(port) * two_hours, knock(ATTACKER, port)))), []);
    assert_eq!(told((0..1_000).map(|n| (n * 300, knock(ATTACKER, 445)))), []);
}

#[test]
fn a_scan_from_many_places_is_found_and_nobody_is_blocked_for_it() {
    let scan = (0u8..6).flat_map(|n| {
        [2 * u16::from(n), 2 * u16::from(n) + 1].map(|port| (u64::from(n) * 20_000, knock(other(n), 1_000 + port)))
    });
    let effects = told(scan);
    assert_eq!(classes(&effects), [Class::SpreadScan]);
    assert!(blocked(&effects).is_empty());
}

#[test]
fn a_flood_is_found_after_three_seconds_and_one_source_blocked_only_when_it_is_the_one() {
    let second = |n: u64, sources: u8| {
        let noted = (0..50).map(move |i| (n * 1_000, knock(other(u8::try_from(i).unwrap_or(0) % sources), 7)));
        noted.chain([(n * 1_000 + 999, Seen::Count { dropped: 30_000 })])
    };
    assert_eq!(told((0..2).flat_map(|n| second(n, 1))), [], "two seconds");
    let effects = told((0..3).flat_map(|n| second(n, 1)));
    assert_eq!((classes(&effects), blocked(&effects)), (vec![Class::Flood], vec![other(0)]));
    let effects = told((0..3).flat_map(|n| second(n, 40)));
    assert_eq!((classes(&effects), blocked(&effects)), (vec![Class::Flood], vec![]));
}

#[test]
fn who_comes_again_and_again_beyond_a_limit_is_blocked() {
    let often = Seen::In { source: ATTACKER, port: Some(8443), whom: Whom::This, why: Dropped::TooOften };
    assert_eq!(told((0..20).map(|n| (n * 200_000, often.clone()))), [], "now and then");
    let effects = told((0..3).map(|n| (n * 10_000, often.clone())));
    assert_eq!((classes(&effects), blocked(&effects)), (vec![Class::BruteForce], vec![ATTACKER]));
}

#[test]
fn broadcasts_of_an_office_are_nothing() {
    let noise = (0u16..5_000).map(|n| {
        let seen = Seen::In {
            source: other(u8::try_from(n % 200).unwrap_or(0)),
            port: Some(n),
            whom: Whom::Everybody,
            why: Dropped::NotNamed,
        };
        (u64::from(n) * 20, seen)
    });
    assert_eq!(told(noise), []);
}

#[test]
fn a_pump_that_was_broken_into_gives_itself_away() {
    let smb = told((1u8..=5).map(|n| (u64::from(n) * 2_000, out(other(n), 445))));
    assert_eq!(classes(&smb).last(), Some(&Class::Spreading));
    assert!(smb.contains(&Effect::Narrow) && smb.contains(&Effect::AskQuarantine(Class::Spreading)), "{smb:?}");

    let home = told((0..6).map(|n| (n * 60_000 + (n % 2) * 3_000, out(ATTACKER, 443))));
    assert_eq!(classes(&home).last(), Some(&Class::Beacon));
    assert!(home.contains(&Effect::AskQuarantine(Class::Beacon)));

    let now_and_then = [0, 7_000, 90_000, 95_000, 400_000, 900_000, 905_000, 2_000_000];
    let restless = told(now_and_then.map(|ms| (ms, out(ATTACKER, 443))));
    assert!(classes(&restless).iter().all(|class| *class == Class::Egress), "{restless:?}");
    assert_eq!(restless.len(), classes(&restless).len(), "told only");

    for seen in [Seen::Listens { port: 4444 }, Seen::Changed { file: "wardline-agent".into() }] {
        let effects = told([(0, seen)]);
        assert!(effects.contains(&Effect::Narrow), "{effects:?}");
    }
}

#[test]
fn the_ground_is_watched() {
    let gateway = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 1));
    let hardware = |last| Seen::Gateway { address: gateway, hardware: Hardware([2, 0, 0, 0, 0, last]) };
    assert_eq!(told([(0, hardware(1)), (1, hardware(1))]), []);
    assert_eq!(classes(&told([(0, hardware(1)), (1, hardware(2))])), [Class::SpoofedGateway]);

    let lease = |names| Seen::Lease { server: other(1), gateway: other(2), names };
    let named = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 2));
    assert_eq!(told([(0, hardware(1)), (1, lease(vec![named])), (2, hardware(1))]), []);
    assert_eq!(classes(&told([(0, lease(vec![named, ATTACKER]))])), [Class::RogueDhcp]);

    let hub = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 10));
    assert_eq!(told([(0, Seen::HubIsAt { server: named, addresses: vec![hub] })]), []);
    let elsewhere = Seen::HubIsAt { server: named, addresses: vec![hub, ATTACKER] };
    assert_eq!(classes(&told([(0, elsewhere)])), [Class::RogueNames]);

    let false_hub = told([(0, Seen::Impostor { address: hub, why: PeerProblem::Untrusted })]);
    assert_eq!((classes(&false_hub), blocked(&false_hub)), (vec![Class::FalseHub], vec![]));
    assert_eq!(classes(&told([(0, Seen::Attached { socket: Socket::Usb })])), [Class::Attached]);
    assert_eq!(classes(&told((0..3).map(|n| (n * 60_000, Seen::Started)))), [Class::Restarts]);
}

#[test]
fn what_the_pump_needs_is_never_blocked_whoever_writes_its_address_on_a_packet() {
    for needed in ["10.20.0.10", "10.20.0.2", "10.20.0.3", "10.20.0.1"] {
        let needed: IpAddr = needed.parse().expect("an address");
        let gateway = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 1));
        let lease = Seen::Lease { server: other(1), gateway, names: Vec::new() };
        let scan = (1u16..=40).map(|port| (u64::from(port), knock(needed, port)));
        let effects = told(core::iter::once((0, lease)).chain(scan));
        assert_eq!((classes(&effects).first(), blocked(&effects)), (Some(&Class::FastScan), vec![]), "{needed}");
    }
}

#[test]
fn the_same_is_told_ever_more_rarely() {
    let effects = told((0..1_000).map(|n| (n * 1_000, Seen::Changed { file: "agent".into() })));
    assert_eq!(classes(&effects).len(), 10, "at 1, 2, 4, … 512");
    let times: u64 = effects.iter().map(|e| if let Effect::Tell(finding) = e { finding.times } else { 0 }).sum();
    assert_eq!(times, 512, "nothing is left out of the count");
    assert_eq!(effects.iter().filter(|effect| **effect == Effect::Narrow).count(), 1);
}

#[test]
fn only_communication_is_ever_touched() {
    for class in Class::ALL {
        match class.response() {
            Response::Tell | Response::Block | Response::NarrowAndAsk => assert!(!class.words().is_empty()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A flood of any sources and ports leaves the memory within its bounds, and is not told packet by packet.
    #[test]
    fn memory_and_words_are_bounded(packets in proptest::collection::vec((any::<u32>(), any::<u16>(), 0u64..50), 0..1_000)) {
        let (mut watch, mut effects, mut now) = (watch(), Vec::new(), 0);
        for (source, port, pause) in packets {
            now += pause;
            watch.step(knock(IpAddr::V4(Ipv4Addr::from_bits(source)), port), at(now), &mut effects);
            watch.step(out(IpAddr::V4(Ipv4Addr::from_bits(source)), port), at(now), &mut effects);
            prop_assert!(watch.sources.remembered() <= 257 && watch.told.len() <= 256);
        }
    }
}
