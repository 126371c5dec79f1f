//! What runs by the clock, beside what runs because somebody asked.
//!
//! | module | what it is |
//! |---|---|
//! | `planner` | gives pumps their turn in rollouts, and keeps samples of adoption |

pub mod planner;
