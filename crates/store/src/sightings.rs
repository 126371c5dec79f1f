//! Strangers at the door: refused handshakes, counted by what they claimed and where they came from.

use wardline_model::Time;

use crate::row::{int, moment, number, query, text, time};
use crate::{Page, PageRequest, Store, StoreError};

/// The most kinds of sighting that are kept, so that a scanner cannot fill the disk; the oldest go first.
const MOST_KEPT: i64 = 10_000;
/// The longest claim, in characters.
const LONGEST_CLAIM: usize = 128;

/// Refused handshakes of one kind since the last flush.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What it claimed to be, at most 128 characters; empty when it claimed nothing.
    pub claim: String,
    /// The network address without port.
    pub source: String,
    /// Why it was refused, as a short fixed word.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// The first one.
    pub first: Time,
    /// The last one.
    pub last: Time,
}

/// Which sightings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SightingQuery {
    /// A part of what was claimed, or of where it came from.
    pub search: Option<String>,
    /// Only for this reason.
    pub reason: Option<String>,
    /// Which page.
    pub page: PageRequest,
}

/// A sighting as stored.
pub type SightingRow = Sighting;

fn shortened(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_CLAIM).collect()
}

impl Store {
    /// Adds sightings, in one transaction. Only the newest 10,000 kinds are kept.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn save_sightings(&self, sightings: &[Sighting]) -> Result<(), StoreError> {
        if sightings.is_empty() {
            return Ok(());
        }
        let mut sightings: Vec<&Sighting> = sightings.iter().collect();
        sightings.sort_by(|a, b| (&a.claim, &a.source, &a.reason).cmp(&(&b.claim, &b.source, &b.reason)));
        self.step("keeping sightings", async {
            let mut tx = self.core.begin().await?;
            for sighting in sightings {
                sqlx::query(
                    "INSERT INTO sightings (claim, source, reason, times, first_seen, last_seen) \
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (claim, source, reason) DO UPDATE SET \
                     times = sightings.times + excluded.times, last_seen = excluded.last_seen",
                )
                .bind(shortened(&sighting.claim))
                .bind(shortened(&sighting.source))
                .bind(shortened(&sighting.reason))
                .bind(int(sighting.count))
                .bind(time(sighting.first))
                .bind(time(sighting.last))
                .execute(&mut *tx)
                .await?;
            }
            sqlx::query(
                "DELETE FROM sightings WHERE last_seen < COALESCE((SELECT last_seen FROM sightings \
                 ORDER BY last_seen DESC LIMIT 1 OFFSET $1), 0)",
            )
            .bind(MOST_KEPT)
            .execute(&mut *tx)
            .await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Sightings, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn sightings(&self, page: PageRequest) -> Result<Page<SightingRow>, StoreError> {
        self.find_sightings(&SightingQuery { page, ..SightingQuery::default() }).await
    }

    /// Sightings that fit, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn find_sightings(&self, asked: &SightingQuery) -> Result<Page<SightingRow>, StoreError> {
        let page = asked.page;
        let like = asked.search.as_ref().map(|text| {
            let escaped = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            format!("%{escaped}%")
        });
        // Every condition is there; one that nobody asked for matches everything.
        let fits = "WHERE (LOWER(claim) LIKE $1 ESCAPE '\\' OR LOWER(source) LIKE $1 ESCAPE '\\') AND reason LIKE $2 ESCAPE '\\'";
        let (like, reason) = (like.unwrap_or_else(|| "%".into()), asked.reason.clone().unwrap_or_else(|| "%".into()));
        self.step("listing sightings", async {
            let total = query(format!("SELECT COUNT(*) AS total FROM sightings {fits}"));
            let total = total.bind(like.clone()).bind(reason.clone()).fetch_one(&self.core.read).await?;
            let rows = query(format!(
                "SELECT claim, source, reason, times, first_seen, last_seen FROM sightings {fits} \
                 ORDER BY last_seen DESC, claim, source, reason LIMIT $3 OFFSET $4"
            ));
            let rows = rows.bind(like).bind(reason).bind(page.limit()).bind(page.offset());
            let rows = rows.fetch_all(&self.core.read).await?;
            let rows = rows
                .iter()
                .map(|row| {
                    Ok(Sighting {
                        claim: text(row, "claim")?,
                        source: text(row, "source")?,
                        reason: text(row, "reason")?,
                        count: number(row, "times")?,
                        first: moment(row, "first_seen")?,
                        last: moment(row, "last_seen")?,
                    })
                })
                .collect::<Result<_, crate::store::Trouble>>()?;
            Ok(Page { rows, total: number(&total, "total")?, request: page })
        })
        .await
    }

    /// Every reason for which somebody was refused.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn sighting_reasons(&self) -> Result<Vec<String>, StoreError> {
        self.step("listing reasons of refusals", async {
            let rows = sqlx::query("SELECT DISTINCT reason FROM sightings ORDER BY reason");
            rows.fetch_all(&self.core.read).await?.iter().map(|row| text(row, "reason")).collect()
        })
        .await
    }
}
