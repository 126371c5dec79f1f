//! What people set for the whole hospital: rules, profiles, devices. Each is one text (JSON of the room that decides by it)
//! with a revision number, changed as a whole.
//!
//! A change names the revision that it was made from, so that of two people who change the same thing at once the second
//! one is told, and nothing is lost silently.

use wardline_model::Time;

use crate::row::{int, moment, number, text, time};
use crate::{Decision, Entry, Store, StoreError};

/// The largest setting: hundreds of rules or thousands of devices.
const LARGEST: usize = 256 * 1024;

/// A setting, by what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Who may enrol without a person.
    Approval,
    /// Which GTIN is which model.
    Devices,
    /// Named sets of first goals, and which care area gets which.
    Profiles,
}

impl Setting {
    const fn name(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Devices => "devices",
            Self::Profiles => "profiles",
        }
    }
}

/// A setting as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingRow {
    /// The text, as `fleet` reads it.
    pub value: String,
    /// Grows by one with every change; the first one is 1.
    pub revision: u64,
    /// When it was changed last.
    pub changed: Time,
    /// By whom, as [`crate::Actor`] prints.
    pub changed_by: String,
}

impl Store {
    /// A setting, if anybody ever set it.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn setting(&self, setting: Setting) -> Result<Option<SettingRow>, StoreError> {
        self.step("reading a setting", async {
            let row = sqlx::query("SELECT value, revision, changed, changed_by FROM settings WHERE name = $1")
                .bind(setting.name())
                .fetch_optional(&self.core.read)
                .await?;
            row.map(|row| {
                Ok(SettingRow {
                    value: text(&row, "value")?,
                    revision: number(&row, "revision")?,
                    changed: moment(&row, "changed")?,
                    changed_by: text(&row, "changed_by")?,
                })
            })
            .transpose()
        })
        .await
    }

    /// Changes a setting that was read at revision `from` (0 when nobody had set it), with its audit record in the same
    /// transaction. Returns the new revision.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when somebody else changed it in the meantime, or it is too large.
    pub async fn save_setting(
        &self,
        setting: Setting,
        value: &str,
        from: u64,
        by: &Decision,
        entry: &Entry,
    ) -> Result<u64, StoreError> {
        if value.len() > LARGEST {
            return Err(StoreError::refused(setting.name(), format!("it is larger than {LARGEST} bytes")));
        }
        self.step("changing a setting", async {
            let mut deciding = self.decide().await?;
            let is = sqlx::query("SELECT revision FROM settings WHERE name = $1")
                .bind(setting.name())
                .fetch_optional(deciding.connection())
                .await?;
            let is = is.map(|row| number(&row, "revision")).transpose()?.unwrap_or(0);
            if is != from {
                let why = "somebody else changed it in the meantime. Look at it again, and change it anew";
                return Err(StoreError::refused(setting.name(), why).into());
            }
            sqlx::query(
                "INSERT INTO settings (name, value, revision, changed, changed_by) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value, revision = excluded.revision, \
                 changed = excluded.changed, changed_by = excluded.changed_by",
            )
            .bind(setting.name())
            .bind(value.to_owned())
            .bind(int(is + 1))
            .bind(time(by.at))
            .bind(by.by.to_string())
            .execute(deciding.connection())
            .await?;
            deciding.note(by, entry).await?;
            deciding.tell(crate::Notice::List);
            deciding.commit().await?;
            Ok(is + 1)
        })
        .await
    }
}
