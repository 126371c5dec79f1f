//! Pumps that are held: at which level, why, by whom, since and until when.
//!
//! The lifecycle says whether a pump is quarantined; these columns say how. They are written in the same transaction as
//! the lifecycle, so that the two never disagree: a pump is `quarantined` exactly when it is held at `cut` or `remediate`.

use sqlx::Row as _;
use sqlx::any::AnyRow;
use wardline_fleet::lifecycle::Certificate;
use wardline_fleet::posture::Cause;
use wardline_fleet::takedown::{Held, Placed};
use wardline_model::{AssetTag, Lifecycle, PumpId, QuarantineLevel, Time, covers};

use super::set_lifecycle;
use crate::certificates::entry_in;
use crate::group::Deciding;
use crate::row::{maybe_moment, maybe_parse, moment, number, parse, query, text, time};
use crate::store::Trouble;
use crate::{Decision, Entry, Notice, RegistryEntry, Store, StoreError};

/// The longest reason that is kept.
const LONGEST_REASON: usize = 500;

/// How a pump is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// How hard.
    pub level: QuarantineLevel,
    /// Its place in life before it, while it is quarantined.
    pub former: Option<Lifecycle>,
    /// The level before the newest decision: what undoing it restores.
    pub before: Option<QuarantineLevel>,
    /// A person, or which rule.
    pub cause: Cause,
    /// Who decided, as [`crate::Actor`] prints.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when at this level.
    pub since: Time,
    /// When it ends, if it was given an end. It ends only for a pump that has proven its posture.
    pub until: Option<Time>,
}

impl Quarantine {
    pub(super) fn read(row: &AnyRow) -> Result<Option<Self>, Trouble> {
        let Some(level) = maybe_parse(row, "quarantine_level")? else { return Ok(None) };
        Ok(Some(Self {
            level,
            former: maybe_parse(row, "quarantine_former")?,
            before: maybe_parse(row, "quarantine_before")?,
            cause: parse(row, "quarantine_cause")?,
            by: text(row, "quarantine_by")?,
            reason: text(row, "quarantine_reason")?,
            since: moment(row, "quarantine_since")?,
            until: maybe_moment(row, "quarantine_until")?,
        }))
    }
}

/// A pump that is held, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPump {
    /// Which.
    pub pump: PumpId,
    /// Its inventory number.
    pub asset_tag: AssetTag,
    /// How.
    pub quarantine: Quarantine,
}

/// A decision about the level at which a pump is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineChange {
    /// Which pump.
    pub pump: PumpId,
    /// Where the decision believed it to be; refused when it is elsewhere by now.
    pub from: Held,
    /// Where it goes.
    pub to: Placed,
    /// A person, or which rule.
    pub cause: Cause,
    /// When it ends.
    pub until: Option<Time>,
    /// The name in the audit, such as `pump.quarantine`.
    pub action: &'static str,
    /// How many pumps this rule may hold.
    pub cap: Option<Cap>,
}

/// The most pumps that a rule may hold at one time without a person. Checked in the decision's own transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// So many.
    pub pumps: u64,
    /// And at most this share of the fleet (pumps that are neither expected, lost nor retired), but always one.
    pub percent: u64,
}

const COLUMNS: &str = "quarantine_level, quarantine_former, quarantine_before, quarantine_cause, quarantine_by, \
                       quarantine_reason, quarantine_since, quarantine_until";

const CLEAR: &str = "UPDATE pumps SET quarantine_level = NULL, quarantine_former = NULL, quarantine_before = NULL, \
    quarantine_cause = NULL, quarantine_by = NULL, quarantine_reason = NULL, quarantine_since = NULL, \
    quarantine_until = NULL WHERE id = $1";

/// What follows for these columns from a move in life that names no level: quarantined means cut, and every other move
/// ends the quarantine.
pub(super) async fn follow(
    deciding: &mut Deciding,
    pump: PumpId,
    (from, to): (Lifecycle, Lifecycle),
    by: &Decision,
) -> Result<(), Trouble> {
    let placed = (to == Lifecycle::Quarantined).then_some(Placed {
        lifecycle: to,
        level: Some(QuarantineLevel::Cut),
        former: Some(from),
        before: None,
    });
    write(deciding, pump, placed, (Cause::Person, None), by).await
}

async fn write(
    deciding: &mut Deciding,
    pump: PumpId,
    placed: Option<Placed>,
    (cause, until): (Cause, Option<Time>),
    by: &Decision,
) -> Result<(), Trouble> {
    let Some((placed, level)) = placed.and_then(|placed| Some((placed, placed.level?))) else {
        sqlx::query(CLEAR).bind(pump.to_string()).execute(deciding.connection()).await?;
        return Ok(());
    };
    sqlx::query(
        "UPDATE pumps SET quarantine_level = $1, quarantine_former = $2, quarantine_before = $3, quarantine_cause = $4, \
         quarantine_by = $5, quarantine_reason = $6, quarantine_since = $7, quarantine_until = $8 WHERE id = $9",
    )
    .bind(level.as_str())
    .bind(placed.former.map(Lifecycle::as_str))
    .bind(placed.before.map(QuarantineLevel::as_str))
    .bind(cause.as_str())
    .bind(by.by.to_string())
    .bind(by.reason.chars().take(LONGEST_REASON).collect::<String>())
    .bind(time(by.at))
    .bind(until.map(time))
    .bind(pump.to_string())
    .execute(deciding.connection())
    .await?;
    Ok(())
}

fn held(row: &AnyRow, entry: &RegistryEntry) -> Result<Held, Trouble> {
    let has = entry.current.is_some() || entry.pending.is_some();
    Ok(Held {
        lifecycle: entry.lifecycle,
        certificate: if has { Certificate::Current } else { Certificate::None },
        level: entry.level,
        former: maybe_parse(row, "quarantine_former")?,
        before: maybe_parse(row, "quarantine_before")?,
    })
}

/// How many more pumps a rule may hold.
async fn room(deciding: &mut Deciding, cause: Cause, cap: Cap) -> Result<bool, Trouble> {
    let row = sqlx::query(
        "SELECT COUNT(CASE WHEN quarantine_cause = $1 AND quarantine_level IS NOT NULL THEN 1 END) AS held, \
         COUNT(CASE WHEN lifecycle IN ('enrolled', 'in-service', 'quarantined') THEN 1 END) AS fleet FROM pumps",
    )
    .bind(cause.as_str())
    .fetch_one(deciding.connection())
    .await?;
    let share = (number(&row, "fleet")?.saturating_mul(cap.percent) / 100).max(1);
    Ok(number(&row, "held")? < cap.pumps.min(share))
}

impl Store {
    /// Where a pump is held, as a decision about it begins.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn held(&self, pump: PumpId) -> Result<Held, StoreError> {
        let entry = self.registry_entry(pump).await?;
        self.step("reading how a pump is held", async {
            let sql = "SELECT quarantine_former, quarantine_before FROM pumps WHERE id = $1";
            let row = sqlx::query(sql).bind(pump.to_string()).fetch_one(&self.core.read).await?;
            held(&row, &entry)
        })
        .await
    }

    /// Puts a pump at a level, or gives it back, with its audit record in the same transaction. Returns what the guard of
    /// the handshake must know from now on.
    ///
    /// # Errors
    /// [`StoreError::Moved`] when the pump is not where the decision believed it to be, [`StoreError::Refused`] when the
    /// rule holds as many pumps as it may (both recorded as refusals), [`StoreError::NotFound`].
    pub async fn decide_quarantine(
        &self,
        change: &QuarantineChange,
        by: &Decision,
    ) -> Result<RegistryEntry, StoreError> {
        covers!("N8");
        let pump = change.pump;
        self.step("deciding at which level a pump is held", async {
            let mut deciding = self.decide().await?;
            let is = entry_in(deciding.tx(), pump).await?;
            let sql = "SELECT asset_tag, quarantine_former, quarantine_before FROM pumps WHERE id = $1";
            let row = sqlx::query(sql).bind(pump.to_string()).fetch_one(deciding.connection()).await?;
            let tag = text(&row, "asset_tag")?;
            let now = held(&row, &is)?;
            if (now.lifecycle, now.level) != (change.from.lifecycle, change.from.level) {
                let why = format!(
                    "{tag} is {}, not {}",
                    place(now.lifecycle, now.level),
                    place(change.from.lifecycle, change.from.level)
                );
                deciding.note(by, &Entry::refused(change.action, Some(pump), why)).await?;
                deciding.commit().await?;
                return Err(StoreError::Moved { pump, expected: change.from.lifecycle, is: now.lifecycle }.into());
            }
            if let Some(cap) = change.cap
                && !room(&mut deciding, change.cause, cap).await?
            {
                let why = format!(
                    "the rule for {} holds as many pumps as it may without a person; look at them and decide yourself",
                    change.cause.as_str()
                );
                deciding.note(by, &Entry::refused(change.action, Some(pump), format!("{tag}: {why}"))).await?;
                deciding.commit().await?;
                return Err(StoreError::refused(format!("a quarantine of {tag}"), why).into());
            }
            if now.lifecycle != change.to.lifecycle {
                set_lifecycle(&mut deciding, pump, change.to.lifecycle, by).await?;
            }
            write(&mut deciding, pump, Some(change.to), (change.cause, change.until), by).await?;
            let subject = match (change.to.level, change.until) {
                (None, _) => format!("{tag}, {}", change.to.lifecycle),
                (Some(level), None) => format!("{tag}, {level}"),
                (Some(level), Some(until)) => format!("{tag}, {level}, for {}", until.since(by.at)),
            };
            deciding.note(by, &Entry::done(change.action, Some(pump), subject)).await?;
            deciding.tell(Notice::Pumps(vec![pump]));
            let entry = entry_in(deciding.tx(), pump).await?;
            deciding.commit().await?;
            Ok(entry)
        })
        .await
    }

    /// Every pump that is held at some level, the newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn held_pumps(&self) -> Result<Vec<HeldPump>, StoreError> {
        self.step("reading which pumps are held", async {
            let sql = format!(
                "SELECT id, asset_tag, {COLUMNS} FROM pumps WHERE quarantine_level IS NOT NULL \
                 ORDER BY quarantine_since DESC, asset_tag"
            );
            let rows = query(sql).fetch_all(&self.core.read).await?;
            let read = |row: &AnyRow| {
                let quarantine = Quarantine::read(row)?.ok_or_else(|| StoreError::value("pumps.quarantine_level"))?;
                let tag: String = row.try_get("asset_tag")?;
                let asset_tag = tag.parse().map_err(|_| StoreError::value("pumps.asset_tag"))?;
                Ok(HeldPump { pump: parse(row, "id")?, asset_tag, quarantine })
            };
            rows.iter().map(read).collect()
        })
        .await
    }
}

/// `in-service`, `quarantined at cut`.
fn place(lifecycle: Lifecycle, level: Option<QuarantineLevel>) -> String {
    level.map_or_else(|| lifecycle.to_string(), |level| format!("{lifecycle} at {level}"))
}
