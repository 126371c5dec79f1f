//! Every pump during a change of authorities: what it believes as far as it proved it, whose certificate it holds, what is
//! left to do there, and how it comes there. Computed from reports and certificates whenever somebody asks; nothing of it
//! is stored.

use std::collections::BTreeMap;

use wardline_fleet::roll_over::{self, Believes, Change, Enrols, Issuer, Left, Linked, Seen, Stage, Way, What};
use wardline_model::{AssetTag, CareArea, Digest, PumpId, ReleaseRef, SlotState, Time};
use wardline_pki::name::UNKNOWN_HARDWARE;
use wardline_pki::{Cert, PumpIdentity};
use wardline_release::anchors::AnchorSet;
use wardline_store::{PumpRow, RollOverRow, RollOverStage, RollOverWhat, Store, StoreError};

use super::{Authorities, Next};
use crate::state::{Hub, now};

/// One pump that counts.
#[derive(Clone, Debug)]
pub(super) struct One {
    pub(super) pump: PumpId,
    pub(super) asset_tag: AssetTag,
    pub(super) care_area: CareArea,
    pub(super) left: Left,
    pub(super) way: Way,
    pub(super) is_in_the_way: InTheWay,
    pub(super) last_seen: Option<Time>,
    pub(super) certificate_ends: Option<Time>,
}

/// Whether a pump stands in the way of the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InTheWay {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Standing {
    /// The change that is under way, or the last one that was finished.
    pub(super) row: Option<RollOverRow>,
    pub(super) pumps: Vec<One>,
}

impl Standing {
    /// The pumps that stand in the way of the next step.
    pub(super) fn in_the_way(&self) -> impl Iterator<Item = &One> {
        self.pumps.iter().filter(|one| one.is_in_the_way == InTheWay::Yes)
    }

    /// For the audit: how many pumps a step left behind.
    pub(super) fn left_behind(&self) -> String {
        match self.in_the_way().count() {
            0 => "no pump was left behind".into(),
            some => format!("{some} pump(s) were left behind by decision"),
        }
    }
}

/// What a set of anchors lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lists {
    Old,
    Both,
    New,
    /// Neither of the two: another change, or another hospital's.
    Neither,
}

/// The standing as of now.
pub(super) async fn of(hub: &Hub) -> Result<Standing, StoreError> {
    let rows = hub.store.roll_overs().await?;
    let row = rows.iter().rev().find(|row| row.stage != RollOverStage::Abandoned).cloned();
    let authorities = hub.trust.now();
    let Some((change, sides)) = row.as_ref().and_then(|row| change(hub, row, &rows, &authorities)) else {
        return Ok(Standing { row: row.filter(|row| row.stage.is_open()), pumps: Vec::new() });
    };
    let certificates: BTreeMap<PumpId, Vec<u8>> = hub.store.certificates_in_use().await?.into_iter().collect();
    let mut sets = Sets { hub, sides: &sides, known: BTreeMap::new() };
    let mut pumps = Vec::new();
    for pump in hub.store.all_pumps().await? {
        let seen = seen(&pump, certificates.get(&pump.id), &mut sets).await?;
        let Some((left, way)) = roll_over::judge(&change, &seen, now()) else { continue };
        let blocks = roll_over::in_the_way(change.what, change.stage, left);
        pumps.push(One {
            pump: pump.id,
            asset_tag: pump.asset_tag,
            care_area: pump.care_area,
            left,
            way,
            is_in_the_way: if blocks { InTheWay::Yes } else { InTheWay::No },
            last_seen: pump.last_seen,
            certificate_ends: seen.certificate.map(|(_, ends)| ends),
        });
    }
    Ok(Standing { row, pumps })
}

/// The certificates that the change is between.
struct Sides {
    old_root: Cert,
    new_root: Cert,
    new_issuing: Cert,
}

fn change(hub: &Hub, row: &RollOverRow, rows: &[RollOverRow], now: &Authorities) -> Option<(Change, Sides)> {
    let what = match row.what {
        RollOverWhat::Root => What::Root,
        RollOverWhat::Issuing => What::Issuing,
    };
    let (stage, sides) = match (&now.next, row.stage) {
        (Some(Next { side, .. }), RollOverStage::Prepared | RollOverStage::Moved) => {
            let stage = if row.stage == RollOverStage::Moved { Stage::Moved } else { Stage::Prepared };
            let (old_root, new_root) = (now.old.root.clone(), side.root.clone());
            (stage, Sides { old_root, new_root, new_issuing: side.issuing.cert().clone() })
        }
        (None, RollOverStage::Finished) => {
            let before: Vec<_> = rows.iter().filter(|other| other.number < row.number).cloned().collect();
            let (was, _) = Store::authorities_of(&before);
            let old_root = super::steps::keys(hub).ok()?.cert(&super::key_name("root", was.root)).ok()?;
            let (new_root, new_issuing) = (now.old.root.clone(), now.old.issuing.cert().clone());
            (Stage::Finished, Sides { old_root, new_root, new_issuing })
        }
        _ => return None,
    };
    Some((Change { what, stage, old_root_ends: sides.old_root.not_after() }, sides))
}

async fn seen(pump: &PumpRow, certificate: Option<&Vec<u8>>, sets: &mut Sets<'_>) -> Result<Seen, StoreError> {
    let slot = pump.report.as_ref().map(|report| report.slots.trust_anchors).unwrap_or_default();
    // What is on trial is not proven yet: what was there before still is what it believes.
    let proven = slot.active.filter(|_| !matches!(slot.state, SlotState::Trial | SlotState::Switching));
    let lists = match proven {
        Some(active) => sets.lists(&active).await?,
        None => Lists::Old,
    };
    let cert = certificate.and_then(|der| Cert::from_der(der).ok());
    let identity = cert.as_ref().and_then(|cert| PumpIdentity::of(cert).ok());
    let issuer = cert.as_ref().map(|cert| {
        let is_new = cert.parsed().tbs_certificate.issuer == sets.sides.new_issuing.parsed().tbs_certificate.subject;
        (if is_new { Issuer::New } else { Issuer::Old }, cert.not_after())
    });
    Ok(Seen {
        lifecycle: pump.standing.lifecycle,
        linked: if pump.linked_since.is_some() { Linked::Now } else { Linked::Since(pump.last_seen) },
        believes: match lists {
            Lists::Both => Believes::Both,
            Lists::New => Believes::New,
            Lists::Old | Lists::Neither => Believes::Old,
        },
        slot: slot.state,
        certificate: issuer,
        enrols: match identity {
            Some(identity) if identity.hw_type != UNKNOWN_HARDWARE => Enrols::ByBirth,
            Some(_) | None => Enrols::ByCode,
        },
    })
}

/// What the released sets of trust anchors list, each read once.
struct Sets<'a> {
    hub: &'a Hub,
    sides: &'a Sides,
    known: BTreeMap<Digest, Lists>,
}

impl Sets<'_> {
    async fn lists(&mut self, release: &ReleaseRef) -> Result<Lists, StoreError> {
        if let Some(known) = self.known.get(&release.digest) {
            return Ok(*known);
        }
        let bytes = self.hub.store.artifact(&release.digest).await?;
        let set = bytes.and_then(|bytes| AnchorSet::parse(&bytes).ok());
        let listed: Vec<Cert> =
            set.iter().flat_map(AnchorSet::anchors).filter_map(|pem| Cert::from_pem(pem).ok()).collect();
        let lists = match (listed.contains(&self.sides.old_root), listed.contains(&self.sides.new_root)) {
            (true, true) => Lists::Both,
            (false, true) => Lists::New,
            (true, false) => Lists::Old,
            (false, false) => Lists::Neither,
        };
        self.known.insert(release.digest, lists);
        Ok(lists)
    }
}
