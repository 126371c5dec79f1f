//! What watched pumps did with the hub: a list for people, bounded for each pump. It is no audit; nothing is decided by it.

use wardline_model::{PumpId, Time};

use crate::row::{int, moment, number, parse, text, time};
use crate::store::Trouble;
use crate::{Page, PageRequest, Store, StoreError};

/// The most entries that are kept of one pump: two days of an idle pump, and a few hundred KiB. The oldest go first.
const MOST_KEPT: i64 = 6_000;
/// The longest detail, in characters.
const LONGEST_DETAIL: usize = 200;

/// One thing that a watched pump did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Which pump.
    pub pump: PumpId,
    /// When.
    pub at: Time,
    /// What: `connection`, `frame`, `fetch`, `request` or `end`.
    pub what: String,
    /// Which, for people.
    pub detail: String,
    /// How many of its kind, when there were more than are kept apart.
    pub times: u64,
}

impl Store {
    /// Adds entries in one transaction.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn save_watched(&self, entries: &[Watched]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.step("keeping what watched pumps did", async {
            let mut tx = self.core.begin().await?;
            let mut pumps = std::collections::BTreeMap::new();
            for entry in entries {
                let number = match pumps.get(&entry.pump) {
                    Some(number) => *number,
                    None => {
                        let row = sqlx::query("SELECT COALESCE(MAX(number), 0) AS newest FROM watched WHERE pump = $1")
                            .bind(entry.pump.to_string())
                            .fetch_one(&mut *tx)
                            .await?;
                        number(&row, "newest")?
                    }
                } + 1;
                pumps.insert(entry.pump, number);
                let detail: String = entry.detail.chars().filter(|c| !c.is_control()).take(LONGEST_DETAIL).collect();
                sqlx::query(
                    "INSERT INTO watched (pump, number, at, what, detail, times) VALUES ($1, $2, $3, $4, $5, $6)",
                )
                .bind(entry.pump.to_string())
                .bind(int(number))
                .bind(time(entry.at))
                .bind(entry.what.clone())
                .bind(detail)
                .bind(int(entry.times))
                .execute(&mut *tx)
                .await?;
            }
            for (pump, newest) in pumps {
                sqlx::query("DELETE FROM watched WHERE pump = $1 AND number <= $2")
                    .bind(pump.to_string())
                    .bind(int(newest).saturating_sub(MOST_KEPT))
                    .execute(&mut *tx)
                    .await?;
            }
            Ok(tx.commit().await?)
        })
        .await
    }

    /// What a pump did while it was watched, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn watched(&self, pump: PumpId, page: PageRequest) -> Result<Page<Watched>, StoreError> {
        self.step("listing what a watched pump did", async {
            let total = sqlx::query("SELECT COUNT(*) AS total FROM watched WHERE pump = $1").bind(pump.to_string());
            let total = total.fetch_one(&self.core.read).await?;
            let rows = sqlx::query(
                "SELECT pump, at, what, detail, times FROM watched WHERE pump = $1 ORDER BY number DESC LIMIT $2 OFFSET $3",
            )
            .bind(pump.to_string())
            .bind(page.limit())
            .bind(page.offset())
            .fetch_all(&self.core.read)
            .await?;
            let rows = rows
                .iter()
                .map(|row| {
                    Ok(Watched {
                        pump: parse(row, "pump")?,
                        at: moment(row, "at")?,
                        what: text(row, "what")?,
                        detail: text(row, "detail")?,
                        times: number(row, "times")?,
                    })
                })
                .collect::<Result<_, Trouble>>()?;
            Ok(Page { rows, total: number(&total, "total")?, request: page })
        })
        .await
    }
}
