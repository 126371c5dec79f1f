//! Opening and closing.

use wardline_model::Time;

use crate::error::{StoreError, unbuilt};
use crate::{Engine, MasterKey};

/// The open database. Cheap to clone; every clone is the same database.
#[derive(Clone, Debug)]
pub struct Store {
    engine: Engine,
}

impl Store {
    /// Makes the database when it is not there, brings its tables up to date, and opens it. For `init`, demo and tests.
    ///
    /// # Errors
    /// As [`Store::open`], but never [`StoreError::Missing`].
    pub async fn create(url: &str, master: &MasterKey, now: Time) -> Result<Self, StoreError> {
        let _ = (url, master, now);
        unbuilt()
    }

    /// Opens a database that [`Store::create`] made, and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::WrongKey`], [`StoreError::Corrupt`], [`StoreError::Newer`],
    /// [`StoreError::InUse`], [`StoreError::Unreachable`] or [`StoreError::Url`]; each says what to do.
    pub async fn open(url: &str, master: &MasterKey, now: Time) -> Result<Self, StoreError> {
        let _ = (url, master, now);
        unbuilt()
    }

    /// Which engine is behind it.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Writes out what is under way and closes every connection.
    pub async fn close(&self) {}

    /// Makes a new data key, seals everything sensitive again under it, and forgets the old ones. Safe to interrupt:
    /// what is left is sealed again by the next call.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn rotate_data_key(&self, by: &crate::Decision) -> Result<u64, StoreError> {
        let _ = by;
        unbuilt()
    }

    /// Wraps the data keys with another master key, which must be used from then on.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn change_master_key(&self, new: &MasterKey, by: &crate::Decision) -> Result<(), StoreError> {
        let _ = (new, by);
        unbuilt()
    }
}
