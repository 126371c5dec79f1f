//! Whether a pump that proved itself may have a first certificate now, waits for a person, or is refused.
//!
//! The hospital's approval rules decide (`crate::approval`). Where they ask a person, or the label does, the request is
//! kept and the pump is told 202 until somebody has decided. An approval is for one pump, one key and one birth
//! certificate; a rule that refuses counts even against it.

use wardline_fleet::approval::{Before, Proof, Then, Verdict};
use wardline_model::{Span, covers};
use wardline_pki::BirthIdentity;
use wardline_store::{ApprovalAnswer, ApprovalAsk, PumpRow};

use super::Problem;
use super::enrol::{Asker, refuse};
use super::issue::{Order, Right, Spends};
use crate::approval::{AtTheDoor, decide};
use crate::config::Approval;
use crate::state::{Hub, now};

/// What is used up with the certificate that the pump may have.
pub(super) async fn may_have<'o>(
    hub: &Hub,
    asker: &Asker,
    order: &'o Order<'o>,
    pump: &PumpRow,
) -> Result<Spends<'o>, Problem> {
    covers!("N14");
    let (proof, birth, spends) = match &order.right {
        Right::Birth(birth, maker) => (Proof::Birth { root: *maker }, Some(*birth), Spends::Nothing),
        Right::Code(code) => (Proof::Code, None, Spends::Code(code)),
        Right::Own(_) => return Ok(Spends::Nothing),
    };
    let verdict = verdict(hub, asker, pump, proof, Before::Never).await?;
    let is_asked = verdict.then == Then::Ask || order.rules.approval == Approval::Person;
    match (verdict.then, birth) {
        (Then::Approve, None) => Ok(spends),
        (Then::Approve, Some(_)) if !is_asked => Ok(spends),
        (Then::Approve | Then::Ask, Some(birth)) => person(hub, asker, order, birth, pump, proof).await,
        // A code is never asked about; were it, nobody could answer.
        (Then::Ask | Then::Refuse, _) => Err(by_rule(hub, asker, pump, &verdict).await),
    }
}

async fn verdict(hub: &Hub, asker: &Asker, pump: &PumpRow, proof: Proof, approved: Before) -> Result<Verdict, Problem> {
    let door = AtTheDoor { pump, from: asker.peer.place.ip(), proof, approved };
    Ok(decide(&hub.store, door, now()).await?)
}

async fn by_rule(hub: &Hub, asker: &Asker, pump: &PumpRow, verdict: &Verdict) -> Problem {
    let why = format!("the hospital's rules do not let this pump enrol: {}", verdict.why);
    refuse(hub, asker, Some(pump.id), "refused-by-rule", &why).await
}

/// What a person decided; until then the pump waits.
async fn person<'o>(
    hub: &Hub,
    asker: &Asker,
    order: &Order<'_>,
    birth: &BirthIdentity,
    pump: &PumpRow,
    proof: Proof,
) -> Result<Spends<'o>, Problem> {
    let rules = &hub.config.enrolment;
    let ask = ApprovalAsk {
        pump: pump.id,
        key: order.csr.key_hash()?,
        birth: birth.fingerprint,
        label: order.label.as_deref().unwrap_or_default().to_owned(),
        place: asker.peer.place.ip().to_string(),
    };
    let lasts = Span::from_h(rules.approval_lasts_h.into());
    match hub.store.ask_approval(&ask, lasts, rules.most_waiting, now()).await? {
        ApprovalAnswer::Approved(id) => {
            let verdict = verdict(hub, asker, pump, proof, Before::Approved).await?;
            if verdict.then == Then::Refuse {
                return Err(by_rule(hub, asker, pump, &verdict).await);
            }
            Ok(Spends::Approval(id))
        }
        ApprovalAnswer::Waiting => {
            hub.changes.note();
            Err(Problem::Waiting(rules.retry_s))
        }
        ApprovalAnswer::Denied(why) => {
            let why = format!("a person denied this enrolment: {why}");
            Err(refuse(hub, asker, Some(pump.id), "denied", &why).await)
        }
        ApprovalAnswer::Full => {
            refuse(hub, asker, Some(pump.id), "too-many-waiting", "too many pumps wait for a person").await;
            Err(Problem::Full)
        }
    }
}
