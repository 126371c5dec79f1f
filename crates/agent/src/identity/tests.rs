//! Timing of renewal and tries, and what is kept.
