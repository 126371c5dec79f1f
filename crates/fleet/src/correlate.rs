//! One identity in two machines: the sign of a copied key (N14).
//!
//! A pump moves, and its address with it; its old link may be half dead while the new one is up; it may be switched off
//! and on. None of that is a clone, so places and overlaps prove nothing. What proves it is the *start*: an agent draws a
//! random number when it starts and says it in every Hello, inside the encryption and after it has proven to hold the key.
//! An agent that was started again never goes back to an earlier number. So an identity that comes back to an earlier start
//! has another machine that started in between and holds the same key.
//!
//! | seen | means |
//! |---|---|
//! | A A A, from whatever places | one agent that reconnects, roams, or is behind a bad network |
//! | A B | a restart |
//! | A B A | two agents, or a Hello of A that was under way while the pump restarted: counted |
//! | A B A B, within an hour | two agents: a clone |

use serde::{Deserialize, Serialize};
use wardline_model::{Span, Time, covers};

/// The random number of one start of an agent.
pub type Start = [u8; 16];

/// How many starts are remembered: two machines that take turns need two, and restarts in between a few more.
const REMEMBERED: usize = 8;

/// Returns further apart than this are counted anew.
pub const RETURNS_WITHIN: Span = Span::from_h(1);

/// How often an identity must return to an earlier start. One return can be a greeting that was late; a second cannot.
pub const RETURNS: u32 = 2;

/// What one more greeting shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shows {
    /// Nothing: the same agent, or a restart.
    Nothing,
    /// A return to an earlier start, the first within [`RETURNS_WITHIN`].
    Return,
    /// Two agents with one key.
    Clone {
        /// How many returns there were.
        returns: u32,
    },
}

/// The starts of one identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Starts {
    /// The newest last.
    seen: Vec<Start>,
    returns: u32,
    returned: Option<Time>,
}

impl Starts {
    /// Notes a greeting.
    pub fn note(&mut self, start: Start, now: Time) -> Shows {
        covers!("N14");
        match self.seen.iter().position(|seen| *seen == start) {
            Some(place) if place + 1 == self.seen.len() => Shows::Nothing,
            Some(place) => {
                self.seen.remove(place);
                self.seen.push(start);
                self.come_back(now)
            }
            None => {
                if self.seen.len() >= REMEMBERED {
                    self.seen.remove(0);
                }
                self.seen.push(start);
                Shows::Nothing
            }
        }
    }

    fn come_back(&mut self, now: Time) -> Shows {
        let is_lately = self.returned.is_some_and(|at| now.since(at) <= RETURNS_WITHIN);
        self.returns = if is_lately { self.returns.saturating_add(1) } else { 1 };
        self.returned = Some(now);
        match self.returns {
            returns if returns >= RETURNS => Shows::Clone { returns },
            _ => Shows::Return,
        }
    }
}

#[cfg(test)]
mod tests;
