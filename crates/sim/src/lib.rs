//! A whole hospital of pumps that speak the real protocol.
//!
//! | module | what it is |
//! |---|---|
//! | `controller` | the therapy controller: a pure machine, and the reference implementation of the port's other side |
//! | `search` | one pump, exhaustively: nurse × power × network × bad release |
//! | `dice` | seeded randomness for stories |
//! | `nurse` | people at the bedside, at a believable pace |
//! | `hospital` | many pumps on real time and real sockets, with faults |

pub mod controller;
pub mod dice;
pub mod hospital;
pub mod nurse;
pub mod search;
