//! One pump, exhaustively: nurse × power × network × bad release, over the real `pump` and controller machines.
//!
//! The world is a value; every move of an adversary or of the machines is a function from a world to a world. All worlds
//! that can be reached are visited, nearest first, so the story of a broken invariant is one of the shortest. After that
//! the search walks backwards: from every world, moves that need no luck (no power loss, no lost network, no nurse who
//! does something for the update's sake) must lead to a pump at rest that has reported.
//!
//! | module | what it is |
//! |---|---|
//! | `scene` | what a search is about: releases and their flaws, goals, how much bad luck there is |
//! | `scenes` | the scenes that are searched |
//! | `world` | one pump and everything around it |
//! | `explore` | the search itself |
//! | `never` | which never events were put to the test, and how often |
//!
//! A program searches with all nine rules on both sides: it cannot make other [`Keeps`]. Tests take one rule away, from
//! one side or from both, and must then find the story of a never event, or show that the other side alone prevents it.

mod explore;
mod fingerprint;
mod hostile;
mod never;
mod scene;
mod scenes;
mod world;

pub use explore::{Found, STATES_MOST, Verdict};
pub use never::{Never, Tested};
pub use scene::{Agent, Enrols, Flaw, Keeps, Scene};
pub use scenes::scenes;

/// Visits every world of this scene, with machines that keep these rules.
#[must_use]
pub fn run(scene: &Scene, keeps: Keeps) -> Found {
    explore::explore(world::World::new(scene, keeps))
}

#[cfg(test)]
mod tests;
