//! The change of the certificate authorities: where it is, its steps, and the pumps that are behind.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use wardline_api::types::{AuthorityRow, Reason, RollOver, RollOverLeft, RollOverStage, StartRollOver, StepRollOver};

use super::app::Console;
use super::fault::Fault;
use super::guard::{Caller, decision};
use super::pump::json;
use crate::trust::{TrustAsk, TrustFault, Without};

impl From<TrustFault> for Fault {
    fn from(fault: TrustFault) -> Self {
        match fault {
            TrustFault::Refused(why) => Self::refused(why),
            TrustFault::Trouble(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "authorities",
                "the hub could not do it; nothing was changed that is not in the audit. The hub's log says more",
            ),
        }
    }
}

/// The change that is under way, for a page that shows it beside other things; the page does without when it cannot be read.
pub(super) async fn under_way(console: &Console, caller: &Caller) -> Option<RollOver> {
    let change = ask(console, caller, TrustAsk::Status, "").await.ok()?;
    matches!(change.stage, RollOverStage::Prepared | RollOverStage::Moved).then_some(change)
}

/// How far it is, in words.
pub(super) const fn stage_word(change: &RollOver) -> &'static str {
    match change.stage {
        RollOverStage::Quiet => "nothing is changed",
        RollOverStage::Prepared => "prepared: the hub issues from the old one",
        RollOverStage::Moved => "moved: the hub issues from the new one and accepts both",
        RollOverStage::Finished => "finished",
    }
}

/// What a pump must do yet.
pub(super) const fn left_word(left: &RollOverLeft) -> &'static str {
    match left {
        RollOverLeft::Prove => "prove the new root",
        RollOverLeft::Renew => "renew its certificate",
        RollOverLeft::LetGo => "let go of the old root",
    }
}

/// The authorities with what each is.
pub(super) fn authorities(change: &RollOver) -> Vec<(&'static str, &AuthorityRow)> {
    let mut all = vec![("Root", &change.old_root), ("Issuing", &change.old_issuing)];
    all.extend(change.new_root.iter().map(|row| ("New root", row)));
    all.extend(change.new_issuing.iter().map(|row| ("New issuing", row)));
    all
}

/// How many more are behind than a page shows.
pub(super) fn beyond_page(change: &RollOver) -> String {
    format!("{} more", change.behind.len().saturating_sub(50))
}

async fn ask(console: &Console, caller: &Caller, what: TrustAsk, reason: &str) -> Result<RollOver, Fault> {
    if what != TrustAsk::Status && reason.trim().is_empty() {
        return Err(Fault::bad("say why: it is kept in the audit trail"));
    }
    let by = decision(console, caller, reason.trim());
    Ok((console.wiring.trust)(what, by).await?)
}

fn without(go_on: Option<bool>) -> Without {
    if go_on == Some(true) { Without::ThoseBehind } else { Without::Nobody }
}

/// `GET /api/v1/ca/roll-over`.
pub(super) async fn api(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<RollOver>, Fault> {
    Ok(Json(ask(&console, &caller, TrustAsk::Status, "").await?))
}

/// `POST /api/v1/ca/roll-over`.
pub(super) async fn api_start(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<RollOver>, Fault> {
    let order: StartRollOver = json(&body)?;
    Ok(Json(ask(&console, &caller, TrustAsk::Start(order.what), &order.reason).await?))
}

/// `POST /api/v1/ca/roll-over/move`.
pub(super) async fn api_move(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<RollOver>, Fault> {
    let order: StepRollOver = json(&body)?;
    Ok(Json(ask(&console, &caller, TrustAsk::Move(without(order.go_on)), &order.reason).await?))
}

/// `POST /api/v1/ca/roll-over/finish`.
pub(super) async fn api_finish(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<RollOver>, Fault> {
    let order: StepRollOver = json(&body)?;
    Ok(Json(ask(&console, &caller, TrustAsk::Finish(without(order.go_on)), &order.reason).await?))
}

/// `POST /api/v1/ca/roll-over/abandon`.
pub(super) async fn api_abandon(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<RollOver>, Fault> {
    let order: Reason = json(&body)?;
    Ok(Json(ask(&console, &caller, TrustAsk::Abandon, &order.reason).await?))
}
