//! `wardline demo`: a hub and a whole simulated hospital on this machine.

mod fleet;
mod ports;
