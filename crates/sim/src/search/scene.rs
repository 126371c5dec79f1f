//! What a search is about: which releases exist and what is wrong with them, what the hub asks for, and how much bad
//! luck there is.

use std::collections::BTreeMap;

use wardline_model::{Digest, HoldSupport, Kind, PumpId, ReleaseRef, Version};
use wardline_pump::Rules;
use wardline_pump::identity::IdentityRules;

/// What is wrong with a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flaw {
    /// Nothing.
    Sound,
    /// Its signatures do not hold: the agent sees it.
    Unsigned,
    /// The agent was fooled; the controller checks for itself.
    OnlyAgentFooled,
    /// The controller reads something else in it than was approved.
    ReadsWrong,
    /// The hub cannot be reached over it.
    CutsOff,
    /// It does not start: the boot loader sees it.
    DoesNotStart,
}

/// Who holds the communication side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Agent {
    /// Us.
    Ours,
    /// A thief: it says to the controller whatever it likes.
    Stolen,
}

/// How a pump comes to a certificate when it has none that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Enrols {
    /// By its birth certificate, as often as it must.
    ByBirth,
    /// By a code that is used: a person would have to bring another.
    ByCode,
}

/// The rules that the two machines of a pump keep. A program can only make [`Keeps::all`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keeps {
    /// The slot machine, on the communication side.
    pub pump: Rules,
    /// The therapy controller.
    pub controller: Rules,
    /// The pump's own certificate, on the communication side.
    pub identity: IdentityRules,
}

impl Keeps {
    /// All nine on both sides, and those of the certificate.
    #[must_use]
    pub const fn all() -> Self {
        Self { pump: Rules::all(), controller: Rules::all(), identity: IdentityRules::all() }
    }
}

/// The fixed part of a search.
#[derive(Clone, Debug)]
pub struct Scene {
    /// A short name, to ask for it.
    pub name: &'static str,
    /// What it is about, in one line.
    pub about: &'static str,
    /// Whether the controller grants holds.
    pub support: HoldSupport,
    /// Who holds the communication side.
    pub agent: Agent,
    /// What this pump can switch.
    pub kinds: &'static [Kind],
    /// The flaw of each release by kind and version; absent is sound.
    pub flaws: BTreeMap<(Kind, u64), Flaw>,
    /// What the hub asks for, one goal after the other: a version for each kind that it names.
    pub goals: Vec<Vec<(Kind, u64)>>,
    /// How often power may go, or the agent be killed, at any moment.
    pub powers: u8,
    /// How often the network may go.
    pub cuts: u8,
    /// How many things a nurse may begin, and alarms sound.
    pub acts: u8,
    /// How the pump enrols, where certificates are part of the scene.
    pub enrols: Option<Enrols>,
    /// How much may happen to certificates, clocks and the authority.
    pub troubles: u8,
}

/// The pump of every search.
pub(super) const PUMP: PumpId = PumpId::from_bytes([7; 16]);

/// The release of this kind with this version: its digest is made of both.
pub(super) fn release(kind: Kind, version: u64) -> ReleaseRef {
    let mut bytes = [0; 32];
    bytes[0] = kind as u8;
    bytes[1] = version as u8;
    ReleaseRef { kind, version: Version(version), digest: Digest::from_bytes(bytes), length: 1 }
}

impl Scene {
    /// What is wrong with this release.
    pub(super) fn flaw(&self, of: ReleaseRef) -> Flaw {
        self.flaws.get(&(of.kind, of.version.0)).copied().unwrap_or(Flaw::Sound)
    }
}
