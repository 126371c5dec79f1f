//! Changes of the certificate authorities under a running fleet, one after the other; never two at once.
//!
//! The rows say which generation of root and issuing authority is in use; those that `init` made are the first and have no
//! row. Keys and certificates themselves are not here. A generation is never used twice, also not after a change that was
//! given up: a key file of that name may still lie somewhere.

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use wardline_model::{PumpId, Time};

use crate::group::Deciding;
use crate::row::{from_word, int, moment, number, parse, text, time, word};
use crate::store::Trouble;
use crate::{Decision, Entry, Store, StoreError};

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RollOverWhat {
    /// Root and issuing authority.
    Root,
    /// The issuing authority alone.
    Issuing,
}

/// How far a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RollOverStage {
    /// The new authorities are made.
    Prepared,
    /// The hub issues from the new authority and accepts both.
    Moved,
    /// Only the new authorities count.
    Finished,
    /// The change was given up before anything was issued from the new authority.
    Abandoned,
}

impl RollOverStage {
    /// Whether the change is under way.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Prepared | Self::Moved)
    }
}

/// Which generation of the authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generations {
    /// Of the root.
    pub root: u64,
    /// Of the issuing authority.
    pub issuing: u64,
}

/// The authorities that `init` made.
const FIRST: Generations = Generations { root: 1, issuing: 1 };

/// A change to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRollOver {
    /// What is changed.
    pub what: RollOverWhat,
    /// The new authorities, from [`Store::next_generations`].
    pub to: Generations,
    /// The new certificates, as people compare them: for the audit.
    pub subject: String,
}

/// A change as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollOverRow {
    /// Its number, from 1.
    pub number: u64,
    /// What is changed.
    pub what: RollOverWhat,
    /// How far it is.
    pub stage: RollOverStage,
    /// The new authorities.
    pub to: Generations,
    /// When it began.
    pub begun: Time,
    /// Who began it.
    pub begun_by: String,
    /// Why.
    pub reason: String,
    /// When it last took a step.
    pub changed: Time,
}

impl RollOverRow {
    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        Ok(Self {
            number: number(row, "number")?,
            what: from_word(&text(row, "what")?, "roll_overs.what")?,
            stage: from_word(&text(row, "stage")?, "roll_overs.stage")?,
            to: Generations { root: number(row, "root")?, issuing: number(row, "issuing")? },
            begun: moment(row, "begun")?,
            begun_by: text(row, "begun_by")?,
            reason: text(row, "reason")?,
            changed: moment(row, "changed")?,
        })
    }
}

const SELECT: &str = "SELECT number, what, stage, root, issuing, begun, begun_by, reason, changed FROM roll_overs";

impl Store {
    /// Every change, oldest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn roll_overs(&self) -> Result<Vec<RollOverRow>, StoreError> {
        self.step("reading the changes of authorities", async {
            let rows = crate::row::query(format!("{SELECT} ORDER BY number")).fetch_all(&self.core.read).await?;
            rows.iter().map(RollOverRow::read).collect()
        })
        .await
    }

    /// The authorities in use by these rows, and the change that is under way, if one is.
    #[must_use]
    pub fn authorities_of(rows: &[RollOverRow]) -> (Generations, Option<&RollOverRow>) {
        let finished = rows.iter().rev().find(|row| row.stage == RollOverStage::Finished);
        (finished.map_or(FIRST, |row| row.to), rows.last().filter(|row| row.stage.is_open()))
    }

    /// The generations of the next change.
    #[must_use]
    pub fn next_generations(rows: &[RollOverRow], what: RollOverWhat) -> Generations {
        let most = |of: fn(&Generations) -> u64| rows.iter().map(|row| of(&row.to)).max().unwrap_or(1);
        let (now, _) = Self::authorities_of(rows);
        Generations {
            root: match what {
                RollOverWhat::Root => most(|to| to.root) + 1,
                RollOverWhat::Issuing => now.root,
            },
            issuing: most(|to| to.issuing) + 1,
        }
    }

    /// Begins a change, with its audit record in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when one is under way, or somebody began one in the meantime.
    pub async fn begin_roll_over(&self, new: &NewRollOver, by: &Decision) -> Result<RollOverRow, StoreError> {
        self.step("beginning a change of authorities", async {
            let mut deciding = self.decide().await?;
            let rows = rows(&mut deciding).await?;
            if Self::authorities_of(&rows).1.is_some() {
                return Err(refused("one is under way; finish or abandon it first").into());
            }
            if Self::next_generations(&rows, new.what) != new.to {
                return Err(refused("somebody else began one in the meantime; look again").into());
            }
            let number = rows.last().map_or(1, |row| row.number + 1);
            sqlx::query(
                "INSERT INTO roll_overs (number, what, stage, root, issuing, begun, begun_by, reason, changed) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $6)",
            )
            .bind(int(number))
            .bind(word(&new.what))
            .bind(word(&RollOverStage::Prepared))
            .bind(int(new.to.root))
            .bind(int(new.to.issuing))
            .bind(time(by.at))
            .bind(by.by.to_string())
            .bind(by.reason.clone())
            .execute(deciding.connection())
            .await?;
            deciding.note(by, &Entry::done("ca.roll-over.start", None, new.subject.clone())).await?;
            deciding.commit().await?;
            Ok(RollOverRow {
                number,
                what: new.what,
                stage: RollOverStage::Prepared,
                to: new.to,
                begun: by.at,
                begun_by: by.by.to_string(),
                reason: by.reason.clone(),
                changed: by.at,
            })
        })
        .await
    }

    /// Takes the change that is at `from` to `to`, with its audit record in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when it is not at `from` (any more).
    pub async fn step_roll_over(
        &self,
        from: RollOverStage,
        to: RollOverStage,
        by: &Decision,
        entry: &Entry,
    ) -> Result<(), StoreError> {
        self.step("changing the authorities", async {
            let mut deciding = self.decide().await?;
            let rows = rows(&mut deciding).await?;
            let open = rows.last().filter(|row| row.stage == from);
            let open = open.ok_or_else(|| refused("it is not at the stage that this step begins from; look again"))?;
            sqlx::query("UPDATE roll_overs SET stage = $1, changed = $2 WHERE number = $3")
                .bind(word(&to))
                .bind(time(by.at))
                .bind(int(open.number))
                .execute(deciding.connection())
                .await?;
            deciding.note(by, entry).await?;
            deciding.commit().await?;
            Ok(())
        })
        .await
    }

    /// Every pump's certificate in use, as it was issued.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn certificates_in_use(&self) -> Result<Vec<(PumpId, Vec<u8>)>, StoreError> {
        self.step("reading the certificates in use", async {
            let sql = "SELECT pump, der FROM certificates WHERE state = $1";
            let rows =
                sqlx::query(sql).bind(word(&crate::CertificateState::Current)).fetch_all(&self.core.read).await?;
            use sqlx::Row as _;
            rows.iter().map(|row| Ok((parse(row, "pump")?, row.try_get::<Vec<u8>, _>("der")?))).collect()
        })
        .await
    }
}

async fn rows(deciding: &mut Deciding) -> Result<Vec<RollOverRow>, Trouble> {
    let rows = crate::row::query(format!("{SELECT} ORDER BY number")).fetch_all(deciding.connection()).await?;
    rows.iter().map(RollOverRow::read).collect()
}

fn refused(why: &str) -> StoreError {
    StoreError::refused("a change of the certificate authorities", why)
}
