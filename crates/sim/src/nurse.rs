//! nurse.
