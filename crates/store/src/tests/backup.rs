//! backup.
