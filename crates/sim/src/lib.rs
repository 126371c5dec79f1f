//! A whole hospital of pumps that speak the real protocol.
//!
//! | module | what it is |
//! |---|---|
//! | `controller` | the therapy controller: a pure machine, and the reference implementation of the port's other side |
//! | `search` | one pump, exhaustively: nurse × power × network × bad release |
//! | `dice` | seeded randomness for stories |
//! | `nurse` | people at the bedside, at a believable pace |
//! | `bedside` | the two machines of one pump side by side, and what must hold at every step |
//! | `month` | a hospital for a month on virtual time |
//! | `roll_over` | a fleet moves from one root to another, on virtual time |
//! | `hospital` | many pumps on real time and real sockets, with faults |

pub mod bedside;
pub mod controller;
pub mod dice;
pub mod hospital;
pub mod month;
pub mod nurse;
pub mod roll_over;
pub mod search;
