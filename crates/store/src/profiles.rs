//! Which pump has a profile of its own, and which pumps have no goal yet. The profiles themselves are a setting.

use std::collections::BTreeMap;

use wardline_model::{Kind, PumpId, Version};

use crate::row::{moment, number, parse, pieces, placeholders, query, text};
use crate::{AdoptionSample, Decision, Entry, Notice, PumpRow, Store, StoreError};

/// The most pumps of one assignment: a care area ten times over.
const MOST_PUMPS: usize = 5_000;
/// How many rows one statement writes.
const LARGEST_STATEMENT: usize = 256;

impl Store {
    /// Gives pumps a profile of their own, or takes it away so that their care area's counts, with one audit record
    /// `pump.profile`.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for too many at once, [`StoreError::NotFound`] when a pump does not exist.
    pub async fn assign_profile(&self, pumps: &[PumpId], to: Option<&str>, by: &Decision) -> Result<(), StoreError> {
        if pumps.len() > MOST_PUMPS {
            return Err(StoreError::refused("the assignment", format!("at most {MOST_PUMPS} pumps at once")));
        }
        self.step("giving pumps a profile", async {
            let mut deciding = self.decide().await?;
            for piece in pieces(pumps, LARGEST_STATEMENT) {
                let list = placeholders(1, piece.len());
                let mut known = query(format!("SELECT COUNT(*) AS pumps FROM pumps WHERE id IN {list}"));
                let mut clear = query(format!("DELETE FROM pump_profiles WHERE pump IN {list}"));
                for pump in piece {
                    known = known.bind(pump.to_string());
                    clear = clear.bind(pump.to_string());
                }
                let known = number(&known.fetch_one(deciding.connection()).await?, "pumps")?;
                if known != piece.len() as u64 {
                    return Err(StoreError::not_found("one of these pumps").into());
                }
                clear.execute(deciding.connection()).await?;
                let Some(to) = to else { continue };
                let rows = placeholders(piece.len(), 2);
                let mut insert = query(format!("INSERT INTO pump_profiles (pump, profile) VALUES {rows}"));
                for pump in piece {
                    insert = insert.bind(pump.to_string()).bind(to.to_owned());
                }
                insert.execute(deciding.connection()).await?;
            }
            let (pump, what) = match pumps {
                [one] => (Some(*one), "1 pump".to_owned()),
                many => (None, format!("{} pumps", many.len())),
            };
            let to = to.unwrap_or("that of its care area");
            deciding.note(by, &Entry::done("pump.profile", pump, format!("{what}: {to}"))).await?;
            deciding.tell(Notice::List);
            deciding.commit().await
        })
        .await
    }

    /// The pumps that have a profile of their own.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn own_profiles(&self) -> Result<BTreeMap<PumpId, String>, StoreError> {
        self.step("reading pumps' own profiles", async {
            let rows = sqlx::query("SELECT pump, profile FROM pump_profiles").fetch_all(&self.core.read).await?;
            rows.iter().map(|row| Ok((parse(row, "pump")?, text(row, "profile")?))).collect()
        })
        .await
    }

    /// Linked pumps that have reported and have no goal at all, by id, beginning behind `after`, at most `most`.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn newcomers(&self, after: Option<PumpId>, most: u32) -> Result<Vec<PumpRow>, StoreError> {
        self.pumps_where(
            "g.pump IS NULL AND r.pump IS NOT NULL AND p.linked_since IS NOT NULL \
             AND p.lifecycle IN ('enrolled', 'in-service') AND p.id > $1",
            after.map_or_else(String::new, |after| after.to_string()),
            most,
        )
        .await
    }

    /// The newest sample of adoption of every release that has one.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn newest_adoption(&self) -> Result<BTreeMap<(Kind, Version), AdoptionSample>, StoreError> {
        self.step("reading how far releases have come", async {
            let sql = "SELECT s.kind, s.version, s.at, s.settled, s.staged, s.wanted FROM adoption_samples s \
                       JOIN (SELECT kind, version, MAX(at) AS newest FROM adoption_samples GROUP BY kind, version) n \
                       ON n.kind = s.kind AND n.version = s.version AND n.newest = s.at";
            let rows = sqlx::query(sql).fetch_all(&self.core.read).await?;
            let mut all = BTreeMap::new();
            for row in &rows {
                let sample = AdoptionSample {
                    at: moment(row, "at")?,
                    settled: number(row, "settled")?,
                    staged: number(row, "staged")?,
                    wanted: number(row, "wanted")?,
                };
                all.insert((parse(row, "kind")?, Version(number(row, "version")?)), sample);
            }
            Ok(all)
        })
        .await
    }
}
