//! Detection: from what the agent saw to findings, and to what the pump does about them by itself.
//!
//! Pure machines with memory of a fixed size. They never touch therapy and cannot: their effects are words to the hub, an
//! address for the packet filter's blocked set, and a narrower policy for communication (N8). A finding is told when it
//! is new and then ever more rarely, so that an attacker cannot fill the pump's queue by attacking.

mod finding;
mod ground;
mod seen;
mod sources;
mod talk;

use core::net::IpAddr;
use std::collections::BTreeMap;

use wardline_model::{Span, Time, covers};

pub use finding::{BLOCKED_FOR, Class, Finding, Response, Severity};
pub use seen::{Dropped, Hardware, PeerProblem, Seen, Socket, Whom};

use crate::policy::Policy;
use ground::Ground;
use sources::{Found, Sources};
use talk::Talk;

/// Findings of different kinds and sources that are kept apart.
const MOST_TOLD: usize = 256;
/// A finding that was not seen for this long is new again.
const FORGOTTEN_AFTER: Span = Span::from_h(1);
/// Starts within this time that are too many.
const RESTARTS: (usize, Span) = (3, Span::from_min(10));
/// The longest evidence, in characters.
const LONGEST_EVIDENCE: usize = 160;

/// What the agent does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Tell the hub.
    Tell(Finding),
    /// Drop everything from and to this address for a time.
    Block {
        /// The address.
        source: IpAddr,
        /// For how long.
        lasts: Span,
    },
    /// Talk to nobody but the hub until it says otherwise.
    Narrow,
    /// Ask the hub to quarantine this pump.
    AskQuarantine(Class),
}

/// How often one finding was made.
#[derive(Debug)]
struct Told {
    times: u64,
    /// It is told again at this many times.
    next: u64,
    told: u64,
    last: Time,
}

/// The pump's watch.
#[derive(Debug)]
pub struct Watch {
    policy: Policy,
    gateway: Option<IpAddr>,
    sources: Sources,
    talk: Talk,
    ground: Ground,
    starts: Vec<Time>,
    told: BTreeMap<(Class, Option<IpAddr>), Told>,
    is_narrow: bool,
}

impl Watch {
    /// A watch over a pump with this policy.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            gateway: None,
            sources: Sources::default(),
            talk: Talk::default(),
            ground: Ground::default(),
            starts: Vec::new(),
            told: BTreeMap::new(),
            is_narrow: false,
        }
    }

    /// Another policy is in force from now on.
    pub fn policy(&mut self, policy: Policy) {
        self.policy = policy;
        self.is_narrow = false;
    }

    /// Takes in what was seen.
    pub fn step(&mut self, seen: Seen, now: Time, effects: &mut Vec<Effect>) {
        covers!("N8");
        for found in self.found(seen, now) {
            self.tell(found, now, effects);
        }
    }

    fn found(&mut self, seen: Seen, now: Time) -> Vec<Found> {
        match seen {
            Seen::In { whom: Whom::Everybody, .. } => Vec::new(),
            Seen::In { source, port, whom: Whom::This, why } => self.sources.packet(source, port, why, now),
            Seen::Count { dropped } => self.sources.count(dropped).into_iter().collect(),
            Seen::Out { to, port } => self.talk.call((to, port), now),
            Seen::Gateway { address, hardware } => {
                self.gateway = Some(address);
                self.ground.gateway(address, hardware).into_iter().collect()
            }
            Seen::Lease { server, gateway, names } => {
                self.gateway = Some(gateway);
                self.ground.lease(&self.policy, server, gateway, &names).into_iter().collect()
            }
            Seen::HubIsAt { server, addresses } => {
                Ground::hub_is_at(&self.policy, server, &addresses).into_iter().collect()
            }
            Seen::Impostor { address, why } => vec![Ground::impostor(address, why)],
            Seen::Listens { port } => {
                let is_named =
                    self.policy.draft().accept.iter().any(|rule| rule.ports.iter().any(|p| p.contains(port)));
                if is_named { Vec::new() } else { vec![(Class::Listener, None, format!("port {port}"))] }
            }
            Seen::Changed { file } => vec![(Class::Tampering, None, file)],
            Seen::Attached { socket } => {
                let what = match socket {
                    Socket::Usb => "a USB device",
                    Socket::Serial => "a serial line",
                };
                vec![(Class::Attached, None, what.to_owned())]
            }
            Seen::Started => self.started(now).into_iter().collect(),
        }
    }

    fn started(&mut self, now: Time) -> Option<Found> {
        self.starts.retain(|at| now.since(*at) <= RESTARTS.1);
        self.starts.push(now);
        let times = self.starts.len();
        (times >= RESTARTS.0).then(|| {
            self.starts.clear();
            (Class::Restarts, None, format!("{times} starts within 10 minutes"))
        })
    }

    fn tell(&mut self, (class, source, evidence): Found, now: Time, effects: &mut Vec<Effect>) {
        self.told.retain(|_, told| now.since(told.last) < FORGOTTEN_AFTER);
        let key = (class, source);
        if self.told.len() >= MOST_TOLD && !self.told.contains_key(&key) {
            return;
        }
        let told = self.told.entry(key).or_insert(Told { times: 0, next: 1, told: 0, last: now });
        told.times += 1;
        told.last = now;
        if told.times < told.next {
            return;
        }
        told.next = told.times.saturating_mul(2);
        let times = told.times - told.told;
        told.told = told.times;
        let evidence = evidence.chars().filter(|c| !c.is_control()).take(LONGEST_EVIDENCE).collect();
        effects.push(Effect::Tell(Finding { class, source, times, evidence }));
        match (class.response(), source) {
            (Response::Block, Some(source)) if !self.is_needed(source) => {
                effects.push(Effect::Block { source, lasts: BLOCKED_FOR });
            }
            (Response::NarrowAndAsk, _) if !self.is_narrow => {
                self.is_narrow = true;
                effects.push(Effect::Narrow);
                effects.push(Effect::AskQuarantine(class));
            }
            (Response::Block | Response::NarrowAndAsk | Response::Tell, _) => {}
        }
    }

    /// Whether the pump cannot do without this address. An attacker who can write any sender on a packet must not be
    /// able to cut the pump off from its hub by writing the hub's.
    fn is_needed(&self, address: IpAddr) -> bool {
        let draft = self.policy.draft();
        let named = draft.hub.networks.iter().chain(&draft.name_servers).chain(&draft.time_servers);
        self.gateway == Some(address) || named.into_iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests;
