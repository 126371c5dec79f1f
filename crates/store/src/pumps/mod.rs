//! The registry of pumps: who is on the list, and where each is in its life. `read` finds them, `quarantine` holds them.

mod quarantine;
mod read;

use std::collections::BTreeSet;

use wardline_model::{AssetTag, CareArea, Ending, HoldSupport, Lifecycle, Model, PumpId, Serial};

pub use quarantine::{Cap, HeldPump, Quarantine, QuarantineChange};
#[cfg(test)]
pub(crate) use read::{Conditions, page_of_ids};
pub use read::{FleetCounts, LinkFilter, PumpQuery, PumpRow, PumpSort, SortOrder, Standing};

use crate::certificates::{SUPERSEDED, entry_in, revoke_in};
use crate::engine::is_taken;
use crate::group::Deciding;
use crate::row::{parse, pieces, placeholders, query, text, time, word};
use crate::store::Trouble;
use crate::wipes::follow_in;
use crate::{Decision, Entry, Notice, RegistryEntry, Store, StoreError};

/// The most pumps of one list: a large health system's fleet ten times over.
const LARGEST_LIST: usize = 200_000;
/// How many rows one statement inserts.
const LARGEST_STATEMENT: usize = 256;
/// CRL reason `cessationOfOperation` (RFC 5280 section 5.3.1), for a pump that is retired.
const CESSATION: u8 = 5;
/// CRL reason `keyCompromise`, for a pump that is lost: whoever has it may have its key.
const KEY_COMPROMISE: u8 = 1;

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

/// A move from one state to the next that `fleet` allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifecycleChange {
    /// Which pump.
    pub pump: PumpId,
    /// Where the decision believed it to be; the change is refused when it is elsewhere by now.
    pub from: Lifecycle,
    /// Where it goes. `Lost`, `Retired` and `Expected` (it must enrol anew) revoke its certificates in the same
    /// transaction.
    pub to: Lifecycle,
}

/// What a search looks into: everything that people call a pump by, in lower case.
fn search_text(id: &str, pump: &ExpectedPump) -> String {
    let ExpectedPump { model, serial, asset_tag, care_area } = pump;
    format!("{asset_tag} {serial} {model} {care_area} {id}").to_lowercase()
}

impl Store {
    /// Puts pumps on the list of expected ones, all or none, with one audit record.
    ///
    /// # Errors
    /// [`StoreError::Taken`] names every row whose serial or asset tag exists already or occurs twice.
    pub async fn expect_pumps(&self, pumps: &[ExpectedPump], by: &Decision) -> Result<Vec<PumpId>, StoreError> {
        if pumps.len() > LARGEST_LIST {
            let why = format!("it has {} pumps, and {LARGEST_LIST} is the most", pumps.len());
            return Err(StoreError::refused("the list of pumps", why));
        }
        self.step("putting pumps on the list", async {
            let mut deciding = self.decide().await?;
            let taken = taken(&mut deciding, pumps).await?;
            if !taken.is_empty() {
                return Err(StoreError::Taken { rows: taken }.into());
            }
            let ids = insert_pumps(&mut deciding, pumps, by).await?;
            let (pump, subject) = match (pumps, &ids[..]) {
                ([one], [id]) => (Some(*id), one.asset_tag.to_string()),
                _ => (None, format!("{} pumps", pumps.len())),
            };
            deciding.note(by, &Entry::done("pump.expect", pump, subject)).await?;
            deciding.tell(Notice::List);
            deciding.commit().await?;
            Ok(ids)
        })
        .await
    }

    /// Moves a pump in its life, with the audit record `pump.<state>` in the same transaction. Returns what the guard of
    /// the handshake must know from now on.
    ///
    /// # Errors
    /// [`StoreError::Moved`] when the pump is not where the decision believed it to be (recorded as a refusal),
    /// [`StoreError::NotFound`].
    pub async fn decide_lifecycle(&self, change: LifecycleChange, by: &Decision) -> Result<RegistryEntry, StoreError> {
        let ending = if change.to == Lifecycle::Lost { Ending::Lost } else { Ending::Retired };
        self.decide_lifecycle_ending(change, ending, by).await
    }

    /// The same; where it ends the pump's time in this hospital, `ending` says why, for the order to wipe it that is
    /// written in the same transaction.
    ///
    /// # Errors
    /// As [`Store::decide_lifecycle`].
    pub async fn decide_lifecycle_ending(
        &self,
        change: LifecycleChange,
        ending: Ending,
        by: &Decision,
    ) -> Result<RegistryEntry, StoreError> {
        let LifecycleChange { pump, from, to } = change;
        let action = format!("pump.{to}");
        self.step("moving a pump in its life", async {
            let mut deciding = self.decide().await?;
            let row = sqlx::query("SELECT lifecycle, asset_tag FROM pumps WHERE id = $1")
                .bind(pump.to_string())
                .fetch_optional(deciding.connection())
                .await?
                .ok_or_else(|| StoreError::not_found(format!("pump {pump}")))?;
            let (is, tag): (Lifecycle, String) = (parse(&row, "lifecycle")?, text(&row, "asset_tag")?);
            if is != from {
                deciding.note(by, &Entry::refused(&action, Some(pump), format!("{tag} is {is}, not {from}"))).await?;
                deciding.commit().await?;
                return Err(StoreError::Moved { pump, expected: from, is }.into());
            }
            set_lifecycle(&mut deciding, pump, to, by).await?;
            quarantine::follow(&mut deciding, pump, (from, to), by).await?;
            match to {
                Lifecycle::Lost => revoke_in(&mut deciding, pump, KEY_COMPROMISE, by).await?,
                Lifecycle::Retired => revoke_in(&mut deciding, pump, CESSATION, by).await?,
                Lifecycle::Expected => revoke_in(&mut deciding, pump, SUPERSEDED, by).await?,
                Lifecycle::Enrolled | Lifecycle::InService | Lifecycle::Quarantined => 0,
            };
            deciding.note(by, &Entry::done(&action, Some(pump), tag)).await?;
            follow_in(&mut deciding, pump, from, to, ending, by).await?;
            deciding.tell(Notice::Pumps(vec![pump]));
            let entry = entry_in(deciding.tx(), pump).await?;
            deciding.commit().await?;
            Ok(entry)
        })
        .await
    }

    /// Gives a pump another place or inventory number, with the audit record `pump.edit`.
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
        self.step("editing a pump", async {
            let mut deciding = self.decide().await?;
            let row = sqlx::query("SELECT model, serial FROM pumps WHERE id = $1")
                .bind(id.to_string())
                .fetch_optional(deciding.connection())
                .await?
                .ok_or_else(|| StoreError::not_found(format!("pump {id}")))?;
            let pump = ExpectedPump {
                model: parse(&row, "model")?,
                serial: parse(&row, "serial")?,
                asset_tag: asset_tag.clone(),
                care_area: care_area.clone(),
            };
            sqlx::query("UPDATE pumps SET asset_tag = $1, care_area = $2, search = $3 WHERE id = $4")
                .bind(asset_tag.to_string())
                .bind(care_area.to_string())
                .bind(search_text(&id.to_string(), &pump))
                .bind(id.to_string())
                .execute(deciding.connection())
                .await
                .map_err(|error| match is_taken(&error) {
                    true => {
                        StoreError::Taken { rows: vec![(0, format!("asset tag {asset_tag} is another pump's"))] }.into()
                    }
                    false => Trouble::from(error),
                })?;
            deciding.note(by, &Entry::done("pump.edit", Some(id), format!("{asset_tag}, {care_area}"))).await?;
            deciding.tell(Notice::List);
            deciding.commit().await
        })
        .await
    }
}

/// Which rows of a list cannot be kept, and why.
async fn taken(deciding: &mut Deciding, pumps: &[ExpectedPump]) -> Result<Vec<(usize, String)>, Trouble> {
    let mut tags = BTreeSet::new();
    let mut serials = BTreeSet::new();
    let rows = sqlx::query("SELECT model, serial, asset_tag FROM pumps").fetch_all(deciding.connection()).await?;
    for row in &rows {
        tags.insert(text(row, "asset_tag")?);
        serials.insert((text(row, "model")?, text(row, "serial")?));
    }
    let mut taken = Vec::new();
    for (index, pump) in pumps.iter().enumerate() {
        let ExpectedPump { model, serial, asset_tag, .. } = pump;
        if !serials.insert((model.to_string(), serial.to_string())) {
            taken.push((index, format!("serial {serial} of model {model} is on the list already")));
        }
        if !tags.insert(asset_tag.to_string()) {
            taken.push((index, format!("asset tag {asset_tag} is on the list already")));
        }
    }
    Ok(taken)
}

async fn insert_pumps(deciding: &mut Deciding, pumps: &[ExpectedPump], by: &Decision) -> Result<Vec<PumpId>, Trouble> {
    let mut ids = Vec::with_capacity(pumps.len());
    let reason: String = by.reason.chars().take(500).collect();
    for piece in pieces(pumps, LARGEST_STATEMENT) {
        let mut statement = query(format!(
            "INSERT INTO pumps (id, model, serial, asset_tag, care_area, lifecycle, lifecycle_by, lifecycle_reason, \
             lifecycle_since, hold, waits, search) VALUES {}",
            placeholders(piece.len(), 12)
        ));
        for pump in piece {
            let mut bytes = [0; 16];
            crate::keys::random(&mut bytes);
            let id = PumpId::from_random(bytes);
            ids.push(id);
            statement = statement
                .bind(id.to_string())
                .bind(pump.model.to_string())
                .bind(pump.serial.to_string())
                .bind(pump.asset_tag.to_string())
                .bind(pump.care_area.to_string())
                .bind(Lifecycle::Expected.as_str())
                .bind(by.by.to_string())
                .bind(reason.clone())
                .bind(time(by.at))
                .bind(word(&HoldSupport::Unknown))
                .bind("")
                .bind(search_text(&id.to_string(), pump));
        }
        statement.execute(deciding.connection()).await?;
    }
    Ok(ids)
}

/// Writes a pump's state. The caller has decided that it may be.
pub(crate) async fn set_lifecycle(
    deciding: &mut Deciding,
    pump: PumpId,
    to: Lifecycle,
    by: &Decision,
) -> Result<(), Trouble> {
    sqlx::query(
        "UPDATE pumps SET lifecycle = $1, lifecycle_by = $2, lifecycle_reason = $3, lifecycle_since = $4 WHERE id = $5",
    )
    .bind(to.as_str())
    .bind(by.by.to_string())
    .bind(by.reason.chars().take(500).collect::<String>())
    .bind(time(by.at))
    .bind(pump.to_string())
    .execute(deciding.connection())
    .await?;
    Ok(())
}
