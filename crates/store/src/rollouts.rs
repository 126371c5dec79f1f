//! Rollouts as people ordered them, and samples of how far they came.

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use wardline_model::{Kind, Span, Time, Version};

use crate::group::Deciding;
use crate::repo::ReleaseState;
use crate::row::{from_word, int, moment, number, parse, query, text, time, word};
use crate::store::Trouble;
use crate::{Decision, Entry, Store, StoreError};

/// The largest rules: a ring for each of a thousand care areas.
const LARGEST_RULES: usize = 256 * 1024;

/// Where a rollout is. The planner recomputes everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutState {
    /// The planner gives pumps their turn.
    Running,
    /// A person stopped it for now.
    Paused,
    /// It stopped itself.
    Halted,
    /// Every pump is there.
    Finished,
    /// A person ended it, or a newer one took its place before it was everywhere.
    Cancelled,
}

/// A rollout to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRollout {
    /// Which kind.
    pub kind: Kind,
    /// Which release.
    pub version: Version,
    /// `fleet`'s rules as JSON: rings, caps, windows.
    pub rules: String,
}

/// A rollout as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutRow {
    /// Its number.
    pub id: u64,
    /// What was ordered.
    pub rollout: NewRollout,
    /// Where it is.
    pub state: RolloutState,
    /// Why it is there, for people.
    pub state_reason: String,
    /// Since when.
    pub state_since: Time,
    /// Who put it there.
    pub state_by: String,
    /// When it was started.
    pub started: Time,
    /// By whom.
    pub started_by: String,
}

/// How far a release has come at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdoptionSample {
    /// When.
    pub at: Time,
    /// Pumps that run it.
    pub settled: u64,
    /// Pumps that hold it ready to switch.
    pub staged: u64,
    /// Pumps that should run it.
    pub wanted: u64,
}

impl RolloutState {
    /// Whether a rollout in this state may still move.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Halted)
    }
}

/// Every column of a [`RolloutRow`].
const SELECT: &str = "SELECT id, kind, version, rules, state, state_reason, state_since, state_by, started, started_by \
                      FROM rollouts";

impl RolloutRow {
    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        Ok(Self {
            id: number(row, "id")?,
            rollout: NewRollout {
                kind: parse(row, "kind")?,
                version: Version(number(row, "version")?),
                rules: text(row, "rules")?,
            },
            state: from_word(&text(row, "state")?, "rollouts.state")?,
            state_reason: text(row, "state_reason")?,
            state_since: moment(row, "state_since")?,
            state_by: text(row, "state_by")?,
            started: moment(row, "started")?,
            started_by: text(row, "started_by")?,
        })
    }

    async fn in_transaction(deciding: &mut Deciding, id: u64) -> Result<Self, Trouble> {
        let row = query(format!("{SELECT} WHERE id = $1")).bind(int(id)).fetch_optional(deciding.connection()).await?;
        Self::read(&row.ok_or_else(|| StoreError::not_found(format!("rollout {id}")))?)
    }
}

async fn set_state(deciding: &mut Deciding, id: u64, to: RolloutState, by: &Decision) -> Result<(), Trouble> {
    sqlx::query("UPDATE rollouts SET state = $1, state_reason = $2, state_since = $3, state_by = $4 WHERE id = $5")
        .bind(word(&to))
        .bind(by.reason.chars().take(500).collect::<String>())
        .bind(time(by.at))
        .bind(by.by.to_string())
        .bind(int(id))
        .execute(deciding.connection())
        .await?;
    Ok(())
}

/// Ends the rollouts of a kind, or of one version of it, that have not ended: as finished where every pump was reached.
pub(crate) async fn end_open(
    deciding: &mut Deciding,
    kind: Kind,
    only: Option<Version>,
    why: &str,
    by: &Decision,
) -> Result<(), Trouble> {
    let open =
        sqlx::query("SELECT id, version FROM rollouts WHERE kind = $1 AND state IN ('running', 'paused', 'halted')")
            .bind(kind.as_str())
            .fetch_all(deciding.connection())
            .await?;
    for row in &open {
        let (id, version) = (number(row, "id")?, Version(number(row, "version")?));
        if only.is_some_and(|only| only != version) {
            continue;
        }
        let (to, why) = match is_everywhere(deciding, id).await? {
            true => (RolloutState::Finished, format!("it had reached every pump; {why}")),
            false => (RolloutState::Cancelled, why.to_owned()),
        };
        let by = Decision { reason: why, ..by.clone() };
        set_state(deciding, id, to, &by).await?;
        let action = format!("rollout.{}", word(&to));
        deciding.note(&by, &Entry::done(&action, None, format!("rollout {id}"))).await?;
    }
    Ok(())
}

/// Refuses a release that does not exist or may not be rolled out.
async fn check_release(deciding: &mut Deciding, rollout: &NewRollout) -> Result<(), Trouble> {
    let what = format!("{} version {}", rollout.kind, rollout.version);
    let row = sqlx::query("SELECT state FROM releases WHERE kind = $1 AND version = $2")
        .bind(rollout.kind.as_str())
        .bind(int(rollout.version.0))
        .fetch_optional(deciding.connection())
        .await?
        .ok_or_else(|| StoreError::not_found(what.clone()))?;
    match from_word(&text(&row, "state")?, "releases.state")? {
        ReleaseState::Published => Ok(()),
        ReleaseState::Withdrawn => {
            Err(StoreError::refused(format!("a rollout of {what}"), "the release was withdrawn").into())
        }
    }
}

/// Whether the newest sample of a rollout's release says that every pump runs it.
async fn is_everywhere(deciding: &mut Deciding, id: u64) -> Result<bool, Trouble> {
    let sample = sqlx::query(
        "SELECT s.settled, s.wanted FROM adoption_samples s JOIN rollouts r ON r.kind = s.kind AND r.version = s.version \
         WHERE r.id = $1 ORDER BY s.at DESC LIMIT 1",
    );
    let Some(row) = sample.bind(int(id)).fetch_optional(deciding.connection()).await? else { return Ok(false) };
    let (settled, wanted) = (number(&row, "settled")?, number(&row, "wanted")?);
    Ok(wanted > 0 && settled >= wanted)
}

impl Store {
    /// Starts a rollout, with the audit record `rollout.start`. An open one of the same kind ends in the same transaction:
    /// finished when it had reached every pump, cancelled otherwise.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown release, [`StoreError::Refused`] for a withdrawn one.
    pub async fn start_rollout(&self, rollout: &NewRollout, by: &Decision) -> Result<RolloutRow, StoreError> {
        if rollout.rules.len() > LARGEST_RULES {
            return Err(StoreError::refused(
                "the rollout's rules",
                format!("they are larger than {LARGEST_RULES} bytes"),
            ));
        }
        self.step("starting a rollout", async {
            let mut deciding = self.decide().await?;
            check_release(&mut deciding, rollout).await?;
            let what = format!("{} version {}", rollout.kind, rollout.version);
            end_open(&mut deciding, rollout.kind, None, &format!("replaced by a rollout of {what}"), by).await?;
            let newest = sqlx::query("SELECT COALESCE(MAX(id), 0) AS id FROM rollouts");
            let id = number(&newest.fetch_one(deciding.connection()).await?, "id")? + 1;
            sqlx::query(
                "INSERT INTO rollouts (id, kind, version, rules, state, state_reason, state_since, state_by, started, \
                 started_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7, $8)",
            )
            .bind(int(id))
            .bind(rollout.kind.as_str())
            .bind(int(rollout.version.0))
            .bind(rollout.rules.clone())
            .bind(word(&RolloutState::Running))
            .bind(by.reason.chars().take(500).collect::<String>())
            .bind(time(by.at))
            .bind(by.by.to_string())
            .execute(deciding.connection())
            .await?;
            let row = RolloutRow::in_transaction(&mut deciding, id).await?;
            deciding.note(by, &Entry::done("rollout.start", None, format!("rollout {id}: {what}"))).await?;
            deciding.commit().await?;
            Ok(row)
        })
        .await
    }

    /// Moves a rollout to another state, with the audit record `rollout.<state>`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Refused`] when it is finished or cancelled already.
    pub async fn decide_rollout(&self, id: u64, to: RolloutState, by: &Decision) -> Result<RolloutRow, StoreError> {
        self.step("moving a rollout", async {
            let mut deciding = self.decide().await?;
            let is = RolloutRow::in_transaction(&mut deciding, id).await?;
            if !is.state.is_open() {
                let why = format!("it is {} already; start a new one", word(&is.state));
                return Err(StoreError::refused(format!("rollout {id}"), why).into());
            }
            set_state(&mut deciding, id, to, by).await?;
            let row = RolloutRow::in_transaction(&mut deciding, id).await?;
            let action = format!("rollout.{}", word(&to));
            let subject = format!("rollout {id}: {} version {}", is.rollout.kind, is.rollout.version);
            deciding.note(by, &Entry::done(&action, None, subject)).await?;
            deciding.commit().await?;
            Ok(row)
        })
        .await
    }

    /// One rollout.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn rollout(&self, id: u64) -> Result<Option<RolloutRow>, StoreError> {
        self.step("reading a rollout", async {
            let row = query(format!("{SELECT} WHERE id = $1")).bind(int(id)).fetch_optional(&self.core.read).await?;
            row.as_ref().map(RolloutRow::read).transpose()
        })
        .await
    }

    /// Every rollout, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn rollouts(&self) -> Result<Vec<RolloutRow>, StoreError> {
        self.step("listing rollouts", async {
            let rows = query(format!("{SELECT} ORDER BY id DESC")).fetch_all(&self.core.read).await?;
            rows.iter().map(RolloutRow::read).collect()
        })
        .await
    }

    /// Keeps a sample of how far a release has come; one that equals the newest is not kept.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn sample_adoption(
        &self,
        kind: Kind,
        version: Version,
        sample: AdoptionSample,
    ) -> Result<(), StoreError> {
        self.step("keeping a sample of adoption", async {
            let mut tx = self.core.begin().await?;
            let newest = sqlx::query(
                "SELECT at, settled, staged, wanted FROM adoption_samples WHERE kind = $1 AND version = $2 \
                 ORDER BY at DESC LIMIT 1",
            );
            let newest = newest.bind(kind.as_str()).bind(int(version.0)).fetch_optional(&mut *tx).await?;
            let mut at = sample.at;
            if let Some(row) = newest {
                // A clock that was set back must not put the newest sample behind an older one.
                at = at.max(moment(&row, "at")? + Span::from_ms(1));
                let same = number(&row, "settled")? == sample.settled
                    && number(&row, "staged")? == sample.staged
                    && number(&row, "wanted")? == sample.wanted;
                if same {
                    return Ok(());
                }
            }
            sqlx::query(
                "INSERT INTO adoption_samples (kind, version, at, settled, staged, wanted) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (kind, version, at) DO UPDATE SET \
                 settled = excluded.settled, staged = excluded.staged, wanted = excluded.wanted",
            )
            .bind(kind.as_str())
            .bind(int(version.0))
            .bind(time(at))
            .bind(int(sample.settled))
            .bind(int(sample.staged))
            .bind(int(sample.wanted))
            .execute(&mut *tx)
            .await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// The samples of a release, oldest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn adoption(&self, kind: Kind, version: Version) -> Result<Vec<AdoptionSample>, StoreError> {
        self.step("reading samples of adoption", async {
            let rows = sqlx::query(
                "SELECT at, settled, staged, wanted FROM adoption_samples WHERE kind = $1 AND version = $2 ORDER BY at",
            )
            .bind(kind.as_str())
            .bind(int(version.0))
            .fetch_all(&self.core.read)
            .await?;
            rows.iter()
                .map(|row| {
                    Ok(AdoptionSample {
                        at: moment(row, "at")?,
                        settled: number(row, "settled")?,
                        staged: number(row, "staged")?,
                        wanted: number(row, "wanted")?,
                    })
                })
                .collect()
        })
        .await
    }
}
