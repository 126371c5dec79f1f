//! The ground that this pump stands on: who gives it its address, who answers for the gateway, who says where the hub is,
//! and who claims to be it. None of them is trusted; the hub's certificate is. But who lies here is up to something.

use core::net::IpAddr;

use ipnet::IpNet;

use super::finding::Class;
use super::seen::{Hardware, PeerProblem};
use super::sources::Found;
use crate::policy::Policy;

/// What the pump remembers of its network.
#[derive(Debug, Default)]
pub(super) struct Ground {
    gateway: Option<(IpAddr, Hardware)>,
}

fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

impl Ground {
    /// The same gateway with another hardware address is another machine. One that is new here is not: a pump moves.
    pub(super) fn gateway(&mut self, address: IpAddr, hardware: Hardware) -> Option<Found> {
        let before = self.gateway.replace((address, hardware));
        let (_, was) = before.filter(|(known, was)| *known == address && *was != hardware)?;
        Some((Class::SpoofedGateway, Some(address), format!("{address} was {was} and is {hardware} now")))
    }

    /// A lease begins a new place, so the gateway may be another machine from here on.
    pub(super) fn lease(
        &mut self,
        policy: &Policy,
        server: IpAddr,
        gateway: IpAddr,
        names: &[IpAddr],
    ) -> Option<Found> {
        if self.gateway.is_some_and(|(known, _)| known != gateway) {
            self.gateway = None;
        }
        let allowed = &policy.draft().name_servers;
        let strange = names.iter().find(|name| !allowed.is_empty() && !is_in(allowed, **name))?;
        let evidence = format!("{server} named {strange} as a server of names; the policy names others");
        Some((Class::RogueDhcp, Some(server), evidence))
    }

    pub(super) fn hub_is_at(policy: &Policy, server: IpAddr, addresses: &[IpAddr]) -> Option<Found> {
        let strange = addresses.iter().find(|address| !is_in(&policy.draft().hub.networks, **address))?;
        Some((
            Class::RogueNames,
            Some(server),
            format!("it says that the hub is at {strange}, where the policy has none"),
        ))
    }

    pub(super) fn impostor(address: IpAddr, why: PeerProblem) -> Found {
        let evidence = match why {
            PeerProblem::Untrusted => "its certificate leads to no authority that this pump believes",
            PeerProblem::WrongName => "its certificate is for another name or purpose",
            PeerProblem::Downgrade => "it does not speak TLS 1.3",
        };
        (Class::FalseHub, Some(address), evidence.to_owned())
    }
}
