//! One file that holds everything and restores into either engine. What is sealed stays sealed.

use std::path::Path;

use wardline_model::Time;

use crate::error::unbuilt;
use crate::{MasterKey, Store, StoreError};

/// What a backup or a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSummary {
    /// When the backup was made.
    pub made: Time,
    /// How many rows.
    pub rows: u64,
    /// How many bytes the file has.
    pub bytes: u64,
}

impl Store {
    /// Writes everything as it is at one moment into a new file, while the hub runs.
    ///
    /// # Errors
    /// [`StoreError::Backup`] when the file exists or cannot be written.
    pub async fn backup(&self, path: &Path, now: Time) -> Result<BackupSummary, StoreError> {
        let _ = (path, now);
        unbuilt()
    }

    /// Makes a database out of a backup. The file is checked whole before anything is written.
    ///
    /// # Errors
    /// [`StoreError::Backup`] when the file is not whole or the database is not empty; [`StoreError::WrongKey`].
    pub async fn restore(path: &Path, url: &str, master: &MasterKey) -> Result<BackupSummary, StoreError> {
        let _ = (path, url, master);
        unbuilt()
    }
}
