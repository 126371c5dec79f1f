//! A policy keeps its rules of structure, has one sequence of bytes, never locks a pump out unnoticed, and becomes rules
//! that cannot carry anything but what it says. That the packet filter understands them is tested with a real one
//! (crate `e2e`).

use core::net::IpAddr;

use expect_test::expect_file;
use proptest::prelude::*;

use super::{CanonicalError, Draft, KnownBy, Lockout, Policy};

/// A policy that uses every part.
const WARD: &str = r#"{
  "schema": 1, "name": "Ward pumps", "version": 3, "address": "dhcp",
  "hub": { "networks": ["10.20.0.10/32", "fd00:20::10/128"], "ports": ["7443", "7444"] },
  "name_servers": ["10.20.0.2/32"],
  "time_servers": ["10.20.0.3/32", "fd00:20::3/128"],
  "reach": [
    { "label": "EMR gateway", "to": ["10.30.0.0/25", "10.30.0.128/25"], "protocol": "tcp", "ports": ["8080", "9000-9010", "9005-9020"] },
    { "label": "gateway alive", "to": ["10.20.0.1/32"], "protocol": "ping", "interface": "wlan0" }
  ],
  "accept": [
    { "label": "monitoring", "from": ["10.20.9.0/24", "fd00:20:9::/64"], "protocol": "ping", "per_source_per_minute": 30 },
    { "label": "service laptop", "from": ["10.20.8.4/32"], "protocol": "tcp", "ports": ["8443"], "interface": "eth0", "per_source_per_minute": 6 }
  ]
}"#;

/// Something that is done to the source of a policy.
type Change = fn(&mut serde_json::Value);

fn ward() -> Policy {
    Policy::from_source(WARD.as_bytes()).expect("the policy is right")
}

fn changed(change: impl FnOnce(&mut serde_json::Value)) -> Result<Policy, CanonicalError> {
    let mut value: serde_json::Value = serde_json::from_str(WARD).expect("JSON");
    change(&mut value);
    Policy::from_source(value.to_string().as_bytes())
}

#[test]
fn the_rules_of_the_packet_filter_are_these() {
    expect_file!["tests/ward.nft"].assert_eq(&ward().rules());
}

#[test]
fn one_policy_has_one_sequence_of_bytes_and_no_other_is_read() {
    let bytes = ward().to_canonical_bytes();
    assert_eq!(Policy::from_canonical_bytes(&bytes), Ok(ward()));
    let with_space = [bytes.as_slice(), b" "].concat();
    assert_eq!(Policy::from_canonical_bytes(&with_space), Err(CanonicalError::NotCanonical));
    assert_eq!(Policy::from_canonical_bytes(WARD.as_bytes()), Err(CanonicalError::NotCanonical));
    let twice = String::from_utf8(bytes).expect("text").replacen("\"schema\":1", "\"schema\":1,\"schema\":1", 1);
    assert!(matches!(Policy::from_canonical_bytes(twice.as_bytes()), Err(CanonicalError::Shape(_))));
}

#[test]
fn what_breaks_a_rule_of_structure_is_refused_and_named() {
    let cases: [(&str, Change, &str); 12] = [
        ("no hub", |v| v["hub"]["networks"] = serde_json::json!([]), "hub: expected at least one network"),
        ("the whole internet", |v| v["reach"][0]["to"] = serde_json::json!(["0.0.0.0/0"]), "wider than any hospital"),
        ("all of IPv6", |v| v["reach"][0]["to"] = serde_json::json!(["2000::/3"]), "wider than any hospital"),
        ("bits behind", |v| v["reach"][0]["to"] = serde_json::json!(["10.1.2.3/24"]), "expected 10.1.2.0/24"),
        ("itself", |v| v["reach"][0]["to"] = serde_json::json!(["127.0.0.0/8"]), "addresses of other machines"),
        ("nobody", |v| v["reach"][0]["to"] = serde_json::json!([]), "EMR gateway: expected at least one network"),
        ("no ports", |v| v["reach"][0]["ports"] = serde_json::json!([]), "EMR gateway: expected at least one port"),
        ("ping with ports", |v| v["reach"][1]["ports"] = serde_json::json!(["1"]), "ping has no ports"),
        ("same label", |v| v["reach"][1]["label"] = "EMR gateway".into(), "two rules have this label"),
        ("no limit", |v| v["accept"][0]["per_source_per_minute"] = 0.into(), "expected 1 to 600"),
        ("port 0", |v| v["hub"]["ports"] = serde_json::json!(["0"]), "expected a port from 1 to 65535"),
        ("another schema", |v| v["schema"] = 2.into(), "schema: expected 1"),
    ];
    for (story, change, expected) in cases {
        let error = changed(change).expect_err(story).to_string();
        assert!(error.contains(expected), "{story}: {error}");
    }
}

#[test]
fn no_text_of_a_policy_can_end_a_rule_and_begin_another() {
    for text in ["x\" accept; add rule", "a\nb", "a;b", "a{b", "a\\", "", " a", "ä"] {
        let error = changed(|v| v["reach"][0]["label"] = text.into()).expect_err(text).to_string();
        assert!(error.contains("expected a label"), "{text:?}: {error}");
        let error = changed(|v| v["reach"][1]["interface"] = text.into()).expect_err(text).to_string();
        assert!(error.contains("expected a network interface"), "{text:?}: {error}");
        let error = changed(|v| v["hub"]["ports"] = serde_json::json!([text])).expect_err(text).to_string();
        assert!(error.contains("expected a port"), "{text:?}: {error}");
    }
}

#[test]
fn a_policy_that_locks_a_pump_out_says_what_it_would_miss() {
    let at = |text: &str| text.parse::<IpAddr>().expect("an address");
    let hub = [(at("10.20.0.10"), 7443), (at("fd00:20::10"), 7444)];
    assert_eq!(ward().lockouts(&hub, KnownBy::Name), []);
    let elsewhere = [(at("10.20.0.11"), 7443), (at("10.20.0.10"), 7445)];
    let missed = elsewhere.map(|(address, port)| Lockout::Hub(address, port));
    assert_eq!(ward().lockouts(&elsewhere, KnownBy::Address), missed);
    let nameless = changed(|v| v["name_servers"] = serde_json::json!([])).expect("a policy");
    assert_eq!(nameless.lockouts(&hub, KnownBy::Name), [Lockout::Names]);
    assert_eq!(nameless.lockouts(&hub, KnownBy::Address), []);
    // A way that is open over one interface only may not be there when it is needed.
    let narrow = changed(|v| {
        v["reach"][0]["to"] = serde_json::json!(["10.20.0.11/32"]);
        v["reach"][0]["ports"] = serde_json::json!(["7443"]);
        v["reach"][0]["interface"] = "eth0".into();
    });
    let one = [(at("10.20.0.11"), 7443)];
    assert_eq!(narrow.expect("a policy").lockouts(&one, KnownBy::Address), [Lockout::Hub(one[0].0, one[0].1)]);
}

proptest! {
    #[test]
    fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Policy::from_canonical_bytes(&bytes);
    }

    /// Any change of one byte gives another policy or none, and what is a policy still has rules of one line each.
    #[test]
    fn a_changed_byte_never_breaks_out(at in 0usize..1_200, to in any::<u8>()) {
        let mut bytes = ward().to_canonical_bytes();
        let at = at % bytes.len();
        bytes[at] = to;
        if let Ok(policy) = Policy::from_canonical_bytes(&bytes) {
            for line in policy.rules().lines() {
                prop_assert!(line.starts_with("add ") || line.starts_with("flush table inet wardline"), "{}", line);
                prop_assert_eq!(line.matches('"').count() % 2, 0);
            }
        }
    }
}

#[test]
fn a_draft_without_rules_still_reaches_its_hub() {
    let draft: Draft = serde_json::from_str(WARD).expect("a draft");
    let draft = Draft { reach: Vec::new(), accept: Vec::new(), ..draft };
    let policy = Policy::new(draft).expect("a policy");
    assert!(policy.reaches("10.20.0.10".parse().expect("an address"), 7443));
    assert!(!policy.reaches("10.30.0.1".parse().expect("an address"), 8080));
}
