//! What each pump said last. Only the newest report is kept.

use wardline_model::{Report, Time};

use crate::error::unbuilt;
use crate::{Store, StoreError};

/// A report that just arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReport {
    /// What the pump says.
    pub report: Report,
    /// When the hub received it.
    pub received: Time,
}

impl Store {
    /// Keeps a report. It joins the next group commit, so that a thousand pumps cost one write to the disk; when this
    /// returns, the report is durable. A report older (by receive time) than the stored one is dropped.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn save_report(&self, report: NewReport) -> Result<(), StoreError> {
        let _ = report;
        unbuilt()
    }
}
