//! Which pumps a rule with a limit has let in. Only such rules leave a row here; what every other rule did is in the audit.

use std::collections::BTreeMap;

use wardline_model::PumpId;

use crate::row::{int, number, text, time};
use crate::{Decision, Entry, Store, StoreError};

impl Store {
    /// How many pumps each rule with a limit has let in so far.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn let_in_by_rule(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        self.step("counting who was let in by which rule", async {
            let sql = "SELECT rule, COUNT(*) AS pumps FROM approvals_by_rule GROUP BY rule";
            let rows = sqlx::query(sql).fetch_all(&self.core.read).await?;
            rows.iter().map(|row| Ok((text(row, "rule")?, number(row, "pumps")?))).collect()
        })
        .await
    }

    /// The rule that let this pump in, when it was one with a limit.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn approved_by_rule(&self, pump: PumpId) -> Result<Option<String>, StoreError> {
        self.step("reading who let a pump in", async {
            let row = sqlx::query("SELECT rule FROM approvals_by_rule WHERE pump = $1")
                .bind(pump.to_string())
                .fetch_optional(&self.core.read)
                .await?;
            row.map(|row| text(&row, "rule")).transpose()
        })
        .await
    }

    /// Lets a pump in by a rule that may let in `most`, with the audit record `enrolment.approve`. False when the rule has
    /// let in that many already: they are counted in the same transaction, so two pumps at one moment cannot both be the
    /// last one. A pump that a rule let in before is not counted again.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn approve_by_rule(
        &self,
        pump: PumpId,
        rule: &str,
        most: u32,
        by: &Decision,
    ) -> Result<bool, StoreError> {
        self.step("letting a pump in", async {
            let mut deciding = self.decide().await?;
            let known = sqlx::query("SELECT rule FROM approvals_by_rule WHERE pump = $1")
                .bind(pump.to_string())
                .fetch_optional(deciding.connection())
                .await?;
            if known.is_some() {
                return Ok(true);
            }
            let count = sqlx::query("SELECT COUNT(*) AS pumps FROM approvals_by_rule WHERE rule = $1")
                .bind(rule.to_owned())
                .fetch_one(deciding.connection())
                .await?;
            let count = number(&count, "pumps")?;
            if count >= u64::from(most) {
                return Ok(false);
            }
            sqlx::query("INSERT INTO approvals_by_rule (pump, rule, at) VALUES ($1, $2, $3)")
                .bind(pump.to_string())
                .bind(rule.to_owned())
                .bind(time(by.at))
                .execute(deciding.connection())
                .await?;
            let subject = format!("rule {rule:?}, pump {} of {most}", int(count) + 1);
            deciding.note(by, &Entry::done("enrolment.approve", Some(pump), subject)).await?;
            deciding.commit().await?;
            Ok(true)
        })
        .await
    }
}
