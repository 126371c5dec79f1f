//! One-time codes with which a pump without a birth certificate enrols.
//!
//! A code is 20 characters of Crockford's base 32 (100 bits) for one pump. Only its SHA-256 is stored: with that many
//! random bits a slow hash adds nothing. It works once, until it expires, and for that pump only.

use wardline_model::{PumpId, Span, Time};

use crate::group::Deciding;
use crate::row::{maybe_moment, moment, parse, sha256, text, time};
use crate::store::Trouble;
use crate::{Actor, Decision, Entry, Store, StoreError};

/// Crockford's base 32: no letter that can be read as a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Twenty characters of five bits are 100 bits, far beyond guessing over a network.
const LENGTH: usize = 20;
/// The longest text that is looked at as a code: the code, its hyphens, and some blanks.
const LONGEST_INPUT: usize = 64;

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

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundCode {
    /// The pump that it enrols.
    pub pump: PumpId,
    /// Whether it was used already.
    pub is_used: bool,
}

/// Uses a code up within a decision, with the audit record `enrolment-code.use`; false when it is not this pump's, is
/// unknown, expired, or used already.
pub(crate) async fn spend_in(deciding: &mut Deciding, code: &str, pump: PumpId, now: Time) -> Result<bool, Trouble> {
    let Some(plain) = normalise(code) else { return Ok(false) };
    let sql = "SELECT id FROM enrolment_codes WHERE hash = $1 AND pump = $2 AND used IS NULL AND expires > $3";
    let row = sqlx::query(sql)
        .bind(hash(&plain))
        .bind(pump.to_string())
        .bind(time(now))
        .fetch_optional(deciding.connection())
        .await?;
    let Some(row) = row else { return Ok(false) };
    let id = text(&row, "id")?;
    sqlx::query("UPDATE enrolment_codes SET used = $1 WHERE id = $2")
        .bind(time(now))
        .bind(id.clone())
        .execute(deciding.connection())
        .await?;
    let by = Decision { by: Actor::Pump(pump), reason: "enrolled with a one-time code".to_owned(), at: now };
    deciding.note(&by, &Entry::done("enrolment-code.use", Some(pump), format!("code {id}"))).await?;
    Ok(true)
}

/// What people may type for a code: blanks and hyphens are skipped, and letters that look like digits are digits.
fn normalise(code: &str) -> Option<String> {
    if code.len() > LONGEST_INPUT {
        return None;
    }
    let plain: String = code
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    (plain.len() == LENGTH && plain.bytes().all(|c| ALPHABET.contains(&c))).then_some(plain)
}

/// Four characters for people to name a thing by.
pub(crate) fn short_number() -> String {
    let mut bytes = [0; 4];
    crate::keys::random(&mut bytes);
    bytes.iter().map(|b| char::from(ALPHABET[usize::from(b % 32)])).collect()
}

fn hash(plain: &str) -> String {
    sha256(&[b"wardline enrolment code 1\n", plain.as_bytes()]).to_string()
}

impl Store {
    /// Makes a code for a pump, with the audit record `enrolment-code.create`; an older unused one of the same pump stops
    /// working.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn new_enrolment_code(&self, pump: PumpId, lives: Span, by: &Decision) -> Result<NewCode, StoreError> {
        let mut bytes = [0; LENGTH];
        crate::keys::random(&mut bytes);
        let plain: String = bytes.iter().map(|b| char::from(ALPHABET[usize::from(b % 32)])).collect();
        let groups: Vec<&str> = [0, 5, 10, 15].map(|at| &plain[at..at + 5]).into();
        let id = short_number();
        let expires = by.at + lives;
        let code = NewCode { id: id.clone(), code: groups.join("-"), pump, expires };
        self.step("making an enrolment code", async {
            let mut deciding = self.decide().await?;
            crate::certificates::entry_in(deciding.tx(), pump).await?;
            sqlx::query("DELETE FROM enrolment_codes WHERE (pump = $1 AND used IS NULL) OR id = $2")
                .bind(pump.to_string())
                .bind(id.clone())
                .execute(deciding.connection())
                .await?;
            sqlx::query(
                "INSERT INTO enrolment_codes (id, hash, pump, created, created_by, expires) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(id.clone())
            .bind(hash(&plain))
            .bind(pump.to_string())
            .bind(time(by.at))
            .bind(by.by.to_string())
            .bind(time(expires))
            .execute(deciding.connection())
            .await?;
            deciding.note(by, &Entry::done("enrolment-code.create", Some(pump), format!("code {id}"))).await?;
            deciding.commit().await?;
            Ok(code)
        })
        .await
    }

    /// Withdraws a code that was not used, by its short number, with the audit record `enrolment-code.withdraw`: it stops
    /// working at once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such code, or it was used already.
    pub async fn withdraw_enrolment_code(&self, id: &str, by: &Decision) -> Result<(), StoreError> {
        self.step("withdrawing an enrolment code", async {
            let mut deciding = self.decide().await?;
            let row = sqlx::query("SELECT pump FROM enrolment_codes WHERE id = $1 AND used IS NULL")
                .bind(id.to_owned())
                .fetch_optional(deciding.connection())
                .await?;
            let row = row.ok_or_else(|| StoreError::not_found(format!("an unused enrolment code {id:?}")))?;
            let pump: PumpId = parse(&row, "pump")?;
            sqlx::query("DELETE FROM enrolment_codes WHERE id = $1 AND used IS NULL")
                .bind(id.to_owned())
                .execute(deciding.connection())
                .await?;
            deciding.note(by, &Entry::done("enrolment-code.withdraw", Some(pump), format!("code {id}"))).await?;
            deciding.commit().await?;
            Ok(())
        })
        .await
    }

    /// The pump that a code is for, and whether it was used. `None` when it is unknown or expired. Looking uses nothing
    /// up: that happens together with the certificate, in [`Store::issue_for_code`].
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn enrolment_code(&self, code: &str, now: Time) -> Result<Option<FoundCode>, StoreError> {
        let Some(plain) = normalise(code) else { return Ok(None) };
        self.step("looking up an enrolment code", async {
            let row = sqlx::query("SELECT pump, used FROM enrolment_codes WHERE hash = $1 AND expires > $2")
                .bind(hash(&plain))
                .bind(time(now))
                .fetch_optional(&self.core.read)
                .await?;
            row.map(|row| Ok(FoundCode { pump: parse(&row, "pump")?, is_used: maybe_moment(&row, "used")?.is_some() }))
                .transpose()
        })
        .await
    }

    /// Codes that work at this moment or were used in the last day, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn enrolment_codes(&self, now: Time) -> Result<Vec<CodeRow>, StoreError> {
        self.step("listing enrolment codes", async {
            let rows = sqlx::query(
                "SELECT id, pump, created, created_by, expires, used FROM enrolment_codes \
                 WHERE (used IS NULL AND expires > $1) OR used > $2 ORDER BY created DESC, id",
            )
            .bind(time(now))
            .bind(time(now - Span::from_days(1)))
            .fetch_all(&self.core.read)
            .await?;
            rows.iter()
                .map(|row| {
                    Ok(CodeRow {
                        id: text(row, "id")?,
                        pump: parse(row, "pump")?,
                        created: moment(row, "created")?,
                        created_by: text(row, "created_by")?,
                        expires: moment(row, "expires")?,
                        used: maybe_moment(row, "used")?,
                    })
                })
                .collect()
        })
        .await
    }
}
