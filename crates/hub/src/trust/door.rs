//! The change of authorities as the console and the API ask for it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use wardline_api::types::{
    AnchorSetOffer, AuthorityRow, RollOver, RollOverBehind, RollOverCount, RollOverLeft, RollOverStage as StageWord,
    RollOverWay, RollOverWhat as WhatWord,
};
use wardline_fleet::roll_over::{Left, Way};
use wardline_model::{Kind, Version};
use wardline_pki::{Cert, PkiError};
use wardline_release::anchors::AnchorSet;
use wardline_store::{Decision, Entry, RollOverStage, RollOverWhat, StoreError};

use super::standing::{self, One, Standing};
use super::steps::{self, StepError, Without};
use super::{Authorities, Next};
use crate::state::Hub;

/// The most pumps that an answer names.
const MOST_NAMED: usize = 1_000;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustAsk {
    /// How far it is.
    Status,
    /// Make new authorities: root and issuing, or issuing alone.
    Start(WhatWord),
    /// Issue from them; true goes on without the pumps that are behind.
    Move(Without),
    /// Accept only them.
    Finish(Without),
    /// Give them up.
    Abandon,
}

/// Why it was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustFault {
    /// It may not be, as things are.
    Refused(String),
    /// Ours; the log says more.
    Trouble(String),
}

/// Answers with the standing after what was asked.
pub type TrustDoor = Box<dyn Fn(TrustAsk, Decision) -> BoxFuture<'static, Result<RollOver, TrustFault>> + Send + Sync>;

/// The door of this hub.
pub(crate) fn door(hub: Arc<Hub>) -> TrustDoor {
    Box::new(move |ask, by| {
        let hub = Arc::clone(&hub);
        Box::pin(async move { answer(&hub, ask, &by).await })
    })
}

async fn answer(hub: &Arc<Hub>, ask: TrustAsk, by: &Decision) -> Result<RollOver, TrustFault> {
    let (action, done) = match ask {
        TrustAsk::Status => ("", Ok(())),
        TrustAsk::Start(what) => {
            let what = match what {
                WhatWord::Root => RollOverWhat::Root,
                WhatWord::Issuing => RollOverWhat::Issuing,
            };
            ("ca.roll-over.start", steps::start(hub, what, by).await)
        }
        TrustAsk::Move(without) => ("ca.roll-over.move", steps::advance(hub, without, by).await),
        TrustAsk::Finish(without) => ("ca.roll-over.finish", steps::finish(hub, without, by).await),
        TrustAsk::Abandon => ("ca.roll-over.abandon", steps::abandon(hub, by).await),
    };
    match done {
        Ok(()) => {}
        Err(StepError::Refused(why) | StepError::Store(StoreError::Refused { why, .. })) => {
            let entry = Entry::refused(action, None, why.clone());
            if let Err(error) = hub.store.record(by, &entry).await {
                tracing::error!(%error, "a refused change of authorities could not be recorded");
            }
            return Err(TrustFault::Refused(why));
        }
        Err(error) => return Err(trouble(&error)),
    }
    status(hub).await.map_err(|error| trouble(&error))
}

fn trouble(error: &StepError) -> TrustFault {
    tracing::error!(error = error as &dyn std::error::Error, "the change of authorities");
    TrustFault::Trouble(error.to_string())
}

async fn status(hub: &Hub) -> Result<RollOver, StepError> {
    let standing = standing::of(hub).await?;
    let authorities = hub.trust.now();
    let counted = |left: Left| standing.pumps.iter().filter(|one| one.left == left).count() as u64;
    let stage = stage(&standing);
    let next = authorities.next.as_ref();
    let counts = [Left::Prove, Left::Renew, Left::LetGo].into_iter().filter_map(|left| {
        let (pumps, left) = (counted(left), word(left)?);
        (pumps > 0).then_some(RollOverCount { left, pumps })
    });
    Ok(RollOver {
        stage,
        what: standing.row.as_ref().map(|row| match row.what {
            RollOverWhat::Root => WhatWord::Root,
            RollOverWhat::Issuing => WhatWord::Issuing,
        }),
        begun: standing.row.as_ref().map(|row| row.begun),
        begun_by: standing.row.as_ref().map(|row| row.begun_by.clone()),
        reason: standing.row.as_ref().map(|row| row.reason.clone()),
        old_root: row(&authorities.old.root),
        old_issuing: row(authorities.old.issuing.cert()),
        new_root: next.filter(|next| next.crosses.is_some()).map(|next| row(&next.side.root)),
        new_issuing: next.map(|next| row(next.side.issuing.cert())),
        pumps: standing.pumps.len() as u64,
        done: counted(Left::Nothing),
        counts: counts.collect(),
        in_the_way: standing.in_the_way().count() as u64,
        next: what_next(stage, next, &standing),
        behind: behind(&standing),
        sets: sets(hub, &authorities).await?,
    })
}

fn stage(standing: &Standing) -> StageWord {
    match standing.row.as_ref().map(|row| row.stage) {
        None | Some(RollOverStage::Abandoned) => StageWord::Quiet,
        Some(RollOverStage::Prepared) => StageWord::Prepared,
        Some(RollOverStage::Moved) => StageWord::Moved,
        Some(RollOverStage::Finished) => StageWord::Finished,
    }
}

fn row(cert: &Cert) -> AuthorityRow {
    let name = cert.parsed().tbs_certificate.subject.to_string();
    AuthorityRow { name, fingerprint: cert.fingerprint(), ends: cert.not_after() }
}

const fn word(left: Left) -> Option<RollOverLeft> {
    match left {
        Left::Prove => Some(RollOverLeft::Prove),
        Left::Renew => Some(RollOverLeft::Renew),
        Left::LetGo => Some(RollOverLeft::LetGo),
        Left::Nothing => None,
    }
}

/// Those that are behind; the ones that need a person first.
fn behind(standing: &Standing) -> Vec<RollOverBehind> {
    let mut all: Vec<&One> = standing.pumps.iter().filter(|one| one.left != Left::Nothing).collect();
    all.sort_by(|a, b| b.way.cmp(&a.way).then_with(|| a.asset_tag.cmp(&b.asset_tag)));
    let told = |one: &One| {
        Some(RollOverBehind {
            pump: one.pump,
            asset_tag: one.asset_tag.clone(),
            care_area: one.care_area.clone(),
            left: word(one.left)?,
            way: match one.way {
                Way::ByItself => RollOverWay::ByItself,
                Way::SwitchOn => RollOverWay::SwitchOn,
                Way::Birth => RollOverWay::Birth,
                Way::Code => RollOverWay::Code,
                Way::Visit => RollOverWay::Visit,
            },
            how: one.way.words().to_owned(),
            last_seen: one.last_seen,
            certificate_ends: one.certificate_ends,
        })
    };
    all.into_iter().take(MOST_NAMED).filter_map(told).collect()
}

fn what_next(stage: StageWord, next: Option<&Next>, standing: &Standing) -> String {
    let waiting = standing.in_the_way().count();
    let has_root = next.is_some_and(|next| next.crosses.is_some());
    match (stage, waiting) {
        (StageWord::Quiet, _) => "Nothing is being changed. `wardline ca roll-over start` begins.".into(),
        (StageWord::Prepared, 0) => "Every pump is ready: `wardline ca roll-over move`.".into(),
        (StageWord::Prepared, some) => format!(
            "{some} pump(s) have yet to prove the new root. Have the set of both roots signed and roll it out: `wardline ca \
             roll-over anchors --both --to FILE`."
        ),
        (StageWord::Moved, 0) => "Every pump has moved: `wardline ca roll-over finish`.".into(),
        (StageWord::Moved, some) if has_root => format!(
            "{some} pump(s) have yet to renew or to let go of the old root. Have the set of the new root alone signed and \
             roll it out: `wardline ca roll-over anchors --new --to FILE`; certificates are renewed by themselves."
        ),
        (StageWord::Moved, some) => {
            format!("{some} pump(s) have yet to renew their certificate; they do so by themselves.")
        }
        (StageWord::Finished, _) => "Finished. Pumps that are still named were left behind.".into(),
    }
}

/// The sets that people sign: both roots, and the new one alone.
async fn sets(hub: &Hub, authorities: &Authorities) -> Result<Vec<AnchorSetOffer>, StepError> {
    let Some(Next { side, crosses: Some(_), .. }) = &authorities.next else { return Ok(Vec::new()) };
    let released = hub.store.releases(Kind::TrustAnchors).await?;
    let newest = released.iter().map(|row| row.release.version.0).max().unwrap_or(0);
    let (old, new) = (authorities.old.root.to_pem(), side.root.to_pem());
    let offer = |purpose: &str, version: u64, roots: Vec<String>| {
        let count = roots.len() as u32;
        let set = AnchorSet::new(Version(version), roots).map_err(|_| PkiError::Refused("a root is no PEM"))?;
        let artifact = String::from_utf8(set.to_bytes()).map_err(|_| PkiError::Refused("a root is no text"))?;
        Ok::<_, StepError>(AnchorSetOffer { purpose: purpose.into(), version: set.version(), roots: count, artifact })
    };
    Ok(vec![
        offer("both: the new root beside the old one", newest + 1, vec![old, new.clone()])?,
        offer("new: the new root alone", newest + 1, vec![new])?,
    ])
}
