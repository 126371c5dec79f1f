//! What each pump said last. Only the newest report is kept.

use std::collections::BTreeSet;

use tokio::sync::oneshot;
use wardline_model::{Report, Time, Wait};

use crate::row::word;
use crate::writer::Work;
use crate::{Store, StoreError};

/// A report that just arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReport {
    /// What the pump says.
    pub report: Report,
    /// When the hub received it.
    pub received: Time,
}

/// What a list of pumps is filtered and sorted by, taken out of a report.
pub(crate) struct Summary {
    /// Every reason to wait as ` word word `, with blanks at both ends; empty when nothing waits.
    pub(crate) waits: String,
    /// Since when the longest wait has been staged.
    pub(crate) since: Option<Time>,
}

impl Summary {
    pub(crate) fn of(report: &Report) -> Self {
        let waiting = report.slots.iter().filter_map(|(_, slot)| slot.wait.map(|wait| (wait, slot.staged_since)));
        let waiting: Vec<(Wait, Option<Time>)> = waiting.collect();
        let waits: BTreeSet<Wait> = waiting.iter().map(|(wait, _)| *wait).collect();
        let since = waiting.iter().filter_map(|(_, since)| *since).min();
        let words: Vec<String> = waits.iter().map(word).collect();
        Self { waits: if words.is_empty() { String::new() } else { format!(" {} ", words.join(" ")) }, since }
    }
}

impl Store {
    /// Keeps a report. It joins the next group commit, so that a thousand pumps cost one write to the disk; when this
    /// returns, the report is durable. A report that was overtaken by a newer one (on the way over another hub) is dropped.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn save_report(&self, report: NewReport) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.hand_over(Work::Report { report: Box::new(report), reply }).await?;
        answer.await.unwrap_or_else(|_| Err(self.closed()))
    }
}
