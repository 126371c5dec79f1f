//! What a pump may talk to: the firewall policy that people sign, its rules of structure, and its one sequence of bytes.
//!
//! A policy names whom a pump may reach and who may reach it; everything else is dropped, in both directions, over IPv4
//! and IPv6. It always names the hub, because a policy under which a pump cannot reach its hub could never be taken back
//! from outside. A [`Draft`] is plain data; a [`Policy`] can only be made by [`Policy::new`], which checks every rule of
//! structure, and only a policy can be turned into rules of the packet filter.

mod check;
mod lockout;
mod rules;
mod text;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use wardline_model::{Version, covers};

pub use check::Problem;
pub use lockout::{KnownBy, Lockout};
pub use rules::{LOG_GROUP, MAX_BLOCKED, TABLE, removal};
pub use text::{Interface, Label, Ports};

/// The number of this schema. An agent that knows only older ones must not be given a newer one.
pub const SCHEMA: u32 = 1;
/// The largest artifact that anybody reads: 64 rules with 64 networks each, of 60 bytes, are below 256 KiB.
pub const MAX_ARTIFACT_BYTES: usize = 256 * 1024;
/// The most rules of one direction: what a pump must talk to fits on one page.
pub const MAX_RULES: usize = 64;
/// The most networks of one rule.
pub const MAX_NETWORKS: usize = 64;
/// The most ports or ranges of one rule: what a set of the packet filter takes without a second thought.
pub const MAX_PORTS: usize = 32;

/// How a pump comes by its network address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Address {
    /// It is written into its wireless profile.
    Fixed,
    /// DHCP (RFC 2131) and DHCPv6 (RFC 9915) give it.
    Dhcp,
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP, to named ports.
    Tcp,
    /// UDP, to named ports.
    Udp,
    /// An echo request and its answer: "are you there". No ports.
    Ping,
}

/// The hospital's hub, where pumps reach it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// Its addresses, or the networks of its load balancer.
    pub networks: Vec<IpNet>,
    /// The ports of the live link and of enrolment and releases.
    pub ports: Vec<Ports>,
}

/// Somebody whom a pump may reach.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// What it is, for people and for the counters.
    pub label: Label,
    /// Where it is.
    pub to: Vec<IpNet>,
    /// What is spoken.
    pub protocol: Protocol,
    /// To which ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Ports>,
    /// Only over this network interface; over any when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<Interface>,
}

/// Somebody who may reach a pump.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// What it is, for people and for the counters.
    pub label: Label,
    /// From where.
    pub from: Vec<IpNet>,
    /// What is spoken.
    pub protocol: Protocol,
    /// To which of the pump's ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Ports>,
    /// Only over this network interface; over any when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<Interface>,
    /// The most new connections, or echo requests, of one source in a minute. What comes beyond is dropped.
    pub per_source_per_minute: u32,
}

/// A firewall policy as plain data, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The schema's number; always [`SCHEMA`].
    pub schema: u32,
    /// What people call it.
    pub name: Label,
    /// The number of this version; it only grows.
    pub version: Version,
    /// How pumps come by their address.
    pub address: Address,
    /// The hub.
    pub hub: Hub,
    /// Servers that answer names (DNS, port 53).
    pub name_servers: Vec<IpNet>,
    /// Servers that tell the time (NTP, port 123).
    pub time_servers: Vec<IpNet>,
    /// Whom else a pump may reach.
    pub reach: Vec<Reach>,
    /// Who may reach a pump. Empty in nearly every hospital: nothing on a pump listens.
    pub accept: Vec<Accept>,
}

/// A firewall policy that keeps every rule of structure.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy(Draft);

/// Why bytes are not a firewall policy artifact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// More bytes than any policy has.
    #[error("the firewall policy has {0} bytes; at most {MAX_ARTIFACT_BYTES} are read")]
    TooLarge(usize),
    /// Not JSON of the schema. The text says where.
    #[error("not a firewall policy of schema {SCHEMA}: {0}")]
    Shape(String),
    /// A policy that breaks rules of structure.
    #[error("the firewall policy breaks {} rules, first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Structure(Vec<Problem>),
    /// The same policy would be written with other bytes.
    #[error("the firewall policy is not in canonical form: compile it again from its source")]
    NotCanonical,
}

impl Policy {
    /// Checks a draft.
    ///
    /// # Errors
    /// Every rule of structure that it breaks.
    pub fn new(draft: Draft) -> Result<Self, Vec<Problem>> {
        let problems = check::problems(&draft);
        if problems.is_empty() { Ok(Self(draft)) } else { Err(problems) }
    }

    /// What it says.
    #[must_use]
    pub const fn draft(&self) -> &Draft {
        &self.0
    }

    /// The policy as people write it: JSON with white space of any kind.
    ///
    /// # Errors
    /// [`CanonicalError`], which says what to change.
    pub fn from_source(bytes: &[u8]) -> Result<Self, CanonicalError> {
        if bytes.len() > MAX_ARTIFACT_BYTES {
            return Err(CanonicalError::TooLarge(bytes.len()));
        }
        let draft = serde_json::from_slice(bytes).map_err(|error| CanonicalError::Shape(error.to_string()))?;
        Self::new(draft).map_err(CanonicalError::Structure)
    }

    /// The bytes that people sign. The same policy always gives the same bytes.
    #[must_use]
    pub fn to_canonical_bytes(&self) -> Vec<u8> {
        // Plain structs with text keys cannot fail to serialize into memory.
        serde_json::to_vec(&self.0).unwrap_or_default()
    }

    /// Reads an artifact strictly, so that two readers never disagree about what was signed.
    ///
    /// # Errors
    /// [`CanonicalError`] unless the bytes are exactly what [`Policy::to_canonical_bytes`] writes.
    pub fn from_canonical_bytes(bytes: &[u8]) -> Result<Self, CanonicalError> {
        covers!("N13");
        let policy = Self::from_source(bytes)?;
        if policy.to_canonical_bytes() != bytes {
            return Err(CanonicalError::NotCanonical);
        }
        Ok(policy)
    }
}

#[cfg(test)]
mod tests;
