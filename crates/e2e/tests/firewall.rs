//! A firewall policy under real traffic: two network namespaces joined by a cable, the real packet filter in one of them,
//! sockets of the real kernel on both sides. Needs root, `nft` and `ip`.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use wardline_e2e::network::Namespace;
use wardline_e2e::skip;
use wardline_intrusion::policy::{Policy, removal};

const POLICY: &str = r#"{
  "schema": 1, "name": "Ward pumps", "version": 1, "address": "fixed",
  "hub": { "networks": ["10.20.0.10/32", "fd00:20::10/128"], "ports": ["7443-7444"] },
  "name_servers": [], "time_servers": [],
  "reach": [{ "label": "EMR gateway", "to": ["10.20.0.30/32"], "protocol": "tcp", "ports": ["8080"] }],
  "accept": [{ "label": "service laptop", "from": ["10.20.0.40/32"], "protocol": "tcp", "ports": ["8443"],
               "per_source_per_minute": 6 }]
}"#;

/// How long a packet that is dropped is waited for. A connection that is let through is there within a millisecond on a quiet machine.
const DROPPED: Duration = Duration::from_millis(1_500);

/// A pump and the rest of the hospital, which has many addresses.
struct Hospital {
    pump: Namespace,
    rest: Namespace,
}

impl Hospital {
    fn new() -> Option<Self> {
        let (pump, rest) = (Namespace::new()?, Namespace::new()?);
        pump.cable("wlan0", &rest, "ward");
        for address in ["10.20.0.50/24", "fd00:20::50/64"] {
            pump.address("wlan0", address);
        }
        for address in ["10.20.0.10/24", "10.20.0.30/24", "10.20.0.40/24", "10.20.0.66/24", "fd00:20::10/64"] {
            rest.address("ward", address);
        }
        Some(Self { pump, rest })
    }

    fn filter(&self, rules: &str) -> Result<(), String> {
        let output = self.pump.run("nft", &["-f", "-"], rules);
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// Whether the pump reaches a place that listens.
    fn pump_reaches(&self, place: &str) -> Result<(), ErrorKind> {
        let place: SocketAddr = place.parse().expect("a place");
        let listener = self.rest.inside(|| TcpListener::bind(place).expect("the place is free"));
        let reached = self.pump.inside(|| TcpStream::connect_timeout(&place, DROPPED).map(drop));
        drop(listener);
        reached.map_err(|error| error.kind())
    }

    /// Whether the pump's port is reached from this address of the hospital.
    fn pump_is_reached(&self, from: &str, port: u16) -> bool {
        let listener = self.pump.inside(|| TcpListener::bind(("10.20.0.50", port)).expect("the port is free"));
        let reached = self.rest.inside(|| connect_from(from.parse().expect("an address"), port));
        drop(listener);
        reached
    }
}

/// A connection to the pump from one of the hospital's addresses.
fn connect_from(from: IpAddr, port: u16) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(from, 0)).expect("the address is ours");
        let connect = socket.connect(SocketAddr::from(([10, 20, 0, 50], port)));
        matches!(tokio::time::timeout(DROPPED, connect).await, Ok(Ok(_)))
    })
}

fn policy() -> Policy {
    Policy::from_source(POLICY.as_bytes()).expect("the policy is right")
}

#[test]
fn a_pump_talks_to_whom_its_policy_names_and_to_nobody_else() {
    let Some(hospital) = Hospital::new() else { return skip("the firewall", "no network namespaces here") };

    // Without a policy everything passes: what is refused below is refused by the policy.
    for place in ["10.20.0.10:7443", "10.20.0.30:8080", "10.20.0.66:445", "[fd00:20::10]:22"] {
        assert_eq!(hospital.pump_reaches(place), Ok(()), "{place} before the policy");
    }
    assert!(hospital.pump_is_reached("10.20.0.66", 23), "before the policy");

    hospital.filter(&policy().rules()).expect("the packet filter takes the policy");
    for place in ["10.20.0.10:7443", "10.20.0.10:7444", "[fd00:20::10]:7443", "10.20.0.30:8080"] {
        assert_eq!(hospital.pump_reaches(place), Ok(()), "{place} is named");
    }
    for place in ["10.20.0.10:22", "10.20.0.30:8081", "10.20.0.66:445", "[fd00:20::10]:22"] {
        let refused = hospital.pump_reaches(place).expect_err(place);
        // A program on the pump is told at once, it does not wait for an answer that never comes.
        assert_ne!(refused, ErrorKind::TimedOut, "{place} is not named");
    }
    for (from, port) in [("10.20.0.66", 23), ("10.20.0.66", 8443), ("10.20.0.10", 7443), ("10.20.0.40", 22)] {
        assert!(!hospital.pump_is_reached(from, port), "{from} to port {port} is not named");
    }

    hospital.filter(&removal()).expect("the policy can be removed");
    assert!(hospital.pump_is_reached("10.20.0.66", 23), "without it everything passes again");
}

#[test]
fn one_source_that_comes_too_often_is_dropped() {
    let Some(hospital) = Hospital::new() else { return skip("the firewall", "no network namespaces here") };
    hospital.filter(&policy().rules()).expect("the packet filter takes the policy");
    let listener = hospital.pump.inside(|| TcpListener::bind("10.20.0.50:8443").expect("the port is free"));
    let came = hospital.rest.inside(|| {
        let from = "10.20.0.40".parse().expect("an address");
        (0..12).map(|_| connect_from(from, 8443)).collect::<Vec<_>>()
    });
    drop(listener);
    assert!(came.iter().take(6).all(|came| *came), "the policy allows six in a minute: {came:?}");
    assert!(came.iter().skip(6).filter(|came| !**came).count() >= 4, "what comes beyond is dropped: {came:?}");
}

#[test]
fn what_is_blocked_stays_blocked_under_a_new_policy_and_the_hub_never_is() {
    let Some(hospital) = Hospital::new() else { return skip("the firewall", "no network namespaces here") };
    hospital.filter(&policy().rules()).expect("the packet filter takes the policy");
    let block = "add element inet wardline blocked4 { 10.20.0.30 timeout 1h, 10.20.0.10 timeout 1h }\n";
    hospital.filter(block).expect("addresses can be blocked");
    assert!(hospital.pump_reaches("10.20.0.30:8080").is_err(), "named, but blocked");
    assert_eq!(hospital.pump_reaches("10.20.0.10:7443"), Ok(()), "nothing can block the hub");
    hospital.filter(&policy().rules()).expect("the packet filter takes the policy again");
    assert!(hospital.pump_reaches("10.20.0.30:8080").is_err(), "still blocked");
    hospital.filter("delete element inet wardline blocked4 { 10.20.0.30 }\n").expect("a block can be taken back");
    assert_eq!(hospital.pump_reaches("10.20.0.30:8080"), Ok(()));
}

#[test]
fn a_new_policy_is_whole_or_not_there_and_ends_the_sessions_that_it_does_not_name() {
    let Some(hospital) = Hospital::new() else { return skip("the firewall", "no network namespaces here") };
    hospital.filter(&policy().rules()).expect("the packet filter takes the policy");

    let broken = format!("{}add rule inet wardline outbound no such word\n", policy().rules());
    hospital.filter(&broken).expect_err("the packet filter refuses it");
    assert_eq!(hospital.pump_reaches("10.20.0.30:8080"), Ok(()), "the policy from before still stands");
    assert!(hospital.pump_reaches("10.20.0.66:445").is_err());

    let listener = hospital.rest.inside(|| TcpListener::bind("10.20.0.30:8080").expect("the place is free"));
    let mut session = hospital.pump.inside(|| TcpStream::connect("10.20.0.30:8080").expect("it is named"));
    let (mut other_end, _) = listener.accept().expect("the pump came");
    other_end.set_read_timeout(Some(DROPPED)).expect("a time limit");
    session.write_all(b"1").expect("it is named");
    assert_eq!(other_end.read(&mut [0; 1]).ok(), Some(1));

    let mut draft = policy().draft().clone();
    draft.reach.clear();
    hospital.filter(&Policy::new(draft).expect("a policy").rules()).expect("the packet filter takes it");
    let _ = session.write_all(b"2");
    assert!(other_end.read(&mut [0; 1]).is_err(), "the open session carries nothing any more (A20)");
}
