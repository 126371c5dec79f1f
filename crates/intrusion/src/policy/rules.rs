//! A policy as one transaction of the Linux packet filter (nftables), as text for `nft -f -`.
//!
//! All of it takes effect at once or not at all. It drops what no rule names, in both directions, over IPv4 and IPv6. What
//! was blocked by the pump's own defence stays blocked, since the sets keep their content; the hub comes before them, so
//! nothing can ever block the hub. Every rule counts, under the label that the policy gives it.
//!
//! | order | inbound | outbound |
//! |---|---|---|
//! | 1 | the pump's own loopback | the pump's own loopback |
//! | 2 | answers of the hub | the hub |
//! | 3 | blocked sources | blocked destinations |
//! | 4 | what belongs to no connection | what belongs to no connection |
//! | 5 | answers | answers |
//! | 6 | neighbour discovery, DHCP | neighbour discovery, DHCP |
//! | 7 | the policy's `accept` | names, time, the policy's `reach` |
//! | 8 | noted and dropped | noted and refused |

use core::fmt::Write as _;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Accept, Address, Interface, Policy, Ports, Protocol, Reach};

/// The table that is ours. Other tables of the pump's maker are never touched.
pub const TABLE: &str = "wardline";
/// The NFLOG group in which dropped packets are told to the agent's detection.
pub const LOG_GROUP: u16 = 5;
/// The most addresses that are blocked, or whose rate is watched, at once: a /20 of a spoofing attacker. 64 bytes each.
pub const MAX_BLOCKED: usize = 4_096;
/// Dropped packets that are noted in a second; the rest are only counted, so that a flood cannot starve the pump.
const NOTED_PER_S: u32 = 50;
/// Bytes of a dropped packet that are noted: its headers.
const NOTED_BYTES: u32 = 128;

/// Only answers pass because of what was before. What goes the way that a connection was opened must be named by the
/// policy of this moment with every packet, so a new policy ends the sessions that it does not name.
const ANSWERS: &str = "ct direction reply ct state established,related";

/// IPv6 does not work without these (RFC 4890 section 4.4.1). A router is one hop away, which the hop limit of 255 proves.
const NEIGHBOURS_IN: &str =
    "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } ip6 hoplimit 255";
/// The same from the pump, and the reports without which switches forget who listens to a multicast group (RFC 3810).
const NEIGHBOURS_OUT: &str = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, \
                              mld-listener-report, mld2-listener-report }";

impl Policy {
    /// The transaction.
    #[must_use]
    pub fn rules(&self) -> String {
        let mut script = Script(String::new());
        script.frame();
        script.inbound(self);
        script.outbound(self);
        script.0
    }
}

/// The removal of everything that [`Policy::rules`] makes: for the end of a pump's life, and for tests.
#[must_use]
pub fn removal() -> String {
    format!("add table inet {TABLE}\ndelete table inet {TABLE}\n")
}

/// A family of addresses, as the packet filter spells it.
struct Family {
    word: &'static str,
    set: &'static str,
    source: &'static str,
}

const V4: Family = Family { word: "ip", set: "blocked4", source: "ipv4_addr" };
const V6: Family = Family { word: "ip6", set: "blocked6", source: "ipv6_addr" };

struct Script(String);

impl Script {
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.0, "{line}");
    }

    fn rule(&mut self, chain: &str, what: &str, verdict: &str, label: &str) {
        let gap = if what.is_empty() { "" } else { " " };
        let _ = writeln!(self.0, "add rule inet {TABLE} {chain} {what}{gap}counter {verdict} comment \"{label}\"");
    }

    /// Table, sets and chains. What is there already stays; then every rule of it is forgotten.
    fn frame(&mut self) {
        self.line(&format!("add table inet {TABLE}"));
        for family in [V4, V6] {
            let Family { set, source, .. } = family;
            self.line(&format!("add set inet {TABLE} {set} {{ type {source}; flags timeout; size {MAX_BLOCKED}; }}"));
        }
        for (chain, hook) in [("inbound", "input"), ("outbound", "output"), ("through", "forward")] {
            self.line(&format!(
                "add chain inet {TABLE} {chain} {{ type filter hook {hook} priority -10; policy drop; }}"
            ));
        }
        self.line(&format!("flush table inet {TABLE}"));
    }

    fn inbound(&mut self, policy: &Policy) {
        let draft = policy.draft();
        self.rule("inbound", "iif lo", "accept", "itself");
        for (family, networks) in by_family(&draft.hub.networks) {
            let (word, ports) = (family.word, set(&Ports::merged(&draft.hub.ports)));
            let what = format!("{word} saddr {networks} tcp sport {ports} {ANSWERS}");
            self.rule("inbound", &what, "accept", "hub");
        }
        for family in [V4, V6] {
            self.rule("inbound", &format!("{} saddr @{}", family.word, family.set), "drop", "blocked");
        }
        self.rule("inbound", "ct state invalid", "drop", "no connection");
        self.rule("inbound", ANSWERS, "accept", "answers");
        self.rule("inbound", NEIGHBOURS_IN, "accept", "neighbours");
        if draft.address == Address::Dhcp {
            self.rule("inbound", "meta nfproto ipv4 udp sport 67 udp dport 68", "accept", "DHCP");
            self.rule("inbound", "ip6 saddr fe80::/10 udp sport 547 udp dport 546", "accept", "DHCPv6");
        }
        for (number, rule) in draft.accept.iter().enumerate() {
            self.accept(number, rule);
        }
        self.noted("inbound", &[("", "drop")]);
    }

    fn accept(&mut self, number: usize, rule: &Accept) {
        let begins = begins(rule.interface.as_ref(), "iifname");
        for (family, networks) in by_family(&rule.from) {
            let (word, label) = (family.word, rule.label.as_str());
            let limit = rule.per_source_per_minute;
            // A set of each rule and family remembers for a minute how often a source began; for pings, how often it asked.
            let fresh = if rule.protocol == Protocol::Ping { "" } else { "ct state new " };
            let set = format!("fresh{number}{}", if word == "ip" { "v4" } else { "v6" });
            self.line(&format!(
                "add set inet {TABLE} {set} {{ type {}; flags dynamic,timeout; timeout 1m; size {MAX_BLOCKED}; }}",
                family.source
            ));
            let what = format!("{begins}{word} saddr {networks} {}", spoken(rule.protocol, &rule.ports, word));
            let over = format!(
                "{what} {fresh}add @{set} {{ {word} saddr limit rate over {limit}/minute burst {limit} packets }}"
            );
            self.rule("inbound", &over, "drop", &format!("too often: {label}"));
            self.rule("inbound", &what, "accept", &format!("accept: {label}"));
        }
    }

    fn outbound(&mut self, policy: &Policy) {
        let draft = policy.draft();
        self.rule("outbound", "oif lo", "accept", "itself");
        for (family, networks) in by_family(&draft.hub.networks) {
            let ports = set(&Ports::merged(&draft.hub.ports));
            self.rule("outbound", &format!("{} daddr {networks} tcp dport {ports}", family.word), "accept", "hub");
        }
        for family in [V4, V6] {
            self.rule("outbound", &format!("{} daddr @{}", family.word, family.set), "drop", "blocked");
        }
        self.rule("outbound", "ct state invalid", "drop", "no connection");
        self.rule("outbound", ANSWERS, "accept", "answers");
        self.rule("outbound", NEIGHBOURS_OUT, "accept", "neighbours");
        if draft.address == Address::Dhcp {
            self.rule("outbound", "meta nfproto ipv4 udp sport 68 udp dport 67", "accept", "DHCP");
            self.rule("outbound", "ip6 daddr { fe80::/10, ff02::1:2 } udp sport 546 udp dport 547", "accept", "DHCPv6");
        }
        for (family, networks) in by_family(&draft.name_servers) {
            let what = format!("{} daddr {networks} meta l4proto {{ tcp, udp }} th dport 53", family.word);
            self.rule("outbound", &what, "accept", "names");
        }
        for (family, networks) in by_family(&draft.time_servers) {
            self.rule("outbound", &format!("{} daddr {networks} udp dport 123", family.word), "accept", "time");
        }
        for rule in &draft.reach {
            self.reach(rule);
        }
        // A program on the pump that may not talk is told so at once, rather than left waiting.
        self.noted(
            "outbound",
            &[("meta l4proto tcp", "reject with tcp reset"), ("", "reject with icmpx admin-prohibited")],
        );
    }

    fn reach(&mut self, rule: &Reach) {
        let begins = begins(rule.interface.as_ref(), "oifname");
        for (family, networks) in by_family(&rule.to) {
            let spoken = spoken(rule.protocol, &rule.ports, family.word);
            let what = format!("{begins}{} daddr {networks} {spoken}", family.word);
            self.rule("outbound", &what, "accept", &format!("reach: {}", rule.label));
        }
    }

    /// The end of a chain: some of what no rule named is told to the agent, and all of it is dropped.
    fn noted(&mut self, chain: &str, ends: &[(&str, &str)]) {
        self.line(&format!(
            "add rule inet {TABLE} {chain} limit rate {NOTED_PER_S}/second log prefix \"{TABLE} {chain}\" \
             group {LOG_GROUP} snaplen {NOTED_BYTES}"
        ));
        for (what, verdict) in ends {
            self.rule(chain, what, verdict, "not named");
        }
    }
}

fn begins(interface: Option<&Interface>, word: &str) -> String {
    interface.map_or_else(String::new, |name| format!("{word} \"{name}\" "))
}

fn spoken(protocol: Protocol, ports: &[Ports], family: &str) -> String {
    match protocol {
        Protocol::Tcp => format!("tcp dport {}", set(&Ports::merged(ports))),
        Protocol::Udp => format!("udp dport {}", set(&Ports::merged(ports))),
        Protocol::Ping if family == "ip" => "icmp type echo-request".to_owned(),
        Protocol::Ping => "icmpv6 type echo-request".to_owned(),
    }
}

/// The networks of each family that has any, without overlaps.
fn by_family(networks: &[IpNet]) -> Vec<(Family, String)> {
    let v4: Vec<Ipv4Net> = networks.iter().filter_map(|n| if let IpNet::V4(n) = n { Some(*n) } else { None }).collect();
    let v6: Vec<Ipv6Net> = networks.iter().filter_map(|n| if let IpNet::V6(n) = n { Some(*n) } else { None }).collect();
    let mut found = Vec::new();
    if !v4.is_empty() {
        found.push((V4, set(&Ipv4Net::aggregate(&v4))));
    }
    if !v6.is_empty() {
        found.push((V6, set(&Ipv6Net::aggregate(&v6))));
    }
    found
}

fn set<T: ToString>(members: &[T]) -> String {
    let members: Vec<String> = members.iter().map(ToString::to_string).collect();
    format!("{{ {} }}", members.join(", "))
}
