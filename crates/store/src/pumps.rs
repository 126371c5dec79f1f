//! The registry of pumps.

use std::collections::BTreeMap;

use wardline_model::{
    AssetTag, CareArea, Generation, HoldSupport, Lifecycle, Model, PumpId, Report, Serial, Time, Wait,
};

use crate::certificates::CertificateRow;
use crate::error::unbuilt;
use crate::{Decision, Page, PageRequest, RegistryEntry, Store, StoreError};

/// A line of the hospital's list of pumps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedPump {
    /// The maker's model.
    pub model: Model,
    /// The maker's serial number; unique within the model.
    pub serial: Serial,
    /// The hospital's inventory number; unique.
    pub asset_tag: AssetTag,
    /// Where it belongs.
    pub care_area: CareArea,
}

/// Where a pump is in its life, since when, by whom and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The state.
    pub lifecycle: Lifecycle,
    /// Who put it there, as [`crate::Actor`] prints.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Time,
}

/// Everything that the hub knows of one pump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PumpRow {
    /// Who it is.
    pub id: PumpId,
    /// The maker's model.
    pub model: Model,
    /// The maker's serial number.
    pub serial: Serial,
    /// The hospital's inventory number.
    pub asset_tag: AssetTag,
    /// Where it belongs.
    pub care_area: CareArea,
    /// Where it is in its life.
    pub standing: Standing,
    /// When anything was last heard of it.
    pub last_seen: Option<Time>,
    /// From which network address.
    pub last_place: Option<String>,
    /// Since when it has held a live link; `None` without one.
    pub linked_since: Option<Time>,
    /// Which hub process holds the link.
    pub link_node: Option<String>,
    /// Its clock minus the hub's, in milliseconds, when last compared.
    pub clock_offset_ms: Option<i64>,
    /// Whether its controller can grant a hold, as it last said.
    pub hold: HoldSupport,
    /// Its newest report.
    pub report: Option<Report>,
    /// When the hub received that report.
    pub report_received: Option<Time>,
    /// The newest goal's generation; zero when it has none.
    pub goal_generation: Generation,
    /// The newest goal, signed, as it is sent.
    pub goal: Option<Vec<u8>>,
    /// The certificate in use.
    pub certificate: Option<CertificateRow>,
}

/// Whether a pump holds a live link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkFilter {
    /// It does.
    Linked,
    /// It does not.
    Apart,
}

/// By what a list of pumps is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PumpSort {
    /// By inventory number.
    #[default]
    AssetTag,
    /// By care area, then inventory number.
    CareArea,
    /// By model, then serial.
    Model,
    /// By state.
    Lifecycle,
    /// By when last heard of.
    LastSeen,
    /// By since when something has been waiting.
    WaitingSince,
}

/// Which end first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    /// Smallest or oldest first.
    #[default]
    Ascending,
    /// Largest or newest first.
    Descending,
}

/// Which pumps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PumpQuery {
    /// Every word must occur in asset tag, serial, model, care area, place or id.
    pub search: Option<String>,
    /// Only in this state.
    pub lifecycle: Option<Lifecycle>,
    /// Only of this care area.
    pub care_area: Option<CareArea>,
    /// Only of this model.
    pub model: Option<Model>,
    /// Only with this reason to wait in some slot.
    pub wait: Option<Wait>,
    /// Only with or without a live link.
    pub link: Option<LinkFilter>,
    /// Sorted by.
    pub sort: PumpSort,
    /// Which end first.
    pub order: SortOrder,
    /// Which page.
    pub page: PageRequest,
}

/// How many pumps there are of what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetCounts {
    /// All of them.
    pub total: u64,
    /// With a live link.
    pub linked: u64,
    /// Per state; every state is there.
    pub by_lifecycle: BTreeMap<Lifecycle, u64>,
    /// Per care area.
    pub by_care_area: BTreeMap<CareArea, u64>,
    /// Per model.
    pub by_model: BTreeMap<Model, u64>,
    /// Per reason to wait.
    pub by_wait: BTreeMap<Wait, u64>,
}

/// A move from one state to the next that `fleet` allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifecycleChange {
    /// Which pump.
    pub pump: PumpId,
    /// Where the decision believed it to be; the change is refused when it is elsewhere by now.
    pub from: Lifecycle,
    /// Where it goes. `Lost` and `Retired` revoke its certificates in the same transaction.
    pub to: Lifecycle,
}

impl Store {
    /// Puts pumps on the list of expected ones, all or none.
    ///
    /// # Errors
    /// [`StoreError::Taken`] names every row whose serial or asset tag exists already or occurs twice.
    pub async fn expect_pumps(&self, pumps: &[ExpectedPump], by: &Decision) -> Result<Vec<PumpId>, StoreError> {
        let _ = (pumps, by);
        unbuilt()
    }

    /// The pump with this id.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn pump(&self, id: PumpId) -> Result<Option<PumpRow>, StoreError> {
        let _ = id;
        unbuilt()
    }

    /// The pump of this model with this serial number.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn pump_by_serial(&self, model: &Model, serial: &Serial) -> Result<Option<PumpRow>, StoreError> {
        let _ = (model, serial);
        unbuilt()
    }

    /// The pump with this asset tag.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn pump_by_asset_tag(&self, tag: &AssetTag) -> Result<Option<PumpRow>, StoreError> {
        let _ = tag;
        unbuilt()
    }

    /// A page of pumps.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn pumps(&self, query: &PumpQuery) -> Result<Page<PumpRow>, StoreError> {
        let _ = query;
        unbuilt()
    }

    /// Every pump, by id: for the planner and for exports.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn all_pumps(&self) -> Result<Vec<PumpRow>, StoreError> {
        unbuilt()
    }

    /// How many pumps there are of what.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn fleet_counts(&self) -> Result<FleetCounts, StoreError> {
        unbuilt()
    }

    /// Moves a pump in its life, with the audit record `pump.<state>` in the same transaction. Returns what the guard of
    /// the handshake must know from now on.
    ///
    /// # Errors
    /// [`StoreError::Moved`] when the pump is not where the decision believed it to be (recorded as a refusal),
    /// [`StoreError::NotFound`].
    pub async fn decide_lifecycle(&self, change: LifecycleChange, by: &Decision) -> Result<RegistryEntry, StoreError> {
        let _ = (change, by);
        unbuilt()
    }

    /// Gives a pump another place or inventory number.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the tag is another pump's, [`StoreError::NotFound`].
    pub async fn edit_pump(
        &self,
        id: PumpId,
        asset_tag: &AssetTag,
        care_area: &CareArea,
        by: &Decision,
    ) -> Result<(), StoreError> {
        let _ = (id, asset_tag, care_area, by);
        unbuilt()
    }

    /// A pump's live link came up at this hub process, from this network address.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn link_up(&self, id: PumpId, node: &str, place: &str, now: Time) -> Result<(), StoreError> {
        let _ = (id, node, place, now);
        unbuilt()
    }

    /// A pump's live link at this hub process ended. Does nothing when another process holds a newer one.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn link_down(&self, id: PumpId, node: &str, now: Time) -> Result<(), StoreError> {
        let _ = (id, node, now);
        unbuilt()
    }

    /// This hub process starts: whatever links it held are gone.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn links_lost(&self, node: &str) -> Result<(), StoreError> {
        let _ = node;
        unbuilt()
    }

    /// Notes that pumps were heard of, and how their clocks stand, in one transaction.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn pumps_seen(&self, seen: &[(PumpId, Time, Option<i64>)]) -> Result<(), StoreError> {
        let _ = seen;
        unbuilt()
    }
}
