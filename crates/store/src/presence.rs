//! Which pumps hold a live link, at which hub process, and when they were last heard.
//!
//! All of it is for people who look: nothing is decided by it, so it is written in batches and carries no audit record.

use wardline_model::{PumpId, Time};

use crate::row::{pieces, placeholders, query, time};
use crate::{Store, StoreError};

/// How many links one statement notes.
const LARGEST_STATEMENT: usize = 256;
/// The longest network address kept, in characters: an IPv6 address with a zone has fewer.
const LONGEST_PLACE: usize = 64;

/// What happened to a pump's live link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// It came up, from this network address.
    Up {
        /// Whose.
        pump: PumpId,
        /// From where.
        place: String,
        /// When.
        at: Time,
    },
    /// It ended.
    Down {
        /// Whose.
        pump: PumpId,
        /// When.
        at: Time,
    },
}

impl LinkChange {
    /// Whose link it is.
    #[must_use]
    pub const fn pump(&self) -> PumpId {
        match self {
            Self::Up { pump, .. } | Self::Down { pump, .. } => *pump,
        }
    }
}

impl Store {
    /// Notes which links came up or ended at this hub process, in one transaction; at most one change of each pump. An
    /// end does nothing when another process holds a newer link.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn links_changed(&self, node: &str, changes: &[LinkChange]) -> Result<(), StoreError> {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for change in changes {
            match change {
                LinkChange::Up { pump, place, at } => {
                    up.push((*pump, *at, place.chars().take(LONGEST_PLACE).collect::<String>()));
                }
                LinkChange::Down { pump, at } => down.push((*pump, *at)),
            }
        }
        // In the order of the ids, as the writer does, so that two hubs never wait for each other in a circle.
        up.sort_unstable();
        down.sort_unstable();
        self.step("noting links", async {
            let mut tx = self.core.begin().await?;
            for piece in pieces(&up, LARGEST_STATEMENT) {
                let mut statement = query(format!(
                    "WITH v (id, at, place) AS (VALUES {}) UPDATE pumps SET linked_since = v.at, last_seen = v.at, \
                     last_place = v.place, link_node = ${} FROM v WHERE pumps.id = v.id",
                    placeholders(piece.len(), 3),
                    piece.len() * 3 + 1
                ));
                for (pump, at, place) in piece {
                    statement = statement.bind(pump.to_string()).bind(time(*at)).bind(place.clone());
                }
                statement.bind(node.to_owned()).execute(&mut *tx).await?;
            }
            for piece in pieces(&down, LARGEST_STATEMENT) {
                let mut statement = query(format!(
                    "WITH v (id, at) AS (VALUES {}) UPDATE pumps SET linked_since = NULL, link_node = NULL, \
                     last_seen = v.at FROM v WHERE pumps.id = v.id AND pumps.link_node = ${}",
                    placeholders(piece.len(), 2),
                    piece.len() * 2 + 1
                ));
                for (pump, at) in piece {
                    statement = statement.bind(pump.to_string()).bind(time(*at));
                }
                statement.bind(node.to_owned()).execute(&mut *tx).await?;
            }
            Ok(tx.commit().await?)
        })
        .await
    }

    /// This hub process starts: whatever links it held are gone.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn links_lost(&self, node: &str) -> Result<(), StoreError> {
        self.step("forgetting links of an earlier run", async {
            sqlx::query("UPDATE pumps SET linked_since = NULL, link_node = NULL WHERE link_node = $1")
                .bind(node.to_owned())
                .execute(&self.core.write)
                .await?;
            Ok(())
        })
        .await
    }

    /// Notes that pumps were heard of, and how their clocks stand, in one transaction.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn pumps_seen(&self, seen: &[(PumpId, Time, Option<i64>)]) -> Result<(), StoreError> {
        let mut seen = seen.to_vec();
        // In the order of the ids, as the writer does, so that two hubs never wait for each other in a circle.
        seen.sort_unstable();
        self.step("noting who was heard of", async {
            let mut tx = self.core.begin().await?;
            for (id, at, offset) in &seen {
                sqlx::query(
                    "UPDATE pumps SET last_seen = $1, clock_offset_ms = COALESCE($2, clock_offset_ms) WHERE id = $3",
                )
                .bind(time(*at))
                .bind(*offset)
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
            }
            Ok(tx.commit().await?)
        })
        .await
    }
}
