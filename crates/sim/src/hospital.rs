//! hospital.
