//! Whether a pump under a policy still reaches its hub. Asked before a policy is admitted at the hub, and again on the
//! pump before it is switched to: a policy that locks the pump out could never be taken back from outside.

use core::fmt;
use core::net::IpAddr;

use super::{Policy, Protocol, Reach};

/// A place that a pump needs and would not reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lockout {
    /// The hub at this address and port.
    Hub(IpAddr, u16),
    /// Any server of names, and the hub is known by its name.
    Names,
}

impl fmt::Display for Lockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub(address, port) => write!(
                f,
                "the hub at {address} port {port} would not be reached: add it to the policy's hub, networks and ports"
            ),
            Self::Names => f.write_str(
                "the hub is known by its name, and no server of names would be reached: add one to name_servers",
            ),
        }
    }
}

/// How a pump knows where its hub is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// By its name, which somebody must answer.
    Name,
    /// By its address.
    Address,
}

impl Policy {
    /// What a pump would miss whose hub is at these addresses and ports.
    #[must_use]
    pub fn lockouts(&self, hub: &[(IpAddr, u16)], known_by: KnownBy) -> Vec<Lockout> {
        let names = known_by == KnownBy::Name && self.0.name_servers.is_empty();
        let missed = hub.iter().filter(|(address, port)| !self.reaches(*address, *port));
        missed.map(|(address, port)| Lockout::Hub(*address, *port)).chain(names.then_some(Lockout::Names)).collect()
    }

    /// Whether a pump may open a TCP connection to this place over any interface.
    #[must_use]
    pub fn reaches(&self, address: IpAddr, port: u16) -> bool {
        let hub = &self.0.hub;
        let is_hub = hub.networks.iter().any(|n| n.contains(&address)) && hub.ports.iter().any(|p| p.contains(port));
        let by_rule = |rule: &Reach| {
            rule.protocol == Protocol::Tcp
                && rule.interface.is_none()
                && rule.to.iter().any(|network| network.contains(&address))
                && rule.ports.iter().any(|ports| ports.contains(port))
        };
        is_hub || self.0.reach.iter().any(by_rule)
    }
}
