//! The scenes that are searched. Each bounds its bad luck so that all of them together take seconds and little memory.

use std::collections::BTreeMap;

use wardline_model::{HoldSupport, Kind};

use super::scene::{Agent, Enrols, Flaw, Scene};

use Kind::{DrugLibrary, FirewallPolicy, Firmware, TrustAnchors, WirelessProfile};

/// Every scene, in the order in which they are told.
#[must_use]
pub fn scenes() -> Vec<Scene> {
    [libraries(), bad_libraries(), network_kinds(), firmware(), vec![both(), stolen(), stolen_no_holds()], identities()]
        .concat()
}

/// One sound library and no bad luck, to be changed.
fn scene(name: &'static str, about: &'static str) -> Scene {
    Scene {
        name,
        about,
        support: HoldSupport::Grants,
        agent: Agent::Ours,
        kinds: &[DrugLibrary],
        flaws: BTreeMap::new(),
        goals: vec![vec![(DrugLibrary, 2)]],
        powers: 0,
        cuts: 0,
        acts: 0,
        enrols: None,
        troubles: 0,
    }
}

fn only(kinds: &'static [Kind], base: Scene) -> Scene {
    Scene { kinds, goals: vec![kinds.iter().map(|kind| (*kind, 2)).collect()], ..base }
}

fn flawed(kind: Kind, flaw: Flaw, base: Scene) -> Scene {
    Scene { flaws: BTreeMap::from([((kind, 2), flaw)]), ..base }
}

fn goals(wanted: &[(Kind, u64)], base: Scene) -> Scene {
    Scene { goals: wanted.iter().map(|want| vec![*want]).collect(), ..base }
}

fn libraries() -> Vec<Scene> {
    let next = [(DrugLibrary, 2), (DrugLibrary, 3)];
    let older = [(DrugLibrary, 2), (DrugLibrary, 1)];
    vec![
        Scene { powers: 1, acts: 1, ..scene("library", "a sound drug library, a nurse, and power that goes") },
        Scene { acts: 2, ..scene("library-nurse", "a sound drug library and a busy nurse") },
        Scene { powers: 1, ..goals(&next, scene("library-next", "two drug libraries, one after the other")) },
        Scene { cuts: 1, acts: 1, ..scene("library-network", "a drug library over a network that comes and goes") },
        Scene {
            powers: 1,
            cuts: 1,
            ..scene("library-power-network", "a drug library while power and network both go")
        },
        Scene { powers: 1, ..goals(&older, scene("library-older", "a stolen hub asks for an older library")) },
        Scene {
            support: HoldSupport::Cannot,
            powers: 1,
            acts: 2,
            ..scene("no-holds", "a controller that grants no holds")
        },
    ]
}

fn bad_libraries() -> Vec<Scene> {
    let next = [(DrugLibrary, 2), (DrugLibrary, 3)];
    let wrong = scene("library-reads-wrong", "a library that reads back wrong");
    let unsigned = scene("library-unsigned", "an unsigned library, then a good one");
    let fooled = scene("library-agent-fooled", "a library that only the agent believes");
    vec![
        Scene { acts: 2, ..flawed(DrugLibrary, Flaw::ReadsWrong, wrong) },
        Scene { powers: 1, ..goals(&next, flawed(DrugLibrary, Flaw::Unsigned, unsigned)) },
        Scene { acts: 1, ..flawed(DrugLibrary, Flaw::OnlyAgentFooled, fooled) },
    ]
}

/// The kinds that the communication side switches and the pump's own timer takes back.
fn network_kinds() -> Vec<Scene> {
    let next = [(TrustAnchors, 2), (TrustAnchors, 3)];
    let trust = only(&[TrustAnchors], scene("trust", "two sound sets of trust anchors"));
    let trust_bad = only(&[TrustAnchors], scene("trust-cuts-off", "trust anchors that cut off"));
    let wireless = only(&[WirelessProfile], scene("wireless", "a sound wireless profile beside a nurse"));
    let wireless_bad = only(&[WirelessProfile], scene("wireless-cuts-off", "a wireless profile that cuts off"));
    let two = only(&[FirewallPolicy, TrustAnchors], scene("network", "two network slots at once, one of them bad"));
    vec![
        Scene { powers: 1, cuts: 1, ..goals(&next, trust) },
        Scene { powers: 2, cuts: 1, ..flawed(TrustAnchors, Flaw::CutsOff, trust_bad) },
        Scene { cuts: 1, acts: 1, ..wireless },
        Scene { powers: 1, ..flawed(WirelessProfile, Flaw::CutsOff, wireless_bad) },
        Scene { powers: 1, ..flawed(TrustAnchors, Flaw::CutsOff, two) },
    ]
}

/// The kind that restarts the pump, and that the boot loader takes back.
fn firmware() -> Vec<Scene> {
    let sound = only(&[Firmware], scene("firmware", "sound firmware, a nurse, and power that goes"));
    let network = only(&[Firmware], scene("firmware-power-network", "sound firmware while power and network both go"));
    let cuts_off = only(&[Firmware], scene("firmware-cuts-off", "firmware that cannot reach the hub"));
    let dead = only(&[Firmware], scene("firmware-does-not-start", "firmware that does not start"));
    vec![
        Scene { powers: 1, acts: 1, ..sound },
        Scene { powers: 1, cuts: 1, ..network },
        Scene { powers: 1, acts: 1, ..flawed(Firmware, Flaw::CutsOff, cuts_off) },
        Scene { powers: 1, acts: 1, ..flawed(Firmware, Flaw::DoesNotStart, dead) },
    ]
}

fn both() -> Scene {
    let base = scene("library-and-trust", "a library and trust anchors at once");
    Scene { acts: 1, ..only(&[DrugLibrary, TrustAnchors], base) }
}

fn stolen() -> Scene {
    let base = scene("stolen-agent", "an agent in the hands of a thief");
    let flaws = BTreeMap::from([((DrugLibrary, 3), Flaw::OnlyAgentFooled)]);
    Scene { agent: Agent::Stolen, flaws, goals: vec![], powers: 1, acts: 2, ..base }
}

fn stolen_no_holds() -> Scene {
    let about = "a stolen agent, and a controller that grants no holds";
    Scene { name: "stolen-agent-no-holds", about, support: HoldSupport::Cannot, ..stolen() }
}

/// The pump's own certificate: renewals, an end in the cupboard, clocks that jump ten years, an authority that cannot issue.
fn identities() -> Vec<Scene> {
    let birth =
        scene("identity", "certificates that end, clocks that jump ten years, an authority that is gone for days");
    let code = scene("identity-code", "the same for a pump whose one-time code is used");
    let library = scene("identity-library", "a drug library while certificates, clocks and the authority fail");
    let quiet = |base| Scene { goals: vec![], ..base };
    vec![
        Scene { enrols: Some(Enrols::ByBirth), troubles: 3, acts: 2, ..quiet(birth) },
        Scene { enrols: Some(Enrols::ByCode), troubles: 3, acts: 2, ..quiet(code) },
        Scene { enrols: Some(Enrols::ByBirth), troubles: 1, acts: 1, ..library },
    ]
}
