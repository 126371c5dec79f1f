//! One pump, exhaustively: nurse × power × network × bad release, over the real `pump` and controller machines.
//!
//! The world is a value; every move of an adversary or of the machines is a function from a world to a world. All worlds
//! that can be reached are visited, nearest first, so the story of a broken invariant is one of the shortest. After that
//! the search walks backwards: from every world, moves that need no luck (no power loss, no lost network, no nurse who
//! does something for the update's sake) must lead to a pump at rest that has reported.

mod explore;
mod hostile;
mod scene;
mod tests;
mod world;
