//! What the agent saw, as plain values: the inputs of the detection machines.

use core::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A hardware address (IEEE 802 MAC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hardware(pub [u8; 6]);

impl core::fmt::Display for Hardware {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// To whom a packet was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// To this pump alone.
    This,
    /// To everybody, by broadcast or multicast: offices are full of it, and it says nothing about an attack.
    Everybody,
}

/// Why the packet filter dropped a packet that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// No rule of the policy named it.
    NotNamed,
    /// A rule named it, and its source came too often.
    TooOften,
}

/// What in the pump changed its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Socket {
    /// A USB device.
    Usb,
    /// A serial line.
    Serial,
}

/// What is wrong with somebody who says that it is the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerProblem {
    /// Its certificate does not lead to an authority that the pump believes.
    Untrusted,
    /// Its certificate is for another name or purpose.
    WrongName,
    /// It speaks no TLS 1.3.
    Downgrade,
}

/// One thing that the agent saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A packet that came in and was dropped. The packet filter notes at most 50 in a second.
    In {
        /// Who sent it, as far as it says.
        source: IpAddr,
        /// To which port; none for a protocol without.
        port: Option<u16>,
        /// To whom.
        whom: Whom,
        /// Why it was dropped.
        why: Dropped,
    },
    /// How many packets that came in were dropped since the agent looked last, a second ago.
    Count {
        /// All of them, noted or not.
        dropped: u64,
    },
    /// A packet that a program on this pump wanted to send and that was refused.
    Out {
        /// To whom.
        to: IpAddr,
        /// To which port.
        port: Option<u16>,
    },
    /// Which hardware answers for the gateway.
    Gateway {
        /// The gateway.
        address: IpAddr,
        /// Its hardware, as the network says.
        hardware: Hardware,
    },
    /// A lease of an address.
    Lease {
        /// Who gave it.
        server: IpAddr,
        /// The way out of the network that it names.
        gateway: IpAddr,
        /// The servers of names that it names.
        names: Vec<IpAddr>,
    },
    /// Where the hub is, as a server of names says.
    HubIsAt {
        /// Who says so.
        server: IpAddr,
        /// Where.
        addresses: Vec<IpAddr>,
    },
    /// Somebody at the hub's place was not the hub.
    Impostor {
        /// Where.
        address: IpAddr,
        /// What was wrong.
        why: PeerProblem,
    },
    /// A program on this pump began to listen.
    Listens {
        /// At which port.
        port: u16,
    },
    /// A file that only a switch may change was changed without one.
    Changed {
        /// Its name.
        file: String,
    },
    /// Something was plugged in.
    Attached {
        /// Where.
        socket: Socket,
    },
    /// The agent or the pump's communication side started.
    Started,
}
