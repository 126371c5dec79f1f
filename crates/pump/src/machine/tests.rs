//! The slot machine by itself, against an edge that keeps bytes: what it refuses, what it takes twice without harm, and
//! how it comes back.

mod edge;
mod goals;
mod recovery;
mod turns;
