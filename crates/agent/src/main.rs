//! The daemon on the pump.
fn main() {}
