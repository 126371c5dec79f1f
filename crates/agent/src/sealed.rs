//! sealed.
