//! From the schema to the nouns of `model` and back.
//!
//! Going in, every field is checked and a bad one is refused by name. Going out cannot fail: what `model` can hold, the
//! schema can say. Text is data: it may not be longer than its limit nor hold control characters (attack class A16), and
//! the sender makes it so with [`clean`](crate::text::clean) before it is numbered, so that an event can never be stuck.

mod common;
mod event;
mod port;
mod report;

pub use port::{Ask, Channel, Current, DenyReason, Holding, Part, ReadBack, Say, SwitchRefusal, therapy};
pub use report::Greeting;
use wardline_model::{Digest, NameError, PumpId};

/// Why a message from outside is not a value of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The field must be there and is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The number names no member of the enumeration that this version knows.
    #[error("{0} has the unknown value {1}")]
    Unknown(&'static str, i32),
    /// The field is longer or larger than its limit.
    #[error("{0} is over its limit of {1}")]
    TooLong(&'static str, usize),
    /// The field has a fixed length and does not have it.
    #[error("{0} must have {1} bytes")]
    Length(&'static str, usize),
    /// The text holds a control character or a text-direction character.
    #[error("{0} contains a control or text-direction character")]
    ControlCharacter(&'static str),
    /// The name is not acceptable.
    #[error("{0} {1}")]
    Name(&'static str, NameError),
    /// The same thing twice.
    #[error("{0} appears twice")]
    Twice(&'static str),
    /// Numbers that must follow each other do not.
    #[error("{0} do not follow each other without a gap")]
    Gap(&'static str),
    /// The value is of the right form and makes no sense here.
    #[error("{0} is out of range")]
    Range(&'static str),
}

pub(crate) fn pump_id(bytes: &[u8]) -> Result<PumpId, Refused> {
    Ok(PumpId::from_bytes(bytes.try_into().map_err(|_| Refused::Length("the pump id", 16))?))
}

pub(crate) fn digest(bytes: &[u8]) -> Result<Digest, Refused> {
    Ok(Digest::from_bytes(bytes.try_into().map_err(|_| Refused::Length("a digest", 32))?))
}

pub(crate) fn text(what: &'static str, text: String, limit: usize) -> Result<String, Refused> {
    if text.len() > limit {
        return Err(Refused::TooLong(what, limit));
    }
    if text.chars().any(crate::text::is_forbidden) {
        return Err(Refused::ControlCharacter(what));
    }
    Ok(text)
}

pub(crate) fn channel(number: u32) -> Result<u8, Refused> {
    match u8::try_from(number) {
        Ok(channel) if channel >= 1 && usize::from(channel) <= crate::limits::CHANNELS => Ok(channel),
        Ok(_) | Err(_) => Err(Refused::Range("a channel number")),
    }
}

/// Writes the two directions of one enumeration of the schema, member by member, so that a new member on either side
/// does not compile until it has a partner.
macro_rules! same_words {
    ($schema:path, $model:path, $what:literal, $read:ident, $write:ident, [$($member:ident),+ $(,)?]) => {
        pub(crate) fn $read(number: i32) -> Result<$model, Refused> {
            use $schema as Schema;
            use $model as Model;
            match Schema::try_from(number) {
                $( Ok(Schema::$member) => Ok(Model::$member), )+
                Ok(Schema::Unspecified) => Err(Refused::Missing($what)),
                Err(_) => Err(Refused::Unknown($what, number)),
            }
        }

        pub(crate) fn $write(value: $model) -> i32 {
            use $schema as Schema;
            use $model as Model;
            match value { $( Model::$member => Schema::$member as i32, )+ }
        }
    };
}
pub(crate) use same_words;
