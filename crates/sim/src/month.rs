//! month.
