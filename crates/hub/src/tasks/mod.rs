//! What runs by the clock, beside what runs because somebody asked.
//!
//! | module | what it is |
//! |---|---|
//! | `housekeeping` | pins the audit, removes what expired, tells of renewals that did not come |
//! | `neighbours` | follows what other hubs on the same PostgreSQL decide |
//! | `postures` | gives pumps back that have proven their posture |
//! | `suspects` | keeps signs of clones, and does what the rule for them says |
//! | `planner` | gives pumps their turn in rollouts, and keeps samples of adoption |

pub mod first_goals;
pub mod housekeeping;
pub mod neighbours;
pub mod planner;
pub mod postures;
pub mod suspects;
