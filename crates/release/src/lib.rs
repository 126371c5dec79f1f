//! Signed metadata to verified releases: thresholds, expiry, floors, withdrawal.
#![no_std]

extern crate alloc;
