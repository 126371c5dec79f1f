//! `wardline demo`: a hub and a whole simulated hospital on this machine.
#![allow(dead_code, reason = "its parts are wired to hub and hospital next")]

mod fleet;
mod lasts;
mod ports;
mod status;
