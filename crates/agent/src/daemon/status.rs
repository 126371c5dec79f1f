//! What `wardline-agent status` shows: a small file beside the state, written when something in it changed.
//!
//! It holds nothing secret and nothing of a patient, and nothing depends on it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wardline_model::{Report, Time};

use crate::config::Config;
use crate::sealed::Flush;

/// The largest status that is read back.
const LARGEST: u64 = 64 * 1024;

/// What the agent says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The agent's version.
    pub agent: String,
    /// When this was written.
    pub at: Time,
    /// Since when the link has been up.
    pub linked_since: Option<Time>,
    /// Why it is down.
    pub link_problem: String,
    /// Whether the therapy controller is there.
    pub controller: bool,
    /// The newest report.
    pub report: Option<Report>,
}

/// Reads the status of the agent that works on this state folder.
///
/// # Errors
/// A sentence that says what to do.
pub fn read_status(state: &Path) -> Result<Status, String> {
    let path = state.join(FILE);
    let none = |error: std::io::Error| format!("{}: {error}. Is the agent running on this folder?", path.display());
    if std::fs::metadata(&path).map_err(none)?.len() > LARGEST {
        return Err(format!("{} is not a status", path.display()));
    }
    let bytes = std::fs::read(&path).map_err(none)?;
    serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}

const FILE: &str = "status.json";

/// Writes the status when it changes. Simulated pumps write none.
pub(super) struct Writer {
    path: Option<PathBuf>,
    status: Status,
}

impl Writer {
    pub(super) fn new(config: &Config) -> Self {
        let path = (config.flush == Flush::Always).then(|| config.state.join(FILE));
        let writer = Self { path, status: Status { agent: crate::VERSION.into(), ..Status::default() } };
        writer.write();
        writer
    }

    pub(super) fn link(&mut self, since: Option<Time>, problem: &str) {
        self.status.linked_since = since;
        problem.clone_into(&mut self.status.link_problem);
        self.write();
    }

    pub(super) fn controller(&mut self, is_there: bool) {
        self.status.controller = is_there;
        self.write();
    }

    pub(super) fn report(&mut self, report: &Report) {
        if self.path.is_some() {
            self.status.report = Some(report.clone());
            self.write();
        }
    }

    fn write(&self) {
        let Some(path) = &self.path else { return };
        let status = Status { at: super::now(), ..self.status.clone() };
        let beside = path.with_extension("json.new");
        let written = serde_json::to_vec_pretty(&status)
            .map_err(std::io::Error::other)
            .and_then(|bytes| std::fs::write(&beside, bytes))
            .and_then(|()| std::fs::rename(&beside, path));
        if let Err(error) = written {
            tracing::debug!(%error, "the status could not be written");
        }
    }
}
