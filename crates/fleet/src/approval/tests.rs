//! Stories at the door, as tables: who asks, with which rules, and what becomes of it.

use core::net::IpAddr;
use std::collections::BTreeMap;

use proptest::prelude::*;
use wardline_model::{CareArea, Digest, Model, Span, Time, covers};

use super::{Asking, Before, Listed, Network, NetworkError, Policy, PolicyError, Proof, Rule, RuleName, Then, judge};

const NOW: Time = Time::from_unix_s(1_800_000_000);

fn name(text: &str) -> RuleName {
    RuleName::new(text).unwrap()
}

fn model(text: &str) -> Model {
    Model::new(text).unwrap()
}

fn root(n: u8) -> Digest {
    Digest::from_bytes([n; 32])
}

/// Who asks in these stories: a Halcyon 3 of intensive care, by a birth certificate of maker 1, from 10.20.7.7.
struct Story {
    policy: Policy,
    proof: Proof,
    before: Before,
    from: IpAddr,
    let_in: BTreeMap<RuleName, u32>,
    listed: bool,
}

impl Story {
    fn with(rules: Vec<Rule>) -> Self {
        Self {
            policy: Policy { rules, otherwise: Then::Ask },
            proof: Proof::Birth { root: Some(root(1)) },
            before: Before::Never,
            from: "10.20.7.7".parse().unwrap(),
            let_in: BTreeMap::new(),
            listed: true,
        }
    }

    fn said(&self) -> String {
        let (model, area) = (model("Halcyon 3"), CareArea::new("Intensive care").unwrap());
        let listed = self.listed.then_some(Listed { model: &model, care_area: &area, before: self.before });
        let asking = Asking { now: NOW, from: self.from, proof: self.proof, listed, let_in: &self.let_in };
        let verdict = judge(&self.policy, &asking);
        format!("{}: {}", verdict.then, verdict.why)
    }
}

/// This week's delivery: 60 Halcyon 3 of maker 1, from the workshop's network, until Friday.
fn delivery() -> Rule {
    Rule {
        makers: [root(1)].into(),
        models: [model("Halcyon 3")].into(),
        networks: vec!["10.20.0.0/16".parse().unwrap()],
        from: Some(NOW - Span::from_days(1)),
        until: Some(NOW + Span::from_days(4)),
        most: Some(60),
        ..Rule::for_all(name("Delivery of week 48"), Then::Approve)
    }
}

#[test]
fn without_rules_of_its_own_a_hospital_lets_in_who_is_on_its_list() {
    let mut story = Story::with(Policy::default().rules);
    story.policy = Policy::default();
    assert_eq!(story.said(), "approve: the rule \"Everyone on the list\" lets it in");
    story.listed = false;
    assert_eq!(story.said(), "refuse: the pump is not on the hospital's list; add it to the manifest first");
}

#[test]
fn a_delivery_lets_in_its_own_pumps_and_asks_about_all_others_with_the_reason() {
    covers!("N14");
    let check = |change: fn(&mut Rule), expected: &str| {
        let mut rule = delivery();
        change(&mut rule);
        assert_eq!(Story::with(vec![rule]).said(), expected);
    };
    check(|_| {}, "approve: the rule \"Delivery of week 48\" lets it in");
    let ask = |why: &str| format!("ask: no rule lets it in without a person: \"Delivery of week 48\" {why}");
    check(|rule| rule.makers = [root(2)].into(), &ask("is for another maker"));
    check(|rule| rule.models = [model("Other")].into(), &ask("is for other models"));
    check(|rule| rule.care_areas = [CareArea::new("Oncology").unwrap()].into(), &ask("is for other care areas"));
    check(
        |rule| rule.networks = vec!["10.21.0.0/16".parse().unwrap()],
        &ask("is for other networks than that of 10.20.7.7"),
    );
    check(|rule| rule.from = Some(NOW + Span::from_h(2)), &ask("begins in 2 h"));
    check(|rule| rule.until = Some(NOW - Span::from_h(3)), &ask("ended 3 h ago"));
    check(|rule| rule.until = Some(NOW), &ask("ended 0 ms ago"));
}

#[test]
fn a_delivery_ends_with_its_last_pump() {
    let mut story = Story::with(vec![delivery()]);
    story.let_in.insert(name("Delivery of week 48"), 59);
    assert!(story.said().starts_with("approve"));
    story.let_in.insert(name("Delivery of week 48"), 60);
    assert_eq!(
        story.said(),
        "ask: no rule lets it in without a person: \"Delivery of week 48\" has let in its 60 pumps"
    );
}

#[test]
fn the_first_rule_that_fits_decides() {
    let refuse = Rule {
        networks: vec!["10.20.0.0/16".parse().unwrap()],
        ..Rule::for_all(name("Not from the ward"), Then::Refuse)
    };
    let all = Rule::for_all(name("All"), Then::Approve);
    assert_eq!(
        Story::with(vec![refuse.clone(), all.clone()]).said(),
        "refuse: the rule \"Not from the ward\" keeps it out"
    );
    assert_eq!(Story::with(vec![all, refuse]).said(), "approve: the rule \"All\" lets it in");
}

#[test]
fn a_code_and_an_earlier_approval_need_no_second_person_but_a_refusal_still_counts() {
    let mut story = Story::with(vec![Rule::for_all(name("Ask always"), Then::Ask)]);
    story.proof = Proof::Code;
    assert_eq!(story.said(), "approve: a person made a one-time code for it");
    story.proof = Proof::Birth { root: None };
    assert!(story.said().starts_with("ask"));
    story.before = Before::Approved;
    assert_eq!(story.said(), "approve: it was approved before");
    story.policy.rules.push(Rule::for_all(name("Closed"), Then::Refuse));
    assert_eq!(story.said(), "refuse: the rule \"Closed\" keeps it out");
    story.proof = Proof::Code;
    assert!(story.said().starts_with("refuse"));
}

#[test]
fn rules_that_could_never_do_what_they_say_are_refused_by_name() {
    let check = |rule: Rule| Policy { rules: vec![rule], otherwise: Then::Ask }.check();
    assert_eq!(check(delivery()), Ok(()));
    let named = || name("Delivery of week 48");
    assert_eq!(check(Rule { until: delivery().from, ..delivery() }), Err(PolicyError::NeverOpen(named())));
    assert_eq!(check(Rule { most: Some(0), ..delivery() }), Err(PolicyError::NoPumps(named())));
    assert_eq!(check(Rule { then: Then::Ask, ..delivery() }), Err(PolicyError::LimitOfNothing(named())));
    let twice = Policy { rules: vec![delivery(), delivery()], otherwise: Then::Ask };
    assert_eq!(twice.check(), Err(PolicyError::SameName(named())));
    let many = Policy {
        rules: (0..51).map(|n| Rule::for_all(name(&format!("Rule {n}")), Then::Ask)).collect(),
        otherwise: Then::Ask,
    };
    assert_eq!(many.check(), Err(PolicyError::TooMany(51)));
    assert_eq!(Policy::default().check(), Ok(()));
}

#[test]
fn a_network_is_what_people_write_and_typing_errors_are_named() {
    let contains =
        |network: &str, address: &str| network.parse::<Network>().unwrap().contains(address.parse().unwrap());
    assert!(contains("10.20.0.0/16", "10.20.255.1") && !contains("10.20.0.0/16", "10.21.0.0"));
    assert!(contains("10.20.0.0/16", "::ffff:10.20.1.1"), "IPv4 inside IPv6 is IPv4");
    assert!(contains("0.0.0.0/0", "8.8.8.8") && !contains("0.0.0.0/0", "fd00::1"));
    assert!(contains("fd00:20::/32", "fd00:20:7::1") && contains("::/0", "fd00::1"));
    assert!(contains("10.20.7.7", "10.20.7.7") && !contains("10.20.7.7", "10.20.7.8"));
    let why = |text: &str| text.parse::<Network>().unwrap_err();
    assert_eq!(why("10.20.1.0/16"), NetworkError::HostBits("10.20.0.0/16".parse().unwrap()));
    assert_eq!(why("10.20.0.0/33"), NetworkError::Prefix(33, 32));
    for text in ["", "10.20", "10.20.0.0/", "10.20.0.0/+8", "10.20.0.0/8/8", "ward", "10.20.0.0/9999"] {
        assert_eq!(why(text), NetworkError::Form, "{text}");
    }
}

#[test]
fn the_rules_are_kept_as_readable_json_and_come_back_the_same() {
    let policy = Policy { rules: vec![delivery(), Policy::default().rules[0].clone()], otherwise: Then::Refuse };
    let text = serde_json::to_string(&policy).unwrap();
    assert!(text.contains("\"networks\":[\"10.20.0.0/16\"]") && !text.contains("careAreas"), "{text}");
    assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
    let unknown = serde_json::from_str::<Policy>("{\"rules\":[],\"otherwise\":\"ask\",\"else\":1}");
    assert!(unknown.unwrap_err().to_string().contains("unknown field `else`"));
}

proptest! {
    #[test]
    fn no_text_makes_a_network_panic_and_a_good_one_prints_as_itself(text in "[0-9a-f.:/]{0,24}") {
        if let Ok(network) = text.parse::<Network>() {
            prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network));
        }
    }

    #[test]
    fn nothing_lets_in_a_pump_that_is_not_on_the_list(from in any::<u32>(), code in any::<bool>()) {
        let mut story = Story::with(vec![Rule::for_all(name("All"), Then::Approve)]);
        story.from = IpAddr::V4(from.into());
        story.listed = false;
        story.proof = if code { Proof::Code } else { Proof::Birth { root: Some(root(1)) } };
        prop_assert!(story.said().starts_with("refuse"));
    }
}
