//! The five kinds of release, and the table of what differs between them.
//!
//! | kind | may switch when | switch | proof | if it fails |
//! |---|---|---|---|---|
//! | firmware | hold | other bank, reboot | hub reached | boot loader goes back |
//! | drug library | hold, no program loaded | pointer | controller reads back | stays on the old |
//! | wireless profile | hold, unless declared apart from therapy | new beside old | hub reached | own timer goes back |
//! | firewall policy | hold, unless declared apart from therapy | atomic swap | hub reached | own timer goes back |
//! | trust anchors | any time, alone | add | hub reached | remove the new |
//!
//! The slot machine reads [`Kind::row`] and never matches on a kind itself, so a kind's switch can be added without
//! touching the machine.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

use crate::time::Span;

/// What a slot of a pump can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The pump's own software.
    Firmware,
    /// Drugs, concentrations and limits per care area.
    DrugLibrary,
    /// How the pump joins the hospital's Wi-Fi.
    WirelessProfile,
    /// What the pump may talk to.
    FirewallPolicy,
    /// Which authorities the pump believes.
    TrustAnchors,
}

/// When a kind may switch, given that it is staged and cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SwitchWhen {
    /// Only under a hold that the therapy controller granted, with no program loaded.
    HoldNoProgram,
    /// Only under a hold that the therapy controller granted.
    Hold,
    /// Any time, but with no other slot on trial.
    Alone,
}

/// How a kind's switch is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Switch {
    /// Start the other bank: the pump reboots.
    Bank,
    /// The therapy controller moves its pointer from one verified file to another.
    Pointer,
    /// The agent puts the new beside the old and moves over.
    Beside,
}

/// What settles a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// The therapy controller reads back digest, entry count and a rendered sample.
    ReadBack,
    /// The pump reached its hub over the new release.
    HubReached,
}

/// Whether a release of this kind can change what therapy does (the never events N2 and N3 speak of these).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TouchesTherapy {
    /// It can.
    Yes,
    /// It cannot: it only concerns who the pump talks to.
    No,
}

/// A kind's row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindRow {
    /// Whether therapy can be changed by it.
    pub touches_therapy: TouchesTherapy,
    /// When it may switch.
    pub when: SwitchWhen,
    /// How it switches.
    pub switch: Switch,
    /// What proves it.
    pub proof: Proof,
    /// How long a trial may last before the pump goes back by its own timer (or reports, where nothing can go back).
    pub deadline: Span,
}

impl Kind {
    /// Every kind, in the order in which a pump with several differences works: trust first (the others need it to be
    /// fetched), then what keeps the pump reachable, then what touches therapy.
    pub const ALL: [Self; 5] =
        [Self::TrustAnchors, Self::FirewallPolicy, Self::WirelessProfile, Self::Firmware, Self::DrugLibrary];

    /// What differs between this kind and the others.
    #[must_use]
    pub const fn row(self) -> KindRow {
        match self {
            Self::Firmware => KindRow {
                touches_therapy: TouchesTherapy::Yes,
                when: SwitchWhen::HoldNoProgram,
                switch: Switch::Bank,
                proof: Proof::HubReached,
                deadline: Span::from_min(15),
            },
            Self::DrugLibrary => KindRow {
                touches_therapy: TouchesTherapy::Yes,
                when: SwitchWhen::HoldNoProgram,
                switch: Switch::Pointer,
                proof: Proof::ReadBack,
                deadline: Span::from_s(30),
            },
            Self::WirelessProfile | Self::FirewallPolicy => KindRow {
                touches_therapy: TouchesTherapy::No,
                when: SwitchWhen::Hold,
                switch: Switch::Beside,
                proof: Proof::HubReached,
                deadline: Span::from_min(5),
            },
            Self::TrustAnchors => KindRow {
                touches_therapy: TouchesTherapy::No,
                when: SwitchWhen::Alone,
                switch: Switch::Beside,
                proof: Proof::HubReached,
                deadline: Span::from_min(5),
            },
        }
    }

    /// The name on the wire, in addresses and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firmware => "firmware",
            Self::DrugLibrary => "drug-library",
            Self::WirelessProfile => "wireless-profile",
            Self::FirewallPolicy => "firewall-policy",
            Self::TrustAnchors => "trust-anchors",
        }
    }

    /// The name on the screen.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Firmware => "Firmware",
            Self::DrugLibrary => "Drug library",
            Self::WirelessProfile => "Wireless profile",
            Self::FirewallPolicy => "Firewall policy",
            Self::TrustAnchors => "Trust anchors",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or("expected firmware, drug-library, wireless-profile, firewall-policy or trust-anchors")
    }
}

/// One `T` for each kind: the five slots of a pump, without a map that could miss one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PerKind<T> {
    /// The firmware slot.
    pub firmware: T,
    /// The drug library slot.
    pub drug_library: T,
    /// The wireless profile slot.
    pub wireless_profile: T,
    /// The firewall policy slot.
    pub firewall_policy: T,
    /// The trust anchor slot.
    pub trust_anchors: T,
}

impl<T> PerKind<T> {
    /// Makes the five from a function of the kind.
    pub fn from_fn(mut make: impl FnMut(Kind) -> T) -> Self {
        Self {
            firmware: make(Kind::Firmware),
            drug_library: make(Kind::DrugLibrary),
            wireless_profile: make(Kind::WirelessProfile),
            firewall_policy: make(Kind::FirewallPolicy),
            trust_anchors: make(Kind::TrustAnchors),
        }
    }

    /// The one of this kind.
    #[must_use]
    pub const fn get(&self, kind: Kind) -> &T {
        match kind {
            Kind::Firmware => &self.firmware,
            Kind::DrugLibrary => &self.drug_library,
            Kind::WirelessProfile => &self.wireless_profile,
            Kind::FirewallPolicy => &self.firewall_policy,
            Kind::TrustAnchors => &self.trust_anchors,
        }
    }

    /// The one of this kind, to be changed.
    pub const fn get_mut(&mut self, kind: Kind) -> &mut T {
        match kind {
            Kind::Firmware => &mut self.firmware,
            Kind::DrugLibrary => &mut self.drug_library,
            Kind::WirelessProfile => &mut self.wireless_profile,
            Kind::FirewallPolicy => &mut self.firewall_policy,
            Kind::TrustAnchors => &mut self.trust_anchors,
        }
    }

    /// All five with their kinds, in the order of [`Kind::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &T)> {
        Kind::ALL.into_iter().map(move |kind| (kind, self.get(kind)))
    }
}
