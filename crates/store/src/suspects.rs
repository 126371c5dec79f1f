//! Signs that a pump's key is in two hands or is misused: one row for each pump and kind of sign, counted, until a person
//! has seen to it. And the rules by which the hub acts on them.

use sqlx::any::AnyRow;
use wardline_fleet::takedown::rules::Rules;
use wardline_model::{AssetTag, PumpId, Time};

use crate::row::{maybe_moment, moment, number, parse, text, time};
use crate::store::Trouble;
use crate::{Decision, Entry, Store, StoreError};

/// The longest sentence that is kept, in characters.
const LONGEST: usize = 300;
/// The fact that holds the rules.
const RULES: &str = "take-down rules";

/// A sign, as it is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSuspect {
    /// Whose identity.
    pub pump: PumpId,
    /// `two-starts`, `old-certificate` or `wrong-pump`.
    pub kind: &'static str,
    /// What was seen, for people.
    pub detail: String,
    /// When.
    pub at: Time,
}

/// A sign as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// Whose identity.
    pub pump: PumpId,
    /// Its inventory number.
    pub asset_tag: AssetTag,
    /// Which kind of sign.
    pub kind: String,
    /// What was seen last, for people.
    pub detail: String,
    /// How often.
    pub times: u64,
    /// The first time.
    pub first: Time,
    /// The last time.
    pub last: Time,
    /// When a person had seen to it; nothing while it is open.
    pub closed: Option<Time>,
    /// Who had.
    pub closed_by: String,
}

impl Suspect {
    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        Ok(Self {
            pump: parse(row, "pump")?,
            asset_tag: parse(row, "asset_tag")?,
            kind: text(row, "kind")?,
            detail: text(row, "detail")?,
            times: number(row, "times")?,
            first: moment(row, "first_seen")?,
            last: moment(row, "last_seen")?,
            closed: maybe_moment(row, "closed")?,
            closed_by: text(row, "closed_by")?,
        })
    }
}

impl Store {
    /// Counts a sign. One that a person had seen to is open again, and begins anew. Returns how often it was seen since.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn note_suspect(&self, sign: &NewSuspect) -> Result<u64, StoreError> {
        self.step("keeping the sign of a clone", async {
            let mut tx = self.core.begin().await?;
            let upsert = "INSERT INTO suspects (pump, kind, detail, times, first_seen, last_seen, closed_by) \
                 VALUES ($1, $2, $3, 1, $4, $4, '') ON CONFLICT (pump, kind) DO UPDATE SET \
                 times = CASE WHEN suspects.closed IS NULL THEN suspects.times + 1 ELSE 1 END, \
                 first_seen = CASE WHEN suspects.closed IS NULL THEN suspects.first_seen ELSE excluded.first_seen END, \
                 detail = excluded.detail, last_seen = excluded.last_seen, closed = NULL, closed_by = ''";
            sqlx::query(upsert)
                .bind(sign.pump.to_string())
                .bind(sign.kind)
                .bind(sign.detail.chars().filter(|c| !c.is_control()).take(LONGEST).collect::<String>())
                .bind(time(sign.at))
                .execute(&mut *tx)
                .await?;
            let row = sqlx::query("SELECT times FROM suspects WHERE pump = $1 AND kind = $2")
                .bind(sign.pump.to_string())
                .bind(sign.kind)
                .fetch_one(&mut *tx)
                .await?;
            tx.commit().await?;
            number(&row, "times")
        })
        .await
    }

    /// Every sign: the open ones first, the newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn suspects(&self) -> Result<Vec<Suspect>, StoreError> {
        self.step("listing signs of clones", async {
            let rows = sqlx::query(
                "SELECT s.pump, p.asset_tag, s.kind, s.detail, s.times, s.first_seen, s.last_seen, s.closed, s.closed_by \
                 FROM suspects s JOIN pumps p ON p.id = s.pump \
                 ORDER BY CASE WHEN s.closed IS NULL THEN 0 ELSE 1 END, s.last_seen DESC, s.pump, s.kind LIMIT 1000",
            );
            rows.fetch_all(&self.core.read).await?.iter().map(Suspect::read).collect()
        })
        .await
    }

    /// A person has seen to the signs about a pump, with the audit record `suspect.close`. Returns how many were open.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn close_suspects(&self, pump: PumpId, by: &Decision) -> Result<u64, StoreError> {
        self.step("closing the signs about a pump", async {
            let mut deciding = self.decide().await?;
            let done =
                sqlx::query("UPDATE suspects SET closed = $1, closed_by = $2 WHERE pump = $3 AND closed IS NULL")
                    .bind(time(by.at))
                    .bind(by.by.to_string())
                    .bind(pump.to_string())
                    .execute(deciding.connection())
                    .await?
                    .rows_affected();
            deciding.note(by, &Entry::done("suspect.close", Some(pump), format!("{done} signs"))).await?;
            deciding.commit().await?;
            Ok(done)
        })
        .await
    }

    /// The rules by which the hub takes pumps down; the defaults when none were set.
    ///
    /// # Errors
    /// [`StoreError::Value`] when what is kept cannot be read, and those of the engine.
    pub async fn take_down_rules(&self) -> Result<Rules, StoreError> {
        self.step("reading the take-down rules", async {
            let row = sqlx::query("SELECT value FROM facts WHERE name = $1").bind(RULES);
            match row.fetch_optional(&self.core.read).await? {
                None => Ok(Rules::default()),
                Some(row) => {
                    serde_json::from_str(&text(&row, "value")?).map_err(|_| StoreError::value("facts.value").into())
                }
            }
        })
        .await
    }

    /// Sets the rules, with the audit record `quarantine.rules`.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when a value is out of its bounds, and those of the engine.
    pub async fn set_take_down_rules(&self, rules: &Rules, by: &Decision) -> Result<(), StoreError> {
        rules.check().map_err(|why| StoreError::refused("the take-down rules", why))?;
        let json = serde_json::to_string(rules).map_err(|_| StoreError::value("take-down rules"))?;
        self.step("setting the take-down rules", async {
            let mut deciding = self.decide().await?;
            let upsert = "INSERT INTO facts (name, value) VALUES ($1, $2) \
                          ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            sqlx::query(upsert).bind(RULES).bind(json.clone()).execute(deciding.connection()).await?;
            deciding.note(by, &Entry::done("quarantine.rules", None, json)).await?;
            deciding.commit().await
        })
        .await
    }
}
