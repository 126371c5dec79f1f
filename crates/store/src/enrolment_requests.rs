//! First certificates that wait for a person.
//!
//! A request is known by the pump, the key that it is for, and the birth certificate that vouches for it: an approval is
//! for exactly these three, so nobody else can collect what was approved, and the pump cannot change its key meanwhile.
//! Approving and using an approval up are decisions with audit records; so is letting it run out.

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};
use wardline_model::{Digest, PumpId, Span, Time};

use crate::group::Deciding;
use crate::row::{from_word, maybe_moment, moment, number, parse, query, text, time, word};
use crate::store::Trouble;
use crate::{Actor, Decision, Entry, Store, StoreError};

/// How many requests of one pump may wait at once: its own, one after a repair, and one by whoever copied its birth
/// certificate, which a person should see.
const MOST_PER_PUMP: u64 = 3;

/// How long a denial stands. The same request is refused all that time without asking anybody again.
const DENIED_STANDS: Span = Span::from_days(30);

/// How often a waiting pump's newest question is written down.
const NOTED_EVERY: Span = Span::from_min(5);

/// The most waiting requests that are listed, and the most decided ones.
const LISTED: (i64, i64) = (200, 50);

/// What has become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalState {
    /// Nobody has decided.
    Waiting,
    /// The pump may collect its certificate.
    Approved,
    /// It gets none.
    Denied,
    /// It has collected it.
    Used,
}

/// A pump that asks for a first certificate which a person must approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalAsk {
    /// The pump.
    pub pump: PumpId,
    /// SHA-256 of its public key.
    pub key: Digest,
    /// SHA-256 of its birth certificate.
    pub birth: Digest,
    /// The label that it came by; empty for none.
    pub label: String,
    /// From where.
    pub place: String,
}

/// What a pump that asks is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApprovalAnswer {
    /// Ask again later.
    Waiting,
    /// Approved, under this short number.
    Approved(String),
    /// Denied, for this reason.
    Denied(String),
    /// Too many wait already.
    Full,
}

/// A request as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolmentRequestRow {
    /// Its short number.
    pub id: String,
    /// Who asks, for which key, vouched for by what, and from where.
    pub ask: ApprovalAsk,
    /// Since when.
    pub asked: Time,
    /// When it asked last, to within five minutes.
    pub asked_last: Time,
    /// Until when somebody must decide, or the pump must have collected its certificate.
    pub expires: Time,
    /// What has become of it.
    pub state: ApprovalState,
    /// When, by whom and why it was decided.
    pub decided: Option<(Time, String, String)>,
}

const SELECT: &str = "SELECT id, pump, key, birth, label, place, asked, asked_last, expires, state, decided, decided_by, \
                      reason FROM enrolment_approvals";

impl EnrolmentRequestRow {
    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        let decided = match maybe_moment(row, "decided")? {
            None => None,
            Some(at) => Some((at, text(row, "decided_by")?, text(row, "reason")?)),
        };
        let ask = ApprovalAsk {
            pump: parse(row, "pump")?,
            key: parse(row, "key")?,
            birth: parse(row, "birth")?,
            label: text(row, "label")?,
            place: text(row, "place")?,
        };
        Ok(Self {
            id: text(row, "id")?,
            ask,
            asked: moment(row, "asked")?,
            asked_last: moment(row, "asked_last")?,
            expires: moment(row, "expires")?,
            state: from_word(&text(row, "state")?, "enrolment_approvals.state")?,
            decided,
        })
    }

    /// What the pump is told without anything being written; nothing when the request has run out.
    fn answer(&self, now: Time) -> Option<ApprovalAnswer> {
        if self.expires <= now {
            return None;
        }
        match self.state {
            ApprovalState::Waiting if now.since(self.asked_last) < NOTED_EVERY => Some(ApprovalAnswer::Waiting),
            ApprovalState::Approved => Some(ApprovalAnswer::Approved(self.id.clone())),
            ApprovalState::Denied => {
                Some(ApprovalAnswer::Denied(self.decided.as_ref().map(|d| d.2.clone()).unwrap_or_default()))
            }
            ApprovalState::Waiting | ApprovalState::Used => None,
        }
    }
}

/// The same request as before, if there was one.
const SAME: &str = "WHERE pump = $1 AND key = $2 AND birth = $3";

async fn same_in(
    tx: &mut Transaction<'static, Any>,
    ask: &ApprovalAsk,
) -> Result<Option<EnrolmentRequestRow>, Trouble> {
    let row = query(format!("{SELECT} {SAME}"))
        .bind(ask.pump.to_string())
        .bind(ask.key.to_string())
        .bind(ask.birth.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    row.as_ref().map(EnrolmentRequestRow::read).transpose()
}

async fn row_in(tx: &mut Transaction<'static, Any>, id: &str) -> Result<EnrolmentRequestRow, Trouble> {
    let row = query(format!("{SELECT} WHERE id = $1")).bind(id.to_owned()).fetch_optional(&mut **tx).await?;
    EnrolmentRequestRow::read(&row.ok_or_else(|| StoreError::not_found(format!("an enrolment request {id:?}")))?)
}

/// Those that wait at a moment.
const WAITING: &str = "SELECT COUNT(*) AS n FROM enrolment_approvals WHERE state = 'waiting' AND expires > $1";

/// How many wait at this moment: in all, and of one pump.
async fn waiting_in(tx: &mut Transaction<'static, Any>, pump: PumpId, now: Time) -> Result<(u64, u64), Trouble> {
    let row = sqlx::query(WAITING).bind(time(now)).fetch_one(&mut **tx).await?;
    let own =
        query(format!("{WAITING} AND pump = $2")).bind(time(now)).bind(pump.to_string()).fetch_one(&mut **tx).await?;
    Ok((number(&row, "n")?, number(&own, "n")?))
}

/// Uses an approval up within a decision; false when it is not this pump's, is not approved, or has run out.
pub(crate) async fn spend_in(deciding: &mut Deciding, id: &str, pump: PumpId, now: Time) -> Result<bool, Trouble> {
    let done = sqlx::query(
        "UPDATE enrolment_approvals SET state = 'used' WHERE id = $1 AND pump = $2 AND state = 'approved' AND expires > $3",
    )
    .bind(id.to_owned())
    .bind(pump.to_string())
    .bind(time(now))
    .execute(deciding.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

impl Store {
    /// A pump asks for a first certificate that a person must approve. A new request is kept for `lasts`, with its audit
    /// record `enrolment.approval.ask`; at most `most` wait at once. Asking again costs a read.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown pump.
    pub async fn ask_approval(
        &self,
        ask: &ApprovalAsk,
        lasts: Span,
        most: u32,
        now: Time,
    ) -> Result<ApprovalAnswer, StoreError> {
        let known = self.approval_of(ask).await?.and_then(|row| row.answer(now));
        if let Some(answer) = known {
            return Ok(answer);
        }
        self.step("keeping a request for approval", async {
            let mut deciding = self.decide().await?;
            crate::certificates::entry_in(deciding.tx(), ask.pump).await?;
            let before = same_in(deciding.tx(), ask).await?;
            if let Some(row) = before.as_ref().filter(|row| row.expires > now && row.state != ApprovalState::Used) {
                let sql = "UPDATE enrolment_approvals SET asked_last = $1, place = $2 WHERE id = $3";
                let update = sqlx::query(sql).bind(time(now)).bind(ask.place.clone()).bind(row.id.clone());
                update.execute(deciding.connection()).await?;
                deciding.commit().await?;
                return Ok(row.answer(now).unwrap_or(ApprovalAnswer::Waiting));
            }
            let (all, own) = waiting_in(deciding.tx(), ask.pump, now).await?;
            if all >= u64::from(most) || own >= MOST_PER_PUMP {
                return Ok(ApprovalAnswer::Full);
            }
            if let Some(row) = before {
                let gone = sqlx::query("DELETE FROM enrolment_approvals WHERE id = $1").bind(row.id);
                gone.execute(deciding.connection()).await?;
            }
            let id = insert(&mut deciding, ask, now, now + lasts).await?;
            let by = Decision { by: Actor::Pump(ask.pump), reason: "a person must approve".to_owned(), at: now };
            let subject = format!("request {id} from {}, key {}", ask.place, ask.key.short());
            deciding.note(&by, &Entry::done("enrolment.approval.ask", Some(ask.pump), subject)).await?;
            deciding.commit().await?;
            Ok(ApprovalAnswer::Waiting)
        })
        .await
    }

    async fn approval_of(&self, ask: &ApprovalAsk) -> Result<Option<EnrolmentRequestRow>, StoreError> {
        self.step("reading a request for approval", async {
            let row = query(format!("{SELECT} {SAME}"))
                .bind(ask.pump.to_string())
                .bind(ask.key.to_string())
                .bind(ask.birth.to_string())
                .fetch_optional(&self.core.read)
                .await?;
            row.as_ref().map(EnrolmentRequestRow::read).transpose()
        })
        .await
    }

    /// Approves a waiting request, with the audit record `enrolment.approve`: the pump has as long to collect its
    /// certificate as the person had to decide.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Refused`] when it was decided already or has run out.
    pub async fn approve_enrolment(&self, id: &str, by: &Decision) -> Result<EnrolmentRequestRow, StoreError> {
        self.decide_request(id, ApprovalState::Approved, by).await
    }

    /// Denies a waiting request, with the audit record `enrolment.deny`: for 30 days it is refused.
    ///
    /// # Errors
    /// As [`Store::approve_enrolment`].
    pub async fn deny_enrolment(&self, id: &str, by: &Decision) -> Result<EnrolmentRequestRow, StoreError> {
        self.decide_request(id, ApprovalState::Denied, by).await
    }

    async fn decide_request(
        &self,
        id: &str,
        to: ApprovalState,
        by: &Decision,
    ) -> Result<EnrolmentRequestRow, StoreError> {
        self.step("deciding about an enrolment", async {
            let mut deciding = self.decide().await?;
            let row = row_in(deciding.tx(), id).await?;
            let why = match row.state {
                ApprovalState::Waiting if row.expires > by.at => None,
                ApprovalState::Waiting => Some("it has run out; the pump asks anew by itself"),
                ApprovalState::Approved | ApprovalState::Used => Some("it was approved already"),
                ApprovalState::Denied => Some("it was denied already"),
            };
            if let Some(why) = why {
                return Err(StoreError::refused(format!("enrolment request {id}"), why).into());
            }
            let stands = if to == ApprovalState::Denied { DENIED_STANDS } else { row.expires.since(row.asked) };
            sqlx::query(
                "UPDATE enrolment_approvals SET state = $1, decided = $2, decided_by = $3, reason = $4, expires = $5 \
                 WHERE id = $6",
            )
            .bind(word(&to))
            .bind(time(by.at))
            .bind(by.by.to_string())
            .bind(by.reason.chars().take(500).collect::<String>())
            .bind(time(by.at + stands))
            .bind(id.to_owned())
            .execute(deciding.connection())
            .await?;
            let action = if to == ApprovalState::Approved { "enrolment.approve" } else { "enrolment.deny" };
            let subject = format!("request {id}, key {}", row.ask.key.short());
            deciding.note(by, &Entry::done(action, Some(row.ask.pump), subject)).await?;
            let row = row_in(deciding.tx(), id).await?;
            deciding.commit().await?;
            Ok(row)
        })
        .await
    }

    /// Requests that wait, oldest first, then those that were decided and have not run out, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn approvals(&self, now: Time) -> Result<Vec<EnrolmentRequestRow>, StoreError> {
        self.step("listing enrolments that wait for a person", async {
            let waiting = format!("{SELECT} WHERE state = 'waiting' AND expires > $1 ORDER BY asked, id LIMIT $2");
            let decided =
                format!("{SELECT} WHERE state <> 'waiting' AND expires > $1 ORDER BY decided DESC, id LIMIT $2");
            let mut rows = query(waiting).bind(time(now)).bind(LISTED.0).fetch_all(&self.core.read).await?;
            rows.extend(query(decided).bind(time(now)).bind(LISTED.1).fetch_all(&self.core.read).await?);
            rows.iter().map(EnrolmentRequestRow::read).collect()
        })
        .await
    }

    /// How many requests wait at this moment.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn approvals_waiting(&self, now: Time) -> Result<u64, StoreError> {
        self.step("counting enrolments that wait for a person", async {
            let row = sqlx::query(WAITING).bind(time(now)).fetch_one(&self.core.read).await?;
            number(&row, "n")
        })
        .await
    }

    /// Removes requests that have run out; one that nobody decided leaves the audit record `enrolment.approval.expire`.
    /// Returns how many.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn expire_approvals(&self, now: Time) -> Result<u64, StoreError> {
        self.step("removing enrolment requests that have run out", async {
            let sql = format!("{SELECT} WHERE expires <= $1 LIMIT 500");
            let rows = query(sql).bind(time(now)).fetch_all(&self.core.read).await?;
            if rows.is_empty() {
                return Ok(0);
            }
            let mut deciding = self.decide().await?;
            let by =
                Decision { by: Actor::Hub("housekeeping".to_owned()), reason: "nobody decided".to_owned(), at: now };
            for row in &rows {
                let row = EnrolmentRequestRow::read(row)?;
                let sql = "DELETE FROM enrolment_approvals WHERE id = $1 AND expires <= $2";
                let gone = sqlx::query(sql).bind(row.id.clone()).bind(time(now));
                let gone = gone.execute(deciding.connection()).await?.rows_affected() == 1;
                if gone && row.state == ApprovalState::Waiting {
                    let subject = format!("request {}", row.id);
                    deciding.note(&by, &Entry::done("enrolment.approval.expire", Some(row.ask.pump), subject)).await?;
                }
            }
            deciding.commit().await?;
            Ok(rows.len() as u64)
        })
        .await
    }
}

async fn insert(deciding: &mut Deciding, ask: &ApprovalAsk, now: Time, expires: Time) -> Result<String, Trouble> {
    let id = crate::enrolment_codes::short_number();
    sqlx::query(
        "INSERT INTO enrolment_approvals (id, pump, key, birth, label, place, asked, asked_last, expires, state) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, 'waiting')",
    )
    .bind(id.clone())
    .bind(ask.pump.to_string())
    .bind(ask.key.to_string())
    .bind(ask.birth.to_string())
    .bind(ask.label.clone())
    .bind(ask.place.clone())
    .bind(time(now))
    .bind(time(expires))
    .execute(deciding.connection())
    .await?;
    Ok(id)
}
