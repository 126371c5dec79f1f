//! What a pump does: hold, slot machine, journal, recovery, link session, offline queue.
#![no_std]

extern crate alloc;
