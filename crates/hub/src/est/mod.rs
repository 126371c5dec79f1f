//! est.
