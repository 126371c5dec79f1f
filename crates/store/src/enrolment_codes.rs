//! One-time codes with which a pump without a birth certificate enrols.
//!
//! A code is 20 characters of Crockford's base 32 (100 bits) for one pump. Only its SHA-256 is stored: with that many
//! random bits a slow hash adds nothing. It works once, until it expires, and for that pump only.

use wardline_model::{PumpId, Span, Time};

use crate::error::unbuilt;
use crate::{Decision, Store, StoreError};

/// A code that was just made. This is the only time that it can be read.
#[derive(Clone, PartialEq, Eq)]
pub struct NewCode {
    /// Its short number, for the list.
    pub id: String,
    /// The code in groups of five, such as `7K3QX-…`.
    pub code: String,
    /// Which pump it enrols.
    pub pump: PumpId,
    /// Until when it works.
    pub expires: Time,
}

/// A code as listed: never the code itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeRow {
    /// Its short number.
    pub id: String,
    /// Which pump it enrols.
    pub pump: PumpId,
    /// When it was made.
    pub created: Time,
    /// By whom.
    pub created_by: String,
    /// Until when it works.
    pub expires: Time,
    /// When it was used.
    pub used: Option<Time>,
}

impl Store {
    /// Makes a code for a pump; an older unused one of the same pump stops working.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn new_enrolment_code(&self, pump: PumpId, lives: Span, by: &Decision) -> Result<NewCode, StoreError> {
        let _ = (pump, lives, by);
        unbuilt()
    }

    /// Uses a code up. `None` when it is unknown, expired or used already; the caller records the refusal.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn spend_enrolment_code(&self, code: &str, now: Time) -> Result<Option<PumpId>, StoreError> {
        let _ = (code, now);
        unbuilt()
    }

    /// Codes that work at this moment or were used in the last day, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn enrolment_codes(&self, now: Time) -> Result<Vec<CodeRow>, StoreError> {
        let _ = now;
        unbuilt()
    }
}
