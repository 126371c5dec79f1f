//! What the detection machines say: a class, how bad it is, on what evidence, and what may be done about it here and now.

use core::fmt;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};
use wardline_model::Span;

/// How long a source is blocked. An hour: longer than any scan waits, short enough that a mistake mends itself.
pub const BLOCKED_FOR: Span = Span::from_h(1);

/// What kind of thing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// One source tried many ports at once.
    FastScan,
    /// One source tried many ports over hours.
    SlowScan,
    /// Many sources tried a few ports each, together many.
    SpreadScan,
    /// More packets than a network at rest sends.
    Flood,
    /// One source came again and again to a service that is limited.
    BruteForce,
    /// A program on this pump wanted to talk to somebody whom the policy does not name.
    Egress,
    /// It wanted so with many, as something that looks for other victims does.
    Spreading,
    /// It wanted so at regular times, as something that calls home does.
    Beacon,
    /// Another machine answers for the gateway.
    SpoofedGateway,
    /// A server that the policy does not name gave this pump its network.
    RogueDhcp,
    /// A server of names said that the hub is where the policy says it is not.
    RogueNames,
    /// Somebody at the hub's place was not the hub.
    FalseHub,
    /// A program on this pump listens, and none may.
    Listener,
    /// A protected file changed without a switch.
    Tampering,
    /// Something was plugged into the pump.
    Attached,
    /// The communication side starts again and again.
    Restarts,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth a line.
    Notice,
    /// Somebody should look today.
    Warning,
    /// Somebody should look now.
    High,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 16] = [
        Self::FastScan,
        Self::SlowScan,
        Self::SpreadScan,
        Self::Flood,
        Self::BruteForce,
        Self::Egress,
        Self::Spreading,
        Self::Beacon,
        Self::SpoofedGateway,
        Self::RogueDhcp,
        Self::RogueNames,
        Self::FalseHub,
        Self::Listener,
        Self::Tampering,
        Self::Attached,
        Self::Restarts,
    ];

    /// How bad it is.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::Attached => Severity::Notice,
            Self::SlowScan | Self::SpreadScan | Self::BruteForce | Self::Egress | Self::RogueDhcp | Self::Restarts => {
                Severity::Warning
            }
            Self::FastScan
            | Self::Flood
            | Self::Spreading
            | Self::Beacon
            | Self::SpoofedGateway
            | Self::RogueNames
            | Self::FalseHub
            | Self::Listener
            | Self::Tampering => Severity::High,
        }
    }

    /// What the pump does about it by itself. It touches communication only, and each can be taken back.
    #[must_use]
    pub const fn response(self) -> Response {
        match self {
            Self::FastScan | Self::SlowScan | Self::Flood | Self::BruteForce => Response::Block,
            // The pump itself may be the attacker: it keeps nobody but its hub, who decides.
            Self::Spreading | Self::Beacon | Self::Listener | Self::Tampering => Response::NarrowAndAsk,
            // Sources of these are not known, or are not who they say: to block them would be to be led.
            Self::SpreadScan
            | Self::Egress
            | Self::SpoofedGateway
            | Self::RogueDhcp
            | Self::RogueNames
            | Self::FalseHub
            | Self::Attached
            | Self::Restarts => Response::Tell,
        }
    }

    /// In words for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::FastScan => "a port scan",
            Self::SlowScan => "a slow port scan",
            Self::SpreadScan => "a port scan from many places",
            Self::Flood => "a flood of packets",
            Self::BruteForce => "one source that tries again and again",
            Self::Egress => "a program on the pump that wanted to talk to somebody whom the policy does not name",
            Self::Spreading => "a program on the pump that tries many machines",
            Self::Beacon => "a program on the pump that calls the same place at regular times",
            Self::SpoofedGateway => "another machine that answers for the gateway",
            Self::RogueDhcp => "a network address from a server that the policy does not name",
            Self::RogueNames => "a server of names that says the hub is elsewhere",
            Self::FalseHub => "somebody at the hub's place who is not the hub",
            Self::Listener => "a program on the pump that listens on the network",
            Self::Tampering => "a protected file that changed without a switch",
            Self::Attached => "something plugged into the pump",
            Self::Restarts => "a communication side that starts again and again",
        }
    }
}

/// What the pump does about a finding by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// Only tell the hub.
    Tell,
    /// Block the source for [`BLOCKED_FOR`].
    Block,
    /// Talk to nobody but the hub, and ask it for a quarantine.
    NarrowAndAsk,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind.
    pub class: Class,
    /// Who is behind it, as far as the network says.
    pub source: Option<IpAddr>,
    /// How often it was found since it was told last, this time included.
    pub times: u64,
    /// On what evidence, for people.
    pub evidence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.class.words())?;
        if let Some(source) = self.source {
            write!(f, ", {source}")?;
        }
        write!(f, ": {}", self.evidence)
    }
}
