//! HL7 v2 messages: text cut by delimiters that each message names itself (MSH-1 and MSH-2).
//!
//! [`Message::parse`] reads what engines really send and keeps a [`Remark`] of whatever a strict reader would refuse; only
//! what has no readable head is an error. [`Writer`] writes strictly. Numbers stay the text that came, so no digit of a
//! dose is ever lost (N10).

mod ack;
mod charset;
mod escape;
mod message;
mod writer;

pub use ack::{Ack, AckCode, Mode, Wanted, control_id_of};
pub use message::{Field, MAX_SEGMENTS, Message, ParseError, Remark, Segment};
pub use writer::Writer;

#[cfg(test)]
mod tests;
