//! An agent in the hands of a thief: what it can say to the controller.
//!
//! The controller must keep its patients' never events alone, whatever comes through the port.

use wardline_model::Kind;
use wardline_pump::HoldId;

use super::scene::release;
use crate::controller::Ask;

/// Every request that could matter: old, new, unsigned and foreign releases, right and invented holds.
pub fn asks() -> Vec<Ask> {
    let libraries: Vec<_> = (1..=3).map(|version| release(Kind::DrugLibrary, version)).collect();
    let others = [Kind::WirelessProfile, Kind::Firmware].map(|kind| Ask::Hold(release(kind, 2)));
    let mut asks = vec![Ask::Gone];
    asks.extend(others);
    asks.extend(libraries.iter().flat_map(|of| [Ask::Hold(*of), Ask::Offered(*of)]));
    for hold in [None, Some(HoldId(1)), Some(HoldId(2))] {
        asks.extend(libraries.iter().map(|release| Ask::MakeCurrent { hold, release: *release }));
        asks.extend(hold.map(Ask::ReleaseHold));
    }
    asks
}
