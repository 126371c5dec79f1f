//! Signs that a key is in two hands or is misused, on their way from the doors to whoever keeps them and acts on them.
//!
//! Only what was proven with the key itself gets here: a certificate alone, which many may see, is no sign. A flood of
//! signs about one pump is one sign.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use wardline_model::{Digest, PumpId, Time};

/// The most signs that wait; more pumps than that at once are for people anyway.
const MOST_WAITING: usize = 1_000;

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The identity returned to an earlier start of its agent so many times within an hour.
    TwoStarts(u32),
    /// Somebody who holds its key used a certificate that is not the registry's current one, by its SHA-256.
    OldCertificate(Digest),
    /// It named another pump.
    WrongPump(String),
}

impl Sign {
    /// The word in the store.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::TwoStarts(_) => "two-starts",
            Self::OldCertificate(_) => "old-certificate",
            Self::WrongPump(_) => "wrong-pump",
        }
    }
}

/// A sign about a pump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Whose identity.
    pub pump: PumpId,
    /// What was seen.
    pub sign: Sign,
    /// From where: a network address, or a radio's.
    pub place: String,
    /// When.
    pub at: Time,
}

/// Signs that wait.
#[derive(Debug, Default)]
pub struct Suspicions {
    waiting: Mutex<VecDeque<Suspicion>>,
    more: Notify,
}

impl Suspicions {
    /// Adds a sign. The same kind of sign about the same pump waits once.
    pub fn push(&self, suspicion: Suspicion) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |one: &Suspicion| one.pump == suspicion.pump && one.sign.word() == suspicion.sign.word();
        if waiting.len() < MOST_WAITING && !waiting.iter().any(same) {
            waiting.push_back(suspicion);
            self.more.notify_one();
        }
    }

    /// The next one. It may be dropped while it waits, and nothing is lost.
    pub async fn next(&self) -> Suspicion {
        loop {
            let next = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match next {
                Some(suspicion) => return suspicion,
                None => self.more.notified().await,
            }
        }
    }
}
