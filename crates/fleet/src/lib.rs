//! What the hub decides: who may be taken down and by whom, where every slot of every pump is, whose turn it is in a
//! rollout, how far a release has come, and what a list of pumps says.
//!
//! Everything here is computed from what it is given. No function reads a clock, a file or a network, nothing is random,
//! and nothing is remembered between two calls: the hub stores goals and reports, and asks again.
//!
//! | module | question it answers |
//! |---|---|
//! | [`lifecycle`] | may this person do this to this pump, and what follows? |
//! | [`takedown`] | at which level may it be held, and how does it come back? |
//! | [`posture`] | has it proven that it is in order? |
//! | [`phase`] | where is this slot on its way, why, since when, and whose turn is it? |
//! | [`explain`] | how do we say that to a person? |
//! | [`plan`] | which pumps get a new goal now? |
//! | [`adoption`] | how fast is a release spreading, and who is behind? |
//! | [`correlate`] | are two machines using one key? |
//! | [`approval`] | may this pump enrol without a person? |
//! | [`renewal`] | should this certificate have been renewed by now? |
//! | [`roll_over`] | what is left at a pump when certificate authorities change, and how does it come there? |
//! | [`manifest`] | which pumps does the hospital's list expect, and which rows are wrong? |
//! | [`progress`] | how far has a new pump come, and what does it wait for? |
//! | [`profile`] | what does a new pump start with? |
//! | [`udi`] | which product is it, and which one, by its barcode? |

pub mod adoption;
pub mod approval;
pub mod correlate;
pub mod explain;
pub mod lifecycle;
pub mod manifest;
pub mod phase;
pub mod plan;
pub mod posture;
pub mod profile;
pub mod progress;
pub mod renewal;
pub mod roll_over;
pub mod takedown;
pub mod udi;
