//! What the hub wants of each pump, signed. Generations only grow.

use sqlx::Row as _;
use wardline_model::{Generation, PumpId, Time};

use crate::row::{int, moment, number, parse, pieces, placeholders, query, time};
use crate::{Decision, Entry, Notice, Store, StoreError};

/// How many goals one statement writes.
const LARGEST_STATEMENT: usize = 256;
/// The largest signed goal: five slots are below 2 KiB.
const LARGEST_GOAL: usize = 16 * 1024;

/// A goal that was just signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGoal {
    /// For which pump.
    pub pump: PumpId,
    /// Its generation, above every earlier one of that pump.
    pub generation: Generation,
    /// The signed goal as it is sent.
    pub signed: Vec<u8>,
}

/// The newest goal of a pump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoalRow {
    /// For which pump.
    pub pump: PumpId,
    /// Its generation.
    pub generation: Generation,
    /// The signed goal as it is sent.
    pub signed: Vec<u8>,
    /// When it was decided.
    pub decided: Time,
}

impl Store {
    /// Saves goals, all or none, with one audit record in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::StaleGoal`] when another planner was faster, [`StoreError::NotFound`] for an unknown pump.
    pub async fn save_goals(&self, goals: &[NewGoal], by: &Decision, entry: &Entry) -> Result<(), StoreError> {
        if let Some(large) = goals.iter().find(|goal| goal.signed.len() > LARGEST_GOAL) {
            return Err(StoreError::refused(format!("the goal of pump {}", large.pump), "it is larger than 16 KiB"));
        }
        self.step("saving goals", async {
            let mut deciding = self.decide().await?;
            for piece in pieces(goals, LARGEST_STATEMENT) {
                let list = placeholders(1, piece.len());
                let mut stored = query(format!(
                    "SELECT p.id, g.generation FROM pumps p LEFT JOIN goals g ON g.pump = p.id WHERE p.id IN {list}"
                ));
                let mut save = query(format!(
                    "INSERT INTO goals (pump, generation, signed, decided) VALUES {} ON CONFLICT (pump) DO UPDATE SET \
                     generation = excluded.generation, signed = excluded.signed, decided = excluded.decided",
                    placeholders(piece.len(), 4)
                ));
                for goal in piece {
                    let id = goal.pump.to_string();
                    stored = stored.bind(id.clone());
                    save = save.bind(id).bind(int(goal.generation.0)).bind(goal.signed.clone()).bind(time(by.at));
                }
                let mut known = std::collections::BTreeMap::new();
                for row in stored.fetch_all(deciding.connection()).await? {
                    let generation: Option<i64> = row.try_get("generation")?;
                    known.insert(parse::<PumpId>(&row, "id")?, generation.unwrap_or(0));
                }
                for NewGoal { pump, generation, .. } in piece {
                    let stored = *known.get(pump).ok_or_else(|| StoreError::not_found(format!("pump {pump}")))?;
                    if int(generation.0) <= stored {
                        let stored = Generation(stored.unsigned_abs());
                        return Err(StoreError::StaleGoal { pump: *pump, offered: *generation, stored }.into());
                    }
                }
                save.execute(deciding.connection()).await?;
            }
            deciding.note(by, entry).await?;
            deciding.tell(Notice::Goals(goals.iter().map(|goal| goal.pump).collect()));
            deciding.commit().await
        })
        .await
    }

    /// The newest goal of a pump.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn goal(&self, pump: PumpId) -> Result<Option<GoalRow>, StoreError> {
        self.step("reading a goal", async {
            let row = sqlx::query("SELECT generation, signed, decided FROM goals WHERE pump = $1")
                .bind(pump.to_string())
                .fetch_optional(&self.core.read)
                .await?;
            row.map(|row| {
                Ok(GoalRow {
                    pump,
                    generation: Generation(number(&row, "generation")?),
                    signed: row.try_get("signed")?,
                    decided: moment(&row, "decided")?,
                })
            })
            .transpose()
        })
        .await
    }
}
