//! The rules of structure, without which a firewall policy is none. Each broken one is told with its place and what would
//! be right.

use core::fmt;

use ipnet::IpNet;

use super::{Draft, MAX_NETWORKS, MAX_PORTS, MAX_RULES, Ports, Protocol, SCHEMA};

/// The shortest IPv4 prefix: 10.0.0.0/8 is the widest private block (RFC 1918), and no hospital is wider.
const WIDEST_V4: u8 = 8;
/// The shortest IPv6 prefix: fc00::/7 is the block of unique local addresses (RFC 4193).
const WIDEST_V6: u8 = 7;
/// The most new connections of one source in a minute that a limit may allow: ten in a second are a flood to a pump.
const MOST_PER_MINUTE: u32 = 600;

/// One rule of structure that a draft breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which part: `hub`, or the label of a rule.
    pub place: String,
    /// What was wrong and what was expected.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

pub(super) fn problems(draft: &Draft) -> Vec<Problem> {
    let mut found = Found(Vec::new());
    if draft.schema != SCHEMA {
        found.add("schema", format!("expected {SCHEMA}, found {}", draft.schema));
    }
    if draft.hub.networks.is_empty() || draft.hub.ports.is_empty() {
        found.add(
            "hub",
            "expected at least one network and one port: without its hub a pump could never be told better",
        );
    }
    found.networks("hub", &draft.hub.networks);
    found.ports("hub", Protocol::Tcp, &draft.hub.ports);
    found.networks("name_servers", &draft.name_servers);
    found.networks("time_servers", &draft.time_servers);
    for (place, count) in [("reach", draft.reach.len()), ("accept", draft.accept.len())] {
        if count > MAX_RULES {
            found.add(place, format!("expected at most {MAX_RULES} rules, found {count}"));
        }
    }
    for rule in draft.reach.iter().take(MAX_RULES) {
        found.rule(rule.label.as_str(), &rule.to, rule.protocol, &rule.ports);
    }
    for rule in draft.accept.iter().take(MAX_RULES) {
        found.rule(rule.label.as_str(), &rule.from, rule.protocol, &rule.ports);
        if rule.per_source_per_minute == 0 || rule.per_source_per_minute > MOST_PER_MINUTE {
            let is = rule.per_source_per_minute;
            found.add(
                rule.label.as_str(),
                format!("per_source_per_minute: expected 1 to {MOST_PER_MINUTE}, found {is}"),
            );
        }
    }
    found.labels(draft);
    found.0
}

struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, place: &str, what: impl Into<String>) {
        self.0.push(Problem { place: place.to_owned(), what: what.into() });
    }

    fn rule(&mut self, place: &str, networks: &[IpNet], protocol: Protocol, ports: &[Ports]) {
        if networks.is_empty() {
            self.add(place, "expected at least one network");
        }
        self.networks(place, networks);
        self.ports(place, protocol, ports);
    }

    fn networks(&mut self, place: &str, networks: &[IpNet]) {
        if networks.len() > MAX_NETWORKS {
            self.add(place, format!("expected at most {MAX_NETWORKS} networks, found {}", networks.len()));
        }
        for network in networks.iter().take(MAX_NETWORKS) {
            let widest = if matches!(network, IpNet::V4(_)) { WIDEST_V4 } else { WIDEST_V6 };
            if network.trunc() != *network {
                self.add(place, format!("{network}: bits are set behind the prefix; expected {}", network.trunc()));
            }
            if network.prefix_len() < widest {
                self.add(
                    place,
                    format!("{network} is wider than any hospital; expected a prefix of /{widest} or longer"),
                );
            }
            if network.network().is_loopback() || network.network().is_multicast() || network.network().is_unspecified()
            {
                self.add(place, format!("{network}: expected addresses of other machines"));
            }
        }
    }

    fn ports(&mut self, place: &str, protocol: Protocol, ports: &[Ports]) {
        match protocol {
            Protocol::Ping if !ports.is_empty() => self.add(place, "ping has no ports"),
            Protocol::Tcp | Protocol::Udp if ports.is_empty() => self.add(place, "expected at least one port"),
            Protocol::Tcp | Protocol::Udp if ports.len() > MAX_PORTS => {
                self.add(place, format!("expected at most {MAX_PORTS} ports or ranges, found {}", ports.len()));
            }
            Protocol::Ping | Protocol::Tcp | Protocol::Udp => {}
        }
    }

    /// A label names one rule, because its counter is told by it.
    fn labels(&mut self, draft: &Draft) {
        let reach = draft.reach.iter().take(MAX_RULES).map(|rule| &rule.label);
        let mut labels: Vec<_> = reach.chain(draft.accept.iter().take(MAX_RULES).map(|rule| &rule.label)).collect();
        labels.sort();
        for pair in labels.windows(2) {
            if pair[0] == pair[1] {
                self.add(pair[0].as_str(), "two rules have this label; expected one");
            }
        }
    }
}
