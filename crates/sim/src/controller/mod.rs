//! The therapy controller: a pure machine, and (beside it) the socket side of the controller port.

mod machine;
mod port;
pub mod reference;
mod retime;
mod words;

pub use machine::*;
pub use reference::{Reference, Setup, serve};
